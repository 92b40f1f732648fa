//! `[federation]`: what tokens and trust policies say.

use driftwise_contract::{Audience, Partition};
use serde::Deserialize;

use super::raw::Faults;

/// `[federation]`: what tokens and trust policies say.
#[derive(Debug, Clone)]
pub struct Federation {
    /// `audience`: the `aud` of tokens and the client id of the IAM OIDC provider. Default `sts.amazonaws.com`.
    pub audience: Audience,
    /// `roles_authorized_by_idp`: the partitions whose trust policies demand a token pinned to the role
    /// (`sts:RoleAuthorizedByIdp`). Default `["aws"]`: there it is recorded to work.
    pub roles_authorized_by_idp: Vec<Partition>,
    /// `x5c`: whether published keys carry their self-signed certificate, which Ceph RGW reads keys from
    /// (docs/compatibility.md). Default false.
    pub x5c: bool,
    /// `canary`: whether agents get canary tokens, with which `driftwise-agent prove` shows that a role keeps other orgs out.
    /// Default true.
    pub canary: bool,
}

impl Default for Federation {
    fn default() -> Self {
        Self { audience: Audience::sts(), roles_authorized_by_idp: vec![Partition::Aws], x5c: false, canary: true }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    audience: Option<String>,
    roles_authorized_by_idp: Option<Vec<String>>,
    x5c: Option<bool>,
    canary: Option<bool>,
}

impl Raw {
    pub(super) fn parse(self, federation: &mut Federation, faults: &mut Faults) {
        faults.parse("federation.audience", self.audience, &mut federation.audience);
        check_audience(&federation.audience, faults);
        federation.x5c = self.x5c.unwrap_or(federation.x5c);
        federation.canary = self.canary.unwrap_or(federation.canary);
        if let Some(partitions) = self.roles_authorized_by_idp {
            federation.roles_authorized_by_idp.clear();
            for text in partitions {
                let mut partition = Partition::Aws;
                faults.parse("federation.roles_authorized_by_idp", Some(text), &mut partition);
                federation.roles_authorized_by_idp.push(partition);
            }
        }
    }
}

/// The audience stands in trust policies, where `${` would begin a policy variable.
fn check_audience(audience: &Audience, faults: &mut Faults) {
    if audience.as_str().contains("${") {
        faults.add("federation.audience", &format!("{audience} holds ${{, which IAM would take for a policy variable"));
    }
}
