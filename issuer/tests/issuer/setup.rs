//! The documents: what they look like, and what they decide.

use driftwise_contract::claims::TrustForm;
use driftwise_contract::policy::{Context, PolicyDocument, Request, RequestPrincipal, evaluate_all};
use driftwise_contract::{OrgId, RoleArn};
use driftwise_issuer::federation::Settings;
use driftwise_issuer::setup::{StateLocation, TrustPolicy, bucket_policy, permission_policy};
use proptest::prelude::*;
use uuid::Uuid;

const ACTIONS: [&str; 2] = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"];

fn settings() -> Settings {
    Settings { issuer: "https://id.example.com/base".parse().unwrap(), audience: "sts.amazonaws.com".parse().unwrap() }
}

fn org(bits: u128) -> OrgId {
    OrgId::from_uuid(Uuid::from_u128(bits))
}

fn role() -> RoleArn {
    "arn:aws:iam::123456789012:role/team/scan".parse().unwrap()
}

fn state(prefixes: &[&str]) -> StateLocation {
    StateLocation {
        bucket: "tf-state".parse().unwrap(),
        key_prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
    }
}

fn trust(form: TrustForm, role_authorized_by_idp: bool) -> PolicyDocument {
    let org = org(0x0198_c5e2_7c1a_7b3e_9d52_6f0e_5a4b_3c21);
    TrustPolicy { settings: &settings(), org, role: &role(), form, role_authorized_by_idp }.document().unwrap()
}

#[test]
fn the_trust_policies_read_like_this() {
    for form in [TrustForm::SessionTag, TrustForm::Subject, TrustForm::CustomClaim] {
        insta::assert_snapshot!(format!("trust-policy-{form}"), trust(form, true).to_pretty_string());
    }
    insta::assert_snapshot!("trust-policy-unpinned", trust(TrustForm::SessionTag, false).to_pretty_string());
}

#[test]
fn the_other_documents_read_like_this() {
    let partition = role().partition();
    insta::assert_snapshot!("permission-policy", permission_policy(partition, None).unwrap().to_pretty_string());
    let with_state = permission_policy(partition, Some(&state(&["prod/", "env:/"]))).unwrap();
    insta::assert_snapshot!("permission-policy-with-state", with_state.to_pretty_string());
    insta::assert_snapshot!("bucket-policy", bucket_policy(&role(), &state(&[])).unwrap().to_pretty_string());
    let prefixed = bucket_policy(&role(), &state(&["prod/", "env:/"])).unwrap();
    insta::assert_snapshot!("bucket-policy-with-prefixes", prefixed.to_pretty_string());
}

/// What STS knows when a token asks for a role.
struct Call {
    provider: String,
    issuer: String,
    aud: Option<String>,
    sub: Option<String>,
    tag: Option<String>,
    pinned: bool,
    action: &'static str,
    role: RoleArn,
}

impl Call {
    fn good(settings: &Settings, org: OrgId, role: &RoleArn, form: TrustForm) -> Self {
        let issuer = settings.issuer.without_scheme().to_owned();
        Self {
            provider: format!("arn:{}:iam::{}:oidc-provider/{issuer}", role.partition(), role.account_id()),
            issuer,
            aud: Some(settings.audience.to_string()),
            sub: Some(format!("org-{org}")),
            tag: form.tags_the_session().then(|| org.to_string()),
            pinned: true,
            action: ACTIONS[0],
            role: role.clone(),
        }
    }

    fn is_allowed_by(&self, document: &PolicyDocument) -> bool {
        let mut context = Context::new();
        let mut set = |key: &str, value: &Option<String>| {
            if let Some(value) = value {
                context.set(key, value.as_str());
            }
        };
        set(&format!("{}:aud", self.issuer), &self.aud);
        set(&format!("{}:sub", self.issuer), &self.sub);
        set("aws:RequestTag/dw_org_id", &self.tag);
        // It exists during AssumeRoleWithWebIdentity only: a policy must not need it for anything else.
        if self.action == ACTIONS[0] {
            context.set_bool("sts:RoleAuthorizedByIdp", self.pinned);
        }
        let request = Request::new(self.action, self.role.as_str())
            .by(RequestPrincipal::Federated(self.provider.clone()))
            .with_context(context);
        document.evaluate(&request).is_allowed()
    }
}

prop_compose! {
    fn any_role()(
        partition in prop::sample::select(vec!["aws", "aws-cn", "aws-us-gov"]),
        account in "[0-9]{12}", path in "([!-)+->@-~&&[^/]]{1,8}/){0,2}", name in "[A-Za-z0-9_+=,.@-]{1,64}",
    ) -> RoleArn {
        format!("arn:{partition}:iam::{account}:role/{path}{name}").parse().unwrap()
    }
}

