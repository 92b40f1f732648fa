//! Whose request it is, by network address: for the rate limit, the audit log and the log. The listener puts a
//! [`ClientAddress`] into each request's extensions; handlers take it as an extractor.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;

/// The address of the client, as the nearest proxy that is trusted saw it. IPv4 addresses written as IPv6 are IPv4 here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Of a peer's address.
    pub(crate) fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address.
    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Notes the peer's address as the client's.
pub(super) async fn of_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(ClientAddress::new(peer.ip()));
    request
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| {
            tracing::error!("a request came without its client's address");
            Problem::internal().into_response()
        })
    }
}
