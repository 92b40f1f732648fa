//! KMS of the sandbox, called with the real SDK; and the issuer's keys that lie in it.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyState, KeyUsageType, MessageType, SigningAlgorithmSpec, Tag};
use driftwise_contract::IssuerUrl;
use driftwise_issuer::config::{Config, KeyBackend, KeyStoreKind};
use driftwise_issuer::keyring::{
    KeyAlgorithm, KeyMaker as _, KeyVault, KeyringError, Kms, KmsKeyMaker, KmsSettings, MasterKey, MasterKeys,
    SealedKey, SigningKey,
};
use driftwise_issuer::store::Store;
use driftwise_tests::sandbox::kms::OTHER_KEY;
use driftwise_tests::sandbox::{Account, Fault, FaultRule, Sandbox, World, clients};
use josekit::jwk::Jwk;
use josekit::jws::{ES256, JwsVerifier, RS256};
use serde_json::json;
use sha2::{Digest as _, Sha256};

const ACCOUNT: &str = "123456789012";
const NOW_S: i64 = 1_800_000_000;

async fn sandbox() -> Sandbox {
    Sandbox::start(World::with_account(ACCOUNT)).await.unwrap()
}

fn client(sandbox: &Sandbox) -> Client {
    Client::new(&clients::root_config(sandbox, ACCOUNT))
}

/// A client of a new user with these actions on everything.
async fn user(sandbox: &Sandbox, actions: &[&str]) -> Client {
    let iam = aws_sdk_iam::Client::new(&clients::root_config(sandbox, ACCOUNT));
    iam.create_user().user_name("issuer").send().await.unwrap();
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    let policy = iam.put_user_policy().user_name("issuer").policy_name("p").policy_document(document.to_string());
    policy.send().await.unwrap();
    let key = iam.create_access_key().user_name("issuer").send().await.unwrap().access_key.unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    Client::new(&clients::config(sandbox, credentials, "eu-central-1"))
}

async fn make(client: &Client, spec: KeySpec) -> String {
    let made = client.create_key().key_spec(spec).key_usage(KeyUsageType::SignVerify).send().await.unwrap();
    made.key_metadata.unwrap().arn.unwrap()
}

fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

