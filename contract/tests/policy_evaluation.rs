//! The evaluator against AWS's semantics: a table of operators, and the documents that driftwise lives by.

#![expect(clippy::needless_pass_by_value, reason = "documents are written in place, where a reference is noise")]

use driftwise_contract::policy::{Context, Decision, Failure, PolicyDocument, Request, RequestPrincipal, evaluate_all};
use serde_json::{Value, json};
use time::macros::datetime;

fn document(statements: Value) -> PolicyDocument {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    PolicyDocument::parse(&document.to_string()).unwrap()
}

fn is_allowed(statement: Value, request: &Request) -> bool {
    document(statement).evaluate(request).is_allowed()
}

/// The key under test is absent, has one value, or is multivalued.
enum Key {
    Absent,
    One(&'static str),
    Many(&'static [&'static str]),
}
use Key::{Absent, Many, One};

#[test]
#[expect(clippy::too_many_lines, reason = "a table reads best as one")]
fn condition_operators_hold_as_aws_documents() {
    let arn = "arn:aws:iam::123456789012:role/team/reader";
    let cases: Vec<(&str, Value, Key, bool)> = vec![
        // text
        ("StringEquals", json!("a"), One("a"), true),
        ("StringEquals", json!("a"), One("A"), false),
        ("StringEquals", json!("a"), Absent, false),
        ("StringEquals", json!(["x", "a"]), One("a"), true),
        ("StringEquals", json!("a*"), One("ab"), false),
        ("StringEquals", json!("a*"), One("a*"), true),
        ("StringEquals", json!(""), One(""), true),
        ("StringEquals", json!(true), One("true"), true),
        ("StringEquals", json!(5), One("5"), true),
        ("StringEquals", json!([]), One("a"), false),
        ("StringEquals", json!("b"), Many(&["a", "b"]), true),
        ("StringNotEquals", json!("a"), One("b"), true),
        ("StringNotEquals", json!("a"), One("a"), false),
        ("StringNotEquals", json!("a"), Absent, true),
        ("StringNotEquals", json!(["a", "b"]), One("b"), false),
        ("StringNotEquals", json!(["a", "b"]), One("c"), true),
        ("StringNotEquals", json!("b"), Many(&["a", "b"]), false),
        ("StringEqualsIgnoreCase", json!("ÄB"), One("äb"), true),
        ("StringEqualsIgnoreCase", json!("a"), Absent, false),
        ("StringNotEqualsIgnoreCase", json!("A"), One("a"), false),
        ("StringNotEqualsIgnoreCase", json!("A"), Absent, true),
        ("StringLike", json!("org-*"), One("org-1"), true),
        ("StringLike", json!("org-?"), One("org-12"), false),
        ("StringLike", json!("ORG-*"), One("org-1"), false),
        ("StringLike", json!("*"), One(""), true),
        ("StringLike", json!("*"), Absent, false),
        ("StringNotLike", json!("org-*"), One("org-1"), false),
        ("StringNotLike", json!("org-*"), One("x"), true),
        ("StringNotLike", json!("*"), Absent, true),
        // …IfExists
        ("StringEqualsIfExists", json!("a"), Absent, true),
        ("StringEqualsIfExists", json!("a"), One("b"), false),
        ("StringNotEqualsIfExists", json!("a"), Absent, true),
        ("StringNotEqualsIfExists", json!("a"), One("a"), false),
        ("BoolIfExists", json!("true"), Absent, true),
        ("BoolIfExists", json!("true"), One("false"), false),
        ("NumericLessThanIfExists", json!("1"), Absent, true),
        ("DateLessThanIfExists", json!("2024-01-01T00:00:00Z"), Absent, true),
        ("IpAddressIfExists", json!("10.0.0.0/8"), Absent, true),
        ("ArnLikeIfExists", json!("*"), Absent, true),
        ("BinaryEqualsIfExists", json!("QQ=="), Absent, true),
        // sets
        ("ForAllValues:StringEquals", json!(["a", "b"]), Many(&["a", "b"]), true),
        ("ForAllValues:StringEquals", json!(["a", "b"]), Many(&["a", "c"]), false),
        ("ForAllValues:StringEquals", json!(["a"]), Absent, true),
        ("ForAllValues:StringEquals", json!(["a"]), Many(&[]), true),
        ("ForAllValues:StringEquals", json!("a"), One("a"), true),
        ("ForAllValues:StringEquals", json!("a"), One(""), true),
        ("ForAnyValue:StringEquals", json!(""), One(""), false),
        ("ForAllValues:StringNotEquals", json!(["a", "b"]), Many(&["c", "d"]), true),
        ("ForAllValues:StringNotEquals", json!(["a", "b"]), Many(&["c", "a"]), false),
        ("ForAllValues:StringNotEquals", json!("a"), Absent, true),
        ("ForAllValues:StringLikeIfExists", json!("a*"), Absent, true),
        ("ForAllValues:StringLikeIfExists", json!("a*"), Many(&["b"]), false),
        ("ForAnyValue:StringEquals", json!(["a", "b"]), Many(&["x", "b"]), true),
        ("ForAnyValue:StringEquals", json!(["a", "b"]), Many(&["x", "y"]), false),
        ("ForAnyValue:StringEquals", json!("a"), Absent, false),
        ("ForAnyValue:StringEquals", json!("a"), Many(&[]), false),
        ("ForAnyValue:StringNotEquals", json!("a"), Many(&["a", "b"]), true),
        ("ForAnyValue:StringNotEquals", json!(["a", "b"]), Many(&["a", "b"]), false),
        ("ForAnyValue:StringNotEquals", json!("a"), Absent, false),
        ("ForAnyValue:StringLikeIfExists", json!("a"), Absent, true),
        ("ForAnyValue:NumericEquals", json!("1"), Many(&["2", "1"]), true),
        ("ForAllValues:IpAddress", json!("10.0.0.0/8"), Many(&["10.1.1.1", "11.1.1.1"]), false),
        ("forAllValues:bool", json!("true"), Many(&["true", "true"]), true),
        // numbers
        ("NumericEquals", json!("10"), One("10.0"), true),
        ("NumericEquals", json!([1, 10]), One("10"), true),
        ("NumericEquals", json!("10"), One("ten"), false),
        ("NumericEquals", json!("10"), Absent, false),
        ("NumericNotEquals", json!("10"), One("11"), true),
        ("NumericNotEquals", json!("10"), One("10.00"), false),
        ("NumericNotEquals", json!("10"), Absent, true),
        ("NumericNotEquals", json!("10"), One("ten"), true),
        ("NumericLessThan", json!(10), One("9.99"), true),
        ("NumericLessThan", json!(10), One("10"), false),
        ("NumericLessThan", json!(10), Absent, false),
        ("NumericLessThanEquals", json!(10), One("10"), true),
        ("NumericGreaterThan", json!(10), One("9"), false),
        ("NumericGreaterThan", json!(-10), One("-9"), true),
        ("NumericGreaterThanEquals", json!(10), One("10"), true),
        ("NumericGreaterThanEquals", json!("x"), One("10"), false),
        // dates
        ("DateEquals", json!("2024-01-01T00:00:00Z"), One("2024-01-01T01:00:00+01:00"), true),
        ("DateEquals", json!("1704067200"), One("2024-01-01T00:00:00Z"), true),
        ("DateEquals", json!("2024-01-01"), Absent, false),
        ("DateNotEquals", json!("2024-01-01"), One("2024-01-01T00:00:00Z"), false),
        ("DateNotEquals", json!("2024-01-01"), Absent, true),
        ("DateLessThan", json!("2024-01-01"), One("2023-12-31T23:59:59.999Z"), true),
        ("DateLessThan", json!("2024-01-01"), One("2024-01-01"), false),
        ("DateLessThanEquals", json!("2024-01-01"), One("1704067200"), true),
        ("DateGreaterThan", json!("2024"), One("2024-06-01T00:00:00Z"), true),
        ("DateGreaterThan", json!("2024"), One("soon"), false),
        ("DateGreaterThanEquals", json!("2024-01"), One("2024-01-01T00:00Z"), true),
        // truth
        ("Bool", json!("true"), One("true"), true),
        ("Bool", json!(true), One("TRUE"), true),
        ("Bool", json!("true"), One("false"), false),
        ("Bool", json!("false"), One("false"), true),
        ("Bool", json!("false"), Absent, false),
        ("Bool", json!("true"), Absent, false),
        // bytes
        ("BinaryEquals", json!("QmluYXJ5"), One("QmluYXJ5"), true),
        ("BinaryEquals", json!("QQ=="), One("QQ"), true),
        ("BinaryEquals", json!("QmluYXJ5"), One("qmluyxj5"), false),
        ("BinaryEquals", json!("QQ=="), Absent, false),
        // addresses
        ("IpAddress", json!("203.0.113.0/24"), One("203.0.113.7"), true),
        ("IpAddress", json!("203.0.113.9/24"), One("203.0.113.7"), true),
        ("IpAddress", json!("203.0.113.7"), One("203.0.113.7"), true),
        ("IpAddress", json!(["10.0.0.0/8", "2001:db8::/32"]), One("2001:db8:1::1"), true),
        ("IpAddress", json!("203.0.113.0/24"), One("203.0.114.7"), false),
        ("IpAddress", json!("0.0.0.0/0"), One("::1"), false),
        ("IpAddress", json!("0.0.0.0/0"), One("AWS Internal"), false),
        ("IpAddress", json!("0.0.0.0/0"), Absent, false),
        ("NotIpAddress", json!(["10.0.0.0/8", "11.0.0.0/8"]), One("11.1.1.1"), false),
        ("NotIpAddress", json!("10.0.0.0/8"), One("11.1.1.1"), true),
        ("NotIpAddress", json!("10.0.0.0/8"), Absent, true),
        ("NotIpAddressIfExists", json!("10.0.0.0/8"), One("10.1.1.1"), false),
        // ARNs
        ("ArnEquals", json!(arn), One(arn), true),
        ("ArnEquals", json!("arn:aws:iam::*:role/*"), One(arn), true),
        ("ArnLike", json!("arn:aws:iam::123456789012:role/*"), One(arn), true),
        ("ArnLike", json!("arn:aws:iam::1234567890??:role/team/reader"), One(arn), true),
        ("ArnLike", json!("arn:aws:*:role/team/reader"), One(arn), false),
        ("ArnLike", json!("arn:aws:iam::123456789012:ROLE/*"), One(arn), false),
        ("ArnLike", json!(["arn:aws:s3:::*", "*"]), One(arn), true),
        ("ArnLike", json!("*"), One("no arn"), false),
        ("ArnLike", json!(arn), Absent, false),
        ("ArnNotEquals", json!("arn:aws:iam::*:role/*"), One(arn), false),
        ("ArnNotEquals", json!(arn), Absent, true),
        ("ArnNotLike", json!("arn:aws:iam::*:user/*"), One(arn), true),
        ("ArnNotLike", json!(["arn:aws:iam::*:user/*", "arn:aws:iam::*:role/*"]), One(arn), false),
        ("ArnNotLike", json!("*"), Absent, true),
        ("ForAnyValue:ArnLike", json!("arn:aws:iam::*:role/*"), Many(&["no arn", "arn:aws:iam::1:role/x"]), true),
        // presence
        ("Null", json!("true"), Absent, true),
        ("Null", json!(true), One("a"), false),
        ("Null", json!("false"), One("a"), true),
        ("Null", json!(false), Absent, false),
        ("Null", json!("true"), Many(&[]), true),
    ];
    for (operator, values, key, expected) in cases {
        let mut request = Request::new("s3:GetObject", "arn:aws:s3:::b/k");
        let shown = match key {
            Absent => "absent".to_owned(),
            One(value) => {
                request.context.set("aws:RequestTag/Key", value);
                format!("{value:?}")
            }
            Many(values) => {
                request.context.set_many("aws:RequestTag/Key", values.iter().copied());
                format!("{values:?}")
            }
        };
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {operator: {"AWS:requesttag/key": values}}});
        assert_eq!(is_allowed(statement, &request), expected, "{operator} {values} for {shown}");
    }
}

