//! The people who sign in to the issuer's pages.
//!
//! - An **admin** is a person with the operator's rights: every org, by pages instead of the command line.
//! - An **identity** is how an admin proves who they are: a provider and a subject there. The provider `local` is the issuer
//!   itself: the subject is the admin's name, the proof a password. To add another way to sign in, such as OpenID Connect, add a
//!   variant to [`IdentityProvider`]; sessions, pages and the audit log know admins only.
//! - A **link** is a one-time link by which an admin comes to be, or gets a new password ([`LinkPurpose`]).
//! - A **session** is what a browser has after signing in. Links and sessions are [`SecretToken`]s: 256 random bits, of which the
//!   store has the SHA-256 only.
//!
//! Invariants: no password, token or link is ever logged, shown by `Debug` or kept in the clear; a link opens once; what an
//! unknown name is answered can't be told from a wrong password, by words or by work.

mod lock_out;
mod name;
mod password;
mod token;

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::config::WebOrigin;

pub use lock_out::{FORGOTTEN_AFTER, LockOut, SubjectKey};
pub use name::SignInName;
pub use password::{
    CHARACTERS_MIN as PASSWORD_CHARACTERS_MIN, NewPassword, PasswordFault, PasswordHash, Passwords, TypedPassword,
};
pub use token::{SecretToken, TokenHash};

/// Where one-time links lead, below the issuer URL.
pub const LINK_PATH: &str = "/sign-in/link";

/// A one-time link, to be shown to whoever is to have it and nobody else. The token stands in the query: a fragment would need a
/// script. The page that it leads to uses it up only when its form is sent, so that a preview of the link spoils nothing.
pub fn link_url(origin: &WebOrigin, base_path: &str, token: &SecretToken) -> String {
    format!("{origin}{base_path}{LINK_PATH}?token={}", token.reveal())
}

/// The id of an admin: 32 hexadecimal digits, sorted by age. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdminId(Uuid);

impl AdminId {
    /// The id of a fresh UUID.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for AdminId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for AdminId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Uuid::try_parse(text).map(Self).map_err(|_| "it is not 32 hexadecimal digits")?;
        if id.to_string() == text { Ok(id) } else { Err("it is not written as 32 hexadecimal digits") }
    }
}

/// Who vouches for an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityProvider {
    /// The issuer itself, by a password.
    Local,
}

impl IdentityProvider {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
        }
    }
}

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The first admin: counts only while there is none.
    First,
    /// A further admin.
    Invite,
    /// A new password for an admin.
    Reset,
}

impl LinkPurpose {
    /// The word in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }
}

impl FromStr for LinkPurpose {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::First, Self::Invite, Self::Reset]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or("it is no purpose of a link")
    }
}
