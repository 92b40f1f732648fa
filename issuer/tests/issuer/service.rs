//! The listener as a network sees it: slow and greedy clients, proxies, certificates, metrics, the stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use driftwise_contract::claims::TrustForm;
use driftwise_issuer::accounts::ApiKeyScope;
use driftwise_issuer::config::{Config, TlsFiles};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{TestIssuer, TestKey};

const SHORT: Duration = Duration::from_millis(100);

/// An issuer whose every connection is a test's: it does not read itself back.
async fn issuer(change: impl FnOnce(&mut Config)) -> TestIssuer {
    TestIssuer::start_changed("", |config| {
        config.publication.read_back = false;
        change(config);
    })
    .await
}

async fn connect(issuer: &TestIssuer) -> TcpStream {
    TcpStream::connect(issuer.running.address()).await.unwrap()
}

/// Everything until the issuer ends the connection. A reset ends it too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        bytes.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8(bytes).unwrap()
}

/// One answer without reading further: its headers, and the body that they announce.
async fn answer(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head
        .to_ascii_lowercase()
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    head + &String::from_utf8(body).unwrap()
}

const ALIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

/// Asks on an open connection.
async fn is_served(stream: &mut TcpStream) -> bool {
    stream.write_all(ALIVE).await.is_ok() && {
        let mut first = [0; 12];
        let served = stream.read_exact(&mut first).await.is_ok() && &first == b"HTTP/1.1 200";
        if served {
            answer(stream).await;
        }
        served
    }
}

async fn ended(issuer: &TestIssuer, reason: &str) -> bool {
    let address = issuer.running.metrics_address().unwrap();
    let text = issuer.http.get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
    text.contains(&format!("driftwise_issuer_ended_connections_total{{reason=\"{reason}\"}} 1\n"))
}

fn with_metrics(config: &mut Config) {
    config.metrics.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
}

#[tokio::test]
async fn a_connection_whose_headers_never_end_is_ended() {
    for sent in [&b""[..], b"G", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let issuer = issuer(|config| {
            config.limits.header_timeout = SHORT;
            with_metrics(config);
        })
        .await;
        let mut stream = connect(&issuer).await;
        stream.write_all(sent).await.unwrap();
        assert_eq!(rest(&mut stream).await, "", "{sent:?}");
        assert!(ended(&issuer, "no_request").await);
    }
}

#[tokio::test]
async fn headers_that_never_end_on_a_used_connection_end_it_too() {
    let issuer = issuer(|config| {
        config.limits.request_timeout = SHORT / 2;
        config.limits.idle_timeout = SHORT;
    })
    .await;
    let mut stream = connect(&issuer).await;
    assert!(is_served(&mut stream).await);
    stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let rest = rest(&mut stream).await;
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408 "), "{rest}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered_and_the_connection_ended() {
    let issuer = issuer(|config| config.limits.request_timeout = SHORT).await;
    let mut stream = connect(&issuer).await;
    let head = "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type";
    stream.write_all(head.as_bytes()).await.unwrap();
    let rest = rest(&mut stream).await;
    assert!(rest.starts_with("HTTP/1.1 408 ") && rest.contains("\"request_timeout\""), "{rest}");
}

#[tokio::test]
async fn a_path_that_is_no_text_names_nothing() {
    let issuer = issuer(|_| {}).await;
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/federation-info"] {
        let response = issuer.get(&format!("/orgs/%ff{path}")).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.json::<driftwise_contract::wire::Problem>().await.unwrap().code, "not_found");
    }
}

#[tokio::test]
async fn headers_that_are_too_large_or_too_many_and_bodies_that_are_too_large_are_refused() {
    let issuer = issuer(|config| config.limits.headers = 10).await;
    let many = "A: b\r\n".repeat(11);
    let large = format!("A: {}\r\n", "b".repeat(20_000));
    for headers in [many, large] {
        let mut stream = connect(&issuer).await;
        let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        // The issuer may end the connection before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 431");
    }
    let mut stream = connect(&issuer).await;
    let head = "POST /api/v2/agents/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\nContent-Type: application/json\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("request_too_large"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limits_are_closed_and_places_come_free() {
    for (reason, total, per_client) in [("too_many", 2, 9), ("too_many_of_client", 9, 2)] {
        let issuer = issuer(|config| {
            config.limits.connections = total;
            config.limits.connections_per_client = per_client;
            with_metrics(config);
        })
        .await;
        let (mut first, mut second) = (connect(&issuer).await, connect(&issuer).await);
        assert!(is_served(&mut first).await && is_served(&mut second).await);
        assert!(!is_served(&mut connect(&issuer).await).await, "{reason}");
        assert!(ended(&issuer, reason).await, "{reason}");
        assert!(is_served(&mut first).await, "who is in stays in");
        drop(first);
        // The issuer learns of it when it next looks at the socket.
        while !is_served(&mut connect(&issuer).await).await {}
    }
}

