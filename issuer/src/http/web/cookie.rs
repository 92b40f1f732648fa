//! Cookies of the pages: read from a request, written into an answer (RFC 6265).
//!
//! Over https a cookie's name begins with `__Host-`: browsers then take it only with `Secure`, `Path=/` and without `Domain`, so
//! that no other host can set it, be it a sibling below the same domain (draft-ietf-httpbis-rfc6265bis, section 4.1.3.2). On a
//! loopback address over http, where there is no TLS, neither prefix nor `Secure` would be taken by every browser.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};

use crate::accounts::admin::SecretToken;
use crate::config::WebOrigin;

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An admin's session.
    Session,
    /// A visit to a form before anybody is signed in: what its CSRF token is bound to. It admits to nothing.
    Visit,
}

impl Kind {
    fn name(self, origin: &WebOrigin) -> &'static str {
        match (self, origin.is_https()) {
            (Self::Session, true) => "__Host-driftwise-session",
            (Self::Session, false) => "driftwise-session",
            (Self::Visit, true) => "__Host-driftwise-visit",
            (Self::Visit, false) => "driftwise-visit",
        }
    }
}

/// The token in the one cookie of that kind. None where there are several: at least one of them is not ours.
pub(super) fn read(kind: Kind, origin: &WebOrigin, headers: &HeaderMap) -> Option<SecretToken> {
    let name = kind.name(origin);
    // HTTP/2 may send each cookie in a header of its own (RFC 9113, section 8.2.3).
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut named = pairs.filter(|(found, _)| *found == name);
    match (named.next(), named.next()) {
        (Some((_, value)), None) => SecretToken::parse(value),
        _ => None,
    }
}

/// The `Set-Cookie` that gives a browser the token, until the browser is closed.
pub(super) fn set(kind: Kind, origin: &WebOrigin, token: &SecretToken) -> Option<HeaderValue> {
    header(kind, origin, &token.reveal(), "")
}

/// The `Set-Cookie` that takes the cookie away.
pub(super) fn take_away(kind: Kind, origin: &WebOrigin) -> Option<HeaderValue> {
    header(kind, origin, "", "; Max-Age=0")
}

fn header(kind: Kind, origin: &WebOrigin, value: &str, more: &str) -> Option<HeaderValue> {
    let secure = if origin.is_https() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/{secure}; HttpOnly; SameSite=Lax{more}", kind.name(origin));
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_out_of_scripts_reach() {
        let token = SecretToken::generate().unwrap();
        let value = token.reveal();
        let https = "https://id.example.com".parse().unwrap();
        assert_eq!(
            set(Kind::Session, &https, &token).unwrap().to_str().unwrap(),
            format!("__Host-driftwise-session={value}; Path=/; Secure; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            take_away(Kind::Visit, &https).unwrap().to_str().unwrap(),
            "__Host-driftwise-visit=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        let loopback = "http://127.0.0.1:8080".parse().unwrap();
        assert_eq!(
            set(Kind::Session, &loopback, &token).unwrap().to_str().unwrap(),
            format!("driftwise-session={value}; Path=/; HttpOnly; SameSite=Lax")
        );
    }

    #[test]
    fn a_cookie_counts_only_where_it_is_the_one_of_its_name() {
        let origin = "https://id.example.com".parse().unwrap();
        let (ours, theirs) = (SecretToken::generate().unwrap(), SecretToken::generate().unwrap());
        let (value, other) = (ours.reveal(), theirs.reveal());
        let read = |lines: &[String]| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            read(Kind::Session, &origin, &headers(&lines)).map(|token| token.reveal())
        };
        let name = "__Host-driftwise-session";
        assert_eq!(read(&[format!("{name}={value}")]), Some(value.clone()));
        assert_eq!(read(&[format!("a=b; {name}={value};c=d")]), Some(value.clone()));
        assert_eq!(read(&["a=b".into(), format!("{name}={value}")]), Some(value.clone()));
        for wrong in [
            vec![],
            vec![format!("{name}={value}; {name}={other}")],
            vec![format!("{name}={value}"), format!("{name}={other}")],
            vec![format!("driftwise-session={value}")],
            vec![format!("{name}=\"{value}\"")],
            vec![format!("{name}=")],
            vec![format!("{}={value}", name.to_uppercase())],
            vec![format!("x{name}={value}")],
        ] {
            assert_eq!(read(&wrong), None, "{wrong:?}");
        }
    }
}
