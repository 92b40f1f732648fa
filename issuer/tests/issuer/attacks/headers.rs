//! Headers: which key is meant, keys that the header brings along, and what must be understood. Only the registered key
//! counts (RFC 8725, section 3.10).

use std::io::ErrorKind;
use std::net::TcpListener;

use serde_json::{Value, json};

use super::encodings::with_stray_bits;
use super::{Attack, MARK, Range, after_last, before_first};
use crate::harness::{TestKey, with};

#[tokio::test]
async fn a_kid_is_the_thumbprint_of_a_registered_key_and_nothing_else() {
    let range = Range::open().await;
    let bases = range.bases();
    let issuer_kid = range.issuer.get("/.well-known/jwks.json").await.json::<Value>().await.unwrap()["keys"][0]["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let own = base.key().kid();
        // The same 32 bytes with the stray bits of the last character set.
        let stray = with_stray_bits(&own);
        let texts = [
            "",
            " ",
            "../../keys/master.key",
            "..\\..\\keys\\master.key",
            "/dev/null",
            "/etc/passwd",
            "/proc/self/environ",
            "file:///dev/null",
            "%2e%2e%2fmaster.key",
            "....//....//master.key",
            "keys/\u{0}.jwe",
            "' OR '1'='1",
            "' OR 1=1 --",
            "' UNION SELECT x'00' --",
            "'; DROP TABLE agents; --",
            "\" OR \"\"=\"",
            "x'; ATTACH 'a.db' AS a; --",
            "%",
            "_",
            "*",
            "$1",
            "?1",
            ":kid",
            "${jndi:ldap://127.0.0.1/a}",
            "$(id)",
            "`id`",
            "| id",
            "http://127.0.0.1/key",
            "\u{202e}",
            "\u{0}",
            "\n",
            MARK,
            &issuer_kid,
            &format!("{own}="),
            &format!("{own} "),
            &format!(" {own}"),
            &format!("{own}\n"),
            &format!("{own}\u{0}"),
            &format!("{own}/../{own}"),
            &own.to_uppercase(),
            &own.to_lowercase(),
            &own[..42],
            &format!("{own}A"),
            &stray,
            &"A".repeat(43),
            &"k".repeat(5_000),
            &"\u{1f600}".repeat(43),
        ]
        .map(str::to_owned);
        for kid in texts {
            // Thumbprints without letters of both cases would make the spelling the right one.
            if kid != own {
                attacks.push((format!("kid {kid:.60?}"), base.sign_header("kid", &json!(kid).to_string())));
            }
        }
        for json in ["null", "0", "1", "true", "[]", "{}", &format!("[\"{own}\"]"), &format!("{{\"kid\":\"{own}\"}}")] {
            attacks.push((format!("kid {json}"), base.sign_header("kid", json)));
        }
        attacks.push(("no kid".into(), base.key().sign(&with(&base.header, json!({"kid": null})), &base.claims)));
        let capital = base.header.to_string().replace("\"kid\"", "\"KID\"");
        attacks.push(("KID for kid".into(), base.sign_header_text(&capital)));
    }
    let [rsa, ec] = &bases;
    attacks.push((
        "the kid of another agent".into(),
        ec.key().sign(&with(&ec.header, json!({"kid": rsa.key().kid()})), &ec.claims),
    ));
    attacks.push(("another agent's key".into(), ec.key().sign(&ec.header, &rsa.claims)));
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn keys_that_a_header_brings_along_are_neither_used_nor_fetched() {
    let range = Range::open().await;
    let bases = range.bases();
    // Whoever follows an address in a header connects here.
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let address = trap.local_addr().unwrap();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let strangers = [TestKey::p256(), TestKey::rsa()];
        for key in strangers.iter().chain([base.key()]) {
            let jwk = key.public_jwk();
            let offers = [
                ("jwk", json!(jwk)),
                ("jwk", json!({"kty": "oct", "k": "AAAA"})),
                ("jwk", json!(format!("http://{address}/{MARK}"))),
                ("jku", json!(format!("http://{address}/{MARK}.json"))),
                ("jku", json!("file:///etc/passwd")),
                ("x5u", json!(format!("http://{address}/{MARK}.pem"))),
                ("x5c", json!(["MIIB"])),
                ("x5c", json!([])),
                ("jwk", Value::Null),
                ("jku", Value::Null),
                ("x5u", Value::Null),
                ("x5c", Value::Null),
            ];
            for (member, offer) in offers {
                for kid in [key.kid(), base.key().kid()] {
                    let header = json!({"alg": key.alg(), "typ": "JWT", "kid": kid, member: offer});
                    attacks.push((format!("{member}: {offer}"), key.sign(&header, &base.claims)));
                }
            }
        }
        for key in &strangers {
            attacks.push(("a stranger's key".into(), key.sign(&key.header(), &base.claims)));
            let header = with(&key.header(), json!({"kid": base.key().kid()}));
            attacks.push(("a stranger's key under the registered kid".into(), key.sign(&header, &base.claims)));
            // Claims bring no keys either (`cnf`, `jwk`, `jwks`, `jwks_uri`).
            let claims = with(
                &base.claims,
                json!({
                    "cnf": {"jwk": key.public_jwk()}, "jwk": key.public_jwk(), "jwks": {"keys": [key.public_jwk()]},
                    "jwks_uri": format!("http://{address}/{MARK}"),
                }),
            );
            attacks.push(("a stranger's key in the claims".into(), key.sign(&header, &claims)));
        }
    }
    range.refuses(&bases, &attacks).await;
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody followed an address");
}

