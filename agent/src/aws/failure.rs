//! Why an AWS call failed, read once: from the error code, from the message where the code hides the cause, or from what
//! the connection did.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use driftwise_contract::codes::Code;
use driftwise_contract::finding::GapScope;

use super::Service;
use crate::fault::{Fault, chain};

/// The kinds of failure, as far as a scan acts on them differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// Throttled on every attempt.
    Throttled,
    /// The role may not make the call.
    Denied,
    /// Resource Explorer's 401: no view, no index, or no permission.
    Unauthorized,
    /// What was asked for does not exist.
    NotFound,
    /// The type can't be read, or not in this region.
    UnsupportedType,
    /// AWS refuses a parameter.
    Invalid,
    /// No answer in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// The session has ended.
    SessionExpired,
    /// No credentials could be got for the call: why.
    Credentials(Box<Fault>),
    /// A fault on AWS's side, or one that is not known.
    Service,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsFailure {
    /// The service.
    pub service: Service,
    /// The operation: `GetResource`.
    pub operation: &'static str,
    /// What kind of failure.
    pub kind: FailureKind,
    /// AWS's code; empty where AWS did not answer.
    pub aws_code: String,
    /// AWS's own words, or what the connection did.
    pub message: String,
}

impl AwsFailure {
    /// Reads the SDK's error.
    pub fn of<E>(service: Service, operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let failed = |kind, aws_code: &str, message: String| Self {
            service,
            operation,
            kind,
            aws_code: aws_code.to_owned(),
            message,
        };
        if let Some(fault) = credentials_fault(error) {
            return failed(FailureKind::Credentials(Box::new(fault.clone())), "", fault.to_string());
        }
        match error {
            SdkError::ServiceError(context) => {
                let code = context.err().code().unwrap_or_default();
                let status = context.raw().status().as_u16();
                let message = context.err().message().unwrap_or_default();
                let shown = if code.is_empty() { format!("HTTP {status}") } else { message.to_owned() };
                failed(classify(code, message, status), code, shown)
            }
            SdkError::TimeoutError(_) => failed(FailureKind::Timeout, "", chain(error)),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                failed(FailureKind::Timeout, "", chain(error))
            }
            SdkError::DispatchFailure(_) => failed(FailureKind::Unreachable, "", chain(error)),
            SdkError::ResponseError(context) => {
                let status = context.raw().status().as_u16();
                failed(classify("", "", status), "", format!("HTTP {status}: {}", chain(error)))
            }
            _ => failed(FailureKind::Service, "", chain(error)),
        }
    }

    /// The error that this failure is, where a scan can't go on without the call.
    pub fn fault(&self, denied: Code) -> Fault {
        let code = match &self.kind {
            FailureKind::Credentials(fault) => return (**fault).clone(),
            FailureKind::Denied | FailureKind::Unauthorized => denied,
            FailureKind::Throttled => Code::AwsThrottled,
            FailureKind::Timeout | FailureKind::Unreachable => Code::AwsUnreachable,
            FailureKind::SessionExpired => Code::AwsSessionExpired,
            FailureKind::NotFound | FailureKind::UnsupportedType | FailureKind::Invalid | FailureKind::Service => {
                Code::AwsServiceError
            }
        };
        Fault::new(code, format!("{}:{} failed", self.service.as_str(), self.operation)).because(self.words())
    }

    /// AWS's code and words.
    pub fn words(&self) -> String {
        if self.aws_code.is_empty() { self.message.clone() } else { format!("{}: {}", self.aws_code, self.message) }
    }

    /// The scope of a gap about the service in a region.
    pub fn scope(&self, region: &str) -> GapScope {
        GapScope {
            service: Some(self.service.as_str().to_owned()),
            region: Some(region.to_owned()),
            ..GapScope::default()
        }
    }
}

impl fmt::Display for AwsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.service.as_str(), self.operation, self.words())
    }
}

impl Error for AwsFailure {}

/// The fault that our credentials provider failed with, somewhere in the SDK's chain of sources.
fn credentials_fault<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Fault> {
    let mut next: Option<&'e (dyn Error + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(fault) = current.downcast_ref::<Fault>() {
            return Some(fault);
        }
        next = current.source();
    }
    None
}