#[test]
fn all_conditions_of_a_statement_must_hold() {
    let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
        "StringEquals": {"a:x": "1", "a:y": "2"}, "Bool": {"a:z": "true"}}});
    let mut request = Request::new("s3:GetObject", "*");
    request.context.set("a:x", "1").set("a:y", "2").set_bool("a:z", true);
    assert!(is_allowed(statement.clone(), &request));
    for key in ["a:x", "a:y", "a:z"] {
        let mut request = request.clone();
        request.context.remove(key);
        assert!(!is_allowed(statement.clone(), &request), "{key}");
    }
}

#[test]
fn actions_and_resources_match_by_pattern() {
    for (element, listed, action, expected) in [
        ("Action", json!("*"), "s3:GetObject", true),
        ("Action", json!("s3:*"), "s3:GetObject", true),
        ("Action", json!("S3:getobject"), "s3:GetObject", true),
        ("Action", json!("s3:Get????ct"), "s3:GetObject", true),
        ("Action", json!(["iam:*", "s3:Put*"]), "s3:GetObject", false),
        ("NotAction", json!("iam:*"), "s3:GetObject", true),
        ("NotAction", json!(["iam:*", "S3:*"]), "s3:GetObject", false),
    ] {
        let statement = json!({"Effect": "Allow", element: listed, "Resource": "*"});
        let request = Request::new(action, "arn:aws:s3:::b/k");
        assert_eq!(is_allowed(statement, &request), expected, "{element} {listed} {action}");
    }
    for (element, listed, resource, expected) in [
        ("Resource", json!("*"), "*", true),
        ("Resource", json!("*"), "arn:aws:s3:::b/k", true),
        ("Resource", json!("arn:aws:s3:::b/*"), "arn:aws:s3:::b/k/l", true),
        ("Resource", json!("arn:aws:s3:::b"), "arn:aws:s3:::b/k", false),
        ("Resource", json!("arn:aws:s3:::B/*"), "arn:aws:s3:::b/k", false),
        ("Resource", json!("arn:aws:s3:::?/k"), "arn:aws:s3:::b/k", true),
        ("Resource", json!("arn:aws:s3:::b"), "*", false),
        ("Resource", json!("arn:aws:sqs"), "arn:aws:sqs:us-east-1:123456789012:q", true),
        ("NotResource", json!("arn:aws:s3:::b/*"), "arn:aws:s3:::b/k", false),
        ("NotResource", json!("arn:aws:s3:::c/*"), "arn:aws:s3:::b/k", true),
    ] {
        let statement = json!({"Effect": "Allow", "Action": "*", element: listed});
        let request = Request::new("s3:GetObject", resource);
        assert_eq!(is_allowed(statement, &request), expected, "{element} {listed} {resource}");
    }
}

