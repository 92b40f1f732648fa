//! Passwords: what one must be, and argon2id over it.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use super::super::Pepper;
use super::SignInName;
use crate::Error;
use crate::keyring::KeyringError;

/// The least characters of a new password (NIST SP 800-63B asks for 8, or 15 where it is the only proof; OWASP ASVS 6.2.1 for 8
/// and commends 15).
pub const CHARACTERS_MIN: usize = 12;
/// The most bytes of a password, of a new one and of what is typed to sign in.
const BYTES_MAX: usize = 1_024;

/// argon2id with 19 MiB of memory, two passes, one lane: the least that OWASP's Password Storage Cheat Sheet takes as
/// strong enough against who stole the hashes. About 20 ms of one core.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// How many may wait for a hash: more would wait longer than anybody does.
const WAITING_MAX: usize = 32;

/// Separates this use of the pepper from any other, and versions it.
const CONTEXT: &[u8] = b"driftwise.admin-password/1";

/// Long passwords that everybody tries first, one per line, in small letters.
const COMMON: &str = include_str!("../../../data/common-passwords.txt");

/// A password as somebody typed it, in the one form that is hashed: spaces of any kind are the plain one, and composed
/// characters are composed (NFC), as RFC 8265, section 4.2.2 has it. Capitals and everything else stay as typed.
pub struct TypedPassword(SecretString);

/// A password that may become one: long enough and not among the first that are tried.
#[derive(Debug)]
pub struct NewPassword(TypedPassword);

/// Why a password may not become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Below [`CHARACTERS_MIN`].
    #[error("it has fewer than {CHARACTERS_MIN} characters; take four or five words that nobody would guess")]
    Short,
    /// Above `BYTES_MAX`.
    #[error("it is longer than {BYTES_MAX} bytes")]
    Long,
    /// In the list of common passwords, or hardly more than one character again and again.
    #[error("it is among the first that anybody would try; take four or five words that nobody would guess")]
    Common,
    /// Little more than the name.
    #[error("it holds the name, and little else")]
    HoldsName,
    /// Control characters can't be typed everywhere.
    #[error("it holds a control character")]
    Control,
}

/// What the store keeps of a password: a PHC string of argon2id.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl TypedPassword {
    /// None when it is longer than `BYTES_MAX`: nobody has such a password.
    pub fn new(text: &str) -> Option<Self> {
        if text.len() > BYTES_MAX {
            return None;
        }
        // RFC 8265, section 4.2.2: non-ASCII spaces (category Zs) are mapped to the ASCII one, then NFC.
        let is_space = |c: char| {
            matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
        };
        Some(Self(text.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect::<String>().into()))
    }

    /// Whether both are the same: a new password is typed twice.
    pub fn is(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for TypedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedPassword(…)")
    }
}

impl NewPassword {
    /// Holds a typed password to the policy. There are no rules about kinds of characters: they make passwords worse.
    pub fn new(typed: TypedPassword, name: &SignInName) -> Result<Self, PasswordFault> {
        static COMMON_SET: LazyLock<HashSet<&str>> =
            LazyLock::new(|| COMMON.lines().filter(|line| !line.starts_with('#')).collect());
        let text = typed.0.expose_secret();
        if text.chars().count() < CHARACTERS_MIN {
            return Err(PasswordFault::Short);
        }
        if text.len() > BYTES_MAX {
            return Err(PasswordFault::Long);
        }
        if text.chars().any(char::is_control) {
            return Err(PasswordFault::Control);
        }
        let folded = text.to_lowercase();
        // `aaaaaaaaaaaa`, `121212121212`, `abcabcabcabc`.
        let kinds: HashSet<char> = folded.chars().collect();
        if COMMON_SET.contains(folded.as_str()) || kinds.len() < 4 || is_run(&folded) {
            return Err(PasswordFault::Common);
        }
        // The part of an e-mail address that names its owner counts too.
        let own = name.as_str().split('@').next().unwrap_or_default();
        let left = [name.as_str(), own].iter().map(|own| folded.replace(own, "").chars().count()).min();
        if left.is_some_and(|left| left < folded.chars().count() && left < CHARACTERS_MIN / 2) {
            return Err(PasswordFault::HoldsName);
        }
        Ok(Self(typed))
    }
}

