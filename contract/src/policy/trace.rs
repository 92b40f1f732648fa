//! The outcome of an evaluation, and the reasons for it.

use super::{Effect, Operator, Statement};
use std::fmt;

/// What the policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// A statement allows and none denies.
    Allow,
    /// A statement denies.
    ExplicitDeny,
    /// No statement matches.
    ImplicitDeny,
}

/// The decision and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// What the policies say.
    pub decision: Decision,
    /// The first statement that denies, or else the first that allows; none on an implicit deny.
    pub decided_by: Option<StatementRef>,
    /// Every statement of every policy, in order.
    pub statements: Vec<StatementTrace>,
}

/// Which statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRef {
    /// The policy's place among those evaluated together, from 0.
    pub policy: usize,
    /// The statement's place in its document, from 0.
    pub index: usize,
    /// Its `Sid`, if it has one.
    pub sid: Option<String>,
}

/// How one statement fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementTrace {
    /// Which statement.
    pub statement: StatementRef,
    /// What it does where it matches.
    pub effect: Effect,
    /// Everything that kept it from matching; empty when it matched.
    pub failures: Vec<Failure>,
}

/// An element that did not match the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// `Principal` does not list the caller, or `NotPrincipal` does.
    Principal,
    /// `Action` does not list the action, or `NotAction` does.
    Action,
    /// `Resource` does not list the resource, or `NotResource` does.
    Resource,
    /// A condition does not hold.
    Condition {
        /// Its operator.
        operator: Operator,
        /// Its key, as the document spells it.
        key: String,
        /// The document's values, policy variables not replaced.
        expected: Vec<String>,
        /// The request's values; none when the key is absent.
        actual: Option<Vec<String>>,
    },
}

impl Evaluation {
    /// Whether the request may go ahead.
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }
}

impl StatementRef {
    pub(super) fn new(policy: usize, index: usize, statement: &Statement) -> Self {
        Self { policy, index, sid: statement.sid.clone() }
    }
}

impl StatementTrace {
    /// Whether the statement matched the request.
    pub fn is_match(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allowed",
            Self::ExplicitDeny => "explicitly denied",
            Self::ImplicitDeny => "implicitly denied",
        })
    }
}

impl fmt::Display for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {}, statement {}", self.policy, self.index)?;
        self.sid.iter().try_for_each(|sid| write!(f, " ({sid})"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal => f.write_str("the principal does not match"),
            Self::Action => f.write_str("the action does not match"),
            Self::Resource => f.write_str("the resource does not match"),
            Self::Condition { operator, key, expected, actual } => {
                write!(f, "{operator} {key} wants {expected:?}, ")?;
                match actual {
                    Some(actual) => write!(f, "the request has {actual:?}"),
                    None => f.write_str("the request does not have the key"),
                }
            }
        }
    }
}

/// One line for the decision; on an implicit deny one more for each statement.
impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decision.fmt(f)?;
        if let Some(statement) = &self.decided_by {
            return write!(f, " by {statement}");
        }
        for trace in &self.statements {
            write!(f, "\n  {}: ", trace.statement)?;
            for (place, failure) in trace.failures.iter().enumerate() {
                f.write_str(if place == 0 { "" } else { "; " })?;
                failure.fmt(f)?;
            }
        }
        Ok(())
    }
}
