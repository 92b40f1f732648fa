//! Whose request it is, by network address: for the rate limit, the audit log and the log. The listener puts a
//! [`ClientAddress`] into each request's extensions; handlers take it as an extractor.
//!
//! Behind a proxy, the peer of the socket is the proxy, and the client stands in a header that anybody can write. So the
//! header counts only where the peer is a trusted proxy, and is read from the right: each proxy appends whom it saw, and the first
//! address that is no trusted proxy is the client. What stands further left, the client wrote itself.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr as _;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use ipnet::IpNet;

use super::problem::Problem;
use crate::config::ForwardedHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

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

    /// What limits count as one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets at
    /// least (RFC 6177) and within which addresses cost nothing.
    pub(crate) fn network(self) -> ClientNetwork {
        ClientNetwork(match self.0 {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One client for the limits: see [`ClientAddress::network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientNetwork(IpAddr);

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose word on the client's address counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { networks, header }
    }

    /// Whether a peer is a trusted proxy.
    pub(crate) fn contains(&self, address: ClientAddress) -> bool {
        self.networks.iter().any(|network| network.contains(&address.0))
    }

    /// Whose request it is that came from `peer` with these headers.
    pub(crate) fn client(&self, peer: ClientAddress, headers: &HeaderMap) -> ClientAddress {
        if !self.contains(peer) {
            return peer;
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => FORWARDED,
        };
        // Several header lines are one list (RFC 9110, section 5.3).
        let lines = headers.get_all(name).iter().rev();
        // Bytes, and each hop by itself: what a client wrote on the left must not spoil what proxies appended to it.
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut client = peer;
        for hop in hops {
            let address = std::str::from_utf8(hop).ok().and_then(|hop| match self.header {
                ForwardedHeader::XForwardedFor => address(hop),
                ForwardedHeader::Forwarded => forwarded_for(hop),
            });
            // What can't be read hides whoever is behind it: the proxy that passed it on stands for them.
            let Some(address) = address else { return client };
            client = ClientAddress::new(address);
            if !self.contains(client) {
                return client;
            }
        }
        client
    }
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    IpAddr::from_str(bare).ok().or_else(|| SocketAddr::from_str(text).ok().map(|socket| socket.ip()))
}

/// The `for` of one element of a Forwarded header (RFC 7239, sections 4 and 6). Neither `unknown` nor an obfuscated name is
/// an address.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = named.next()?;
    address(value.trim().trim_matches('"'))
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().unwrap())
    }

    fn client(header: ForwardedHeader, peer: &str, lines: &[&str]) -> String {
        client_of_bytes(header, peer, &lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>())
    }

    fn client_of_bytes(header: ForwardedHeader, peer: &str, lines: &[&[u8]]) -> String {
        let networks = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = if header == ForwardedHeader::Forwarded { FORWARDED } else { X_FORWARDED_FOR };
            headers.append(name, HeaderValue::from_bytes(line).unwrap());
        }
        TrustedProxies::new(networks.into(), header).client(ip(peer), &headers).to_string()
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right_through_trusted_hops_only() {
        let read = |peer, lines: &[&str]| client(ForwardedHeader::XForwardedFor, peer, lines);
        assert_eq!(read("192.0.2.9", &["198.51.100.1"]), "192.0.2.9", "forged by an untrusted peer");
        assert_eq!(read("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(read("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            read("10.0.0.1", &["203.0.113.5, 198.51.100.1"]),
            "198.51.100.1",
            "the left part is the client's word"
        );
        assert_eq!(read("10.0.0.1", &["203.0.113.5, 198.51.100.1, 10.2.3.4"]), "198.51.100.1");
        assert_eq!(read("10.0.0.1", &["203.0.113.5", "198.51.100.1", "10.2.3.4"]), "198.51.100.1", "several lines");
        assert_eq!(read("10.0.0.1", &["10.9.9.9, 10.2.3.4"]), "10.9.9.9", "nobody but proxies");
        assert_eq!(read("10.0.0.1", &["198.51.100.1:5555"]), "198.51.100.1");
        assert_eq!(read("2001:db8:1::1", &["[2001:db8:9::7]:443"]), "2001:db8:9::7");
        assert_eq!(read("::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
        for garbage in ["unknown", "", "1.2.3", "198.51.100.1, x", "a\tb", "198.51.100.1,"] {
            assert_eq!(read("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_hide_no_hop_to_their_right() {
        let read = |lines: &[&[u8]]| client_of_bytes(ForwardedHeader::XForwardedFor, "10.0.0.1", lines);
        assert_eq!(read(&[b"\xff, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(read(&[b"\xff", b"198.51.100.1, 10.2.3.4"]), "198.51.100.1", "several lines");
        assert_eq!(read(&[b"198.51.100.1, \xff"]), "10.0.0.1", "the walk ends at the last trusted proxy");
        assert_eq!(read(&[b"198.51.100.1, \xff, 10.2.3.4"]), "10.2.3.4");
        assert_eq!(read(&[b"198.51.100.1", b"198.51.100.1\xff, 10.2.3.4"]), "10.2.3.4");
        let forwarded = client_of_bytes(ForwardedHeader::Forwarded, "10.0.0.1", &[b"for=\xff, for=198.51.100.1"]);
        assert_eq!(forwarded, "198.51.100.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let read = |lines: &[&str]| client(ForwardedHeader::Forwarded, "10.0.0.1", lines);
        assert_eq!(read(&["for=203.0.113.5, for=198.51.100.1;proto=https;by=10.0.0.1"]), "198.51.100.1");
        assert_eq!(read(&["For=\"[2001:db8:cafe::17]:4711\""]), "2001:db8:cafe::17");
        for hidden in ["for=unknown", "for=_hidden", "proto=https", "for"] {
            assert_eq!(read(&[hidden]), "10.0.0.1", "{hidden}");
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network_of_64_bits() {
        assert_eq!(ip("2001:db8::1").network(), ip("2001:db8::ffff:1:2:3").network());
        assert_ne!(ip("2001:db8::1").network(), ip("2001:db8:0:1::1").network());
        assert_ne!(ip("192.0.2.1").network(), ip("192.0.2.2").network());
        assert_eq!(ip("::ffff:192.0.2.1").network(), ip("192.0.2.1").network());
    }
}
