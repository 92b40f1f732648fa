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
use crate::setup::{Document, DocumentKind, Note, SetupError, render, without_variables};

const FEDERATION: &str = "DriftwiseFederation";
const SESSION_TAG: &str = "DriftwiseSessionTag";

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
#[template(path = "policies/trust-federated.json")]
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
    /// The document, with the reason of each line and what to know about it.
    pub(super) fn explained(&self) -> Result<Document, SetupError> {
        let issuer = self.settings.issuer.without_scheme();
        let key = |name: &str| format!("{issuer}:{name}");
        let mut document = Document::new(DocumentKind::TrustPolicy, "Trust policy", self.document()?);
        document = document.explained(|reasons| {
            reasons
                .statement(
                    FEDERATION,
                    "Lets the org's agents in by a token of the issuer: no AWS key is stored anywhere.",
                )
                .action(FEDERATION, "sts:AssumeRoleWithWebIdentity", "The one call that takes a token.")
                .action(
                    FEDERATION,
                    "sts:TagSession",
                    "The token carries the org as a session tag: without this action AWS refuses every such token.",
                )
                .condition(
                    FEDERATION,
                    "sts:RoleAuthorizedByIdp",
                    "Only a token that names this very role: one that leaks opens no other role.",
                )
                .statement(
                    SESSION_TAG,
                    "AWS decides sts:TagSession by itself. It has a statement of its own because the key \
                     sts:RoleAuthorizedByIdp exists for sts:AssumeRoleWithWebIdentity only.",
                )
                .action(SESSION_TAG, "sts:TagSession", "Lets the token tag its session with the org.")
        });
        for sid in [FEDERATION, SESSION_TAG] {
            document = document.explained(|reasons| {
                reasons
                    .member(
                        sid,
                        "Principal",
                        "The IAM OIDC provider of the issuer, in this account: the issuer's URL without https://.",
                    )
                    .condition(sid, &key("aud"), "Only tokens that were made for AWS STS.")
                    .condition(
                        sid,
                        &key("sub"),
                        "Only this org's tokens. Never leave it out: AWS would admit the token of any org.",
                    )
                    .condition(
                        sid,
                        "aws:RequestTag/dw_org_id",
                        "The session is tagged with this org and no other: bucket and key policies can rely on the tag \
                         (aws:PrincipalTag/dw_org_id).",
                    )
                    .condition(
                        sid,
                        &key("dw_org_id"),
                        "The org as a claim, for STS servers that offer every claim. AWS does not: there nobody gets in.",
                    )
            });
        }
        Ok(match warning(self.form) {
            Some(text) => document.with_note(Note::warning(text)),
            None => document,
        })
    }

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
