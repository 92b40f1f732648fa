//! Signed requests: the signature counts, not only the key id.

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use driftwise_tests::sandbox::clients;
use serde_json::json;

use crate::stage::{ACCOUNT, Refusal, Stage, credentials};

async fn identity(stage: &Stage, credentials: Credentials) -> Result<String, Refusal> {
    let client = Client::new(&clients::config(&stage.sandbox, credentials, "eu-central-1"));
    client
        .get_caller_identity()
        .send()
        .await
        .map(|answer| answer.arn.unwrap_or_default())
        .map_err(|error| Refusal::of(&error))
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let stage = Stage::new().await;
    let session = credentials(&stage.assume(&stage.token_with(&json!({}))).await.unwrap());
    let token = session.session_token().map(str::to_owned);
    let forged = Credentials::new(session.access_key_id(), "x".repeat(40), token, None, "test");
    let refusal = identity(&stage, forged).await.unwrap_err();
    assert_eq!(refusal.code, "SignatureDoesNotMatch");
    assert!(refusal.message.starts_with("The request signature we calculated does not match"), "{refusal:?}");
    assert!(identity(&stage, session).await.is_ok());
}

#[tokio::test]
async fn a_session_without_its_token_or_with_another_is_refused() {
    let stage = Stage::new().await;
    let session = credentials(&stage.assume(&stage.token_with(&json!({}))).await.unwrap());
    for token in [None, Some("another".to_owned())] {
        let bare = Credentials::new(session.access_key_id(), session.secret_access_key(), token, None, "test");
        assert_eq!(identity(&stage, bare).await.unwrap_err().code, "InvalidClientTokenId");
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_in_each_protocol_by_its_own_code() {
    let stage = Stage::new().await;
    let unknown = || Credentials::new("AKIAXXXXXXXXXXXXXXXX", "x".repeat(40), None, None, "test");
    assert_eq!(identity(&stage, unknown()).await.unwrap_err().code, "InvalidClientTokenId");
    let config = clients::config(&stage.sandbox, unknown(), "eu-central-1");
    let cloud_control = aws_sdk_cloudcontrol::Client::new(&config);
    let error = cloud_control.get_resource().type_name("AWS::SQS::Queue").identifier("q").send().await.unwrap_err();
    assert_eq!(Refusal::of(&error).code, "UnrecognizedClientException");
    let explorer = aws_sdk_resourceexplorer2::Client::new(&config);
    let error = explorer.get_default_view().send().await.unwrap_err();
    assert_eq!(Refusal::of(&error).code, "UnrecognizedClientException");
}

#[tokio::test]
async fn an_expired_session_is_refused() {
    let stage = Stage::new().await;
    let session = credentials(&stage.assume(&stage.token_with(&json!({}))).await.unwrap());
    stage.sandbox.world().expire_sessions();
    assert_eq!(identity(&stage, session).await.unwrap_err().code, "ExpiredToken");
}

#[tokio::test]
async fn a_clock_that_is_off_by_an_hour_is_refused() {
    let stage = Stage::new().await;
    let session = credentials(&stage.assume(&stage.token_with(&json!({}))).await.unwrap());
    for (shift_s, words) in [(1_800, "Signature expired"), (-3_600, "Signature not yet current")] {
        stage.sandbox.world().clock.shift(shift_s);
        let refusal = identity(&stage, session.clone()).await.unwrap_err();
        assert_eq!(refusal.code, "SignatureDoesNotMatch");
        assert!(refusal.message.starts_with(words), "{refusal:?}");
    }
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let stage = Stage::new().await;
    let answer = reqwest::Client::new()
        .post(stage.sandbox.url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body("Action=GetCallerIdentity&Version=2011-06-15")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert!(answer.text().await.unwrap().contains("<Code>MissingAuthenticationToken</Code>"));
}

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// Sends `sent` under a signature for `service` over `body`.
async fn signed(stage: &Stage, service: &str, body: &str, sent: &'static str) -> reqwest::Response {
    let key = stage.sandbox.world().account(ACCOUNT, |account| account.root_key.clone()).unwrap();
    let identity = Credentials::new(key.id, key.secret, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(stage.sandbox.world().now().into())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let url = format!("{}/", stage.sandbox.url());
    let signable = SignableRequest::new("POST", url.clone(), [].into_iter(), SignableBody::Bytes(body.as_bytes()));
    let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
    let mut request = reqwest::Client::new().post(&url).body(sent);
    for (name, value) in instructions.headers() {
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_changed_body_is_refused() {
    let stage = Stage::new().await;
    assert_eq!(signed(&stage, "sts", BODY, BODY).await.status().as_u16(), 200);
    let changed = "Action=GetCallerIdentity&Version=2011-06-15&x=y";
    assert_eq!(signed(&stage, "sts", BODY, changed).await.status().as_u16(), 403);
}

#[tokio::test]
async fn a_signature_for_another_service_is_refused() {
    let stage = Stage::new().await;
    let answer = signed(&stage, "s3", BODY, BODY).await;
    assert_eq!(answer.status().as_u16(), 403);
    assert!(answer.text().await.unwrap().contains("Credential should be scoped to correct service"));
}
