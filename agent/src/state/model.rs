//! What is understood of one state.

use driftwise_contract::report::StateSummary;
use driftwise_contract::resource::{DeclaredEdge, DeclaredResource, StateRef};
use serde::Serialize;

/// A state, as understood.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// Where it came from.
    pub source: StateRef,
    /// The version of the state format.
    pub format_version: u64,
    /// The Terraform (or `OpenTofu`) version that wrote it; empty where it does not say.
    pub terraform_version: String,
    /// Its serial.
    pub serial: u64,
    /// Its lineage; empty where it does not say.
    pub lineage: String,
    /// Managed objects of AWS providers, in the order of the state.
    pub resources: Vec<DeclaredResource>,
    /// IAM grants that it declares.
    pub edges: Vec<DeclaredEdge>,
    /// IAM grants that it merely observed at the last refresh (`managed_policy_arns`, `inline_policy` of a role): a grant
    /// made by hand is absorbed there too, so they declare nothing.
    pub observed_edges: Vec<DeclaredEdge>,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
}

impl State {
    /// The line of the scan report.
    pub fn summary(&self) -> StateSummary {
        let foreign = self.skipped.iter().filter(|skipped| skipped.reason == SkipReason::OtherProvider).count();
        StateSummary {
            source: self.source.clone(),
            terraform_version: self.terraform_version.clone(),
            serial: self.serial,
            lineage: self.lineage.clone(),
            resources: self.resources.len() as u64,
            skipped: foreign as u64,
        }
    }
}

/// An object of the state that is no declaration of an AWS resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its address.
    pub address: String,
    /// Its Terraform type.
    pub terraform_type: String,
    /// Why it was left out.
    pub reason: SkipReason,
}

/// Why an object of a state was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A data source: read, not managed.
    DataSource,
    /// Managed by a provider other than `aws` and `awscc`.
    OtherProvider,
    /// The state names the resource, but holds no object of it.
    NoObject,
}

impl SkipReason {
    /// The reason in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataSource => "data source",
            Self::OtherProvider => "provider is not AWS",
            Self::NoObject => "no object in the state",
        }
    }
}
