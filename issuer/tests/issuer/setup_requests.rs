//! What an admin types becomes a request or a fault at its field, and any request becomes documents that say what was meant.

use driftwise_contract::Partition;
use driftwise_contract::policy::{Context, PolicyDocument, Request, RequestPrincipal};
use driftwise_issuer::setup::lint::{LintContext, lint};
use driftwise_issuer::setup::request::{AccessLevel, ExternalId, TrustChoice};
use driftwise_issuer::setup::{
    Document, DocumentKind, Field, FieldFault, IssuerFacts, RawRequest, SetupError, SetupRequest,
};
use proptest::prelude::*;

const ORG: &str = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn facts() -> IssuerFacts {
    IssuerFacts {
        issuer: "https://id.example.com/base".parse().unwrap(),
        audience: "sts.amazonaws.com".parse().unwrap(),
        thumbprints: Vec::new(),
        roles_authorized_by_idp: vec![Partition::Aws],
    }
}

fn raw() -> RawRequest {
    RawRequest {
        org: ORG.into(),
        account: "123456789012".into(),
        region: "eu-central-1".into(),
        ..RawRequest::default()
    }
}

fn parse(change: impl FnOnce(&mut RawRequest)) -> Result<SetupRequest, Vec<FieldFault>> {
    let mut raw = raw();
    change(&mut raw);
    raw.parse(&facts())
}

/// A request in which every field is given and read.
fn full() -> RawRequest {
    RawRequest {
        role: "team/scan".into(),
        role_authorized_by_idp: "off".into(),
        trust: "session-tag".into(),
        access: "least-privilege".into(),
        types: "AWS::S3::Bucket, AWS::SQS::Queue\nAWS::SNS::Topic".into(),
        allow_actions: "kms:Decrypt".into(),
        compact: "on".into(),
        state: "tf-state/prod/\ns3://other-state\ntf-state/env:/".into(),
        state_account: "210987654321".into(),
        kms_keys: KEY.into(),
        abac: "on".into(),
        state_reader: "state-reader".into(),
        iac_roles: "terraform\narn:aws:iam::123456789012:role/ci/deploy".into(),
        break_glass_roles: "aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*".into(),
        ..raw()
    }
}

#[test]
fn what_is_not_given_has_a_default() {
    let request = parse(|_| ()).unwrap();
    assert_eq!(request.role.as_str(), "arn:aws:iam::123456789012:role/driftwise-readonly");
    assert!(matches!(
        request.trust,
        TrustChoice::Federated {
            form: driftwise_contract::claims::TrustForm::SessionTag,
            role_authorized_by_idp: true
        }
    ));
    assert_eq!(request.access, AccessLevel::ReadOnlyAccess);
    assert!(request.states.is_empty() && request.state_account.is_none() && !request.abac);
    assert_eq!(request.state_account(), request.account());
    assert_eq!(request.state_role(), &request.role);
}

#[test]
fn every_field_is_read() {
    let request = full().parse(&facts()).unwrap();
    assert_eq!(request.role.as_str(), "arn:aws:iam::123456789012:role/team/scan");
    assert_eq!(request.states.len(), 2, "prefixes of one bucket come together");
    assert_eq!(request.states[0].key_prefixes.len(), 2);
    assert_eq!(request.state_account().as_str(), "210987654321");
    assert_eq!(request.state_reader.as_ref().unwrap().as_str(), "arn:aws:iam::210987654321:role/state-reader");
    assert_eq!(request.lock_down.iac_roles[0].arn_pattern(Partition::Aws), "arn:aws:iam::*:role/terraform");
    assert!(matches!(request.trust, TrustChoice::Federated { role_authorized_by_idp: false, .. }));
}

