//! `[limits]`: how much of the issuer one caller, and all together, may take.

use std::time::Duration;

use serde::Deserialize;

use super::raw::{Faults, Plain};

/// `[limits]`: how much of the issuer one caller, and all together, may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `body_bytes`: the size of a request's body. Default 65,536; a form with an assertion takes about 2,000.
    pub body_bytes: usize,
    /// `header_bytes`: the size of a request's line and headers together, 8,192 or more. Default 16,384.
    pub header_bytes: u32,
    /// `headers`: how many headers a request may have. Default 64.
    pub headers: usize,
    /// `header_timeout`: from the connection to the end of its first request's headers, TLS handshake included. Default 10 s.
    pub header_timeout: Duration,
    /// `request_timeout`: from a request's headers to its answer, body included. Default 20 s.
    pub request_timeout: Duration,
    /// `idle_timeout`: how long a connection may take from the end of an answer to the end of the next request's headers, and how
    /// long a client may leave an answer untaken. Default 75 s; longer than a proxy keeps its idle connections, else the proxy now and then meets a closed one.
    pub idle_timeout: Duration,
    /// `connection_age`: a connection takes no new requests after this time. Default 1 h.
    pub connection_age: Duration,
    /// `connections`: how many are open at once; a further one is closed at once. Default 4,096.
    pub connections: usize,
    /// `connections_per_client`: the same for one client (an IPv4 address, an IPv6 network of 64 bits). Trusted proxies are
    /// not counted. Default 128.
    pub connections_per_client: usize,
    /// `streams_per_connection`: requests at once on one HTTP/2 connection. Default 64.
    pub streams_per_connection: u32,
    /// `requests_per_second` and `burst`: the rate limit. Default 20 and 100.
    pub rate: RateLimit,
    /// `caller_requests_per_second` and `caller_burst`: the same for one agent or API key that proved who it is, from wherever it
    /// asks. Default 10 and 100.
    pub caller: RateLimit,
    /// `org_requests_per_second` and `org_burst`: the same for all agents and API keys of one org. Default 100 and 1,000.
    pub org: RateLimit,
    /// `key_rotations_per_hour`: how often one agent may replace its key, twice at once; all agents of one org ten times as
    /// often, 20 at once. 0 is no limit. Default 6.
    pub key_rotations_per_hour: u32,
    /// `canary_tokens_per_hour`: how many canary tokens one agent may have, 20 at once; all agents of one org ten times as many,
    /// 200 at once. A proof takes two. 0 is no limit. Default 60.
    pub canary_tokens_per_hour: u32,
}

/// How often one may ask for what is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// In the long run; 0 is no limit.
    pub requests_per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            header_bytes: 16 * 1024,
            headers: 64,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(75),
            connection_age: Duration::from_hours(1),
            connections: 4096,
            connections_per_client: 128,
            streams_per_connection: 64,
            rate: RateLimit { requests_per_second: 20, burst: 100 },
            caller: RateLimit { requests_per_second: 10, burst: 100 },
            org: RateLimit { requests_per_second: 100, burst: 1000 },
            key_rotations_per_hour: 6,
            canary_tokens_per_hour: 60,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    body_bytes: Option<Plain>,
    header_bytes: Option<Plain>,
    headers: Option<Plain>,
    header_timeout: Option<String>,
    request_timeout: Option<String>,
    idle_timeout: Option<String>,
    connection_age: Option<String>,
    connections: Option<Plain>,
    connections_per_client: Option<Plain>,
    streams_per_connection: Option<Plain>,
    requests_per_second: Option<Plain>,
    burst: Option<Plain>,
    caller_requests_per_second: Option<Plain>,
    caller_burst: Option<Plain>,
    org_requests_per_second: Option<Plain>,
    org_burst: Option<Plain>,
    key_rotations_per_hour: Option<Plain>,
    canary_tokens_per_hour: Option<Plain>,
}

impl Raw {
    pub(super) fn parse(self, limits: &mut Limits, faults: &mut Faults) {
        faults.count("limits.body_bytes", self.body_bytes, &mut limits.body_bytes);
        faults.count("limits.header_bytes", self.header_bytes, &mut limits.header_bytes);
        faults.count("limits.headers", self.headers, &mut limits.headers);
        let durations = [
            ("limits.header_timeout", self.header_timeout, &mut limits.header_timeout),
            ("limits.request_timeout", self.request_timeout, &mut limits.request_timeout),
            ("limits.idle_timeout", self.idle_timeout, &mut limits.idle_timeout),
            ("limits.connection_age", self.connection_age, &mut limits.connection_age),
        ];
        for (key, text, slot) in durations {
            faults.duration(key, text, slot);
            if slot.is_zero() {
                faults.add(key, "0 would end everything at once; give a time such as 10s");
            }
        }
        faults.count("limits.connections", self.connections, &mut limits.connections);
        let per_client = self.connections_per_client;
        faults.count("limits.connections_per_client", per_client, &mut limits.connections_per_client);
        let streams = self.streams_per_connection;
        faults.count("limits.streams_per_connection", streams, &mut limits.streams_per_connection);
        let numbers = [
            ("limits.requests_per_second", self.requests_per_second, &mut limits.rate.requests_per_second),
            ("limits.burst", self.burst, &mut limits.rate.burst),
            (
                "limits.caller_requests_per_second",
                self.caller_requests_per_second,
                &mut limits.caller.requests_per_second,
            ),
            ("limits.caller_burst", self.caller_burst, &mut limits.caller.burst),
            ("limits.org_requests_per_second", self.org_requests_per_second, &mut limits.org.requests_per_second),
            ("limits.org_burst", self.org_burst, &mut limits.org.burst),
            ("limits.key_rotations_per_hour", self.key_rotations_per_hour, &mut limits.key_rotations_per_hour),
            ("limits.canary_tokens_per_hour", self.canary_tokens_per_hour, &mut limits.canary_tokens_per_hour),
        ];
        for (key, number, slot) in numbers {
            faults.count(key, number, slot);
        }

        // hyper's smallest read buffer, which holds the headers of HTTP/1.
        if limits.header_bytes < 8192 {
            faults.add("limits.header_bytes", "the least is 8192");
        }
        let counts = [
            ("limits.headers", limits.headers),
            ("limits.connections", limits.connections),
            ("limits.connections_per_client", limits.connections_per_client),
            ("limits.streams_per_connection", limits.streams_per_connection as usize),
            ("limits.burst", limits.rate.burst as usize),
            ("limits.caller_burst", limits.caller.burst as usize),
            ("limits.org_burst", limits.org.burst as usize),
        ];
        for (key, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            faults.add(key, "0 would let nobody in; give a positive number");
        }
        // A connection does not move while its request is worked on.
        if limits.idle_timeout <= limits.request_timeout {
            faults.add("limits.idle_timeout", "must be longer than limits.request_timeout");
        }
    }
}