/// `123456789012`, `abcdefghijklm`, and the same backwards: each character follows the one before it, but for a few.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps = |step: i64| codes.windows(2).filter(|pair| pair[1] - pair[0] == step).count();
    let breaks = |step| codes.len().saturating_sub(1 + steps(step));
    [1, -1].into_iter().any(|step| breaks(step) * 4 < codes.len())
}

impl PasswordHash {
    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it was made with the parameters of today.
    pub fn is_current(&self) -> bool {
        self.0.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
    }
}

/// A hash is no password, but who has it can test guesses.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl FromStr for PasswordHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("$argon2id$") { Ok(Self(text.to_owned())) } else { Err("it is no argon2id hash") }
    }
}

/// Where passwords are hashed: a few at a time, on threads that may block, so that no flood of sign-ins takes the memory or
/// the cores that tokens are made with.
#[derive(Debug)]
pub struct Passwords {
    key: Arc<hmac::Key>,
    places: Semaphore,
    turns: Arc<Semaphore>,
    /// Of nobody's password: what an unknown name is checked against.
    nobody: PasswordHash,
}

impl Passwords {
    /// With the issuer's pepper, for that many cores.
    pub fn new(pepper: &Pepper, cores: usize) -> Result<Self, Error> {
        let at_once = (cores / 2).max(1);
        let key = Arc::new(pepper.derived_key(CONTEXT));
        let mut password = [0u8; 32];
        SystemRandom::new().fill(&mut password).map_err(|_| KeyringError::Randomness)?;
        let nobody = hash(&key, &password)?;
        Ok(Self {
            key,
            places: Semaphore::new(at_once + WAITING_MAX),
            turns: Arc::new(Semaphore::new(at_once)),
            nobody,
        })
    }

    /// The hash of a new password. [`Error::Busy`], at once, when too many wait.
    pub async fn hash(&self, password: &NewPassword) -> Result<PasswordHash, Error> {
        self.hash_typed(&password.0).await
    }

    /// The same for one that was found to fit before: the policy of its day let it pass.
    pub async fn hash_typed(&self, password: &TypedPassword) -> Result<PasswordHash, Error> {
        let password = password.0.clone();
        self.run(move |key| hash(key, password.expose_secret().as_bytes())).await?
    }

    /// Whether the password fits. With no hash to fit, the same work is done for nothing.
    pub async fn fits(&self, password: &TypedPassword, hash: Option<&PasswordHash>) -> Result<bool, Error> {
        let (password, is_somebody) = (password.0.clone(), hash.is_some());
        let hash = hash.unwrap_or(&self.nobody).clone();
        let fits = self.run(move |key| fits(key, password.expose_secret().as_bytes(), &hash)).await?;
        Ok(fits && is_somebody)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&hmac::Key) -> T + Send + 'static) -> Result<T, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Busy)?;
        // The semaphore is never closed.
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        let key = self.key.clone();
        // The turn goes with the work: who does not wait for it any more does not make room for more.
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&key);
            drop(turn);
            done
        });
        done.await.map_err(|_| Error::Busy)
    }
}

fn argon2id() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| KeyringError::Randomness)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Argon2 gets an HMAC of the password under the pepper: who has the store alone can't test guesses.
fn hash(key: &hmac::Key, password: &[u8]) -> Result<PasswordHash, Error> {
    let mut salt = [0u8; SALT_BYTES];
    SystemRandom::new().fill(&mut salt).map_err(|_| KeyringError::Randomness)?;
    let tag = hmac::sign(key, password);
    let hashed = argon2id()?.hash_password_with_salt(tag.as_ref(), &salt);
    // It fails for lengths that these can't have.
    Ok(PasswordHash(hashed.map_err(|_| KeyringError::Randomness)?.to_string()))
}

