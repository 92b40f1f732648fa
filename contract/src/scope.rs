//! What a role's session is for. The caller asks for a scope (RFC 6749, section 3.3), the issuer answers with the one it
//! granted and writes it into its audit log, and the caller opens the session with the session policy of that scope.
//!
//! A scope narrows the session, not the token: AWS takes a session policy from the caller only. It limits what a leaked
//! session can do; what a leaked token can do is limited by its role claim and its five minutes.

use std::fmt;
use std::str::FromStr;

/// What a role's session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionScope {
    /// `driftwise:scan`: descriptions of resources and Terraform state, never data and never a change, whatever the role
    /// may do.
    #[default]
    Scan,
    /// `driftwise:role`: everything that the role may do; no session policy.
    Role,
}

impl SessionScope {
    /// Every scope.
    pub const ALL: &'static [Self] = &[Self::Scan, Self::Role];

    /// The word of requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "driftwise:scan",
            Self::Role => "driftwise:role",
        }
    }
}

impl fmt::Display for SessionScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SessionScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| "scope must be driftwise:scan or driftwise:role, one of them".to_owned())
    }
}

crate::ids::serde_by_text!(SessionScope);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_parse_back_and_nothing_else_is_one() {
        for scope in SessionScope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(*scope));
        }
        for text in ["", "scan", "driftwise:scan driftwise:role", "DRIFTWISE:SCAN", " driftwise:scan"] {
            let error = text.parse::<SessionScope>().unwrap_err();
            assert!(error.contains("driftwise:scan"), "{error}");
        }
    }
}
