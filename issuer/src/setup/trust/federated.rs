//! The trust policy of the role: who may assume it.
//!
//! `sub` and `aud` always stand in it: AWS admits every org's token to a role that does not ask for `sub`.
//!
//! STS decides `sts:TagSession` on its own, and `sts:RoleAuthorizedByIdp` is known to exist for
//! `sts:AssumeRoleWithWebIdentity` only. Asking for it in one statement with both actions could shut everyone out, so the
//! session tag then has a statement of its own, with every other condition. Nothing is lost: no session begins without the
//! first statement.

use askama::Template;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::policy::PolicyDocument;
use driftwise_contract::{OrgId, RoleArn, Subject};

use crate::federation::Settings;
use crate::setup::{SetupError, render, without_variables};

/// The trust policy of a role for one org.
#[derive(Debug, Clone, Copy)]
pub struct TrustPolicy<'a> {
    /// The issuer and its audience.
    pub settings: &'a Settings,
    /// The org that may assume the role.
    pub org: OrgId,
    /// The role: its account and partition are those of the provider.
    pub role: &'a RoleArn,
    /// The form.
    pub form: TrustForm,
    /// Whether to demand a token that is pinned to the role.
    pub role_authorized_by_idp: bool,
}

#[derive(Template)]
#[template(path = "policies/trust-policy.json")]
struct View<'a> {
    provider_arn: String,
    issuer: &'a str,
    audience: &'a str,
    subject: Subject,
    org_id: OrgId,
    tags_the_session: bool,
    custom_claim: bool,
    role_authorized_by_idp: bool,
}

impl TrustPolicy<'_> {
    /// The document.
    pub fn document(&self) -> Result<PolicyDocument, SetupError> {
        let issuer = without_variables("the issuer URL", self.settings.issuer.without_scheme())?;
        render(&View {
            // The provider must stand in the role's own account.
            provider_arn: format!(
                "arn:{}:iam::{}:oidc-provider/{issuer}",
                self.role.partition(),
                self.role.account_id()
            ),
            issuer,
            audience: without_variables("the audience", self.settings.audience.as_str())?,
            subject: Subject::of_org(self.org),
            org_id: self.org,
            tags_the_session: self.form.tags_the_session(),
            custom_claim: self.form == TrustForm::CustomClaim,
            role_authorized_by_idp: self.role_authorized_by_idp,
        })
    }
}

/// What whoever applies a policy of this form must know first.
pub fn warning(form: TrustForm) -> Option<&'static str> {
    match form {
        TrustForm::SessionTag | TrustForm::Subject => None,
        TrustForm::CustomClaim => Some(
            "AWS STS admits nobody with this policy: it does not offer custom claims as condition keys. It is for STS servers \
             that expose every claim (Ceph RGW, MinIO); on AWS use the form session-tag.",
        ),
    }
}
