//! `[server]`: where the issuer listens, how, and what it is called.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use driftwise_contract::IssuerUrl;
use ipnet::IpNet;
use serde::Deserialize;

use super::raw::Faults;

/// `[server]`: where the issuer listens, how, and what it is called.
#[derive(Debug, Clone)]
pub struct Server {
    /// `listen`: address and port. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `issuer_url`: the public URL, equal to the letter to the registered IAM OIDC provider. No default. Never taken from
    /// a request's Host header.
    pub issuer_url: IssuerUrl,
    /// `tls_certificate` and `tls_key`: TLS by the issuer itself. Default: plain HTTP, for a proxy that terminates TLS.
    pub tls: Option<TlsFiles>,
    /// `trusted_proxies`: addresses and networks whose word on the client's address counts. Default none: the peer of the
    /// socket is the client.
    pub trusted_proxies: Vec<IpNet>,
    /// `forwarded_header`: the one header in which the trusted proxies name the client: `x-forwarded-for` or `forwarded`.
    /// Default `x-forwarded-for`.
    pub forwarded_header: ForwardedHeader,
    /// `shutdown_grace`: how long running requests may take to end after a stop. Default 10 s, well below the 30 s after which
    /// container platforms kill.
    pub shutdown_grace: Duration,
}

/// Where the certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// `tls_certificate`: PEM, the issuer's own certificate first, then what leads to the root. Read again when it changes and
    /// at SIGHUP.
    pub certificate: PathBuf,
    /// `tls_key`: the certificate's private key, PEM (PKCS#8, PKCS#1 or SEC 1). Read again with the certificate.
    pub key: PathBuf,
}

/// The header in which trusted proxies name the client. The other one is the client's own word, and is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Server {
    /// The name that the issuer's own certificate must have: the issuer URL's host. None behind trusted proxies: clients see
    /// the proxies' certificate.
    pub(crate) fn certificate_host(&self) -> Option<String> {
        let url = url::Url::parse(self.issuer_url.as_str()).ok().filter(|_| self.trusted_proxies.is_empty())?;
        url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned())
    }

    pub(super) fn new(issuer_url: IssuerUrl) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            issuer_url,
            tls: None,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    listen: Option<String>,
    /// Parsed first: everything else hangs on it.
    pub(super) issuer_url: Option<String>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    trusted_proxies: Option<Vec<String>>,
    forwarded_header: Option<String>,
    shutdown_grace: Option<String>,
}

impl Raw {
    pub(super) fn parse(self, server: &mut Server, faults: &mut Faults) {
        faults.address("server.listen", self.listen, &mut server.listen);
        match (self.tls_certificate, self.tls_key) {
            (Some(certificate), Some(key)) => server.tls = Some(TlsFiles { certificate, key }),
            (None, None) => {}
            (Some(_), None) => faults.add("server.tls_key", "missing beside server.tls_certificate"),
            (None, Some(_)) => faults.add("server.tls_certificate", "missing beside server.tls_key"),
        }
        for text in self.trusted_proxies.unwrap_or_default() {
            match network(&text) {
                Some(network) if network.prefix_len() == 0 => {
                    let cause = format!("{text} would let every client forge its address; name the proxies");
                    faults.add("server.trusted_proxies", &cause);
                }
                Some(network) => server.trusted_proxies.push(network),
                None => {
                    let cause = format!("{text:?} is neither an address nor a network such as 10.0.0.0/8");
                    faults.add("server.trusted_proxies", &cause);
                }
            }
        }
        match self.forwarded_header.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("x-forwarded-for") => {}
            Some("forwarded") => server.forwarded_header = ForwardedHeader::Forwarded,
            Some(other) => {
                faults.add("server.forwarded_header", &format!("{other:?} is neither x-forwarded-for nor forwarded"));
            }
        }
        faults.duration("server.shutdown_grace", self.shutdown_grace, &mut server.shutdown_grace);
    }
}

/// A network, or an address as a network of its own.
fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.to_canonical().into()))
}
