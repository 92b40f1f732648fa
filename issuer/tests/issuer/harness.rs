//! An issuer in this process, on a free port, with a clock that tests turn; and agents that sign whatever they are told.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::{AgentInfo, JWT_BEARER, PublicJwk};
use driftwise_contract::{AgentId, OrgId};
use driftwise_issuer::accounts::admin::{AdminId, SecretToken};
use driftwise_issuer::accounts::{ApiKey, ApiKeyId, ApiKeyScope, ApiKeyScopes, AwsAccount, EnrolmentCode, IssuerKeys};
use driftwise_issuer::app::{Issuer, RunningIssuer};
use driftwise_issuer::clock::Clock;
use driftwise_issuer::config::{Config, Keys};
use driftwise_issuer::keyring::{KeyAlgorithm, KeyVault, thumbprint};
use driftwise_issuer::store::api_keys::NewApiKey;
use driftwise_issuer::store::{Store, accounts, admins, api_keys, enrolment_codes, orgs, web_sessions};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

/// 2027-01-15 08:00:00 UTC.
pub(crate) const NOW_S: i64 = 1_800_000_000;

/// A clock that tests turn.
#[derive(Debug)]
pub(crate) struct TestClock {
    now_ms: AtomicI64,
    /// How far it was set, of which no time passed.
    set_ms: AtomicI64,
}

impl TestClock {
    pub(crate) fn at(seconds: i64) -> Arc<Self> {
        Arc::new(Self { now_ms: AtomicI64::new(seconds * 1000), set_ms: AtomicI64::new(0) })
    }

    /// Time passes.
    pub(crate) fn advance(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Somebody sets it, forward or back.
    pub(crate) fn set(&self, seconds: i64) {
        self.advance(seconds);
        self.set_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn uptime(&self) -> Duration {
        let passed_ms = self.now_ms() - self.set_ms.load(Ordering::SeqCst);
        Duration::from_millis(passed_ms.unsigned_abs())
    }
}

/// One sealed key and its master key for the whole run: an RSA key takes a second or two to make.
static KEYS: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = TempDir::new().unwrap();
    let make = async || {
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let keys = Keys { directory: directory.path().join("keys"), ..Keys::default() };
        let vault = KeyVault::new(&keys, &"https://id.example.com".parse().unwrap(), &store);
        vault.make(KeyAlgorithm::Rs256, NOW_S).await.unwrap();
    };
    // Tests call this inside their own runtime.
    let run = || tokio::runtime::Runtime::new().unwrap().block_on(make());
    std::thread::scope(|scope| scope.spawn(run).join().unwrap());
    directory
});

