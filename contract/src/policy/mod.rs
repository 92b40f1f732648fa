//! IAM policy documents: reading them, comparing them, deciding requests by them.
//!
//! Both programs need the same answer. The issuer writes trust, bucket and key policies and checks them before they
//! leave; the agent compares a declared document with the live one; the sandbox's STS decides by the very documents
//! that the issuer wrote. Pure: no I/O, no clock.
//!
//! Words:
//! - *document*: a [`PolicyDocument`], read strictly: what AWS refuses, [`PolicyDocument::parse`] refuses.
//! - *canonical form*: one spelling for all documents that mean the same ([`PolicyDocument::canonicalize`]). It is
//!   idempotent, blind to order, and leaves every decision as it was.
//! - *equivalent*: of equal canonical form. [`are_equivalent`] also compares texts that AWS would refuse, because a
//!   Terraform state or an answer of AWS may hold `""`, `{}` or worse, and comparing is not judging.
//! - *request*: who ([`RequestPrincipal`]) does what to which resource, with which context keys ([`Context`]).
//! - *evaluation*: the [`Decision`], the statement that decided, and for every statement what kept it from matching.
//!
//! To add a condition operator: a variant of [`Comparison`], its name in `operator.rs`, its rule in `compare.rs`, and
//! a row in the table test.

mod canonical;
mod compare;
mod context;
mod document;
mod error;
mod evaluate;
mod operator;
mod pattern;
mod principal;
mod read;
mod request;
mod trace;
mod write;

pub use canonical::are_equivalent;
pub use context::Context;
pub use document::{Condition, Effect, Matching, PolicyDocument, Statement, Version};
pub use error::{PolicyError, PolicyFault};
pub use evaluate::evaluate_all;
pub use operator::{Comparison, Operator, SetQualifier};
pub use principal::{DanglingPrincipal, PrincipalKind, Principals};
pub use request::{Request, RequestPrincipal};
pub use trace::{Decision, Evaluation, Failure, StatementRef, StatementTrace};
