//! Publication: what stands at the public URL decides when a key signs, and an org's own issuer keeps other orgs out.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use driftwise_contract::wire::paths;
use driftwise_issuer::clock::{Clock, SystemClock};
use driftwise_tests::stage::{
    ACCOUNT_ID, Props, Relay, Stage, TestAgent, key_id_of, small_world, system_now_s, verify_against,
};
use serde_json::{Value, json};

use crate::{assume, program, published_at, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn an_orgs_own_issuer_signs_for_it_alone_and_a_role_without_sub_refuses_other_orgs() {
    let relay = Relay::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let site = directory.path().join("site");
    let props = Props {
        world: Some(small_world()),
        keys_config: "refresh = \"1s\"".into(),
        more_config: format!("[publication]\ndirectory = \"{}\"\n", site.display()),
        ..Props::default()
    };
    let (stage, served) = Stage::open_served(program(), props, &relay).await.unwrap();
    let other = stage.customer_of_small().await.unwrap();
    let org = stage.create_org("Own keys").await.unwrap();
    let (org_text, role_arn) = (org.to_string(), format!("arn:aws:iam::{ACCOUNT_ID}:role/own"));
    let org_url = stage.url(&format!("/orgs/{org}"));
    let run = async |args: &[&str]| {
        let program = stage.issuer(args).args(&["--org", &org_text, "--json"]);
        program.run().await.unwrap().success().unwrap().json().unwrap()
    };
    assert_eq!(run(&["org", "issuer", "show"]).await["issuer"], Value::Null);
    // Another org got a token for the role while it was registered there.
    let curious = stage.create_org("Curious").await.unwrap();
    stage.register(curious, &role_arn, "session-tag").await.unwrap();
    let pinned = TestAgent::enrol(&stage, curious).await.unwrap().token(&role_arn).await.unwrap().unwrap();
    let remove = ["account", "remove", "--org", &curious.to_string(), "--account-id", ACCOUNT_ID];
    stage.issuer(&remove).run().await.unwrap().success().unwrap();

    let set = run(&["org", "issuer", "set", "--keys", "own"]).await;
    assert_eq!((&set["issuer"], &run(&["org", "issuer", "show"]).await["keys"]), (&json!(org_url), &json!("own")));
    stage.register_with(org, &role_arn, &["--issuer", "org"]).await.unwrap();
    let keys = wait_for("the running issuer makes and serves the org's keys", async || {
        published_at(&format!("{org_url}{}", paths::JWKS)).await
    })
    .await;
    let shared = published_at(&stage.url(paths::JWKS)).await.unwrap();
    assert!(keys.len() == 1 && !shared.contains(&keys[0]), "{keys:?} {shared:?}");

    // A trust policy that asks for the audience alone, of the org's issuer.
    let provider = stage.iam().create_open_id_connect_provider().url(&org_url).client_id_list("sts.amazonaws.com");
    let provider = provider.send().await.unwrap().open_id_connect_provider_arn.unwrap();
    let name = org_url.trim_start_matches("http://");
    let trust = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Federated": provider},
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        "Condition": {"StringEquals": {format!("{name}:aud"): "sts.amazonaws.com"}},
    }});
    let create = stage.iam().create_role().role_name("own").assume_role_policy_document(trust.to_string());
    create.send().await.unwrap();
    let agent = TestAgent::enrol(&stage, org).await.unwrap();
    let token = agent.token(&role_arn).await.unwrap().unwrap();
    let claims = verify_against(&format!("{org_url}{}", paths::JWKS), &token).await.unwrap();
    assert_eq!((&claims["iss"], key_id_of(&token).unwrap()), (&json!(org_url), keys[0].clone()));
    assume(&stage, &role_arn, &token).await.unwrap();

    // Tokens of the shared issuer are refused: even one that is pinned to this very role.
    let others = TestAgent::enrol(&stage, other.org).await.unwrap().token(&other.role_arn).await.unwrap().unwrap();
    for (token, refusal) in [(&others, "InvalidIdentityToken"), (&pinned, "AccessDenied")] {
        let claims = verify_against(&stage.url(paths::JWKS), token).await.unwrap();
        assert_eq!(claims["iss"], json!(stage.issuer_url()));
        let (code, message) = assume(&stage, &role_arn, token).await.unwrap_err();
        assert_eq!(code, refusal, "{message}");
    }

    // The same bytes lie in the directory, and publishing again writes nothing.
    let publish = async || {
        let done = stage.issuer(&["publish", "--json"]).run().await.unwrap().success().unwrap();
        done.json().unwrap()[0].clone()
    };
    publish().await;
    assert_eq!(publish().await["written"], json!(0));
    for (path, url) in [("", stage.issuer_url()), (&*format!("orgs/{org}"), &org_url)] {
        let served = reqwest::get(format!("{url}{}", paths::JWKS)).await.unwrap().bytes().await.unwrap();
        let file = site.join(path).join(paths::JWKS.trim_start_matches('/'));
        assert_eq!(std::fs::read(&file).unwrap(), served, "{}", file.display());
    }
    // Of what AWS would refuse there is only that a loopback address is not the internet.
    let check = stage.issuer(&["publish", "--check", "--json"]).run().await.unwrap();
    assert_eq!(check.code, 1, "{}", check.stderr);
    let reports = check.json().unwrap();
    let reports = reports.as_array().unwrap();
    assert_eq!(reports.len(), 2, "{reports:?}");
    for report in reports {
        let faults: Vec<&Value> =
            report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] == "fault").collect();
        assert_eq!(faults.len(), 1, "{report}");
        assert!(faults[0]["text"].as_str().unwrap().contains("loopback"), "{report}");
    }
    served.stop().await.unwrap();
    stage.close().await.unwrap();
}

