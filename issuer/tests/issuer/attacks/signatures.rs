//! Signatures: of other bytes, cut, changed, in another form; and the one change that leaves a signature valid.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Attack, Base, Range};
use crate::harness::{NOW_S, TestKey, with};

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `ORDER - number`, big-endian.
fn negated(number: &[u8]) -> Vec<u8> {
    let mut borrow = 0i16;
    let mut difference = vec![0; 32];
    for at in (0..32).rev() {
        let digit = i16::from(ORDER[at]) - i16::from(number[at]) - borrow;
        borrow = i16::from(digit < 0);
        difference[at] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}

/// An integer in DER: no leading zeros, but one where the first bit is set.
fn der_integer(number: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
    if digits.first().is_none_or(|digit| *digit >= 0x80) {
        digits.insert(0, 0);
    }
    [&[2, u8::try_from(digits.len()).unwrap()][..], &digits].concat()
}

fn der(signature: &[u8]) -> Vec<u8> {
    let numbers = [der_integer(&signature[..32]), der_integer(&signature[32..])].concat();
    [&[0x30, u8::try_from(numbers.len()).unwrap()][..], &numbers].concat()
}

#[tokio::test]
async fn an_es256_signature_has_two_numbers_of_32_bytes_in_range() {
    let range = Range::open().await;
    let bases = [range.base(&range.ec)];
    let [base] = &bases;
    let signature = base.key().signature(&base.message());
    let (r, s) = signature.split_at(32);
    let (zero, one) = ([0u8; 32], negated(&negated(&[&[0; 31][..], &[1]].concat())));
    let mut forms: Vec<(&str, Vec<u8>)> = vec![
        ("DER instead of raw", der(&signature)),
        ("r and s swapped", [s, r].concat()),
        ("r alone", r.to_vec()),
        ("r and s as 33 bytes each", [&[0], r, &[0], s].concat()),
        ("a byte too many", [&signature[..], &[0]].concat()),
        ("a byte before", [&[0], &signature[..]].concat()),
        ("a byte too few", signature[..63].to_vec()),
        ("the signature twice", [&signature[..], &signature].concat()),
        ("little-endian", r.iter().rev().chain(s.iter().rev()).copied().collect()),
        ("nothing", Vec::new()),
        ("64 bytes of 0xff", vec![0xff; 64]),
        ("r negated", [&negated(r), s].concat()),
    ];
    // "Psychic signatures" (CVE-2022-21449): numbers out of range must not verify anything.
    let specials =
        [("0", zero.to_vec()), ("1", one), ("n", ORDER.to_vec()), ("n-1", negated(&[&[0; 31][..], &[1]].concat()))];
    for (_, first) in &specials {
        for (_, second) in &specials {
            forms.push(("special numbers", [&first[..], second].concat()));
        }
        forms.push(("a special r", [&first[..], s].concat()));
        forms.push(("a special s", [r, first].concat()));
    }
    let attacks: Vec<Attack> =
        forms.into_iter().map(|(name, form)| (name.to_owned(), base.with_signature(&form))).collect();
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn an_rs256_signature_is_one_number_of_the_modulus_length() {
    let range = Range::open().await;
    let bases = [range.base(&range.rsa)];
    let [base] = &bases;
    let signature = base.key().signature(&base.message());
    let TestKey::Rsa(pair) = base.key() else { panic!("the base signs by RSA") };
    let driftwise_contract::wire::PublicJwk::Rsa { n, .. } = base.key().public_jwk() else { panic!("an RSA key") };
    let modulus = URL_SAFE_NO_PAD.decode(n).unwrap();
    let size = pair.public_modulus_len();
    let small = |last: u8| [vec![0; size - 1], vec![last]].concat();
    // The padding that a public exponent of 3 would let anyone cube-root, signed with nothing.
    let padding = [&[0, 1][..], &vec![0xff; size - 54], &[0], &[0x30; 51]].concat();
    let forms = vec![
        ("zero", small(0)),
        ("one", small(1)),
        ("the modulus", modulus.clone()),
        ("the modulus less one", {
            let mut less = modulus.clone();
            *less.last_mut().unwrap() -= 1;
            less
        }),
        ("all ones", vec![0xff; size]),
        ("a leading zero byte", [&[0], &signature[..]].concat()),
        ("a trailing byte", [&signature[..], &[0]].concat()),
        ("a byte too few", signature[1..].to_vec()),
        ("half", signature[..size / 2].to_vec()),
        ("nothing", Vec::new()),
        ("plain padding", padding),
        ("backwards", signature.iter().rev().copied().collect()),
        ("the signature twice", [&signature[..], &signature].concat()),
    ];
    let attacks: Vec<Attack> =
        forms.into_iter().map(|(name, form)| (name.to_owned(), base.with_signature(&form))).collect();
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn a_signature_covers_the_bytes_of_header_and_claims() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let good = base.good();
        let parts: Vec<&str> = good.split('.').collect();
        let [header, claims, signature] = parts[..] else { panic!("a JWT has three parts") };
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let later = encode(&with(&base.claims, json!({"exp": NOW_S + 200})));
        let other_header = encode(&with(&base.header, json!({"typ": "at+jwt"})));
        attacks.extend([
            ("no signature".to_owned(), format!("{header}.{claims}.")),
            ("other claims under the signature".to_owned(), format!("{header}.{later}.{signature}")),
            ("another header under the signature".to_owned(), format!("{other_header}.{claims}.{signature}")),
            ("header and claims swapped".to_owned(), format!("{claims}.{header}.{signature}")),
            ("the parts turned".to_owned(), format!("{signature}.{header}.{claims}")),
            ("the signature of other bytes".to_owned(), base.with_signature(&base.key().signature("x"))),
            ("the signature of no bytes".to_owned(), base.with_signature(&base.key().signature(""))),
            ("the signature of the claims".to_owned(), base.with_signature(&base.key().signature(claims))),
            (
                "the signature of what is not encoded".to_owned(),
                base.with_signature(&base.key().signature(&format!("{}.{}", base.header, base.claims))),
            ),
            ("the signature of the whole".to_owned(), base.with_signature(&base.key().signature(&good))),
        ]);
    }
    range.refuses(&bases, &attacks).await;
}

fn truncated(base: &Base<'_>) -> Vec<Attack> {
    let good = base.good();
    // Nothing at all is a missing parameter, which another test looks at.
    (1..good.len()).map(|length| (format!("the first {length} bytes"), good[..length].to_owned())).collect()
}

fn changed(base: &Base<'_>) -> Vec<Attack> {
    let good = base.good();
    let replaced = |at: usize, character: char| {
        let mut text = good.clone();
        text.replace_range(at..=at, character.encode_utf8(&mut [0; 4]));
        (format!("byte {at} is {character:?}"), text)
    };
    good.char_indices()
        // The next letter of the alphabet: the lowest bit flips, in a last character that is a stray one.
        .map(|(at, character)| replaced(at, if character == 'A' { 'B' } else { 'A' }))
        .collect()
}

#[tokio::test]
async fn an_assertion_cut_anywhere_or_changed_in_any_byte_is_refused() {
    let range = Range::open().await;
    let bases = [range.base(&range.ec)];
    let attacks: Vec<Attack> = truncated(&bases[0]).into_iter().chain(changed(&bases[0])).collect();
    assert!(attacks.len() > 600);
    range.refuses(&bases, &attacks).await;
}

/// Whoever sees an ECDSA signature `(r, s)` can make `(r, n - s)`, which is as valid: RFC 7518 (section 3.4) asks for no
/// "low s", and about half of what honest signers make would fail such a rule. So the twin is taken for what it is, the same
/// assertion: uses are counted by `jti`, never by the bytes of the signature, and each of the two uses the other up.
#[tokio::test]
async fn the_twin_of_an_es256_signature_is_the_same_assertion() {
    let range = Range::open().await;
    for twin_first in [true, false] {
        let base = range.base(&range.ec);
        let signature = base.key().signature(&base.message());
        let (r, s) = signature.split_at(32);
        let mut texts = [base.with_signature(&signature), base.with_signature(&[r, &negated(s)].concat())];
        assert_ne!(texts[0], texts[1]);
        if twin_first {
            texts.reverse();
        }
        assert_eq!(range.issuer.ask_token(&texts[0], &range.role).await.status(), 200);
        for text in &texts {
            let refused = range.issuer.ask_token(text, &range.role).await;
            assert_eq!(refused.status(), 401);
            assert!(refused.text().await.unwrap().contains("used before"));
        }
    }
}

#[test]
fn negating_twice_gives_the_number_back() {
    let key = TestKey::p256();
    let signature = key.signature("x");
    assert_eq!(negated(&negated(&signature[32..])), &signature[32..]);
}
