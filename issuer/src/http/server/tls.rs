//! The certificate that the issuer serves with, read again without a restart.
//!
//! A pair that can't be used (unreadable, key of another certificate, expired, not valid yet) never replaces one that can: the old one stays, and
//! the log says why, once per pair. One that is not valid yet is taken when its time has come. Connections that are open keep the certificate that they began with.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
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
    /// The certificate's time has not come.
    #[error("the certificate {path} is not valid before {begins_at}: is the clock right?")]
    NotValidYet {
        /// The file.
        path: String,
        /// RFC 3339.
        begins_at: String,
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
    begins_at_s: i64,
    expires_at_s: i64,
    names_host: bool,
}

/// The last reading.
#[derive(Default)]
struct Seen {
    /// Of the files' bytes, good or bad; none where they could not be read.
    fingerprint: Option<[u8; 32]>,
    /// When a pair that was not valid yet will be.
    due_at_s: Option<i64>,
}

/// The served certificate.
pub(crate) struct Certificate {
    files: TlsFiles,
    host: Option<String>,
    current: ArcSwap<Pair>,
    seen: Mutex<Seen>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads the pair. A certificate that is out of date is served all the same where there is no other: see
    /// [`Certificate::warn`]. `host`: the name that it should have, where clients look for one.
    pub(crate) fn load(files: TlsFiles, host: Option<String>) -> Result<Arc<Self>, TlsError> {
        let bytes = Bytes::read(&files)?;
        let pair = bytes.pair(&files, host.as_deref())?;
        let seen = Seen { fingerprint: Some(bytes.fingerprint()), due_at_s: None };
        Ok(Arc::new(Self { files, host, current: ArcSwap::from_pointee(pair), seen: Mutex::new(seen) }))
    }

    /// Reads the files again, and serves what is new in them. The same fault is returned once.
    pub(crate) fn reload(&self, now_s: i64) -> Result<Reload, TlsError> {
        let bytes = Bytes::read(&self.files);
        let fingerprint = bytes.as_ref().ok().map(Bytes::fingerprint);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.fingerprint == fingerprint && seen.due_at_s.is_none_or(|due_at_s| now_s < due_at_s) {
            return Ok(Reload::Unchanged);
        }
        *seen = Seen { fingerprint, due_at_s: None };
        let pair = bytes?.pair(&self.files, self.host.as_deref())?;
        let path = || self.files.certificate.display().to_string();
        if pair.expires_at_s <= now_s {
            return Err(TlsError::Expired { path: path(), expired_at: rfc3339(pair.expires_at_s) });
        }
        if now_s < pair.begins_at_s {
            seen.due_at_s = Some(pair.begins_at_s);
            return Err(TlsError::NotValidYet { path: path(), begins_at: rfc3339(pair.begins_at_s) });
        }
        self.current.store(Arc::new(pair));
        Ok(Reload::Loaded)
    }

    /// What AWS and agents will refuse the served certificate for, as far as it can be told from here.
    pub(crate) fn faults(&self, now_s: i64) -> Vec<String> {
        let current = self.current.load();
        let mut faults = Vec::new();
        if current.expires_at_s <= now_s {
            faults.push(format!("the certificate expired at {}", rfc3339(current.expires_at_s)));
        }
        if now_s < current.begins_at_s {
            faults.push(format!("the certificate is not valid before {}", rfc3339(current.begins_at_s)));
        }
        if let Some(host) = self.host.as_ref().filter(|_| !current.names_host) {
            faults.push(format!("none of the certificate's names (subjectAltName) is {host}, the issuer URL's host"));
        }
        faults
    }

    /// Tells the log of [`Certificate::faults`].
    pub(crate) fn warn(&self, now_s: i64) {
        for fault in self.faults(now_s) {
            tracing::warn!(fault, "AWS and agents will refuse the TLS certificate");
        }
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

    fn pair(&self, files: &TlsFiles, host: Option<&str>) -> Result<Pair, TlsError> {
        let certificate_path = || files.certificate.display().to_string();
        let key_path = || files.key.display().to_string();
        let no_certificate = || TlsError::NoCertificate { path: certificate_path() };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        let leaf = chain.first().ok_or_else(no_certificate)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| no_certificate())?;
        let (begins_at_s, expires_at_s) =
            (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        let names_host = host.is_none_or(|host| names(leaf, host));
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NoKey { path: key_path() })?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|cause| TlsError::Mismatch { certificate: certificate_path(), key: key_path(), cause })?;
        Ok(Pair { key: Arc::new(key), begins_at_s, expires_at_s, names_host })
    }
}

/// Whether a client that looks for this host takes the certificate as the host's (RFC 9525, section 6).
fn names(leaf: &CertificateDer<'_>, host: &str) -> bool {
    let (Ok(leaf), Ok(host)) = (ParsedCertificate::try_from(leaf), ServerName::try_from(host)) else { return false };
    rustls::client::verify_server_name(&leaf, &host).is_ok()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// 2026-11-22.
    const NOW_S: i64 = 1_795_305_600;
    const YEARS_S: i64 = 10 * 366 * 86_400;

    fn write(directory: &TempDir, name: &str, begins: i32) -> TlsFiles {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(begins, 1, 1);
        let files = TlsFiles { certificate: directory.path().join("tls.crt"), key: directory.path().join("tls.key") };
        std::fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn a_certificate_that_is_not_valid_yet_is_taken_when_its_time_has_come() {
        let directory = TempDir::new().unwrap();
        let certificate = Certificate::load(write(&directory, "id.example.com", 2026), None).unwrap();
        let served = || certificate.current.load().begins_at_s;
        let first = served();
        write(&directory, "id.example.com", 2030);
        let error = certificate.reload(NOW_S).unwrap_err();
        assert!(error.to_string().contains("not valid before 2030-01-01"), "{error}");
        assert_eq!(served(), first);
        assert_eq!(certificate.reload(NOW_S).unwrap(), Reload::Unchanged, "told once");
        assert_eq!(certificate.reload(NOW_S + YEARS_S).unwrap(), Reload::Loaded);
        assert_ne!(served(), first);
    }

    #[test]
    fn what_clients_would_refuse_is_told() {
        let directory = TempDir::new().unwrap();
        let faults = |name, begins, host: &str| {
            let files = write(&directory, name, begins);
            Certificate::load(files, Some(host.to_owned())).unwrap().faults(NOW_S)
        };
        assert_eq!(faults("id.example.com", 2026, "id.example.com"), [""; 0]);
        assert_eq!(faults("*.example.com", 2026, "id.example.com"), [""; 0]);
        assert_eq!(faults("192.0.2.1", 2026, "192.0.2.1"), [""; 0]);
        let wrong = faults("www.example.com", 2026, "id.example.com");
        assert!(wrong.len() == 1 && wrong[0].contains("is id.example.com"), "{wrong:?}");
        let early = faults("id.example.com", 2030, "id.example.com");
        assert!(early.len() == 1 && early[0].contains("not valid before 2030-01-01"), "{early:?}");
    }
}
