//! What AWS answers when it refuses: a status, a code and a message, told in the protocol of the service that was called.

use std::fmt;

use http::{Response, StatusCode, header};
use serde_json::json;

use super::{answer::Answer, query::Xml};

/// The wire protocol of a service; it decides how an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Form bodies and XML answers, in the XML namespace given (STS, IAM).
    Query {
        /// The namespace of the answers.
        namespace: &'static str,
    },
    /// JSON bodies on REST paths; the error code is a header (Resource Explorer 2).
    RestJson,
    /// JSON bodies with `X-Amz-Target`; the error code is the member `__type` (Cloud Control).
    Json10,
    /// The same as `Json10` in its later version, with bare error codes (KMS).
    Json11,
    /// S3's own XML.
    S3,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// The HTTP status.
    pub status: u16,
    /// The error code as the service spells it, for example `NoSuchEntity`.
    pub code: String,
    /// The message as AWS words it.
    pub message: String,
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for AwsError {}

impl AwsError {
    /// A refusal with any status.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// A 400 with this code.
    pub fn bad_request(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// `ValidationError`, which the Query protocol answers to a malformed parameter.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::bad_request("ValidationError", message)
    }

    /// `AccessDenied` with status 403 (Query protocol and S3).
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", message)
    }

    /// The refusal as an HTTP answer in `protocol`.
    pub fn into_answer(self, protocol: Protocol, request_id: &str) -> Answer {
        // The JSON protocols know no other client error than 400.
        let is_json = matches!(protocol, Protocol::Json10 | Protocol::Json11);
        let plain = if is_json && (401..500).contains(&self.status) { 400 } else { self.status };
        let status = StatusCode::from_u16(plain).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let builder = Response::builder().status(status);
        let code = json_code(&self.code, protocol);
        match protocol {
            Protocol::Query { namespace } => {
                let mut xml = Xml::document("ErrorResponse", namespace);
                xml.within("Error", |error| {
                    error.text("Type", if self.status < 500 { "Sender" } else { "Receiver" });
                    error.text("Code", &self.code);
                    error.text("Message", &self.message);
                });
                xml.text("RequestId", request_id);
                Answer::xml(status, xml.finish())
            }
            Protocol::S3 => {
                let mut xml = Xml::bare("Error");
                xml.text("Code", &self.code);
                xml.text("Message", &self.message);
                xml.text("RequestId", request_id);
                Answer::xml(status, xml.finish())
            }
            Protocol::RestJson => Answer::raw(
                builder.header(header::CONTENT_TYPE, "application/json").header("x-amzn-errortype", code.as_str()),
                json!({ "Message": self.message }).to_string(),
            ),
            Protocol::Json10 => Answer::raw(
                builder.header(header::CONTENT_TYPE, "application/x-amz-json-1.0"),
                json!({ "__type": format!("com.amazonaws.cloudcontrol#{code}"), "Message": self.message }).to_string(),
            ),
            Protocol::Json11 => Answer::raw(
                builder.header(header::CONTENT_TYPE, "application/x-amz-json-1.1"),
                json!({ "__type": code, "message": self.message }).to_string(),
            ),
        }
    }
}

/// The JSON protocols name the same refusals differently from the Query protocol; the authentication layer speaks the latter.
fn json_code(code: &str, protocol: Protocol) -> String {
    if !matches!(protocol, Protocol::RestJson | Protocol::Json10 | Protocol::Json11) {
        return code.to_owned();
    }
    match code {
        "AccessDenied" => "AccessDeniedException",
        "InvalidClientTokenId" => "UnrecognizedClientException",
        "SignatureDoesNotMatch" | "RequestExpired" | "IncompleteSignature" => "InvalidSignatureException",
        "ExpiredToken" => "ExpiredTokenException",
        "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
        "Throttling" => "ThrottlingException",
        other => other,
    }
    .to_owned()
}
