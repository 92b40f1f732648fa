//! How long something is to be valid, as people write it: `90s`, `15m`, `1h`, `7d`.

const DAY_S: i64 = 86_400;

/// The lifetime of an enrolment code, in seconds: at most 30 days.
pub(super) fn of_code_s(text: &str) -> Result<i64, String> {
    parse_s(text, 30 * DAY_S).map_err(|fault| fault.unwrap_or_else(|| "a code is valid for 1s to 30d".into()))
}

/// The lifetime of an API key, in seconds: at most 2 years.
pub(super) fn of_api_key_s(text: &str) -> Result<i64, String> {
    parse_s(text, 730 * DAY_S).map_err(|fault| fault.unwrap_or_else(|| "an API key is valid for 1s to 730d".into()))
}

/// The seconds; an error without text where they are not within the limit.
fn parse_s(text: &str, max_s: i64) -> Result<i64, Option<String>> {
    let unit_s = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 3_600,
        Some(b'd') => DAY_S,
        _ => return Err(Some("expected a number with s, m, h or d, such as 15m".into())),
    };
    let number = &text[..text.len() - 1];
    let seconds = number.parse::<u32>().ok().and_then(|number| i64::from(number).checked_mul(unit_s));
    match seconds {
        Some(seconds) if (1..=max_s).contains(&seconds) => Ok(seconds),
        Some(_) => Err(None),
        None => Err(Some(format!("{number:?} is not a whole number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000)] {
            assert_eq!(of_code_s(text), Ok(seconds));
            assert_eq!(of_api_key_s(text), Ok(seconds));
        }
        assert_eq!(of_api_key_s("730d"), Ok(63_072_000));
        for text in ["", "h", "1", "0s", "731d", "-1h", "1.5h", "1w", "99999999999s", "5µ"] {
            assert!(of_code_s(text).is_err() && of_api_key_s(text).is_err(), "{text}");
        }
        assert!(of_code_s("31d").is_err());
    }
}
