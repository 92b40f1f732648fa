//! What AWS would see at the public URL of an issuer, and what would keep it from trusting the issuer: every fault with its
//! cause and fix. docs/facts/aws-oidc.md says what AWS requires.

use std::fmt;
use std::time::Duration;

use driftwise_contract::{IssuerUrl, Kid};
use serde::Serialize;
use serde_json::Value;

use super::chain::{self, Certificate};
use super::public_url::{ANSWER_TIMEOUT, Answer, PublicUrl, Unfetched};
use crate::clock::rfc3339;
use crate::federation::{Document, Documents, JWKS_MAX_AGE_S, Settings};

/// An answer that takes longer leaves little room before AWS gives up.
const SLOW: Duration = Duration::from_secs(2);

/// Certificates are renewed well before.
const EXPIRY_WARNING_S: i64 = 14 * 86_400;

/// AWS takes 1 to 100 RSA keys and as many EC keys.
const KEYS_MAX: usize = 100;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works now; look after it.
    Warning,
    /// AWS refuses tokens, or will.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: `url`, `certificate`, `discovery`, `keys`.
    pub what: &'static str,
    /// What was seen.
    pub text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What was seen of one issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssuerReport {
    /// The issuer URL.
    pub issuer: IssuerUrl,
    /// In the order in which AWS meets them.
    pub findings: Vec<Finding>,
    /// The certificates, the server's own first; none for plain http.
    pub certificates: Vec<Certificate>,
    /// The keys that are served exactly as this issuer publishes them, behind a discovery document that leads to them.
    pub seen: Vec<Kid>,
    /// Whether discovery and keys could be read at all.
    pub is_read: bool,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        })
    }
}

impl IssuerReport {
    /// Whether AWS would refuse.
    pub fn has_fault(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Fault)
    }

    /// The first fault, in a line.
    pub fn first_fault(&self) -> &str {
        self.findings.iter().find(|finding| finding.level == Level::Fault).map_or("", |finding| &finding.text)
    }

    fn add(&mut self, level: Level, what: &'static str, text: impl Into<String>, fix: Option<&str>) {
        self.findings.push(Finding { level, what, text: text.into(), fix: fix.map(str::to_owned) });
    }

    fn ok(&mut self, what: &'static str, text: impl Into<String>) {
        self.add(Level::Ok, what, text, None);
    }

    fn fault(&mut self, what: &'static str, text: impl Into<String>, fix: &str) {
        self.add(Level::Fault, what, text, Some(fix));
    }
}

/// Looks at one issuer. `signing` is the key that signs now.
pub(super) async fn check_issuer(
    public_url: &PublicUrl,
    settings: &Settings,
    documents: &Documents,
    signing: Option<&Kid>,
) -> IssuerReport {
    let mut report = IssuerReport {
        issuer: settings.issuer.clone(),
        findings: Vec::new(),
        certificates: Vec::new(),
        seen: Vec::new(),
        is_read: false,
    };
    if settings.issuer.is_loopback() {
        let text = format!("{} is a loopback address: AWS can't reach it", settings.issuer);
        report.fault("url", text, "Set server.issuer_url to the public https URL.");
    }
    let discovery = fetch(public_url, &mut report, "discovery", settings, &documents.discovery).await;
    check_certificates(public_url, &mut report);
    let Some(discovery) = discovery else { return report };
    let leads_to_keys = check_discovery(&mut report, &discovery, &own(&documents.discovery));
    let Some(jwks) = fetch(public_url, &mut report, "keys", settings, &documents.jwks).await else { return report };
    report.is_read = true;
    let seen = check_keys(&mut report, &jwks, &own(&documents.jwks), signing);
    if leads_to_keys {
        report.seen = seen;
    }
    report
}

/// Our own document as a value. It is JSON, because this program wrote it.
fn own(document: &Document) -> Value {
    serde_json::from_slice(&document.body).unwrap_or_default()
}

