//! What the strict reader takes, what it refuses and where, and what counts as the same.

use driftwise_contract::policy::{
    Effect, Matching, PolicyDocument, PolicyFault, PrincipalKind, Principals, Version, are_equivalent,
};
use serde_json::json;

fn statement(members: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{{members}}}]}}"#)
}

#[test]
fn every_element_is_read() {
    let document = PolicyDocument::parse(
        r#"{"Version":"2012-10-17","Id":"i","Statement":{"Sid":"S","Effect":"dENY",
            "NotPrincipal":{"AWS":["123456789012","arn:aws:iam::123456789012:user/a"],"Service":"ec2.amazonaws.com"},
            "NotAction":"s3:Get*","NotResource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],
            "Condition":{"bool":{"aws:SecureTransport":false},"NumericLessThan":{"s3:max-keys":[10,"2.5",3.0]}}}}"#,
    )
    .unwrap();
    assert_eq!(document.version(), Some(Version::V2012));
    assert_eq!(document.id(), Some("i"));
    let [statement] = document.statements() else {
        panic!("one statement");
    };
    assert_eq!(statement.sid(), Some("S"));
    assert_eq!(statement.effect(), Effect::Deny);
    let Some(Matching::AllBut(principals)) = statement.principal() else {
        panic!("NotPrincipal");
    };
    assert_eq!(principals.of_kind(PrincipalKind::Aws).len(), 2);
    assert_eq!(principals.of_kind(PrincipalKind::Service), ["ec2.amazonaws.com"]);
    assert_eq!(statement.action(), &Matching::AllBut(vec!["s3:Get*".to_owned()]));
    assert!(statement.resource().unwrap().is_negated());
    let conditions: Vec<_> =
        statement.conditions().iter().map(|c| (c.operator().to_string(), c.key(), c.values())).collect();
    assert_eq!(conditions[0].2, ["10", "2.5", "3.0"]);
    assert_eq!(conditions[1], ("Bool".into(), "aws:SecureTransport", &["false".to_owned()][..]));
    assert_eq!(PolicyDocument::parse(&document.to_pretty_string()), Ok(document.clone()));
    assert_eq!(PolicyDocument::parse(&document.to_string()), Ok(document.clone()));
    assert_eq!(serde_json::to_value(&document).unwrap(), document.to_json());
}

#[test]
fn a_list_of_one_is_written_as_a_scalar() {
    let document = PolicyDocument::parse(&statement(
        r#""Principal":"*","Effect":"allow","Resource":["*"],"Action":["s3:*","sts:*"],"Sid":"""#,
    ))
    .unwrap();
    let expected = json!({"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Principal":"*","Action":["s3:*","sts:*"],"Resource":"*"}]});
    assert_eq!(document.to_json(), expected);
    assert_eq!(document.statements()[0].principal(), Some(&Matching::Only(Principals::Everyone)));
}

