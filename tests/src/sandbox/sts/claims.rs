//! What the claims of a web identity token say, once read by STS's rules.

use std::collections::BTreeMap;

use driftwise_contract::RoleArn;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::token::invalid;
use crate::sandbox::{AwsError, iam::is_name_character};

const REQUIRED: [&str; 5] = ["iss", "sub", "aud", "iat", "exp"];
const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";
const ROLES: &str = "https://aws.amazon.com/roles";
const TAGS_MAX: usize = 50;
/// How far the clocks of STS and the provider may be apart.
const TOLERANCE: Duration = Duration::minutes(5);

/// The claims that name someone.
#[derive(Debug)]
pub(super) struct Identity {
    /// `iss`.
    pub(super) issuer: String,
    /// `sub`.
    pub(super) subject: String,
    /// What must be registered at the provider: `azp` where it stands, else the one audience.
    pub(super) audience: String,
    /// `aud` as it was sent.
    pub(super) audiences: Vec<String>,
    /// `amr`.
    pub(super) methods: Vec<String>,
    /// `email`.
    pub(super) email: Option<String>,
}

impl Identity {
    /// Reads the claims that every token must have.
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, AwsError> {
        if let Some(missing) = REQUIRED.into_iter().find(|name| !claims.contains_key(*name)) {
            return Err(invalid(format!("Missing a required claim: {missing}")));
        }
        let subject = match &claims["sub"] {
            Value::String(subject) => subject.clone(),
            Value::Number(number) => number.to_string(),
            // Recorded: a null subject is beyond STS.
            _ => return Err(AwsError::new(500, "InternalFailure", "Unknown error validating third-party token")),
        };
        let audiences = strings(&claims["aud"]);
        let audience = match (claims.get("azp").and_then(Value::as_str), audiences.as_slice()) {
            (Some(party), _) => party.to_owned(),
            (None, [only]) => only.clone(),
            (None, []) => return Err(invalid("Claim is not allowed to be empty: aud")),
            (None, _) => {
                return Err(invalid(
                    "Token audience contains more than one audience while authorized party is not present",
                ));
            }
        };
        Ok(Self {
            issuer: claims["iss"].as_str().unwrap_or_default().to_owned(),
            subject,
            audience,
            audiences,
            methods: claims.get("amr").map(strings).unwrap_or_default(),
            email: claims.get("email").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// Refuses tokens from the past and the future.
pub(super) fn check_times(claims: &Map<String, Value>, now: OffsetDateTime) -> Result<(), AwsError> {
    let now_s = now.unix_timestamp();
    let tolerance_s = TOLERANCE.whole_seconds();
    let issued_s = timestamp(&claims["iat"])?;
    let expires_s = timestamp(&claims["exp"])?;
    if issued_s > now_s + tolerance_s {
        return Err(invalid(format!("Token issued in the future: {issued_s}")));
    }
    if expires_s <= now_s - tolerance_s {
        // Recorded: the time told is the one that was compared, tolerance included.
        return Err(AwsError::bad_request(
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {} must be before the expiration date/time {expires_s}",
                now_s - tolerance_s
            ),
        ));
    }
    if let Some(not_before) = claims.get("nbf") {
        let not_before_s = timestamp(not_before)?;
        if not_before_s > now_s + tolerance_s {
            return Err(invalid(format!(
                "Token not yet valid: current date/time {} must be after or equal to the not-before date/time {not_before_s}",
                now_s + tolerance_s
            )));
        }
    }
    Ok(())
}

/// Whole seconds, as a number or as text; fractions are refused.
fn timestamp(value: &Value) -> Result<i64, AwsError> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| invalid("Invalid timestamp in token claims."))
}

/// What a token asks of the session besides the role.
#[derive(Debug, Default)]
pub(super) struct SessionClaims {
    /// Session tags.
    pub(super) tags: BTreeMap<String, String>,
    /// The keys of those tags that pass on to chained sessions.
    pub(super) transitive_tag_keys: Vec<String>,
    /// The source identity.
    pub(super) source_identity: Option<String>,
}

impl SessionClaims {
    /// Reads tags, in the nested or the flattened form, and the source identity.
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, AwsError> {
        let mut found = Self::default();
        if let Some(nested) = claims.get(TAGS) {
            found.read_nested(nested)?;
        }
        let prefix = format!("{TAGS}/principal_tags/");
        for (name, value) in claims {
            if let Some(key) = name.strip_prefix(&prefix) {
                let value = value.as_str().ok_or_else(malformed_tags)?;
                found.tags.insert(key.to_owned(), value.to_owned());
            }
        }
        if let Some(keys) = claims.get(&format!("{TAGS}/transitive_tag_keys")) {
            found.transitive_tag_keys = strings(keys);
        }
        found.check()?;
        found.source_identity = claims.get(SOURCE_IDENTITY).map(read_source_identity).transpose()?;
        Ok(found)
    }

    fn read_nested(&mut self, nested: &Value) -> Result<(), AwsError> {
        let nested =
            nested.as_object().ok_or_else(|| invalid("Session tags passed in claim are not in correct format."))?;
        let tags = nested
            .get("principal_tags")
            .map_or(Ok(Map::new()), |tags| tags.as_object().cloned().ok_or_else(malformed_tags))?;
        for (key, value) in tags {
            // Recorded: a list of one string; a bare string fails.
            let [Value::String(value)] = value.as_array().map(Vec::as_slice).unwrap_or_default() else {
                return Err(malformed_tags());
            };
            self.tags.insert(key, value.clone());
        }
        self.transitive_tag_keys = nested.get("transitive_tag_keys").map(strings).unwrap_or_default();
        Ok(())
    }