/// The kind of failure that AWS's code means; the message where the code says nothing, the status where there is no code.
fn classify(code: &str, message: &str, status: u16) -> FailureKind {
    match code {
        // JSON protocols call it AccessDeniedException, query protocols AccessDenied.
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AllAccessDisabled"
        | "InvalidCredentialsException" => FailureKind::Denied,
        "UnauthorizedException" => FailureKind::Unauthorized,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => FailureKind::SessionExpired,
        "ResourceNotFoundException" | "NoSuchKey" | "NoSuchBucket" | "NoSuchVersion" | "NotFound" => {
            FailureKind::NotFound
        }
        // TypeNotFoundException also means "not in this region".
        "TypeNotFoundException" | "UnsupportedActionException" | "PrivateTypeException" => FailureKind::UnsupportedType,
        "ValidationException" | "ValidationError" | "InvalidRequestException" | "InvalidParameterValue" => {
            FailureKind::Invalid
        }
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown"
        | "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "PriorRequestNotComplete" => FailureKind::Throttled,
        // Throttling or denial in disguise (pulumi-aws-native 1780): only the message tells.
        "GeneralServiceException" | "HandlerFailureException" if speaks_of_throttling(message) => {
            FailureKind::Throttled
        }
        "GeneralServiceException" | "HandlerFailureException" if speaks_of_denial(message) => FailureKind::Denied,
        "" => match status {
            401 => FailureKind::Unauthorized,
            403 => FailureKind::Denied,
            404 => FailureKind::NotFound,
            429 => FailureKind::Throttled,
            _ => FailureKind::Service,
        },
        _ => FailureKind::Service,
    }
}

/// Whether a message of another code means that the caller was too fast.
pub(super) fn speaks_of_throttling(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["rate exceeded", "throttl", "too many requests", "request limit exceeded"]
        .iter()
        .any(|words| message.contains(words))
}

/// Whether a message of another code means that a permission is missing.
fn speaks_of_denial(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["not authorized to perform", "access denied", "accessdenied", "unauthorizedoperation"]
        .iter()
        .any(|words| message.contains(words))
}

/// The action that AWS says is missing: `User: … is not authorized to perform: sqs:GetQueueAttributes on resource: …`.
pub fn denied_action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform")?;
    let word = rest.trim_start_matches([':', ' ']).split([' ', ',', ';', ')', '"']).next()?;
    let word = word.trim_end_matches('.');
    let (service, action) = word.split_once(':')?;
    (!service.is_empty() && !action.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_messages_and_statuses_are_read() {
        use FailureKind::{
            Denied, Invalid, NotFound, Service, SessionExpired, Throttled, Unauthorized, UnsupportedType,
        };
        for (code, message, status, kind) in [
            ("ThrottlingException", "Rate exceeded", 400, Throttled),
            ("GeneralServiceException", "AWS::X::Y Handler returned status FAILED: Rate exceeded", 400, Throttled),
            (
                "GeneralServiceException",
                "User: arn:x is not authorized to perform: sqs:GetQueueAttributes",
                400,
                Denied,
            ),
            ("GeneralServiceException", "something else", 400, Service),
            ("AccessDeniedException", "no", 400, Denied),
            ("AccessDenied", "no", 403, Denied),
            ("UnauthorizedException", "Unauthorized", 401, Unauthorized),
            ("ResourceNotFoundException", "gone", 400, NotFound),
            ("NoSuchKey", "gone", 404, NotFound),
            ("TypeNotFoundException", "x", 400, UnsupportedType),
            ("UnsupportedActionException", "x", 400, UnsupportedType),
            ("PrivateTypeException", "x", 400, UnsupportedType),
            ("InvalidRequestException", "x", 400, Invalid),
            ("ValidationException", "x", 400, Invalid),
            ("ExpiredToken", "x", 403, SessionExpired),
            ("HandlerInternalFailureException", "x", 502, Service),
            ("", "", 403, Denied),
            ("", "", 503, Service),
        ] {
            assert_eq!(classify(code, message, status), kind, "{code} {message} {status}");
        }
    }

    #[test]
    fn the_missing_action_is_found_in_awss_words() {
        for (message, action) in [
            (
                "User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: sqs:GetQueueAttributes on resource: arn",
                Some("sqs:GetQueueAttributes"),
            ),
            ("You are not authorized to perform ec2:DescribeVpcs.", Some("ec2:DescribeVpcs")),
            ("Access Denied", None),
            ("not authorized to perform this", None),
        ] {
            assert_eq!(denied_action(message), action, "{message}");
        }
    }

    #[test]
    fn a_failure_to_get_credentials_keeps_its_own_code() {
        let fault = Fault::new(Code::IssuerUnreachable, "x");
        let failure = AwsFailure {
            service: Service::Iam,
            operation: "GetAccountAuthorizationDetails",
            kind: FailureKind::Credentials(Box::new(fault.clone())),
            aws_code: String::new(),
            message: String::new(),
        };
        assert_eq!(failure.fault(Code::IamDenied), fault);
    }
}
