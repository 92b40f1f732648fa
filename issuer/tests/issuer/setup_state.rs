//! State access, session policies and lock-down: what the documents look like, and what they decide.

use driftwise_contract::Partition;
use driftwise_contract::policy::{Context, Decision, PolicyDocument, Request, RequestPrincipal};
use driftwise_issuer::setup::{Document, DocumentKind, IssuerFacts, RawRequest, SetupError, SetupRequest};

const ORG: &str = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
const KEY: &str = "arn:aws:kms:eu-central-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROLE: &str = "arn:aws:iam::123456789012:role/team/scan";
/// The kinds that this module is about.
const KINDS: [DocumentKind; 6] = [
    DocumentKind::BucketPolicy,
    DocumentKind::KeyPolicy,
    DocumentKind::StatePolicy,
    DocumentKind::SessionPolicy,
    DocumentKind::ServiceControlPolicy,
    DocumentKind::ResourceControlPolicy,
];

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
        org: ORG.to_owned(),
        role: ROLE.to_owned(),
        region: "eu-central-1".to_owned(),
        state: "tf-state/prod/\ntf-more".to_owned(),
        state_account: "999988887777".to_owned(),
        kms_keys: KEY.to_owned(),
        iac_roles: "arn:aws:iam::123456789012:role/ci/terraform".to_owned(),
        break_glass_roles: "break-glass".to_owned(),
        ..RawRequest::default()
    }
}

