//! Tenancy by construction.

use driftwise_contract::OrgId;

/// The right to touch one org's rows. The store makes it, in four places only: for an agent with a registered key
/// ([`super::agents::find_by_key`]; it counts once the assertion is verified), for the holder of an API key
/// ([`super::api_keys::find`]; it counts once the key fits its hash), for the holder of an enrolment code
/// ([`super::enrolment_codes::redeem`]), and for the operator, who owns the store ([`super::orgs::Org::scope`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrgScope(OrgId);

impl OrgScope {
    pub(super) fn of(org: OrgId) -> Self {
        Self(org)
    }

    /// The org.
    pub fn org(&self) -> OrgId {
        self.0
    }
}
