//! Whose tokens a statement speaks of.

use driftwise_contract::IssuerUrl;

use crate::setup::lint::LintContext;
use crate::setup::lint::view::{StatementView, Word};

/// A `Federated` principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Federated {
    /// An OpenID Connect provider of an account.
    OpenId(Provider),
    /// A SAML provider.
    Saml,
    /// A provider that AWS knows by itself, such as `cognito-identity.amazonaws.com`.
    BuiltIn,
    /// `*`.
    Everyone,
    /// None of these.
    Unknown,
}

/// The ARN of an OpenID Connect provider in parts, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) partition: String,
    pub(super) account: String,
    /// The issuer's URL without scheme, as it stands in the ARN.
    pub(super) url: String,
}

/// "accounts.google.com, cognito-identity.amazonaws.com, graph.facebook.com, www.amazon.com" (IAM user guide, "Web identity
/// principals").
const BUILT_IN: [&str; 4] =
    ["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

/// Hosts that serve many tenants under one issuer, and issuers of clusters and build services: not ours.
const WELL_KNOWN: [&str; 16] = [
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "agent.buildkite.com",
    "api.bitbucket.org",
    "oidc.circleci.com",
    "oidc.codefresh.io",
    "oidc.vercel.com",
    "oidc.fly.io",
    "app.harness.io",
    "api.pulumi.com",
    "sts.windows.net",
    "login.microsoftonline.com",
    "accounts.google.com",
    "appleid.apple.com",
    "vstoken.dev.azure.com",
];

impl Federated {
    pub(super) fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::Everyone;
        }
        if BUILT_IN.contains(&text) {
            return Self::BuiltIn;
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return Self::Unknown };
        if resource.starts_with("saml-provider/") {
            return Self::Saml;
        }
        match resource.strip_prefix("oidc-provider/") {
            Some(url) if !url.is_empty() => Self::OpenId(Provider {
                partition: (*partition).to_owned(),
                account: (*account).to_owned(),
                url: url.to_owned(),
            }),
            _ => Self::Unknown,
        }
    }
}

/// An issuer's URL without scheme and trailing slashes.
pub(super) fn plain(url: &str) -> &str {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url).trim_end_matches('/')
}

/// The same in lower case: what remains when it is spelled in any way.
pub(super) fn folded(url: &str) -> String {
    plain(&url.to_lowercase()).to_owned()
}

impl Provider {
    /// Whether its tokens are those of the issuer in question. Without an issuer: whether it is none of the well-known.
    pub(super) fn is_ours(&self, context: &LintContext) -> bool {
        let url = folded(&self.url);
        if let Some(settings) = &context.issuer {
            return is_issuer(&url, &settings.issuer);
        }
        let host = url.split('/').next().unwrap_or_default();
        // EKS: oidc.eks.<region>.amazonaws.com/id/<cluster>, and its twin in China.
        let is_cluster = host.starts_with("oidc.eks.") || host.starts_with("oidc-eks.");
        !is_cluster && !WELL_KNOWN.contains(&host)
    }
}

/// The issuer, or an org's own below it (`<issuer>/orgs/<org>`).
fn is_issuer(folded_url: &str, issuer: &IssuerUrl) -> bool {
    let issuer = folded(issuer.as_str());
    folded_url == issuer || folded_url.strip_prefix(&issuer).is_some_and(|rest| rest.starts_with("/orgs/"))
}

/// Whether the statement bears our marks, whatever provider it names: a subject or tag as only our tokens have them.
pub(super) fn bears_our_marks(statement: &StatementView) -> bool {
    statement.conditions.iter().any(|condition| {
        let key = condition.key.text.to_lowercase();
        key.ends_with("dw_org_id")
            || key.ends_with(":sub") && condition.values.iter().any(|value| is_subject(&value.text))
    })
}

