//! What signing keys are made of: algorithms, certificates, seals of every version, the places that they lie in, and the
//! change of the master key that opens them.

use std::path::Path;
use std::sync::Mutex;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use driftwise_contract::Kid;
use driftwise_contract::wire::PublicJwk;
use driftwise_issuer::config::{Config, KeyStoreKind};
use driftwise_issuer::keyring::{
    DatabaseKeys, KeyAlgorithm, KeyDirectory, KeyStore, KeyVault, KeyringError, Kms, KmsSettings, MasterKey,
    MasterKeyCommand, MasterKeySource, MasterKeys, Reseal, SealedKey, SealedSecret, SealedSecrets, SigningKey,
    open_secret, seal_secret,
};
use driftwise_issuer::store::Store;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, JwsVerifier, RS256};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::harness::NOW_S;

fn no_kms() -> Kms {
    Kms::new(KmsSettings::default())
}

fn master_key() -> MasterKey {
    MasterKey::generate().unwrap()
}

/// The key as josekit reads it from what is published.
fn verifier(key: &SigningKey) -> Box<dyn JwsVerifier> {
    let published = serde_json::to_vec(&key.published(true)).unwrap();
    let jwk = Jwk::from_bytes(published).unwrap();
    match key.algorithm().jws() {
        "ES256" => Box::new(ES256.verifier_from_jwk(&jwk).unwrap()),
        _ => Box::new(RS256.verifier_from_jwk(&jwk).unwrap()),
    }
}

#[tokio::test]
async fn keys_of_every_algorithm_survive_their_seal_and_sign_what_josekit_verifies() {
    let master_keys = MasterKeys::new(master_key(), None);
    for algorithm in KeyAlgorithm::ALL {
        let made = SigningKey::generate(algorithm, NOW_S).unwrap();
        let sealed = SealedKey::seal(&made, master_keys.current()).unwrap();
        let key = sealed.open(&master_keys, &no_kms()).unwrap();
        assert_eq!((key.kid(), key.algorithm(), key.created_at_s()), (made.kid(), algorithm, NOW_S));
        assert_eq!(key.published(true), made.published(true), "the certificate is that of the seal");
        let signature = key.signer().sign(b"message").await.unwrap();
        verifier(&key).verify(b"message", &signature).unwrap();
        assert!(verifier(&key).verify(b"another", &signature).is_err());
        assert_eq!(key.signer().algorithm(), algorithm.jws());
        let bits = match key.published(false).key {
            PublicJwk::Rsa { n, .. } => URL_SAFE_NO_PAD.decode(n).unwrap().len() * 8,
            PublicJwk::Ec { x, .. } => URL_SAFE_NO_PAD.decode(x).unwrap().len() * 8,
        };
        assert_eq!(
            bits,
            match algorithm {
                KeyAlgorithm::Rs256 => 2048,
                KeyAlgorithm::Rs256Bits3072 => 3072,
                KeyAlgorithm::Es256 => 256,
            }
        );
        let jwk = Jwk::from_bytes(serde_json::to_vec(&key.published(false)).unwrap()).unwrap();
        assert_eq!(jwk.parameter("x5c"), None);
    }
}

#[test]
fn the_certificate_agrees_with_the_key_and_signs_itself() {
    for algorithm in [KeyAlgorithm::Rs256, KeyAlgorithm::Es256] {
        let key = SigningKey::generate(algorithm, NOW_S).unwrap();
        let published = key.published(true);
        let [text] = published.x5c.clone().unwrap();
        let der = STANDARD.decode(text).unwrap();
        let (rest, certificate) = X509Certificate::from_der(&der).unwrap();
        assert!(rest.is_empty());
        let public = certificate.public_key().subject_public_key.data.as_ref();
        let number = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let (message, signature) = (certificate.tbs_certificate.as_ref(), certificate.signature_value.data.as_ref());
        match &published.key {
            PublicJwk::Rsa { n, .. } => {
                assert!(public.windows(256).any(|part| part == number(n)), "the modulus");
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(message, signature).unwrap();
            }
            PublicJwk::Ec { x, y, .. } => {
                assert_eq!(public, [vec![4], number(x), number(y)].concat());
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public).verify(message, signature).unwrap();
            }
        }
        assert_eq!(certificate.subject(), certificate.issuer());
        assert_eq!(certificate.subject().to_string(), format!("CN=driftwise {}", key.kid()));
        assert_eq!(certificate.validity().not_before.timestamp(), NOW_S);
        assert!(certificate.validity().not_after.to_datetime().year() == 9999);
        let sha1 = key.certificate_sha1().unwrap();
        assert_eq!(published.certificate_sha1().unwrap(), sha1);
        assert!(sha1.len() == 40 && sha1.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{sha1}");
        assert_eq!(key.published(false).certificate_sha1(), None);
    }
}

