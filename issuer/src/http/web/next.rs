//! Where a browser goes after signing in: a path of ours, never another site (open redirect, CWE-601).

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;

/// The longest that is kept, in bytes.
const MAX: usize = 1_024;

/// A path below the issuer URL, with its query: begins with one slash and holds nothing that a browser would read as a host, a
/// scheme or a line of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NextPath(String);

impl NextPath {
    /// Where browsers go that named no page.
    pub(super) fn home() -> Self {
        Self(super::HOME_PATH.to_owned())
    }

    /// The page that a request asks for.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        uri.path_and_query()?.as_str().parse().ok()
    }

    /// The sign-in page, which then leads to `next`.
    pub(super) fn sign_in(next: Option<&Self>) -> Self {
        let query = next.map(|next| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            format!("?{}", query.append_pair("next", &next.0).finish())
        });
        Self(format!("{}{}", super::SIGN_IN_PATH, query.unwrap_or_default()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NextPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NextPath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // RFC 3986 without what no path or query of ours holds. No backslash, which browsers read as a slash; no tab or line
        // break, which they drop; no control characters, blanks or bytes beyond ASCII.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%?=&+:@,;!$'()*".contains(&byte);
        let second = text.as_bytes().get(1);
        if text.len() <= MAX && text.starts_with('/') && second != Some(&b'/') && text.bytes().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is no path of this site")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_one_of_ours() {
        for good in ["/", "/orgs", "/orgs/0198c5e2/setup?form=subject&as=cli", "/a//b", "/%2f%2fevil.example", "/@evil"]
        {
            assert_eq!(good.parse::<NextPath>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "orgs",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            " /orgs",
            "/orgs\r\nset-cookie: a=b",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/orgs#fragment",
            "/<script>",
            "/\u{2215}evil",
            &format!("/{}", "a".repeat(1_024)),
        ] {
            assert!(bad.parse::<NextPath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_sign_in_page_is_told_where_to_lead() {
        let next: NextPath = "/orgs/x/setup?form=subject&as=cli".parse().unwrap();
        assert_eq!(
            NextPath::sign_in(Some(&next)).as_str(),
            "/sign-in?next=%2Forgs%2Fx%2Fsetup%3Fform%3Dsubject%26as%3Dcli"
        );
        assert_eq!(NextPath::sign_in(None).as_str(), "/sign-in");
    }
}