#[test]
fn url_encoded_documents_keep_their_plus_signs() {
    let text = statement(r#""Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a+b/ü""#);
    let encoded: String = text
        .bytes()
        .map(|b| match b {
            b'{' | b'}' | b'"' | b':' | b'[' | b']' | b',' | 128.. => format!("%{b:02X}"),
            b => char::from(b).to_string(),
        })
        .collect();
    assert_eq!(PolicyDocument::parse_url_encoded(&encoded), PolicyDocument::parse(&text));
    assert_eq!(are_equivalent(&encoded, &text), Ok(true));
    let error = PolicyDocument::parse_url_encoded("%FF").unwrap_err();
    assert_eq!(error.fault(), PolicyFault::Encoding);
}

#[test]
fn what_aws_refuses_is_refused_with_a_cause() {
    let allow = r#""Effect":"Allow","Action":"s3:*","Resource":"*""#;
    for (text, cause) in [
        (r#"{"Version":"2012-10-17"}"#.to_owned(), "Statement is missing"),
        (r#"{"Statement":[]}"#.to_owned(), "Statement: the list is empty"),
        (r#"{"Version":"2012-10-18","Statement":[]}"#.to_owned(), "Version: \"2012-10-18\" is no policy version"),
        (r#"{"Version":null,"Statement":[]}"#.to_owned(), "Version: invalid type: null"),
        (r#"{"Statment":[]}"#.to_owned(), "a document has no member \"Statment\""),
        (r#"{"Id":"a","Id":"b"}"#.to_owned(), "Id is given twice"),
        (r#"{"Statement":42}"#.to_owned(), "Statement: invalid type: integer `42`"),
        ("[]".to_owned(), "expected a policy document"),
        (statement(r#""Action":"s3:*""#), "Statement[0]: Effect is missing"),
        (statement(r#""Effect":"Permit","Action":"s3:*""#), "Statement[0]: Effect: \"Permit\" is no effect"),
        (statement(r#""Effect":"Allow""#), "Statement[0]: Action is missing"),
        (statement(r#""Effect":"Allow","Action":[]"#), "Action is an empty list"),
        (statement(r#""Effect":"Allow","Action":"GetObject""#), "\"GetObject\" has no service prefix"),
        (statement(r#""Effect":"Allow","Action":[["s3:*"]]"#), "Action: invalid type: sequence, expected a string"),
        (statement(r#""Effect":"Allow","Action":7"#), "Action: invalid type: integer `7`"),
        (statement(&format!(r#"{allow},"NotAction":"iam:*""#)), "both Action and NotAction"),
        (statement(&format!(r#"{allow},"NotResource":"*""#)), "both Resource and NotResource"),
        (statement(&format!(r#"{allow},"Principal":"*","NotPrincipal":"*""#)), "both Principal and NotPrincipal"),
        (statement(&format!(r#"{allow},"Action":"iam:*""#)), "Action is given twice"),
        (statement(&format!(r#"{allow},"Condtion":{{}}"#)), "a statement has no member \"Condtion\""),
        (statement(&format!(r#"{allow},"Principal":"123456789012""#)), "Principal: invalid value: string"),
        (statement(&format!(r#"{allow},"Principal":{{}}"#)), "no principal is listed"),
        (statement(&format!(r#"{allow},"Principal":{{"AWS":[]}}"#)), "AWS is an empty list"),
        (statement(&format!(r#"{allow},"Principal":{{"aws":"*"}}"#)), "Principal has no member \"aws\""),
        (
            statement(&format!(r#"{allow},"Condition":{{"StringEqual":{{}}}}"#)),
            "unknown condition operator \"StringEqual\"",
        ),
        (statement(&format!(r#"{allow},"Condition":{{"NullIfExists":{{}}}}"#)), "unknown condition operator"),
        (statement(&format!(r#"{allow},"Condition":{{"Bool":{{}},"bool":{{}}}}"#)), "bool is given twice"),
        (statement(&format!(r#"{allow},"Condition":{{"Bool":{{"a:b":"true","A:B":"true"}}}}"#)), "A:B is given twice"),
        (
            statement(&format!(r#"{allow},"Condition":{{"Bool":{{"a:b":null}}}}"#)),
            "Condition: Bool: a:b: invalid type: null",
        ),
        (
            format!(r#"{{"Statement":[{{"Sid":"A",{allow}}},{{"Sid":"A",{allow}}}]}}"#),
            "Statement[1]: the Sid \"A\" is taken",
        ),
    ] {
        let error = PolicyDocument::parse(&text).unwrap_err();
        assert_eq!(error.fault(), PolicyFault::Refused, "{text}");
        assert!(error.cause().contains(cause), "{text}\n{error}");
        assert_eq!(error.line(), 1, "{error}");
    }
}

#[test]
fn a_mistake_is_placed_by_line_and_column() {
    let error = PolicyDocument::parse("{\n \"Statement\": [{\n  \"Effect\": \"Alow\"}]}").unwrap_err();
    assert_eq!((error.line(), error.column()), (3, 19));
    assert_eq!(
        error.to_string(),
        "the policy document breaks the IAM policy grammar (line 3, column 19): \
         Statement[0]: Effect: \"Alow\" is no effect; write \"Allow\" or \"Deny\""
    );
    let error = PolicyDocument::parse("{\n \"Statement\": ").unwrap_err();
    assert_eq!((error.fault(), error.line()), (PolicyFault::Json, 2));
    let error = PolicyDocument::from_value(&json!({"Statement": 1})).unwrap_err();
    assert_eq!((error.fault(), error.line()), (PolicyFault::Refused, 0));
}

#[test]
fn documents_that_mean_the_same_are_equivalent() {
    let base = r#""Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"*""#;
    let one = |members: &str| statement(members);
    for (first, second) in [
        (
            one(base),
            one(r#""Effect":"ALLOW","Action":["S3:putobject","s3:GetObject","s3:getObject"],"Resource":["*"]"#),
        ),
        (one(base), one(&format!(r#"{base}}},{{"Sid":"",{base}"#))),
        (
            one(&format!(r#"{base}}},{{"Effect":"Deny","Action":"*""#)),
            one(&format!(r#""Effect":"Deny","Action":"*"}},{{{base}"#)),
        ),
        (
            one(&format!(r#"{base},"Principal":{{"AWS":"123456789012"}}"#)),
            one(&format!(r#"{base},"Principal":{{"AWS":["arn:aws:iam::123456789012:root","123456789012"]}}"#)),
        ),
        (
            one(&format!(r#"{base},"Condition":{{"Bool":{{"aws:SecureTransport":true}}}}"#)),
            one(&format!(r#"{base},"Condition":{{"bool":{{"AWS:securetransport":["True"]}},"StringLike":{{}}}}"#)),
        ),
        (
            one(&format!(r#"{base},"Condition":{{"NumericEquals":{{"a:b":[1,2.50]}}}}"#)),
            one(&format!(r#"{base},"Condition":{{"NumericEquals":{{"a:b":["2.5","1.0"]}}}}"#)),
        ),
        (one(&format!(r#"{base},"Condition":{{}}"#)), one(base)),
        (r#"{"Version":"2008-10-17","Statement":[]}"#.to_owned(), "{}".to_owned()),
        (" \n".to_owned(), "{}".to_owned()),
        ("null".to_owned(), "[]".to_owned()),
    ] {
        assert_eq!(are_equivalent(&first, &second), Ok(true), "{first}\n{second}");
        if let (Ok(a), Ok(b)) = (PolicyDocument::parse(&first), PolicyDocument::parse(&second)) {
            assert!(a.is_equivalent(&b));
            assert_eq!(a.canonicalize(), b.canonicalize());
        }
    }
}

#[test]
fn documents_that_mean_something_else_are_not_equivalent() {
    let base = r#""Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b""#;
    for other in [
        r#""Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b""#,
        r#""Effect":"Allow","NotAction":"s3:*","Resource":"arn:aws:s3:::b""#,
        r#""Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::b""#,
        r#""Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::B""#,
        r#""Effect":"Allow","Action":"s3:*""#,
        r#""Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b""#,
        r#""Effect":"Allow","Action":["s3:*","s3:Get*"],"Resource":"arn:aws:s3:::b""#,
        r#""Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b","Condition":{"Bool":{"a:b":[]}}"#,
    ] {
        assert_eq!(are_equivalent(&statement(base), &statement(other)), Ok(false), "{other}");
    }
    let with = |element: &str| statement(&format!("{base},{element}"));
    for (first, second) in [
        // STS admits web identities by the first only.
        (r#""Principal":"*""#, r#""Principal":{"AWS":"*"}"#),
        (r#""Principal":{"AWS":"*"}"#, r#""NotPrincipal":{"AWS":"*"}"#),
        (r#""Principal":{"AWS":"123456789012"}"#, r#""Principal":{"AWS":"arn:aws:iam::123456789012:user/root"}"#),
        (r#""Principal":{"Service":"a.amazonaws.com"}"#, r#""Principal":{"Federated":"a.amazonaws.com"}"#),
        (r#""Condition":{"StringLike":{"a:b":"x"}}"#, r#""Condition":{"StringEquals":{"a:b":"x"}}"#),
        (r#""Condition":{"StringLike":{"a:b":"x"}}"#, r#""Condition":{"StringLike":{"a:b":"X"}}"#),
        (r#""Condition":{"StringLike":{"a:b":"x"}}"#, r#""Condition":{"StringLikeIfExists":{"a:b":"x"}}"#),
        (r#""Condition":{"StringLike":{"a:b":"x"}}"#, r#""Condition":{"StringLike":{"a:c":"x"}}"#),
        (r#""Condition":{"StringEquals":{"a:b":"1"}}"#, r#""Condition":{"StringEquals":{"a:b":"1.0"}}"#),
    ] {
        assert_eq!(are_equivalent(&with(first), &with(second)), Ok(false), "{first} {second}");
    }
    assert_eq!(are_equivalent(&statement(base), &statement(base).replace("2012", "2008")), Ok(false));
    assert!(are_equivalent("{", "{}").is_err());
}
