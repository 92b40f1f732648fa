//! Errors of the token endpoint: RFC 6749, section 5.2, with cause and fix in `error_description`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use driftwise_contract::wire::{OAuthError, OAuthErrorCode};

use super::problem::{BUSY_RETRY_AFTER_S, STORE_MOVED, retry_after_s};
use crate::Error;
use crate::audit::{LedgerFault, RefusalReason};

/// A refusal of the token endpoint.
#[derive(Debug)]
pub(super) struct TokenRefusal {
    code: OAuthErrorCode,
    description: String,
    /// Where it is this caller that asks too often (RFC 6585, section 4).
    retry_after_s: Option<u64>,
}

impl TokenRefusal {
    pub(super) fn new(code: OAuthErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), retry_after_s: None }
    }

    /// The error code that the caller is given.
    pub(super) fn code(&self) -> &'static str {
        match self.code {
            OAuthErrorCode::InvalidRequest => "invalid_request",
            OAuthErrorCode::InvalidClient => "invalid_client",
            OAuthErrorCode::InvalidGrant => "invalid_grant",
            OAuthErrorCode::UnauthorizedClient => "unauthorized_client",
            OAuthErrorCode::UnsupportedGrantType => "unsupported_grant_type",
            OAuthErrorCode::InvalidScope => "invalid_scope",
            OAuthErrorCode::InvalidTarget => "invalid_target",
            OAuthErrorCode::TemporarilyUnavailable => "temporarily_unavailable",
            OAuthErrorCode::ServerError => "server_error",
        }
    }

    /// The word under which the audit log has a request that was refused before its caller was known.
    pub(super) fn reason(&self) -> RefusalReason {
        if self.code == OAuthErrorCode::InvalidScope {
            RefusalReason::ScopeInvalid
        } else {
            RefusalReason::RequestInvalid
        }
    }

    pub(super) fn into_description(self) -> String {
        self.description
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(OAuthErrorCode::InvalidRequest, description)
    }
}

impl From<Error> for TokenRefusal {
    fn from(error: Error) -> Self {
        if let Error::Store(fault) = &error
            && fault.is_passing()
        {
            tracing::warn!(error = %error, "the store is locked");
            return Error::Busy.into();
        }
        let hint = error.hint().map(|hint| format!(". {hint}")).unwrap_or_default();
        match &error {
            Error::Assertion(_) => Self::new(OAuthErrorCode::InvalidClient, format!("{error}{hint}")),
            Error::RoleNotRegistered(_) => Self::new(OAuthErrorCode::InvalidTarget, format!("{error}{hint}")),
            Error::TooOften { wait } => {
                let mut refusal = Self::new(OAuthErrorCode::TemporarilyUnavailable, format!("{error}{hint}"));
                refusal.retry_after_s = Some(retry_after_s(*wait));
                refusal
            }
            Error::Busy => Self::new(OAuthErrorCode::TemporarilyUnavailable, format!("{error}{hint}")),
            Error::Ledger(fault) if fault.is_passing() => {
                Self::new(OAuthErrorCode::TemporarilyUnavailable, format!("{error}{hint}"))
            }
            // The path is for the log, which the ledger wrote.
            Error::Ledger(LedgerFault::Store(fault)) if fault.is_moved() => {
                Self::new(OAuthErrorCode::TemporarilyUnavailable, STORE_MOVED)
            }
            // A key set that is being made or published: the next token may be there in a moment.
            Error::Keyring(fault) if fault.stops_signing() => {
                tracing::error!(error = %error, "no key may sign");
                Self::new(
                    OAuthErrorCode::TemporarilyUnavailable,
                    "the issuer has no signing key for this account; try again later",
                )
            }
            Error::Keyring(_)
            | Error::Ledger(_)
            | Error::Store(_)
            | Error::Document(_)
            | Error::OrgIssuerUrl { .. }
            | Error::NoPublicationTarget
            | Error::PublicUrl(_) => {
                tracing::error!(error = %error, "the issuer failed");
                Self::new(OAuthErrorCode::ServerError, "the issuer failed; its log has the request id")
            }
            // The rest does not come up when a token is asked for; what does is the caller's fault.
            Error::OrgUnknown(_)
            | Error::OrgNameTaken { .. }
            | Error::AgentUnknown(_)
            | Error::AgentNotRevocable { .. }
            | Error::EnrolmentCodeUnknown { .. }
            | Error::ApiKeyInvalid
            | Error::ApiKeyNotRevocable { .. }
            | Error::AdminUnknown(_)
            | Error::AdminNameTaken(_)
            | Error::ApiKeyScopeMissing(_)
            | Error::AccountUnknown { .. }
            | Error::AccountInvalid(_)
            | Error::CanaryOff
            | Error::RoleTaken(_)
            | Error::OrgWithoutIssuer(_)
            | Error::OrgIssuerInUse { .. }
            | Error::AccountHasOtherRole { .. }
            | Error::EnrolmentCodeInvalid
            | Error::PublicKeyInvalid(_)
            | Error::KeyProofInvalid(_)
            | Error::PublicKeyTaken => Self::invalid_request(format!("{error}{hint}")),
        }
    }
}

impl IntoResponse for TokenRefusal {
    fn into_response(self) -> Response {
        let status = match self.code {
            OAuthErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
            OAuthErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            OAuthErrorCode::TemporarilyUnavailable if self.retry_after_s.is_some() => StatusCode::TOO_MANY_REQUESTS,
            OAuthErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        let is_client = self.code == OAuthErrorCode::InvalidClient;
        let is_busy = self.code == OAuthErrorCode::TemporarilyUnavailable;
        let body = OAuthError { error: self.code, error_description: self.description };
        let mut response = (status, Json(body)).into_response();
        no_store(&mut response);
        if is_client {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"driftwise\""));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        } else if is_busy {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(BUSY_RETRY_AFTER_S));
        }
        response
    }
}

/// RFC 6749, section 5.1: no cache may keep an answer of the token endpoint.
pub(super) fn no_store(response: &mut Response) {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
}