async fn fetch(
    public_url: &PublicUrl,
    report: &mut IssuerReport,
    what: &'static str,
    settings: &Settings,
    document: &Document,
) -> Option<Value> {
    let url = settings.issuer.join(document.path);
    match public_url.fetch(&url).await {
        Ok(answer) => check_answer(report, what, &url, &answer, document),
        Err((kind, cause)) => {
            let presented = public_url.presented();
            let host = settings.issuer.without_scheme().split(['/', ':']).next().unwrap_or_default();
            let certificate = presented.as_ref().and_then(|presented| chain::describe(presented, host));
            let (what, text, fix) = match (kind, certificate) {
                (Unfetched::Broken, Some((text, fix))) => ("certificate", text, fix),
                (Unfetched::Broken, None) => (
                    "url",
                    format!("{url} can't be reached: {cause}"),
                    "Check DNS, the firewall (port 443 from anywhere) and what serves the URL.",
                ),
                (Unfetched::TimedOut, _) => (
                    what,
                    format!("{url} took longer than {} s, after which AWS gives up", ANSWER_TIMEOUT.as_secs()),
                    "Serve the documents as static files or from a cache.",
                ),
                (Unfetched::TooLarge, _) => {
                    (what, format!("{url}: {cause}"), "Something else answers there: check what serves the URL.")
                }
            };
            report.fault(what, text, fix);
            None
        }
    }
}

fn check_answer(
    report: &mut IssuerReport,
    what: &'static str,
    url: &str,
    answer: &Answer,
    document: &Document,
) -> Option<Value> {
    let serve = "Serve the published document there: see docs/operations/publication.md.";
    if let 300..=399 = answer.status {
        let to = answer.location.as_deref().unwrap_or("nowhere");
        report.fault(
            what,
            format!("{url} redirects to {to}: verifiers need not follow"),
            "Serve the document at the URL itself.",
        );
        return None;
    }
    if answer.status != 200 {
        report.fault(what, format!("{url} answers {}", answer.status), serve);
        return None;
    }
    let Ok(value) = serde_json::from_slice::<Value>(&answer.body) else {
        report.fault(what, format!("{url} answers with something that is not JSON"), serve);
        return None;
    };
    if answer.took > SLOW {
        let text =
            format!("{url} took {} ms; AWS gives up after {} s", answer.took.as_millis(), ANSWER_TIMEOUT.as_secs());
        report.add(Level::Warning, what, text, Some("Serve the documents as static files or from a cache."));
    }
    let media_type = answer.media_type.split(';').next().unwrap_or_default().trim();
    if ![document.media_type, "application/json"].iter().any(|known| media_type.eq_ignore_ascii_case(known)) {
        let text = format!("{url} is served as {media_type:?}, not as {}", document.media_type);
        report.add(Level::Warning, what, text, Some("Set the content type where the documents are served."));
    }
    report.ok(what, format!("{url} answers in {} ms", answer.took.as_millis()));
    Some(value)
}

fn check_certificates(public_url: &PublicUrl, report: &mut IssuerReport) {
    let Some(presented) = public_url.presented() else { return };
    if let (Ok(()), Some(leaf)) = (&presented.verdict, presented.chain.first()) {
        let text = format!("for {}, by {}, until {}", leaf.names.join(", "), leaf.issuer, rfc3339(leaf.not_after_s));
        let first_to_expire = presented.chain.iter().map(|certificate| certificate.not_after_s).min();
        if first_to_expire.is_some_and(|end_s| end_s - public_url.now_s() < EXPIRY_WARNING_S) {
            let text = format!("{text}: a certificate of the chain expires within 14 days");
            report.add(Level::Warning, "certificate", text, Some("Renew it; AWS refuses tokens once it has expired."));
        } else {
            report.ok("certificate", text);
        }
    }
    report.certificates = presented.chain;
}

