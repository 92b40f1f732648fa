//! The agent's key pair: generation, the PEM file's content, the public JWK and its thumbprint, and client assertions.
//!
//! P-256 is the default: its signatures are an order of magnitude cheaper than RSA's, on both sides.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::wire::{ClientAssertionClaims, PublicJwk};
use driftwise_contract::{AgentId, IssuerUrl, Kid};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

/// How long an assertion lives, in seconds: long enough for a slow connection, far below the issuer's limit.
const ASSERTION_LIFETIME_S: i64 = 60;
const PEM_LABEL: &str = "PRIVATE KEY";

/// The kinds of key an agent can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum KeyType {
    /// ECDSA on P-256, `ES256`.
    #[default]
    P256,
    /// RSA with 2,048 bits, `RS256`.
    Rsa,
}

impl KeyType {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::ES256,
            Self::Rsa => Algorithm::RS256,
        }
    }
}

/// Why a key could not be made, read or used. Never holds key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The crypto library failed to make a key.
    #[error("the key could not be generated")]
    Generation,
    /// The file is not PEM with a PKCS#8 private key.
    #[error("it is not a PEM file with a PKCS#8 private key")]
    NotPkcs8,
    /// A key, but neither P-256 nor RSA.
    #[error("it holds neither a P-256 nor an RSA key of at least 2,048 bits")]
    UnsupportedKey,
    /// Signing failed.
    #[error("the assertion could not be signed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
}

/// The agent's key pair.
pub struct AgentKey {
    key_type: KeyType,
    pem: SecretString,
    signing: EncodingKey,
    public: PublicJwk,
    kid: Kid,
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl AgentKey {
    /// Makes a new key.
    pub fn generate(key_type: KeyType) -> Result<Self, KeyError> {
        let der = match key_type {
            KeyType::P256 => {
                let pair =
                    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError::Generation)?;
                pair.to_pkcs8v1().map_err(|_| KeyError::Generation)?.as_ref().to_vec()
            }
            KeyType::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generation)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generation)?;
                der.as_ref().to_vec()
            }
        };
        let options = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        Self::from_pem(SecretString::from(pem::encode_config(&pem::Pem::new(PEM_LABEL, der), options)))
    }

    /// Reads the content of a key file.
    pub fn from_pem(text: SecretString) -> Result<Self, KeyError> {
        let parsed = pem::parse(text.expose_secret()).map_err(|_| KeyError::NotPkcs8)?;
        if parsed.tag() != PEM_LABEL {
            return Err(KeyError::NotPkcs8);
        }
        let (key_type, public) = public_half(parsed.contents()).ok_or(KeyError::UnsupportedKey)?;
        let signing = match key_type {
            KeyType::P256 => EncodingKey::from_ec_pem(text.expose_secret().as_bytes()),
            KeyType::Rsa => EncodingKey::from_rsa_pem(text.expose_secret().as_bytes()),
        }
        .map_err(|_| KeyError::NotPkcs8)?;
        let kid = thumbprint(&public);
        Ok(Self { key_type, pem: text, signing, public, kid })
    }

    /// The private half, for the key file and nothing else.
    pub const fn pem(&self) -> &SecretString {
        &self.pem
    }

    /// The public half.
    pub const fn public(&self) -> &PublicJwk {
        &self.public
    }

    /// The thumbprint of the public half (RFC 7638).
    pub const fn kid(&self) -> &Kid {
        &self.kid
    }

    /// A client assertion (RFC 7523, section 3), good for one call: the issuer takes each `jti` once.
    pub fn assertion(&self, agent: AgentId, issuer: &IssuerUrl, now: OffsetDateTime) -> Result<SecretString, KeyError> {
        self.sign(agent, issuer, now, None)
    }

    /// An assertion for the rotation to `new` and nothing else. The present key signs one, and the new key another.
    pub fn rotation_assertion(
        &self,
        agent: AgentId,
        issuer: &IssuerUrl,
        now: OffsetDateTime,
        new: &Kid,
    ) -> Result<SecretString, KeyError> {
        self.sign(agent, issuer, now, Some(new.clone()))
    }

    fn sign(
        &self,
        agent: AgentId,
        issuer: &IssuerUrl,
        now: OffsetDateTime,
        dw_new_kid: Option<Kid>,
    ) -> Result<SecretString, KeyError> {
        install_provider();
        let iat = now.unix_timestamp();
        let claims = ClientAssertionClaims {
            iss: agent,
            sub: agent,
            aud: issuer.as_str().to_owned(),
            iat,
            exp: iat + ASSERTION_LIFETIME_S,
            jti: Uuid::new_v4().to_string(),
            dw_new_kid,
        };
        let header = Header { kid: Some(self.kid.to_string()), ..Header::new(self.key_type.algorithm()) };
        Ok(SecretString::from(jsonwebtoken::encode(&header, &claims, &self.signing)?))
    }
}

