//! Writing HCL: the escaper of the `.tf` templates, and JSON values as HCL expressions.
//!
//! A value becomes the inside of a quoted template (HCL native syntax, "Template expressions"): `${` and `%{` would begin an
//! interpolation, so they are doubled; what would end the string or the line is escaped.

use std::fmt::{self, Write};

use askama::filters::Escaper;
use serde_json::Value;

/// Escapes as the inside of a quoted HCL string.
#[derive(Debug, Clone, Copy, Default)]
pub struct HclString;

impl Escaper for HclString {
    fn write_escaped_str<W: Write>(&self, dest: W, string: &str) -> fmt::Result {
        escape(dest, string)
    }
}

fn escape(mut dest: impl Write, text: &str) -> fmt::Result {
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' => dest.write_str("\\\"")?,
            '\\' => dest.write_str("\\\\")?,
            '\n' => dest.write_str("\\n")?,
            '\r' => dest.write_str("\\r")?,
            '\t' => dest.write_str("\\t")?,
            '$' | '%' if rest.peek() == Some(&'{') => write!(dest, "{character}{character}")?,
            control if control.is_control() => write!(dest, "\\u{:04x}", u32::from(control))?,
            other => dest.write_char(other)?,
        }
    }
    Ok(())
}

/// A JSON value as an HCL expression, its inner lines `indent` steps of two blanks deep, in the layout of `terraform fmt`.
#[derive(Debug)]
pub(super) struct Expression<'a> {
    pub(super) value: &'a Value,
    pub(super) indent: usize,
}

impl fmt::Display for Expression<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, indent } = *self;
        let inner = |value| Expression { value, indent: indent + 1 };
        let (begin, end) = ("  ".repeat(indent + 1), "  ".repeat(indent));
        match value {
            Value::String(text) => quoted(f, text),
            Value::Array(items) if items.is_empty() => f.write_str("[]"),
            Value::Array(items) => {
                f.write_str("[\n")?;
                for item in items {
                    writeln!(f, "{begin}{},", inner(item))?;
                }
                write!(f, "{end}]")
            }
            Value::Object(members) if members.is_empty() => f.write_str("{}"),
            Value::Object(members) => {
                f.write_str("{\n")?;
                let widths = widths(members.iter().map(|(name, value)| (key(name), is_one_line(value))));
                for ((name, value), width) in members.iter().zip(widths) {
                    writeln!(f, "{begin}{:width$} = {}", key(name), inner(value))?;
                }
                write!(f, "{end}}}")
            }
            // Numbers, booleans and null are written alike.
            other => write!(f, "{other}"),
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    escape(&mut *f, text)?;
    f.write_char('"')
}

/// A member's name: bare where HCL takes it for a literal key, else quoted.
fn key(name: &str) -> String {
    let is_identifier = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_identifier {
        return name.to_owned();
    }
    let mut quoted = String::from('"');
    // A String takes whatever is written.
    let _ = escape(&mut quoted, name);
    quoted.push('"');
    quoted
}

fn is_one_line(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => true,
    }
}

/// `terraform fmt` aligns the equals signs of neighbouring lines; a value of several lines ends such a group, itself included.
fn widths(keys: impl Iterator<Item = (String, bool)>) -> Vec<usize> {
    let (mut widths, mut group) = (Vec::new(), 0);
    let close = |widths: &mut Vec<usize>, group: usize| {
        let open = widths.len() - group;
        let width = widths[open..].iter().copied().max().unwrap_or_default();
        widths[open..].fill(width);
    };
    for (key, is_one_line) in keys {
        if !is_one_line {
            close(&mut widths, group);
            group = 0;
            widths.push(key.chars().count());
            continue;
        }
        widths.push(key.chars().count());
        group += 1;
    }
    close(&mut widths, group);
    widths
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_in_a_string_is_evaluated() {
        let mut escaped = String::new();
        escape(&mut escaped, "${aws:username} %{if} $5 100% \"\\\n\u{1}").unwrap();
        assert_eq!(escaped, "$${aws:username} %%{if} $5 100% \\\"\\\\\\n\\u0001");
    }

    #[test]
    fn values_are_laid_out_as_terraform_fmt_lays_them_out() {
        let value = json!({
            "Version": "2012-10-17", "Sid": "A", "Statement": [{"a:b": 1, "long_name": "x", "c": {"d": true}}], "e": [],
        });
        let text = Expression { value: &value, indent: 1 }.to_string();
        assert_eq!(
            text,
            r#"{
    Version = "2012-10-17"
    Sid     = "A"
    Statement = [
      {
        "a:b"     = 1
        long_name = "x"
        c = {
          d = true
        }
      },
    ]
    e = []
  }"#
        );
    }
}
