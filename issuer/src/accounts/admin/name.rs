//! The name that an admin signs in with.

use std::fmt;
use std::str::FromStr;

/// The most characters of a name.
const MAX: usize = 64;

/// A name to sign in with: 2 to 64 of `a-z 0-9 . _ @ + -`, beginning and ending with a letter or digit, so that an e-mail address
/// is one. Capitals are read as small letters: a name has one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignInName(String);

impl SignInName {
    /// The text, in small letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignInName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SignInName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let length = name.chars().count();
        if !(2..=MAX).contains(&length) {
            return Err(format!("a name has 2 to {MAX} characters, this one has {length}"));
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if !name.chars().all(|c| is_plain(c) || "._@+-".contains(c)) {
            return Err("a name holds letters a-z, digits and . _ @ + - only".into());
        }
        if !name.starts_with(is_plain) || !name.ends_with(is_plain) {
            return Err("a name begins and ends with a letter or a digit".into());
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        for text in ["ada", " ADA ", "Ada"] {
            assert_eq!(text.parse::<SignInName>().unwrap().as_str(), "ada");
        }
        assert_eq!("Ada.L+ops@Example.com".parse::<SignInName>().unwrap().as_str(), "ada.l+ops@example.com");
    }

    #[test]
    fn what_could_be_mistaken_or_misread_is_no_name() {
        // The second "a" of the sixth is Cyrillic.
        for text in ["", "a", &"a".repeat(65), "a b", "a\nb", "ad\u{430}", "a\u{202e}b", "<b>", "-ada", "ada.", "a\0b"]
        {
            assert!(text.parse::<SignInName>().is_err(), "{text:?}");
        }
    }
}