    fn check(&self) -> Result<(), AwsError> {
        let fits = |(key, value): (&String, &String)| {
            (1..=128).contains(&key.chars().count())
                && value.chars().count() <= 256
                && !key.to_ascii_lowercase().starts_with("aws:")
        };
        if self.tags.len() > TAGS_MAX || !self.tags.iter().all(fits) {
            return Err(malformed_tags());
        }
        // "The key must be one of the session tags passed in the request."
        if self.transitive_tag_keys.iter().all(|key| self.tags.contains_key(key)) {
            return Ok(());
        }
        Err(invalid("Session tags passed in claim are not in correct format."))
    }
}

fn read_source_identity(value: &Value) -> Result<String, AwsError> {
    let text = value.as_str().unwrap_or_default();
    let fits =
        (2..=64).contains(&text.chars().count()) && text.chars().all(is_name_character) && !text.starts_with("aws:");
    if fits { Ok(text.to_owned()) } else { Err(invalid("The source identity claim is invalid.")) }
}

/// Whether the identity provider authorised this very role: false when the token names no roles, an error when it names
/// others. Exact ARNs only; invalid entries are skipped, but at least one must be valid.
pub(super) fn check_roles(claims: &Map<String, Value>, role_arn: &RoleArn) -> Result<bool, AwsError> {
    let entries = match claims.get(ROLES) {
        None | Some(Value::Null) => return Ok(false),
        Some(Value::String(joined)) => joined.split(';').map(str::to_owned).collect(),
        Some(list) => strings(list),
    };
    let roles: Vec<RoleArn> = entries.iter().filter_map(|entry| entry.trim().parse().ok()).collect();
    if roles.is_empty() {
        return Err(invalid("The roles claim contains no valid role ARNs"));
    }
    if roles.contains(role_arn) {
        return Ok(true);
    }
    Err(invalid("The target role ARN is not present in the roles claim of the identity token"))
}

/// A string, or the strings of a list.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn malformed_tags() -> AwsError {
    invalid("principal_tags passed in claim is not in correct format.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("claims are an object") };
        members
    }

    #[test]
    fn the_roles_claim_takes_exact_arns_in_both_forms() {
        let role: RoleArn = "arn:aws:iam::111122223333:role/scan".parse().unwrap();
        let other = "arn:aws:iam::111122223333:role/other";
        for (claim, expected) in [
            (json!(null), Ok(false)),
            (json!("arn:aws:iam::111122223333:role/scan"), Ok(true)),
            (json!(format!("{other} ; arn:aws:iam::111122223333:role/scan ")), Ok(true)),
            (json!([7, other, "arn:aws:iam::111122223333:role/scan"]), Ok(true)),
            (json!([other]), Err("not present in the roles claim")),
            (json!(["arn:aws:iam::111122223333:role/*"]), Err("no valid role ARNs")),
            (json!([]), Err("no valid role ARNs")),
            (json!(""), Err("no valid role ARNs")),
        ] {
            let outcome = check_roles(&object(json!({ ROLES: claim })), &role);
            match expected {
                Ok(authorized) => assert_eq!(outcome, Ok(authorized), "{claim}"),
                Err(words) => assert!(outcome.unwrap_err().message.contains(words), "{claim}"),
            }
        }
        assert_eq!(check_roles(&Map::new(), &role), Ok(false));
    }

    #[test]
    fn nested_tags_are_lists_of_one_and_flat_tags_are_strings() {
        let nested = json!({ TAGS: { "principal_tags": { "org": ["a"] }, "transitive_tag_keys": ["org"] } });
        let read = SessionClaims::read(&object(nested)).unwrap();
        assert_eq!((read.tags["org"].as_str(), read.transitive_tag_keys.as_slice()), ("a", &["org".to_owned()][..]));
        let flat = json!({ "https://aws.amazon.com/tags/principal_tags/org": "a" });
        assert_eq!(SessionClaims::read(&object(flat)).unwrap().tags["org"], "a");
        for refused in [json!({ "org": "a" }), json!({ "org": ["a", "b"] }), json!({ "aws:org": ["a"] })] {
            let claims = object(json!({ TAGS: { "principal_tags": refused } }));
            assert_eq!(SessionClaims::read(&claims).unwrap_err().code, "InvalidIdentityToken", "{refused}");
        }
    }

    #[test]
    fn times_are_whole_seconds_with_five_minutes_of_tolerance() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let at = |seconds: i64| now.unix_timestamp() + seconds;
        let check = |claims: Value| check_times(&object(claims), now).map_err(|refusal| refusal.code);
        assert_eq!(check(json!({ "iat": at(-900), "exp": at(-299) })), Ok(()));
        assert_eq!(check(json!({ "iat": at(0).to_string(), "exp": at(300) })), Ok(()));
        assert_eq!(check(json!({ "iat": at(-900), "exp": at(-300) })), Err("ExpiredTokenException".to_owned()));
        for refused in [
            json!({ "iat": at(301), "exp": at(900) }),
            json!({ "iat": at(0), "exp": at(900), "nbf": at(301) }),
            json!({ "iat": 1.5, "exp": at(900) }),
        ] {
            assert_eq!(check(refused), Err("InvalidIdentityToken".to_owned()));
        }
    }
}