/// Names the crypto back end outright: feature unification could switch on a second one, and then none is chosen.
fn install_provider() {
    // Fails only when one is installed already, which is what is wanted.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

fn public_half(pkcs8: &[u8]) -> Option<(KeyType, PublicJwk)> {
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8) {
        // SEC 1, section 2.3.3: 0x04, then x and y of 32 bytes each.
        let (x, y) = pair.public_key().as_ref().strip_prefix(&[4])?.split_at_checked(32)?;
        let public = PublicJwk::Ec { crv: "P-256".into(), x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) };
        return Some((KeyType::P256, public));
    }
    let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
    let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
    let public = PublicJwk::Rsa {
        n: URL_SAFE_NO_PAD.encode(n.big_endian_without_leading_zero()),
        e: URL_SAFE_NO_PAD.encode(e.big_endian_without_leading_zero()),
    };
    Some((KeyType::Rsa, public))
}

/// RFC 7638, section 3.2: the required members only, in lexicographic order, without blanks.
fn thumbprint(public: &PublicJwk) -> Kid {
    let canonical = match public {
        PublicJwk::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
        PublicJwk::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
    };
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)).parse().expect("32 bytes are 43 base64url characters")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    fn verify(key: &AgentKey, token: &str, audience: &str) -> ClientAssertionClaims {
        install_provider();
        let decoding = match key.public() {
            PublicJwk::Ec { x, y, .. } => DecodingKey::from_ec_components(x, y).unwrap(),
            PublicJwk::Rsa { n, e } => DecodingKey::from_rsa_components(n, e).unwrap(),
        };
        let mut validation = Validation::new(key.key_type.algorithm());
        validation.set_audience(&[audience]);
        validation.validate_exp = false;
        jsonwebtoken::decode::<ClientAssertionClaims>(token, &decoding, &validation).unwrap().claims
    }

    #[test]
    fn an_assertion_verifies_with_the_public_half_and_is_unique() {
        let issuer: IssuerUrl = "https://id.example.com".parse().unwrap();
        let agent = AgentId::from_uuid(Uuid::from_u128(7));
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        for key_type in [KeyType::P256, KeyType::Rsa] {
            let key = AgentKey::generate(key_type).unwrap();
            let token = key.assertion(agent, &issuer, now).unwrap();
            let claims = verify(&key, token.expose_secret(), issuer.as_str());
            assert_eq!((claims.iss, claims.sub), (agent, agent));
            assert_eq!((claims.iat, claims.exp), (1_800_000_000, 1_800_000_060));
            let header = jsonwebtoken::decode_header(token.expose_secret()).unwrap();
            assert_eq!(header.kid.as_deref(), Some(key.kid().as_str()));
            let again = key.assertion(agent, &issuer, now).unwrap();
            assert_ne!(verify(&key, again.expose_secret(), issuer.as_str()).jti, claims.jti);
        }
    }

    #[test]
    fn a_key_reads_back_from_its_pem_and_debug_shows_no_key() {
        for key_type in [KeyType::P256, KeyType::Rsa] {
            let key = AgentKey::generate(key_type).unwrap();
            assert!(key.pem().expose_secret().starts_with("-----BEGIN PRIVATE KEY-----\n"));
            let again = AgentKey::from_pem(key.pem().clone()).unwrap();
            assert_eq!((again.kid(), again.public()), (key.kid(), key.public()));
            assert!(!format!("{key:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_7638() {
        // RFC 7638, section 3.1.
        let public = PublicJwk::Rsa {
            n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw".into(),
            e: "AQAB".into(),
        };
        assert_eq!(thumbprint(&public).as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "not pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            assert!(matches!(AgentKey::from_pem(SecretString::from(text)), Err(KeyError::NotPkcs8)), "{text}");
        }
        let other = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(AgentKey::from_pem(SecretString::from(other)), Err(KeyError::UnsupportedKey)));
    }
}
