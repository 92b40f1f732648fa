//! The keys that an OIDC provider publishes, fetched when a token asks for them. Nothing is cached: how long AWS caches a key
//! set is not documented, and a test wants to see what is published now.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use reqwest::{Client, redirect::Policy};
use serde_json::{Map, Value};

use super::token::invalid;
use crate::sandbox::AwsError;

/// "Couldn't retrieve verification key" comes after 5 seconds without an answer.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Keys of one type that a set may have.
const KEYS_MAX: usize = 100;
const DISCOVERY_MEMBERS: [&str; 4] =
    ["jwks_uri", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"];

static CLIENT: LazyLock<Option<Client>> =
    LazyLock::new(|| Client::builder().timeout(TIME_LIMIT).redirect(Policy::none()).no_proxy().build().ok());

/// The published keys of one type that may verify signatures, by key id.
#[derive(Debug)]
pub(super) struct ProviderKeys(BTreeMap<String, Map<String, Value>>);

impl ProviderKeys {
    /// Fetches the discovery document of `issuer`, then the key set that it names, and keeps the keys of type `kty`.
    pub(super) async fn fetch(issuer: &str, kty: &str) -> Result<Self, AwsError> {
        let discovery = fetch(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await?;
        let complete = DISCOVERY_MEMBERS.iter().all(|member| discovery.get(*member).is_some());
        let jwks_uri = discovery.get("jwks_uri").and_then(Value::as_str);
        let (true, Some(issuer_told), Some(jwks_uri)) =
            (complete, discovery.get("issuer").and_then(Value::as_str), jwks_uri)
        else {
            return Err(no_key());
        };
        if issuer_told != issuer {
            return Err(no_key());
        }
        let set = fetch(jwks_uri).await?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or_else(no_key)?;
        Self::index(listed, kty).ok_or_else(no_key)
    }

    /// Keys without `kid` are not indexed; of two with the same `kid` the later stays. `None` for too many keys.
    fn index(listed: &[Value], kty: &str) -> Option<Self> {
        let of_type: Vec<_> = listed
            .iter()
            .filter_map(Value::as_object)
            .filter(|key| key.get("kty").and_then(Value::as_str) == Some(kty))
            .collect();
        if of_type.len() > KEYS_MAX {
            return None;
        }
        let with_id = of_type.into_iter().filter_map(|key| Some((key.get("kid")?.as_str()?.to_owned(), key.clone())));
        let indexed: BTreeMap<_, _> = with_id.collect();
        Some(Self(indexed.into_iter().filter(|(_, key)| may_verify(key)).collect()))
    }

    /// The key with this id; without an id, the only key there is.
    pub(super) fn choose(&self, key_id: Option<&str>) -> Result<&Map<String, Value>, AwsError> {
        match key_id {
            Some(id) => self.0.get(id),
            None if self.0.len() == 1 => self.0.values().next(),
            None => None,
        }
        .ok_or_else(no_key)
    }
}

/// `use` must be `sig`, and `key_ops` must not stand at all, not even as `["verify"]` (recorded).
fn may_verify(key: &Map<String, Value>) -> bool {
    key.get("use").and_then(Value::as_str) == Some("sig") && !key.contains_key("key_ops")
}

async fn fetch(url: &str) -> Result<Value, AwsError> {
    let client = CLIENT.as_ref().ok_or_else(no_key)?;
    let response = client.get(url).send().await.map_err(|error| {
        if error.is_connect() {
            AwsError::bad_request(
                "IDPCommunicationError",
                "The identity provider (IdP) that was asked to verify the incoming identity token could not be reached.",
            )
        } else {
            no_key()
        }
    })?;
    if !response.status().is_success() {
        return Err(no_key());
    }
    response.json().await.map_err(|_| no_key())
}

/// The refusal for every provider that does not answer as it must.
pub(super) fn no_key() -> AwsError {
    // Two blanks after the comma: AWS's own spelling.
    invalid(
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity \
         documentation for requirements",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(kid: &str, marker: &str) -> Value {
        json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": marker, "e": "AQAB" })
    }

    #[test]
    fn a_later_key_replaces_one_of_the_same_id() {
        let keys = ProviderKeys::index(&[rsa("a", "old"), rsa("a", "new")], "RSA").unwrap();
        assert_eq!(keys.choose(Some("a")).unwrap()["n"], "new");
    }

    #[test]
    fn a_token_without_key_id_needs_a_single_key() {
        let one = ProviderKeys::index(&[rsa("a", "x")], "RSA").unwrap();
        assert!(one.choose(None).is_ok());
        let two = ProviderKeys::index(&[rsa("a", "x"), rsa("b", "y")], "RSA").unwrap();
        assert!(two.choose(None).is_err());
    }

    #[test]
    fn keys_that_are_not_for_signatures_are_passed_over() {
        for (member, value) in [("use", json!("enc")), ("key_ops", json!(["verify"])), ("kid", json!(null))] {
            let mut key = rsa("a", "x");
            key[member] = value;
            assert!(ProviderKeys::index(&[key], "RSA").unwrap().choose(Some("a")).is_err(), "{member}");
        }
    }

    #[test]
    fn too_many_rsa_keys_leave_ec_keys_usable() {
        let mut listed: Vec<Value> = (0..101).map(|n| rsa(&n.to_string(), "x")).collect();
        listed.push(json!({ "kty": "EC", "kid": "ec", "use": "sig" }));
        assert!(ProviderKeys::index(&listed, "RSA").is_none());
        assert!(ProviderKeys::index(&listed, "EC").unwrap().choose(Some("ec")).is_ok());
    }
}
