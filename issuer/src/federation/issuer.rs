//! Whose name stands in a token and whose key signs it: the shared issuer, or the issuer of the account's org.

use driftwise_contract::OrgId;

use super::Settings;
use crate::Error;
use crate::accounts::{AccountIssuer, AwsAccount, IssuerKeys};
use crate::keyring::KeySetId;

/// The issuer of one account's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerOf {
    /// The issuer URL and the audience that stand in the tokens and in the role's trust policy.
    pub settings: Settings,
    /// The keys that sign. When this set has no signing key there is no token: no other set stands in.
    pub key_set: KeySetId,
}

/// The issuer of an account's tokens. The org must be the one that the account was found in.
pub fn issuer_of(settings: &Settings, org: OrgId, account: &AwsAccount) -> Result<IssuerOf, Error> {
    match account.issuer() {
        AccountIssuer::Shared => Ok(IssuerOf { settings: settings.clone(), key_set: KeySetId::Shared }),
        AccountIssuer::Org(keys) => Ok(IssuerOf { settings: settings.of_org(org)?, key_set: key_set_of(org, keys) }),
    }
}

/// The keys of an org's own issuer.
pub fn key_set_of(org: OrgId, keys: IssuerKeys) -> KeySetId {
    match keys {
        IssuerKeys::Shared => KeySetId::Shared,
        IssuerKeys::Own => KeySetId::Org(org),
    }
}

impl Settings {
    /// The settings of an org's own issuer. Fails where the issuer URL leaves no room for the org.
    pub fn of_org(&self, org: OrgId) -> Result<Self, Error> {
        let url = self.issuer.join(&org_path(org));
        let issuer = url.parse().map_err(|_| Error::OrgIssuerUrl { url })?;
        Ok(Self { issuer, audience: self.audience.clone() })
    }
}

/// `/orgs/<uuid>`: where an org's issuer lies below the shared one.
pub fn org_path(org: OrgId) -> String {
    format!("/orgs/{org}")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use driftwise_contract::claims::TrustForm;

    fn settings(issuer: &str) -> Settings {
        Settings { issuer: issuer.parse().unwrap(), audience: "sts.amazonaws.com".parse().unwrap() }
    }

    fn account(issuer: AccountIssuer) -> AwsAccount {
        let role = "arn:aws:iam::123456789012:role/scan".parse().unwrap();
        AwsAccount::new("123456789012".parse().unwrap(), role, "eu-central-1".parse().unwrap(), TrustForm::SessionTag)
            .unwrap()
            .with_issuer(issuer)
    }

    #[test]
    fn an_orgs_issuer_has_the_orgs_url_and_signs_with_the_keys_that_were_chosen() {
        let (settings, org) = (settings("https://id.example.com/base"), OrgId::from_uuid(Uuid::from_u128(7)));
        let of = |issuer| issuer_of(&settings, org, &account(issuer)).unwrap();
        let url = format!("https://id.example.com/base/orgs/{org}");
        assert_eq!(of(AccountIssuer::Shared), IssuerOf { settings: settings.clone(), key_set: KeySetId::Shared });
        for (keys, key_set) in [(IssuerKeys::Shared, KeySetId::Shared), (IssuerKeys::Own, KeySetId::Org(org))] {
            let issuer = of(AccountIssuer::Org(keys));
            assert_eq!((issuer.settings.issuer.as_str(), issuer.key_set), (&*url, key_set));
            assert_eq!(issuer.settings.audience, settings.audience);
        }
    }

    #[test]
    fn an_issuer_url_that_leaves_no_room_for_an_org_is_refused_by_name() {
        let long = settings(&format!("https://id.example.com/{}", "a".repeat(200)));
        let error =
            issuer_of(&long, OrgId::from_uuid(Uuid::from_u128(7)), &account(AccountIssuer::Org(IssuerKeys::Own)))
                .unwrap_err();
        assert!(error.to_string().contains("255") && error.hint().is_some(), "{error}");
    }
}
