use std::sync::atomic::{AtomicI64, Ordering};

use tokio::net::TcpListener;

use super::*;
use crate::clock::{SystemClock, TurnedClock};
use crate::config::Config;
use crate::keyring::KeyAlgorithm;

async fn started(directory: &tempfile::TempDir) -> (String, RunningIssuer) {
    started_at(directory, Arc::new(SystemClock)).await
}

async fn started_at(directory: &tempfile::TempDir, clock: Arc<dyn Clock>) -> (String, RunningIssuer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut config = Config::new(url.parse().unwrap());
    config.store.path = directory.path().join("issuer.db");
    config.keys.directory = directory.path().join("keys");
    config.keys.algorithm = KeyAlgorithm::Es256;
    config.publication.read_back = false;
    (url, Issuer::start(config, clock, listener).await.unwrap())
}

#[tokio::test]
async fn a_token_outlasts_a_burst_of_changes() {
    let directory = tempfile::TempDir::new().unwrap();
    let (_, running) = started(&directory).await;
    let app = &running.app;
    let id = driftwise_contract::OrgId::from_uuid(app.clock.new_uuid());
    let role: driftwise_contract::RoleArn = "arn:aws:iam::123456789012:role/scan".parse().unwrap();
    let mut db = app.store.connection().await.unwrap();
    orgs::insert(&mut db, id, &"Acme".parse().unwrap(), 1).await.unwrap();
    let scope = orgs::find(&mut db, id).await.unwrap().unwrap().scope();
    let account = crate::accounts::AwsAccount::new(
        "123456789012".parse().unwrap(),
        role.clone(),
        "eu-central-1".parse().unwrap(),
        driftwise_contract::claims::TrustForm::Subject,
    )
    .unwrap();
    crate::store::accounts::upsert(&mut db, scope, &account, 1).await.unwrap();
    drop(db);
    let changes = AtomicI64::new(8);
    let decide = async || -> Result<crate::federation::Minting, crate::Error> {
        let mut db = app.store.connection().await?;
        let version = crate::store::authority::version(&mut db).await?;
        // As if something had changed right after the caller was looked up.
        let is_old = changes.fetch_sub(1, Ordering::SeqCst) > 0;
        Ok(crate::federation::Minting {
            actor: crate::audit::Actor::ApiKey { id: "test".into() },
            scope,
            authority: version - i64::from(is_old),
            assertion: None,
            address: None,
            role: role.clone(),
            speaks_for: crate::federation::SpeaksFor::Org,
            session: driftwise_contract::SessionScope::default(),
        })
    };
    let minted: Result<_, crate::Error> = app.minter().mint_for(decide).await;
    assert!(minted.is_ok(), "{:?}", minted.err());
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn readiness_asks_the_store_once_a_second() {
    let clock = TurnedClock::at(SystemClock.now_ms());
    let directory = tempfile::TempDir::new().unwrap();
    let (url, running) = started_at(&directory, clock.clone()).await;
    let ready = async || reqwest::get(format!("{url}/readyz")).await.unwrap().status().as_u16();
    assert_eq!(ready().await, 200);
    running.app.store.close().await;
    clock.advance(999);
    assert_eq!(ready().await, 200, "the store was asked within the second");
    clock.advance(1);
    assert_eq!(ready().await, 503);
}

#[tokio::test]
async fn an_issuer_whose_ledger_has_ended_is_not_ready() {
    let directory = tempfile::TempDir::new().unwrap();
    let (url, running) = started(&directory).await;
    let ready = async || reqwest::get(format!("{url}/readyz")).await.unwrap().status().as_u16();
    assert_eq!(ready().await, 200);
    running.ledger.shutdown().await;
    assert_eq!(ready().await, 503);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_start_that_fails_makes_neither_store_nor_key() {
    let directory = tempfile::TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fails = async |change: &dyn Fn(&mut Config)| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
        config.store.path = directory.path().join("issuer.db");
        config.keys.directory = directory.path().join("keys");
        change(&mut config);
        let error = Issuer::start(config, Arc::new(SystemClock), listener).await.unwrap_err();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{error:#}");
        format!("{error:#}")
    };
    let metrics = fails(&|config| config.metrics.listen = Some(taken.local_addr().unwrap())).await;
    assert!(metrics.contains("metrics.listen"), "{metrics}");
    let ca_file = fails(&|config| config.publication.ca_file = Some(directory.path().join("no-ca.pem"))).await;
    assert!(ca_file.contains("publication.ca_file"), "{ca_file}");
    let missing = directory.path().join("no-master.key");
    let source = crate::keyring::MasterKeySource::File(missing.clone());
    let master_key = fails(&|config| config.keys.master_key = source.clone()).await;
    assert!(master_key.contains(missing.to_str().unwrap()), "{master_key}");
    let previous = fails(&|config| config.keys.previous_master_key = Some(source.clone())).await;
    assert!(previous.contains(missing.to_str().unwrap()), "{previous}");
}
