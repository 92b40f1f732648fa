//! Reads Terraform and `OpenTofu` states into the contract's normal form.
//!
//! Words:
//! - *declaration*: a managed object of a state. Data sources are no declarations.
//! - *edge*: an IAM grant that a state declares ([`edges`](State::edges)), or merely observed
//!   ([`observed_edges`](State::observed_edges)): attributes that a refresh fills from AWS prove nothing about what the
//!   author wrote.
//! - *skipped*: what was understood and left out, with the reason.
//!
//! Invariants: a state is read as a stream, one resource at a time; no sensitive value leaves the reader unhashed; what
//! can't be read is an error with the file, the position and a [`Code`](driftwise_contract::codes::Code), never an empty
//! state. `docs/state-formats.md` says which formats are read.
//!
//! To read another format: a file beside `v4.rs` that turns its objects into `normal::Object`.

mod accounts;
mod address;
pub mod command;
mod edges;
mod error;
mod flatmap;
mod framing;
mod local;
mod model;
mod normal;
mod provider;
mod read;
mod redact;
mod show;
mod source;
mod v3;
mod v4;

pub use error::{Position, StateError};
pub use local::read_local;
pub use model::{SkipReason, Skipped, State};
pub use read::read;
pub use redact::redacted;
pub use source::{StateSource, StateSourceError};
