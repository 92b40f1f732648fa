//! What AWS would see at the public URL, over real TLS: every fault that keeps it from trusting the issuer is found and told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftwise_contract::claims::TrustForm;
use driftwise_issuer::accounts::{AccountIssuer, IssuerKeys};
use driftwise_issuer::clock::Clock;
use driftwise_issuer::config;
use driftwise_issuer::federation::{OrgIssuers, Publications, Settings};
use driftwise_issuer::keyring::rotation::{KeyState, RotationSettings};
use driftwise_issuer::keyring::{
    Catalogue, KeyAlgorithm, KeySet, KeySetId, KeySnapshot, KeyVault, PublishedJwks, SigningKey,
};
use driftwise_issuer::publication::check::{IssuerReport, Level};
use driftwise_issuer::publication::read_back::{by_key_set, look};
use driftwise_issuer::publication::{PublicUrl, Publisher, Written};
use driftwise_issuer::store::{Store, accounts, key_catalogue, orgs};
use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::{NOW_S, TestClock, TestIssuer, TestKey};

const HOST: &str = "id.example.test";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const JWKS: &str = "/.well-known/jwks.json";

fn settings() -> Settings {
    Settings { issuer: format!("https://{HOST}").parse().unwrap(), audience: "sts.amazonaws.com".parse().unwrap() }
}

/// The documents of a shared set of two keys, the first of which signs.
fn publications() -> Publications {
    let keys: Vec<SigningKey> =
        (0..2).map(|age| SigningKey::generate(KeyAlgorithm::Es256, NOW_S - age).unwrap()).collect();
    let published = PublishedJwks { keys: keys.iter().map(|key| key.published(false)).collect() };
    let shared = KeySet { signer: Some(keys[0].signer()), published };
    let snapshot = KeySnapshot::new([(KeySetId::Shared, shared)].into()).of_version(1);
    Publications::new(&settings(), Arc::new(snapshot), OrgIssuers::new()).unwrap()
}

fn served(publications: &Publications, path: &str) -> Value {
    let documents = publications.shared();
    let document = if path == JWKS { &documents.jwks } else { &documents.discovery };
    serde_json::from_slice(&document.body).unwrap()
}

/// A CA, and the file that names it.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
    _directory: TempDir,
}

impl Ca {
    fn new() -> Self {
        Self::named("the CA of the tests")
    }

    fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file, _directory: directory }
    }

    fn certify(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = CertificateDer::from(params.signed_by(&key, &self.issuer).unwrap().der().to_vec());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(tls))
    }
}

