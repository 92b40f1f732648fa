//! A reverse proxy in front of an issuer: its address stays while what it leads to is replaced, and it can answer a path by
//! itself, as a stale cache does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use reqwest::Client;
use tokio::net::TcpListener;

const BODY_MAX: usize = 1 << 20;

#[derive(Default)]
struct Shared {
    client: Client,
    target: Mutex<String>,
    replaced: Mutex<BTreeMap<String, String>>,
}

/// A relay that listens. It ends with the test's runtime.
pub struct Relay {
    url: String,
    shared: Arc<Shared>,
}

impl Relay {
    /// Listens on a free loopback port, and leads nowhere yet.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("the relay found no free loopback port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, shared })
    }

    /// Its address, without a trailing slash.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Leads to another address from now on.
    pub fn forward_to(&self, target: &str) {
        target.clone_into(&mut held(&self.shared.target));
    }

    /// Answers a path with this body from now on.
    pub fn replace(&self, path: &str, body: &str) {
        held(&self.shared.replaced).insert(path.to_owned(), body.to_owned());
    }

    /// Passes a path on again.
    pub fn restore(&self, path: &str) {
        held(&self.shared.replaced).remove(path);
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass_on(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let replaced = held(&shared.replaced).get(request.uri().path()).cloned();
    if let Some(body) = replaced {
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
        return response;
    }
    forward(&shared, request).await.unwrap_or_else(|error| {
        let mut response = Response::new(Body::from(format!("{error:#}")));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

async fn forward(shared: &Shared, request: Request) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let target = format!("{}{}", held(&shared.target), parts.uri.path());
    let mut headers = parts.headers;
    headers.remove("host");
    let body = to_bytes(body, BODY_MAX).await?;
    let answer = shared.client.request(parts.method, target).headers(headers).body(body).send().await?;
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    Ok(response.body(Body::from(answer.bytes().await?))?)
}
