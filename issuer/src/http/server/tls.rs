//! The certificate that the issuer serves with, read again without a restart.
//!
//! A pair that can't be used (unreadable, key of another certificate, expired) never replaces one that can: the old one stays, and
//! the log says why, once per pair. Connections that are open keep the certificate that they began with.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::rfc3339;
use crate::config::TlsFiles;

/// Why a certificate and its key can't be used. No text of the files is in it: one of them is secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file can't be read.
    #[error("can't read {path}: {cause}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// The certificate file holds no certificate chain.
    #[error("{path} holds no PEM certificates, or one that can't be read")]
    NoCertificate {
        /// The file.
        path: String,
    },
    /// The key file holds no private key.
    #[error("{path} holds no PEM private key (PKCS#8, PKCS#1 or SEC 1, unencrypted)")]
    NoKey {
        /// The file.
        path: String,
    },
    /// The two don't belong together, or are of a kind that is not served.
    #[error("{certificate} and {key} can't be used together: {cause}")]
    Mismatch {
        /// The certificate file.
        certificate: String,
        /// The key file.
        key: String,
        /// What rustls says.
        cause: rustls::Error,
    },
    /// The certificate is out of date.
    #[error("the certificate {path} expired at {expired_at}")]
    Expired {
        /// The file.
        path: String,
        /// RFC 3339.
        expired_at: String,
    },
}

/// What a reading of the files led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    /// They are as they were at the last reading.
    Unchanged,
    /// The new pair is served.
    Loaded,
}

struct Pair {
    key: Arc<CertifiedKey>,
    expires_at_s: i64,
}

/// The served certificate.
pub(crate) struct Certificate {
    files: TlsFiles,
    current: ArcSwap<Pair>,
    /// Of the files' bytes at the last reading, good or bad; none where they could not be read.
    seen: Mutex<Option<[u8; 32]>>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads the pair. An expired certificate is served all the same where there is no other, with a word in the log.
    pub(crate) fn load(files: TlsFiles, now_s: i64) -> Result<Arc<Self>, TlsError> {
        let bytes = Bytes::read(&files)?;
        let pair = bytes.pair(&files)?;
        if pair.expires_at_s <= now_s {
            let expired_at = rfc3339(pair.expires_at_s);
            tracing::error!(expired_at, "the TLS certificate has expired: AWS and agents refuse it");
        }
        let seen = Mutex::new(Some(bytes.fingerprint()));
        Ok(Arc::new(Self { files, current: ArcSwap::from_pointee(pair), seen }))
    }

    /// Reads the files again, and serves what is new in them. The same fault is returned once.
    pub(crate) fn reload(&self, now_s: i64) -> Result<Reload, TlsError> {
        let bytes = Bytes::read(&self.files);
        let fingerprint = bytes.as_ref().ok().map(Bytes::fingerprint);
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), fingerprint);
        if before == fingerprint {
            return Ok(Reload::Unchanged);
        }
        let pair = bytes?.pair(&self.files)?;
        if pair.expires_at_s <= now_s {
            let path = self.files.certificate.display().to_string();
            return Err(TlsError::Expired { path, expired_at: rfc3339(pair.expires_at_s) });
        }
        self.current.store(Arc::new(pair));
        Ok(Reload::Loaded)
    }

    /// When the served certificate expires, in seconds since the epoch.
    pub(crate) fn expires_at_s(&self) -> i64 {
        self.current.load().expires_at_s
    }

    /// TLS 1.2 and 1.3 with aws-lc, HTTP/2 and HTTP/1.1 by ALPN.
    pub(crate) fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("aws-lc has the cipher suites of TLS 1.2 and 1.3");
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(Resolver(self.clone())));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

#[derive(Debug)]
struct Resolver(Arc<Certificate>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load().key.clone())
    }
}

/// The files as they were read, both at one time.
struct Bytes {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Bytes {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|cause| TlsError::Read { path: path.display().to_string(), cause })
        };
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    fn fingerprint(&self) -> [u8; 32] {
        let length = (self.certificate.len() as u64).to_be_bytes();
        Sha256::new().chain_update(length).chain_update(&self.certificate).chain_update(&self.key).finalize().into()
    }

    fn pair(&self, files: &TlsFiles) -> Result<Pair, TlsError> {
        let certificate_path = || files.certificate.display().to_string();
        let key_path = || files.key.display().to_string();
        let no_certificate = || TlsError::NoCertificate { path: certificate_path() };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        let leaf = chain.first().ok_or_else(no_certificate)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| no_certificate())?;
        let expires_at_s = parsed.validity().not_after.timestamp();
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NoKey { path: key_path() })?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|cause| TlsError::Mismatch { certificate: certificate_path(), key: key_path(), cause })?;
        Ok(Pair { key: Arc::new(key), expires_at_s })
    }
}
