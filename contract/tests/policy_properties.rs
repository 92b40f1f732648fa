//! What must be true of every document and every text.

use driftwise_contract::policy::{Decision, PolicyDocument, Request, RequestPrincipal, are_equivalent, evaluate_all};
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

const ACCOUNT: &str = "123456789012";
const ROOT: &str = "arn:aws:iam::123456789012:root";
const USER: &str = "arn:aws:iam::123456789012:user/alice";
const RESOURCE: &str = "arn:aws:s3:::b/alice/k";

fn actions() -> impl Strategy<Value = Value> {
    one_or_many(&["*", "s3:*", "s3:Get*", "S3:getobject", "s3:GetObject", "iam:PassRole"])
}

fn resources() -> impl Strategy<Value = Value> {
    one_or_many(&["*", RESOURCE, "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::c/*", "arn:aws:s3"])
}

/// A scalar, or a list in any order, perhaps with repetitions.
fn one_or_many(choices: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![select(choices).prop_map(Value::from), vec(select(choices), 1..4).prop_map(Value::from),]
}

fn principal() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("*")),
        one_or_many(&["*", ACCOUNT, ROOT, USER, "210987654321", "AIDACKCEVSQ6C2EXAMPLE"])
            .prop_map(|names| json!({"AWS": names})),
        one_or_many(&["ec2.amazonaws.com", "sns.amazonaws.com"]).prop_map(|names| json!({"Service": names})),
    ]
}

fn condition_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        select(
            &[
                "",
                "a",
                "A",
                "a*",
                "true",
                "True",
                "1",
                "1.0",
                "10.0.0.0/8",
                "2024-01-01",
                ROOT,
                "${aws:username}",
                "${k:none}"
            ][..]
        )
        .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        (-3..3).prop_map(Value::from),
        (-300..300).prop_map(|hundredths: i32| Value::from(f64::from(hundredths) / 100.0)),
    ];
    prop_oneof![scalar.clone(), vec(scalar, 0..4).prop_map(Value::from)]
}

fn condition() -> impl Strategy<Value = Value> {
    let operators = vec![
        "StringEquals",
        "stringnotequals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIgnoreCase",
        "Bool",
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThanEquals",
        "DateGreaterThan",
        "IpAddress",
        "NotIpAddress",
        "ArnLike",
        "ArnNotEquals",
        "Null",
        "BinaryEquals",
        "StringEqualsIfExists",
        "ForAllValues:StringLike",
        "ForAnyValue:StringNotEquals",
        "ForAllValues:NumericEquals",
        "ForAnyValue:BoolIfExists",
    ];
    let keys = hash_map(select(&["k:one", "K:many", "k:absent"][..]), condition_value(), 0..3)
        .prop_map(|keys| keys.into_iter().map(|(key, values)| (key.to_owned(), values)).collect::<Map<_, _>>());
    (subsequence(operators, 0..3), vec(keys, 3)).prop_map(|(operators, keys)| {
        let operators = operators.into_iter().map(str::to_owned);
        Value::Object(operators.zip(keys.into_iter().map(Value::Object)).collect())
    })
}

fn statement() -> impl Strategy<Value = Value> {
    let element = |name: &'static str, value: BoxedStrategy<Value>| {
        (any::<bool>(), value).prop_map(move |(negated, value)| {
            let name = if negated { format!("Not{name}") } else { name.to_owned() };
            (name, value)
        })
    };
    (
        select(&["Allow", "Deny", "allow"][..]),
        element("Action", actions().boxed()),
        proptest::option::of(element("Resource", resources().boxed())),
        proptest::option::of(element("Principal", principal().boxed())),
        proptest::option::of(condition()),
        any::<bool>(),
    )
        .prop_map(|(effect, action, resource, principal, condition, empty_sid)| {
            let mut members = Map::new();
            members.insert("Effect".to_owned(), effect.into());
            members.extend([action]);
            members.extend(resource);
            members.extend(principal);
            members.extend(condition.map(|condition| ("Condition".to_owned(), condition)));
            if empty_sid {
                members.insert("Sid".to_owned(), "".into());
            }
            Value::Object(members)
        })
}

fn document() -> impl Strategy<Value = Value> {
    let version = select(&[None, Some("2008-10-17"), Some("2012-10-17")][..]);
    (version, vec(statement(), 1..4)).prop_map(|(version, statements)| {
        let mut members = Map::new();
        members.extend(version.map(|version| ("Version".to_owned(), version.into())));
        members.insert("Statement".to_owned(), statements.into());
        Value::Object(members)
    })
}

/// The same document with every list and every object turned around, and every list repeating its first item.
fn turned(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().rev().chain(items.first()).map(turned).collect(),
        Value::Object(members) => members.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect(),
        scalar => scalar.clone(),
    }
}

