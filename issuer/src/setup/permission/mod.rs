//! What the role may do.
//!
//! There are two ways. [`permission_policy`] goes beside AWS's `ReadOnlyAccess`: simple, and never out of date.
//! [`least_privilege`] is generated from the resource types in scope ([`TypesInScope`]) and takes the place of both: the actions
//! that a scan itself calls, and those that the types' read handlers are published to call ([`CfnType::read_actions`]).
//!
//! Words: a *read handler* is the code with which Cloud Control reads a type, with the caller's own permissions. An action of a
//! handler is *surprising* when it is no read of a description; such are left out and named, unless somebody asks for them.
//!
//! Invariants: a policy fits AWS's limits or there is none; the parts together grant exactly what was chosen; each action has
//! its reason. When AWS publishes new types or handlers, the tables in `issuer/data/` are made anew (its README says how).

mod choose;
mod least;
mod scope;
mod table;

pub use choose::{Cannot, LeftOut};
pub use least::{
    LeastPrivilege, LeastPrivilegeError, LeastPrivilegeOptions, MANAGED_POLICY_MAX, POLICIES_PER_ROLE,
    POLICIES_PER_ROLE_BY_QUOTA, Part, least_privilege, least_privilege_documents,
};
pub use scope::{ScopeError, TypesInScope, UnknownType, Unreadable};
pub use table::{Action, CfnType, Surprise};

use askama::Template;
use driftwise_contract::Partition;
use driftwise_contract::policy::PolicyDocument;

use super::request::KmsKeyArn;
use super::state::ReadingView;
use super::{SetupError, StateLocation, render};

#[derive(Template)]
#[template(path = "policies/permission-policy.json")]
struct PermissionView {
    reading: Option<ReadingView>,
    reads_no_object: bool,
}

/// Who reads the states, as far as the scan's role goes.
#[derive(Debug, Clone, Copy)]
pub enum StateReading<'a> {
    /// Nothing is said of them: objects stay as the role's other policies have them.
    Unsaid,
    /// The role, in these buckets, under these KMS keys; never empty.
    Role(&'a [StateLocation], &'a [KmsKeyArn]),
    /// A role of its own: this one reads no object.
    Reader,
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
    let reading = state.map_or(StateReading::Unsaid, |state| StateReading::Role(std::slice::from_ref(state), &[]));
    permission_policy_for(partition, reading)
}

/// The same for any number of buckets, and the KMS keys that their objects are under.
pub fn permission_policy_for(partition: Partition, reading: StateReading<'_>) -> Result<PolicyDocument, SetupError> {
    render(&PermissionView {
        reading: match reading {
            StateReading::Role(states, keys) => ReadingView::of(partition, states, keys),
            StateReading::Unsaid | StateReading::Reader => None,
        },
        reads_no_object: matches!(reading, StateReading::Reader),
    })
}
