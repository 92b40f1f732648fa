//! What is publicly known of resource types, as tables: CloudFormation types with their identifiers and handlers,
//! Terraform types with their CloudFormation counterpart and sensitive attributes, and the attributes that say the same
//! in both worlds.
//!
//! The tables lie in `agent/data/` (its README says where each comes from), are embedded in the program and parsed once.
//! To pair another attribute, add a row to `attribute-map.tsv`; a test checks that every row names known types.

mod attributes;
mod cloudformation;
mod terraform;

pub use attributes::{Absence, AttributeMapping, Transform, attributes};
pub use cloudformation::{CfnType, cfn_type, cfn_types};
pub use terraform::{ArnAttribute, TerraformType, awscc_of_cfn, cfn_of_terraform, terraform_type, terraform_types};

/// The cells of each row of an embedded table, without its header line.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| line.split('\t').collect())
}

/// The elements of a comma-separated cell; none for an empty one.
fn list(cell: &'static str) -> Vec<&'static str> {
    cell.split(',').filter(|element| !element.is_empty()).collect()
}