/// The shared keys, copied to where a test may do to them what it likes.
pub(crate) fn copy_keys(to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    // The issuer refuses a directory that others can write, which the umask may make.
    #[cfg(unix)]
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(KEYS.path().join("keys")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// A running issuer.
pub(crate) struct TestIssuer {
    pub(crate) url: String,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Store,
    pub(crate) http: Client,
    pub(crate) running: RunningIssuer,
    pub(crate) directory: TempDir,
}

impl TestIssuer {
    pub(crate) async fn start() -> Self {
        Self::start_below("").await
    }

    /// An issuer whose URL has that path.
    pub(crate) async fn start_below(path: &str) -> Self {
        Self::start_changed(path, |_| {}).await
    }

    /// An issuer whose configuration a test changes. There is no rate limit unless it sets one.
    pub(crate) async fn start_changed(path: &str, change: impl FnOnce(&mut Config)) -> Self {
        let directory = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let mut config = Config::new(url.parse().unwrap());
        config.store.path = directory.path().join("issuer.db");
        config.keys.directory = directory.path().join("keys");
        let limits = &mut config.limits;
        for limit in [&mut limits.rate, &mut limits.caller, &mut limits.org] {
            limit.requests_per_second = 0;
        }
        change(&mut config);
        copy_keys(&config.keys.directory);
        let store = Store::open(&config.store.path).await.unwrap();
        let clock = TestClock::at(NOW_S);
        let running = Issuer::start(config, clock.clone(), listener).await.unwrap();
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { url, clock, store, http, running, directory }
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/oauth2/token", self.url)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    pub(crate) async fn org(&self, name: &str) -> orgs::Org {
        let id = OrgId::from_uuid(self.clock.new_uuid());
        let mut db = self.store.connection().await.unwrap();
        orgs::insert(&mut db, id, &name.parse().unwrap(), self.clock.now_ms()).await.unwrap();
        orgs::find(&mut db, id).await.unwrap().unwrap()
    }

    /// Gives an org an issuer of its own.
    pub(crate) async fn org_issuer(&self, org: &orgs::Org, keys: IssuerKeys) {
        let mut db = self.store.connection().await.unwrap();
        orgs::set_issuer(&mut db, org.scope(), Some(keys)).await.unwrap();
        self.running.refresh().await.unwrap();
    }

    /// Registers the role `scan` of an account.
    pub(crate) async fn account(&self, org: &orgs::Org, account_id: &str, form: TrustForm) -> AwsAccount {
        let account = AwsAccount::new(
            account_id.parse().unwrap(),
            format!("arn:aws:iam::{account_id}:role/scan").parse().unwrap(),
            "eu-central-1".parse().unwrap(),
            form,
        )
        .unwrap();
        let mut db = self.store.connection().await.unwrap();
        accounts::upsert(&mut db, org.scope(), &account, self.clock.now_ms()).await.unwrap();
        account
    }

    /// A code that is valid for an hour.
    pub(crate) async fn code(&self, org: &orgs::Org) -> String {
        let code = EnrolmentCode::generate().unwrap();
        let now_ms = self.clock.now_ms();
        let mut db = self.store.connection().await.unwrap();
        enrolment_codes::insert(&mut db, org.scope(), &code.hash(), now_ms, now_ms + 3_600_000).await.unwrap();
        code.reveal()
    }

    /// An API key that is valid for an hour.
    pub(crate) async fn api_key(&self, org: &orgs::Org, scopes: &[ApiKeyScope]) -> ApiKey {
        let keys = Keys { directory: self.directory.path().join("keys"), ..Keys::default() };
        let vault = KeyVault::new(&keys, &self.url.parse().unwrap(), &self.store);
        let master_keys = vault.master_keys().await.unwrap();
        let now_ms = self.clock.now_ms();
        let pepper = driftwise_issuer::secrets::pepper(&self.store, &master_keys, now_ms).await.unwrap();
        let key = ApiKey::generate(ApiKeyId::from_uuid(self.clock.new_uuid())).unwrap();
        let new = NewApiKey {
            id: key.id(),
            name: &"ci".parse().unwrap(),
            hash: &key.hash(&pepper),
            scopes: &ApiKeyScopes::new(scopes.iter().copied()).unwrap(),
            expires_at_ms: Some(now_ms + 3_600_000),
        };
        let mut db = self.store.connection().await.unwrap();
        api_keys::insert(&mut db, org.scope(), &new, now_ms).await.unwrap();
        key
    }

    /// An admin who is signed in: the Cookie header of their browser.
    pub(crate) async fn admin(&self, name: &str) -> String {
        let (id, now_ms) = (AdminId::from_uuid(self.clock.new_uuid()), self.clock.now_ms());
        let token = SecretToken::generate().unwrap();
        let mut db = self.store.connection().await.unwrap();
        assert!(admins::insert(&mut db, id, &name.parse().unwrap(), now_ms).await.unwrap(), "{name} is taken");
        web_sessions::insert(&mut db, &token.hash(), id, now_ms).await.unwrap();
        format!("driftwise-session={}", token.reveal())
    }

    /// Asks for a token by API key.
    pub(crate) async fn ask_by_key(&self, key: &str, org: &str, body: &Value) -> Response {
        let url = format!("{}/api/v2/orgs/{org}/federation-token", self.url);
        self.http.post(url).bearer_auth(key).json(body).send().await.unwrap()
    }

    pub(crate) async fn enrol(&self, code: &str, key: &TestKey) -> Response {
        let body = json!({"code": code, "public_key": key.public_jwk(), "name": "host.example"});
        self.http.post(format!("{}/api/v2/agents/enrol", self.url)).json(&body).send().await.unwrap()
    }

    /// An enrolled agent.
    pub(crate) async fn agent(&self, org: &orgs::Org, key: TestKey) -> TestAgent {
        let response = self.enrol(&self.code(org).await, &key).await;
        assert_eq!(response.status(), 201);
        let info: AgentInfo = response.json().await.unwrap();
        TestAgent { id: info.agent_id, key }
    }

    /// The claims of a good assertion.
    pub(crate) fn claims(&self, agent: &TestAgent) -> Value {
        let now_s = self.clock.now_s();
        json!({
            "iss": agent.id, "sub": agent.id, "aud": self.url,
            "iat": now_s, "exp": now_s + 60, "jti": Uuid::new_v4().to_string(),
        })
    }

    pub(crate) fn assertion(&self, agent: &TestAgent) -> String {
        agent.key.sign(&agent.key.header(), &self.claims(agent))
    }

    /// Asks for a token by any form.
    pub(crate) async fn post_form(&self, form: &[(&str, &str)]) -> Response {
        self.http.post(self.token_endpoint()).form(form).send().await.unwrap()
    }

    pub(crate) async fn ask_token(&self, assertion: &str, role: &str) -> Response {
        self.post_form(&[
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("resource", role),
        ])
        .await
    }

    pub(crate) async fn ask_agent(&self, assertion: &str) -> Response {
        self.http.get(format!("{}/api/v2/agent", self.url)).bearer_auth(assertion).send().await.unwrap()
    }
}

/// An enrolled agent.
pub(crate) struct TestAgent {
    pub(crate) id: AgentId,
    pub(crate) key: TestKey,
}

/// An agent's key, which signs any header over any claims.
#[derive(Clone)]
pub(crate) enum TestKey {
    P256(Arc<EcdsaKeyPair>),
    Rsa(Arc<RsaKeyPair>),
}

impl TestKey {
    pub(crate) fn p256() -> Self {
        Self::P256(Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(crate) fn public_jwk(&self) -> PublicJwk {
        match self {
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                PublicJwk::Ec {
                    crv: "P-256".into(),
                    x: URL_SAFE_NO_PAD.encode(&point[1..33]),
                    y: URL_SAFE_NO_PAD.encode(&point[33..]),
                }
            }
            Self::Rsa(pair) => {
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                PublicJwk::Rsa { n: URL_SAFE_NO_PAD.encode(parts.n), e: URL_SAFE_NO_PAD.encode(parts.e) }
            }
        }
    }

    /// The public key in the spellings that an attacker would try as HMAC secret.
    pub(crate) fn public_spellings(&self) -> Vec<Vec<u8>> {
        fn der(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
            key.as_der().unwrap().as_ref().to_vec()
        }
        let der = match self {
            Self::P256(pair) => der(pair.public_key()),
            Self::Rsa(pair) => der(pair.public_key()),
        };
        let text = base64::engine::general_purpose::STANDARD.encode(&der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        vec![der, pem.into_bytes(), serde_json::to_vec(&self.public_jwk()).unwrap()]
    }

    pub(crate) fn kid(&self) -> String {
        thumbprint(&self.public_jwk()).to_string()
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.alg(), "typ": "JWT", "kid": self.kid()})
    }

    pub(crate) fn signature(&self, message: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        }
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs any texts as header and claims.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.signature(&message));
        format!("{message}.{signature}")
    }
}

/// `value` with members replaced, or taken away where the new one is null.
#[expect(clippy::needless_pass_by_value, reason = "every caller writes the changes as a literal")]
pub(crate) fn with(value: &Value, changes: Value) -> Value {
    let mut value = value.clone();
    let members = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
    value
}
