//! What a least-privilege policy is made for, and what it may hold.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::setup::permission::{Action, POLICIES_PER_ROLE, TypesInScope};

/// The resource types that a scan is to read, and what their policy may hold beyond plain reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeastPrivilegeChoice {
    /// The types.
    pub types: TypesInScope,
    /// Actions of read handlers that are left out unless they stand here: those that do more than describe.
    pub allowed_actions: BTreeSet<Action>,
    /// Whether wildcards by service (`ec2:Describe*`) may stand for lists of actions.
    pub compact: bool,
    /// How many managed policies the role has room for.
    pub policies_max: usize,
}

impl LeastPrivilegeChoice {
    /// Plain reads of the types, action by action, within AWS's default quota.
    pub const fn of(types: TypesInScope) -> Self {
        Self { types, allowed_actions: BTreeSet::new(), compact: false, policies_max: POLICIES_PER_ROLE }
    }
}

/// One entry of a list of types: a type, all types of a service, or a Terraform type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TypesEntry(pub(super) TypesInScope);

impl FromStr for TypesEntry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        TypesInScope::of_list([text]).map(Self).map_err(|error| error.to_string())
    }
}
