//! Claims of the wrong type, given twice, missing, or near the right value.

use serde_json::{Value, json};

use super::{Attack, MARK, Range, after_last, before_first};
use crate::harness::{NOW_S, with};

/// JSON that is no whole number of seconds, or no JSON.
const NO_TIMES: [&str; 23] = [
    "\"1800000060\"",
    "1800000060.0",
    "1800000060.5",
    "1.80000006e9",
    "18e8",
    "99999999999999999999",
    "18446744073709551615",
    "1e400",
    "-1e400",
    "1e-400",
    "NaN",
    "Infinity",
    "-Infinity",
    "0x6B49D23C",
    "01800000060",
    "+1800000060",
    "1_800_000_060",
    "true",
    "[1800000060]",
    "{\"seconds\":1800000060}",
    "\"2027-01-15T08:01:00Z\"",
    "",
    "1800000060 1",
];

#[tokio::test]
async fn a_time_is_a_whole_number_of_seconds_near_now() {
    let range = Range::open().await;
    let bases = [range.base(&range.ec)];
    let [base] = &bases;
    let mut attacks: Vec<Attack> = Vec::new();
    for claim in ["exp", "iat", "nbf"] {
        for json in NO_TIMES {
            attacks.push((format!("{claim} is {json}"), base.sign_claim(claim, json)));
        }
        for json in ["9223372036854775807", "253402300800", "1800000361"] {
            attacks.push((format!("{claim} is {json}"), base.sign_claim(claim, json)));
        }
    }
    for claim in ["exp", "iat"] {
        for json in ["null", "-1800000060", "-1", "0", "-9223372036854775808"] {
            attacks.push((format!("{claim} is {json}"), base.sign_claim(claim, json)));
        }
    }
    for (name, changes) in [
        ("from the beginning to the end of time", json!({"iat": i64::MIN, "exp": i64::MAX})),
        ("from the end to the beginning of time", json!({"iat": i64::MAX, "exp": i64::MIN})),
        ("both at the end of time", json!({"iat": i64::MAX, "exp": i64::MAX})),
        ("both at the beginning of time", json!({"iat": i64::MIN, "exp": i64::MIN})),
        ("a lifetime of an hour", json!({"exp": NOW_S + 3_600})),
        ("a lifetime of 301 s", json!({"exp": NOW_S + 301})),
        ("a lifetime of nothing", json!({"exp": NOW_S})),
        ("a negative lifetime", json!({"iat": NOW_S + 30, "exp": NOW_S + 10})),
        ("expired", json!({"iat": NOW_S - 200, "exp": NOW_S - 100})),
        ("expired at the edge", json!({"iat": NOW_S - 120, "exp": NOW_S - 60})),
        ("from the future", json!({"iat": NOW_S + 61, "exp": NOW_S + 120})),
        ("not before later", json!({"nbf": NOW_S + 61})),
    ] {
        attacks.push((name.into(), base.key().sign(&base.header, &with(&base.claims, changes))));
    }
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn every_claim_is_needed_and_given_once() {
    let range = Range::open().await;
    let bases = range.bases();
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        for claim in ["iss", "sub", "aud", "iat", "exp", "jti"] {
            let without = with(&base.claims, json!({claim: null}));
            attacks.push((format!("no {claim}"), base.key().sign(&base.header, &without)));
            let value = &base.claims[claim];
            let escaped = format!("\\u{:04x}{}", claim.as_bytes()[0], &claim[1..]);
            for (name, value) in [(claim, value), (&*escaped, value), (claim, &json!(MARK)), (claim, &Value::Null)] {
                let member = format!("\"{name}\":{value}");
                attacks.push((format!("{member} first"), base.sign_claims_text(&before_first(&base.claims, &member))));
                attacks.push((format!("{member} last"), base.sign_claims_text(&after_last(&base.claims, &member))));
            }
            for name in [claim.to_uppercase(), format!("{claim} "), format!("{claim}\\u0000"), format!(" {claim}")] {
                let renamed = base.claims.to_string().replace(&format!("\"{claim}\""), &format!("\"{name}\""));
                attacks.push((format!("{name:?} for {claim}"), base.sign_claims_text(&renamed)));
            }
        }
        let nbf = format!("\"nbf\":{NOW_S},\"nbf\":{NOW_S}");
        attacks.push(("nbf twice".into(), base.sign_claims_text(&before_first(&base.claims, &nbf))));
        for claims in
            ["", " ", "{", "}", "{}", "[]", "[{}]", "null", "0", "\"\"", "{}{}", "{\"iss\"}", "{\"iss\":}", "{'iss':1}"]
        {
            attacks.push((format!("the claims {claims}"), base.sign_claims_text(claims)));
        }
        let text = base.claims.to_string();
        for claims in [
            format!("[{text}]"),
            format!("{text}{text}"),
            format!("{text}x"),
            format!("{text}\u{0}"),
            format!("/**/{text}"),
            format!("{},}}", &text[..text.len() - 1]),
            format!("{text}//"),
        ] {
            attacks.push((format!("the claims {claims}"), base.sign_claims_text(&claims)));
        }
        // serde takes a list for a struct where nobody says otherwise.
        let list: Vec<&Value> =
            ["iss", "sub", "aud", "iat", "exp", "nbf", "jti"].iter().map(|claim| &base.claims[*claim]).collect();
        attacks.push(("the claims' values as a list".into(), base.sign_claims_text(&json!(list).to_string())));
    }
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn iss_and_sub_are_the_agents_id_to_the_letter() {
    let range = Range::open().await;
    let bases = range.bases();
    let [rsa, ec] = &bases;
    let mut attacks: Vec<Attack> = Vec::new();
    for base in &bases {
        let id = base.agent.id.to_string();
        let texts = [
            "",
            " ",
            "*",
            "%",
            "_",
            "' OR '1'='1",
            "00000000-0000-0000-0000-000000000000",
            MARK,
            &id.to_uppercase(),
            &id.replace('-', ""),
            &format!("{{{id}}}"),
            &format!("urn:uuid:{id}"),
            &format!(" {id}"),
            &format!("{id} "),
            &format!("{id}\n"),
            &format!("{id}\u{0}"),
            &format!("org-{id}"),
            &range.issuer.url,
            &id.chars()
                .map(|c| if c.is_ascii_digit() { char::from_u32(u32::from(c) - 0x30 + 0xff10).unwrap() } else { c })
                .collect::<String>(),
        ]
        .map(|text| json!(text));
        let others = [json!([id]), json!({"id": id}), json!(7), json!(true), Value::Null];
        for wrong in texts.iter().chain(&others) {
            // An id without letters is its own upper case.
            if wrong == &json!(id) {
                continue;
            }
            for changes in [json!({"iss": wrong}), json!({"sub": wrong}), json!({"iss": wrong, "sub": wrong})] {
                attacks
                    .push((format!("{changes}"), base.key().sign(&base.header, &with(&base.claims, changes.clone()))));
            }
        }
    }
    for (name, changes) in [
        ("sub is another agent", json!({"sub": ec.agent.id})),
        ("iss is another agent", json!({"iss": ec.agent.id})),
        ("both are another agent", json!({"iss": ec.agent.id, "sub": ec.agent.id})),
    ] {
        attacks.push((name.into(), rsa.key().sign(&rsa.header, &with(&rsa.claims, changes))));
    }
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn the_audience_is_this_issuer_to_the_letter() {
    let range = Range::open().await;
    let bases = [range.base(&range.ec)];
    let [base] = &bases;
    let (url, endpoint) = (&range.issuer.url, range.issuer.token_endpoint());
    let authority = url.trim_start_matches("http://");
    let near = [
        String::new(),
        " ".into(),
        "*".into(),
        "sts.amazonaws.com".into(),
        format!("{url}/"),
        format!("{url}?"),
        format!("{url}#"),
        format!("{url}#{MARK}"),
        format!("{url} "),
        format!(" {url}"),
        format!("{url}\n"),
        format!("{url}\u{0}"),
        url.to_uppercase(),
        format!("{url}.evil.example"),
        format!("https://{authority}"),
        authority.to_owned(),
        format!("http://{MARK}@{authority}"),
        format!("http://evil.example/{url}"),
        url.replace("127.0.0.1", "localhost"),
        url.replace("127.0.0.1", "127.1"),
        format!("{endpoint}/"),
        format!("{endpoint}?x=y"),
        endpoint.to_uppercase(),
        format!("{url}//oauth2/token"),
        format!("{url}/oauth2%2ftoken"),
        format!("{url}/api/v2/agent"),
        format!("{url},{url}"),
        format!("{url} {endpoint}"),
    ];
    let mut audiences: Vec<Value> = near.iter().flat_map(|aud| [json!(aud), json!([aud]), json!([url, aud])]).collect();
    audiences.extend([
        json!([]),
        json!([null]),
        json!([url, null]),
        json!([url, 7]),
        json!([[url]]),
        json!({"url": url}),
        json!({}),
        json!(7),
        json!(true),
        json!([url, endpoint, "https://other.example"]),
    ]);
    let attacks: Vec<Attack> = audiences
        .into_iter()
        .map(|aud| (format!("aud {aud}"), base.key().sign(&base.header, &with(&base.claims, json!({"aud": aud})))))
        .collect();
    range.refuses(&bases, &attacks).await;
}

#[tokio::test]
async fn a_jti_is_a_text_of_1_to_128_bytes() {
    let range = Range::open().await;
    let bases = [range.base(&range.ec)];
    let [base] = &bases;
    let long = format!("\"{}\"", "j".repeat(129));
    let wide = format!("\"{}\"", "\u{1f600}".repeat(33));
    let attacks: Vec<Attack> = ["\"\"", &long, &wide, "7", "true", "null", "[]", "[\"x\"]", "{}", "1.5"]
        .into_iter()
        .map(|jti| (format!("jti {jti}"), base.sign_claim("jti", jti)))
        .collect();
    range.refuses(&bases, &attacks).await;
}
