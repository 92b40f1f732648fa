//! What AWS Organizations puts above an account: service control policies (SCPs) limit the account's principals, resource
//! control policies (RCPs) limit who may do what to its resources. Neither grants anything.
//!
//! Words: *member* – an account under control; *management account* – the one that no control binds, whatever is attached to the
//! root of the organization.
//!
//! Rules kept (Organizations user guide, "SCP evaluation", "SCP syntax", "RCP evaluation", "RCP syntax", "Quotas"):
//! - SCPs bind users, roles and the root user of a member, in whatever account the resource lies; no service-linked role.
//! - RCPs bind everyone who touches a member's resources, principals of other accounts and web identities included; no
//!   service-linked role.
//! - An SCP names no principal. An RCP denies, for everyone, actions of the services that support RCPs, never `*` alone.
//! - 5,120 characters each, white space included where the policy comes through the API; five of each kind per account, the
//!   full-access policy that AWS attaches counted.
//!
//! To add a rule: a check here, or a question to [`World::is_denied_by_rcp`] in the service that owns the resource.

use driftwise_contract::policy::{Decision, Effect, PolicyDocument, Principals, Request, Statement, evaluate_all};

use super::{AwsError, Caller, World, auth::Principal};

/// The size of an SCP or RCP, in characters.
pub const CONTROL_POLICY_MAX: usize = 5_120;
/// How many policies of one kind an account may have, `FullAWSAccess` or `RCPFullAWSAccess` counted.
const ATTACHED_MAX: usize = 5;
/// The services that supported RCPs from their start. AWS has added more since; no document here needs them.
const RCP_SERVICES: [&str; 5] = ["kms", "s3", "secretsmanager", "sqs", "sts"];
const FULL_ACCESS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// An account's place in an organization.
#[derive(Debug, Clone)]
pub struct Membership {
    is_management: bool,
    service_control: Vec<String>,
    resource_control: Vec<String>,
}

impl Membership {
    /// A member account, with the full-access policies that AWS attaches.
    pub fn member() -> Self {
        Self { is_management: false, service_control: vec![FULL_ACCESS.to_owned()], resource_control: Vec::new() }
    }

    /// The management account.
    pub fn management() -> Self {
        Self { is_management: true, ..Self::member() }
    }

    /// Attaches a service control policy, unless Organizations refuses it.
    pub fn attach_service_control(&mut self, text: &str) -> Result<(), AwsError> {
        let document = parse(text)?;
        for statement in document.statements() {
            if statement.principal().is_some() {
                return Err(malformed("a service control policy names no principal"));
            }
            check_resource(statement)?;
        }
        attach(&mut self.service_control, 0, text)
    }

    /// Attaches a resource control policy, unless Organizations refuses it.
    pub fn attach_resource_control(&mut self, text: &str) -> Result<(), AwsError> {
        let document = parse(text)?;
        for statement in document.statements() {
            if statement.effect() != Effect::Deny {
                return Err(malformed("a resource control policy only denies"));
            }
            let is_everyone = statement
                .principal()
                .is_some_and(|principal| !principal.is_negated() && *principal.listed() == Principals::Everyone);
            if !is_everyone {
                return Err(malformed("a resource control policy speaks of the principal \"*\""));
            }
            if statement.action().is_negated() || !statement.action().listed().iter().all(|action| takes_rcp(action)) {
                return Err(malformed("a resource control policy lists actions of the services that support it"));
            }
            check_resource(statement)?;
        }
        // RCPFullAWSAccess is always attached, and can't be taken away.
        attach(&mut self.resource_control, 1, text)
    }

    /// Takes the policy away that allows everything, as in an organization of allow lists.
    pub fn detach_full_access(&mut self) {
        self.service_control.retain(|text| text != FULL_ACCESS);
    }
}

impl World {
    /// The service control policies that bind a caller; none for a principal that they do not bind.
    pub(super) fn service_control_of(&self, caller: &Caller) -> Option<Vec<PolicyDocument>> {
        if is_service_linked(caller) {
            return None;
        }
        self.control(&caller.account_id, |membership| &membership.service_control)
    }

