//! Names for people: of orgs and of agents.

use std::fmt;
use std::str::FromStr;

/// A name that is shown and never compared: 1 to 100 characters without control characters, blanks trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DisplayName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim();
        let length = name.chars().count();
        // Marks that reverse the writing direction make one name look like another (Unicode TR 36).
        let is_deceptive =
            |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
        if length == 0 || length > 100 {
            return Err(format!("a name has 1 to 100 characters, this one has {length}"));
        }
        if name.chars().any(|c| c.is_control() || is_deceptive(c)) {
            return Err("a name holds no control characters, line breaks or direction marks".into());
        }
        Ok(Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_may_hold_markup_which_is_escaped_where_it_is_shown() {
        assert_eq!("  Acme \"& Söhne\" <b> ".parse::<DisplayName>().unwrap().as_str(), "Acme \"& Söhne\" <b>");
    }

    #[test]
    fn empty_long_and_deceptive_names_are_refused() {
        for text in ["", "   ", &"a".repeat(101), "a\nb", "a\u{202e}b", "\0"] {
            assert!(text.parse::<DisplayName>().is_err(), "{text:?}");
        }
    }
}
