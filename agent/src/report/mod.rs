//! The report of a scan: put together here, written as JSON for scripts and as text for people.
//!
//! To add a form: a file with a `write(&ScanReport, …, &mut dyn Write)`. Text that AWS or a state supplied goes through
//! [`clean`] before it reaches a terminal.

mod assemble;
pub mod console;
pub mod json;
mod text;

pub use assemble::{Scan, assemble};
pub use text::clean;
