//! How the handlers of types refuse: with their own wording, wrapped by Cloud Control.

use crate::sandbox::{AwsError, Call, World, auth::Context, inventory::TypeInfo};

/// Types whose handlers report a denial as a general failure (pulumi-aws-native #1780): only the message tells.
const DISGUISING: [&str; 2] = ["AWS::Logs::LogGroup", "AWS::ElastiCache::ReplicationGroup"];

/// Asks for each action of a type's read handler, on the resource where there is one. The handler calls with the caller's session,
/// as a service on its behalf.
pub(super) fn check(
    world: &World,
    call: &Call,
    type_name: &str,
    info: &TypeInfo,
    arn: Option<&str>,
) -> Result<(), AwsError> {
    let resource = arn.filter(|arn| !arn.is_empty()).unwrap_or("*");
    for action in &info.read_permissions {
        let mut context = Context::new();
        context.set_bool("aws:ViaAWSService", true);
        if let Err(denied) = world.authorize(&call.caller, action, resource, context) {
            let code =
                if DISGUISING.contains(&type_name) { "GeneralServiceException" } else { "AccessDeniedException" };
            let handler_code = code.strip_suffix("Exception").unwrap_or(code);
            return Err(AwsError::bad_request(code, failed(call, type_name, &denied.message, handler_code)));
        }
    }
    Ok(())
}

/// The handler found nothing.
pub(super) fn not_found(call: &Call, type_name: &str, identifier: &str) -> AwsError {
    let said = format!("Resource of type '{type_name}' with identifier '{identifier}' was not found.");
    AwsError::bad_request("ResourceNotFoundException", failed(call, type_name, &said, "NotFound"))
}

fn failed(call: &Call, type_name: &str, said: &str, handler_code: &str) -> String {
    let request_id = &call.request_id;
    format!(
        "{type_name} Handler returned status FAILED: {said} (Service: null, Status Code: 0, Request ID: {request_id}) \
         (HandlerErrorCode: {handler_code}, RequestToken: {request_id})"
    )
}