/// The private JWK inside a seal, changed and sealed again in the way of the first version: by hand.
fn sealed_by_hand(key: &SigningKey, master_key: &MasterKey, change: impl FnOnce(&mut serde_json::Value)) -> SealedKey {
    use josekit::jwe::{A256KW, JweHeader};
    let sealed = SealedKey::seal(key, master_key).unwrap();
    let decrypter = A256KW.decrypter_from_bytes(master_key.expose_secret()).unwrap();
    let (payload, _) = josekit::jwe::deserialize_compact(sealed.as_str(), &decrypter).unwrap();
    let mut jwk: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    change(&mut jwk);
    let mut header = JweHeader::new();
    header.set_content_encryption("A256GCM");
    header.set_token_type("driftwise signing key");
    header.set_content_type("jwk+json");
    header.set_key_id(key.kid().as_str());
    let encrypter = A256KW.encrypter_from_bytes(master_key.expose_secret()).unwrap();
    let text = josekit::jwe::serialize_compact(jwk.to_string().as_bytes(), &header, &encrypter).unwrap();
    SealedKey::from_text(key.kid().clone(), &text, "a test")
}

#[tokio::test]
async fn a_key_of_the_first_version_opens_and_always_has_the_same_certificate() {
    let master_keys = MasterKeys::new(master_key(), None);
    let key = SigningKey::generate(KeyAlgorithm::Rs256, NOW_S).unwrap();
    let old = sealed_by_hand(&key, master_keys.current(), |jwk| {
        // The first version sealed exactly these members.
        jwk.as_object_mut().unwrap().remove("x5c").unwrap();
        let members: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            members,
            ["kty", "kid", "alg", "use", "created_at", "n", "e", "d", "p", "q", "dp", "dq", "qi"],
            "the members of the first version"
        );
    });
    let opened = old.open(&master_keys, &no_kms()).unwrap();
    let again = old.open(&master_keys, &no_kms()).unwrap();
    assert_eq!(opened.published(true), again.published(true));
    assert_eq!(opened.published(true), key.published(true));
    let signature = opened.signer().sign(b"message").await.unwrap();
    verifier(&key).verify(b"message", &signature).unwrap();
}

/// What is changed, the key that it is changed of, the change.
type Change<'a> = (&'a str, &'a SigningKey, Box<dyn FnOnce(&mut serde_json::Value) + 'a>);

#[test]
fn a_seal_over_anything_but_a_usable_key_does_not_open() {
    let master_keys = MasterKeys::new(master_key(), None);
    let rsa = SigningKey::generate(KeyAlgorithm::Rs256, NOW_S).unwrap();
    let ec = SigningKey::generate(KeyAlgorithm::Es256, NOW_S).unwrap();
    let other = SigningKey::generate(KeyAlgorithm::Es256, NOW_S).unwrap();
    let PublicJwk::Ec { x, y, .. } = other.published(false).key else { panic!("an EC key") };
    let changes: Vec<Change<'_>> = vec![
        ("another exponent", &rsa, Box::new(|jwk| jwk["d"] = "AQAB".into())),
        ("another algorithm", &rsa, Box::new(|jwk| jwk["alg"] = "PS256".into())),
        ("for encryption", &rsa, Box::new(|jwk| jwk["use"] = "enc".into())),
        ("another curve", &ec, Box::new(|jwk| jwk["crv"] = "P-384".into())),
        (
            "the public half of another key",
            &ec,
            Box::new(move |jwk| {
                jwk["x"] = x.into();
                jwk["y"] = y.into();
            }),
        ),
        ("an EC key without certificate", &ec, Box::new(|jwk| drop(jwk.as_object_mut().unwrap().remove("x5c")))),
        ("a symmetric key", &ec, Box::new(|jwk| *jwk = serde_json::json!({"kty": "oct", "k": "AAAA"}))),
        ("an unknown member", &ec, Box::new(|jwk| jwk["key_ops"] = serde_json::json!(["sign"]))),
        ("no key", &ec, Box::new(|jwk| *jwk = serde_json::json!([]))),
    ];
    for (name, key, change) in changes {
        let sealed = sealed_by_hand(key, master_keys.current(), change);
        let error = sealed.open(&master_keys, &no_kms()).unwrap_err();
        assert!(
            matches!(error, KeyringError::Sealed { .. }) && error.to_string().contains("a test"),
            "{name}: {error}"
        );
    }
}

