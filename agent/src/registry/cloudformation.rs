//! The types of the `CloudFormation` registry.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{list, rows};

/// A type of the `CloudFormation` registry, as its published schema describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CfnType {
    /// The name: `AWS::SQS::Queue`.
    pub name: &'static str,
    /// The properties of the Cloud Control identifier, in the order in which `|` joins them.
    pub primary_identifier: Vec<&'static str>,
    /// Other sets of properties that identify a resource; Cloud Control takes them as JSON only.
    pub additional_identifiers: Vec<Vec<&'static str>>,
    /// Whether Cloud Control can read it (in regions that offer it).
    pub readable: bool,
    /// Whether Cloud Control can list it.
    pub listable: bool,
    /// The properties that a list call needs.
    pub list_needs: Vec<&'static str>,
    /// The property that holds its tags.
    pub tag_property: Option<&'static str>,
    /// Properties that only reads return; nested ones as paths: `Options/*/Id`.
    pub read_only: Vec<&'static str>,
    /// Properties that no read returns, nested ones as paths: they can never be compared.
    pub write_only: Vec<&'static str>,
    /// The IAM actions that the read handler performs with the caller's permissions.
    pub read_permissions: Vec<&'static str>,
}

static TYPES: LazyLock<HashMap<&'static str, CfnType>> = LazyLock::new(|| {
    rows(include_str!("../../data/cloudformation-types.tsv"))
        .map(|row| {
            let cell = |index: usize| row.get(index).copied().unwrap_or_default();
            let name = cell(0);
            let additional = cell(2).split(';').filter(|group| !group.is_empty()).map(list).collect();
            let cfn_type = CfnType {
                name,
                primary_identifier: list(cell(1)),
                additional_identifiers: additional,
                readable: cell(3).contains('r'),
                listable: cell(3).contains('l'),
                list_needs: list(cell(4)),
                tag_property: Some(cell(5)).filter(|property| !property.is_empty()),
                read_only: list(cell(6)),
                write_only: list(cell(7)),
                read_permissions: list(cell(8)),
            };
            (name, cfn_type)
        })
        .collect()
});

/// The registry's entry of a `CloudFormation` type.
pub fn cfn_type(name: &str) -> Option<&'static CfnType> {
    TYPES.get(name)
}

/// All types of the registry, in no order.
pub fn cfn_types() -> impl Iterator<Item = &'static CfnType> {
    TYPES.values()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_its_identifier_handlers_and_tags() {
        let queue = cfn_type("AWS::SQS::Queue").unwrap();
        assert_eq!(queue.primary_identifier, ["QueueUrl"]);
        assert!(queue.readable && queue.listable);
        assert_eq!(queue.tag_property, Some("Tags"));
        assert!(queue.read_permissions.contains(&"sqs:GetQueueAttributes"), "{:?}", queue.read_permissions);
        assert!(!cfn_type("AWS::Route53::RecordSet").unwrap().readable);
        assert_eq!(cfn_type("AWS::Nothing::AtAll"), None);
    }

    #[test]
    fn every_type_has_an_identifier() {
        let without: Vec<_> = cfn_types().filter(|t| t.primary_identifier.is_empty()).map(|t| t.name).collect();
        assert!(without.is_empty(), "{without:?}");
        assert!(cfn_types().count() > 1_400);
    }
}
