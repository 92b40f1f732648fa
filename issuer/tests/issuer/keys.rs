//! Keys at rest: what is sealed, what opens it, and what never happens when it does not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use driftwise_contract::Kid;
use driftwise_issuer::Error;
use driftwise_issuer::app::{Issuer, LostKeys};
use driftwise_issuer::clock::Clock as _;
use driftwise_issuer::config::{Config, Keys};
use driftwise_issuer::keyring::rotation::{KeyState, RotationSettings};
use driftwise_issuer::keyring::{
    Catalogue, KeyAlgorithm, KeyDirectory, KeySetId, KeyStore as _, KeyVault, Keyring, KeyringError, MasterKey,
    MasterKeySource, PublishedJwks, SealedKey, SigningKey,
};
use driftwise_issuer::store::Store;
use secrecy::SecretString;
use tempfile::TempDir;

use crate::harness::{NOW_S, TestClock, copy_keys};

const OTHER_MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=";

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

fn sealed_file(directory: &Path) -> PathBuf {
    sealed_files(directory).pop().unwrap()
}

fn sealed_files(directory: &Path) -> Vec<PathBuf> {
    let paths = files(directory).into_keys().map(|name| directory.join(name));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "jwe")).collect()
}

async fn vault(directory: &Path, source: &MasterKeySource) -> (Store, KeyVault) {
    let store = Store::open(&directory.parent().unwrap().join("issuer.db")).await.unwrap();
    let keys = Keys { directory: directory.into(), master_key: source.clone(), ..Keys::default() };
    let vault = KeyVault::new(&keys, &"https://id.example.com".parse().unwrap(), &store);
    (store, vault)
}

async fn open(directory: &Path, source: &MasterKeySource) -> Result<Vec<SigningKey>, KeyringError> {
    let (_, vault) = vault(directory, source).await;
    vault.open(vault.sealed().await?).await
}

/// A start over the store `issuer.db` beside the keys, which is made where there is none.
async fn start(directory: &Path, source: &MasterKeySource) -> Result<Keyring, KeyringError> {
    let (store, vault) = vault(directory, source).await;
    let clock = TestClock::at(NOW_S);
    let catalogue = Catalogue::new(store, vault, clock, KeyAlgorithm::Rs256, RotationSettings::default());
    Keyring::open(catalogue, LostKeys::Refuse).await
}

fn published(keyring: &Keyring) -> PublishedJwks {
    keyring.snapshot().published(KeySetId::Shared).unwrap().clone()
}

fn signing_kid(keyring: &Keyring) -> Kid {
    keyring.snapshot().signer(KeySetId::Shared).unwrap().kid().clone()
}

/// A key directory of its own, with the keys of the run, in a scratch directory.
fn scratch() -> (TempDir, PathBuf) {
    let scratch = TempDir::new().unwrap();
    let keys = scratch.path().join("keys");
    copy_keys(&keys);
    (scratch, keys)
}

