//! Who the agent is: an id, an org, an issuer, and a private key that never leaves this machine.
//!
//! Enrolment ([`enrol`]) makes the key and has the issuer register its public half; [`store`] keeps both as files;
//! [`key`] signs the short-lived assertions by which the issuer knows the agent again (RFC 7523); [`rotate`] replaces the key.

pub mod enrol;
pub mod key;
pub mod rotate;
pub mod store;

use driftwise_contract::wire::AgentInfo;
use driftwise_contract::{AgentId, IssuerUrl, Kid, OrgId};
use serde::{Deserialize, Serialize};

pub use key::{AgentKey, KeyError, KeyType};
pub use store::DataDir;

/// What enrolment wrote: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The agent: `iss` and `sub` of its assertions.
    pub agent_id: AgentId,
    /// Its org.
    pub org_id: OrgId,
    /// The org's name, for people.
    pub org_name: String,
    /// The issuer: `aud` of the agent's assertions.
    pub issuer: IssuerUrl,
    /// Where tokens are got.
    pub token_endpoint: String,
    /// The thumbprint of the public key (RFC 7638).
    pub kid: Kid,
}

impl Identity {
    /// The identity that the issuer's answer gives to the holder of a key.
    pub fn of(info: &AgentInfo, kid: Kid) -> Self {
        Self {
            agent_id: info.agent_id,
            org_id: info.org_id,
            org_name: info.org_name.clone(),
            issuer: info.issuer.clone(),
            token_endpoint: info.token_endpoint.clone(),
            kid,
        }
    }
}

/// An identity with its key: able to speak for the agent.
#[derive(Debug)]
pub struct Enrolled {
    /// Who the agent is.
    pub identity: Identity,
    /// What proves it.
    pub key: AgentKey,
}
