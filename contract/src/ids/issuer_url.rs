//! The issuer's URL: the one text that provider, token and discovery document must share to the letter.

use std::str::FromStr;

use url::{Host, Url};

use super::{ParseIdError, string_id};

/// An OIDC issuer URL as AWS takes it: `https`, at most 255 characters, a path allowed, no query, fragment, user or
/// trailing slash, port 443. AWS compares it to the letter, case included, so it is kept as it was written and must
/// already be in normal form.
///
/// Plain `http` is taken for loopback addresses only (any port): AWS could never reach such an issuer, but the sandbox,
/// the tests and the demo can.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerUrl(String);

string_id!(IssuerUrl);

impl IssuerUrl {
    /// The URL without its scheme: the form that IAM uses in provider ARNs and condition keys (`<this>:sub`).
    pub fn without_scheme(&self) -> &str {
        self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest)
    }

    /// Whether this is a loopback address, which AWS can't reach.
    pub fn is_loopback(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// A URL below the issuer: `path` starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromStr for IssuerUrl {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fault = |cause: String| ParseIdError::new("an issuer URL", text, cause);
        let url = Url::parse(text).map_err(|error| fault(format!("{error}; expected https://host[/path]")))?;
        if text.len() > 255 {
            return Err(fault("it is longer than 255 characters (AWS's limit)".into()));
        }
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => return Err(fault("it names no host; expected https://host[/path]".into())),
        };
        match url.scheme() {
            "https" if url.port().is_some() => {
                return Err(fault("AWS takes port 443 only: leave the port out".into()));
            }
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(fault("AWS takes https only (http is for loopback addresses)".into())),
            other => return Err(fault(format!("scheme {other}; AWS takes https only"))),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fault("a query or fragment is not allowed".into()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fault("a user or password is not allowed".into()));
        }
        if text.ends_with('/') {
            return Err(fault("leave out the trailing slash: with it, it is another provider to AWS".into()));
        }
        let normal = url.as_str().trim_end_matches('/');
        if normal != text {
            return Err(fault(format!("AWS compares issuers to the letter: write it as {normal}")));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_issuer_url_is_kept_to_the_letter(host in "[a-z]{1,10}\\.[a-z]{2,5}", path in "(/[A-Za-z0-9_-]{1,8}){0,3}") {
            let text = format!("https://{host}{path}");
            let url = text.parse::<IssuerUrl>().unwrap();
            prop_assert_eq!(url.as_str(), text.as_str());
            prop_assert_eq!(url.without_scheme(), format!("{host}{path}"));
            let with_slash = format!("{text}/");
            prop_assert!(with_slash.parse::<IssuerUrl>().is_err(), "{}", with_slash);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<IssuerUrl>();
        }
    }

    #[test]
    fn what_aws_would_refuse_is_refused_with_the_reason() {
        for (text, reason) in [
            ("http://id.example.com", "https only"),
            ("https://id.example.com:8443", "443"),
            ("https://id.example.com:443", "to the letter"),
            ("https://id.example.com/", "trailing slash"),
            ("https://ID.example.com", "https://id.example.com"),
            ("https://id.example.com/a/../b", "https://id.example.com/b"),
            ("https://id.example.com?x=1", "query"),
            ("https://id.example.com#x", "fragment"),
            ("https://u:p@id.example.com", "user"),
            ("ftp://id.example.com", "scheme ftp"),
            ("id.example.com", "expected https://host"),
        ] {
            let error = text.parse::<IssuerUrl>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(format!("https://id.example.com/{}", "a".repeat(240)).parse::<IssuerUrl>().is_err());
    }

    #[test]
    fn loopback_may_be_plain_http() {
        let url: IssuerUrl = "http://127.0.0.1:8080/base".parse().unwrap();
        assert!(url.is_loopback());
        assert_eq!(url.without_scheme(), "127.0.0.1:8080/base");
        assert!(!"https://id.example.com".parse::<IssuerUrl>().unwrap().is_loopback());
    }
}
