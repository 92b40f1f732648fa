//! `Sign`: the algorithm must be one of the key's, a digest must have the algorithm's length, a message at most 4,096 bytes.

use std::sync::Arc;

use aws_lc_rs::{
    digest::{self, Digest},
    signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;

use super::{OTHER_KEY, find, internal, parse, spec::Pair, validation};
use crate::sandbox::{Answer, AwsError, Call, World};

const MESSAGE_MAX_BYTES: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: String,
    message: String,
    message_type: Option<String>,
    signing_algorithm: String,
}

pub(super) fn sign(world: &Arc<World>, call: &Call) -> Result<Answer, AwsError> {
    let input: Input = parse(call)?;
    let key = find(world, call, &input.key_id)?;
    let message = STANDARD
        .decode(&input.message)
        .map_err(|_| AwsError::bad_request("SerializationException", "Message is not base64"))?;
    if message.is_empty() || message.len() > MESSAGE_MAX_BYTES {
        let (bound, limit) = if message.is_empty() { ("greater", 1) } else { ("less", MESSAGE_MAX_BYTES) };
        return Err(validation(&format!(
            "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must have length {bound} than \
             or equal to {limit}"
        )));
    }
    key.require_usable()?;
    let name = input.signing_algorithm.as_str();
    if !key.spec.algorithms().contains(&name) {
        return Err(AwsError::bad_request(
            "InvalidKeyUsageException",
            format!("Algorithm {name} is incompatible with key spec {}.", key.spec.name()),
        ));
    }
    let (hash, padding): (_, &'static dyn RsaEncoding) = match name {
        "RSASSA_PKCS1_V1_5_SHA_256" | "ECDSA_SHA_256" => (&digest::SHA256, &RSA_PKCS1_SHA256),
        "RSASSA_PKCS1_V1_5_SHA_384" => (&digest::SHA384, &RSA_PKCS1_SHA384),
        "RSASSA_PKCS1_V1_5_SHA_512" => (&digest::SHA512, &RSA_PKCS1_SHA512),
        other => {
            let message = format!("the sandbox does not sign by {other}");
            return Err(AwsError::bad_request("UnsupportedOperationException", message));
        }
    };
    let digest = match input.message_type.as_deref() {
        None | Some("RAW") => digest::digest(hash, &message),
        Some("DIGEST") => Digest::import_less_safe(&message, hash)
            .map_err(|_| validation(&format!("Digest is invalid length for algorithm {name}.")))?,
        Some(other) => return Err(validation(&format!("the sandbox does not know the message type {other}"))),
    };
    let lies = world.faults.lies(call.service.name(), &call.operation, &call.text(), OTHER_KEY);
    let pair = if lies { Arc::new(key.spec.generate()?) } else { key.pair };
    let signature = signature(&pair, padding, &digest).ok_or_else(internal)?;
    Ok(Answer::json11(&json!({
        "KeyId": key.arn, "Signature": STANDARD.encode(signature), "SigningAlgorithm": name,
    })))
}

fn signature(pair: &Pair, padding: &'static dyn RsaEncoding, digest: &Digest) -> Option<Vec<u8>> {
    match pair {
        Pair::Rsa(pair) => {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign_digest(padding, digest, &mut signature).ok()?;
            Some(signature)
        }
        Pair::P256(pair) => pair.sign_digest(digest).ok().map(|signature| signature.as_ref().to_vec()),
        // No algorithm is the spec's, so nothing comes this far.
        Pair::Secret => None,
    }
}
