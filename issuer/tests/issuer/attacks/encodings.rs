//! Encodings: base64url in other spellings, texts that are no UTF-8 or no JSON, and depth.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::{Attack, Base, MARK, Range};
use crate::harness::with;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Another text of base64url for the same bytes: the last character's unused bits set. The text must have some.
pub(super) fn with_stray_bits(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    let value = ALPHABET.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    let stray = match text.len() % 4 {
        2 => 0b1111,
        3 => 0b11,
        _ => panic!("{text} ends on a byte"),
    };
    assert_eq!(value & stray, 0, "{text} is canonical");
    format!("{rest}{}", char::from(ALPHABET[value | 1]))
}

/// JSON with as many spaces at its end as its base64url needs to have unused bits.
fn uneven(json: &str) -> String {
    if json.len().is_multiple_of(3) { format!("{json} ") } else { json.to_owned() }
}

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[tokio::test]
async fn base64url_has_one_spelling() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let (header, claims) = (uneven(&base.header.to_string()), uneven(&base.claims.to_string()));
        let (h, c) = (URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&claims));
        let sign = |name: &str, h: &str, c: &str| (name.to_owned(), base.sign_segments(h, c));
        attacks.extend([
            sign("a padded header", &URL_SAFE.encode(&header), &c),
            sign("padded claims", &h, &URL_SAFE.encode(&claims)),
            sign("unused bits in the header", &with_stray_bits(&h), &c),
            sign("unused bits in the claims", &h, &with_stray_bits(&c)),
            sign("a line break in the claims", &h, &format!("{}\n{}", &c[..8], &c[8..])),
            sign("a space in the header", &format!("{} {}", &h[..8], &h[8..]), &c),
            sign("a NUL in the claims", &h, &format!("{}\u{0}{}", &c[..8], &c[8..])),
            sign("a letter too many", &format!("{h}A"), &c),
            sign("the standard alphabet", &STANDARD.encode(header.replace("JWT", "JWT???>>>")), &c),
            sign("percent-encoded", &h.replace('e', "%65"), &c),
            sign("hexadecimal", &hexadecimal(&header), &c),
            sign("encoded twice", &URL_SAFE_NO_PAD.encode(&h), &c),
            sign("the header as it is", &header, &c),
        ]);
        let message = format!("{h}.{c}");
        let signature = URL_SAFE_NO_PAD.encode(base.key().signature(&message));
        for (name, signature) in [
            ("a padded signature", format!("{signature}==")),
            ("a signature with one =", format!("{signature}=")),
            ("unused bits in the signature", with_stray_bits(&signature)),
            ("a line break after the signature", format!("{signature}\n")),
            ("a NUL after the signature", format!("{signature}\u{0}")),
            ("a signature in the standard alphabet", format!("{}+/", &signature[..signature.len() - 2])),
            ("a dot after the signature", format!("{signature}.")),
            ("more after the signature", format!("{signature}.x")),
            ("more parts after the signature", format!("{signature}.x.y")),
            ("percent signs", signature.replace('A', "%41") + "%"),
        ] {
            attacks.push((name.into(), format!("{message}.{signature}")));
        }
    }
    for text in [
        ".",
        "..",
        "...",
        "....",
        "a",
        "a.b",
        "a.b.c",
        " . . ",
        "=.=.=",
        "\u{e4}.\u{f6}.\u{fc}",
        "\u{0}",
        "\u{feff}",
        "\u{1f600}",
        "null",
        "{}",
        "%00",
        "eyJ",
        "eyJ.eyJ.eyJ",
        "Bearer",
        "undefined",
        MARK,
    ] {
        attacks.push((format!("the text {text:?}"), text.into()));
    }
    range.refuses(&bases, &attacks).await;
}

/// Signs bytes that are no text as claims, and as header.
fn sign_bytes(base: &Base<'_>, bytes: &[u8]) -> [String; 2] {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (header, claims) = (base.header.to_string(), base.claims.to_string());
    [
        base.sign_segments(&encode(header.as_bytes()), &encode(bytes)),
        base.sign_segments(&encode(bytes), &encode(claims.as_bytes())),
    ]
}