#[tokio::test]
async fn http_2_is_told_the_limits_of_streams_and_headers() {
    let issuer = issuer(|config| config.limits.streams_per_connection = 7).await;
    let mut stream = connect(&issuer).await;
    // RFC 9113, sections 3.4 and 6.5: the preface, an empty SETTINGS frame; the first frame of the answer is SETTINGS.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "SETTINGS");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let value = |id: u16| {
        let setting = settings.chunks_exact(6).find(|setting| setting[..2] == id.to_be_bytes()).unwrap();
        u32::from_be_bytes(setting[2..].try_into().unwrap())
    };
    assert_eq!((value(3), value(6)), (7, 16_384), "MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE");
}

#[tokio::test]
async fn an_old_connection_takes_no_more_requests() {
    let issuer = issuer(|config| config.limits.connection_age = SHORT).await;
    let mut stream = connect(&issuer).await;
    assert!(is_served(&mut stream).await);
    assert_eq!(rest(&mut stream).await, "");
    assert!(is_served(&mut connect(&issuer).await).await, "a new one is served");
}

/// Asks where there is a limit; the statuses of three requests.
async fn three(issuer: &TestIssuer, name: &str, values: [&str; 3]) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (value, status) in values.into_iter().zip(&mut statuses) {
        let request = issuer.http.get(format!("{}/api/v2/agent", issuer.url)).header(name, value);
        *status = request.send().await.unwrap().status().as_u16();
    }
    statuses
}

fn two_requests(config: &mut Config) {
    (config.limits.rate.requests_per_second, config.limits.rate.burst) = (1, 2);
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let issuer = issuer(two_requests).await;
    let ask = async || issuer.get("/api/v2/agent").await;
    assert_eq!([ask().await.status(), ask().await.status()], [401, 401]);
    let refused = ask().await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(refused.json::<driftwise_contract::wire::Problem>().await.unwrap().code, "too_many_requests");
    let token = issuer.post_form(&[("grant_type", "client_credentials")]).await;
    assert_eq!(token.status(), 429, "one count for all that is not public");
    for public in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/healthz", "/readyz", "/"] {
        assert_eq!(issuer.get(public).await.status(), 200, "{public}");
    }
    issuer.clock.advance(1);
    assert_eq!([ask().await.status(), ask().await.status()], [401, 429]);
}

