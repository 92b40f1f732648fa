//! The fuzz targets on bytes that proptest makes: seeds with edits, soups of the words that the formats are made of, noise.
//! `DRIFTWISE_FUZZ_CASES` says how many of each target are tried; libFuzzer goes further (`fuzz/README.md`).

#[path = "../../../fuzz/src/assertion.rs"]
#[expect(unreachable_pub, reason = "part of a crate of its own for libFuzzer")]
mod assertion;
#[path = "../../../fuzz/src/lint.rs"]
#[expect(unreachable_pub, reason = "part of a crate of its own for libFuzzer")]
mod lint;
#[path = "../../../fuzz/src/policy.rs"]
#[expect(unreachable_pub, reason = "part of a crate of its own for libFuzzer")]
mod policy;
#[path = "../../../fuzz/src/token_request.rs"]
#[expect(unreachable_pub, reason = "part of a crate of its own for libFuzzer")]
mod token_request;

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// Seconds of each target in a run of all tests, not minutes.
const CASES: u32 = 2_000;

/// Words of JSON, JOSE, forms and policies.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\u0061",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e400",
    "1.5",
    "1800000000",
    "1800000060",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "\0",
    "\n",
    "\u{feff}",
    "\u{202e}",
    "\u{1f600}",
    "alg",
    "ES256",
    "RS256",
    "HS256",
    "none",
    "kid",
    "@KID@",
    "typ",
    "JWT",
    "crit",
    "b64",
    "zip",
    "jku",
    "jwk",
    "x5u",
    "x5c",
    "iss",
    "sub",
    "aud",
    "iat",
    "exp",
    "nbf",
    "jti",
    "https://issuer.example",
    "https://issuer.example/oauth2/token",
    "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21",
    ".",
    "..",
    "=",
    "==",
    "eyJ",
    "e30",
    "-",
    "_",
    "&",
    "+",
    "%",
    "%00",
    "%26",
    "%3D",
    "%ff",
    "grant_type",
    "client_credentials",
    "client_assertion_type",
    "client_assertion",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_id",
    "client_secret",
    "resource",
    "scope",
    "arn:aws:iam::123456789012:role/scan",
    "Version",
    "2012-10-17",
    "2008-10-17",
    "Statement",
    "Id",
    "Sid",
    "Effect",
    "Allow",
    "Deny",
    "Principal",
    "NotPrincipal",
    "AWS",
    "Federated",
    "Action",
    "NotAction",
    "sts:AssumeRole",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:RoleAuthorizedByIdp",
    "sts:ExternalId",
    "arn:aws:iam::123456789012:oidc-provider/issuer.example",
    "issuer.example:sub",
    "issuer.example:aud",
    "aws:RequestTag/dw_org_id",
    "org-",
    "StringLike",
    "StringNotEquals",
    "IfExists",
    "s3:Get*",
    "Resource",
    "NotResource",
    "Condition",
    "StringEquals",
    "ForAllValues:StringLikeIfExists",
    "Null",
    "IpAddress",
    "10.0.0.0/8",
    "*",
    "?",
    "${aws:username}",
    "${",
    "${*}",
];

/// One change of a seed.
#[derive(Debug, Clone)]
enum Edit {
    Replace(Index, u8),
    Insert(Index, &'static str),
    Cut(Index, usize),
    Copy(Index, Index, usize),
    End(Index),
}

impl Edit {
    fn any() -> impl Strategy<Value = Self> {
        let at = any::<Index>;
        prop_oneof![
            (at(), any::<u8>()).prop_map(|(at, byte)| Self::Replace(at, byte)),
            (at(), select(WORDS)).prop_map(|(at, word)| Self::Insert(at, word)),
            (at(), 1..16usize).prop_map(|(at, length)| Self::Cut(at, length)),
            (at(), at(), 1..64usize).prop_map(|(from, to, length)| Self::Copy(from, to, length)),
            at().prop_map(Self::End),
        ]
    }

    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let size = bytes.len();
        let until = |at: usize, length: usize| (at + length).min(size);
        match self {
            Self::Replace(at, byte) => bytes[at.index(size)] = *byte,
            Self::Insert(at, word) => drop(bytes.splice(at.index(size)..at.index(size), word.bytes())),
            Self::Cut(at, length) => drop(bytes.drain(at.index(size)..until(at.index(size), *length))),
            Self::Copy(from, to, length) => {
                let part = bytes[from.index(size)..until(from.index(size), *length)].to_vec();
                drop(bytes.splice(to.index(size)..to.index(size), part));
            }
            Self::End(at) => bytes.truncate(at.index(size)),
        }
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn run(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for seed in &seeds {
        check(seed);
    }
    let cases = match std::env::var("DRIFTWISE_FUZZ_CASES") {
        Ok(cases) => cases.parse().expect("DRIFTWISE_FUZZ_CASES is a number"),
        Err(_) => CASES,
    };
    let edited = (select(seeds), vec(Edit::any(), 1..6)).prop_map(|(mut bytes, edits)| {
        for edit in edits {
            edit.apply(&mut bytes);
        }
        bytes
    });
    let soup = (any::<u8>(), vec(select(WORDS), 0..60)).prop_map(|(first, words)| {
        let mut bytes = vec![first];
        bytes.extend(words.concat().into_bytes());
        bytes
    });
    let inputs = prop_oneof![6 => edited, 3 => soup, 1 => vec(any::<u8>(), 0..400)];
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&inputs, |bytes| {
        check(&bytes);
        Ok(())
    });
    if let Err(fault) = outcome {
        panic!("{target}: {fault}");
    }
}

#[test]
fn no_bytes_break_the_reading_of_assertions() {
    run("assertion", assertion::check);
}

#[test]
fn no_bytes_break_the_reading_of_token_requests() {
    run("token_request", token_request::check);
}

#[test]
fn no_bytes_break_the_reading_of_policies() {
    run("policy", policy::check);
}

#[test]
fn no_bytes_break_the_linter_or_fool_it() {
    run("lint", lint::check);
}
