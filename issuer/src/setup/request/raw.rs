//! A request as texts: what a page's form or a command line gives.

use serde::{Deserialize, Serialize};

/// The texts of a request. An empty text means: not given; the documentation of each field says what holds then.
///
/// Lists are texts too, so that the fields are those of an HTML form: entries stand on lines of their own; entries that can't
/// hold commas or blanks may be parted by those as well.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RawRequest {
    /// The org's UUID.
    pub org: String,
    /// The account id, 12 digits. Empty: the account of `role`, where that is an ARN.
    pub account: String,
    /// The role: name, path/name or ARN. Empty: `driftwise-readonly`.
    pub role: String,
    /// The region of the account's Resource Explorer aggregator. Also says the partition, where `role` is no ARN.
    pub region: String,
    /// `session-tag`, `subject`, `custom-claim`, `external-id` or `two-layer`. Empty: `session-tag`.
    pub trust: String,
    /// `on` or `off`. Empty: as the issuer's configuration says for the partition. An HTML form needs a choice of two rather
    /// than a check box, which sends nothing for off.
    pub role_authorized_by_idp: String,
    /// For `external-id`: an account id, its root ARN or a role's ARN.
    pub principal: String,
    /// For `external-id` and `two-layer`.
    pub external_id: String,
    /// For `two-layer`: the user's name or path/name. Empty: `driftwise-agent`.
    pub user: String,
    /// `read-only-access` or `least-privilege`. Empty: `read-only-access`.
    pub access: String,
    /// For `least-privilege`: a list of CloudFormation types.
    pub types: String,
    /// For `least-privilege`: a list of actions that are otherwise left out.
    pub allow_actions: String,
    /// For `least-privilege`: `on` where wildcards by service may be used.
    pub compact: String,
    /// Where states lie: a list by lines of `bucket`, `bucket/prefix` or `s3://bucket/prefix`.
    pub state: String,
    /// The account that owns those buckets. Empty: the role's.
    pub state_account: String,
    /// The KMS keys of those buckets: a list of key ARNs.
    pub kms_keys: String,
    /// `on` where bucket and key policies are to demand the org's session tag.
    pub abac: String,
    /// A role of its own for the states: name or path/name (in the account of the buckets), or ARN. Empty: none.
    pub state_reader: String,
    /// The roles that may change IAM under lock-down: a list of names, paths or ARNs.
    pub iac_roles: String,
    /// The roles that lock-down spares: a list as `iac_roles`.
    pub break_glass_roles: String,
}