/// The machine's clock, set ahead.
#[derive(Debug, Default)]
struct Ahead(AtomicI64);

impl Ahead {
    const HOUR_MS: i64 = 3_600_000;

    fn by_hours(&self, hours: i64) {
        self.0.fetch_add(hours * Self::HOUR_MS, Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_key_waits_until_it_was_seen_at_the_public_url_for_the_whole_window() {
    let (relay, clock) = (Relay::start().await.unwrap(), Arc::new(Ahead::default()));
    let props = Props {
        world: Some(small_world()),
        clock: Some(clock.clone()),
        issuer_url: Some(relay.url()),
        // The window ends by what this test does, never by itself.
        keys_config: "publish_ahead = \"48h\"".into(),
        ..Props::default()
    };
    let stage = Stage::open(program(), props).await.unwrap();
    relay.forward_to(stage.listen_url());
    let customer = stage.customer_of_small().await.unwrap();
    let agent = TestAgent::enrol(&stage, customer.org).await.unwrap();
    let issuer = stage.running().unwrap();
    issuer.read_back().await.unwrap();
    let stale = reqwest::get(stage.url(paths::JWKS)).await.unwrap().text().await.unwrap();
    let before = published_at(&stage.url(paths::JWKS)).await.unwrap();

    // A cache in front holds the key set as it was.
    relay.replace(paths::JWKS, &stale);
    stage.issuer(&["keys", "rotate"]).run().await.unwrap().success().unwrap();
    let rotate = async || {
        issuer.refresh().await.unwrap();
        // Only its own look tells; what it finds is no failure of the test.
        let _ = issuer.read_back().await;
        issuer.refresh().await.unwrap();
        issuer.rotate().await.unwrap();
        let url = format!("{}{}", stage.listen_url(), paths::JWKS);
        published_at(&url).await.unwrap()
    };
    let staged = rotate().await;
    assert_eq!((staged.len(), &staged[0]), (2, &before[0]));
    clock.by_hours(49);
    assert_eq!(rotate().await, staged, "never seen: it waits, however long it was published");

    // The cache lets go: the window begins.
    relay.restore(paths::JWKS);
    assert_eq!(rotate().await, staged);
    clock.by_hours(47);
    assert_eq!(rotate().await, staged, "an hour is missing");
    // The stale copy comes back for a moment: the window begins anew.
    relay.replace(paths::JWKS, &stale);
    assert_eq!(rotate().await, staged);
    relay.restore(paths::JWKS);
    assert_eq!(rotate().await, staged);
    clock.by_hours(2);
    assert_eq!(rotate().await, staged, "49 hours after it was first seen, and 2 after it was missed");
    clock.by_hours(47);
    let rotated = rotate().await;
    assert_eq!(rotated[..2], [staged[1].clone(), staged[0].clone()]);
    let now_s = system_now_s() + (49 + 47 + 2 + 47) * 3_600;
    let token = agent.token_at(stage.issuer_url(), &customer.role_arn, now_s).await.unwrap().unwrap();
    assert_eq!(key_id_of(&token).unwrap(), staged[1]);
    stage.close().await.unwrap();
}