fn parse(raw: &RawRequest) -> SetupRequest {
    raw.parse(&facts()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn documents(raw: &RawRequest, kind: DocumentKind) -> Vec<Document> {
    parse(raw).document(kind).unwrap()
}

fn only(raw: &RawRequest, kind: DocumentKind) -> Document {
    let mut documents = documents(raw, kind);
    assert_eq!(documents.len(), 1, "{kind}");
    documents.remove(0)
}

/// A session of a role that began with an org's token.
fn session(role: &str, tag: Option<&str>) -> (RequestPrincipal, Context) {
    let mut context = Context::new();
    context.set("aws:PrincipalArn", role);
    if let Some(tag) = tag {
        context.set("aws:PrincipalTag/dw_org_id", tag);
    }
    let account = role.split(':').nth(4).unwrap();
    let name = role.rsplit('/').next().unwrap();
    (RequestPrincipal::role_session(format!("arn:aws:sts::{account}:assumed-role/{name}/scan"), role), context)
}

fn decide_session(
    policy: &PolicyDocument,
    (who, context): (RequestPrincipal, Context),
    action: &str,
    resource: &str,
) -> Decision {
    policy.evaluate(&Request::new(action, resource).by(who).with_context(context)).decision
}

#[test]
fn the_documents_of_state_access_and_lock_down_read_like_this() {
    for kind in KINDS {
        for document in documents(&raw(), kind) {
            insta::assert_snapshot!(document.file_stem.clone(), document.policy.to_pretty_string());
        }
    }
    let tagged = RawRequest { abac: "on".to_owned(), state: "tf-state/prod/".to_owned(), ..raw() };
    for kind in [DocumentKind::BucketPolicy, DocumentKind::KeyPolicy] {
        insta::assert_snapshot!(format!("{kind}-tagged"), only(&tagged, kind).policy.to_pretty_string());
    }
}

#[test]
fn every_statement_and_condition_has_its_reason_and_every_document_fits() {
    let bare = RawRequest { state: "tf-state".to_owned(), kms_keys: String::new(), ..raw() };
    let tagged = RawRequest { abac: "on".to_owned(), ..raw() };
    let unpinned = RawRequest { role_authorized_by_idp: "off".to_owned(), ..raw() };
    let reader = RawRequest { state_reader: "state-reader".to_owned(), ..raw() };
    for raw in [raw(), bare, tagged, unpinned, reader] {
        let request = parse(&raw);
        for kind in KINDS {
            let documents = match request.document(kind) {
                Ok(documents) => documents,
                Err(SetupError::NotWanted { .. }) => continue,
                Err(error) => panic!("{kind}: {error}"),
            };
            for document in documents {
                assert_eq!(document.unexplained(), Vec::<String>::new(), "{kind} {raw:?}");
                assert!(document.fits(), "{kind}: {}", document.size());
                // No two documents of a kind share a file.
                let stems: Vec<_> = parse(&raw).document(kind).unwrap().into_iter().map(|d| d.file_stem).collect();
                assert_eq!(stems.iter().filter(|stem| **stem == document.file_stem).count(), 1, "{stems:?}");
            }
        }
    }
}

#[test]
fn a_document_that_the_choices_leave_empty_says_which_choice_is_missing() {
    let nothing = RawRequest {
        state: String::new(),
        kms_keys: String::new(),
        iac_roles: String::new(),
        trust: "external-id".to_owned(),
        principal: "111122223333".to_owned(),
        external_id: "dw-1234567890abcdef".to_owned(),
        ..raw()
    };
    for (kind, option) in [
        (DocumentKind::BucketPolicy, "--bucket"),
        (DocumentKind::StatePolicy, "--bucket"),
        (DocumentKind::KeyPolicy, "--kms-key"),
        (DocumentKind::ServiceControlPolicy, "--iac-role"),
        (DocumentKind::ResourceControlPolicy, "federated form"),
    ] {
        let error = parse(&nothing).document(kind).unwrap_err();
        assert!(error.to_string().contains(option), "{kind}: {error}");
    }
}

#[test]
fn the_state_policy_reads_states_by_s3_alone_and_never_a_lock() {
    let policy = only(&raw(), DocumentKind::StatePolicy).policy;
    let decide = |action: &str, resource: &str, keys: &[(&str, &str)]| {
        let mut context = Context::new();
        for (key, value) in keys {
            context.set(key, *value);
        }
        policy.evaluate(&Request::new(action, resource).with_context(context)).decision
    };
    let (s3, other_service) = ("s3.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com");
    let context = "kms:EncryptionContext:aws:s3:arn";
    let object = "arn:aws:s3:::tf-state/prod/app.tfstate";
    for (action, resource, keys, expected) in [
        ("s3:GetObject", object, &[][..], Decision::Allow),
        ("s3:GetObjectVersion", object, &[], Decision::Allow),
        ("s3:GetObject", "arn:aws:s3:::tf-state/env:/blue/prod/app.tfstate", &[], Decision::Allow),
        ("s3:GetObject", "arn:aws:s3:::tf-more/anything", &[], Decision::Allow),
        ("s3:GetObject", "arn:aws:s3:::tf-state/other/app.tfstate", &[], Decision::ImplicitDeny),
        ("s3:GetObject", "arn:aws:s3:::tf-state/prod/app.tfstate.tflock", &[], Decision::ExplicitDeny),
        ("s3:GetObject", "arn:aws:s3:::tf-more/app.tfstate.tflock", &[], Decision::ExplicitDeny),
        ("s3:PutObject", object, &[], Decision::ImplicitDeny),
        ("s3:DeleteObject", "arn:aws:s3:::tf-state/prod/app.tfstate.tflock", &[], Decision::ImplicitDeny),
        ("dynamodb:PutItem", "arn:aws:dynamodb:eu-central-1:123456789012:table/locks", &[], Decision::ImplicitDeny),
        ("s3:ListBucket", "arn:aws:s3:::tf-state", &[("s3:prefix", "prod/")], Decision::Allow),
        ("s3:ListBucket", "arn:aws:s3:::tf-state", &[("s3:prefix", "")], Decision::ImplicitDeny),
        ("s3:ListBucket", "arn:aws:s3:::tf-state", &[], Decision::ImplicitDeny),
        ("s3:ListBucket", "arn:aws:s3:::tf-more", &[], Decision::Allow),
        ("kms:Decrypt", KEY, &[("kms:ViaService", s3), (context, object)], Decision::Allow),
        ("kms:Decrypt", KEY, &[("kms:ViaService", s3), (context, "arn:aws:s3:::tf-state")], Decision::Allow),
        ("kms:Decrypt", KEY, &[("kms:ViaService", s3), (context, "arn:aws:s3:::payroll/x")], Decision::ImplicitDeny),
        ("kms:Decrypt", KEY, &[("kms:ViaService", s3)], Decision::ImplicitDeny),
        ("kms:Decrypt", KEY, &[("kms:ViaService", other_service), (context, object)], Decision::ImplicitDeny),
        ("kms:Decrypt", KEY, &[(context, object)], Decision::ImplicitDeny),
        ("kms:GenerateDataKey", KEY, &[("kms:ViaService", s3), (context, object)], Decision::ImplicitDeny),
    ] {
        assert_eq!(decide(action, resource, keys), expected, "{action} {resource} {keys:?}");
    }
}

#[test]
fn bucket_and_key_policy_admit_the_role_and_where_wanted_only_with_the_orgs_tag() {
    let object = "arn:aws:s3:::tf-state/prod/app.tfstate";
    let other_role = "arn:aws:iam::123456789012:role/team/other";
    let other_org = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c22";
    for (abac, without_tag) in [("off", Decision::Allow), ("on", Decision::ExplicitDeny)] {
        let raw = RawRequest { abac: abac.to_owned(), state: "tf-state/prod/".to_owned(), ..raw() };
        let bucket = only(&raw, DocumentKind::BucketPolicy).policy;
        let read = |who| decide_session(&bucket, who, "s3:GetObject", object);
        assert_eq!(read(session(ROLE, Some(ORG))), Decision::Allow);
        assert_eq!(read(session(ROLE, None)), without_tag, "abac {abac}");
        assert_eq!(read(session(ROLE, Some(other_org))), without_tag, "abac {abac}");
        assert_eq!(read(session(other_role, Some(ORG))), Decision::ImplicitDeny);

        let key = only(&raw, DocumentKind::KeyPolicy).policy;
        let decrypt = |(who, mut context): (RequestPrincipal, Context), object: &str| {
            context
                .set("kms:ViaService", "s3.eu-central-1.amazonaws.com")
                .set("kms:EncryptionContext:aws:s3:arn", object);
            decide_session(&key, (who, context), "kms:Decrypt", KEY).eq(&Decision::Allow)
        };
        assert!(decrypt(session(ROLE, Some(ORG)), object));
        assert_eq!(decrypt(session(ROLE, None), object), abac == "off");
        assert_eq!(decrypt(session(ROLE, Some(other_org)), object), abac == "off");
        assert!(!decrypt(session(other_role, Some(ORG)), object));
        assert!(!decrypt(session(ROLE, Some(ORG)), "arn:aws:s3:::payroll/2026.csv"));
    }
}

#[test]
fn a_state_reader_reads_in_the_roles_place() {
    let raw = RawRequest { state_reader: "state-reader".to_owned(), ..raw() };
    let request = parse(&raw);
    let plan = request.plan().unwrap();
    let [_, reader] = plan.roles.as_slice() else { panic!("two roles") };
    assert_eq!(reader.arn.as_str(), "arn:aws:iam::999988887777:role/state-reader");
    let trust = reader.trust.to_string();
    let provider = "arn:aws:iam::999988887777:oidc-provider/id.example.com/base";
    assert!(trust.contains(provider) && trust.contains(&format!("org-{ORG}")), "{trust}");
    assert!(plan.notes.iter().any(|note| note.text.contains("register it")), "{:?}", plan.notes);
    assert_eq!(documents(&raw, DocumentKind::TrustPolicy)[1].policy, reader.trust);
    let states = only(&raw, DocumentKind::StatePolicy).policy;
    assert_eq!(reader.managed_policies[0].document, states);
    assert!(reader.managed_policy_arns.is_empty() && reader.inline.is_empty());
    // The scan's own role and session then have no part in the states.
    for kind in [DocumentKind::PermissionPolicy, DocumentKind::SessionPolicy] {
        let policy = only(&raw, kind).policy;
        assert!(!policy.to_string().contains("tf-state"), "{kind}");
        let read = policy.evaluate(&Request::new("s3:GetObject", "arn:aws:s3:::tf-state/prod/app.tfstate"));
        assert_eq!(read.decision, Decision::ExplicitDeny, "{kind}");
    }
    assert!(
        only(&RawRequest { state: "tf-state".to_owned(), ..raw.clone() }, DocumentKind::BucketPolicy)
            .policy
            .to_string()
            .contains("999988887777:role/state-reader")
    );
    let same_account = RawRequest { state_account: String::new(), ..raw.clone() };
    assert_eq!(parse(&same_account).plan().unwrap().roles.len(), 2);
    let two_layer = RawRequest { trust: "two-layer".to_owned(), external_id: "dw-0123456789abcdef".to_owned(), ..raw };
    let users = parse(&two_layer).plan().unwrap().users;
    assert!(
        users[0].inline[1].document.to_string().contains(reader.arn.as_str()),
        "the user may assume the reader as well"
    );
}

#[test]
fn china_and_govcloud_have_documents_of_their_own() {
    let at = |partition: &str, region: &str| RawRequest {
        role: format!("arn:{partition}:iam::123456789012:role/scan"),
        region: region.to_owned(),
        kms_keys: KEY.replace("arn:aws:", &format!("arn:{partition}:")).replace("eu-central-1", region),
        iac_roles: "terraform".to_owned(),
        ..raw()
    };
    for (partition, region) in [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")] {
        for kind in KINDS {
            for document in documents(&at(partition, region), kind) {
                let text = document.policy.to_string();
                assert!(!text.contains("arn:aws:"), "{kind}: {text}");
            }
        }
    }
    let policy = only(&at("aws-cn", "cn-north-1"), DocumentKind::StatePolicy).policy.to_string();
    assert!(policy.contains("s3.cn-north-1.amazonaws.com.cn"), "{policy}");
    let unpinned = only(&at("aws-cn", "cn-north-1"), DocumentKind::ResourceControlPolicy);
    assert!(!unpinned.policy.to_string().contains("RoleAuthorizedByIdp"), "not known to exist there");
}

#[test]
fn the_service_control_policy_spares_the_named_roles_and_aws_itself() {
    let policy = only(&raw(), DocumentKind::ServiceControlPolicy).policy;
    let decide = |principal: &str, action: &str, service: Option<&str>| {
        let mut context = Context::new();
        context.set("aws:PrincipalArn", principal);
        if let Some(service) = service {
            context.set("iam:AWSServiceName", service);
        }
        policy.evaluate(&Request::new(action, "*").with_context(context)).decision
    };
    let iac = "arn:aws:iam::123456789012:role/ci/terraform";
    let admin = "arn:aws:iam::123456789012:role/admin";
    for (principal, action, service, expected) in [
        (iac, "iam:CreateRole", None, Decision::ImplicitDeny),
        ("arn:aws:iam::123456789012:role/break-glass", "iam:AttachRolePolicy", None, Decision::ImplicitDeny),
        (
            "arn:aws:iam::123456789012:role/aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO",
            "iam:CreateRole",
            None,
            Decision::ImplicitDeny,
        ),
        (admin, "iam:CreateServiceLinkedRole", Some("ecs.amazonaws.com"), Decision::ImplicitDeny),
        (admin, "iam:GetRole", None, Decision::ImplicitDeny),
        (admin, "iam:ListUsers", None, Decision::ImplicitDeny),
        (admin, "iam:PassRole", None, Decision::ImplicitDeny),
        (admin, "ec2:RunInstances", None, Decision::ImplicitDeny),
        (admin, "iam:CreateRole", None, Decision::ExplicitDeny),
        (admin, "iam:UpdateAssumeRolePolicy", None, Decision::ExplicitDeny),
        (admin, "iam:PutUserPolicy", None, Decision::ExplicitDeny),
        (admin, "iam:SetDefaultPolicyVersion", None, Decision::ExplicitDeny),
        (admin, "iam:AddClientIDToOpenIDConnectProvider", None, Decision::ExplicitDeny),
        (admin, "iam:CreateAccessKey", None, Decision::ExplicitDeny),
        (admin, "iam:UploadServerCertificate", None, Decision::ExplicitDeny),
        // Root, names that only look alike, the same name in another account or path.
        ("arn:aws:iam::123456789012:root", "iam:CreateRole", None, Decision::ExplicitDeny),
        ("arn:aws:iam::123456789012:role/ci/terraform-2", "iam:CreateRole", None, Decision::ExplicitDeny),
        ("arn:aws:iam::123456789012:role/terraform", "iam:CreateRole", None, Decision::ExplicitDeny),
        ("arn:aws:iam::210987654321:role/ci/terraform", "iam:CreateRole", None, Decision::ExplicitDeny),
        ("arn:aws:iam::123456789012:user/break-glass", "iam:CreateRole", None, Decision::ExplicitDeny),
        (iac, "organizations:LeaveOrganization", None, Decision::ExplicitDeny),
    ] {
        assert_eq!(decide(principal, action, service), expected, "{principal} {action}");
    }
    let no_glass = only(&RawRequest { break_glass_roles: String::new(), ..raw() }, DocumentKind::ServiceControlPolicy);
    assert!(no_glass.notes.iter().any(|note| note.text.contains("break-glass")), "{:?}", no_glass.notes);
}

#[test]
fn the_resource_control_policy_stops_this_issuers_other_tokens_and_nothing_else() {
    let policy = only(&raw(), DocumentKind::ResourceControlPolicy).policy;
    let issuer = "id.example.com/base";
    let decide = |issuer: &str, aud: &str, sub: Option<&str>, pinned: Option<bool>, action: &str| {
        let mut context = Context::new();
        context.set(&format!("{issuer}:aud"), aud);
        if let Some(sub) = sub {
            context.set(&format!("{issuer}:sub"), sub);
        }
        if let Some(pinned) = pinned {
            context.set_bool("sts:RoleAuthorizedByIdp", pinned);
        }
        let provider = RequestPrincipal::Federated(format!("arn:aws:iam::123456789012:oidc-provider/{issuer}"));
        policy.evaluate(&Request::new(action, ROLE).by(provider).with_context(context)).decision
    };
    let (assume, aud) = ("sts:AssumeRoleWithWebIdentity", "sts.amazonaws.com");
    let ours = format!("org-{ORG}");
    let (passes, denied) = (Decision::ImplicitDeny, Decision::ExplicitDeny);
    assert_eq!(decide(issuer, aud, Some(&ours), Some(true), assume), passes);
    assert_eq!(decide(issuer, aud, Some("org-0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c22"), Some(true), assume), denied);
    assert_eq!(decide(issuer, aud, None, Some(true), assume), denied);
    assert_eq!(decide(issuer, "another", Some(&ours), Some(true), assume), denied);
    assert_eq!(decide(issuer, aud, Some(&ours), Some(false), assume), denied);
    assert_eq!(decide(issuer, aud, Some(&ours), None, assume), denied, "an absent key is no pin");
    assert_eq!(decide(issuer, aud, Some(&ours), None, "sts:TagSession"), passes, "the key is not there for it");
    let github = "token.actions.githubusercontent.com";
    assert_eq!(decide(github, aud, Some("repo:acme/app"), Some(false), assume), passes);
    let (user, context) = session("arn:aws:iam::123456789012:role/deploy", None);
    assert_eq!(decide_session(&policy, (user, context), "sts:AssumeRole", ROLE), passes);
}