fn request() -> impl Strategy<Value = Request> {
    let caller = select(vec![
        None,
        Some(RequestPrincipal::aws(USER)),
        Some(RequestPrincipal::Anonymous),
        Some(RequestPrincipal::Service("ec2.amazonaws.com".to_owned())),
        Some(RequestPrincipal::Federated("issuer.example.com".to_owned())),
    ]);
    let values = || select(&["", "a", "TRUE", "1", "10.1.1.1", "2024-06-01", ROOT, "alice"][..]);
    let action = select(&["s3:GetObject", "S3:GETOBJECT", "iam:PassRole", "s3:PutObject"][..]);
    let resource = select(&[RESOURCE, "*", "arn:aws:s3:::c/k"][..]);
    (caller, action, resource, values(), vec(values(), 0..3), any::<bool>()).prop_map(
        |(caller, action, resource, one, many, is_user)| {
            let mut request = Request::new(action, resource);
            request.principal = caller;
            request.context.set("k:ONE", one).set_many("k:many", many);
            if is_user {
                request.context.set("aws:username", "alice");
            }
            request
        },
    )
}

fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        select(
            &[
                "Version",
                "Id",
                "Statement",
                "Sid",
                "Effect",
                "Action",
                "NotAction",
                "Resource",
                "Principal",
                "Condition",
                "AWS",
                "Bool",
                "NumericEquals",
                "StringLike",
                "a:b",
                "A:B"
            ][..]
        )
        .prop_map(str::to_owned),
        "\\PC{0,4}",
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        select(&["Allow", "2012-10-17", "*", "s3:*", ACCOUNT, "true", "1e3"][..]).prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 48, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            hash_map(name.clone(), inner, 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_form_is_idempotent_and_means_the_same(value in document()) {
        let document = PolicyDocument::from_value(&value).unwrap();
        let canonical = document.canonicalize();
        prop_assert_eq!(&canonical.canonicalize(), &canonical);
        prop_assert!(document.is_equivalent(&canonical));
        prop_assert!(canonical.is_equivalent(&document));
        prop_assert_eq!(are_equivalent(&value.to_string(), &canonical.to_string()), Ok(true));
    }

    #[test]
    fn the_canonical_form_is_blind_to_order_and_repetition(value in document()) {
        let document = PolicyDocument::from_value(&value).unwrap();
        let turned = PolicyDocument::from_value(&turned(&value)).unwrap();
        prop_assert_eq!(document.canonicalize(), turned.canonicalize());
        prop_assert!(document.is_equivalent(&turned));
    }

    #[test]
    fn a_document_reads_back_from_its_json(value in document()) {
        let document = PolicyDocument::from_value(&value).unwrap();
        for text in [value.to_string(), document.to_string(), document.to_pretty_string()] {
            prop_assert_eq!(PolicyDocument::parse(&text), Ok(document.clone()));
        }
    }

    #[test]
    fn canonical_form_and_order_change_no_decision(value in document(), request in request()) {
        let document = PolicyDocument::from_value(&value).unwrap();
        let decision = document.evaluate(&request).decision;
        prop_assert_eq!(document.canonicalize().evaluate(&request).decision, decision);
        let turned = PolicyDocument::from_value(&turned(&value)).unwrap();
        prop_assert_eq!(turned.evaluate(&request).decision, decision);
    }

    #[test]
    fn an_explicit_deny_always_wins(values in vec(document(), 1..4), at in any::<prop::sample::Index>(), request in request()) {
        let mut documents: Vec<_> = values.iter().map(|value| PolicyDocument::from_value(value).unwrap()).collect();
        let alone: Vec<_> = documents.iter().map(|document| document.evaluate(&request).decision).collect();
        let expected = if alone.contains(&Decision::ExplicitDeny) {
            Decision::ExplicitDeny
        } else if alone.contains(&Decision::Allow) {
            Decision::Allow
        } else {
            Decision::ImplicitDeny
        };
        prop_assert_eq!(evaluate_all(&documents, &request).decision, expected);
        let deny = json!({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
        documents.insert(at.index(values.len() + 1), PolicyDocument::from_value(&deny).unwrap());
        let evaluation = evaluate_all(&documents, &request);
        prop_assert_eq!(evaluation.decision, Decision::ExplicitDeny);
        prop_assert!(evaluation.decided_by.is_some());
    }

    #[test]
    fn no_json_makes_the_reader_or_the_comparison_panic(first in any_json(), second in any_json()) {
        let text = first.to_string();
        prop_assert_eq!(are_equivalent(&text, &turned_members(&first).to_string()), Ok(true));
        let there = are_equivalent(&text, &second.to_string());
        prop_assert_eq!(there, are_equivalent(&second.to_string(), &text));
        if let Ok(document) = PolicyDocument::parse(&text) {
            prop_assert!(document.is_equivalent(&document.canonicalize()));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200), text in "[%{}\\[\\]\":,a-zA-Z0-9$*]{0,80}") {
        for text in [String::from_utf8_lossy(&bytes).as_ref(), &text] {
            let _ = PolicyDocument::parse(text);
            let _ = PolicyDocument::parse_url_encoded(text);
            let _ = are_equivalent(text, text);
        }
    }
}

/// Only the members of objects turned around: lists of unknown meaning keep their order.
fn turned_members(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(turned_members).collect(),
        Value::Object(members) => {
            members.iter().rev().map(|(name, value)| (name.clone(), turned_members(value))).collect()
        }
        scalar => scalar.clone(),
    }
}
