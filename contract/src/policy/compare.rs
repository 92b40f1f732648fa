//! Whether a condition holds.
//!
//! Rules of the IAM user guide ("Condition operators", "Conditions with multiple context keys or values", "Single-valued
//! vs. multivalued context keys") and the readings chosen where it says nothing:
//! - An absent key fails a positive operator and satisfies a negated one, `…IfExists` and `ForAllValues:`; under
//!   `ForAnyValue:` it fails both. A key without values is absent. To the two set qualifiers a lone empty text is as good
//!   as absent, too: "a null dataset, such as an empty string".
//! - Several policy values: one must match; under a negated operator none may.
//! - A multivalued key under an operator without qualifier (AWS says not to): some value must match; under a negated
//!   operator none may.
//! - A value that is no number, date, address or ARN matches nothing, so a negated operator holds.
//! - A policy value whose variable has no value makes a negated operator fail, and is as if not listed under a positive.

use super::pattern::{arn_fits, fits, literal, resolve};
use super::{Comparison, Condition, Context, SetQualifier};
use ipnet::IpNet;
use std::cmp::Ordering;
use std::net::IpAddr;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whether `condition` holds in `context`; `variables` as in [`resolve`].
pub(super) fn holds(condition: &Condition, context: &Context, variables: Option<&Context>) -> bool {
    let operator = condition.operator;
    let actual = context.values(&condition.key);
    if operator.comparison == Comparison::Null {
        let is_absent = actual.is_none().to_string();
        return condition.values.iter().any(|value| value.eq_ignore_ascii_case(&is_absent));
    }
    let negated = operator.comparison.negates();
    let Some(actual) = actual else {
        return operator.if_exists
            || match operator.set {
                None => negated.is_some(),
                Some(SetQualifier::ForAllValues) => true,
                Some(SetQualifier::ForAnyValue) => false,
            };
    };
    if let (Some(set), [only]) = (operator.set, actual)
        && only.is_empty()
    {
        return set == SetQualifier::ForAllValues;
    }
    let comparison = negated.unwrap_or(operator.comparison);
    let variables = variables.filter(|_| comparison.takes_variables());
    let passes = |actual: &String| {
        let mut outcomes = condition.values.iter().map(|value| compare(comparison, value, actual, variables));
        if negated.is_some() {
            outcomes.all(|outcome| outcome == Some(false))
        } else {
            outcomes.any(|outcome| outcome == Some(true))
        }
    };
    match (operator.set, negated) {
        (Some(SetQualifier::ForAllValues), _) | (None, Some(_)) => actual.iter().all(passes),
        (Some(SetQualifier::ForAnyValue), _) | (None, None) => actual.iter().any(passes),
    }
}

/// One policy value against one context value, under a positive comparison; None if a variable has no value.
fn compare(comparison: Comparison, expected: &str, actual: &str, variables: Option<&Context>) -> Option<bool> {
    let pieces = || resolve(expected, variables);
    Some(match comparison {
        Comparison::StringEquals => literal(&pieces()?) == actual,
        Comparison::StringEqualsIgnoreCase => literal(&pieces()?).to_lowercase() == actual.to_lowercase(),
        Comparison::StringLike => fits(&pieces()?, actual),
        // "ArnEquals and ArnLike behave identically."
        Comparison::ArnEquals | Comparison::ArnLike => arn_fits(&pieces()?, actual),
        Comparison::NumericEquals => is(number, actual, expected, Ordering::is_eq),
        Comparison::NumericLessThan => is(number, actual, expected, Ordering::is_lt),
        Comparison::NumericLessThanEquals => is(number, actual, expected, Ordering::is_le),
        Comparison::NumericGreaterThan => is(number, actual, expected, Ordering::is_gt),
        Comparison::NumericGreaterThanEquals => is(number, actual, expected, Ordering::is_ge),
        Comparison::DateEquals => is(instant, actual, expected, Ordering::is_eq),
        Comparison::DateLessThan => is(instant, actual, expected, Ordering::is_lt),
        Comparison::DateLessThanEquals => is(instant, actual, expected, Ordering::is_le),
        Comparison::DateGreaterThan => is(instant, actual, expected, Ordering::is_gt),
        Comparison::DateGreaterThanEquals => is(instant, actual, expected, Ordering::is_ge),
        Comparison::Bool => expected.eq_ignore_ascii_case(actual),
        Comparison::BinaryEquals => {
            // Base64 of equal bytes differs at most in its padding.
            expected.trim_end_matches('=') == actual.trim_end_matches('=')
        }
        Comparison::IpAddress => match (network(expected), actual.parse::<IpAddr>()) {
            (Some(network), Ok(address)) => network.contains(&address),
            _ => false,
        },
        // Not comparisons of two values: `holds` turns negated ones into their twins and decides `Null` itself.
        Comparison::StringNotEquals
        | Comparison::StringNotEqualsIgnoreCase
        | Comparison::StringNotLike
        | Comparison::NumericNotEquals
        | Comparison::DateNotEquals
        | Comparison::NotIpAddress
        | Comparison::ArnNotEquals
        | Comparison::ArnNotLike
        | Comparison::Null => false,
    })
}

fn is<T: PartialOrd>(
    read: impl Fn(&str) -> Option<T>,
    actual: &str,
    expected: &str,
    order: impl Fn(Ordering) -> bool,
) -> bool {
    match (read(actual), read(expected)) {
        (Some(actual), Some(expected)) => actual.partial_cmp(&expected).is_some_and(order),
        _ => false,
    }
}

/// A decimal number; neither `inf` nor `nan`, which Rust would read. Minus zero is zero.
pub(super) fn number(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let number = text.parse::<f64>().ok()?;
    (is_decimal && number.is_finite()).then_some(number + 0.0)
}

/// An instant: one of the W3C profiles of ISO 8601 (a year, month, day, minute, second or fraction), or seconds since
/// 1970.
fn instant(text: &str) -> Option<OffsetDateTime> {
    let full = match text.len() {
        4 => format!("{text}-01-01T00:00:00Z"),
        7 => format!("{text}-01T00:00:00Z"),
        10 => format!("{text}T00:00:00Z"),
        // `2024-01-31T12:30` and then an offset: the seconds are left out.
        _ => match (text.get(..16), text.get(16..)) {
            (Some(minutes), Some(offset)) if !offset.starts_with(':') => {
                format!("{minutes}:00{offset}")
            }
            _ => text.to_owned(),
        },
    };
    OffsetDateTime::parse(&full, &Rfc3339).ok().or_else(|| OffsetDateTime::from_unix_timestamp(text.parse().ok()?).ok())
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_w3c_profile_and_as_epoch_seconds() {
        let new_year = instant("2024-01-01T00:00:00Z").unwrap();
        for text in [
            "2024",
            "2024-01",
            "2024-01-01",
            "2024-01-01T00:00Z",
            "2024-01-01T01:00+01:00",
            "2024-01-01T00:00:00.000Z",
            "1704067200",
        ] {
            assert_eq!(instant(text), Some(new_year), "{text}");
        }
        for text in ["", "soon", "2024-13", "2024-01-01T00:00", "99999999999999999999", "éééééééé"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn only_decimal_numbers_are_numbers() {
        assert_eq!(number("-1.50"), Some(-1.5));
        assert_eq!(number("1e3"), Some(1000.0));
        assert_eq!(number("-0").map(f64::is_sign_positive), Some(true));
        for text in ["", "inf", "NaN", "0x10", "1 ", "1e999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
