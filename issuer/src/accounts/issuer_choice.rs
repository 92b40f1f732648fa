//! Which issuer the tokens for an account name, and with whose keys an org's own issuer signs.

use std::fmt;
use std::str::FromStr;

/// With whose keys an org's own issuer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssuerKeys {
    /// With those of the shared issuer.
    Shared,
    /// With keys that sign for this org alone.
    Own,
}

/// The issuer that an account's tokens name. What its role trusts must be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AccountIssuer {
    /// The shared issuer: `server.issuer_url`.
    #[default]
    Shared,
    /// The org's own issuer, `<issuer>/orgs/<org>`, with these keys.
    Org(IssuerKeys),
}

impl IssuerKeys {
    /// As the store and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Own => "own",
        }
    }
}

impl AccountIssuer {
    /// As the store and the command line write it; the keys are the org's matter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Org(_) => "org",
        }
    }
}

impl fmt::Display for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IssuerKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "shared" => Ok(Self::Shared),
            "own" => Ok(Self::Own),
            _ => Err(format!("{text:?} is neither shared nor own")),
        }
    }
}

impl fmt::Display for AccountIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
