//! Key rotation: a new key takes the place of the old one, at the issuer and on disk.
//!
//! Issuer and disk can't change in one step. The order makes every crash survivable: the new key is on disk before the issuer
//! hears of it, and stays there until `identity.json` names it. In between there are two keys on disk, and one of them is the
//! issuer's: [`settle`] finds out which, by asking. A new key that was once shown to the issuer is never thrown away while it
//! may count: the request that carried it may still be on its way.

use driftwise_contract::codes::Code;

use super::{AgentKey, DataDir, Enrolled, Identity, KeyType};
use crate::fault::Fault;
use crate::issuer_client::IssuerClient;

/// Puts a new key in place of the agent's. Goes on with the key of a rotation that was cut off, if there was one.
pub async fn rotate(issuer: &IssuerClient, dir: &DataDir, key_type: KeyType) -> Result<Identity, Fault> {
    let before = dir.load()?.identity.kid;
    let enrolled = settle(issuer, dir).await?;
    if enrolled.identity.kid != before {
        // The rotation that was cut off had reached the issuer: it is done now.
        return Ok(enrolled.identity);
    }
    let key = if let Some(staged) = dir.staged(&enrolled.identity)? {
        staged
    } else {
        let key = AgentKey::generate(key_type)
            .map_err(|error| Fault::new(Code::AgentIdentityUnreadable, "no key could be made").because(error))?;
        dir.stage(&key)?;
        key
    };
    let info = match issuer.rotate_key(&enrolled, &key).await {
        Ok(info) => info,
        Err(fault) => {
            // Refused outright: the issuer does not have the key, and never will. Anything else leaves it open.
            if fault.code() == Code::IssuerRefused {
                dir.discard(&key);
            }
            return Err(fault);
        }
    };
    let identity = Identity::of(&info, key.kid().clone());
    dir.commit(&identity)?;
    Ok(identity)
}

/// The agent with the key that the issuer knows. Asks the issuer only where a rotation was cut off.
pub async fn settle(issuer: &IssuerClient, dir: &DataDir) -> Result<Enrolled, Fault> {
    let enrolled = dir.load()?;
    let Some(staged) = dir.staged(&enrolled.identity)? else { return Ok(enrolled) };
    match issuer.agent(&enrolled).await {
        // The new key did not arrive, so far.
        Ok(_) => return Ok(enrolled),
        Err(fault) if fault.code() == Code::IssuerAgentRefused => {}
        Err(fault) => return Err(fault),
    }
    let identity = Identity { kid: staged.kid().clone(), ..enrolled.identity };
    let renewed = Enrolled { identity, key: staged };
    issuer.agent(&renewed).await?;
    tracing::info!(agent.kid = %renewed.identity.kid, "a key rotation that was cut off is done now");
    dir.commit(&renewed.identity)?;
    Ok(renewed)
}
