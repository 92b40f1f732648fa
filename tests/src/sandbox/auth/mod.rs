//! Who calls, and whether they may.
//!
//! Authentication recomputes the `SigV4` signature with the secret that belongs to the access key; authorisation evaluates the
//! caller's policies. Both speak AWS's error codes of the Query protocol; [`AwsError::into_answer`] translates for JSON services.

mod caller;
mod credential;
pub mod permission;
pub mod signature;

pub use caller::{Caller, Principal};
pub use credential::{AccessKey, Session, unique_id};
pub use driftwise_contract::policy::Context;

use http::request::Parts;

use self::signature::Authorization;
use super::{AwsError, World, log::lock};

impl World {
    /// The caller of a signed request to `service` (its signing name), or why the signature does not convince.
    pub fn authenticate(&self, parts: &Parts, body: &[u8], service: &str) -> Result<Caller, AwsError> {
        let authorization = Authorization::parse(&parts.headers)?.ok_or_else(|| {
            AwsError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        })?;
        let Some((secret, token)) = self.secret_for(&authorization.access_key_id) else {
            return Err(invalid_token());
        };
        let sent = parts.headers.get("x-amz-security-token").and_then(|value| value.to_str().ok());
        if sent != token.as_deref() {
            return Err(invalid_token());
        }
        authorization.check_scope(service)?;
        signature::check(&authorization, &secret, parts, body, self.now())?;
        self.caller(&authorization.access_key_id, &authorization.region)
    }

    /// Secret and session token of an access key; `None` when nobody has this key. An expired session still has its secret:
    /// [`World::caller`] is what refuses it.
    pub fn secret_for(&self, access_key_id: &str) -> Option<(String, Option<String>)> {
        if let Some(session) = lock(&self.sessions).get(access_key_id) {
            return Some((session.key.secret.clone(), Some(session.token.clone())));
        }
        self.accounts().values().find_map(|account| {
            let root = (account.root_key.id == access_key_id).then(|| account.root_key.secret.clone());
            let key = root.or_else(|| account.iam.key_owner(access_key_id).map(|(_, key)| key.secret.clone()));
            key.map(|secret| (secret, None))
        })
    }

    /// Who an access key stands for, when a request in `region` has proved to hold its secret (and, for a session, its token).
    /// Refuses unknown keys and expired sessions.
    pub fn caller(&self, access_key_id: &str, region: &str) -> Result<Caller, AwsError> {
        if let Some(session) = lock(&self.sessions).get(access_key_id) {
            if session.expires_at <= self.now() {
                return Err(AwsError::new(
                    403,
                    "ExpiredToken",
                    "The security token included in the request is expired",
                ));
            }
            return Ok(Caller::session(session, region));
        }
        self.accounts()
            .values()
            .find_map(|account| {
                if account.root_key.id == access_key_id {
                    return Some(Caller::root(&account.id, region));
                }
                account.iam.key_owner(access_key_id).map(|(user, _)| Caller::user(&account.id, user, region))
            })
            .ok_or_else(invalid_token)
    }
}

fn invalid_token() -> AwsError {
    AwsError::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
}
