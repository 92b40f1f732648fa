//! Enrolment: a one-time code for a registered key.
//!
//! The order matters: the issuer is checked before anything is written; the key is on disk before the code is spent; and
//! the identity is committed last. So a failed enrolment leaves nothing behind, and a spent code always has its key.

use driftwise_contract::codes::Code;
use driftwise_contract::wire::EnrolRequest;
use secrecy::{ExposeSecret, SecretString};

use super::{AgentKey, DataDir, Identity, KeyType};
use crate::fault::Fault;
use crate::issuer_client::IssuerClient;

/// What the operator asked for.
#[derive(Debug)]
pub struct Enrolment {
    /// The one-time code.
    pub code: SecretString,
    /// The kind of key to make.
    pub key_type: KeyType,
    /// A name for people.
    pub name: String,
    /// Replace an identity that is there already.
    pub replace: bool,
}

/// Enrols this machine and keeps the identity in `dir`.
pub async fn enrol(issuer: &IssuerClient, dir: &DataDir, enrolment: Enrolment) -> Result<Identity, Fault> {
    if dir.holds_identity() && !enrolment.replace {
        return Err(Fault::new(
            Code::AgentAlreadyEnrolled,
            format!("{} already holds an agent's identity", dir.path().display()),
        ));
    }
    issuer.discover().await?;
    let key = AgentKey::generate(enrolment.key_type)
        .map_err(|error| Fault::new(Code::AgentIdentityUnreadable, "no key could be made").because(error))?;
    dir.stage(&key)?;
    let request = EnrolRequest {
        code: enrolment.code.expose_secret().trim().to_owned(),
        public_key: key.public().clone(),
        name: enrolment.name,
    };
    let committed = match issuer.enrol(&request).await {
        Ok(info) => {
            let identity = Identity::of(&info, key.kid().clone());
            dir.commit(&identity).map(|()| identity)
        }
        Err(fault) => Err(fault),
    };
    if committed.is_err() {
        dir.discard(&key);
    }
    committed
}