#[tokio::test]
async fn what_a_header_calls_critical_is_not_understood() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        for crit in
            ["[]", "[\"b64\"]", "[\"exp\"]", "[\"alg\"]", "[\"kid\"]", "null", "0", "\"b64\"", "{}", "[[\"b64\"]]"]
        {
            attacks.push((format!("crit {crit}"), base.sign_header("crit", crit)));
        }
        // RFC 7797: claims that are not encoded. Without `crit` the member must not change a thing either.
        let header = with(&base.header, json!({"b64": false, "crit": ["b64"]})).to_string();
        let claims = base.claims.to_string();
        attacks.push(("b64=false, critical".into(), base.key().sign_text(&header, &claims)));
        for header in [header, with(&base.header, json!({"b64": false})).to_string()] {
            let encoded = super::message(&header, "");
            attacks.push((
                "claims that are not encoded".into(),
                base.sign_segments(encoded.trim_end_matches('.'), &claims),
            ));
        }
        for zip in ["\"DEF\"", "\"GZ\"", "null", "{}"] {
            attacks.push((format!("zip {zip}"), base.sign_header("zip", zip)));
        }
    }
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn a_header_member_is_given_once() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let own = format!("\"{}\"", base.key().kid());
        let alg = format!("\"{}\"", base.key().alg());
        for (name, value) in [
            ("alg", "\"none\""),
            ("alg", "\"HS256\""),
            ("alg", &*alg),
            ("kid", "\"\""),
            ("kid", &*own),
            ("alg", "null"),
            ("\\u0061lg", "\"none\""),
            ("\\u006bid", &*own),
            ("kid", "null"),
        ] {
            let member = format!("\"{name}\":{value}");
            attacks.push((format!("{member} first"), base.sign_header_text(&before_first(&base.header, &member))));
            attacks.push((format!("{member} last"), base.sign_header_text(&after_last(&base.header, &member))));
        }
        for member in ["crit", "jwk", "\\u006awk"] {
            let twice = format!("\"{member}\":null,\"{member}\":null");
            attacks.push((format!("{member} twice"), base.sign_header_text(&before_first(&base.header, &twice))));
        }
        for header in ["", "{", "}", "[]", "null", "\"\"", "0", "{}{}", "{\"alg\"}", "[{}]"] {
            attacks.push((format!("the header {header}"), base.sign_header_text(header)));
        }
        let (header, array) = (base.header.to_string(), format!("[{}]", base.header));
        for header in [
            array,
            format!("{header}{header}"),
            format!("{header}x"),
            format!("{header}\u{0}"),
            format!("/**/{header}"),
        ] {
            attacks.push((format!("the header {header}"), base.sign_header_text(&header)));
        }
        // serde takes a list for a struct where nobody says otherwise.
        let list = format!("[{alg},{own}]");
        attacks.push(("the header's values as a list".into(), base.sign_header_text(&list)));
        attacks.push((
            "the header's values as a full list".into(),
            base.sign_header_text(&format!("[{alg},{own},0,0,0,0,0,0]")),
        ));
    }
    range.refuses(&bases, &attacks).await;
}
