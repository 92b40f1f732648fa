//! Which service and operation a request is for.
//!
//! All services share one address, so the request itself must tell: its target header (Cloud Control, KMS), the API version in its
//! form (STS, IAM), its signature's credential scope (Resource Explorer), or else it is for S3.

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
    /// Key Management Service.
    Kms,
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
            Self::Kms => "kms",
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
            Self::Kms => Protocol::Json11,
            Self::S3 => Protocol::S3,
        }
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

/// Recognises a request; `None` when no service of the sandbox fits. The shape is asked before the scope, so that a signature
/// made for another service is refused rather than obeyed.
pub fn recognise(parts: &Parts, body: &[u8]) -> Option<Route> {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(operation) = target.strip_prefix("CloudApiService.") {
        return Some(Route { service: Service::CloudControl, operation: operation.to_owned() });
    }
    if let Some(operation) = target.strip_prefix("TrentService.") {
        return Some(Route { service: Service::Kms, operation: operation.to_owned() });
    }
    if parts.method == Method::POST && parts.uri.path() == "/" {
        let params = Params::parse(body);
        // The API versions tell the two Query services apart.
        let service = match params.optional("Version") {
            Some("2010-05-08") => Service::Iam,
            Some("2011-06-15") => Service::Sts,
            _ => return None,
        };
        return Some(Route { service, operation: params.optional("Action").unwrap_or("Unknown").to_owned() });
    }
    let scope = Authorization::parse(&parts.headers).ok().flatten().map(|authorization| authorization.service);
    if scope.as_deref() == Some(Service::ResourceExplorer.signing_name()) {
        let operation = parts.uri.path().trim_start_matches('/').to_owned();
        return Some(Route { service: Service::ResourceExplorer, operation });
    }
    // Everything else is S3: signed for it, or an unsigned GET of a public object.
    Some(Route { service: Service::S3, operation: s3_operation(parts) })
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
