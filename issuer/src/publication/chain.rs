//! The certificates that the public URL presents: kept as they come, judged as any client would judge them, and told in words.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::rfc3339;

/// What a server presented last, and the verdict on it.
#[derive(Debug, Clone)]
pub(super) struct Presented {
    pub(super) chain: Vec<Certificate>,
    pub(super) verdict: Result<(), rustls::Error>,
}

/// One certificate, as far as an operator needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The DNS names and addresses that it is for.
    pub names: Vec<String>,
    /// Until when it is valid, seconds since the epoch.
    pub not_after_s: i64,
}

/// Judges as another verifier does, and remembers what was presented.
pub(super) struct RememberingVerifier {
    inner: Arc<dyn ServerCertVerifier>,
    last: Arc<Mutex<Option<Presented>>>,
}

impl RememberingVerifier {
    pub(super) fn new(inner: Arc<dyn ServerCertVerifier>, last: Arc<Mutex<Option<Presented>>>) -> Self {
        Self { inner, last }
    }
}

impl fmt::Debug for RememberingVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RememberingVerifier").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for RememberingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let chain = std::iter::once(end_entity).chain(intermediates).filter_map(|der| Certificate::read(der)).collect();
        let presented = Presented { chain, verdict: verdict.as_ref().map(|_| ()).map_err(Clone::clone) };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(presented);
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl Certificate {
    fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        });
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            names: names.collect(),
            not_after_s: certificate.validity().not_after.timestamp(),
        })
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
    }
}

/// What is wrong with a certificate, and what to do: the verdict in an operator's words.
pub(super) fn describe(presented: &Presented, host: &str) -> Option<(String, &'static str)> {
    let error = presented.verdict.as_ref().err()?;
    let leaf = presented.chain.first();
    let names = leaf.map(|leaf| leaf.names.join(", ")).filter(|names| !names.is_empty());
    let until = leaf.map(|leaf| rfc3339(leaf.not_after_s)).unwrap_or_default();
    Some(match error {
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            (format!("a certificate of the chain has expired; the server's own is valid until {until}"), RENEW)
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => ("a certificate of the chain is not valid yet".into(), "Set the clocks of both machines (NTP)."),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (
            format!("the certificate is for {}, not for {host}", names.as_deref().unwrap_or("no name at all")),
            "Serve a certificate whose names (subjectAltName) hold the host of the issuer URL.",
        ),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            let last = presented.chain.last().map(|last| last.issuer.as_str()).unwrap_or_default();
            (
                format!("the chain ends at {last:?}, which is no root that this machine trusts"),
                "Serve the intermediate certificates too (the full chain), and take a certificate of a public CA: with a private \
                 one, each IAM provider needs its thumbprint, and publication.ca_file names it here.",
            )
        }
        // The verifier names what it met by a word of its own code.
        other => match leaf {
            Some(leaf) if leaf.subject == leaf.issuer => (
                format!(
                    "the certificate is signed by itself ({:?}), not by a CA that this machine trusts",
                    leaf.subject
                ),
                "Serve a certificate of a public CA with its full chain.",
            ),
            _ if other.to_string().contains("CaUsedAsEndEntity") => (
                "the server's own certificate is a CA's certificate, which no server may present".into(),
                "Serve a certificate of a public CA with its full chain, the server's own first.",
            ),
            _ => (other.to_string(), "Serve a certificate of a public CA with its full chain."),
        },
    })
}

const RENEW: &str = "Renew the certificate; AWS refuses tokens until then.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_signed_itself_is_told_in_words() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["id.example.com".into()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots([], provider).unwrap();
        let last = Arc::default();
        let verifier = RememberingVerifier::new(Arc::new(verifier), Arc::clone(&last));
        let name = ServerName::try_from("id.example.com").unwrap();
        assert!(verifier.verify_server_cert(certificate.der(), &[], &name, &[], UnixTime::now()).is_err());
        let presented = last.lock().unwrap().clone().unwrap();
        let (text, hint) = describe(&presented, "id.example.com").unwrap();
        assert!(text.contains("signed by itself") && hint.contains("public CA"), "{text}");
        assert!(!text.contains("Other("), "{text}");
    }
}
