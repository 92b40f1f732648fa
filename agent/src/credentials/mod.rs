//! Credentials: a federation token exchanged for a role's session, and renewed before it ends.
//!
//! No access key is stored anywhere: the session lives in memory, and [`WebIdentity`] gives it to the SDK's clients as their
//! credentials provider. [`SessionPolicy`] narrows it to what a scan needs. [`refusal`] says what each of STS's refusals means.
//! [`Probe`] only tries whether a token is let in.

mod probe;
pub mod refusal;
mod session_policy;
mod web_identity;

use std::time::Duration;

pub use probe::{Powerless, Probe, Shown};
pub use session_policy::{NoRoom, SessionPolicy};
pub use web_identity::{WantedSession, WebIdentity, session_name};

/// A session that ends sooner than this is renewed.
pub const REFRESH_BEFORE: Duration = Duration::from_mins(5);