#[test]
fn policy_variables_are_replaced_only_in_version_2012() {
    let statement = |resource: &str| json!({"Effect": "Allow", "Action": "*", "Resource": resource});
    let mut request = Request::new("s3:GetObject", "arn:aws:s3:::b/alice/k");
    assert!(!is_allowed(statement("arn:aws:s3:::b/${aws:username}/*"), &request));
    assert!(is_allowed(statement("arn:aws:s3:::b/${aws:username, 'alice'}/*"), &request));
    request.context.set("aws:username", "alice");
    assert!(is_allowed(statement("arn:aws:s3:::b/${aws:username}/*"), &request));
    for version in ["\"Version\":\"2008-10-17\",", ""] {
        let text = format!(r#"{{{version}"Statement":{}}}"#, statement("arn:aws:s3:::b/${aws:username}/*"));
        let document = PolicyDocument::parse(&text).unwrap();
        assert!(!document.evaluate(&request).is_allowed());
        request.resource = "arn:aws:s3:::b/${aws:username}/k".to_owned();
        assert!(document.evaluate(&request).is_allowed());
        request.resource = "arn:aws:s3:::b/alice/k".to_owned();
    }
}

#[test]
fn a_variable_without_a_value_matches_nothing() {
    let request = Request::new("s3:GetObject", "arn:aws:s3:::b/k");
    for (element, listed, expected) in [
        ("Resource", json!(["arn:aws:s3:::b/${aws:username}*", "arn:aws:s3:::b/k"]), true),
        ("Resource", json!(["arn:aws:s3:::b/${aws:username}*"]), false),
        ("NotResource", json!(["arn:aws:s3:::c/${aws:username}"]), false),
    ] {
        let statement = json!({"Effect": "Allow", "Action": "*", element: listed});
        assert_eq!(is_allowed(statement, &request), expected, "{element} {listed}");
    }
    let mut request = request;
    request.context.set("a:b", "x");
    for (operator, values, expected) in [
        ("StringEquals", json!("${aws:username}"), false),
        ("StringEquals", json!(["${aws:username}", "x"]), true),
        ("StringNotEquals", json!("${aws:username}"), false),
        ("StringNotEquals", json!("${aws:username, 'y'}"), true),
        ("StringLike", json!("${aws:username, 'x'}"), true),
        // Only the operators on text and ARNs know variables.
        ("BinaryEquals", json!("${a:b}"), false),
        ("StringEquals", json!("${a:b}"), true),
    ] {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {operator: {"a:b": values}}});
        assert_eq!(is_allowed(statement, &request), expected, "{operator} {values}");
    }
}

