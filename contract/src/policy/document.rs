//! The document and its statements, as read. Fields are private so that every document in memory is one that AWS
//! would take; build one by reading JSON.

use super::{Operator, PolicyError, Principals};
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use serde_json::Value;

/// A policy document: identity, resource, trust or session policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDocument {
    pub(super) version: Option<Version>,
    pub(super) id: Option<String>,
    pub(super) statements: Vec<Statement>,
}

/// The version of the policy language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// `2008-10-17`, which is meant when none is given: policy variables are plain text.
    V2008,
    /// `2012-10-17`: policy variables are replaced.
    V2012,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    pub(super) principal: Option<Matching<Principals>>,
    pub(super) action: Matching<Vec<String>>,
    pub(super) resource: Option<Matching<Vec<String>>>,
    pub(super) conditions: Vec<Condition>,
}

/// What a matching statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Grants, unless another statement denies.
    Allow,
    /// Refuses, whatever other statements allow.
    Deny,
}

/// An element or its negated twin: `Action` or `NotAction`, `Resource` or `NotResource`, `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching<T> {
    /// Matches what is listed.
    Only(T),
    /// Matches all but what is listed.
    AllBut(T),
}

/// One key of the `Condition` element, with the operator that it stands under. All conditions of a statement must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub(super) operator: Operator,
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

impl PolicyDocument {
    /// Reads a document from JSON text.
    ///
    /// Strict as AWS is: unknown and repeated members, an element beside its negated twin, no `Effect`, no action, an
    /// unknown operator, a repeated `Sid` are refused. A scalar stands for a list of one, `Effect` may be in any case,
    /// condition values may be booleans and numbers.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        serde_json::from_str(text).map_err(|refusal| {
            // Inside a member the reader can't tell broken JSON from a broken rule.
            match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => refusal.into(),
                Err(broken) => broken.into(),
            }
        })
    }

    /// Reads a document as IAM hands it out: percent-encoded (RFC 3986; `+` is a plus, not a blank).
    pub fn parse_url_encoded(text: &str) -> Result<Self, PolicyError> {
        let json = percent_decode_str(text).decode_utf8().map_err(PolicyError::encoding)?;
        Self::parse(&json)
    }

    /// Reads a document from a parsed JSON value. Repeated members can't be seen here: the value holds the last.
    pub fn from_value(value: &Value) -> Result<Self, PolicyError> {
        Ok(serde::Deserialize::deserialize(value)?)
    }

    /// The `Version` as written.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Whether `${…}` is replaced: only in version 2012-10-17.
    pub fn has_policy_variables(&self) -> bool {
        self.version == Some(Version::V2012)
    }

    /// The `Id` as written.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The statements in the order written; never empty.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

impl Version {
    /// The spelling in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        }
    }
}

impl Statement {
    /// The `Sid` as written; an empty one is none.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// The `Effect`.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// `Principal` or `NotPrincipal`; none in identity policies.
    pub fn principal(&self) -> Option<&Matching<Principals>> {
        self.principal.as_ref()
    }

    /// `Action` or `NotAction`; the list is never empty.
    pub fn action(&self) -> &Matching<Vec<String>> {
        &self.action
    }

    /// `Resource` or `NotResource`; none in trust policies.
    pub fn resource(&self) -> Option<&Matching<Vec<String>>> {
        self.resource.as_ref()
    }

    /// The conditions, sorted by operator and key: the members of a JSON object have no order.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

impl Effect {
    /// The spelling in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

impl<T> Matching<T> {
    /// What is listed, whichever way it counts.
    pub fn listed(&self) -> &T {
        match self {
            Self::Only(listed) | Self::AllBut(listed) => listed,
        }
    }

    /// Whether it is the negated twin (`NotAction`, `NotResource`, `NotPrincipal`).
    pub fn is_negated(&self) -> bool {
        matches!(self, Self::AllBut(_))
    }
}

impl Condition {
    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The condition key as written; keys are compared without regard to case.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The values; booleans and numbers as their text. Any of them satisfies a positive operator.
    pub fn values(&self) -> &[String] {
        &self.values
    }
}
