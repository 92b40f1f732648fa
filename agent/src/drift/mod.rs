//! Drift: what states declare against what the account shows. Pure: no I/O, no clock, the same answer for the same input
//! in any order.
//!
//! Words:
//! - *declared*: the union of all states ([`Declared`]). *actual*: what the scan saw ([`Actual`]).
//! - *join*: which declaration is which live resource ([`join()`]), by ARN, then by identifier.
//! - *absent*: declared, of a type that the inventory shows, and not in it. Absent is not missing: only a direct read that
//!   finds nothing ([`Existence::Absent`]) makes a finding of it; an unreadable one is a gap.
//!
//! Invariants: what can't be seen is a gap, never a finding; what AWS or `CloudFormation` owns is counted, not accused;
//! a change always has a difference to show.

mod absent;
mod changes;
mod compare;
mod grants;
mod join;
mod model;
mod outcome;

pub use compare::equal;
pub use join::join;
pub use model::{Actual, Declared, DeclaredIdx, Existence, Join, LiveEdge, Outcome, Pair};
pub use outcome::findings;