const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/issuer.example.com/d";
const ROLE: &str = "arn:aws:iam::123456789012:role/team/reader";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/reader/scan-1";

#[test]
fn principals_match_as_recorded_and_documented() {
    let user = || RequestPrincipal::aws("arn:aws:iam::123456789012:user/alice");
    let session = || RequestPrincipal::role_session(SESSION, ROLE);
    let bare_session = || RequestPrincipal::aws(SESSION);
    let web = || RequestPrincipal::Federated(PROVIDER.to_owned());
    let service = || RequestPrincipal::Service("ec2.amazonaws.com".to_owned());
    let anonymous = || RequestPrincipal::Anonymous;
    for (element, listed, caller, expected) in [
        ("Principal", json!("*"), user(), true),
        ("Principal", json!("*"), web(), true),
        ("Principal", json!("*"), anonymous(), true),
        ("Principal", json!("*"), service(), true),
        ("Principal", json!({"AWS": "*"}), user(), true),
        ("Principal", json!({"AWS": "*"}), anonymous(), true),
        ("Principal", json!({"AWS": "*"}), service(), true),
        ("Principal", json!({"AWS": "*"}), web(), false),
        ("Principal", json!({"AWS": "123456789012"}), user(), true),
        ("Principal", json!({"AWS": "arn:aws:iam::123456789012:root"}), session(), true),
        ("Principal", json!({"AWS": "123456789012"}), web(), false),
        ("Principal", json!({"AWS": "210987654321"}), user(), false),
        ("Principal", json!({"AWS": "arn:aws:iam::123456789012:user/alice"}), user(), true),
        ("Principal", json!({"AWS": "arn:aws:iam::123456789012:user/Alice"}), user(), false),
        ("Principal", json!({"AWS": "arn:aws:iam::123456789012:user/*"}), user(), false),
        ("Principal", json!({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}), user(), false),
        ("Principal", json!({"AWS": ROLE}), session(), true),
        ("Principal", json!({"AWS": ROLE}), bare_session(), true),
        ("Principal", json!({"AWS": "arn:aws:iam::123456789012:role/other/reader"}), session(), false),
        ("Principal", json!({"AWS": "arn:aws:iam::210987654321:role/reader"}), bare_session(), false),
        ("Principal", json!({"AWS": "arn:aws:iam::123456789012:role/team/read"}), bare_session(), false),
        ("Principal", json!({"AWS": SESSION}), session(), true),
        ("Principal", json!({"AWS": "arn:aws:sts::123456789012:assumed-role/reader/scan-2"}), session(), false),
        ("Principal", json!({"Federated": PROVIDER}), web(), true),
        ("Principal", json!({"Federated": [PROVIDER.to_owned() + "/"]}), web(), false),
        ("Principal", json!({"Federated": "*"}), web(), false),
        ("Principal", json!({"Service": "ec2.amazonaws.com"}), service(), true),
        ("Principal", json!({"Service": "ecs.amazonaws.com"}), service(), false),
        ("Principal", json!({"AWS": "123456789012", "Federated": PROVIDER}), web(), true),
        ("Principal", json!({"CanonicalUser": "79a59df900b949e5"}), user(), false),
        ("NotPrincipal", json!({"AWS": "arn:aws:iam::123456789012:user/alice"}), user(), false),
        ("NotPrincipal", json!({"AWS": "arn:aws:iam::123456789012:user/bob"}), user(), true),
    ] {
        let statement = json!({"Effect": "Allow", element: listed, "Action": "*"});
        let shown = format!("{element} {listed} {caller:?}");
        let request = Request::new("sts:AssumeRole", ROLE).by(caller);
        assert_eq!(is_allowed(statement, &request), expected, "{shown}");
    }
}

