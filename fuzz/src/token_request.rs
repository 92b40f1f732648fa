//! The form of a token request (RFC 6749, section 4.4.2).

use driftwise_contract::wire::JWT_BEARER;
use driftwise_issuer::fuzz::{TokenForm, token_form};

/// What is taken was given once each, and says what the form says; what is refused is refused by an RFC error.
pub fn check(data: &[u8]) {
    let pairs = pairs(data);
    let values = |name: &str| -> Vec<&str> {
        pairs.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    };
    match token_form(data) {
        Ok(TokenForm { assertion, role, session }) => {
            assert_eq!(values("grant_type"), ["client_credentials"]);
            assert_eq!(values("client_assertion_type"), [JWT_BEARER]);
            assert_eq!(values("client_assertion"), [assertion.as_str()]);
            assert_eq!(values("resource"), [role.as_str()]);
            assert!(!assertion.is_empty());
            let scopes = values("scope");
            assert!(scopes.len() < 2, "{scopes:?}");
            let asked = scopes.first().copied().filter(|scope| !scope.is_empty());
            assert!(asked.is_none_or(|scope| scope == session.as_str()), "{scopes:?} is not {session}");
            assert!(values("client_secret").iter().all(|secret| secret.is_empty()));
        }
        Err(description) => assert!(!description.is_empty() && description.len() < 2_000, "{description}"),
    }
}

/// The form's pairs, read by the letter of the URL standard (application/x-www-form-urlencoded parsing), without the library
/// that the issuer reads them with.
fn pairs(data: &[u8]) -> Vec<(String, String)> {
    data.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (decode(&pair[..at]), decode(pair.get(at + 1..).unwrap_or_default()))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escaped = (*byte == b'%').then(|| Some(digit(text.get(at + 1))? * 16 + digit(text.get(at + 2))?)).flatten();
        match escaped {
            Some(value) => bytes.push(u8::try_from(value).expect("two digits make a byte")),
            None => bytes.push(if *byte == b'+' { b' ' } else { *byte }),
        }
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
