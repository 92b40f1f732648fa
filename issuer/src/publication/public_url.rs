//! The client that looks at the public URL from outside, as AWS does: no redirects, five seconds, no more than a document's
//! size.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls_platform_verifier::Verifier;

use super::chain::{Presented, RememberingVerifier};
use crate::clock::Clock;

/// AWS gives an issuer five seconds.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// More than 100 keys of each kind take; a page that is no document is not read to its end.
const SIZE_MAX_BYTES: usize = 512 * 1024;

/// Why the public URL can't be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// `publication.ca_file` can't be used.
    #[error("can't read certificates from {path} (publication.ca_file): {cause}")]
    CaFile {
        /// The file.
        path: String,
        /// Why not.
        cause: String,
    },
    /// The client can't be made.
    #[error("can't make a TLS client: {0}")]
    Client(String),
}

/// Why a document could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfetched {
    TimedOut,
    TooLarge,
    /// No connection, or one that broke.
    Broken,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    pub(super) media_type: String,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

/// The public URL, seen from outside.
pub struct PublicUrl {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    presented: Arc<Mutex<Option<Presented>>>,
}

#[derive(Debug)]
struct Now(Arc<dyn Clock>);

impl TimeProvider for Now {
    fn current_time(&self) -> Option<UnixTime> {
        u64::try_from(self.0.now_s()).ok().map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicUrl").finish_non_exhaustive()
    }
}

impl PublicUrl {
    /// A client that trusts the system's roots and those of `ca_file`. `connect_to`: connect there for that host, instead of
    /// asking DNS.
    pub fn new(
        clock: Arc<dyn Clock>,
        ca_file: Option<&Path>,
        connect_to: Option<(&str, SocketAddr)>,
    ) -> Result<Self, Fault> {
        let client_fault = |error: &dyn fmt::Display| Fault::Client(error.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = ca_file.map(read_certificates).transpose()?.unwrap_or_default();
        let verifier = Verifier::new_with_extra_roots(roots, provider.clone()).map_err(|error| client_fault(&error))?;
        let presented = Arc::default();
        let verifier = RememberingVerifier::new(Arc::new(verifier), Arc::clone(&presented));
        let tls = rustls::ClientConfig::builder_with_details(provider, Arc::new(Now(clock.clone())))
            .with_safe_default_protocol_versions()
            .map_err(|error| client_fault(&error))?
            .dangerous()
            // Not less strict than any other: it asks the system's verifier.
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_TIMEOUT)
            .user_agent(concat!("driftwise-issuer/", env!("CARGO_PKG_VERSION")));
        if let Some((host, address)) = connect_to {
            builder = builder.resolve(host, address).no_proxy();
        }
        let http = builder.build().map_err(|error| client_fault(&error))?;
        Ok(Self { http, clock, presented })
    }

    /// The time by which certificates are judged, seconds since the epoch.
    pub(super) fn now_s(&self) -> i64 {
        self.clock.now_s()
    }

    /// The certificates that were presented last, and the verdict.
    pub(super) fn presented(&self) -> Option<Presented> {
        self.presented.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn fetch(&self, url: &str) -> Result<Answer, (Unfetched, String)> {
        let broken = |error: reqwest::Error| {
            let kind = if error.is_timeout() { Unfetched::TimedOut } else { Unfetched::Broken };
            (kind, causes(&error))
        };
        let began = self.clock.uptime();
        let mut response = self.http.get(url).send().await.map_err(broken)?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (location, media_type) = (header(LOCATION), header(CONTENT_TYPE).unwrap_or_default());
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > SIZE_MAX_BYTES {
                return Err((Unfetched::TooLarge, format!("it is larger than {SIZE_MAX_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let took = self.clock.uptime().saturating_sub(began);
        Ok(Answer { status, location, media_type, body, took })
    }
}

/// Reads `publication.ca_file`.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let fault = |cause: String| Fault::CaFile { path: path.display().to_string(), cause };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(fault("it holds no certificate".into())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(fault(error.to_string())),
    }
}

/// The innermost cause says most; the outer ones name our own URL again.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        innermost = cause.to_string();
        source = cause.source();
    }
    innermost
}
