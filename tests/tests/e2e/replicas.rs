//! Two issuers, as processes, over one store: whatever happens to the keys, a token that one of them hands out verifies
//! against what both publish at that moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use driftwise_contract::wire::{JWT_BEARER, TokenResponse, paths};
use driftwise_tests::stage::{
    Customer, Props, Relay, Served, Stage, TestAgent, key_id_of, small_world, system_now_s, verify_against,
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{program, published_at, wait_for};

/// A store with two issuers, a customer, and the customer's agent.
struct Pair {
    stage: Stage,
    replicas: [Served; 2],
    customer: Customer,
    agent: TestAgent,
    _relay: Relay,
}

impl Pair {
    async fn open(keys_config: &str) -> Self {
        let relay = Relay::start().await.unwrap();
        let props = Props {
            world: Some(small_world()),
            // The least: a lease is six times as long.
            keys_config: format!("refresh = \"1s\"\n{keys_config}"),
            more_config:
                "[limits]\nrequests_per_second = 0\ncaller_requests_per_second = 0\norg_requests_per_second = 0\n"
                    .into(),
            ..Props::default()
        };
        let (stage, first) = Stage::open_served(program(), props, &relay).await.unwrap();
        let second = stage.serve(&[]).await.unwrap();
        let customer = stage.customer_of_small().await.unwrap();
        let agent = TestAgent::enrol(&stage, customer.org).await.unwrap();
        Self { stage, replicas: [first, second], customer, agent, _relay: relay }
    }

    /// A token from one of the two.
    async fn token(&self, replica: &Served) -> String {
        let answer = self.agent.token_at(replica.url(), &self.customer.role_arn, system_now_s()).await.unwrap();
        answer.unwrap_or_else(|refusal| panic!("{} refuses a token: {refusal:?}", replica.url()))
    }

    /// Sends a token request and does not wait for the answer.
    async fn send(&self, replica: &Served) -> TcpStream {
        let assertion = self.agent.assertion(system_now_s(), |_| {}).unwrap();
        let role = &self.customer.role_arn;
        let form = format!(
            "grant_type=client_credentials&client_assertion_type={JWT_BEARER}&client_assertion={assertion}&resource={role}"
        );
        let (address, length) = (replica.url().trim_start_matches("http://"), form.len());
        let mut connection = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}",
            paths::TOKEN
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    /// Asserts that a token verifies against both key sets now, and gives its key id.
    async fn verify_everywhere(&self, token: &str) -> String {
        for replica in &self.replicas {
            let claims = verify_against(&replica.at(paths::JWKS), token).await.unwrap();
            assert_eq!(claims["iss"], json!(self.stage.issuer_url()));
        }
        key_id_of(token).unwrap()
    }

    /// The key that signs, by the store.
    async fn active(&self) -> String {
        let listed = self.stage.issuer(&["keys", "list", "--json"]).run().await.unwrap().success().unwrap();
        let rows = listed.json().unwrap();
        let active: Vec<_> = rows.as_array().unwrap().iter().filter(|row| row["state"] == "active").collect();
        assert_eq!(active.len(), 1, "{rows}");
        active[0]["kid"].as_str().unwrap().to_owned()
    }

    async fn keys(&self, args: &[&str]) {
        self.stage.issuer(&["keys"]).args(args).run().await.unwrap().success().unwrap();
    }

    async fn close(self) {
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.stage.close().await.unwrap();
    }
}

/// Clients of both issuers get tokens without a pause while the keys are rotated, twice, and revoked.
async fn tokens_of_both_verify_at_both(keys_config: &str) {
    let pair = Pair::open(keys_config).await;
    let first = pair.active().await;
    let done = AtomicBool::new(false);
    let mint = async |replica: &Served| {
        let mut kids = BTreeSet::new();
        while !done.load(Ordering::Acquire) {
            let token = pair.token(replica).await;
            kids.insert(pair.verify_everywhere(&token).await);
        }
        kids
    };
    let rotate = async {
        let mut kids = vec![first];
        for _ in 0..2 {
            pair.keys(&["rotate", "--now"]).await;
            kids.push(pair.active().await);
        }
        // From now on nothing else signs, at neither of the two.
        for replica in &pair.replicas {
            let token = pair.token(replica).await;
            assert_eq!(Some(&pair.verify_everywhere(&token).await), kids.last());
        }
        done.store(true, Ordering::Release);
        kids
    };
    let (at_first, at_second, kids) = tokio::join!(mint(&pair.replicas[0]), mint(&pair.replicas[1]), rotate);
    assert_eq!(BTreeSet::from_iter(&kids).len(), 3);
    for seen in [&at_first, &at_second] {
        assert!(seen.iter().all(|kid| kids.contains(kid)) && seen.len() >= 2, "{seen:?} of {kids:?}");
    }

    let revoked = kids.last().unwrap();
    pair.keys(&["revoke", revoked, "--yes"]).await;
    // Before either has refreshed: the row of a token tells its issuer that something changed.
    let successor = pair.active().await;
    for replica in &pair.replicas {
        let token = pair.token(replica).await;
        assert_eq!(pair.verify_everywhere(&token).await, successor);
    }
    for replica in &pair.replicas {
        let url = replica.at(paths::JWKS);
        let gone = async || published_at(&url).await.filter(|kids| !kids.contains(revoked));
        let published = wait_for("the revoked key vanishes from the key set", gone).await;
        assert_eq!(published.first(), Some(&successor), "the signing key stands first");
    }
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_two_issuers_with_one_key_directory_verify_at_both_through_rotation_and_revocation() {
    tokens_of_both_verify_at_both("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_two_issuers_with_keys_in_the_store_verify_at_both_through_rotation_and_revocation() {
    tokens_of_both_verify_at_both("store = \"database\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_was_frozen_signs_nothing_with_a_key_that_was_removed_meanwhile() {
    let pair = Pair::open("").await;
    let [awake, frozen] = &pair.replicas;
    let removed = pair.active().await;
    assert_eq!(key_id_of(&pair.token(frozen).await).unwrap(), removed);

    frozen.pause().await.unwrap();
    // Waits until the frozen one's lease is over, and no shorter: the other one mints all the while.
    let done = AtomicBool::new(false);
    let revoke = async {
        pair.keys(&["revoke", &removed, "--yes"]).await;
        done.store(true, Ordering::Release);
    };
    let mint = async {
        while !done.load(Ordering::Acquire) {
            pair.token(awake).await;
        }
    };
    tokio::join!(revoke, mint);
    let successor = pair.active().await;
    assert_ne!(successor, removed);

    // Requests that lie in its socket when it wakes up: they may be answered before its first refresh.
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(pair.send(frozen).await);
    }
    frozen.go_on().await.unwrap();
    for mut connection in waiting {
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        if head.starts_with("HTTP/1.1 200 ") {
            let token = serde_json::from_str::<TokenResponse>(body).unwrap().access_token;
            assert_eq!(key_id_of(&token).unwrap(), successor);
        } else {
            assert!(head.starts_with("HTTP/1.1 503 "), "{answer}");
        }
    }
    let ready = async || {
        let answer = reqwest::get(frozen.at("/readyz")).await.ok()?;
        answer.status().is_success().then_some(())
    };
    wait_for("the issuer that went on is ready again", ready).await;
    let token = pair.token(frozen).await;
    assert_eq!(pair.verify_everywhere(&token).await, successor);
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_cant_publish_the_next_key_is_not_ready_and_holds_it_up() {
    let pair = Pair::open("").await;
    // A third one whose key directory is a copy, not a shared one.
    let copy = pair.stage.directory().join("copied-keys");
    std::fs::create_dir(&copy).unwrap();
    std::fs::set_permissions(&copy, std::fs::metadata(pair.stage.directory().join("keys")).unwrap().permissions())
        .unwrap();
    for entry in std::fs::read_dir(pair.stage.directory().join("keys")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let copy = copy.display().to_string();
    let third = pair.stage.serve(&[("DRIFTWISE_ISSUER__KEYS__DIRECTORY", &copy)]).await.unwrap();
    let ready = async || reqwest::get(third.at("/readyz")).await.unwrap().status().is_success().then_some(());
    wait_for("the third issuer is ready", ready).await;
    let active = pair.active().await;

    pair.keys(&["rotate"]).await;
    let not_ready = async || {
        let answer = reqwest::get(third.at("/readyz")).await.unwrap();
        (answer.status() == 503).then_some(())
    };
    wait_for("the issuer without the new key is not ready", not_ready).await;
    for replica in &pair.replicas {
        // On a busy machine a refresh may be late by a moment.
        let ready = async || reqwest::get(replica.at("/readyz")).await.unwrap().status().is_success().then_some(());
        wait_for("the issuer that publishes the new key is ready", ready).await;
        assert_eq!(pair.verify_everywhere(&pair.token(replica).await).await, active);
    }
    // Once it is gone, the others go on without it.
    third.stop().await.unwrap();
    pair.keys(&["rotate", "--now"]).await;
    assert_ne!(pair.active().await, active);
    pair.close().await;
}