#[test]
fn a_deny_spares_a_listed_principal_only_with_its_account_and_role() {
    let session = RequestPrincipal::role_session(SESSION, ROLE);
    let user = RequestPrincipal::aws("arn:aws:iam::123456789012:user/alice");
    for (listed, caller, expected) in [
        (json!([SESSION, ROLE, "123456789012"]), &session, Decision::ImplicitDeny),
        (json!([ROLE, "123456789012"]), &session, Decision::ExplicitDeny),
        (json!([SESSION, "123456789012"]), &session, Decision::ExplicitDeny),
        (json!([SESSION, ROLE]), &session, Decision::ExplicitDeny),
        (json!(["arn:aws:iam::123456789012:user/alice", "123456789012"]), &user, Decision::ImplicitDeny),
        (json!(["arn:aws:iam::123456789012:user/alice"]), &user, Decision::ExplicitDeny),
        (json!(["123456789012"]), &user, Decision::ExplicitDeny),
    ] {
        let policy =
            document(json!({"Effect": "Deny", "NotPrincipal": {"AWS": listed}, "Action": "*", "Resource": "*"}));
        let request = Request::new("s3:GetObject", "arn:aws:s3:::b/k").by(caller.clone());
        assert_eq!(policy.evaluate(&request).decision, expected, "{listed} {caller:?}");
    }
}