#[tokio::test]
async fn who_is_no_trusted_proxy_can_not_name_another_client() {
    let issuer = issuer(|config| {
        two_requests(config);
        config.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let forged = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    assert_eq!(three(&issuer, "x-forwarded-for", forged).await, [401, 401, 429]);
}

#[tokio::test]
async fn a_trusted_proxys_clients_are_told_apart_and_an_ipv6_network_is_one() {
    let issuer = issuer(|config| {
        two_requests(config);
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let clients = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    assert_eq!(three(&issuer, "x-forwarded-for", clients).await, [401; 3]);
    let forged_left = ["192.0.2.7, 192.0.2.9", "192.0.2.8, 192.0.2.9", "192.0.2.6, 192.0.2.9"];
    assert_eq!(three(&issuer, "x-forwarded-for", forged_left).await, [401, 401, 429]);
    let one_network = ["2001:db8::1", "2001:db8::2", "2001:db8::3:4"];
    assert_eq!(three(&issuer, "x-forwarded-for", one_network).await, [401, 401, 429]);
    let other_header = ["for=192.0.2.31", "for=192.0.2.32", "for=192.0.2.33"];
    assert_eq!(three(&issuer, "forwarded", other_header).await, [401, 401, 429], "the header that is not configured");
}

#[tokio::test]
async fn metrics_are_scraped_on_their_own_address_only() {
    let issuer = issuer(with_metrics).await;
    issuer.get("/healthz").await;
    issuer.get("/healthz?secret=1").await;
    issuer.get("/no/such/path").await;
    issuer.get("/api/v2/agent").await;
    let address = issuer.running.metrics_address().unwrap();
    let response = issuer.http.get(format!("http://{address}/metrics")).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for line in [
        "driftwise_issuer_requests_total{route=\"/healthz\",method=\"GET\",status=\"200\"} 2",
        "driftwise_issuer_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 1",
        "driftwise_issuer_requests_total{route=\"/api/v2/agent\",method=\"GET\",status=\"401\"} 1",
        "driftwise_issuer_open_connections 1",
        "driftwise_issuer_request_duration_seconds_count{route=\"/healthz\"} 2",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("secret") && !text.contains("/no/such"), "{text}");
    assert_eq!(issuer.get("/metrics").await.status(), 404, "not for the public");
    assert_eq!(issuer.http.get(format!("http://{address}/")).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_issuer_whose_keys_are_stale_is_not_ready() {
    let issuer = issuer(|_| {}).await;
    assert_eq!(issuer.get("/readyz").await.status(), 200);
    // A refresh may come between the turn of the clock and the question; the next turn comes after it.
    for _ in 0..100 {
        issuer.clock.advance(3600);
        let response = issuer.get("/readyz").await;
        if response.status() == 503 {
            let problem: driftwise_contract::wire::Problem = response.json().await.unwrap();
            assert_eq!(problem.code, "not_ready");
            assert_eq!(issuer.get("/healthz").await.status(), 200, "it lives");
            return;
        }
    }
    panic!("it stays ready with stale keys");
}

#[cfg(unix)]
#[tokio::test]
async fn an_issuer_whose_store_was_moved_away_gives_no_tokens() {
    let issuer = issuer(|_| {}).await;
    let org = issuer.org("Acme").await;
    let account = issuer.account(&org, "123456789012", TrustForm::SessionTag).await;
    let agent = issuer.agent(&org, TestKey::p256()).await;
    let key = issuer.api_key(&org, &[ApiKeyScope::CreateFederationToken]).await.reveal();
    let here = org.id.to_string();
    let role = serde_json::json!({"role_arn": account.role_arn()});
    let by_agent = async || issuer.ask_token(&issuer.assertion(&agent), account.role_arn().as_str()).await;
    let by_key = async || issuer.ask_by_key(key.expose_secret(), &here, &role).await;
    assert_eq!((by_agent().await.status().as_u16(), by_key().await.status().as_u16()), (200, 200));
    let store = issuer.directory.path().join("issuer.db");
    let aside = issuer.directory.path().join("aside.db");
    std::fs::rename(&store, &aside).unwrap();
    issuer.clock.advance(1);
    for response in [by_agent().await, by_key().await] {
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        let text = response.text().await.unwrap();
        assert!(text.contains("temporarily_unavailable") && !text.contains("issuer.db"), "{text}");
    }
}

#[tokio::test]
async fn a_running_request_ends_well_while_the_issuer_stops() {
    let issuer = issuer(|_| {}).await;
    let address = issuer.running.address();
    let mut stream = connect(&issuer).await;
    let head = "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // RFC 9110, section 10.1.1: the handler has begun to read the body.
    assert_eq!(answer(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
    let mut idle = connect(&issuer).await;
    assert!(is_served(&mut idle).await);

    let stopping = tokio::spawn(issuer.running.shutdown_within(Duration::from_mins(1)));
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(rest(&mut idle).await, "", "idle connections end");
    assert!(!stopping.is_finished(), "it waits for the running request");
    stream.write_all(b"grant_type=x").await.unwrap();
    let last = rest(&mut stream).await;
    assert!(last.starts_with("HTTP/1.1 400 ") && last.contains("unsupported_grant_type"), "{last}");
    stopping.await.unwrap().unwrap();
}

/// A self-signed certificate for localhost and its key, as PEM.
fn certificate(expires: Option<i32>) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    if let Some(year) = expires {
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
    }
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn write(directory: &Path, certificate: &str, key: &str) {
    std::fs::write(directory.join("tls.crt"), certificate).unwrap();
    std::fs::write(directory.join("tls.key"), key).unwrap();
}

/// A connection that trusts these certificates alone.
async fn connect_tls(address: SocketAddr, trusted: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    for pem in trusted {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

fn served(stream: &TlsStream<TcpStream>, pem: &str) -> bool {
    let leaf = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0] == leaf
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart_and_a_bad_one_never() {
    let directory = TempDir::new().unwrap();
    let (first, first_key) = certificate(None);
    let (second, second_key) = certificate(None);
    let (expired, expired_key) = certificate(Some(2026));
    write(directory.path(), &first, &first_key);
    let issuer = issuer(|config| {
        let file = |name| directory.path().join(name);
        config.server.tls = Some(TlsFiles { certificate: file("tls.crt"), key: file("tls.key") });
        with_metrics(config);
    })
    .await;
    let address = issuer.running.address();
    let connect = async || connect_tls(address, &[&first, &second]).await;
    let mut old = connect().await;
    assert!(served(&old, &first));
    assert_eq!(old.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(!issuer.running.reload_certificate().unwrap(), "nothing has changed");

    write(directory.path(), &second, &second_key);
    assert!(issuer.running.reload_certificate().unwrap());
    assert!(served(&connect().await, &second));
    old.write_all(ALIVE).await.unwrap();
    assert!(answer(&mut old).await.starts_with("HTTP/1.1 200 "), "connections live on");

    let bad = [
        (first.as_str(), second_key.as_str(), "can't be used together"),
        ("no certificate", &second_key, "holds no PEM certificates"),
        (&second, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", "holds no PEM private key"),
        (&expired, &expired_key, "expired at 2026-01-01"),
    ];
    for (certificate, key, cause) in bad {
        write(directory.path(), certificate, key);
        let error = issuer.running.reload_certificate().unwrap_err().to_string();
        assert!(error.contains(cause) && !error.contains("c2VjcmV0"), "{error}");
        assert!(served(&connect().await, &second), "{cause}: the old one stays");
        assert!(!issuer.running.reload_certificate().unwrap(), "told once");
    }
    std::fs::remove_file(directory.path().join("tls.key")).unwrap();
    assert!(issuer.running.reload_certificate().unwrap_err().to_string().contains("can't read"));
    assert!(served(&connect().await, &second));

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(ALIVE).await.unwrap();
    assert!(!rest(&mut plain).await.contains("200"), "plain HTTP is not answered");
    assert!(ended(&issuer, "handshake").await);
}