/// With the parameters that stand in the hash.
fn fits(key: &hmac::Key, password: &[u8], hash: &PasswordHash) -> bool {
    let tag = hmac::sign(key, password);
    argon2id().is_ok_and(|argon2| argon2.verify_password(tag.as_ref(), hash.as_str()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> SignInName {
        "ada.lovelace@example.com".parse().unwrap()
    }

    fn new(text: &str) -> Result<NewPassword, PasswordFault> {
        NewPassword::new(TypedPassword::new(text).ok_or(PasswordFault::Long)?, &name())
    }

    #[test]
    fn a_password_is_long_enough_and_not_what_everybody_tries() {
        use PasswordFault::{Common, Control, HoldsName, Long, Short};
        for (text, fault) in [
            ("", Short),
            ("elevenchars", Short),
            // Twelve bytes, six characters.
            ("ääääää", Short),
            (&"x".repeat(1_025), Long),
            ("password1234", Common),
            ("PassWord1234", Common),
            ("aaaaaaaaaaaaaaaa", Common),
            ("abcabcabcabcabc", Common),
            ("123456789012345", Common),
            ("abcdefghijklmnop", Common),
            ("9876543210987654", Common),
            ("ada.lovelace1", HoldsName),
            ("Ada.Lovelace@Example.com!", HoldsName),
            ("correct\u{7}horse battery", Control),
        ] {
            assert_eq!(new(text).unwrap_err(), fault, "{text:?}");
        }
        for text in [
            "correct horse battery staple",
            "ÄÖÜäöüß€ẞæøå",
            "ada.lovelace wrote the first program",
            "tr0ub4dor&3-tr0ub",
        ] {
            assert!(new(text).is_ok(), "{text:?}");
        }
        assert!(new(&"long passphrase ".repeat(64)).is_ok(), "1,024 bytes");
    }

    #[test]
    fn no_password_shows_in_debug_or_faults() {
        let typed = TypedPassword::new("correct horse battery staple").unwrap();
        assert_eq!(format!("{typed:?}"), "TypedPassword(…)");
        assert!(!format!("{:?}", new("correct horse battery staple").unwrap()).contains("horse"));
        assert!(!new("password1234").unwrap_err().to_string().contains("1234"));
    }

    #[test]
    fn the_common_passwords_are_written_as_they_are_compared() {
        for line in COMMON.lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(line, line.to_lowercase().trim(), "{line}");
            assert!(line.chars().count() >= CHARACTERS_MIN, "{line} is too short to be a password");
        }
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_under_its_own_pepper_however_it_was_composed() {
        let passwords = Passwords::new(&Pepper::generate().unwrap(), 2).unwrap();
        let composed = "m\u{fc}hle am rauschenden bach";
        let hash = passwords.hash(&new(composed).unwrap()).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "OWASP's parameters");
        assert!(hash.is_current());
        assert_eq!(hash.as_str().parse::<PasswordHash>().unwrap(), hash);
        let fits = async |text: &str, hash| passwords.fits(&TypedPassword::new(text).unwrap(), hash).await.unwrap();
        assert!(fits(composed, Some(&hash)).await);
        assert!(fits("mu\u{308}hle am rauschenden bach", Some(&hash)).await, "decomposed");
        assert!(fits("m\u{fc}hle\u{a0}am rauschenden bach", Some(&hash)).await, "another blank");
        for wrong in
            ["", "M\u{fc}hle am rauschenden bach", "muhle am rauschenden bach", "m\u{fc}hle am rauschenden bach "]
        {
            assert!(!fits(wrong, Some(&hash)).await, "{wrong:?}");
        }
        assert!(!fits(composed, None).await, "nobody has a password");
        assert_ne!(passwords.hash(&new(composed).unwrap()).await.unwrap(), hash, "another salt");

        let others = Passwords::new(&Pepper::generate().unwrap(), 2).unwrap();
        assert!(!others.fits(&TypedPassword::new(composed).unwrap(), Some(&hash)).await.unwrap(), "another pepper");
    }

    #[tokio::test]
    async fn a_flood_is_sent_away_rather_than_queued() {
        let passwords = Passwords::new(&Pepper::generate().unwrap(), 1).unwrap();
        let _turn = passwords.turns.acquire().await.unwrap();
        let typed = TypedPassword::new("whatever").unwrap();
        let mut waiting: Vec<_> = (0..=WAITING_MAX).map(|_| Box::pin(passwords.fits(&typed, None))).collect();
        for place in &mut waiting {
            assert!(futures::poll!(place).is_pending());
        }
        assert!(matches!(passwords.fits(&typed, None).await, Err(Error::Busy)));
    }
}
