//! Resource addresses, as Terraform prints them.

use std::fmt::Write as _;

use serde_json::Value;

/// `module.a["k"].data.aws_ami.x[0]`. The module's address is the state's own text; it may be empty.
pub(super) fn address(
    module: &str,
    data_source: bool,
    terraform_type: &str,
    name: &str,
    key: Option<&Value>,
) -> String {
    let mut address = String::with_capacity(module.len() + terraform_type.len() + name.len() + 8);
    if !module.is_empty() {
        address.push_str(module);
        address.push('.');
    }
    if data_source {
        address.push_str("data.");
    }
    address.push_str(terraform_type);
    address.push('.');
    address.push_str(name);
    match key {
        Some(Value::String(text)) => {
            address.push('[');
            quote(&mut address, text);
            address.push(']');
        }
        Some(key @ Value::Number(_)) => {
            // Writing to a String can't fail.
            let _ = write!(address, "[{key}]");
        }
        _ => {}
    }
    address
}

/// A module path of the old formats, `["root", "net", "zone"]`, as an address: `module.net.module.zone`.
pub(super) fn module_address(path: &[String]) -> String {
    path.iter().skip(1).map(|name| format!("module.{name}")).collect::<Vec<_>>().join(".")
}

/// A text between quotes in HCL's spelling: template introducers are doubled, what can't be printed is escaped.
fn quote(into: &mut String, text: &str) {
    into.push('"');
    for (index, letter) in text.char_indices() {
        match letter {
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '$' | '%' => {
                into.push(letter);
                if text[index + 1..].starts_with('{') {
                    into.push(letter);
                }
            }
            _ if is_printable(letter) => into.push(letter),
            _ => {
                let code = u32::from(letter);
                // Writing to a String can't fail.
                let _ = if code < 0x1_0000 { write!(into, "\\u{code:04x}") } else { write!(into, "\\U{code:08x}") };
            }
        }
    }
    into.push('"');
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII blank, as Go's `unicode.IsPrint` has it.
fn is_printable(letter: char) -> bool {
    match letter {
        ' '..='~' => true,
        _ if letter.is_control() || letter.is_whitespace() => false,
        // The standard library's table of the unprintable shows through escape_debug. Behind another letter, so that
        // combining marks count as printable.
        _ => !format!("a{letter}").escape_debug().any(|escaped| escaped == '\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_keys_are_quoted_as_terraform_prints_them() {
        for (key, expected) in [
            (Value::from(0), "aws_x.y[0]"),
            (Value::from("a"), r#"aws_x.y["a"]"#),
            (Value::from(""), r#"aws_x.y[""]"#),
            (Value::from("a.b[\"c\"]"), r#"aws_x.y["a.b[\"c\"]"]"#),
            (Value::from("back\\slash\n\t"), r#"aws_x.y["back\\slash\n\t"]"#),
            (Value::from("${x} %{y} $z"), r#"aws_x.y["$${x} %%{y} $z"]"#),
            (Value::from("zürich 東京 e\u{301}"), "aws_x.y[\"zürich 東京 e\u{301}\"]"),
            (Value::from("\u{7}\u{200b}\u{a0}"), r#"aws_x.y["\u0007\u200b\u00a0"]"#),
            (Value::Null, "aws_x.y"),
        ] {
            assert_eq!(address("", false, "aws_x", "y", Some(&key)), expected);
        }
    }

    #[test]
    fn modules_and_data_sources_come_before_the_type() {
        assert_eq!(
            address(r#"module.a["k"].module.b[0]"#, true, "aws_ami", "x", None),
            r#"module.a["k"].module.b[0].data.aws_ami.x"#
        );
        assert_eq!(module_address(&["root".into(), "net".into(), "zone".into()]), "module.net.module.zone");
        assert_eq!(module_address(&["root".into()]), "");
    }
}
