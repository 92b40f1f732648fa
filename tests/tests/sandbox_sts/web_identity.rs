//! Web identities that pass, and what their sessions are and may do.

use aws_sdk_sts::types::PolicyDescriptorType;
use serde_json::json;

use crate::{
    provider::AUDIENCE,
    stage::{ACCOUNT, ROLE, Refusal, Stage},
};

#[tokio::test]
async fn a_web_identity_becomes_the_role() {
    let stage = Stage::new().await;
    let answer = stage
        .sts
        .assume_role_with_web_identity()
        .role_arn(ROLE)
        .role_session_name("scan-1")
        .web_identity_token(stage.token_with(&json!({})))
        .duration_seconds(1_800)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.subject_from_web_identity_token(), Some("org-a"));
    assert_eq!(answer.provider(), Some(stage.provider_arn().as_str()));
    assert_eq!(answer.audience(), Some(AUDIENCE));
    assert!(answer.session_token_utilization().is_some());
    let session = answer.credentials().unwrap();
    assert!(session.access_key_id().starts_with("ASIA"));
    assert!((session.expiration().secs() - stage.now_s() - 1_800).abs() < 60);

    let as_session = stage.session_config(session);
    let caller = aws_sdk_sts::Client::new(&as_session).get_caller_identity().send().await.unwrap();
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/scan/scan-1");
    assert_eq!((caller.arn(), caller.account()), (Some(arn.as_str()), Some(ACCOUNT)));
    assert!(caller.user_id().unwrap().ends_with(":scan-1"));
    assert_eq!(answer.assumed_role_user().unwrap().arn(), arn);

    let iam = aws_sdk_iam::Client::new(&as_session);
    assert_eq!(iam.list_roles().send().await.unwrap().roles().len(), 1);
    let refusal = Refusal::of(&iam.create_user().user_name("intruder").send().await.unwrap_err());
    assert_eq!(refusal.code, "AccessDenied");
    assert_eq!(
        refusal.message,
        format!(
            "User: {arn} is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::{ACCOUNT}:user/intruder \
             because no identity-based policy allows the iam:CreateUser action"
        )
    );
}

#[tokio::test]
async fn all_six_algorithms_pass() {
    let stage = Stage::new().await;
    let claims = stage.provider.claims(stage.now_s());
    for algorithm in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] {
        let kid = if algorithm.starts_with("RS") { "rsa" } else { algorithm };
        let token = stage.provider.sign(algorithm, &json!({ "alg": algorithm, "kid": kid }), &claims);
        assert!(stage.assume(&token).await.is_ok(), "{algorithm}");
    }
}

#[tokio::test]
async fn forms_of_claims_that_aws_accepts_pass() {
    let stage = Stage::new().await;
    let now_s = stage.now_s();
    for changes in [
        json!({ "aud": [AUDIENCE] }),
        json!({ "aud": "else", "azp": AUDIENCE }),
        json!({ "iat": now_s.to_string(), "exp": (now_s + 60).to_string() }),
        json!({ "exp": now_s - 240 }),
        json!({ "iat": now_s + 240 }),
        json!({ "nbf": now_s + 240 }),
        json!({ "https://aws.amazon.com/roles": [ROLE] }),
        json!({ "https://aws.amazon.com/roles": format!("x; {ROLE}") }),
    ] {
        let outcome = stage.assume(&stage.token_with(&changes)).await;
        assert!(outcome.is_ok(), "{changes}: {outcome:?}");
    }
}

#[tokio::test]
async fn session_tags_need_their_own_action_and_meet_conditions() {
    let stage = Stage::new().await;
    let tags = |org: &str| {
        json!({ "https://aws.amazon.com/tags": {
            "principal_tags": { "dw_org_id": [org] }, "transitive_tag_keys": ["dw_org_id"] } })
    };
    let refusal = stage.assume(&stage.token_with(&tags("a"))).await.unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), refusal.message.as_str()),
        ("AccessDenied", "Not authorized to perform sts:TagSession")
    );

    let actions = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"];
    stage.set_trust(&stage.trust(&actions, &json!({ "aws:RequestTag/dw_org_id": "a" }))).await;
    let session = stage.assume(&stage.token_with(&tags("a"))).await.unwrap();
    for changes in [tags("b"), json!({})] {
        let refusal = stage.assume(&stage.token_with(&changes)).await.unwrap_err();
        assert_eq!(refusal.message, "Not authorized to perform sts:AssumeRoleWithWebIdentity", "{changes}");
    }

    // The tag lives on as a principal tag, which permission policies can ask for.
    stage
        .iam
        .put_role_policy()
        .role_name("scan")
        .policy_name("own-org")
        .policy_document(
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "iam:TagUser",
                "Resource": format!("arn:aws:iam::{ACCOUNT}:user/${{aws:PrincipalTag/dw_org_id}}") }] })
            .to_string(),
        )
        .send()
        .await
        .unwrap();
    for user in ["a", "b"] {
        stage.iam.create_user().user_name(user).send().await.unwrap();
    }
    let iam = aws_sdk_iam::Client::new(&stage.session_config(&session));
    let tag = aws_sdk_iam::types::Tag::builder().key("k").value("v").build().unwrap();
    assert!(iam.tag_user().user_name("a").tags(tag.clone()).send().await.is_ok());
    assert!(iam.tag_user().user_name("b").tags(tag).send().await.is_err());
}