#[tokio::test]
async fn header_and_claims_are_json_in_utf_8() {
    let range = Range::open().await;
    let bases = [range.base(&range.ec)];
    let [base] = &bases;
    let mut attacks: Vec<Attack> = Vec::new();
    for object in [&base.header, &base.claims] {
        let text = object.to_string();
        let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let member = |bytes: &[u8]| [&text.as_bytes()[..text.len() - 1], b",\"x\":\"", bytes, b"\"}"].concat();
        let named = |bytes: &[u8]| [&text.as_bytes()[..text.len() - 1], b",\"", bytes, b"\":0}"].concat();
        for (name, bytes) in [
            ("a byte order mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
            ("UTF-16", utf_16.clone()),
            ("UTF-16 with its mark", [&b"\xff\xfe"[..], &utf_16].concat()),
            ("a byte that is no UTF-8 in a name", named(b"\xff")),
            ("a line break in a name", named(b"a\nb")),
            ("a NUL in a name", named(b"\x00")),
            ("half a surrogate pair in a name", named(b"\\ud800")),
            ("an unknown escape in a name", named(b"\\x41")),
            ("a NUL before", [b"\x00", text.as_bytes()].concat()),
            ("a comment", [text.as_bytes(), b"/* */"].concat()),
            ("a form feed", [b"\x0c", text.as_bytes()].concat()),
            ("a line break in a text", member(b"a\nb")),
            ("an escape that is none", member(b"\\u00")),
            ("only half", text.as_bytes()[..text.len() / 2].to_vec()),
        ] {
            attacks.extend(sign_bytes(base, &bytes).map(|assertion| (name.to_owned(), assertion)));
        }
    }
    for (claim, bytes) in [
        ("jti", &b"\"\xff\xfe\""[..]),
        ("jti", b"\"\xed\xa0\x80\""),
        ("jti", b"\"\xc0\xaf\""),
        ("jti", b"\"a\x00b\""),
        ("jti", b"\"\\ud800\""),
        ("jti", b"\"\\udc00\\ud800\""),
        ("aud", b"\"\xff\""),
        ("iss", b"\"\xff\""),
    ] {
        const PLACE: &str = "\"@@\"";
        let text = with(&base.claims, json!({claim: "@@"})).to_string();
        let (before, after) = text.split_once(PLACE).unwrap();
        let claims = [before.as_bytes(), bytes, after.as_bytes()].concat();
        let [assertion, _] = sign_bytes(base, &claims);
        attacks.push((format!("{claim} is {bytes:?}"), assertion));
    }
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn depth_is_no_way_to_the_end_of_the_stack() {
    let range = Range::open().await;
    let bases = [range.base(&range.ec)];
    let [base] = &bases;
    let mut attacks: Vec<Attack> = Vec::new();
    // As deep as fits into the longest assertion that is read; deeper ones are with the sizes.
    for depth in [128, 1_000, 2_500] {
        let list = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let object = format!("{}0{}", "{\"a\":".repeat(depth / 3), "}".repeat(depth / 3));
        for deep in [list, object, "[".repeat(depth), "{\"a\":".repeat(depth / 3)] {
            for member in ["kid", "alg", "crit", "jwk"] {
                attacks.push((format!("{member} {depth} deep"), base.sign_header(member, &deep)));
            }
            for claim in ["iss", "sub", "aud", "exp", "nbf", "jti"] {
                attacks.push((format!("{claim} {depth} deep"), base.sign_claim(claim, &deep)));
            }
            attacks.push((format!("claims {depth} deep"), base.sign_claims_text(&deep)));
            attacks.push((format!("a header {depth} deep"), base.sign_header_text(&deep)));
        }
    }
    range.refuses(&bases, &attacks).await;
    // Unknown claims are passed over, however deep: nothing is built from them.
    let deep = format!("{}{}", "[".repeat(2_500), "]".repeat(2_500));
    let base = range.base(&range.ec);
    let response = range.issuer.ask_token(&base.sign_claim("unknown", &deep), &range.role).await;
    assert!([200, 401].contains(&response.status().as_u16()), "{}", response.status());
}
