//! The attributes that map without doubt: which Terraform attribute says the same as which `CloudFormation` property.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::rows;

/// A Terraform attribute and the `CloudFormation` property that says the same.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeMapping {
    /// The attribute, as a dotted path: `tracing_config.0.mode`.
    pub attribute: &'static str,
    /// The property, as a dotted path: `TracingConfig.Mode`.
    pub property: &'static str,
    /// How the two are compared.
    pub transform: Transform,
    /// The value that is meant when one of both is absent.
    pub default: Option<Value>,
    /// What it says that AWS does not return the property.
    pub absence: Absence,
}

/// What it says that a live property is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absence {
    /// The default is in force.
    Default,
    /// There is none: no description, no key.
    Nothing,
    /// AWS always has one, so it was not read: nothing is known of it.
    Unread,
}

/// How a declared and a live value are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// Scalars; `"5"` is 5 and `"true"` is true.
    Plain,
    /// Texts without regard to case.
    IgnoreCase,
    /// As plain; 0 says the same as absent.
    ZeroIsAbsent,
    /// Lists without regard to order and repetition.
    Set,
    /// JSON documents, given as text or as structure.
    Json,
    /// IAM policy documents, by what they mean.
    Policy,
    /// Equal, or one is the end of the other's ARN.
    NameOrArn,
    /// The declared word translates to the live one.
    Words(Vec<(&'static str, &'static str)>),
}

impl Transform {
    fn parse(cell: &'static str) -> Option<Self> {
        Some(match cell {
            "plain" => Self::Plain,
            "ignore_case" => Self::IgnoreCase,
            "zero_is_absent" => Self::ZeroIsAbsent,
            "set" => Self::Set,
            "json" => Self::Json,
            "policy" => Self::Policy,
            "name_or_arn" => Self::NameOrArn,
            _ => Self::Words(cell.strip_prefix("words:")?.split(',').filter_map(|pair| pair.split_once('=')).collect()),
        })
    }
}

/// By `CloudFormation` type, then by Terraform type.
type Mappings = HashMap<&'static str, HashMap<&'static str, Vec<AttributeMapping>>>;

static MAPPINGS: LazyLock<Mappings> = LazyLock::new(|| {
    let mut mappings = Mappings::new();
    for row in rows(include_str!("../../data/attribute-map.tsv")) {
        let cell = |index: usize| row.get(index).copied().unwrap_or_default();
        let Some(transform) = Transform::parse(cell(4)) else { continue };
        mappings.entry(cell(0)).or_default().entry(cell(1)).or_default().push(AttributeMapping {
            attribute: cell(2),
            property: cell(3),
            transform,
            default: serde_json::from_str(cell(5)).ok(),
            absence: match cell(6) {
                "default" => Absence::Default,
                "none" => Absence::Nothing,
                _ => Absence::Unread,
            },
        });
    }
    mappings
});

/// The attributes of a Terraform type that can be compared with the properties of a `CloudFormation` type; empty where
/// none is known to say the same.
pub fn attributes(cfn_type: &str, terraform_type: &str) -> &'static [AttributeMapping] {
    MAPPINGS.get(cfn_type).and_then(|types| types.get(terraform_type)).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{cfn_of_terraform, cfn_type};

    #[test]
    fn every_row_parses_names_paired_types_and_no_write_only_property() {
        let mut count = 0;
        for row in rows(include_str!("../../data/attribute-map.tsv")) {
            let [cfn, terraform, attribute, property, transform, default, absent] = row.as_slice() else {
                panic!("{row:?}: seven cells");
            };
            assert!(Transform::parse(transform).is_some(), "{row:?}: unknown transform");
            assert_eq!(cfn_of_terraform(terraform), Some(*cfn), "{row:?}: types are not paired");
            assert!(default.is_empty() || serde_json::from_str::<Value>(default).is_ok(), "{row:?}: default");
            assert!(["default", "none", "unread"].contains(absent), "{row:?}: absent");
            assert_eq!(*absent == "default", !default.is_empty(), "{row:?}: a default is for what may be absent");
            let write_only = &cfn_type(cfn).unwrap().write_only;
            assert!(!write_only.contains(property), "{row:?}: never returned");
            assert!(!attribute.is_empty() && !property.is_empty(), "{row:?}");
            count += 1;
        }
        assert!(count > 200, "{count}");
    }

    #[test]
    fn a_queues_timeout_is_its_visibility_timeout() {
        let queue = attributes("AWS::SQS::Queue", "aws_sqs_queue");
        let timeout = queue.iter().find(|mapping| mapping.property == "VisibilityTimeout").unwrap();
        assert_eq!(timeout.attribute, "visibility_timeout_seconds");
        assert_eq!(timeout.default, Some(30.into()));
        assert!(attributes("AWS::S3::Bucket", "aws_s3_bucket").is_empty());
    }
}