#[tokio::test]
async fn the_first_start_makes_keys_that_only_the_owner_can_read_and_the_next_finds_them() {
    let (_scratch, directory) = scratch();
    let names: Vec<String> = files(&directory).into_keys().collect();
    assert!(names.contains(&"master.key".to_owned()) && names.len() == 3, "{names:?}");
    let again = start(&directory, &MasterKeySource::KeyDirectory).await.unwrap();
    let published = serde_json::to_value(published(&again)).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert!(sealed_file(&directory).ends_with(format!("{}.jwe", signing_kid(&again))));
    #[cfg(unix)]
    for name in files(&directory).into_keys() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(directory.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_key_file_shows_nothing_of_the_private_key() {
    let (_scratch, directory) = scratch();
    let text = std::fs::read_to_string(sealed_file(&directory)).unwrap();
    let header = josekit::jwt::decode_header(text.trim()).unwrap();
    assert_eq!(header.claim("alg").unwrap(), "A256KW");
    assert_eq!(header.claim("enc").unwrap(), "A256GCM");
    assert_eq!(header.claim("typ").unwrap(), "driftwise signing key");
    let keyring = start(&directory, &MasterKeySource::KeyDirectory).await.unwrap();
    let kid = signing_kid(&keyring);
    assert_eq!(header.claim("kid").unwrap(), kid.as_str());
    let shown = format!("{keyring:?} {:?}", open(&directory, &MasterKeySource::KeyDirectory).await.unwrap());
    assert!(shown.contains(kid.as_str()) && shown.len() < 400, "{shown}");
}

#[tokio::test]
async fn another_master_key_stops_the_start_and_changes_nothing() {
    let (_scratch, directory) = scratch();
    let before = files(&directory);
    let error = start(&directory, &MasterKeySource::Value(SecretString::from(OTHER_MASTER_KEY))).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(sealed_file(&directory).to_str().unwrap()), "{text}");
    assert!(text.contains("the master key does not open it"), "{text}");
    assert!(error.hint().unwrap().contains("keys.master_key_file"));
    assert!(!text.contains(OTHER_MASTER_KEY));
    assert_eq!(files(&directory), before);
}

#[tokio::test]
async fn a_lost_master_key_is_never_replaced_while_keys_exist() {
    let (_scratch, directory) = scratch();
    std::fs::remove_file(directory.join("master.key")).unwrap();
    let before = files(&directory);
    let error = start(&directory, &MasterKeySource::KeyDirectory).await.unwrap_err();
    assert!(matches!(error, KeyringError::MasterKeyMissing { .. }), "{error}");
    assert!(error.hint().unwrap().contains("backup"));
    assert_eq!(files(&directory), before);
}

#[tokio::test]
async fn changed_renamed_and_foreign_files_do_not_open() {
    let (_scratch, directory) = scratch();
    let path = sealed_file(&directory);
    let good = std::fs::read_to_string(&path).unwrap();
    let parts: Vec<&str> = good.trim().split('.').collect();
    let replaced = |at: usize, part: &str| {
        let mut parts = parts.clone();
        parts[at] = part;
        parts.join(".")
    };
    let flipped = |at: usize| {
        let other = if parts[at].starts_with('A') { "B" } else { "A" };
        replaced(at, &format!("{other}{}", &parts[at][1..]))
    };
    for (name, text) in [
        ("empty", String::new()),
        ("not a JWE", "not a JWE".into()),
        ("a changed header", flipped(0)),
        ("a changed key", flipped(1)),
        ("a changed nonce", flipped(2)),
        ("a changed text", flipped(3)),
        ("a changed tag", flipped(4)),
        ("a tag cut to 12 bytes", replaced(4, &parts[4][..16])),
        ("no tag", replaced(4, "")),
        ("half of it", good[..good.len() / 2].to_owned()),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = open(&directory, &MasterKeySource::KeyDirectory).await.unwrap_err();
        assert!(matches!(error, KeyringError::Sealed { .. }), "{name}: {error}");
    }

    // The right text under another key's name, and under no key's name.
    std::fs::remove_file(&path).unwrap();
    for name in [format!("{}.jwe", "A".repeat(43)), "copy-of-key.jwe".into()] {
        let renamed = directory.join(name);
        std::fs::write(&renamed, &good).unwrap();
        let error = open(&directory, &MasterKeySource::KeyDirectory).await.unwrap_err();
        assert!(error.to_string().contains("do not name the same key"), "{error}");
        std::fs::remove_file(&renamed).unwrap();
    }
}

#[tokio::test]
async fn another_secret_under_the_same_master_key_is_no_signing_key() {
    use josekit::jwe::{A256KW, JweHeader};
    use secrecy::ExposeSecret as _;

    let (_scratch, directory) = scratch();
    let path = sealed_file(&directory);
    let text = std::fs::read_to_string(directory.join("master.key")).unwrap();
    let master_key = MasterKey::parse(&text, "test").unwrap();
    let decrypter = A256KW.decrypter_from_bytes(master_key.expose_secret()).unwrap();
    let (payload, header) =
        josekit::jwe::deserialize_compact(std::fs::read_to_string(&path).unwrap().trim(), &decrypter).unwrap();
    let mut other = JweHeader::new();
    other.set_content_encryption("A256GCM");
    other.set_token_type("driftwise stored credential");
    other.set_key_id(header.key_id().unwrap());
    let encrypter = A256KW.encrypter_from_bytes(master_key.expose_secret()).unwrap();
    std::fs::write(&path, josekit::jwe::serialize_compact(&payload, &other, &encrypter).unwrap()).unwrap();
    let error = open(&directory, &MasterKeySource::KeyDirectory).await.unwrap_err();
    assert!(error.to_string().contains("not a signing key"), "{error}");
}

#[tokio::test]
async fn two_first_starts_at_once_make_one_key() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("keys");
    let source = MasterKeySource::KeyDirectory;
    let (first, second) = tokio::join!(start(&path, &source), start(&path, &source));
    assert_eq!(signing_kid(&first.unwrap()), signing_kid(&second.unwrap()));
    assert_eq!(sealed_files(&path).len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn of_several_keys_without_a_state_the_oldest_signs_and_all_are_published() {
    let (_scratch, directory) = scratch();
    let first = open(&directory, &MasterKeySource::KeyDirectory).await.unwrap().remove(0).kid().clone();
    let text = std::fs::read_to_string(directory.join("master.key")).unwrap();
    let master_key = MasterKey::parse(&text, "test").unwrap();
    let younger = SigningKey::generate(KeyAlgorithm::Es256, NOW_S + 1).unwrap();
    let sealed = SealedKey::seal(&younger, &master_key).unwrap();
    KeyDirectory::new(&directory).write(&sealed).await.unwrap();
    let keyring = start(&directory, &MasterKeySource::KeyDirectory).await.unwrap();
    assert_eq!(signing_kid(&keyring), first);
    let published: Vec<_> = published(&keyring).keys.into_iter().map(|key| key.kid).collect();
    assert_eq!(published, [first.clone(), younger.kid().clone()]);
    let records = keyring.catalogue().records().await.unwrap();
    let states: Vec<_> = records.into_iter().map(|key| (key.kid, key.state)).collect();
    assert_eq!(states, [(first.clone(), KeyState::Active), (younger.kid().clone(), KeyState::Retired)]);
}

#[tokio::test]
async fn an_issuer_with_the_wrong_master_key_does_not_start() {
    let directory = TempDir::new().unwrap();
    let mut config = Config::new("http://127.0.0.1:9".parse().unwrap());
    config.store.path = directory.path().join("issuer.db");
    config.keys.directory = directory.path().join("keys");
    config.keys.master_key = MasterKeySource::Value(SecretString::from(OTHER_MASTER_KEY));
    copy_keys(&config.keys.directory);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clock = TestClock::at(NOW_S);
    assert_eq!(clock.now_s(), NOW_S);
    let error = Issuer::start(config, clock, listener).await.unwrap_err();
    assert!(format!("{error:#}").contains("the master key does not open it"), "{error:#}");
}

#[tokio::test]
async fn keys_that_are_gone_are_never_silently_replaced() {
    let directory = TempDir::new().unwrap();
    let mut config = Config::new("http://127.0.0.1:9".parse().unwrap());
    config.store.path = directory.path().join("issuer.db");
    config.keys.directory = directory.path().join("keys");
    copy_keys(&config.keys.directory);
    let start = async |lost_keys| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Box::pin(Issuer::start_with(config.clone(), TestClock::at(NOW_S), listener, lost_keys)).await
    };
    // The keys were there before the store knew of them.
    start(LostKeys::Refuse).await.unwrap().shutdown().await.unwrap();
    let old = sealed_file(&config.keys.directory);
    let error = start(LostKeys::GiveUp).await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Error::Keyring(KeyringError::KeysPresent { .. }))), "{error:#}");

    std::fs::remove_dir_all(&config.keys.directory).unwrap();
    let error = start(LostKeys::Refuse).await.unwrap_err();
    let hint = error.downcast_ref::<Error>().unwrap().hint().unwrap();
    let text = format!("{error:#}");
    assert!(text.contains(config.keys.directory.to_str().unwrap()) && text.contains("1 was made"), "{text}");
    assert!(hint.contains("--new-key") && hint.contains("backup") && hint.contains("stop verifying"), "{hint}");
    assert!(!config.keys.directory.exists(), "nothing was made");

    start(LostKeys::GiveUp).await.unwrap().shutdown().await.unwrap();
    assert_ne!(sealed_file(&config.keys.directory), old);
    start(LostKeys::Refuse).await.unwrap().shutdown().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn keys_that_others_can_replace_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_scratch, directory) = scratch();
    let master_key = directory.join("master.key");
    for (path, good) in [(directory.as_path(), 0o700), (master_key.as_path(), 0o600)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(good | 0o020)).unwrap();
        let error = open(&directory, &MasterKeySource::KeyDirectory).await.unwrap_err();
        let hint = error.hint().unwrap();
        assert!(matches!(error, KeyringError::Writable { .. }), "{error}");
        assert!(hint.contains(&format!("chmod {good:o} {}", path.display())), "{hint}");
        let error = start(&directory, &MasterKeySource::KeyDirectory).await.unwrap_err();
        assert!(matches!(error, KeyringError::Writable { .. }), "{error}");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(good)).unwrap();
        assert_eq!(open(&directory, &MasterKeySource::KeyDirectory).await.unwrap().len(), 1);
    }
}
