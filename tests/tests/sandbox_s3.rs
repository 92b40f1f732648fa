//! S3 of the sandbox, called with the real SDK.

use aws_credential_types::Credentials;
use aws_sdk_s3::{
    Client,
    error::ProvideErrorMetadata,
    primitives::ByteStream,
    types::{
        BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, ServerSideEncryption,
        VersioningConfiguration,
    },
};
use driftwise_tests::sandbox::{
    Account, Sandbox, clients,
    seed::{self, ACCOUNT_ID, HOME_REGION, STATE_BUCKET, State},
};
use serde_json::{Value, json};

const OTHER: &str = "999988887777";

async fn seeded() -> Sandbox {
    let world = seed::world();
    world.add_account(Account::new(OTHER));
    Sandbox::start(world).await.unwrap()
}

fn client(config: &aws_config::SdkConfig) -> Client {
    Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

fn root(sandbox: &Sandbox) -> Client {
    client(&clients::root_config(sandbox, ACCOUNT_ID))
}

/// A new user of an account, who may do these things.
async fn user(sandbox: &Sandbox, account: &str, name: &str, statements: Value) -> Client {
    client(&user_config(sandbox, account, name, statements).await)
}

async fn user_config(sandbox: &Sandbox, account: &str, name: &str, statements: Value) -> aws_config::SdkConfig {
    let iam = aws_sdk_iam::Client::new(&clients::root_config(sandbox, account));
    iam.create_user().user_name(name).send().await.unwrap();
    if statements.as_array().is_some_and(|all| !all.is_empty()) {
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        iam.put_user_policy().user_name(name).policy_name("p").policy_document(document).send().await.unwrap();
    }
    let key = iam.create_access_key().user_name(name).send().await.unwrap().access_key.unwrap();
    clients::config(
        sandbox,
        Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test"),
        HOME_REGION,
    )
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

async fn text(body: ByteStream) -> String {
    String::from_utf8(body.collect().await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_states_are_there_in_two_versions_beside_a_lock() {
    let sandbox = seeded().await;
    let s3 = root(&sandbox);
    let listed = s3.list_objects_v2().bucket(STATE_BUCKET).send().await.unwrap();
    let keys: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(
        keys,
        ["env:/prod/app/terraform.tfstate", "env:/prod/app/terraform.tfstate.tflock", "network/terraform.tfstate"]
    );
    let versions = s3.list_object_versions().bucket(STATE_BUCKET).prefix(State::App.key()).send().await.unwrap();
    let of_state: Vec<_> =
        versions.versions().iter().filter(|version| version.key() == Some(State::App.key())).collect();
    assert_eq!(of_state.iter().map(|version| version.is_latest()).collect::<Vec<_>>(), [Some(true), Some(false)]);
    let mut serials = Vec::new();
    for version in of_state {
        let id = version.version_id().unwrap();
        let object = s3.get_object().bucket(STATE_BUCKET).key(State::App.key()).version_id(id).send().await.unwrap();
        assert_eq!(object.version_id(), Some(id));
        let state: Value = serde_json::from_str(&text(object.body).await).unwrap();
        assert_eq!((&state["version"], &state["terraform_version"]), (&json!(4), &json!("1.12.2")));
        serials.push(state["serial"].as_u64().unwrap());
    }
    assert_eq!(serials, [318, 317]);
}

#[tokio::test]
async fn objects_are_written_and_read_whole_in_parts_and_by_version() {
    let sandbox = seeded().await;
    let s3 = root(&sandbox);
    let region = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1).build();
    s3.create_bucket().bucket("acme-test").create_bucket_configuration(region).send().await.unwrap();
    let first = s3
        .put_object()
        .bucket("acme-test")
        .key("a b/ü.json")
        .body(ByteStream::from_static(b"0123456789"))
        .send()
        .await
        .unwrap();
    assert_eq!(first.version_id(), None);
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket("acme-test").versioning_configuration(versioning).send().await.unwrap();
    let second = s3
        .put_object()
        .bucket("acme-test")
        .key("a b/ü.json")
        .body(ByteStream::from_static(b"new"))
        .send()
        .await
        .unwrap();
    let get = || s3.get_object().bucket("acme-test").key("a b/ü.json");
    let current = get().send().await.unwrap();
    assert_eq!(current.version_id(), second.version_id());
    assert_eq!(text(current.body).await, "new");
    let old = get().version_id("null").range("bytes=2-4").send().await.unwrap();
    assert_eq!((old.content_range(), old.content_length()), (Some("bytes 2-4/10"), Some(3)));
    assert_eq!(text(old.body).await, "234");
    assert_eq!(code(&get().version_id("bm8tc3VjaC12ZXJzaW9u").send().await.unwrap_err()), "NoSuchVersion");
    assert_eq!(code(&get().range("bytes=900-").send().await.unwrap_err()), "InvalidRange");
    let head = s3.head_object().bucket("acme-test").key("a b/ü.json").send().await.unwrap();
    assert_eq!((head.content_length(), head.version_id()), (Some(3), second.version_id()));
    assert_eq!(
        s3.get_bucket_location().bucket("acme-test").send().await.unwrap().location_constraint(),
        Some(&BucketLocationConstraint::EuCentral1)
    );
    assert!(s3.list_buckets().send().await.unwrap().buckets().iter().any(|bucket| bucket.name() == Some("acme-test")));
}

#[tokio::test]
async fn listings_page_and_roll_up_below_a_delimiter() {
    let sandbox = seeded().await;
    sandbox.world().account_mut(ACCOUNT_ID, |account| {
        let bucket = account.buckets.create("acme-many", HOME_REGION, time::OffsetDateTime::UNIX_EPOCH);
        for key in ["a/1", "a/2", "a/x/3", "b", "c/1", "c/2", "d"] {
            bucket.put(key, driftwise_tests::sandbox::s3::Put::json("{}"), time::OffsetDateTime::UNIX_EPOCH);
        }
    });
    let s3 = root(&sandbox);
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let page = s3
            .list_objects_v2()
            .bucket("acme-many")
            .delimiter("/")
            .max_keys(2)
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        let prefixes = page.common_prefixes().iter().filter_map(|prefix| prefix.prefix());
        let mut names: Vec<String> =
            page.contents().iter().filter_map(|object| object.key()).chain(prefixes).map(str::to_owned).collect();
        names.sort();
        seen.extend(names);
        assert_eq!(page.is_truncated(), Some(page.next_continuation_token().is_some()));
        token = page.next_continuation_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a/", "b", "c/", "d"]);
    let below = s3.list_objects_v2().bucket("acme-many").prefix("a/").delimiter("/").send().await.unwrap();
    assert_eq!(below.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), ["a/1", "a/2"]);
    assert_eq!(below.common_prefixes()[0].prefix(), Some("a/x/"));
}

#[tokio::test]
async fn who_may_not_list_is_not_told_that_a_key_is_absent() {
    let sandbox = seeded().await;
    let objects = format!("arn:aws:s3:::{STATE_BUCKET}/*");
    let blind = user(&sandbox, ACCOUNT_ID, "blind", json!([allow(&["s3:GetObject"], &objects)])).await;
    let seeing =
        json!([allow(&["s3:GetObject"], &objects), allow(&["s3:ListBucket"], &format!("arn:aws:s3:::{STATE_BUCKET}"))]);
    let seeing = user(&sandbox, ACCOUNT_ID, "seeing", seeing).await;
    for (who, s3, status, expected) in [("blind", blind, 403, "AccessDenied"), ("seeing", seeing, 404, "NoSuchKey")] {
        let error = s3.get_object().bucket(STATE_BUCKET).key("nowhere.tfstate").send().await.unwrap_err();
        assert_eq!((code(&error), error.raw_response().unwrap().status().as_u16()), (expected, status), "{who}");
        let error = s3.head_object().bucket(STATE_BUCKET).key("nowhere.tfstate").send().await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), status, "{who}");
        assert!(s3.get_object().bucket(STATE_BUCKET).key(State::Network.key()).send().await.is_ok(), "{who}");
        let old =
            s3.get_object().bucket(STATE_BUCKET).key(State::Network.key()).version_id("x").send().await.unwrap_err();
        assert_eq!(code(&old), "AccessDenied", "{who}: a version needs s3:GetObjectVersion");
    }
    let error = root(&sandbox).get_object().bucket("no-such-bucket-anywhere").key("x").send().await.unwrap_err();
    assert_eq!(code(&error), "NoSuchBucket");
}