/// `org-` and what begins like a UUID.
fn is_subject(text: &str) -> bool {
    text.strip_prefix("org-")
        .and_then(|rest| rest.get(..8))
        .is_some_and(|uuid| uuid.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What a condition key names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// `aws:…`, `sts:…`, `saml:…`.
    Global,
    /// A claim of the provider; `is_cased` if not spelled as the provider's URL is.
    Claim { claim: &'a str, is_cased: bool },
    /// A claim of the provider, but with a scheme or a slash that the key must not have.
    Misspelled { claim: &'a str },
    /// A claim without any provider before it.
    Bare,
    /// A claim of another provider.
    OfOthers,
}

impl<'a> Key<'a> {
    /// Reads a key for a provider's URL as it stands in its ARN.
    pub(super) fn read(key: &'a Word, url: &str) -> Self {
        let text = key.text.as_str();
        let lower = text.to_lowercase();
        if ["aws:", "sts:", "saml:", "iam:"].iter().any(|prefix| lower.starts_with(prefix)) {
            return Self::Global;
        }
        let Some((prefix, claim)) = text.rsplit_once(':') else { return Self::Bare };
        if prefix == url || prefix.eq_ignore_ascii_case(url) {
            let known = ["aud", "oaud", "sub", "amr", "email"];
            let is_cased = prefix != url || known.iter().any(|k| k.eq_ignore_ascii_case(claim) && *k != claim);
            return Self::Claim { claim, is_cased };
        }
        if folded(prefix) == folded(url) { Self::Misspelled { claim } } else { Self::OfOthers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn federated_principals_are_told_apart() {
        let provider = |text| match Federated::parse(text) {
            Federated::OpenId(provider) => provider.url,
            other => format!("{other:?}"),
        };
        for (text, expected) in [
            ("arn:aws:iam::123456789012:oidc-provider/id.example.com/a:b", "id.example.com/a:b"),
            ("arn:aws:iam::123456789012:oidc-provider/", "Unknown"),
            ("arn:aws:iam::123456789012:saml-provider/x", "Saml"),
            ("arn:aws:iam::123456789012:role/x", "Unknown"),
            ("cognito-identity.amazonaws.com", "BuiltIn"),
            ("https://id.example.com", "Unknown"),
            ("*", "Everyone"),
        ] {
            assert_eq!(provider(text), expected, "{text}");
        }
    }

    #[test]
    fn ours_is_the_issuer_or_an_orgs_own_below_it() {
        let context = super::super::tests::context();
        let is_ours = |url: &str, context: &LintContext| {
            Provider { partition: "aws".into(), account: "123456789012".into(), url: url.into() }.is_ours(context)
        };
        for (url, with_issuer, without) in [
            ("id.example.com/base", true, true),
            ("ID.example.com/base/", true, true),
            ("https://id.example.com/base", true, true),
            ("id.example.com/base/orgs/x", true, true),
            ("id.example.com/basement", false, true),
            ("id.example.com", false, true),
            ("token.actions.githubusercontent.com", false, false),
            ("oidc.eks.eu-west-1.amazonaws.com/id/ABC", false, false),
        ] {
            assert_eq!(is_ours(url, &context), with_issuer, "{url}");
            assert_eq!(is_ours(url, &LintContext::default()), without, "{url}");
        }
    }

    #[test]
    fn keys_are_read_as_the_provider_spells_them() {
        let read = |key: &str, url: &str| {
            let spot = crate::setup::lint::place::Spot { span: 0..0, pointer: String::new() };
            format!("{:?}", Key::read(&Word { text: key.into(), spot }, url))
        };
        for (key, url, expected) in [
            ("a.b/c:sub", "a.b/c", "Claim { claim: \"sub\", is_cased: false }"),
            ("A.b/c:sub", "a.b/c", "Claim { claim: \"sub\", is_cased: true }"),
            ("a.b/c:Sub", "a.b/c", "Claim { claim: \"Sub\", is_cased: true }"),
            ("https://a.b/c:sub", "a.b/c", "Misspelled { claim: \"sub\" }"),
            ("a.b/c/:sub", "a.b/c", "Misspelled { claim: \"sub\" }"),
            ("a.b/c:sub", "a.b/c/", "Misspelled { claim: \"sub\" }"),
            ("x.y:sub", "a.b/c", "OfOthers"),
            ("sub", "a.b/c", "Bare"),
            ("AWS:RequestTag/x:y", "a.b/c", "Global"),
        ] {
            assert_eq!(read(key, url), expected, "{key} {url}");
        }
    }
}
