//! `[web]`: pages that an admin signs in to.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use driftwise_contract::IssuerUrl;
use serde::Deserialize;
use url::{Host, Url};

use super::raw::Faults;

/// `[web]`: pages that an admin signs in to.
#[derive(Debug, Clone)]
pub struct Web {
    /// `sign_in`: whether anybody can sign in. Where not, the pages for admins and the sign-in are not there. Default true.
    pub sign_in: bool,
    /// `origin`: where browsers find the pages, such as `https://issuer.internal.example.com`, where that is another host than the
    /// issuer URL's; the path stays the issuer URL's. Default: the issuer URL's scheme and host.
    pub origin: Option<WebOrigin>,
    /// `session_idle`: how long a session may go unused. Default 30 min.
    pub session_idle: Duration,
    /// `session_lifetime`: how long a session lasts at most, however much it is used. Default 12 h.
    pub session_lifetime: Duration,
    /// `link_lifetime`: how long a one-time link is valid: for the first admin, an invitation, a new password. Default 24 h.
    pub link_lifetime: Duration,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            sign_in: true,
            origin: None,
            session_idle: Duration::from_mins(30),
            session_lifetime: Duration::from_hours(12),
            link_lifetime: Duration::from_hours(24),
        }
    }
}

/// A web origin (RFC 6454): `https://host[:port]`, or `http` for loopback addresses, in the form that browsers write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Of an issuer URL.
    pub fn of(issuer: &IssuerUrl) -> Self {
        let origin = Url::parse(issuer.as_str()).map(|url| url.origin().ascii_serialization());
        // An issuer URL is a URL with a host: it always has an origin.
        Self(origin.unwrap_or_else(|_| issuer.as_str().to_owned()))
    }

    /// The text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers reach it by TLS. Else it is a loopback address.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WebOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected https://host or https://host:port, without path or trailing slash";
        let url = Url::parse(text).map_err(|error| format!("{text:?}: {error}; {expected}"))?;
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let origin = url.origin().ascii_serialization();
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            // Cookies must be Secure, which browsers keep for https.
            _ => return Err(format!("{text:?}: https only (http is for loopback addresses)")),
        }
        if origin == text { Ok(Self(origin)) } else { Err(format!("{text:?}: {expected}")) }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    sign_in: Option<bool>,
    origin: Option<String>,
    session_idle: Option<String>,
    session_lifetime: Option<String>,
    link_lifetime: Option<String>,
}

impl Raw {
    pub(super) fn parse(self, web: &mut Web, faults: &mut Faults) {
        web.sign_in = self.sign_in.unwrap_or(web.sign_in);
        if let Some(text) = self.origin {
            match text.parse() {
                Ok(origin) => web.origin = Some(origin),
                Err(cause) => faults.add("web.origin", &cause),
            }
        }
        let durations = [
            ("web.session_idle", self.session_idle, &mut web.session_idle),
            ("web.session_lifetime", self.session_lifetime, &mut web.session_lifetime),
            ("web.link_lifetime", self.link_lifetime, &mut web.link_lifetime),
        ];
        for (key, text, slot) in durations {
            faults.duration(key, text, slot);
            if *slot < Duration::from_mins(1) {
                faults.add(key, "too short to be used; give at least 1m");
            }
        }
        if web.session_lifetime > Duration::from_hours(24 * 30) {
            faults.add("web.session_lifetime", "at most 30d: a stolen cookie must not be good for ever");
        }
        if web.session_idle > web.session_lifetime {
            faults.add("web.session_idle", "must not be longer than web.session_lifetime");
        }
        if web.link_lifetime > Duration::from_hours(24 * 7) {
            faults.add("web.link_lifetime", "at most 7d: whoever has the link becomes an admin");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in ["https://id.example.com", "https://id.example.com:8443", "http://127.0.0.1:8080", "http://[::1]:1"]
        {
            assert_eq!(good.parse::<WebOrigin>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "id.example.com",
            "https://id.example.com/",
            "https://id.example.com/x",
            "https://ID.example.com",
            "https://id.example.com:443",
            "https://user@id.example.com",
            "http://id.example.com",
            "ftp://id.example.com",
            "null",
            "https://id.example.com\r\nset-cookie: a=b",
        ] {
            assert!(bad.parse::<WebOrigin>().is_err(), "{bad:?}");
        }
        assert_eq!(WebOrigin::of(&"https://id.example.com/t/acme".parse().unwrap()).as_str(), "https://id.example.com");
        assert_eq!(WebOrigin::of(&"http://127.0.0.1:99/t".parse().unwrap()).as_str(), "http://127.0.0.1:99");
    }
}