async fn stores(directory: &Path) -> Vec<Box<dyn KeyStore>> {
    let store = Store::open(&directory.join("issuer.db")).await.unwrap();
    vec![Box::new(KeyDirectory::new(directory.join("keys"))), Box::new(DatabaseKeys::new(store))]
}

#[tokio::test]
async fn every_key_store_adds_replaces_and_removes_whole_keys() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (MasterKeys::new(master_key(), None), MasterKeys::new(master_key(), None));
    for store in stores(directory.path()).await {
        assert!(store.read_all().await.unwrap().is_empty());
        let keys = [1, 2].map(|at| SigningKey::generate(KeyAlgorithm::Es256, NOW_S + at).unwrap());
        let sealed = keys.each_ref().map(|key| SealedKey::seal(key, old.current()).unwrap());
        for key in &sealed {
            store.write(key).await.unwrap();
        }
        assert!(store.write(&sealed[0]).await.is_err(), "{} took a key twice", store.place());
        let mut kids: Vec<&Kid> = keys.iter().map(SigningKey::kid).collect();
        kids.sort();
        let found = store.read_all().await.unwrap();
        assert_eq!(found.iter().map(SealedKey::kid).collect::<Vec<_>>(), kids);

        store.replace(&SealedKey::seal(&keys[0], new.current()).unwrap()).await.unwrap();
        let found = store.read_all().await.unwrap();
        let opens = |keys: &MasterKeys, at: &SigningKey| {
            found.iter().find(|key| key.kid() == at.kid()).unwrap().open(keys, &no_kms()).is_ok()
        };
        assert!(opens(&new, &keys[0]) && !opens(&old, &keys[0]) && opens(&old, &keys[1]));

        store.remove(keys[0].kid()).await.unwrap();
        store.remove(keys[0].kid()).await.unwrap();
        store.replace(&sealed[0]).await.unwrap();
        let found = store.read_all().await.unwrap();
        assert_eq!(
            found.iter().map(SealedKey::kid).collect::<Vec<_>>(),
            [keys[1].kid()],
            "a removed key stays removed"
        );
    }
}

fn config(directory: &Path) -> Config {
    let mut config = Config::new("http://127.0.0.1:9".parse().unwrap());
    config.store.path = directory.join("issuer.db");
    config.keys.directory = directory.join("keys");
    config
}