#[test]
fn a_principal_is_needed_only_where_the_document_names_one() {
    let identity = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let resource = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"});
    let request = Request::new("s3:GetObject", "arn:aws:s3:::b/k");
    assert!(is_allowed(identity.clone(), &request));
    assert!(!is_allowed(resource.clone(), &request));
    let request = request.by(RequestPrincipal::Anonymous);
    assert!(is_allowed(identity, &request));
    assert!(is_allowed(resource, &request));
}

/// The trust policy of the default form: subject, audience, the organisation as session tag, a pinned token.
fn trust_policy() -> PolicyDocument {
    document(json!({
        "Sid": "DriftwiseAgent", "Effect": "Allow", "Principal": {"Federated": PROVIDER},
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "issuer.example.com/d:sub": "org-0190a1b2-0000-7000-8000-000000000001",
                "issuer.example.com/d:aud": "sts.amazonaws.com",
                "aws:RequestTag/dw_org_id": "0190a1b2-0000-7000-8000-000000000001"
            },
            "Bool": {"sts:RoleAuthorizedByIdp": "true"}
        }
    }))
}

fn web_identity_request() -> Request {
    let mut context = Context::new();
    context
        .set("issuer.example.com/d:sub", "org-0190a1b2-0000-7000-8000-000000000001")
        .set("issuer.example.com/d:aud", "sts.amazonaws.com")
        .set("aws:RequestTag/dw_org_id", "0190a1b2-0000-7000-8000-000000000001")
        .set_many("aws:TagKeys", ["dw_org_id"])
        .set_bool("sts:RoleAuthorizedByIdp", true)
        .set_date("aws:CurrentTime", datetime!(2026-11-01 12:00 UTC));
    Request::new("sts:AssumeRoleWithWebIdentity", ROLE)
        .by(RequestPrincipal::Federated(PROVIDER.to_owned()))
        .with_context(context)
}

