//! The inventory: what exists in the account.
//!
//! [`discovery`] lists it from Resource Explorer, after checking that the index can be trusted to show everything;
//! [`types`] and [`identifiers`] say how Cloud Control calls a resource; [`enrichment`] reads properties; [`ownership`]
//! tells what AWS or a stack made, and [`defaults`] does where only properties can; [`parts`] tells what hangs on an
//! instance. What can't be seen becomes a gap,
//! never an absence.

pub mod defaults;
pub mod discovery;
pub mod enrichment;
pub mod identifiers;
pub mod ownership;
pub mod parts;
mod service_interfaces;
pub mod types;

pub use discovery::{Discovered, Discovery};
pub use enrichment::Enricher;
