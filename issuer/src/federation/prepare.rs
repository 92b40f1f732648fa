//! Every rule about what stands in a token. What comes out is complete: signing adds nothing.

use driftwise_contract::claims::{FederationClaims, SessionTags, TOKEN_LIFETIME_S, TrustForm};
use driftwise_contract::{OrgId, RoleArn, Subject};
use uuid::Uuid;

use super::{CanaryOrg, Settings};
use crate::accounts::AwsAccount;
use crate::store::OrgScope;

/// Claims that passed every rule and wait for a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedToken {
    claims: FederationClaims,
    role: RoleArn,
}

impl PreparedToken {
    /// The claims.
    pub fn claims(&self) -> &FederationClaims {
        &self.claims
    }

    /// The one role that the token is for.
    pub fn role(&self) -> &RoleArn {
        &self.role
    }
}

/// The token of an org for one of its accounts.
///
/// - The org comes from the scope, which only a proof of membership makes; the account was found in that scope.
/// - Pinned to the account's role and no other: STS refuses the token everywhere else before it reads a trust policy.
/// - The org as session tag where, and only where, the account's trust policy allows `sts:TagSession`: elsewhere the tag
///   would make STS refuse the token.
/// - Never `azp`: it would replace `aud` as the audience.
pub fn prepare(settings: &Settings, scope: OrgScope, account: &AwsAccount, now_s: i64, jti: Uuid) -> PreparedToken {
    token(settings, scope.org(), account, account.trust_form(), now_s, jti)
}

/// A canary token for one of an org's accounts: what another org's agent would be given, had that org registered the role in
/// that form. By the rules of [`prepare`], the pin to the role included.
pub fn prepare_canary(
    settings: &Settings,
    canary: CanaryOrg,
    account: &AwsAccount,
    form: TrustForm,
    now_s: i64,
    jti: Uuid,
) -> PreparedToken {
    token(settings, canary.id(), account, form, now_s, jti)
}

fn token(
    settings: &Settings,
    org: OrgId,
    account: &AwsAccount,
    form: TrustForm,
    now_s: i64,
    jti: Uuid,
) -> PreparedToken {
    let role = account.role_arn().clone();
    PreparedToken {
        claims: FederationClaims {
            iss: settings.issuer.clone(),
            sub: Subject::of_org(org),
            aud: settings.audience.clone(),
            iat: now_s,
            nbf: now_s,
            exp: now_s + TOKEN_LIFETIME_S,
            jti: jti.hyphenated().to_string(),
            dw_org_id: org,
            roles: Some(vec![role.clone()]),
            tags: form.tags_the_session().then(|| SessionTags::of_org(org)),
        },
        role,
    }
}