#[test]
fn the_session_tag_trust_policy_admits_its_organisation() {
    let policy = trust_policy();
    for action in ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"] {
        let mut request = web_identity_request();
        action.clone_into(&mut request.action);
        let evaluation = policy.evaluate(&request);
        assert_eq!(evaluation.decision, Decision::Allow);
        assert_eq!(evaluation.decided_by.unwrap().sid.as_deref(), Some("DriftwiseAgent"));
    }
    let mut request = web_identity_request();
    "sts:SetSourceIdentity".clone_into(&mut request.action);
    assert_eq!(policy.evaluate(&request).decision, Decision::ImplicitDeny);
}

#[test]
fn the_session_tag_trust_policy_refuses_everyone_else_and_says_why() {
    let policy = trust_policy();
    for (key, value) in [
        ("issuer.example.com/d:sub", Some("org-0190a1b2-0000-7000-8000-000000000002")),
        ("issuer.example.com/d:sub", None),
        ("issuer.example.com/d:aud", Some("other")),
        ("aws:RequestTag/dw_org_id", Some("0190a1b2-0000-7000-8000-000000000002")),
        ("aws:RequestTag/dw_org_id", None),
        ("sts:RoleAuthorizedByIdp", Some("false")),
        ("sts:RoleAuthorizedByIdp", None),
    ] {
        let mut request = web_identity_request();
        match value {
            Some(value) => request.context.set(key, value),
            None => request.context.remove(key),
        };
        let evaluation = policy.evaluate(&request);
        assert_eq!(evaluation.decision, Decision::ImplicitDeny);
        assert_eq!(evaluation.decided_by, None);
        let [Failure::Condition { key: failed, actual, .. }] = &evaluation.statements[0].failures[..] else {
            panic!("{evaluation}");
        };
        assert_eq!(failed, key);
        assert_eq!(actual.as_deref().map(|values| values[0].as_str()), value);
        assert!(evaluation.to_string().contains(key), "{evaluation}");
    }
    let request = web_identity_request().by(RequestPrincipal::Federated(PROVIDER.to_owned() + "/"));
    assert_eq!(policy.evaluate(&request).statements[0].failures, [Failure::Principal]);
}

#[test]
fn a_bare_custom_claim_shuts_out_or_guards_nothing() {
    let claim = "issuer.example.com/d:dw_org_id";
    for (operator, expected) in [
        ("StringEquals", false),
        ("StringEqualsIfExists", true),
        ("StringNotEquals", true),
        ("ForAllValues:StringEquals", true),
        ("ForAnyValue:StringEquals", false),
    ] {
        let statement = json!({"Effect": "Allow", "Principal": {"Federated": PROVIDER},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {operator: {claim: "x"}}});
        assert_eq!(is_allowed(statement, &web_identity_request()), expected, "{operator}");
    }
}

#[test]
fn an_explicit_deny_wins_over_any_allow_and_names_its_statement() {
    let allow = document(json!({"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}));
    let deny = document(json!([
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Sid": "NotThis", "Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
    ]));
    let request = |action: &str| Request::new(action, "arn:aws:s3:::b/k");
    for policies in [[&allow, &deny], [&deny, &allow]] {
        let evaluation = evaluate_all(policies, &request("s3:DeleteObject"));
        assert_eq!(evaluation.decision, Decision::ExplicitDeny);
        assert_eq!(evaluation.statements.len(), 3);
        let decided_by = evaluation.decided_by.clone().unwrap();
        assert_eq!((decided_by.index, decided_by.sid.as_deref()), (1, Some("NotThis")));
        assert_eq!(decided_by.policy, usize::from(policies[1] == &deny));
        assert!(evaluation.to_string().starts_with("explicitly denied by policy"));
        assert!(evaluate_all(policies, &request("s3:GetObject")).is_allowed());
    }
    let evaluation = evaluate_all([], &request("s3:GetObject"));
    assert_eq!(evaluation.decision, Decision::ImplicitDeny);
}
