//! What the role may do, and who may read the state's bucket.

use askama::Template;
use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::{Partition, RoleArn};

use super::state::StateView;
use super::{SetupError, StateLocation, render};

#[derive(Template)]
#[template(path = "policies/permission-policy.json")]
struct PermissionView {
    state: Option<StateView>,
}

#[derive(Template)]
#[template(path = "policies/bucket-policy.json")]
struct BucketView<'a> {
    role_arn: &'a RoleArn,
    state: StateView,
}

/// What the agent itself calls: Resource Explorer, Cloud Control, IAM, and the state's bucket where one is given. Cloud Control
/// reads each resource with the caller's own permissions: those come with the managed policy `ReadOnlyAccess` beside this one.
///
/// `ReadOnlyAccess` reaches further than descriptions: it reads objects, table items, messages and logs. A scan needs none of
/// them, so this policy denies those that it lists (functions' code and parameters only to the session itself: Cloud Control
/// reads both to describe them), and every object but the state where its bucket is given. (The registry lists
/// `dynamodb:GetItem` and `s3:GetObject` for the read handlers of a few rare types, such as `AWS::RUM::AppMonitor`; those become
/// gaps where the handler really calls them.)
pub fn permission_policy(partition: Partition, state: Option<&StateLocation>) -> Result<PolicyDocument, SetupError> {
    render(&PermissionView { state: state.map(|state| state.view(partition)) })
}

/// Lets exactly that role read the state, for a bucket in another account than the role's.
pub fn bucket_policy(role: &RoleArn, state: &StateLocation) -> Result<PolicyDocument, SetupError> {
    render(&BucketView { role_arn: role, state: state.view(role.partition()) })
}
