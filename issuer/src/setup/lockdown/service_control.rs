//! Only the IaC roles change IAM.

use askama::Template;

use crate::setup::document::{Document, DocumentKind, Note};
use crate::setup::request::{RolePattern, SetupRequest};
use crate::setup::{SetupError, render};

#[derive(Template)]
#[template(path = "policies/service-control-policy.json")]
struct View {
    spared: Vec<String>,
}

/// The service control policy. `ArnNotLike` on `aws:PrincipalArn`: for a session that key is the ARN of its role, path included,
/// and the only operator family that takes ARNs with wildcards part by part.
pub(in crate::setup) fn service_control_policy(request: &SetupRequest) -> Result<Document, SetupError> {
    const IAM: &str = "OnlyIacChangesIam";
    const LEAVE: &str = "StayInTheOrganization";
    let kind = DocumentKind::ServiceControlPolicy;
    let roles = &request.lock_down;
    if roles.iac_roles.is_empty() {
        let fix = "name the roles that may change IAM with --iac-role: without one, nobody could";
        return Err(SetupError::NotWanted { kind, fix });
    }
    let partition = request.partition();
    let pattern = |role: &RolePattern| role.arn_pattern(partition);
    let mut spared: Vec<String> = roles.iac_roles.iter().chain(&roles.break_glass_roles).map(pattern).collect();
    spared.push(format!("arn:{partition}:iam::*:role/aws-service-role/*"));
    let document = Document::new(kind, "Lock-down of IAM (service control policy)", render(&View { spared })?)
        .explained(|reasons| {
            reasons
                .statement(IAM, "Nobody changes users, roles, groups, policies or providers, root of the account included, but the roles below.")
                .member(IAM, "Action", "Every verb by which IAM changes. Not denied: reads, iam:PassRole, and iam:ChangePassword, which changes only one's own.")
                .condition(IAM, "aws:PrincipalArn", "The IaC roles, the break-glass roles, and roles of AWS services themselves. For a session it is the ARN of its role.")
                .condition(IAM, "iam:AWSServiceName", "Present only where a service-linked role is made: services need that of whoever first uses them.")
                .statement(LEAVE, "An account that left would leave this policy behind.")
        })
        .with_note(Note::warning(
            "Never binding in the management account: keep workloads and IAM users out of it. Attach it to one account first, then to OUs.",
        ))
        .with_note(Note::remark(
            "IAM users can no longer manage their own MFA devices and access keys. AWS Control Tower and StackSets change IAM through roles of their own (AWSControlTowerExecution, stacksets-exec-*): name those that you use with --break-glass-role.",
        ));
    let anywhere = roles.iac_roles.iter().chain(&roles.break_glass_roles).any(|role| role.account().is_none());
    let document = if anywhere {
        document.with_note(Note::remark(
            "Roles named without an account are spared in every account that this policy is attached to: who may make a role of that name there is spared with it. Only the spared roles may.",
        ))
    } else {
        document
    };
    Ok(if roles.break_glass_roles.is_empty() {
        document.with_note(Note::warning(
            "No break-glass role is named: where the IaC role breaks, only the management account can help, by detaching this policy.",
        ))
    } else {
        document
    })
}