/// Serves whatever `answer` makes of a path: status and further header lines, and the body. None: no answer at all.
async fn serve(
    tls: TlsAcceptor,
    answer: impl Fn(&str) -> Option<(String, String)> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (tls, answer) = (tls.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = tls.accept(socket).await else { return };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    request.push(byte);
                }
                let path = String::from_utf8(request).unwrap().split(' ').nth(1).unwrap().to_owned();
                let Some((head, body)) = answer(&path) else { return std::future::pending().await };
                let length = body.len();
                let text = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                // The client may have heard enough.
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

fn json_answer(value: &Value) -> (String, String) {
    ("200 OK\r\ncontent-type: application/json".into(), value.to_string())
}

async fn report(publications: &Publications, ca: &Ca, address: SocketAddr) -> IssuerReport {
    let clock: Arc<dyn Clock> = TestClock::at(NOW_S);
    let public_url = PublicUrl::new(clock, Some(&ca.file), Some((HOST, address))).unwrap();
    let mut reports = look(&public_url, &settings(), publications).await.unwrap();
    assert_eq!(reports.len(), 1);
    let (set, report) = reports.remove(0);
    assert_eq!(set, KeySetId::Shared);
    report
}

/// The report over a good certificate and documents that `change` changed.
async fn report_of(change: impl Fn(&str, Value) -> Option<(String, String)> + Send + Sync + 'static) -> IssuerReport {
    let (ca, publications) = (Ca::new(), publications());
    let documents = [DISCOVERY, JWKS].map(|path| (path, served(&publications, path)));
    let address = serve(ca.certify(HOST, |_| {}), move |path| {
        let (_, value) = documents.iter().find(|(known, _)| *known == path)?;
        change(path, value.clone())
    })
    .await;
    report(&publications, &ca, address).await
}

#[tokio::test]
async fn a_good_public_url_has_no_fault_and_every_key_is_seen() {
    let report = report_of(|_, value| Some(json_answer(&value))).await;
    assert!(report.findings.iter().all(|finding| finding.level == Level::Ok), "{report:#?}");
    assert_eq!((report.seen.len(), report.is_read), (2, true));
    assert_eq!(report.certificates[0].names, [HOST]);
}

#[tokio::test]
async fn certificates_that_aws_would_refuse_are_told_with_the_reason() {
    let (ca, stranger, publications) = (Ca::new(), Ca::named("nobody's CA"), publications());
    let expired = ca.certify(HOST, |params| params.not_after = date_time_ymd(2027, 1, 1));
    let early = ca.certify(HOST, |params| params.not_before = date_time_ymd(2027, 2, 1));
    for (tls, says) in [
        (expired, "has expired"),
        (early, "not valid yet"),
        (ca.certify("other.example.test", |_| {}), "is for other.example.test, not for id.example.test"),
        (stranger.certify(HOST, |_| {}), "no root that this machine trusts"),
    ] {
        let address = serve(tls, |_| None).await;
        let report = report(&publications, &ca, address).await;
        let fault = report.findings.iter().find(|finding| finding.level == Level::Fault).unwrap();
        assert!(fault.what == "certificate" && fault.text.contains(says) && fault.fix.is_some(), "{says}: {report:#?}");
        assert!(report.seen.is_empty() && !report.is_read);
        assert_eq!(report.certificates.len(), 1, "what was presented is shown");
    }
}

#[tokio::test]
async fn a_certificate_that_expires_soon_is_a_warning() {
    let (ca, publications) = (Ca::new(), publications());
    let documents = [DISCOVERY, JWKS].map(|path| (path, served(&publications, path)));
    let soon = ca.certify(HOST, |params| params.not_after = date_time_ymd(2027, 1, 20));
    let address =
        serve(soon, move |path| Some(json_answer(&documents.iter().find(|(known, _)| *known == path)?.1))).await;
    let report = report(&publications, &ca, address).await;
    let warnings: Vec<_> = report.findings.iter().filter(|finding| finding.level == Level::Warning).collect();
    assert!(matches!(warnings[..], [warning] if warning.text.contains("within 14 days")), "{report:#?}");
}

#[tokio::test]
async fn documents_that_aws_would_refuse_are_told_with_the_reason() {
    type Change = fn(&str, Value) -> Option<(String, String)>;
    let changes: [(Change, &str); 8] = [
        (
            |_, mut value| {
                if let Some(issuer) = value["issuer"].as_str().map(|issuer| format!("{issuer}/")) {
                    value["issuer"] = json!(issuer);
                }
                Some(json_answer(&value))
            },
            "by a slash at the end",
        ),
        (|_, _| Some(("302 Found\r\nlocation: https://elsewhere.example.test/".into(), String::new())), "redirects to"),
        (|_, _| Some(("404 Not Found".into(), "{}".into())), "answers 404"),
        (|_, _| Some(("200 OK".into(), "<html>".into())), "not JSON"),
        (|_, _| Some(("200 OK".into(), "x".repeat(600_000))), "larger than"),
        (
            |path, mut value| {
                if path == JWKS {
                    value["keys"][0].as_object_mut().unwrap().remove("kid");
                }
                Some(json_answer(&value))
            },
            "has no kid",
        ),
        (
            |path, mut value| {
                if path == JWKS {
                    value["keys"][0]["key_ops"] = json!(["verify"]);
                }
                Some(json_answer(&value))
            },
            "has key_ops",
        ),
        (
            |path, mut value| {
                if path == JWKS {
                    value["keys"].as_array_mut().unwrap().remove(0);
                }
                Some(json_answer(&value))
            },
            "it signs",
        ),
    ];
    for (change, says) in changes {
        let report = report_of(change).await;
        let told = report.findings.iter().any(|finding| finding.level == Level::Fault && finding.text.contains(says));
        assert!(told, "{says}: {report:#?}");
        assert!(report.seen.len() < 2, "{says}");
    }
}

#[tokio::test]
async fn an_answer_that_aws_would_not_wait_for_is_a_fault() {
    let report = report_of(|_, _| None).await;
    assert!(report.first_fault().contains("longer than 5 s"), "{report:#?}");
}

#[tokio::test]
async fn a_key_counts_as_seen_only_where_it_is_served_as_published() {
    let (ca, publications) = (Ca::new(), publications());
    let mut jwks = served(&publications, JWKS);
    jwks["keys"].as_array_mut().unwrap().truncate(1);
    let discovery = served(&publications, DISCOVERY);
    let address =
        serve(ca.certify(HOST, |_| {}), move |path| Some(json_answer(if path == JWKS { &jwks } else { &discovery })))
            .await;
    let report = report(&publications, &ca, address).await;
    assert!(!report.has_fault(), "the second key may still be on its way: {report:#?}");
    let sets = by_key_set(&[(KeySetId::Shared, report)], &publications);
    let keys = &publications.keys().published(KeySetId::Shared).unwrap().keys;
    let shared = &sets[&KeySetId::Shared];
    assert_eq!((&shared.seen, &shared.unseen), (&vec![keys[0].kid.clone()], &vec![keys[1].kid.clone()]));
    assert_eq!(shared.unread, None);
}

#[tokio::test]
async fn a_directory_gets_the_bytes_that_the_issuer_serves() {
    let (directory, publications) = (TempDir::new().unwrap(), publications());
    let root = directory.path().join("site");
    let config = config::Publication { directory: Some(root.clone()), ..config::Publication::default() };
    let publisher = Publisher::open(&config).await;
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    for counts in [Written { written: 3, unchanged: 0 }, Written { written: 0, unchanged: 3 }] {
        let published = publisher.publish(&publications, &store).await;
        assert_eq!(published[0].outcome.as_ref(), Ok(&counts));
    }
    for document in publications.shared().in_order_of_publication() {
        assert_eq!(std::fs::read(root.join(document.path.trim_start_matches('/'))).unwrap(), document.body);
    }
}

#[tokio::test]
async fn documents_of_older_keys_never_take_the_place_of_newer_ones() {
    let (directory, older, newer) = (TempDir::new().unwrap(), publications(), publications());
    let root = directory.path().join("site");
    let config = config::Publication { directory: Some(root.clone()), ..config::Publication::default() };
    let publisher = Publisher::open(&config).await;
    let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
    let outcome = async |documents: &Publications| publisher.publish(documents, &store).await.remove(0).outcome;
    outcome(&newer).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    key_catalogue::bump(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let refused = outcome(&older).await.unwrap_err();
    assert!(refused.cause.contains("version 2") && refused.hint.is_some(), "{refused}");
    assert_eq!(std::fs::read(root.join(".well-known/jwks.json")).unwrap(), newer.shared().jwks.body);
}

#[tokio::test]
async fn keys_that_an_org_gave_up_stay_published_for_their_window_and_are_then_destroyed() {
    let issuer = TestIssuer::start().await;
    let keys = config::Keys { directory: issuer.directory.path().join("keys"), ..config::Keys::default() };
    let vault = KeyVault::new(&keys, &issuer.url.parse().unwrap(), &issuer.store);
    let catalogue = Catalogue::new(
        issuer.store.clone(),
        vault,
        issuer.clock.clone(),
        KeyAlgorithm::Es256,
        RotationSettings::default(),
    );
    let (to_shared, to_none) = (issuer.org("Shared").await, issuer.org("None").await);
    let kids = async |org: &orgs::Org| -> Option<Vec<Value>> {
        let answer = issuer.get(&format!("/orgs/{}{JWKS}", org.id)).await;
        if answer.status() == 404 {
            return None;
        }
        let jwks: Value = answer.json().await.unwrap();
        Some(jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect())
    };
    let mut own = Vec::new();
    for org in [&to_shared, &to_none] {
        issuer.org_issuer(org, IssuerKeys::Own).await;
        own.push(kids(org).await.unwrap().remove(0));
    }
    let shared: Value = issuer.get(JWKS).await.json().await.unwrap();
    let shared = shared["keys"][0]["kid"].clone();
    {
        let mut db = issuer.store.connection().await.unwrap();
        orgs::set_issuer(&mut db, to_shared.scope(), Some(IssuerKeys::Shared)).await.unwrap();
        orgs::set_issuer(&mut db, to_none.scope(), None).await.unwrap();
    }
    // The issuer retires what nobody owns; the command line does it in the transaction of the change.
    for _ in 0..2 {
        issuer.running.refresh().await.unwrap();
    }
    let states: Vec<_> = catalogue.records().await.unwrap().into_iter().map(|key| (key.set, key.state)).collect();
    for org in [to_shared.id, to_none.id] {
        assert!(states.contains(&(KeySetId::Org(org), KeyState::Retired)), "{states:?}");
    }
    for hour in 0..=48 {
        assert_eq!(kids(&to_shared).await, Some(vec![shared.clone(), own[0].clone()]), "hour {hour}");
        assert_eq!(kids(&to_none).await, Some(vec![own[1].clone()]), "hour {hour}");
        let discovery = issuer.get(&format!("/orgs/{}{DISCOVERY}", to_none.id)).await;
        assert_eq!(discovery.status(), 200);
        issuer.clock.advance(3600);
        issuer.running.refresh().await.unwrap();
    }
    catalogue.rotate().await.unwrap();
    issuer.running.refresh().await.unwrap();
    assert_eq!((kids(&to_shared).await, kids(&to_none).await), (Some(vec![shared]), None));
    let sealed = catalogue.vault().sealed().await.unwrap();
    assert!(!sealed.iter().any(|key| own.contains(&json!(key.kid()))));
}

#[tokio::test]
async fn an_orgs_own_issuer_has_its_own_documents_and_keys() {
    let issuer = TestIssuer::start().await;
    let (own, shared, none) = (issuer.org("Own").await, issuer.org("Shared").await, issuer.org("None").await);
    issuer.org_issuer(&own, IssuerKeys::Own).await;
    issuer.org_issuer(&shared, IssuerKeys::Shared).await;
    let keys = async |path: String| -> Value { issuer.get(&path).await.json().await.unwrap() };
    let of_all = keys(JWKS.into()).await;
    assert_eq!(keys(format!("/orgs/{}{JWKS}", shared.id)).await, of_all);
    let of_own = keys(format!("/orgs/{}{JWKS}", own.id)).await;
    assert_ne!(of_own["keys"][0]["kid"], of_all["keys"][0]["kid"]);

    let url = format!("{}/orgs/{}", issuer.url, own.id);
    let discovery = keys(format!("/orgs/{}{DISCOVERY}", own.id)).await;
    assert_eq!((&discovery["issuer"], &discovery["jwks_uri"]), (&json!(url), &json!(format!("{url}{JWKS}"))));
    assert_eq!(discovery["token_endpoint"], json!(issuer.token_endpoint()));
    let info = keys(format!("/orgs/{}/federation-info", own.id)).await;
    assert_eq!((&info["issuer"], &info["subject_format"]), (&json!(url), &json!(format!("org-{}", own.id))));

    for path in [format!("/orgs/{}{JWKS}", none.id), format!("/orgs/{}{JWKS}", own.id.to_string().to_uppercase())] {
        assert_eq!(issuer.get(&path).await.status(), 404, "{path}");
    }
}

#[test]
fn an_orgs_issuer_without_a_key_has_no_documents_and_the_shared_ones_never_stand_in() {
    let shared = publications();
    let org = "0198c5e2-7c1a-7b3e-9d52-6f0e5a4b3c21".parse().unwrap();
    let issuers = OrgIssuers::from([(org, IssuerKeys::Own)]);
    let publications = Publications::new(&settings(), shared.keys().clone(), issuers).unwrap();
    assert!(matches!(publications.org(org), Some(Err(_))));
    assert_eq!(publications.all().count(), 1);
}

#[tokio::test]
async fn public_documents_are_served_with_head_and_to_scripts_of_any_page() {
    let issuer = TestIssuer::start().await;
    for path in [DISCOVERY, JWKS, "/api/v2/federation-info", "/federation-info"] {
        let response = issuer.http.head(format!("{}{path}", issuer.url)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{path}");
        assert!(response.headers()["content-length"].to_str().unwrap().parse::<usize>().unwrap() > 100, "{path}");
        assert!(response.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn tokens_for_an_account_of_an_orgs_issuer_name_it_and_are_signed_with_its_keys_alone() {
    let issuer = TestIssuer::start().await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    issuer.org_issuer(&org, IssuerKeys::Own).await;
    let account = account.with_issuer(AccountIssuer::Org(IssuerKeys::Own));
    {
        let mut db = issuer.store.connection().await.unwrap();
        accounts::upsert(&mut db, org.scope(), &account, 1).await.unwrap();
    }
    let answer = issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let mut parts = token.split('.').map(|part| {
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
    });
    let (header, claims) = (parts.next().unwrap(), parts.next().unwrap());
    assert_eq!(claims["iss"], json!(format!("{}/orgs/{}", issuer.url, org.id)));
    let kids = async |path: String| -> Vec<Value> {
        let jwks: Value = issuer.get(&path).await.json().await.unwrap();
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
    };
    assert!(kids(format!("/orgs/{}{JWKS}", org.id)).await.contains(&header["kid"]));
    assert!(!kids(JWKS.into()).await.contains(&header["kid"]));
}
