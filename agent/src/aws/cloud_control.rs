//! Cloud Control: the properties of one resource, read with the caller's own permissions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_cloudcontrol::Client;
use aws_sdk_cloudcontrol::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_cloudcontrol::operation::get_resource::GetResourceError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Map, Value};

use super::failure::speaks_of_throttling;
use super::{AwsFailure, AwsSession, FailureKind, Service};

/// What a scan asks Cloud Control.
pub trait ResourceReader: Send + Sync {
    /// The properties of one resource (`GetResource`).
    fn read(
        &self,
        region: &str,
        cfn_type: &str,
        identifier: &str,
    ) -> impl Future<Output = Result<Map<String, Value>, AwsFailure>> + Send;
}

/// The real one: a client per region, made when first needed.
#[derive(Debug)]
pub struct CloudControl {
    session: AwsSession,
    clients: Mutex<HashMap<String, Client>>,
}

impl CloudControl {
    /// Cloud Control in every region of the account.
    pub fn new(session: &AwsSession) -> Self {
        Self { session: session.clone(), clients: Mutex::default() }
    }

    fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_cloudcontrol::config::Builder::from(&self.session.in_region(region))
                .retry_classifier(HiddenCauses)
                .build();
            Client::from_conf(config)
        });
        client.clone()
    }
}

impl ResourceReader for CloudControl {
    async fn read(&self, region: &str, cfn_type: &str, identifier: &str) -> Result<Map<String, Value>, AwsFailure> {
        self.session.limiter.admit(Service::CloudControl, region).await;
        let answer = self
            .client(region)
            .get_resource()
            .type_name(cfn_type)
            .identifier(identifier)
            .send()
            .await
            .map_err(|error| AwsFailure::of(Service::CloudControl, "GetResource", &error))?;
        let properties = answer.resource_description().and_then(|resource| resource.properties()).unwrap_or("{}");
        // Properties is a JSON document in a string.
        serde_json::from_str(properties).map_err(|error| AwsFailure {
            service: Service::CloudControl,
            operation: "GetResource",
            kind: FailureKind::Service,
            aws_code: String::new(),
            message: format!("the properties are not a JSON object: {error}"),
        })
    }
}

/// Errors worth another attempt that the SDK does not know as such: throttling under another name, and resources that
/// are being changed while they are read.
#[derive(Debug)]
struct HiddenCauses;

impl ClassifyRetry for HiddenCauses {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let Some(error) =
            OrchestratorError::as_operation_error(error).and_then(|error| error.downcast_ref::<GetResourceError>())
        else {
            return RetryAction::NoActionIndicated;
        };
        match error.code().unwrap_or_default() {
            "GeneralServiceException" | "HandlerFailureException"
                if speaks_of_throttling(error.message().unwrap_or_default()) =>
            {
                RetryAction::throttling_error()
            }
            "NotStabilizedException" | "ResourceConflictException" | "ConcurrentOperationException" => {
                RetryAction::transient_error()
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "causes that Cloud Control hides"
    }
}
