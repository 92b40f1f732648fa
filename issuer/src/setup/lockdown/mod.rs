//! Lock-down by AWS Organizations: what holds whatever the policies within an account say.
//!
//! - [`service_control_policy`]: only the IaC roles change IAM. What drifts then drifted through code, and a scan that finds an
//!   undeclared grant found an incident.
//! - [`resource_control_policy`]: of this issuer's tokens, roles admit only the org's own, pinned to the role. It holds for trust
//!   policies that someone writes by hand and gets wrong, too.
//!
//! Both only deny; neither grants. Both bind member accounts, never the management account, and no service-linked role
//! (Organizations user guide, "SCP evaluation", "RCP evaluation"). Test them on one account before a whole OU.

mod resource_control;
mod service_control;

pub(super) use resource_control::resource_control_policy;
pub(super) use service_control::service_control_policy;
