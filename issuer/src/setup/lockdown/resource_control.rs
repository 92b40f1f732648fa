//! Of this issuer's tokens, only the org's own, pinned to the role that is asked for.
//!
//! Every statement is about `sts:AssumeRoleWithWebIdentity` alone and begins with `Null` on the issuer's `aud` key, which AWS sets
//! for tokens of this issuer and no other: GitHub, EKS and whoever else calls STS pass by. What then tells tokens apart stands
//! under negated operators, which hold for an absent key as well; in a denial that is the safe side.

use askama::Template;
use driftwise_contract::Subject;

use crate::setup::document::{Document, DocumentKind, Note};
use crate::setup::request::{SetupRequest, TrustChoice};
use crate::setup::{SetupError, render, without_variables};

#[derive(Template)]
#[template(path = "policies/resource-control-policy.json")]
struct View<'a> {
    issuer: &'a str,
    audience: &'a str,
    subject: Subject,
    demands_pin: bool,
}

/// The resource control policy.
pub(in crate::setup) fn resource_control_policy(request: &SetupRequest) -> Result<Document, SetupError> {
    const ORG: &str = "OnlyThisOrgsTokens";
    const AUDIENCE: &str = "OnlyThisAudience";
    const PINNED: &str = "OnlyPinnedTokens";
    let kind = DocumentKind::ResourceControlPolicy;
    let TrustChoice::Federated { role_authorized_by_idp, .. } = request.trust else {
        return Err(SetupError::NotWanted { kind, fix: "choose a federated form: it is about tokens" });
    };
    let issuer = without_variables("the issuer URL", request.issuer.issuer.without_scheme())?;
    let view = View {
        issuer,
        audience: without_variables("the audience", request.issuer.audience.as_str())?,
        subject: request.subject(),
        demands_pin: role_authorized_by_idp,
    };
    let ours = format!("{issuer}:aud");
    let subject = format!("{issuer}:sub");
    let present = "False means present: a token of this issuer. All other callers of STS pass by.";
    let document = Document::new(kind, "Lock-down of federation (resource control policy)", render(&view)?)
        .explained(|reasons| {
            reasons
                .statement(ORG, "Another org's token opens no role, even where a trust policy forgot to ask for the subject.")
                .condition(ORG, &subject, "Any other subject, or none.")
                .condition(ORG, &ours, present)
                .statement(AUDIENCE, "A token for another service is no good here, even where the provider lists its audience.")
                // The key stands under two operators, and one reason serves both.
                .condition(AUDIENCE, &ours, "A token of this issuer (it has the key) with any other audience.")
                .statement(PINNED, "A token that names no role could be used for any role of the org: only pinned ones open one.")
                .condition(PINNED, &ours, present)
                .condition(PINNED, "sts:RoleAuthorizedByIdp", "False where the token's roles claim does not name the role; absent counts as false.")
        })
        .with_note(Note::warning(
            "Not binding in the management account. Attach it to one account first. It admits one org of this issuer: accounts of another org need their own.",
        ))
        .with_note(Note::remark(
            "That AWS shows resource control policies the keys of an issuer of one's own is documented for shared providers such as GitHub only, and unverified: try it with `driftwise-agent prove`.",
        ));
    Ok(if role_authorized_by_idp {
        document
    } else {
        document.with_note(Note::warning(
            "It admits tokens that are not pinned to a role: sts:RoleAuthorizedByIdp is recorded to work in the commercial partition only, and is switched off here.",
        ))
    })
}