#[tokio::test]
async fn a_key_is_described_as_it_was_made_and_signs_messages_and_digests() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    for (spec, algorithm) in [
        (KeySpec::Rsa2048, SigningAlgorithmSpec::RsassaPkcs1V15Sha256),
        (KeySpec::EccNistP256, SigningAlgorithmSpec::EcdsaSha256),
    ] {
        let arn = make(&client, spec.clone()).await;
        let described = client.describe_key().key_id(&arn).send().await.unwrap().key_metadata.unwrap();
        assert_eq!(described.key_spec.as_ref(), Some(&spec));
        assert_eq!(described.key_state, Some(KeyState::Enabled));
        assert_eq!(arn, format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/{}", described.key_id));
        let public = client.get_public_key().key_id(&described.key_id).send().await.unwrap();
        assert!(public.signing_algorithms().contains(&algorithm));
        for (message, kind) in
            [(b"message".to_vec(), MessageType::Raw), (Sha256::digest(b"message").to_vec(), MessageType::Digest)]
        {
            let sign = client.sign().key_id(&arn).message(Blob::new(message)).message_type(kind);
            let signed = sign.signing_algorithm(algorithm.clone()).send().await.unwrap();
            let (public, signature) = (public.public_key.clone().unwrap(), signed.signature.unwrap());
            if spec == KeySpec::Rsa2048 {
                let verifier = RS256.verifier_from_der(public.as_ref()).unwrap();
                verifier.verify(b"message", signature.as_ref()).unwrap();
            } else {
                use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
                let point = &public.as_ref()[public.as_ref().len() - 65..];
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(b"message", signature.as_ref()).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_kms_refuses_is_refused() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let rsa = make(&client, KeySpec::Rsa2048).await;
    let ec = make(&client, KeySpec::EccNistP256).await;
    let other = Sandbox::start(World::with_account("999999999999")).await.unwrap();
    let foreign = make(&Client::new(&clients::root_config(&other, "999999999999")), KeySpec::EccNistP256).await;
    let elsewhere = ec.replace("eu-central-1", "us-east-1");
    let unknown = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000");
    let (pkcs1, ecdsa) = (SigningAlgorithmSpec::RsassaPkcs1V15Sha256, SigningAlgorithmSpec::EcdsaSha256);
    let sha512 = SigningAlgorithmSpec::RsassaPkcs1V15Sha512;
    let (raw, digest) = (MessageType::Raw, MessageType::Digest);
    for (name, key, algorithm, kind, length, expected) in [
        ("ECDSA of an RSA key", &rsa, &ecdsa, &digest, 32, "InvalidKeyUsageException"),
        ("RSA of an EC key", &ec, &pkcs1, &digest, 32, "InvalidKeyUsageException"),
        ("a short digest", &rsa, &pkcs1, &digest, 31, "ValidationException"),
        ("a digest of another hash", &rsa, &sha512, &digest, 32, "ValidationException"),
        ("a long message", &rsa, &pkcs1, &raw, 4097, "ValidationException"),
        ("no message", &rsa, &pkcs1, &raw, 0, "ValidationException"),
        ("an unknown key", &unknown, &ecdsa, &digest, 32, "NotFoundException"),
        ("a key of another region", &elsewhere, &ecdsa, &digest, 32, "NotFoundException"),
        ("a key of another account", &foreign, &ecdsa, &digest, 32, "AccessDeniedException"),
    ] {
        let sign = client.sign().key_id(key).message(Blob::new(vec![7; length])).message_type(kind.clone());
        let error = sign.signing_algorithm(algorithm.clone()).send().await.unwrap_err().into_service_error();
        assert_eq!(code(&error), expected, "{name}: {error}");
    }
    let sign = client.sign().key_id(&rsa).message(Blob::new(vec![7; 4096])).signing_algorithm(pkcs1.clone());
    sign.send().await.expect("4,096 bytes are not too long");

    let create = client.create_key().key_spec(KeySpec::Rsa2048);
    let error = create.send().await.unwrap_err().into_service_error();
    assert_eq!(code(&error), "ValidationException", "without a key usage");
    let tag = Tag::builder().tag_key("aws:mine").tag_value("x").build().unwrap();
    let create = client.create_key().key_spec(KeySpec::Rsa2048).key_usage(KeyUsageType::SignVerify).tags(tag);
    assert_eq!(code(&create.send().await.unwrap_err().into_service_error()), "TagException");

    sandbox.world().account_mut(ACCOUNT, |account| account.kms.set_enabled(false));
    let sign = client.sign().key_id(&ec).message(Blob::new(vec![7; 32])).message_type(digest.clone());
    let error = sign.signing_algorithm(ecdsa.clone()).send().await.unwrap_err().into_service_error();
    assert_eq!(code(&error), "DisabledException");
}

#[tokio::test]
async fn a_scheduled_deletion_stops_the_key_at_once_and_ends_it_when_its_window_is_over() {
    let sandbox = sandbox().await;
    let client = client(&sandbox);
    let arn = make(&client, KeySpec::EccNistP256).await;
    let schedule = |days| client.schedule_key_deletion().key_id(&arn).pending_window_in_days(days).send();
    for days in [6, 31] {
        assert_eq!(code(&schedule(days).await.unwrap_err().into_service_error()), "ValidationException");
    }
    let scheduled = schedule(7).await.unwrap();
    assert_eq!(scheduled.key_state, Some(KeyState::PendingDeletion));
    assert_eq!(code(&schedule(7).await.unwrap_err().into_service_error()), "KMSInvalidStateException");
    let sign = || {
        let sign = client.sign().key_id(&arn).message(Blob::new(vec![7; 32])).message_type(MessageType::Digest);
        sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send()
    };
    let error = sign().await.unwrap_err().into_service_error();
    assert_eq!(
        (code(&error), error.message().unwrap().contains("is pending deletion")),
        ("KMSInvalidStateException", true)
    );
    sandbox.world().account(ACCOUNT, |account| {
        let week = sandbox.world().now() + time::Duration::days(7);
        assert_eq!(account.kms.iter(sandbox.world().now()).count(), 1);
        assert_eq!(account.kms.iter(week).count(), 0);
    });
}

#[tokio::test]
async fn each_call_needs_its_permission() {
    let sandbox = sandbox().await;
    let arn = make(&client(&sandbox), KeySpec::EccNistP256).await;
    let client = user(&sandbox, &["kms:DescribeKey", "kms:CreateKey"]).await;
    client.describe_key().key_id(&arn).send().await.unwrap();
    let sign = client.sign().key_id(&arn).message(Blob::new(vec![7; 32])).message_type(MessageType::Digest);
    let error = sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap_err();
    assert_eq!(code(&error.into_service_error()), "AccessDeniedException");
    assert_eq!(
        code(&client.get_public_key().key_id(&arn).send().await.unwrap_err().into_service_error()),
        "AccessDeniedException"
    );
    assert_eq!(
        code(&client.schedule_key_deletion().key_id(&arn).send().await.unwrap_err().into_service_error()),
        "AccessDeniedException"
    );
    let create = client.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    create.clone().send().await.expect("without tags");
    let tag = Tag::builder().tag_key("driftwise:issuer").tag_value("x").build().unwrap();
    let error = create.tags(tag).send().await.unwrap_err().into_service_error();
    assert_eq!(code(&error), "AccessDeniedException", "tags need kms:TagResource");
}

// The issuer's side.

fn issuer() -> IssuerUrl {
    "https://id.example.com".parse().unwrap()
}

fn verifier(key: &SigningKey) -> Box<dyn JwsVerifier> {
    let jwk = Jwk::from_bytes(serde_json::to_vec(&key.published(true)).unwrap()).unwrap();
    match key.algorithm().jws() {
        "ES256" => Box::new(ES256.verifier_from_jwk(&jwk).unwrap()),
        _ => Box::new(RS256.verifier_from_jwk(&jwk).unwrap()),
    }
}

#[tokio::test]
async fn the_issuers_keys_in_kms_survive_their_seal_and_sign_what_josekit_verifies() {
    let sandbox = sandbox().await;
    // Exactly the permissions that the documentation asks for.
    let client = user(
        &sandbox,
        &["kms:CreateKey", "kms:TagResource", "kms:GetPublicKey", "kms:Sign", "kms:ScheduleKeyDeletion"],
    )
    .await;
    let kms = Kms::with_client(KmsSettings::default(), client);
    let maker = KmsKeyMaker::new(kms.clone(), issuer());
    let master_keys = MasterKeys::new(MasterKey::generate().unwrap(), None);
    for algorithm in KeyAlgorithm::ALL {
        let made = maker.make(algorithm, NOW_S).await.unwrap();
        let sealed = SealedKey::seal(&made, master_keys.current()).unwrap();
        let key = sealed.open(&master_keys, &kms).unwrap();
        assert_eq!((key.kid(), key.algorithm(), key.created_at_s()), (made.kid(), algorithm, NOW_S));
        assert_eq!(key.published(true), made.published(true));
        assert_eq!(key.key_arn(), made.key_arn());
        for message in ["first", "second"] {
            let signature = key.signer().sign(message.as_bytes()).await.unwrap();
            verifier(&key).verify(message.as_bytes(), &signature).unwrap();
        }
        let jwk = Jwk::from_bytes(serde_json::to_vec(&key.published(true)).unwrap()).unwrap();
        assert_eq!(jwk.x509_certificate_chain().unwrap().len(), 1, "made and signed with the key in KMS");
        let shown = format!("{key:?} {:?}", key.signer());
        assert!(shown.contains(key.kid().as_str()), "{shown}");
    }
    let world = sandbox.world();
    world.account(ACCOUNT, |account| {
        for key in account.kms.iter(world.now()) {
            assert_eq!(key.tags["driftwise:issuer"], "https://id.example.com");
        }
    });
    // What is sent is a digest: KMS never sees a token.
    assert_eq!(world.calls("kms", "Sign"), KeyAlgorithm::ALL.len() * 3);
}

#[tokio::test]
async fn a_key_that_was_exchanged_behind_its_arn_signs_nothing() {
    let sandbox = sandbox().await;
    let kms = Kms::with_client(KmsSettings::default(), client(&sandbox));
    let maker = KmsKeyMaker::new(kms.clone(), issuer());
    for algorithm in [KeyAlgorithm::Rs256, KeyAlgorithm::Es256] {
        sandbox.world().faults.clear();
        let key = maker.make(algorithm, NOW_S).await.unwrap();
        sandbox.world().faults.add(FaultRule::new("kms", "Sign", Fault::Lie(OTHER_KEY.into())));
        let error = key.signer().sign(b"message").await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("does not verify") && text.contains(key.key_arn().unwrap()), "{text}");
    }
    // Nor is such a key made in the first place: its certificate would not agree.
    assert!(maker.make(KeyAlgorithm::Es256, NOW_S).await.is_err());
}

#[tokio::test]
async fn the_errors_of_kms_name_the_key_the_cause_and_the_fix() {
    let sandbox = sandbox().await;
    let root = Kms::with_client(KmsSettings::default(), client(&sandbox));
    let key = KmsKeyMaker::new(root.clone(), issuer()).make(KeyAlgorithm::Es256, NOW_S).await.unwrap();
    let master_keys = MasterKeys::new(MasterKey::generate().unwrap(), None);
    let sealed = SealedKey::seal(&key, master_keys.current()).unwrap();

    let poor = Kms::with_client(KmsSettings::default(), user(&sandbox, &["kms:DescribeKey"]).await);
    let error = sealed.open(&master_keys, &poor).unwrap().signer().sign(b"message").await.unwrap_err();
    assert!(error.to_string().contains(key.key_arn().unwrap()), "{error}");
    assert!(error.hint().unwrap().contains("kms:Sign"), "{error}");

    for (fault, cause) in [
        (Fault::Throttle, "ThrottlingException"),
        (Fault::Error { status: 500, code: "KMSInternalException".into(), message: "oops".into() }, "oops"),
        (Fault::DropConnection, "can't sign with"),
    ] {
        sandbox.world().faults.clear();
        sandbox.world().faults.add(FaultRule::new("kms", "Sign", fault));
        let error = key.signer().sign(b"message").await.unwrap_err();
        assert!(error.to_string().contains(cause), "{error}");
        assert!(error.hint().unwrap().contains("keys.kms.region"));
    }
    sandbox.world().faults.clear();
    // A hiccup is not noticed.
    sandbox.world().faults.add(FaultRule::new("kms", "Sign", Fault::Throttle).times(1));
    key.signer().sign(b"message").await.unwrap();
    // A KMS that hangs is given up, rather than holding the caller.
    sandbox.world().faults.add(FaultRule::new("kms", "Sign", Fault::Delay(Duration::from_mins(10))));
    let error = key.signer().sign(b"message").await.unwrap_err();
    assert!(error.to_string().contains("no answer"), "{error}");
}

#[tokio::test]
async fn a_vault_with_keys_in_kms_keeps_references_and_gives_removed_keys_up() {
    let sandbox = sandbox().await;
    let world = sandbox.world();
    let directory = tempfile::TempDir::new().unwrap();
    for (kind, schedule_deletion) in [(KeyStoreKind::Directory, true), (KeyStoreKind::Database, false)] {
        let mut config = Config::new(issuer());
        config.store.path = directory.path().join("issuer.db");
        config.keys.directory = directory.path().join("keys");
        config.keys.backend = KeyBackend::Kms;
        config.keys.store = kind;
        let settings = KmsSettings { schedule_deletion, ..KmsSettings::default() };
        let kms = Kms::with_client(settings, client(&sandbox));
        let store = Store::open(&config.store.path).await.unwrap();
        let vault = KeyVault::with_kms(&config.keys, &config.server.issuer_url, &store, kms.clone());
        let made = vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap();
        let id = made.key_arn().unwrap().rsplit('/').next().unwrap().to_owned();

        // The backend is switched: old keys go on signing in KMS.
        config.keys.backend = KeyBackend::Local;
        let vault = KeyVault::with_kms(&config.keys, &config.server.issuer_url, &store, kms);
        let local = vault.make(KeyAlgorithm::Es256, NOW_S + 1).await.unwrap();
        assert_eq!(local.key_arn(), None);
        for key in vault.open(vault.sealed().await.unwrap()).await.unwrap() {
            let signature = key.signer().sign(b"message").await.unwrap();
            verifier(&key).verify(b"message", &signature).unwrap();
        }

        // A removal that KMS refuses is done again.
        let state =
            || world.account(ACCOUNT, |account| account.kms.get(&id, world.now()).unwrap().deletion_at).unwrap();
        if schedule_deletion {
            world.faults.add(FaultRule::new("kms", "ScheduleKeyDeletion", Fault::AccessDenied));
            let error = vault.remove(made.kid()).await.unwrap_err();
            assert!(matches!(error, KeyringError::Kms { .. }), "{error}");
            assert_eq!(vault.sealed().await.unwrap().len(), 2, "the reference stays until KMS knows");
            world.faults.clear();
        }
        vault.remove(made.kid()).await.unwrap();
        assert_eq!(state().is_some(), schedule_deletion);
        assert_eq!(vault.sealed().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_key_that_can_not_be_stored_is_given_up_in_kms() {
    let sandbox = sandbox().await;
    let world = sandbox.world();
    let directory = tempfile::TempDir::new().unwrap();
    let mut config = Config::new(issuer());
    config.store.path = directory.path().join("issuer.db");
    config.keys.directory = directory.path().join("keys");
    config.keys.backend = KeyBackend::Kms;
    config.keys.store = KeyStoreKind::Database;
    let store = Store::open(&config.store.path).await.unwrap();
    let kms = Kms::with_client(KmsSettings::default(), client(&sandbox));
    let vault = KeyVault::with_kms(&config.keys, &config.server.issuer_url, &store, kms);
    vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap();
    // The key is made, but its public half can't be read.
    world.faults.add(FaultRule::new("kms", "GetPublicKey", Fault::AccessDenied));
    vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap_err();
    let pending =
        world.account(ACCOUNT, |account| account.kms.iter(world.now()).filter(|key| key.deletion_at.is_some()).count());
    assert_eq!((pending, vault.sealed().await.unwrap().len()), (Some(1), 1));
    // A key is never made twice for one request, however KMS answers.
    world.faults.clear();
    world.faults.add(FaultRule::new("kms", "CreateKey", Fault::DropConnection));
    let calls = world.calls("kms", "CreateKey");
    vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap_err();
    assert_eq!(world.calls("kms", "CreateKey"), calls + 1);
}

#[tokio::test]
async fn an_account_has_no_keys_of_another() {
    let world = World::with_account(ACCOUNT);
    world.add_account(Account::new("999999999999"));
    let sandbox = Sandbox::start(world).await.unwrap();
    let arn = make(&client(&sandbox), KeySpec::EccNistP256).await;
    let other = Client::new(&clients::root_config(&sandbox, "999999999999"));
    // Whether the key exists is not told to whom its policy does not admit; a bare id is looked for in the caller's own account.
    for (key, expected) in
        [(arn.as_str(), "AccessDeniedException"), (arn.rsplit('/').next().unwrap(), "NotFoundException")]
    {
        let error = other.describe_key().key_id(key).send().await.unwrap_err().into_service_error();
        assert_eq!(code(&error), expected, "{key}");
    }
}
