//! One HTTP answer of the sandbox, complete in memory.

use axum::body::{Body, Bytes};
use http::{Response, StatusCode, header, response::Builder};
use serde_json::Value;

/// A finished HTTP answer.
#[derive(Debug)]
pub struct Answer(pub Response<Bytes>);

impl Answer {
    /// An XML answer (`text/xml`).
    pub fn xml(status: StatusCode, body: String) -> Self {
        Self::raw(Response::builder().status(status).header(header::CONTENT_TYPE, "text/xml"), body)
    }

    /// A JSON answer of a REST-JSON service, status 200.
    pub fn rest_json(body: &Value) -> Self {
        Self::raw(Response::builder().header(header::CONTENT_TYPE, "application/json"), body.to_string())
    }

    /// A JSON answer of a JSON 1.0 service, status 200.
    pub fn json10(body: &Value) -> Self {
        Self::raw(Response::builder().header(header::CONTENT_TYPE, "application/x-amz-json-1.0"), body.to_string())
    }

    /// A JSON answer of a JSON 1.1 service, status 200.
    pub fn json11(body: &Value) -> Self {
        Self::raw(Response::builder().header(header::CONTENT_TYPE, "application/x-amz-json-1.1"), body.to_string())
    }

    /// An answer from a prepared builder; a builder with an invalid header becomes a 500.
    pub fn raw(builder: Builder, body: impl Into<Bytes>) -> Self {
        Self(builder.body(body.into()).unwrap_or_else(|_| {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }))
    }

    /// The answer as axum sends it, with its request id.
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let mut response = self.0.map(Body::from);
        if let Ok(value) = request_id.parse() {
            response.headers_mut().insert("x-amzn-requestid", value);
        }
        response
    }
}
