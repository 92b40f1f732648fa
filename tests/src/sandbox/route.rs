//! Which service and operation a request is for.
//!
//! All services share one address, so the request itself must tell: the service in its signature's credential scope, or, when it
//! is unsigned, its form action (STS) or else S3.

use http::{Method, request::Parts};

use super::{auth::signature::Authorization, error::Protocol, query::Params};

/// A service of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Security Token Service.
    Sts,
    /// Identity and Access Management.
    Iam,
    /// Resource Explorer 2.
    ResourceExplorer,
    /// Cloud Control API.
    CloudControl,
    /// S3.
    S3,
}

impl Service {
    /// The name in a signature's credential scope, which is also the name that faults and the request log use, except that
    /// Cloud Control signs as `cloudcontrolapi` and is called `cloudcontrol` in rules and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::ResourceExplorer => "resource-explorer-2",
            Self::CloudControl => "cloudcontrol",
            Self::S3 => "s3",
        }
    }

    /// The name that a signature for this service carries.
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::CloudControl => "cloudcontrolapi",
            other => other.name(),
        }
    }

    /// How this service speaks.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Sts => Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
            Self::Iam => Protocol::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
            Self::ResourceExplorer => Protocol::RestJson,
            Self::CloudControl => Protocol::Json10,
            Self::S3 => Protocol::S3,
        }
    }

    fn from_signing_name(name: &str) -> Option<Self> {
        [Self::Sts, Self::Iam, Self::ResourceExplorer, Self::CloudControl, Self::S3]
            .into_iter()
            .find(|service| service.signing_name() == name)
    }
}

/// A recognised request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The service.
    pub service: Service,
    /// The operation, as AWS names it. For S3 it is a guess from method and query, good enough for faults and counters.
    pub operation: String,
}

/// Recognises a request; `None` when no service of the sandbox fits.
pub fn recognise(parts: &Parts, body: &[u8]) -> Option<Route> {
    let service = match Authorization::parse(&parts.headers) {
        Ok(Some(authorization)) => Service::from_signing_name(&authorization.service)?,
        _ => unsigned_service(parts, body),
    };
    let operation = match service {
        Service::Sts | Service::Iam => Params::parse(body).optional("Action").unwrap_or("Unknown").to_owned(),
        Service::CloudControl => {
            let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
            target.rsplit('.').next().unwrap_or_default().to_owned()
        }
        Service::ResourceExplorer => parts.uri.path().trim_start_matches('/').to_owned(),
        Service::S3 => s3_operation(parts),
    };
    Some(Route { service, operation })
}

/// An unsigned request is recognised by its shape, so that the refusal for the missing signature has the right protocol.
fn unsigned_service(parts: &Parts, body: &[u8]) -> Service {
    if let Some(target) = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        if target.starts_with("CloudApiService.") {
            return Service::CloudControl;
        }
    }
    let is_form = parts.method == Method::POST && parts.uri.path() == "/";
    if is_form {
        let params = Params::parse(body);
        // The API versions tell the two Query services apart.
        return if params.optional("Version") == Some("2010-05-08") { Service::Iam } else { Service::Sts };
    }
    Service::S3
}

fn s3_operation(parts: &Parts) -> String {
    let query = parts.uri.query().unwrap_or_default();
    let path = parts.uri.path().trim_start_matches('/');
    let is_object = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
    let operation = match (parts.method.as_str(), is_object) {
        ("GET", true) => "GetObject",
        ("HEAD", true) => "HeadObject",
        ("PUT", true) => "PutObject",
        ("DELETE", true) => "DeleteObject",
        ("HEAD", false) => "HeadBucket",
        ("PUT", false) => "CreateBucket",
        ("GET", false) if path.is_empty() => "ListBuckets",
        ("GET", false) if query.contains("list-type=2") => "ListObjectsV2",
        ("GET", false) if query.starts_with("location") => "GetBucketLocation",
        ("GET", false) => "ListObjects",
        _ => "Unknown",
    };
    operation.to_owned()
}
