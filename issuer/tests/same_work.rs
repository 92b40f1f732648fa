//! Whoever is refused for an agent that is not there, for a key that is not registered or for a signature that is not the
//! key's has cost the issuer the same work: the clock tells a stranger nothing of who is enrolled here. The work is counted,
//! by look-ups of keys in the store and signatures that were checked, and not timed; `cargo bench -p driftwise-issuer -- refusals`
//! shows what it comes to.
//!
//! In a program of its own: what is counted is counted for the whole process.

#[path = "issuer/harness.rs"]
#[expect(dead_code, reason = "this program needs little of what the other tests share")]
mod harness;

use std::sync::atomic::{AtomicUsize, Ordering};

use driftwise_contract::claims::TrustForm;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use uuid::Uuid;

use crate::harness::{TestAgent, TestIssuer, TestKey, with};

static LOOK_UPS: AtomicUsize = AtomicUsize::new(0);
static SIGNATURES: AtomicUsize = AtomicUsize::new(0);

/// Counts the events that tell of work.
struct Count;

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let of_the_store = event.metadata().target().starts_with("sqlx");
        event.record(&mut Fields { of_the_store });
    }
}

struct Fields {
    of_the_store: bool,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        // Where the statement is long, its beginning is another field.
        if self.of_the_store && text.contains("FROM agent_keys") {
            LOOK_UPS.fetch_add(1, Ordering::SeqCst);
        }
        if field.name() == "message" && text == "checked a signature" {
            SIGNATURES.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Look-ups and signatures since the last call.
fn counted() -> (usize, usize) {
    (LOOK_UPS.swap(0, Ordering::SeqCst), SIGNATURES.swap(0, Ordering::SeqCst))
}

/// The three refusals of an agent's assertions, by name.
fn forgeries(issuer: &TestIssuer, agent: &TestAgent) -> [(&'static str, String); 3] {
    let key = &agent.key;
    let (header, claims) = (key.header(), issuer.claims(agent));
    let nobody = with(&claims, json!({"iss": Uuid::new_v4(), "sub": Uuid::new_v4()}));
    let nobody = with(&nobody, json!({"sub": nobody["iss"]}));
    let stranger = match key {
        TestKey::P256(_) => TestKey::p256(),
        TestKey::Rsa(_) => TestKey::rsa(),
    };
    [
        ("an unknown agent", key.sign(&header, &nobody)),
        ("an unknown key", stranger.sign(&stranger.header(), &claims)),
        ("a bad signature", stranger.sign(&header, &claims)),
    ]
}

#[tokio::test]
async fn unknown_agents_unknown_keys_and_bad_signatures_cost_the_same_work() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Count)).unwrap();
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let role = issuer.account(&org, "123456789012", TrustForm::SessionTag).await.role_arn().to_string();
    for key in [TestKey::p256(), TestKey::rsa()] {
        let alg = key.alg();
        let agent = issuer.agent(&org, key).await;
        // Both doors know the agent well: what is kept in memory must not tell either.
        assert_eq!(issuer.ask_token(&issuer.assertion(&agent), &role).await.status(), 200);
        assert_eq!(issuer.ask_agent(&issuer.assertion(&agent)).await.status(), 200);
        let mut work = Vec::new();
        for (name, forgery) in forgeries(&issuer, &agent) {
            counted();
            assert_eq!(issuer.ask_token(&forgery, &role).await.status(), 401, "{name}");
            let at_token_endpoint = counted();
            assert_eq!(issuer.ask_agent(&forgery).await.status(), 401, "{name}");
            work.push((name, at_token_endpoint, counted()));
        }
        for (name, at_token_endpoint, at_agent) in &work {
            assert_eq!(at_token_endpoint.1, 1, "{alg}, {name}: signatures at the token endpoint");
            assert_eq!(at_agent.1, 1, "{alg}, {name}: signatures at the agent's own page");
            assert!(at_token_endpoint.0 > 0 && at_agent.0 > 0, "{alg}, {name}: look-ups are counted");
            assert_eq!((at_token_endpoint, at_agent), (&work[0].1, &work[0].2), "{alg}: {work:?}");
        }
    }
}