#[tokio::test]
async fn in_one_account_either_policy_allows_and_a_denial_in_either_wins() {
    let sandbox = seeded().await;
    let own = user(&sandbox, ACCOUNT_ID, "own", json!([allow(&["s3:GetObject"], "*")])).await;
    let named = user(&sandbox, ACCOUNT_ID, "named", json!([])).await;
    let read = |s3: &Client| s3.get_object().bucket(STATE_BUCKET).key(State::Network.key()).send();
    assert!(read(&own).await.is_ok());
    assert_eq!(code(&read(&named).await.unwrap_err()), "AccessDenied");
    let objects = format!("arn:aws:s3:::{STATE_BUCKET}/*");
    let principal = |name: &str| json!({"AWS": format!("arn:aws:iam::{ACCOUNT_ID}:user/{name}")});
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal("named"), "Action": "s3:GetObject", "Resource": objects},
        {"Effect": "Deny", "Principal": principal("own"), "Action": "s3:GetObject", "Resource": objects},
    ]});
    root(&sandbox).put_bucket_policy().bucket(STATE_BUCKET).policy(policy.to_string()).send().await.unwrap();
    assert!(read(&named).await.is_ok());
    let denied = read(&own).await.unwrap_err();
    assert!(denied.message().unwrap().contains("explicit deny in a resource-based policy"), "{denied:?}");
    let malformed = root(&sandbox).put_bucket_policy().bucket(STATE_BUCKET).policy("{").send().await.unwrap_err();
    assert_eq!(code(&malformed), "MalformedPolicy");
    assert!(
        root(&sandbox)
            .get_bucket_policy()
            .bucket(STATE_BUCKET)
            .send()
            .await
            .unwrap()
            .policy()
            .unwrap()
            .contains("named")
    );
}

