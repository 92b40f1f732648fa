//! The escaper of the JSON templates: a value becomes the inside of a JSON string (RFC 8259, section 7). Askama applies it
//! to every interpolation of a `.json` template, so no template can forget it.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// Escapes as the inside of a JSON string.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonString;

impl Escaper for JsonString {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for character in string.chars() {
            match character {
                '"' => dest.write_str("\\\"")?,
                '\\' => dest.write_str("\\\\")?,
                // The controls must be escaped; <, > and & may be, which keeps a document harmless inside a page.
                '\0'..='\x1f' | '\x7f' | '<' | '>' | '&' => write!(dest, "\\u{:04x}", u32::from(character))?,
                other => dest.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_reads_back_from_its_escaped_form(text in ".*") {
            let mut escaped = String::new();
            JsonString.write_escaped_str(&mut escaped, &text).unwrap();
            prop_assert!(!escaped.contains(['<', '>', '&']));
            let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
            prop_assert_eq!(read, text);
        }
    }

    #[test]
    fn quotes_and_controls_can_not_end_the_string() {
        let mut escaped = String::new();
        JsonString.write_escaped_str(&mut escaped, "\"},{\"Effect\":\"Allow\n\\\0").unwrap();
        assert_eq!(escaped, "\\\"},{\\\"Effect\\\":\\\"Allow\\u000a\\\\\\u0000");
    }
}
