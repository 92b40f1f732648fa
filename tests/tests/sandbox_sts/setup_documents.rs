//! The issuer's documents of state access and lock-down, applied as they are: who gets in, and who is kept out.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use driftwise_contract::Partition;
use driftwise_issuer::setup::{DocumentKind, IssuerFacts, RawRequest};
use driftwise_tests::sandbox::{Account, Membership, clients, s3::Put};
use serde_json::{Value, json};

use crate::{
    provider::{AUDIENCE, Provider},
    stage::{ACCOUNT, ROLE, Stage},
};

const ORG: &str = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21";
const OTHER_ORG: &str = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c22";
/// The account that owns the states.
const STATES: &str = "999988887777";
const BUCKET: &str = "acme-tf-state";
const REGION: &str = "eu-central-1";

fn documents(stage: &Stage, raw: &RawRequest, kind: DocumentKind) -> Value {
    let facts = IssuerFacts {
        issuer: stage.provider.issuer.parse().unwrap(),
        audience: AUDIENCE.parse().unwrap(),
        thumbprints: Vec::new(),
        roles_authorized_by_idp: vec![Partition::Aws],
    };
    let request = raw.parse(&facts).unwrap_or_else(|faults| panic!("{faults:?}"));
    request.document(kind).unwrap()[0].policy.to_json()
}

fn raw() -> RawRequest {
    RawRequest { org: ORG.to_owned(), role: ROLE.to_owned(), region: REGION.to_owned(), ..RawRequest::default() }
}

/// A trust policy that forgot every condition.
fn lax(provider: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
    }]})
}

fn pinned(sub: &str, role: &str) -> Value {
    json!({"sub": sub, "https://aws.amazon.com/roles": [role]})
}

fn tagged(org: &str, role: &str) -> Value {
    let mut claims = pinned(&format!("org-{org}"), role);
    claims["https://aws.amazon.com/tags"] = json!({"principal_tags": {"dw_org_id": [org]}});
    claims
}

fn change(stage: &Stage, change: impl FnOnce(&mut Membership)) {
    stage
        .sandbox
        .world()
        .account_mut(ACCOUNT, |account| change(account.organization.get_or_insert_with(Membership::member)));
}

#[tokio::test]
async fn the_resource_control_policy_keeps_out_what_a_lax_trust_policy_lets_in() {
    let stage = Stage::new().await;
    stage.set_trust(&lax(&stage.provider_arn())).await;
    let arn = stage.provider_arn();
    stage
        .iam
        .add_client_id_to_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .client_id("another-audience")
        .send()
        .await
        .unwrap();
    let ours = format!("org-{ORG}");
    let mut other_audience = pinned(&ours, ROLE);
    other_audience["aud"] = json!("another-audience");
    let wrong = [
        ("another org", pinned(&format!("org-{OTHER_ORG}"), ROLE)),
        ("another audience", other_audience),
        ("no pin", json!({"sub": ours})),
    ];
    for (name, claims) in &wrong {
        assert!(stage.assume(&stage.token_with(claims)).await.is_ok(), "{name}: the trust policy lets it in");
    }
    // Somebody else's provider, and a role that trusts it.
    let theirs = Provider::start().await;
    stage.iam.create_open_id_connect_provider().url(&theirs.issuer).client_id_list(AUDIENCE).send().await.unwrap();
    let their_arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", theirs.issuer.trim_start_matches("http://"));
    stage.create_role("theirs", &lax(&their_arn)).await;

    let policy = documents(&stage, &raw(), DocumentKind::ResourceControlPolicy).to_string();
    change(&stage, |membership| membership.attach_resource_control(&policy).unwrap());
    for (name, claims) in &wrong {
        let refusal = stage.assume(&stage.token_with(claims)).await.unwrap_err();
        assert_eq!(refusal.code, "AccessDenied", "{name}");
    }
    let other_role = pinned(&ours, "arn:aws:iam::111122223333:role/other");
    assert_eq!(stage.assume(&stage.token_with(&other_role)).await.unwrap_err().code, "InvalidIdentityToken");
    assert!(stage.assume(&stage.token_with(&pinned(&ours, ROLE))).await.is_ok());
    assert!(stage.assume(&stage.token_with(&tagged(ORG, ROLE))).await.is_ok(), "tags are no matter of it");
    let their_token = theirs.token(&theirs.claims(stage.now_s()));
    let their_role = format!("arn:aws:iam::{ACCOUNT}:role/theirs");
    assert!(stage.assume_named(&their_role, &their_token).await.is_ok(), "other issuers' tokens pass by");
}

