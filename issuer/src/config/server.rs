//! `[server]`: where the issuer listens and what it is called.

use std::net::SocketAddr;

use driftwise_contract::IssuerUrl;
use serde::Deserialize;

use super::raw::Faults;

/// `[server]`: where the issuer listens and what it is called.
#[derive(Debug, Clone)]
pub struct Server {
    /// `listen`: address and port. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `issuer_url`: the public URL, equal to the letter to the registered IAM OIDC provider. No default. Never taken from
    /// a request's Host header.
    pub issuer_url: IssuerUrl,
}

impl Server {
    pub(super) fn new(issuer_url: IssuerUrl) -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), issuer_url }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    listen: Option<String>,
    /// Parsed first: everything else hangs on it.
    pub(super) issuer_url: Option<String>,
}

impl Raw {
    pub(super) fn parse(self, server: &mut Server, faults: &mut Faults) {
        faults.parse("server.listen", self.listen, &mut server.listen);
    }
}