/// Whether the document is of this issuer and leads to its keys.
fn check_discovery(report: &mut IssuerReport, served: &Value, ours: &Value) -> bool {
    let before = report.findings.len();
    let (issuer, expected) = (served["issuer"].as_str().unwrap_or_default(), report.issuer.to_string());
    if issuer != expected {
        let differs = if issuer.trim_end_matches('/') == expected {
            "by a slash at the end"
        } else if issuer.eq_ignore_ascii_case(&expected) {
            "by upper and lower case"
        } else {
            "altogether"
        };
        let text = format!("the issuer is {issuer:?} and must be {expected:?} to the letter: it differs {differs}");
        report.fault("discovery", text, "Publish this issuer's own document there, and check server.issuer_url.");
    }
    for member in
        ["jwks_uri", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"]
    {
        if served[member].is_null() {
            report.fault(
                "discovery",
                format!("{member} is missing, which AWS requires"),
                "Publish this issuer's own document there.",
            );
        }
    }
    if !served["jwks_uri"].is_null() && served["jwks_uri"] != ours["jwks_uri"] {
        // Not fetched: what a public document names is not where this machine is sent to.
        let text = format!("jwks_uri is {} and must be {}", served["jwks_uri"], ours["jwks_uri"]);
        report.fault("discovery", text, "Publish this issuer's own document there.");
    }
    let is_good = report.findings.len() == before;
    if is_good {
        report.ok("discovery", format!("the issuer is {expected}, to the letter"));
        if served != ours {
            let text = "the document is older than what this issuer publishes";
            report.add(
                Level::Warning,
                "discovery",
                text,
                Some("Run `driftwise-issuer publish`; caches keep it for an hour."),
            );
        }
    }
    is_good
}

/// The kids of the keys that are served as they are published.
fn check_keys(report: &mut IssuerReport, served: &Value, ours: &Value, signing: Option<&Kid>) -> Vec<Kid> {
    let before = report.findings.len();
    let empty = Vec::new();
    let Some(keys) = served["keys"].as_array() else {
        report.fault("keys", "the document has no keys", "Publish this issuer's own keys there.");
        return Vec::new();
    };
    let ours = ours["keys"].as_array().unwrap_or(&empty);
    for kind in ["RSA", "EC"] {
        let count = keys.iter().filter(|key| key["kty"] == kind).count();
        if count > KEYS_MAX {
            report.fault(
                "keys",
                format!("{count} {kind} keys are served; AWS takes {KEYS_MAX}"),
                "Publish this issuer's own keys there.",
            );
        }
    }
    for key in keys {
        check_key(report, key, ours);
    }
    let mut seen = Vec::new();
    for own in ours {
        let kid = own["kid"].as_str().unwrap_or_default();
        // Of duplicate kids the later wins at AWS.
        let found = keys.iter().rev().find(|key| key["kid"] == own["kid"]);
        match found {
            Some(key) if key == own => seen.extend(kid.parse::<Kid>().ok()),
            Some(_) => report.fault(
                "keys",
                format!("the key {kid} is served changed"),
                "Publish this issuer's own keys there, byte for byte.",
            ),
            None if signing.is_some_and(|signing| signing.as_str() == kid) => report.fault(
                "keys",
                format!("the key {kid} is not there, and it signs: AWS refuses every token"),
                "Run `driftwise-issuer publish`, and have caches drop the old document.",
            ),
            None => {
                let text = format!("the key {kid} is not there yet; caches keep the older set for {JWKS_MAX_AGE_S} s");
                report.add(
                    Level::Warning,
                    "keys",
                    text,
                    Some("It signs only after it was there for the whole window."),
                );
            }
        }
    }
    if report.findings.len() == before {
        report.ok(
            "keys",
            format!(
                "{} served, as published",
                if keys.len() == 1 { "1 key is".into() } else { format!("{} keys are", keys.len()) }
            ),
        );
    }
    seen
}

/// A served key by itself, whether it is ours or not.
fn check_key(report: &mut IssuerReport, key: &Value, ours: &[Value]) {
    let publish = "Publish this issuer's own keys there.";
    let Some(kid) = key["kid"].as_str() else {
        report.fault("keys", "a key has no kid, which AWS requires", publish);
        return;
    };
    // Quoted: what is served is not ours to believe.
    let kid = format!("{:?}", kid.chars().take(64).collect::<String>());
    if !key["key_ops"].is_null() {
        report.fault("keys", format!("the key {kid} has key_ops: AWS refuses such keys"), publish);
    }
    if key["use"] != "sig" {
        report.fault("keys", format!("the use of the key {kid} is not sig: AWS refuses it"), publish);
    }
    if !ours.iter().any(|own| own["kid"] == key["kid"]) {
        report.fault(
            "keys",
            format!("the key {kid} is none that this issuer publishes: whoever holds it can make tokens that AWS accepts"),
            "If it was removed just now, wait until caches have dropped it (300 s, then run this again); else find out who wrote it.",
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> IssuerReport {
        IssuerReport {
            issuer: "https://id.example.com".parse().unwrap(),
            findings: Vec::new(),
            certificates: Vec::new(),
            seen: Vec::new(),
            is_read: false,
        }
    }

    fn key(kid: char) -> Value {
        json!({"kty": "RSA", "n": "bg", "e": "AQAB", "kid": kid.to_string().repeat(43), "use": "sig", "alg": "RS256"})
    }

    fn keys_say(served: &Value, ours: &[Value]) -> (Vec<Kid>, IssuerReport) {
        let mut report = report();
        let signing = ours[0]["kid"].as_str().unwrap().parse().unwrap();
        let seen = check_keys(&mut report, served, &json!({"keys": ours}), Some(&signing));
        (seen, report)
    }

    #[test]
    fn keys_that_are_served_as_published_are_seen_in_any_order() {
        let (seen, report) = keys_say(&json!({"keys": [key('B'), key('A')]}), &[key('A'), key('B')]);
        assert_eq!((seen.len(), report.has_fault()), (2, false), "{report:?}");
    }

    #[test]
    fn what_aws_would_refuse_in_a_key_set_is_a_fault() {
        let changed = |member: &str, value: Value| {
            let mut key = key('A');
            key[member] = value;
            json!({"keys": [key]})
        };
        for (served, says) in [
            (changed("key_ops", json!(["verify"])), "has key_ops"),
            (changed("use", json!("enc")), "use of the key"),
            (changed("kid", Value::Null), "has no kid"),
            (changed("n", json!("bQ")), "served changed"),
            (changed("x5c", json!(["AAAA"])), "served changed"),
            (json!({"keys": []}), "it signs"),
            (json!({"keys": [key('A'), key('Z')]}), "none that this issuer publishes"),
            (json!({}), "no keys"),
            (json!({"keys": vec![key('A'); 101]}), "101 RSA keys"),
        ] {
            let (_, report) = keys_say(&served, &[key('A')]);
            assert!(
                report.findings.iter().any(|f| f.level == Level::Fault && f.text.contains(says)),
                "{says}: {report:?}"
            );
        }
    }

    #[test]
    fn a_key_that_is_not_there_yet_is_a_warning_and_not_seen() {
        let (seen, report) = keys_say(&json!({"keys": [key('A')]}), &[key('A'), key('B')]);
        assert_eq!((seen.len(), report.has_fault()), (1, false));
        assert!(report.findings.iter().any(|f| f.level == Level::Warning && f.text.contains("not there yet")));
    }

    #[test]
    fn of_two_keys_with_one_kid_the_later_counts_as_it_does_for_aws() {
        let mut other = key('A');
        other["n"] = json!("bQ");
        assert_eq!(keys_say(&json!({"keys": [key('A'), other.clone()]}), &[key('A')]).0.len(), 0);
        assert_eq!(keys_say(&json!({"keys": [other, key('A')]}), &[key('A')]).0.len(), 1);
    }

    #[test]
    fn the_issuer_must_be_equal_to_the_letter() {
        let ours = json!({
            "issuer": "https://id.example.com", "jwks_uri": "https://id.example.com/.well-known/jwks.json",
            "response_types_supported": [], "subject_types_supported": [], "id_token_signing_alg_values_supported": [],
        });
        assert!(check_discovery(&mut report(), &ours, &ours));
        for (member, value, says) in [
            ("issuer", json!("https://id.example.com/"), "by a slash at the end"),
            ("issuer", json!("https://ID.example.com"), "upper and lower case"),
            ("issuer", json!("https://other.example.com"), "altogether"),
            ("issuer", Value::Null, "altogether"),
            ("jwks_uri", json!("https://evil.example.com/keys"), "jwks_uri is"),
            ("subject_types_supported", Value::Null, "is missing"),
        ] {
            let (mut served, mut report) = (ours.clone(), report());
            served[member] = value;
            assert!(!check_discovery(&mut report, &served, &ours));
            assert!(report.first_fault().contains(says), "{says}: {report:?}");
        }
    }
}
