//! The one text of a JSON value: RFC 8785 (JCS), so that any implementation of it can check the log. Members are sorted here,
//! never by the map they lie in: other crates of the workspace switch `serde_json` to insertion order.

use serde::Serialize;
use serde_json::Value;

/// Integers beyond this lose digits in JSON readers that count in doubles (RFC 8785, appendix D).
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A value that has no canonical form here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalFault {
    /// A fraction, or an integer beyond 2^53 - 1: their text differs between writers. Nothing in the log needs them.
    #[error("the number {0} is not a whole number of at most 53 bits")]
    Number(String),
    /// The value can't be written as JSON at all.
    #[error("{0}")]
    Unwritable(String),
}

/// The canonical text of a value.
pub fn canonical(value: &impl Serialize) -> Result<String, CanonicalFault> {
    let value = serde_json::to_value(value).map_err(|error| CanonicalFault::Unwritable(error.to_string()))?;
    let mut text = String::with_capacity(512);
    write(&value, &mut text)?;
    Ok(text)
}

/// Whether a text is the canonical form of what it says.
pub fn is_canonical(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
    let mut again = String::with_capacity(text.len());
    write(&value, &mut again).is_ok() && again == text
}

fn write(value: &Value, text: &mut String) -> Result<(), CanonicalFault> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_none_or(|size| size > INTEGER_MAX) {
                return Err(CanonicalFault::Number(number.to_string()));
            }
            text.push_str(&number.to_string());
        }
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            // RFC 8785, section 3.2.3: by UTF-16 code units. They sort as bytes do where every name is ASCII.
            members.sort_unstable_by(|(a, _), (b, _)| {
                if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
            });
            text.push('{');
            for (place, (name, item)) in members.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_string(name, text);
                text.push(':');
                write(item, text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

/// RFC 8785, section 3.2.2.2: the short escapes, lower-case `\u00xx` for other control characters, everything else as it is.
fn write_string(string: &str, text: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    text.push('"');
    let mut plain_from = 0;
    for (at, byte) in string.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x09 => "\\t",
            0x0a => "\\n",
            0x0c => "\\f",
            0x0d => "\\r",
            0x00..0x20 => "\\u00",
            _ => continue,
        };
        text.push_str(&string[plain_from..at]);
        text.push_str(escape);
        if escape == "\\u00" {
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 0x0f)]));
        }
        plain_from = at + 1;
    }
    text.push_str(&string[plain_from..]);
    text.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Any JSON that the log may hold.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The same value with the members of every object the other way round.
    fn reversed(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(reversed).collect(),
            Value::Object(members) => {
                let members: Vec<_> = members.iter().map(|(name, item)| (name.clone(), reversed(item))).collect();
                Value::Object(members.into_iter().rev().collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn the_form_is_blind_to_order_reads_back_and_is_its_own_form(value in values()) {
            let text = canonical(&value).unwrap();
            prop_assert_eq!(&canonical(&reversed(&value)).unwrap(), &text);
            prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
            prop_assert!(is_canonical(&text));
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_written_as_there() {
        // RFC 8785, section 3.2.3 (sorting) and 3.2.2.2 (strings).
        let sorting = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh", "1": "One",
            "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        let text = canonical(&sorting).unwrap();
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<usize> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        let strings = json!({"string": "\u{20ac}$\u{f}\nA'B\"\\\\\"/"});
        assert_eq!(canonical(&strings).unwrap(), "{\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    }

    #[test]
    fn numbers_that_writers_spell_differently_are_refused() {
        for number in [json!(1.5), json!(1e300), json!(9_007_199_254_740_992_u64), json!(i64::MIN)] {
            assert!(matches!(canonical(&number), Err(CanonicalFault::Number(_))), "{number}");
        }
    }

    #[test]
    fn other_spellings_of_a_value_are_not_canonical() {
        for text in ["{\"a\": 1}", "{\"b\":1,\"a\":2}", "\"\\u0041\"", "1.0", "-0", "{\"a\":1,\"a\":1}", "", "{"] {
            assert!(!is_canonical(text), "{text}");
        }
    }
}