    /// Whether a resource control policy of the resource's account denies the request. The request must name its principal:
    /// RCPs speak of everyone.
    pub fn is_denied_by_rcp(&self, owner: &str, caller: Option<&Caller>, request: &Request) -> bool {
        if caller.is_some_and(is_service_linked) {
            return false;
        }
        self.control(owner, |membership| &membership.resource_control)
            .is_some_and(|documents| evaluate_all(&documents, request).decision == Decision::ExplicitDeny)
    }

    fn control(
        &self,
        account_id: &str,
        which: impl FnOnce(&Membership) -> &Vec<String>,
    ) -> Option<Vec<PolicyDocument>> {
        self.account(account_id, |account| {
            let membership = account.organization.as_ref().filter(|membership| !membership.is_management)?;
            // Each was parsed when it was attached.
            Some(which(membership).iter().filter_map(|text| PolicyDocument::parse(text).ok()).collect())
        })
        .flatten()
    }
}

/// "SCPs do not affect any service-linked role", and neither do RCPs.
fn is_service_linked(caller: &Caller) -> bool {
    matches!(caller.principal, Principal::Session { .. }) && caller.principal_arn.contains(":role/aws-service-role/")
}

fn takes_rcp(action: &str) -> bool {
    let service = action.split_once(':').map(|(service, _)| service.to_ascii_lowercase());
    service.is_some_and(|service| RCP_SERVICES.contains(&service.as_str()))
}

fn check_resource(statement: &Statement) -> Result<(), AwsError> {
    if statement.resource().is_some() { Ok(()) } else { Err(malformed("a control policy names its resources")) }
}

fn attach(attached: &mut Vec<String>, beside: usize, text: &str) -> Result<(), AwsError> {
    if attached.len() + beside >= ATTACHED_MAX {
        return Err(AwsError::bad_request(
            "ConstraintViolationException",
            "You have attached the maximum number of policies of this type.",
        ));
    }
    attached.push(text.to_owned());
    Ok(())
}

fn parse(text: &str) -> Result<PolicyDocument, AwsError> {
    if text.chars().count() > CONTROL_POLICY_MAX {
        return Err(AwsError::bad_request(
            "ConstraintViolationException",
            format!("You have exceeded the maximum policy size of {CONTROL_POLICY_MAX} characters."),
        ));
    }
    PolicyDocument::parse(text).map_err(|error| malformed(&error.to_string()))
}

fn malformed(cause: &str) -> AwsError {
    AwsError::bad_request(
        "MalformedPolicyDocumentException",
        format!("The provided policy document does not meet the requirements of the specified policy type: {cause}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(statement: &Value) -> String {
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    }

    #[test]
    fn organizations_refuses_what_no_service_control_policy_may_hold() {
        let mut member = Membership::member();
        let fine = json!({"Effect": "Deny", "Action": "iam:*", "Resource": "*"});
        for (name, broken) in [
            ("a principal", json!({"Effect": "Deny", "Principal": "*", "Action": "iam:*", "Resource": "*"})),
            ("no resource", json!({"Effect": "Deny", "Action": "iam:*"})),
        ] {
            let refused = member.attach_service_control(&policy(&broken)).unwrap_err();
            assert_eq!(refused.code, "MalformedPolicyDocumentException", "{name}");
        }
        let long = json!({"Effect": "Deny", "Action": "iam:*", "Resource": "a".repeat(CONTROL_POLICY_MAX)});
        assert_eq!(member.attach_service_control(&policy(&long)).unwrap_err().code, "ConstraintViolationException");
        for _ in 0..4 {
            member.attach_service_control(&policy(&fine)).unwrap();
        }
        assert_eq!(
            member.attach_service_control(&policy(&fine)).unwrap_err().code,
            "ConstraintViolationException",
            "FullAWSAccess is the fifth"
        );
    }

    #[test]
    fn organizations_refuses_what_no_resource_control_policy_may_hold() {
        let mut member = Membership::member();
        let fine = json!({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole*", "Resource": "*"});
        member.attach_resource_control(&policy(&fine)).unwrap();
        for (element, value) in [
            ("Effect", json!("Allow")),
            ("Principal", json!({"AWS": "*"})),
            ("Action", json!("*")),
            ("Action", json!("iam:CreateRole")),
        ] {
            let mut broken = fine.clone();
            broken[element] = value;
            let refused = member.attach_resource_control(&policy(&broken)).unwrap_err();
            assert_eq!(refused.code, "MalformedPolicyDocumentException", "{element}");
        }
    }
}
