//! The escaper of the shell templates: a value becomes the inside of a single-quoted string of a POSIX shell, in which
//! nothing but the closing quote has a meaning. Every interpolation of a `.sh` template stands between single quotes.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// Escapes as the inside of a single-quoted string.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShellString;

impl Escaper for ShellString {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for character in string.chars() {
            match character {
                // The string is ended, a quote stands by itself, and a new string begins.
                '\'' => dest.write_str("'\\''")?,
                // No shell can hold one in an argument.
                '\0' => {}
                other => dest.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_any_text_back(text in "[^\0]*") {
            let mut escaped = String::new();
            ShellString.write_escaped_str(&mut escaped, &text).unwrap();
            let output = Command::new("sh").args(["-c", &format!("printf '%s' '{escaped}'")]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