#[tokio::test]
async fn a_custom_claim_is_no_condition_key() {
    let stage = Stage::new().await;
    let key = format!("{}:dw_org_id", stage.provider_url());
    stage.set_trust(&stage.trust(&["sts:AssumeRoleWithWebIdentity"], &json!({ key: "a" }))).await;
    let refusal = stage.assume(&stage.token_with(&json!({ "dw_org_id": "a" }))).await.unwrap_err();
    assert_eq!(refusal.code, "AccessDenied");
}

#[tokio::test]
async fn a_trust_policy_can_demand_a_pinned_token() {
    let stage = Stage::new().await;
    let mut trust = stage.trust(&["sts:AssumeRoleWithWebIdentity"], &json!({}));
    trust["Statement"][0]["Condition"]["Bool"] = json!({ "sts:RoleAuthorizedByIdp": "true" });
    stage.set_trust(&trust).await;
    assert_eq!(stage.assume(&stage.token_with(&json!({}))).await.unwrap_err().code, "AccessDenied");
    let pinned = stage.token_with(&json!({ "https://aws.amazon.com/roles": ROLE }));
    assert!(stage.assume(&pinned).await.is_ok());
}

#[tokio::test]
async fn a_source_identity_needs_its_own_action() {
    let stage = Stage::new().await;
    let token = || stage.token_with(&json!({ "https://aws.amazon.com/source_identity": "agent-1" }));
    assert_eq!(stage.assume(&token()).await.unwrap_err().message, "Not authorized to perform sts:SetSourceIdentity");
    stage.set_trust(&stage.trust(&["sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"], &json!({}))).await;
    assert!(stage.assume(&token()).await.is_ok());
}

#[tokio::test]
async fn a_new_role_is_refused_as_often_as_the_world_says() {
    let stage = Stage::new().await;
    stage.sandbox.world().delay_new_roles(2);
    stage.create_role("late", &stage.trust(&["sts:AssumeRoleWithWebIdentity"], &json!({}))).await;
    let late = format!("arn:aws:iam::{ACCOUNT}:role/late");
    let token = stage.token_with(&json!({}));
    for _ in 0..2 {
        assert_eq!(stage.assume_named(&late, &token).await.unwrap_err().code, "AccessDenied");
    }
    assert!(stage.assume_named(&late, &token).await.is_ok());
}

#[tokio::test]
async fn a_session_policy_shrinks_the_session() {
    let stage = Stage::new().await;
    let only_users = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*" }] });
    let request = || {
        stage
            .sts
            .assume_role_with_web_identity()
            .role_arn(ROLE)
            .role_session_name("scan-1")
            .web_identity_token(stage.token_with(&json!({})))
    };
    let answer = request().policy(only_users.to_string()).send().await.unwrap();
    let iam = aws_sdk_iam::Client::new(&stage.session_config(answer.credentials().unwrap()));
    assert!(iam.list_users().send().await.is_ok());
    let refusal = Refusal::of(&iam.list_roles().send().await.unwrap_err());
    assert!(refusal.message.ends_with("because no session policy allows the iam:ListRoles action"), "{refusal:?}");

    let managed = PolicyDescriptorType::builder().arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").build();
    let answer = request().policy_arns(managed).send().await.unwrap();
    let iam = aws_sdk_iam::Client::new(&stage.session_config(answer.credentials().unwrap()));
    assert!(iam.list_users().send().await.is_err());

    let refusal = Refusal::of(&request().policy("{").send().await.unwrap_err());
    assert_eq!(refusal.code, "MalformedPolicyDocument");
}

#[tokio::test]
async fn an_answer_slower_than_five_seconds_is_no_answer() {
    // The provider's port accepts connections and says nothing: the sandbox must give up by itself.
    let stage = Stage::new().await;
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/keys", silent.local_addr().unwrap());
    stage.provider.documents.lock().unwrap().discovery["jwks_uri"] = json!(uri);
    let token = stage.token_with(&json!({}));
    let refusal = stage.assume(&token).await.unwrap_err();
    assert!(refusal.message.starts_with("Couldn't retrieve verification key"), "{refusal:?}");
}