proptest! {
    #[test]
    fn any_trust_policy_admits_its_org_and_nobody_else(
        (mine, other) in (1u128.., 1u128..).prop_filter("two orgs", |(mine, other)| mine != other),
        role in any_role(),
        host in "[a-z]{1,10}\\.[a-z]{2,5}", path in "(/[A-Za-z0-9_.~-]{1,8}){0,2}",
        audience in "[!-~]{1,40}", other_audience in "[!-~]{1,40}",
        form in prop::sample::select(vec![TrustForm::SessionTag, TrustForm::Subject]),
        demands_pin in any::<bool>(),
    ) {
        prop_assume!(audience != other_audience && !audience.contains("${") && !path.contains("/."));
        let Ok(issuer) = format!("https://{host}{path}").parse() else { return Err(TestCaseError::reject("no URL")) };
        let settings = Settings { issuer, audience: audience.parse().unwrap() };
        let (mine, other) = (org(mine), org(other));
        let document =
            TrustPolicy { settings: &settings, org: mine, role: &role, form, role_authorized_by_idp: demands_pin }
                .document()
                .unwrap();
        prop_assert!(document.is_equivalent(&PolicyDocument::parse(&document.to_pretty_string()).unwrap()));
        let good = || Call::good(&settings, mine, &role, form);
        prop_assert!(good().is_allowed_by(&document));
        let tagging = Call { action: ACTIONS[1], ..good() };
        prop_assert_eq!(tagging.is_allowed_by(&document), form.tags_the_session());

        let denied = [
            ("another org", Call { sub: Some(format!("org-{other}")), tag: Some(other.to_string()), ..good() }),
            ("another org with this org's tag", Call { sub: Some(format!("org-{other}")), ..good() }),
            ("no subject", Call { sub: None, ..good() }),
            ("another audience", Call { aud: Some(other_audience), ..good() }),
            ("no audience", Call { aud: None, ..good() }),
            ("another provider", Call { provider: format!("{}x", good().provider), ..good() }),
            ("another action", Call { action: "sts:AssumeRole", ..good() }),
        ];
        for (name, call) in denied {
            prop_assert!(!call.is_allowed_by(&document), "{}", name);
        }
        if form.tags_the_session() {
            prop_assert!(!Call { tag: None, ..good() }.is_allowed_by(&document), "no tag");
            prop_assert!(!Call { tag: Some(other.to_string()), ..good() }.is_allowed_by(&document), "another org's tag");
        }
        prop_assert_eq!(Call { pinned: false, ..good() }.is_allowed_by(&document), !demands_pin);
    }

    #[test]
    fn any_bucket_policy_lets_its_role_read_below_the_prefixes_and_nothing_else(
        role in any_role(), bucket in "[a-z0-9]{3,20}", prefix in "[^*?$/\\p{C}][^*?$\\p{C}]{0,20}", key in "[a-z]{1,9}",
    ) {
        let Ok(bucket_name) = bucket.parse() else { return Err(TestCaseError::reject("reserved")) };
        let location = StateLocation { bucket: bucket_name, key_prefixes: vec![prefix.parse().unwrap()] };
        let document = bucket_policy(&role, &location).unwrap();
        let allows = |action: &str, resource: &str, listed: Option<&str>, caller: &str| {
            let mut context = Context::new();
            if let Some(listed) = listed {
                context.set("s3:prefix", listed);
            }
            let session = RequestPrincipal::role_session(format!("arn:aws:sts::1:assumed-role/{key}/session"), caller);
            document.evaluate(&Request::new(action, resource).by(session).with_context(context)).is_allowed()
        };
        let arn = format!("arn:{}:s3:::{bucket}", role.partition());
        let object = format!("{arn}/{prefix}{key}");
        prop_assert!(allows("s3:GetObject", &object, None, role.as_str()));
        prop_assert!(allows("s3:ListBucket", &arn, Some(&prefix), role.as_str()));
        prop_assert!(!allows("s3:PutObject", &object, None, role.as_str()));
        let (outside, other_role) = (format!("{arn}/{key}"), format!("{role}x"));
        prop_assert!(!allows("s3:GetObject", &outside, None, role.as_str()) || key.starts_with(&prefix));
        prop_assert!(!allows("s3:GetObject", &object, None, &other_role));
        prop_assert!(!allows("s3:ListBucket", &arn, None, role.as_str()), "the whole bucket is not listed");
        // The workspaces of the prefix belong to it, those of others don't.
        let (workspace, elsewhere) =
            (format!("{arn}/env:/blue/{prefix}{key}"), format!("arn:{}:s3:::{bucket}x/{prefix}{key}", role.partition()));
        prop_assert!(allows("s3:GetObject", &workspace, None, role.as_str()) || prefix.starts_with("env:/"));
        prop_assert!(allows("s3:ListBucket", &arn, Some("env:/"), role.as_str()) || prefix.starts_with("env:/"));

        // Beside ReadOnlyAccess, here a policy that allows everything, the permission policy keeps data unread.
        let permissions = permission_policy(role.partition(), Some(&location)).unwrap();
        let everything = PolicyDocument::parse(
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
        ).unwrap();
        let may = |action: &str, resource: &str| {
            evaluate_all([&everything, &permissions], &Request::new(action, resource)).is_allowed()
        };
        prop_assert!(may("s3:GetObject", &object));
        prop_assert!(!may("s3:GetObject", &elsewhere));
        prop_assert!(!may("s3:GetObject", &outside) || key.starts_with(&prefix));
        prop_assert!(!may("dynamodb:Scan", "arn:aws:dynamodb:eu-west-1:123456789012:table/t"));
        prop_assert!(may("dynamodb:DescribeTable", "arn:aws:dynamodb:eu-west-1:123456789012:table/t"));
    }
}

#[test]
fn a_policy_variable_in_an_audience_is_refused() {
    let settings = Settings { audience: "x${aws:username}".parse().unwrap(), ..settings() };
    let policy = TrustPolicy {
        settings: &settings,
        org: org(1),
        role: &role(),
        form: TrustForm::Subject,
        role_authorized_by_idp: true,
    };
    assert!(policy.document().unwrap_err().to_string().contains("policy variable"));
}

#[test]
fn every_document_stays_within_the_limits_of_aws() {
    // 2,048 characters for a trust policy by default, 6,144 for a managed policy; AWS does not count blanks.
    for form in [TrustForm::SessionTag, TrustForm::Subject, TrustForm::CustomClaim] {
        assert!(trust(form, true).to_string().len() <= 2_048);
    }
    let state = state(&["a/", "b/", "c/"]);
    assert!(permission_policy(role().partition(), Some(&state)).unwrap().to_string().len() <= 6_144);
}
