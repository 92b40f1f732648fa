//! An AWS account that an org registers.

use driftwise_contract::claims::TrustForm;
use driftwise_contract::wire::AccountInfo;
use driftwise_contract::{AccountId, Region, RoleArn};

use super::AccountIssuer;
use crate::Error;

/// An account with the role to assume in it. Its parts agree: the role lies in the account, the region in the role's
/// partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsAccount {
    account_id: AccountId,
    role_arn: RoleArn,
    region: Region,
    trust_form: TrustForm,
    issuer: AccountIssuer,
}

impl AwsAccount {
    /// Checks that the parts agree. Its tokens name the shared issuer, unless [`AwsAccount::with_issuer`] says otherwise.
    pub fn new(account_id: AccountId, role_arn: RoleArn, region: Region, trust_form: TrustForm) -> Result<Self, Error> {
        if *role_arn.account_id() != account_id {
            return Err(Error::AccountInvalid(format!(
                "the role {role_arn} lies in the account {}, not in {account_id}: give the role of this account",
                role_arn.account_id()
            )));
        }
        if region.partition() != role_arn.partition() {
            return Err(Error::AccountInvalid(format!(
                "the region {region} belongs to the partition {}, the role {role_arn} to {}: give a region of the \
                 role's partition",
                region.partition(),
                role_arn.partition()
            )));
        }
        Ok(Self { account_id, role_arn, region, trust_form, issuer: AccountIssuer::Shared })
    }

    /// The same account with tokens that name that issuer.
    #[must_use]
    pub fn with_issuer(mut self, issuer: AccountIssuer) -> Self {
        self.issuer = issuer;
        self
    }

    /// The account.
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The role that tokens for the account are pinned to.
    pub fn role_arn(&self) -> &RoleArn {
        &self.role_arn
    }

    /// The region of the account's Resource Explorer aggregator.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The form of the role's trust policy, and so what its tokens carry.
    pub fn trust_form(&self) -> TrustForm {
        self.trust_form
    }

    /// The issuer that its tokens name.
    pub fn issuer(&self) -> AccountIssuer {
        self.issuer
    }

    /// The account as the agent sees it.
    pub fn info(&self) -> AccountInfo {
        AccountInfo {
            account_id: self.account_id.clone(),
            role_arn: self.role_arn.clone(),
            region: self.region.clone(),
            trust_form: self.trust_form,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, role: &str, region: &str) -> Result<AwsAccount, Error> {
        AwsAccount::new(id.parse().unwrap(), role.parse().unwrap(), region.parse().unwrap(), TrustForm::SessionTag)
    }

    #[test]
    fn a_role_of_another_account_or_a_region_of_another_partition_is_refused_with_the_reason() {
        let role = "arn:aws:iam::123456789012:role/dw";
        assert!(account("123456789012", role, "eu-central-1").is_ok());
        let error = account("210987654321", role, "eu-central-1").unwrap_err().to_string();
        assert!(error.contains("not in 210987654321"), "{error}");
        let error = account("123456789012", role, "cn-north-1").unwrap_err().to_string();
        assert!(error.contains("partition aws-cn"), "{error}");
    }
}