#[tokio::test]
async fn a_vault_makes_keys_that_another_vault_over_the_same_store_opens() {
    for kind in [KeyStoreKind::Directory, KeyStoreKind::Database] {
        let directory = TempDir::new().unwrap();
        let mut config = config(directory.path());
        config.keys.store = kind;
        let store = Store::open(&config.store.path).await.unwrap();
        let vault = || KeyVault::new(&config.keys, &config.server.issuer_url, &store);
        assert!(vault().open(vault().sealed().await.unwrap()).await.unwrap().is_empty());
        let made = vault().make(KeyAlgorithm::Es256, NOW_S).await.unwrap();
        let opened = vault().open(vault().sealed().await.unwrap()).await.unwrap();
        assert_eq!(opened.len(), 1);
        assert_eq!(opened[0].published(true), made.published(true));
        vault().remove(made.kid()).await.unwrap();
        vault().remove(made.kid()).await.unwrap();
        assert!(vault().sealed().await.unwrap().is_empty());
        #[cfg(unix)]
        for entry in std::fs::read_dir(&config.keys.directory).unwrap() {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

#[tokio::test]
async fn a_key_is_not_made_where_the_master_key_is_lost() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path());
    let store = Store::open(&config.store.path).await.unwrap();
    let vault = KeyVault::new(&config.keys, &config.server.issuer_url, &store);
    vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap();
    std::fs::remove_file(config.keys.directory.join("master.key")).unwrap();
    let error = vault.make(KeyAlgorithm::Es256, NOW_S).await.unwrap_err();
    assert!(matches!(error, KeyringError::MasterKeyMissing { .. }), "{error}");
    assert_eq!(vault.sealed().await.unwrap().len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_master_key_from_a_command_opens_what_the_same_key_of_a_file_sealed() {
    let directory = TempDir::new().unwrap();
    let mut config = config(directory.path());
    let store = Store::open(&config.store.path).await.unwrap();
    let made =
        KeyVault::new(&config.keys, &config.server.issuer_url, &store).make(KeyAlgorithm::Es256, NOW_S).await.unwrap();
    let file = config.keys.directory.join("master.key").to_str().unwrap().to_owned();
    let command = MasterKeyCommand::new("keys.master_key_command", vec!["cat".into(), file]).unwrap();
    config.keys.master_key = MasterKeySource::Command(command);
    let vault = KeyVault::new(&config.keys, &config.server.issuer_url, &store);
    let opened = vault.open(vault.sealed().await.unwrap()).await.unwrap();
    assert_eq!(opened[0].kid(), made.kid());
}

/// A place of other secrets, as the pepper of API keys is one.
#[derive(Debug)]
struct OneSecret(Mutex<String>);

impl SealedSecrets for OneSecret {
    fn read_all(&self) -> BoxFuture<'_, Result<Vec<SealedSecret>, KeyringError>> {
        let jwe = self.0.lock().unwrap().clone();
        std::future::ready(Ok(vec![SealedSecret { name: "the test secret".into(), jwe }])).boxed()
    }

    fn replace<'a>(&'a self, old: &'a SealedSecret, new: &'a str) -> BoxFuture<'a, Result<(), KeyringError>> {
        let mut secret = self.0.lock().unwrap();
        if *secret == old.jwe {
            new.clone_into(&mut secret);
        }
        std::future::ready(Ok(())).boxed()
    }
}

/// A key store in which the process is killed before a given write.
#[derive(Debug)]
struct Crashing<'a> {
    store: &'a dyn KeyStore,
    writes_left: Mutex<usize>,
}

impl KeyStore for Crashing<'_> {
    fn read_all(&self) -> BoxFuture<'_, Result<Vec<SealedKey>, KeyringError>> {
        self.store.read_all()
    }

    fn write<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>> {
        self.store.write(key)
    }

    fn replace<'a>(&'a self, key: &'a SealedKey) -> BoxFuture<'a, Result<(), KeyringError>> {
        let mut left = self.writes_left.lock().unwrap();
        if *left == 0 {
            return std::future::ready(Err(KeyringError::Interrupted("killed".into()))).boxed();
        }
        *left -= 1;
        self.store.replace(key)
    }

    fn remove<'a>(&'a self, kid: &'a Kid) -> BoxFuture<'a, Result<(), KeyringError>> {
        self.store.remove(kid)
    }

    fn place(&self) -> String {
        self.store.place()
    }
}