#[tokio::test]
async fn under_the_service_control_policy_only_the_iac_role_changes_iam() {
    let stage = Stage::new().await;
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let mut sessions = Vec::new();
    for role in ["terraform", "admin"] {
        stage.create_role(role, &lax(&stage.provider_arn())).await;
        let put = stage.iam.put_role_policy().role_name(role).policy_name("all");
        put.policy_document(all.to_string()).send().await.unwrap();
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let session = stage.assume_named(&arn, &stage.token_with(&json!({}))).await.unwrap();
        sessions.push(aws_sdk_iam::Client::new(&stage.session_config(&session)));
    }
    let [terraform, admin] = sessions.as_slice() else { panic!("two sessions") };
    admin.create_user().user_name("before").send().await.expect("nothing is locked yet");

    let raw = RawRequest { iac_roles: "terraform".to_owned(), ..raw() };
    let policy = documents(&stage, &raw, DocumentKind::ServiceControlPolicy).to_string();
    change(&stage, |membership| membership.attach_service_control(&policy).unwrap());
    for (name, iam) in [("admin", admin), ("root", &stage.iam)] {
        let denied = iam.create_user().user_name("after").send().await.unwrap_err();
        assert!(denied.message().unwrap().contains("explicit deny in a service control policy"), "{name}: {denied:?}");
        assert!(iam.list_users().send().await.is_ok(), "{name} reads");
    }
    let trust = lax(&stage.provider_arn()).to_string();
    assert!(admin.update_assume_role_policy().role_name("terraform").policy_document(trust).send().await.is_err());
    assert!(admin.create_service_linked_role().aws_service_name("ecs.amazonaws.com").send().await.is_ok());
    assert!(terraform.create_user().user_name("after").send().await.is_ok());
}