#[test]
fn the_partition_follows_from_the_role_or_the_region_and_pins_by_itself_in_the_commercial_one_only() {
    for (region, role, partition, pinned) in [
        ("eu-central-1", "", Partition::Aws, true),
        ("cn-north-1", "", Partition::AwsCn, false),
        ("us-gov-west-1", "arn:aws-us-gov:iam::123456789012:role/scan", Partition::AwsUsGov, false),
    ] {
        let request = parse(|raw| (raw.region, raw.role) = (region.into(), role.into())).unwrap();
        assert_eq!(request.partition(), partition);
        let trust = request.document(DocumentKind::TrustPolicy).unwrap().remove(0).policy.to_string();
        assert!(
            trust.contains(&format!("arn:{partition}:iam::123456789012:oidc-provider/id.example.com/base")),
            "{trust}"
        );
        assert_eq!(trust.contains("RoleAuthorizedByIdp"), pinned, "{trust}");
        let on = parse(|raw| {
            (raw.region, raw.role) = (region.into(), role.into());
            raw.role_authorized_by_idp = "on".into();
        });
        let trust = on.unwrap().document(DocumentKind::TrustPolicy).unwrap().remove(0).policy.to_string();
        assert!(trust.contains("RoleAuthorizedByIdp"), "a switch elsewhere: {trust}");
    }
}

#[test]
fn all_faults_come_at_once_each_at_its_field() {
    let faults = RawRequest {
        org: "ACME".into(),
        account: "1234".into(),
        region: "eu-centra-1".into(),
        trust: "external-id".into(),
        principal: "everybody".into(),
        access: "admin".into(),
        state: "Not_A_Bucket\ntf-state/ok/\ntf-state/*".into(),
        kms_keys: "arn:aws:s3:::bucket".into(),
        iac_roles: "*".into(),
        ..RawRequest::default()
    }
    .parse(&facts())
    .unwrap_err();
    let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert!(faults.is_sorted_by_key(|fault| fault.field));
}

#[test]
fn what_does_not_fit_the_rest_is_refused_at_its_field() {
    let cases: [(Field, &str, &str); 19] = [
        (Field::Org, "", "missing"),
        (Field::Account, "", "missing"),
        (Field::Account, "12345678901", "12 digits"),
        (Field::Role, "arn:aws:iam::210987654321:role/scan", "not in 123456789012"),
        (Field::Role, "arn:aws:iam::123456789012:user/scan", "not a role"),
        (Field::Role, "arn:aws:s3:::bucket", "resource of s3"),
        (Field::Region, "cn-north-1", "partition aws-cn"),
        (Field::Region, "eu-central-9", "no such region"),
        (Field::Region, "", "missing"),
        (Field::Trust, "open", "no form of trust"),
        (Field::RoleAuthorizedByIdp, "maybe", "neither on nor off"),
        (Field::State, "192.168.0.1", "IP address"),
        (Field::State, "https://example.com/x", "not the address"),
        (Field::State, "tf-state/ключ", "U+00FF"),
        (Field::StateAccount, "x", "digits"),
        (
            Field::KmsKeys,
            "arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "partition",
        ),
        (Field::KmsKeys, "arn:aws:kms:eu-central-1:123456789012:alias/state", "alias"),
        (Field::StateReader, "arn:aws-cn:iam::123456789012:role/x", "partition"),
        (Field::BreakGlassRoles, "a*", "every role"),
    ];
    for (field, value, reason) in cases {
        let faults = parse(|raw| {
            raw.role = "arn:aws:iam::123456789012:role/scan".into();
            if field == Field::StateReader {
                raw.state = "tf-state".into();
            }
            if field == Field::Account && value.is_empty() {
                raw.role = "scan".into();
            }
            value.clone_into(raw.text_mut(field));
        })
        .unwrap_err();
        let [fault] = faults.as_slice() else { panic!("{field} {value}: {faults:?}") };
        assert_eq!(fault.field, field, "{fault}");
        assert!(fault.reason.contains(reason) && !fault.fix.is_empty(), "{fault}");
    }
    let untagged = parse(|raw| (raw.trust, raw.abac) = ("subject".into(), "on".into())).unwrap_err();
    assert_eq!(untagged[0].field, Field::Abac);
    let nothing_to_read = parse(|raw| raw.state_reader = "reader".into()).unwrap_err();
    assert_eq!(nothing_to_read[0].field, Field::StateReader);
}