#[tokio::test]
async fn across_accounts_both_policies_must_allow() {
    let sandbox = seeded().await;
    let allowed = user(&sandbox, OTHER, "allowed", json!([allow(&["s3:GetObject"], "*")])).await;
    let bare = user(&sandbox, OTHER, "bare", json!([])).await;
    let read = |s3: &Client| s3.get_object().bucket(STATE_BUCKET).key(State::Network.key()).send();
    assert_eq!(code(&read(&allowed).await.unwrap_err()), "AccessDenied");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{STATE_BUCKET}/*"),
    }]});
    root(&sandbox).put_bucket_policy().bucket(STATE_BUCKET).policy(policy.to_string()).send().await.unwrap();
    assert!(read(&allowed).await.is_ok());
    assert_eq!(code(&read(&bare).await.unwrap_err()), "AccessDenied");
}

/// A key of the seeded account, under the policy that AWS gives a key.
async fn new_key(sandbox: &Sandbox) -> String {
    let kms = aws_sdk_kms::Client::new(&clients::root_config(sandbox, ACCOUNT_ID));
    kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap()
}

async fn put_encrypted(sandbox: &Sandbox, key: &str) {
    root(sandbox)
        .put_object()
        .bucket(STATE_BUCKET)
        .key("secret.tfstate")
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id(key)
        .body(ByteStream::from_static(b"{}"))
        .send()
        .await
        .unwrap();
}

fn whole_policy(account: &str, more: &Value) -> String {
    let mut statements = vec![
        json!({"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{account}:root")}, "Action": "kms:*", "Resource": "*"}),
    ];
    statements.extend(more.as_array().cloned().unwrap_or_default());
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[tokio::test]
async fn an_object_under_a_kms_key_needs_the_key_as_well() {
    let sandbox = seeded().await;
    let key = new_key(&sandbox).await;
    put_encrypted(&sandbox, &key).await;
    let keyless = user(&sandbox, ACCOUNT_ID, "keyless", json!([allow(&["s3:*"], "*")])).await;
    let keyed =
        user(&sandbox, ACCOUNT_ID, "keyed", json!([allow(&["s3:*"], "*"), allow(&["kms:Decrypt"], &key)])).await;
    let read = |s3: &Client| s3.get_object().bucket(STATE_BUCKET).key("secret.tfstate").send();
    let denied = read(&keyless).await.unwrap_err();
    assert!(code(&denied) == "AccessDenied" && denied.message().unwrap().contains("kms:Decrypt"), "{denied:?}");
    assert_eq!(read(&keyed).await.unwrap().ssekms_key_id(), Some(key.as_str()));
    let kms = aws_sdk_kms::Client::new(&clients::root_config(&sandbox, ACCOUNT_ID));
    kms.schedule_key_deletion().key_id(&key).send().await.unwrap();
    assert_eq!(code(&read(&keyed).await.unwrap_err()), "KMS.KMSInvalidStateException");
}

#[tokio::test]
async fn across_accounts_the_keys_policy_must_admit_the_reader_who_must_be_allowed_himself() {
    let sandbox = seeded().await;
    let key = new_key(&sandbox).await;
    put_encrypted(&sandbox, &key).await;
    let objects = format!("arn:aws:s3:::{STATE_BUCKET}/*");
    let bucket_policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "s3:GetObject", "Resource": objects},
    ]});
    root(&sandbox).put_bucket_policy().bucket(STATE_BUCKET).policy(bucket_policy.to_string()).send().await.unwrap();
    let keyless = user(&sandbox, OTHER, "keyless", json!([allow(&["s3:*"], "*")])).await;
    let keyed = user(&sandbox, OTHER, "keyed", json!([allow(&["s3:*", "kms:Decrypt"], "*")])).await;
    let read = |s3: &Client| s3.get_object().bucket(STATE_BUCKET).key("secret.tfstate").send();
    let closed = read(&keyed).await.unwrap_err();
    assert!(closed.message().unwrap().contains("no resource-based policy allows the kms:Decrypt"), "{closed:?}");

    let kms = aws_sdk_kms::Client::new(&clients::root_config(&sandbox, ACCOUNT_ID));
    let admits = |context: &str| {
        json!([{"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {
            "kms:ViaService": format!("s3.{HOME_REGION}.amazonaws.com"), "kms:EncryptionContext:aws:s3:arn": context
        }}}])
    };
    let object = format!("arn:aws:s3:::{STATE_BUCKET}/secret.tfstate");
    let put = |policy: String| kms.put_key_policy().key_id(&key).policy(policy).send();
    put(whole_policy(ACCOUNT_ID, &admits("arn:aws:s3:::another-bucket/secret.tfstate"))).await.unwrap();
    assert_eq!(code(&read(&keyed).await.unwrap_err()), "AccessDenied", "the encryption context is another object's");
    put(whole_policy(ACCOUNT_ID, &admits(&object))).await.unwrap();
    assert!(read(&keyed).await.is_ok());
    assert_eq!(code(&read(&keyless).await.unwrap_err()), "AccessDenied", "the key's policy alone is not enough");

    let bucket = format!("arn:aws:s3:::{STATE_BUCKET}");
    sandbox.world().account_mut(ACCOUNT_ID, |account| {
        account.buckets.get_mut(STATE_BUCKET).unwrap().has_bucket_key = true;
    });
    assert_eq!(code(&read(&keyed).await.unwrap_err()), "AccessDenied", "with a bucket key the context is the bucket's");
    put(whole_policy(ACCOUNT_ID, &admits(&bucket))).await.unwrap();
    assert!(read(&keyed).await.is_ok());
}

#[tokio::test]
async fn a_keys_policy_can_lock_its_own_account_out_but_not_by_mistake() {
    let sandbox = seeded().await;
    let key = new_key(&sandbox).await;
    put_encrypted(&sandbox, &key).await;
    let everything = user(&sandbox, ACCOUNT_ID, "everything", json!([allow(&["*"], "*")])).await;
    user(&sandbox, ACCOUNT_ID, "named", json!([])).await;
    let named_only = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT_ID}:user/named")}, "Action": "kms:*", "Resource": "*",
    }]})
    .to_string();
    let kms = aws_sdk_kms::Client::new(&clients::root_config(&sandbox, ACCOUNT_ID));
    let put = || kms.put_key_policy().key_id(&key).policy(&named_only);
    let refused = put().send().await.unwrap_err();
    assert_eq!(code(&refused), "MalformedPolicyDocumentException", "{refused:?}");
    put().bypass_policy_lockout_safety_check(true).send().await.unwrap();
    let read = everything.get_object().bucket(STATE_BUCKET).key("secret.tfstate").send().await.unwrap_err();
    assert!(read.message().unwrap().contains("no resource-based policy"), "{read:?}");
    assert_eq!(
        code(&kms.get_key_policy().key_id(&key).send().await.unwrap_err()),
        "AccessDeniedException",
        "root, too"
    );
}

#[tokio::test]
async fn a_bucket_answers_in_its_own_region_only() {
    let sandbox = seeded().await;
    let config = clients::root_config(&sandbox, ACCOUNT_ID);
    for (region, status, expected) in
        [("eu-west-1", 301, "PermanentRedirect"), ("us-east-1", 400, "AuthorizationHeaderMalformed")]
    {
        let there = config.to_builder().region(aws_config::Region::new(region)).build();
        let error =
            client(&there).get_object().bucket(STATE_BUCKET).key(State::Network.key()).send().await.unwrap_err();
        let response = error.raw_response().unwrap();
        assert_eq!((code(&error), response.status().as_u16()), (expected, status), "{region}");
        assert_eq!(response.headers().get("x-amz-bucket-region"), Some(HOME_REGION), "{region}");
    }
}

#[tokio::test]
async fn wrong_secrets_unknown_keys_and_unsigned_requests_are_refused() {
    let sandbox = seeded().await;
    let known = sandbox.world().account(ACCOUNT_ID, |account| account.root_key.id.clone()).unwrap();
    for (id, secret, expected) in
        [(known.as_str(), "wrong", "SignatureDoesNotMatch"), ("AKIANOSUCHKEY0000000", "x", "InvalidAccessKeyId")]
    {
        let config = clients::config(&sandbox, Credentials::new(id, secret, None, None, "test"), HOME_REGION);
        assert_eq!(code(&client(&config).list_buckets().send().await.unwrap_err()), expected);
    }
    let token = Credentials::new(known, "wrong", Some("token".to_owned()), None, "test");
    assert!(client(&clients::config(&sandbox, token, HOME_REGION)).list_buckets().send().await.is_err());
    let unsigned = reqwest::get(format!("{}/{STATE_BUCKET}/{}", sandbox.url(), State::Network.key())).await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 403);
}

#[tokio::test]
async fn a_session_needs_its_token_and_is_bound_by_its_role() {
    let sandbox = seeded().await;
    let config = clients::root_config(&sandbox, ACCOUNT_ID);
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT_ID}, "Action": "sts:AssumeRole"}]});
    iam.create_role().role_name("reader").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [allow(&["s3:GetObject"], &format!("arn:aws:s3:::{STATE_BUCKET}/network/*"))]});
    iam.put_role_policy()
        .role_name("reader")
        .policy_name("p")
        .policy_document(policy.to_string())
        .send()
        .await
        .unwrap();
    let caller = user_config(&sandbox, ACCOUNT_ID, "caller", json!([allow(&["sts:AssumeRole"], "*")])).await;
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/reader");
    let session =
        aws_sdk_sts::Client::new(&caller).assume_role().role_arn(role).role_session_name("test").send().await.unwrap();
    let given = session.credentials.unwrap();
    let with = |token: Option<&str>| {
        let credentials =
            Credentials::new(&given.access_key_id, &given.secret_access_key, token.map(str::to_owned), None, "test");
        client(&clients::config(&sandbox, credentials, HOME_REGION))
    };
    let reader = with(Some(&given.session_token));
    assert!(reader.get_object().bucket(STATE_BUCKET).key(State::Network.key()).send().await.is_ok());
    assert_eq!(
        code(&reader.get_object().bucket(STATE_BUCKET).key(State::App.key()).send().await.unwrap_err()),
        "AccessDenied"
    );
    for token in [None, Some("another")] {
        let error = with(token).get_object().bucket(STATE_BUCKET).key(State::Network.key()).send().await.unwrap_err();
        assert_eq!(code(&error), "InvalidToken", "{token:?}");
    }
    sandbox.world().expire_sessions();
    assert_eq!(
        code(&reader.get_object().bucket(STATE_BUCKET).key(State::Network.key()).send().await.unwrap_err()),
        "ExpiredToken"
    );
}