#[tokio::test]
async fn across_accounts_only_the_role_in_a_session_of_the_org_reads_the_states() {
    let stage = Stage::new().await;
    let world = stage.sandbox.world();
    world.add_account(Account::new(STATES));
    let owner = clients::root_config(&stage.sandbox, STATES);
    let kms = aws_sdk_kms::Client::new(&owner);
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    let now = world.now();
    world.account_mut(STATES, |account| {
        let bucket = account.buckets.create(BUCKET, REGION, now);
        bucket.default_kms_key = Some(key.clone());
        for name in ["prod/app.tfstate", "prod/app.tfstate.tflock", "payroll/app.tfstate"] {
            bucket.put(name, Put::json("{}"), now);
        }
    });
    let raw = RawRequest {
        state: format!("{BUCKET}/prod/"),
        state_account: STATES.to_owned(),
        kms_keys: key.clone(),
        abac: "on".to_owned(),
        ..raw()
    };
    let document = |kind| documents(&stage, &raw, kind);
    let reading = document(DocumentKind::StatePolicy).to_string();
    stage.create_role("other", &lax(&stage.provider_arn())).await;
    for role in ["scan", "other"] {
        let put = stage.iam.put_role_policy().role_name(role).policy_name("states").policy_document(&reading);
        put.send().await.unwrap();
    }
    stage.set_trust(&document(DocumentKind::TrustPolicy)).await;
    let read_as = async |role: &str, claims: &Value, key: &str| {
        let session = stage.assume_named(role, &stage.token_with(claims)).await.unwrap();
        let config = stage.session_config(&session);
        let s3 =
            aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
        s3.get_object().bucket(BUCKET).key(key).send().await.map(|_| ()).map_err(|error| {
            assert_eq!(error.code(), Some("AccessDenied"), "{error:?}");
            error.message().unwrap_or_default().to_owned()
        })
    };
    let ours = tagged(ORG, ROLE);
    let state = "prod/app.tfstate";
    assert!(
        read_as(ROLE, &ours, state).await.unwrap_err().contains("no resource-based policy"),
        "no half of the owner"
    );
    let owner_s3 =
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&owner).force_path_style(true).build());
    let bucket_policy = document(DocumentKind::BucketPolicy).to_string();
    owner_s3.put_bucket_policy().bucket(BUCKET).policy(bucket_policy).send().await.unwrap();
    assert!(read_as(ROLE, &ours, state).await.unwrap_err().contains("kms:Decrypt"), "the key is not open yet");
    let mut key_policy: Value =
        serde_json::from_str(kms.get_key_policy().key_id(&key).send().await.unwrap().policy().unwrap()).unwrap();
    let more = document(DocumentKind::KeyPolicy)["Statement"].as_array().unwrap().clone();
    key_policy["Statement"].as_array_mut().unwrap().extend(more);
    kms.put_key_policy().key_id(&key).policy(key_policy.to_string()).send().await.unwrap();

    assert_eq!(read_as(ROLE, &ours, state).await, Ok(()));
    assert!(read_as(ROLE, &ours, "payroll/app.tfstate").await.is_err(), "another prefix");
    assert!(read_as(ROLE, &ours, "prod/app.tfstate.tflock").await.unwrap_err().contains("explicit deny"));
    let other = "arn:aws:iam::111122223333:role/other";
    assert!(read_as(other, &tagged(ORG, other), state).await.is_err(), "another role with the same policy");

    // Whatever becomes of the trust policy: without the org's tag, the states stay closed.
    let trust = stage.assume(&stage.token_with(&tagged(OTHER_ORG, ROLE))).await.unwrap_err();
    assert_eq!(trust.code, "AccessDenied");
    stage.set_trust(&lax(&stage.provider_arn())).await;
    for (name, claims) in [("another org", tagged(OTHER_ORG, ROLE)), ("no tag", pinned(&format!("org-{ORG}"), ROLE))] {
        assert!(
            read_as(ROLE, &claims, state).await.unwrap_err().contains("explicit deny in a resource-based"),
            "{name}"
        );
    }
    assert_eq!(read_as(ROLE, &ours, state).await, Ok(()));
}

/// Both narrow a scan's session: the issuer's document is the agent's, to the letter of their meaning.
#[test]
fn the_issuers_session_policy_means_what_the_agents_means() {
    use driftwise_agent::{credentials::SessionPolicy, state::StateSource};
    use driftwise_contract::{SessionScope, policy::PolicyDocument};

    let facts = IssuerFacts {
        issuer: "https://id.example.com".parse().unwrap(),
        audience: AUDIENCE.parse().unwrap(),
        thumbprints: Vec::new(),
        roles_authorized_by_idp: Vec::new(),
    };
    for states in [&[][..], &["acme-tf-state"], &["acme-tf-state", "acme-tf-more"]] {
        let sources: Vec<_> =
            states.iter().map(|bucket| StateSource::parse(&format!("s3://{bucket}/prod/")).unwrap()).collect();
        let agents = SessionPolicy::of(SessionScope::Scan, Partition::Aws, &sources).unwrap().inline.unwrap();
        let state = states.iter().map(|bucket| format!("{bucket}/prod/")).collect::<Vec<_>>().join("\n");
        let request = RawRequest { state, ..raw() }.parse(&facts).unwrap();
        let issuers = &request.document(DocumentKind::SessionPolicy).unwrap()[0].policy;
        let without_sids = {
            let mut json = issuers.to_json();
            for statement in json["Statement"].as_array_mut().unwrap() {
                statement.as_object_mut().unwrap().remove("Sid");
            }
            PolicyDocument::from_value(&json).unwrap()
        };
        assert!(
            without_sids.is_equivalent(&PolicyDocument::parse(&agents).unwrap()),
            "{states:?}:\n{issuers}\n{agents}"
        );
    }
}