#[test]
fn html_quotes_controls_and_variables_are_refused_at_every_field() {
    let principal = RawRequest {
        trust: "external-id".into(),
        principal: "210987654321".into(),
        external_id: "dw-0123456789abcdef".into(),
        abac: String::new(),
        ..full()
    };
    let user = RawRequest {
        trust: "two-layer".into(),
        user: "agent".into(),
        state_reader: String::new(),
        ..principal.clone()
    };
    for field in Field::ALL {
        let good = match field {
            Field::Principal | Field::ExternalId => &principal,
            Field::User => &user,
            _ => &full(),
        };
        good.parse(&facts()).unwrap();
        for bad in
            ["<b>", "a\"b", "a'b", "a`b", "a\\b", "${aws:username}", "a\u{0}b", "a\u{1b}[31m", "a\u{ad}b", "\u{202e}x"]
        {
            let mut raw = good.clone();
            bad.clone_into(raw.text_mut(*field));
            let faults = raw.parse(&facts()).expect_err(bad);
            assert!(faults.iter().any(|fault| fault.field == *field), "{field} {bad:?}: {faults:?}");
        }
    }
}

#[test]
fn a_form_of_a_page_is_a_request() {
    let form = format!(
        "org={ORG}&account=123456789012&region=eu-central-1&trust=subject&state=tf-state%2Fprod%2F%0D%0Aother&unknown=x"
    );
    let mut raw = RawRequest::default();
    for (name, value) in url::form_urlencoded::parse(form.as_bytes()) {
        if let Some(field) = Field::ALL.iter().find(|field| field.name() == name) {
            value.into_owned().clone_into(raw.text_mut(*field));
        }
    }
    assert_eq!(raw.parse(&facts()).unwrap().states.len(), 2);
    let json = serde_json::to_value(&raw).unwrap();
    let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    assert!(json.as_object().unwrap().keys().all(|name| names.contains(&name.as_str())), "{json}");
    assert_eq!(json.as_object().unwrap().len(), names.len());
    assert_eq!(serde_json::from_value::<RawRequest>(json).unwrap(), raw);
}

fn principal_request(trust: &str) -> SetupRequest {
    parse(|raw| {
        raw.trust = trust.into();
        raw.principal = "arn:aws:iam::210987654321:role/agents/driftwise".into();
        raw.external_id = "dw-0123456789abcdef".into();
    })
    .unwrap()
}

#[test]
fn the_forms_without_tokens_read_like_this() {
    for trust in ["external-id", "two-layer"] {
        let request = principal_request(trust);
        let document = request.document(DocumentKind::TrustPolicy).unwrap().remove(0);
        insta::assert_snapshot!(format!("trust-policy-{trust}"), document.policy.to_pretty_string());
        assert!(request.plan().unwrap().provider.is_none());
    }
    let plan = principal_request("two-layer").plan().unwrap();
    insta::assert_snapshot!("two-layer-user-policy", plan.users[0].inline[0].document.to_pretty_string());
    assert_eq!((plan.users[0].path.as_str(), plan.users[0].name.as_str()), ("/", "driftwise-agent"));
}

#[test]
fn the_forms_without_tokens_let_their_principal_in_with_the_id_and_nobody_else() {
    let role = "arn:aws:iam::210987654321:role/agents/driftwise";
    let user = "arn:aws:iam::123456789012:user/driftwise-agent";
    for (trust, mine, others) in [
        ("external-id", role, ["arn:aws:iam::210987654321:role/agents/other", user]),
        ("two-layer", user, ["arn:aws:iam::123456789012:user/other", role]),
    ] {
        let document = principal_request(trust).document(DocumentKind::TrustPolicy).unwrap().remove(0).policy;
        let admits = |who: &str, action: &str, id: Option<&str>| {
            let mut context = Context::new();
            if let Some(id) = id {
                context.set("sts:ExternalId", id);
            }
            let principal = if who.contains(":role/") {
                let name = who.rsplit('/').next().unwrap();
                RequestPrincipal::role_session(format!("arn:aws:sts::210987654321:assumed-role/{name}/session"), who)
            } else {
                RequestPrincipal::aws(who)
            };
            let request = Request::new(action, "arn:aws:iam::123456789012:role/driftwise-readonly");
            document.evaluate(&request.by(principal).with_context(context)).is_allowed()
        };
        let id = Some("dw-0123456789abcdef");
        assert!(admits(mine, "sts:AssumeRole", id), "{trust}");
        assert!(!admits(mine, "sts:AssumeRole", None), "{trust}: without the id");
        assert!(!admits(mine, "sts:AssumeRole", Some("dw-0123456789abcdeF")), "{trust}: with another id");
        assert!(!admits(mine, "sts:AssumeRoleWithWebIdentity", id), "{trust}: by another call");
        for other in others {
            assert!(!admits(other, "sts:AssumeRole", id), "{trust}: {other}");
        }
    }
    // The user may assume the role and do nothing else, whatever its groups allow.
    let plan = principal_request("two-layer").plan().unwrap();
    let everything = PolicyDocument::parse(
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    )
    .unwrap();
    let policy = &plan.users[0].inline[0].document;
    let may = |action: &str, resource: &str| {
        driftwise_contract::policy::evaluate_all([&everything, policy], &Request::new(action, resource)).is_allowed()
    };
    assert!(may("sts:AssumeRole", plan.roles[0].arn.as_str()));
    assert!(!may("sts:AssumeRole", "arn:aws:iam::123456789012:role/admin"));
    assert!(!may("s3:GetObject", "arn:aws:s3:::bucket/key"));
    assert!(!may("iam:CreateAccessKey", user));
}