#[tokio::test]
async fn a_change_of_the_master_key_that_is_killed_anywhere_leaves_every_secret_openable_and_is_done_again() {
    const KEYS: usize = 3;
    for crash_before in 0..=KEYS {
        let directory = TempDir::new().unwrap();
        for store in stores(directory.path()).await {
            let old_text = [7u8; 31].iter().chain(&[1]).copied().collect::<Vec<u8>>();
            let old = || MasterKey::parse(&STANDARD.encode(&old_text), "test").unwrap();
            let new_text = Sha256::digest(b"new");
            let new = || MasterKey::parse(&STANDARD.encode(new_text), "test").unwrap();
            let from = MasterKeys::new(old(), None);
            for at in 0..KEYS {
                let key = SigningKey::generate(KeyAlgorithm::Es256, NOW_S + i64::try_from(at).unwrap()).unwrap();
                store.write(&SealedKey::seal(&key, from.current()).unwrap()).await.unwrap();
            }
            let other = OneSecret(Mutex::new(seal_secret("driftwise test", "one", b"secret", from.current()).unwrap()));
            let to = new();

            let dry = Reseal { from: &from, to: &to, is_dry_run: true };
            let plan = dry.run(&*store, &[&other]).await.unwrap();
            assert!(plan.len() == KEYS + 1 && plan.iter().all(|resealed| resealed.is_changed));
            for key in store.read_all().await.unwrap() {
                key.open(&from, &no_kms()).expect("a dry run changes nothing");
            }

            let reseal = Reseal { from: &from, to: &to, is_dry_run: false };
            let crashing = Crashing { store: &*store, writes_left: Mutex::new(crash_before) };
            let outcome = reseal.run(&crashing, &[&other]).await;
            assert_eq!(outcome.is_ok(), crash_before == KEYS);

            let both = MasterKeys::new(new(), Some(old()));
            let other_way = MasterKeys::new(old(), Some(new()));
            for keys in [&both, &other_way] {
                for key in store.read_all().await.unwrap() {
                    key.open(keys, &no_kms()).unwrap();
                }
                let jwe = other.0.lock().unwrap().clone();
                assert_eq!(open_secret("driftwise test", "one", &jwe, keys).unwrap().expose_secret(), b"secret");
            }

            let again = reseal.run(&*store, &[&other]).await.unwrap();
            assert_eq!(again.len(), KEYS + 1);
            let new_alone = MasterKeys::new(new(), None);
            for key in store.read_all().await.unwrap() {
                key.open(&new_alone, &no_kms()).unwrap();
                assert!(key.open(&from, &no_kms()).is_err(), "the old master key opens nothing any more");
            }
            let jwe = other.0.lock().unwrap().clone();
            assert!(open_secret("driftwise test", "one", &jwe, &new_alone).is_ok());
            assert!(reseal.run(&*store, &[&other]).await.unwrap().iter().all(|resealed| !resealed.is_changed));
        }
    }
}

#[tokio::test]
async fn nothing_is_resealed_when_one_secret_does_not_open() {
    let directory = TempDir::new().unwrap();
    let (from, to) = (MasterKeys::new(master_key(), None), master_key());
    for store in stores(directory.path()).await {
        let key = SigningKey::generate(KeyAlgorithm::Es256, NOW_S).unwrap();
        store.write(&SealedKey::seal(&key, from.current()).unwrap()).await.unwrap();
        let foreign = OneSecret(Mutex::new(seal_secret("driftwise test", "one", b"secret", &master_key()).unwrap()));
        let reseal = Reseal { from: &from, to: &to, is_dry_run: false };
        let error = reseal.run(&*store, &[&foreign]).await.unwrap_err();
        assert!(error.to_string().contains("the test secret"), "{error}");
        assert!(error.hint().unwrap().contains("keys.previous_master_key_file"));
        store.read_all().await.unwrap()[0].open(&from, &no_kms()).expect("nothing was changed");
    }
}

#[tokio::test]
async fn an_issuer_that_is_told_to_publishes_certificates_and_states_their_thumbprints() {
    use crate::harness::TestIssuer;
    let issuer = TestIssuer::start_changed("", |config| config.federation.x5c = true).await;
    let jwks: serde_json::Value = issuer.get("/.well-known/jwks.json").await.json().await.unwrap();
    let [key] = jwks["keys"].as_array().unwrap().as_slice() else { panic!("one key") };
    let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use", "x5c"]);
    let der = STANDARD.decode(key["x5c"][0].as_str().unwrap()).unwrap();
    X509Certificate::from_der(&der).unwrap();
    let info: serde_json::Value = issuer.get("/api/v2/federation-info").await.json().await.unwrap();
    let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
    let sha1 = sha1.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert_eq!(info["thumbprints"], serde_json::json!([sha1]));
}
