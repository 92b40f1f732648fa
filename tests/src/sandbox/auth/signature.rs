//! Signature Version 4, checked by signing the request once more.

use std::{borrow::Cow, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use http::{HeaderMap, header::AUTHORIZATION, request::Parts};
use sha2::{Digest, Sha256};
use time::{
    Duration, OffsetDateTime, PrimitiveDateTime, format_description::BorrowedFormatItem, macros::format_description,
};

use crate::sandbox::AwsError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256 ";
const AMZ_DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
/// How far a request's time may be from the server's.
const TOLERANCE: Duration = Duration::minutes(15);

/// A parsed `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The access key id.
    pub access_key_id: String,
    /// The scope's date, `YYYYMMDD`.
    pub date: String,
    /// The scope's region.
    pub region: String,
    /// The scope's service.
    pub service: String,
    /// The names of the headers that the signature covers, in lower case.
    pub signed_headers: Vec<String>,
    signature: String,
}

impl Authorization {
    /// Parses the header; `None` when the request is unsigned.
    pub fn parse(headers: &HeaderMap) -> Result<Option<Self>, AwsError> {
        let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
        let parsed = value.to_str().ok().and_then(Self::parse_value);
        parsed.map(Some).ok_or_else(|| {
            AwsError::bad_request(
                "IncompleteSignature",
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
            )
        })
    }

    fn parse_value(value: &str) -> Option<Self> {
        let mut credential = None;
        let mut signed_headers = None;
        let mut signature = None;
        for part in value.strip_prefix(ALGORITHM)?.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => signed_headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => return None,
            }
        }
        let mut scope = credential?.split('/');
        let (access_key_id, date, region, service) = (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        (scope.next()? == "aws4_request").then(|| Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: signed_headers.unwrap_or_default().split(';').map(str::to_owned).collect(),
            signature: signature.unwrap_or_default().to_owned(),
        })
    }

    /// Refuses a signature that was made for another service. The region is not checked: where an SDK is pointed at an address
    /// of our own, it signs IAM calls, too, for its client's region instead of `us-east-1`.
    pub fn check_scope(&self, service: &str) -> Result<(), AwsError> {
        if self.service == service {
            return Ok(());
        }
        Err(mismatch(format!("Credential should be scoped to correct service: '{service}'. ")))
    }
}

/// Checks time and signature of a request.
pub fn check(
    authorization: &Authorization,
    secret: &str,
    parts: &Parts,
    body: &[u8],
    now: OffsetDateTime,
) -> Result<(), AwsError> {
    let signed_at = check_time(authorization, parts, now)?;
    let headers = signed_headers(authorization, parts)?;
    let hash = payload_hash(parts, body)?;
    let token = parts.headers.get("x-amz-security-token").and_then(|value| value.to_str().ok());
    let identity =
        Credentials::new(&authorization.access_key_id, secret, token.map(str::to_owned), None, "sandbox").into();
    let mut settings = SigningSettings::default();
    // Only the headers that the caller signed are passed in, so none is to be left out.
    settings.excluded_headers = Some(vec![Cow::Borrowed("authorization")]);
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&authorization.region)
        .name(&authorization.service)
        .time(SystemTime::from(signed_at))
        .settings(settings)
        .build()
        .map_err(|_| does_not_match())?
        .into();
    let host = headers.iter().find(|(name, _)| *name == "host").map_or("", |(_, value)| value);
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let request = SignableRequest::new(
        parts.method.as_str(),
        format!("http://{host}{target}"),
        headers.iter().copied(),
        SignableBody::Precomputed(hash),
    )
    .map_err(|_| does_not_match())?;
    let (_, signature) = sign(request, &params).map_err(|_| does_not_match())?.into_parts();
    if signature == authorization.signature { Ok(()) } else { Err(does_not_match()) }
}

fn check_time(authorization: &Authorization, parts: &Parts, now: OffsetDateTime) -> Result<OffsetDateTime, AwsError> {
    let text = parts.headers.get("x-amz-date").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed_at = PrimitiveDateTime::parse(text, AMZ_DATE)
        .map_err(|_| {
            AwsError::bad_request(
                "IncompleteSignature",
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            )
        })?
        .assume_utc();
    if !text.starts_with(&authorization.date) {
        return Err(mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP".to_owned(),
        ));
    }
    if signed_at < now - TOLERANCE {
        let earliest = stamp(now - TOLERANCE);
        return Err(mismatch(format!(
            "Signature expired: {text} is now earlier than {earliest} ({} - 15 min.)",
            stamp(now)
        )));
    }
    if signed_at > now + TOLERANCE {
        let latest = stamp(now + TOLERANCE);
        return Err(mismatch(format!(
            "Signature not yet current: {text} is still later than {latest} ({} + 15 min.)",
            stamp(now)
        )));
    }
    Ok(signed_at)
}

/// The covered headers with their values. `host`, and `x-amz-security-token` where it is sent, must be among them.
fn signed_headers<'a>(authorization: &'a Authorization, parts: &'a Parts) -> Result<Vec<(&'a str, &'a str)>, AwsError> {
    let covers = |name: &str| authorization.signed_headers.iter().any(|signed| signed == name);
    let token_uncovered = parts.headers.contains_key("x-amz-security-token") && !covers("x-amz-security-token");
    if !covers("host") || !covers("x-amz-date") || token_uncovered {
        return Err(mismatch(
            "'Host' or ':authority' and every X-Amz- header must be a 'SignedHeader' in the AWS Authorization."
                .to_owned(),
        ));
    }
    authorization
        .signed_headers
        .iter()
        // The signer adds these two itself, from the time and the token that are checked beside it.
        .filter(|name| !matches!(name.as_str(), "x-amz-date" | "x-amz-security-token"))
        .map(|name| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(does_not_match)?;
            Ok((name.as_str(), value))
        })
        .collect()
}

/// The hash that the signature covers: the body's own, which a declared hash must equal.
fn payload_hash(parts: &Parts, body: &[u8]) -> Result<String, AwsError> {
    let actual = hex(&Sha256::digest(body));
    match parts.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok()) {
        Some(declared) if declared != actual => Err(does_not_match()),
        _ => Ok(actual),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| char::from(DIGITS[usize::from(half)])).collect()
}

fn stamp(time: OffsetDateTime) -> String {
    time.format(AMZ_DATE).unwrap_or_default()
}

fn mismatch(message: String) -> AwsError {
    AwsError::new(403, "SignatureDoesNotMatch", message)
}

fn does_not_match() -> AwsError {
    mismatch(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
         and signing method. Consult the service documentation for details."
            .to_owned(),
    )
}