#[test]
fn an_external_id_is_asked_for_where_it_guards() {
    for trust in ["external-id", "two-layer"] {
        let faults = parse(|raw| (raw.trust, raw.principal) = (trust.into(), "210987654321".into())).unwrap_err();
        assert_eq!(faults[0].field, Field::ExternalId);
        assert!(faults[0].fix.contains("setup external-id"));
    }
    assert_ne!(ExternalId::generate().unwrap(), ExternalId::generate().unwrap());
}

/// A text that is given or not.
fn maybe(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), text]
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

prop_compose! {
    fn roles_of_lock_down()(iac in prop::collection::vec("[A-Za-z0-9_+=,.@-]{4,20}", 0..4), spared in maybe("[a-z]{4,8}\\*")) -> (String, String) {
        (iac.join("\n"), spared)
    }
}

prop_compose! {
    fn states()(
        buckets in prop::collection::vec("[a-z0-9]{3,20}", 0..3),
        prefixes in prop::collection::vec("[A-Za-z0-9_.:=@ ,-][A-Za-z0-9_.:=@/ é,-]{0,20}[A-Za-z0-9/]", 0..3),
    ) -> String {
        let mut lines = Vec::new();
        for (index, bucket) in buckets.iter().enumerate() {
            lines.push(prefixes.get(index).map_or_else(|| bucket.clone(), |prefix| format!("s3://{bucket}/{prefix}")));
        }
        lines.join("\n")
    }
}

prop_compose! {
    fn any_raw()(
        org in 1u128..,
        (partition, region) in prop::sample::select(vec![
            ("aws", "eu-central-1"), ("aws", "us-east-1"), ("aws-cn", "cn-northwest-1"), ("aws-us-gov", "us-gov-east-1"),
        ]),
        account in "[0-9]{12}", other_account in "[0-9]{12}",
        role in maybe("([A-Za-z0-9_+=,.@:-]{1,8}/){0,2}[A-Za-z0-9_+=,.@-]{1,40}"),
        as_arn in any::<bool>(),
        trust in one_of(&["", "session-tag", "subject", "custom-claim", "external-id", "two-layer"]),
        pin in one_of(&["", "on", "off"]),
        external_id in "[A-Za-z][A-Za-z0-9_+=,.@:/-]{16,100}",
        user in maybe("[a-z]{1,20}"),
        types in one_of(&[""]),
        state in states(),
        state_account in any::<bool>(),
        key in any::<u128>(), with_key in any::<bool>(), abac in any::<bool>(), reader in maybe("[a-z]{1,20}"),
        (iac_roles, break_glass_roles) in roles_of_lock_down(),
    ) -> RawRequest {
        let tags = matches!(trust.as_str(), "" | "session-tag");
        let owner = if state_account { &other_account } else { &account };
        RawRequest {
            org: uuid::Uuid::from_u128(org).to_string(),
            account: account.clone(),
            role: if as_arn && !role.is_empty() { format!("arn:{partition}:iam::{account}:role/{role}") } else { role },
            region: region.to_owned(),
            role_authorized_by_idp: pin,
            principal: other_account.clone(),
            external_id,
            user,
            access: if types.is_empty() { String::new() } else { "least-privilege".to_owned() },
            types,
            allow_actions: String::new(),
            compact: String::new(),
            state: state.clone(),
            state_account: if state_account { other_account.clone() } else { String::new() },
            kms_keys: if with_key {
                format!("arn:{partition}:kms:{region}:{owner}:key/{}", uuid::Uuid::from_u128(key))
            } else {
                String::new()
            },
            abac: if abac && tags { "on".to_owned() } else { String::new() },
            // A reader needs a state.
            state_reader: if state.is_empty() { String::new() } else { reader },
            iac_roles,
            break_glass_roles,
            trust,
        }
    }
}

