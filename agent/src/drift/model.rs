//! What goes into a comparison and what comes out.

use std::collections::BTreeMap;

use driftwise_contract::finding::{DeclaredRef, Finding, Gap, ResourceRef};
use driftwise_contract::report::Coverage;
use driftwise_contract::resource::{DeclaredResource, Edge, EnrichmentFailure, Owner, Resource};
use driftwise_contract::{AccountId, Arn};
use serde_json::{Map, Value};

use crate::registry;
use crate::state::State;

/// The union of all states.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// The states.
    pub states: Vec<State>,
}

/// A declaration: the index of its state and its index in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeclaredIdx {
    /// The index in [`Declared::states`].
    pub state: usize,
    /// The index in [`State::resources`].
    pub resource: usize,
}

impl Declared {
    /// The declaration at an index of this union.
    ///
    /// # Panics
    /// With an index of another union.
    pub fn resource(&self, index: DeclaredIdx) -> &DeclaredResource {
        &self.states[index.state].resources[index.resource]
    }

    /// All declarations with their indices.
    pub fn resources(&self) -> impl Iterator<Item = (DeclaredIdx, &DeclaredResource)> {
        self.states.iter().enumerate().flat_map(|(state, read)| {
            let indexed = read.resources.iter().enumerate();
            indexed.map(move |(resource, declared)| (DeclaredIdx { state, resource }, declared))
        })
    }

    /// Whose the declarations are, as seen from an account.
    pub(super) fn ownership<'a>(&self, account_id: &'a AccountId) -> Ownership<'a> {
        let resources = self.resources().filter_map(|(_, resource)| resource.account_id.as_ref());
        let edges = self.states.iter().flat_map(|state| &state.edges).filter_map(|edge| edge.account_id.as_ref());
        Ownership { account_id, several_accounts: resources.chain(edges).any(|named| named != account_id) }
    }

    /// The `CloudFormation` type of a declaration, where its Terraform type has one.
    pub fn cfn_type(&self, index: DeclaredIdx) -> Option<&'static str> {
        registry::cfn_of_terraform(&self.resource(index).terraform_type)
    }
}

/// Tells whose a declaration is.
pub(super) struct Ownership<'a> {
    account_id: &'a AccountId,
    /// Whether any state names another account.
    several_accounts: bool,
}

/// Whose a declaration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The scanned account's.
    Ours,
    /// Another account's.
    Others,
    /// It names no account, and the states are of several.
    Unknown,
}

impl Ownership<'_> {
    /// Whose a declaration is that names this account, or none. Without a name it is ours as long as no state names
    /// another account.
    pub(super) fn whose(&self, named: Option<&AccountId>) -> Whose {
        match named {
            Some(named) if named == self.account_id => Whose::Ours,
            Some(_) => Whose::Others,
            None if self.several_accounts => Whose::Unknown,
            None => Whose::Ours,
        }
    }
}

/// What the scan saw of one account.
#[derive(Debug, Clone)]
pub struct Actual {
    /// The account.
    pub account_id: AccountId,
    /// Its resources; those that were enriched have their properties.
    pub resources: Vec<Resource>,
    /// Its IAM grants; `None` when IAM could not be read.
    pub edges: Option<Vec<LiveEdge>>,
}

/// An IAM grant that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveEdge {
    /// The grant.
    pub edge: Edge,
    /// The ARN of its principal.
    pub principal_arn: Arn,
    /// Who made the principal, as far as can be told.
    pub owner: Owner,
}

/// Which declaration is which live resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Join {
    /// Declared and live. A live resource that two states declare stands in two pairs.
    pub managed: Vec<Pair>,
    /// Declared in this account, of a type that the inventory shows, and not in it. The same resource declared twice
    /// stands here once. Read each directly and pass the answers to [`findings`](super::findings).
    pub absent: Vec<DeclaredIdx>,
    /// Live and declared nowhere, with nobody known to own it.
    pub unmanaged: Vec<usize>,
    /// Live, declared nowhere, AWS's own.
    pub aws_owned: Vec<usize>,
    /// Live, declared nowhere, made by a `CloudFormation` stack; and such stacks themselves.
    pub cloudformation_owned: Vec<usize>,
    /// Live and part of something else that is declared: the network interface of an instance, the rule of a security
    /// group. They are compared with their parent, if at all.
    pub parts: Vec<usize>,
    /// How many declarations have a type that the inventory can't show, by Terraform type.
    pub not_comparable: BTreeMap<String, u64>,
    /// How many declarations belong to other accounts.
    pub other_accounts: u64,
}

/// A declaration and the live resource that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The declaration.
    pub declared: DeclaredIdx,
    /// The index in [`Actual::resources`].
    pub resource: usize,
}

/// The answer of a direct read of an absent resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Existence {
    /// It exists; the index lags. Its properties.
    Exists(Map<String, Value>),
    /// AWS says that it does not exist.
    Absent,
    /// The read did not tell.
    Unknown {
        /// Why.
        reason: EnrichmentFailure,
        /// AWS's words, or ours, as one sentence.
        detail: String,
    },
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The drift, ordered by kind, then by key.
    pub findings: Vec<Finding>,
    /// Absent resources of which nothing told whether they exist in the account that they belong to, and grants that only
    /// a declaration of unknown account covers.
    pub gaps: Vec<Gap>,
    /// How much was compared.
    pub coverage: Coverage,
}

/// A declaration, as findings point at it.
pub(super) fn declared_ref(declared: &DeclaredResource) -> DeclaredRef {
    DeclaredRef {
        address: declared.address.clone(),
        terraform_type: declared.terraform_type.clone(),
        id: declared.id.clone().or_else(|| declared.arn.as_ref().map(ToString::to_string)).unwrap_or_default(),
        region: declared.region.clone(),
        source: declared.source.clone(),
    }
}

/// A live resource, as findings point at it.
pub(super) fn resource_ref(resource: &Resource) -> ResourceRef {
    ResourceRef {
        arn: resource.arn.clone(),
        account_id: resource.account_id.clone(),
        region: resource.region.clone(),
        resource_type: resource.resource_type.clone(),
        cfn_type: resource.cfn_type.clone(),
        owner: resource.owner.clone(),
    }
}
