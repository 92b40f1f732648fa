//! What the arithmetic alone costs: signing a token and verifying a client's assertion with prepared aws-lc keys, on one
//! thread, in CPU time. It is the bound that no issuer can beat on these cores.

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey, RSA_PKCS1_SHA256,
    RsaKeyPair,
};

use super::agent::Agent;
use super::cpu;

/// About what a token and an assertion have before their signature.
const MESSAGE: [u8; 500] = [b'x'; 500];

/// Keys that are ready to sign and verify.
pub(crate) struct Raw {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    client: ParsedPublicKey,
    signature: Vec<u8>,
}

impl Raw {
    pub(crate) fn new(agent: &Agent) -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key"),
            client: ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, agent.public_point()).expect("the agent's key"),
            signature: agent.sign(&MESSAGE),
        }
    }

    /// CPU time of one RSA-2048 signature.
    pub(crate) fn rs256(&self) -> Duration {
        let random = SystemRandom::new();
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        timed(1_500, || self.rsa.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature).expect("a signature"))
    }

    /// CPU time of one P-256 signature.
    pub(crate) fn es256(&self) -> Duration {
        let random = SystemRandom::new();
        timed(15_000, || self.p256.sign(&random, &MESSAGE).expect("a signature"))
    }

    /// CPU time of verifying one assertion by the agent's key.
    pub(crate) fn verification(&self) -> Duration {
        timed(8_000, || self.client.verify_sig(&MESSAGE, &self.signature).expect("a good signature"))
    }
}

fn timed<T>(count: u32, mut work: impl FnMut() -> T) -> Duration {
    let begin = cpu::used_by_this_thread();
    for _ in 0..count {
        black_box(work());
    }
    cpu::used_by_this_thread().saturating_sub(begin) / count
}