/// Every document of a request. A kind that the choices leave nothing for gives none.
fn documents(request: &SetupRequest) -> Vec<Document> {
    let mut all = Vec::new();
    for kind in DocumentKind::ALL {
        match request.document(kind) {
            Ok(documents) => {
                assert!(!documents.is_empty(), "{kind}");
                all.extend(documents);
            }
            Err(SetupError::NotWanted { .. }) => {}
            Err(error) => panic!("{kind}: {error}"),
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_accepted_request_gives_documents_that_parse_and_say_why(raw in any_raw()) {
        // Random names hit a word that AWS reserves now and then.
        let Ok(request) = raw.parse(&facts()) else { return Err(TestCaseError::reject("reserved")) };
        let mut stems = Vec::new();
        for document in documents(&request) {
            let text = document.policy.to_pretty_string();
            prop_assert_eq!(&PolicyDocument::parse(&text).unwrap(), &document.policy);
            let lines: Vec<String> = document.pretty_lines().into_iter().map(|(line, _)| line).collect();
            prop_assert_eq!(&lines.join("\n"), &text);
            prop_assert!(document.unexplained().is_empty(), "{}: {:?}", document.kind, document.unexplained());
            prop_assert!(!stems.contains(&document.file_stem), "a file name of its own: {}", document.file_stem);
            stems.push(document.file_stem.clone());
            let context = LintContext::of_document(&request, &document);
            let report = lint(&text, &context);
            prop_assert!(report.is_clean() || !document.fits(), "{}", report.to_text(document.kind.as_str()));
            prop_assert!(document.fits() || !document.notes.is_empty(), "{}: {}", document.kind, document.size());
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            prop_assert!(document.file_stem.chars().all(plain), "{}", document.file_stem);
        }

        let plan = request.plan().unwrap();
        prop_assert_eq!(&plan.roles[0].trust, &request.document(DocumentKind::TrustPolicy).unwrap()[0].policy);
        prop_assert_eq!(plan.provider.is_some(), matches!(request.trust, TrustChoice::Federated { .. }));
        prop_assert_eq!(plan.users.len(), usize::from(matches!(request.trust, TrustChoice::TwoLayer { .. })));
        prop_assert!(plan.roles[0].tags.iter().all(|(key, _)| key != "dw_org_id"), "only a token may say the org's tag");
    }

    #[test]
    fn no_text_of_any_field_gets_into_a_document_unescaped(
        raw in any_raw(),
        field in prop::sample::select(Field::ALL),
        text in "[a-zA-Z0-9/:.*?<>\"'`\\\\$\\{\\}\u{0}-\u{1f}\u{7f}-\u{ff}&;|#\u{202e} _+=,@~-]{0,40}",
    ) {
        let mut raw = raw;
        *raw.text_mut(field) = text;
        match raw.parse(&facts()) {
            Err(faults) => prop_assert!(!faults.is_empty()),
            Ok(request) => for document in documents(&request) {
                let json = document.policy.to_json();
                let mut strings = Vec::new();
                collect(&json, &mut strings);
                for string in strings {
                    let odd = string.chars().find(|c| c.is_control() || matches!(c, '<' | '>' | '"' | '\'' | '`' | '\\') || u32::from(*c) > 0xff);
                    prop_assert!(odd.is_none(), "{}: {:?} in {:?}", document.kind, odd, string);
                }
            }
        }
    }
}

fn collect(value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => into.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                into.push(name.clone());
                collect(member, into);
            }
        }
        _ => {}
    }
}
