//! The one place where a domain error becomes a status: RFC 9457 problems for every endpoint but the token endpoint.

use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use driftwise_contract::wire;

use super::web::private_page;
use crate::Error;
use crate::audit::LedgerFault;
use crate::federation::AssertionFault;

/// What callers are told while the store is not where it was opened.
pub(super) const STORE_MOVED: &str = "the issuer can't write its audit log, so no token leaves; its own log says why";
const BUSY: &str = "temporarily_unavailable";
/// When to come back to a busy issuer, in seconds: its queues empty within one.
pub(super) const BUSY_RETRY_AFTER_S: &str = "1";

/// An answer that is an error, still without the request id, which [`super::frame::finish`] adds.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    /// RFC 6750, section 3: what a bearer token was refused for.
    challenge: Option<&'static str>,
    retry_after_s: Option<u64>,
}

/// The error page is a page.
#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage<'a> {
    base_path: &'a str,
    title: &'a str,
    detail: Option<&'a str>,
    code: &'a str,
    status: u16,
    request_id: &'a str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, detail: None, challenge: None, retry_after_s: None }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here").detail(
            "This path is not served. Check it against the issuer's documentation; the issuer URL may have a path.",
        )
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This path takes another method")
            .detail("Use the method that the Allow header names.")
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The issuer failed")
    }

    pub(super) fn timeout() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "The issuer took too long")
            .detail("The request was given up. Try again later.")
    }

    /// RFC 9110, section 15.5.9.
    pub(super) fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request came too slowly")
            .detail("Its body was not whole in the time that a request may take. Send it again, faster.")
    }

    pub(super) fn not_ready() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "The issuer is not ready")
            .detail("Its store or its signing keys are not in order. The log says why.")
    }

    pub(super) fn no_signing_key() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_signing_key", "This issuer has no signing key")
            .detail("Its keys are being made, or can't be opened. Try again later; the operator's log says more.")
    }

    /// RFC 6585, section 4. The wait is told in whole seconds, rounded up.
    pub(super) fn too_many_requests(wait: Duration) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "This client asks too often")
            .detail("Ask again after as many seconds as the Retry-After header says.");
        problem.retry_after_s = Some(retry_after_s(wait));
        problem
    }

    pub(super) fn request_invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request_invalid", "The request is not understood").detail(detail)
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "The request is too large")
            .detail("Its body is larger than this issuer takes: 64 KiB, unless configured otherwise.")
    }

    /// No credentials at all (RFC 6750, section 3.1: then the challenge names no error).
    pub(super) fn unauthenticated() -> Self {
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "assertion_missing", "Who is calling?")
            .detail("Send a client assertion (RFC 7523) as bearer token in the Authorization header.");
        problem.challenge = Some("Bearer realm=\"driftwise\"");
        problem
    }

    /// No API key at all.
    pub(super) fn api_key_missing() -> Self {
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "api_key_missing", "Who is calling?")
            .detail("Send an API key (dwk_…) as bearer token in the Authorization header.");
        problem.challenge = Some("Bearer realm=\"driftwise\"");
        problem
    }

    /// A form whose CSRF token is not one of this browser's, or of a session that ended.
    pub(super) fn form_stale() -> Self {
        Self::new(StatusCode::FORBIDDEN, "form_stale", "This form can't be used any more").detail(
            "It belongs to a session that ended, or the browser keeps no cookies for this site. Open the page again and \
             send the form from there.",
        )
    }

    /// A one-time link that opens nothing: which of the reasons, only the operator may know.
    pub(super) fn link_invalid() -> Self {
        Self::new(StatusCode::NOT_FOUND, "link_invalid", "This link opens nothing").detail(
            "It was used, its time is over, or it is not whole. The operator makes another one: `driftwise-issuer admin \
             invite` or `driftwise-issuer admin reset`; while there is no admin, the log of each start has one.",
        )
    }

    /// A form that a page of another site sent.
    pub(super) fn form_foreign() -> Self {
        Self::new(StatusCode::FORBIDDEN, "form_foreign", "This form was sent from another site").detail(
            "Open the page here and send the form from there. Where the pages are served under another name than the \
             issuer URL's, the operator sets web.origin.",
        )
    }

    /// The code that the caller is given.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    /// The finished answer as a page, for people.
    pub(super) fn page(self, base_path: &str, request_id: &str) -> Response {
        let page = ErrorPage {
            base_path,
            title: self.title,
            detail: self.detail.as_deref(),
            code: self.code,
            status: self.status.as_u16(),
            request_id,
        };
        match private_page(&page) {
            Ok(mut response) => {
                *response.status_mut() = self.status;
                self.put_headers(response.headers_mut());
                response
            }
            Err(_) => self.with_request_id(request_id),
        }
    }

    /// What an answer says besides its body.
    fn put_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.code == BUSY {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(BUSY_RETRY_AFTER_S));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
    }

    /// The finished answer.
    pub(super) fn with_request_id(self, request_id: &str) -> Response {
        let body = wire::Problem {
            code: self.code.to_owned(),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.put_headers(headers);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if let Error::Store(fault) = &error
            && fault.is_passing()
        {
            tracing::warn!(error = %error, "the store is locked");
            return Error::Busy.into();
        }
        let told = |status, code, title| {
            let mut problem = Self::new(status, code, title);
            problem.detail = Some(match error.hint() {
                Some(hint) => format!("{error}. {hint}"),
                None => format!("{error}."),
            });
            problem
        };
        match &error {
            Error::EnrolmentCodeInvalid => {
                told(StatusCode::FORBIDDEN, "enrolment_code_invalid", "The enrolment code is not valid")
            }
            Error::PublicKeyInvalid(_) => {
                told(StatusCode::BAD_REQUEST, "public_key_invalid", "The public key is not acceptable")
            }
            Error::KeyProofInvalid(_) => {
                told(StatusCode::BAD_REQUEST, "key_proof_invalid", "The new key is not proven")
            }
            Error::PublicKeyTaken => {
                told(StatusCode::CONFLICT, "public_key_taken", "The public key is registered already")
            }
            Error::Assertion(fault) => {
                let code = assertion_code(fault);
                let mut problem = told(StatusCode::UNAUTHORIZED, code, "The client assertion is not accepted");
                problem.challenge = Some("Bearer realm=\"driftwise\", error=\"invalid_token\"");
                problem
            }
            Error::RoleNotRegistered(_) => {
                told(StatusCode::NOT_FOUND, "role_not_registered", "The role is not registered")
            }
            Error::CanaryOff => told(StatusCode::FORBIDDEN, "canary_off", "Canary tokens are turned off"),
            Error::AccountInvalid(_) => {
                told(StatusCode::BAD_REQUEST, "account_invalid", "The account is not acceptable")
            }
            Error::AccountHasOtherRole { .. } => {
                told(StatusCode::CONFLICT, "account_has_other_role", "The account has another role")
            }
            Error::RoleTaken(_) => told(StatusCode::CONFLICT, "role_taken", "The role can't be registered"),
            Error::ApiKeyInvalid => {
                let mut problem = told(StatusCode::UNAUTHORIZED, "api_key_invalid", "The API key is not accepted");
                problem.challenge = Some("Bearer realm=\"driftwise\", error=\"invalid_token\"");
                problem
            }
            Error::ApiKeyScopeMissing(_) => {
                let mut problem = told(StatusCode::FORBIDDEN, "api_key_scope_missing", "The API key may not do this");
                problem.challenge = Some("Bearer realm=\"driftwise\", error=\"insufficient_scope\"");
                problem
            }
            Error::TooOften { wait } => Self::too_many_requests(*wait),
            Error::Busy => told(StatusCode::SERVICE_UNAVAILABLE, BUSY, "The issuer is busy"),
            // What the caller may not know of is not there.
            Error::OrgUnknown(_)
            | Error::OrgNameTaken { .. }
            | Error::AgentUnknown(_)
            | Error::AgentNotRevocable { .. }
            | Error::EnrolmentCodeUnknown { .. }
            | Error::ApiKeyNotRevocable { .. }
            | Error::AdminUnknown(_)
            | Error::AdminNameTaken(_)
            | Error::AccountUnknown { .. } => Self::not_found(),
            Error::Ledger(fault) if fault.is_passing() => {
                told(StatusCode::SERVICE_UNAVAILABLE, BUSY, "The issuer is busy")
            }
            // The path is for the log, which the ledger wrote.
            Error::Ledger(LedgerFault::Store(fault)) if fault.is_moved() => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, BUSY, "The issuer can't write its audit log")
                    .detail(STORE_MOVED)
            }
            Error::OrgWithoutIssuer(_) => {
                told(StatusCode::CONFLICT, "org_without_issuer", "The org has no issuer of its own")
            }
            Error::OrgIssuerInUse { .. } => {
                told(StatusCode::CONFLICT, "org_issuer_in_use", "Accounts use the org's issuer")
            }
            Error::Keyring(fault) if fault.stops_signing() => {
                tracing::error!(error = %error, "no key may sign");
                Self::no_signing_key()
            }
            Error::Keyring(_)
            | Error::Ledger(_)
            | Error::Store(_)
            | Error::Document(_)
            | Error::OrgIssuerUrl { .. }
            | Error::NoPublicationTarget
            | Error::PublicUrl(_) => {
                tracing::error!(error = %error, "the issuer failed");
                Self::internal()
            }
        }
    }
}

/// What a Retry-After header says of a wait: whole seconds, rounded up.
pub(super) fn retry_after_s(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

pub(super) fn assertion_code(fault: &AssertionFault) -> &'static str {
    if fault.is_clock_skew() { "clock_skew" } else { "assertion_invalid" }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::JsonDataError(error) if error.body_text().contains(wire::PRIVATE_KEY_SENT) => {
                tracing::warn!("refused a private key where a public one was expected");
                Error::PublicKeyInvalid(wire::PRIVATE_KEY_SENT.into()).into()
            }
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            JsonRejection::MissingJsonContentType(_) => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_unsupported", "The body is not JSON")
                    .detail("Send the body with Content-Type: application/json.")
            }
            // The text names members and positions, never values: serde_json quotes only what it expected.
            _ => Self::request_invalid(
                "The body is not the JSON object that this path takes. Check its members against the API documentation.",
            ),
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::too_large()
        } else {
            Self::request_invalid("The body could not be read to its end.")
        }
    }
}
