//! What is to be decided: one caller, one action, one resource, and the context of the call.

use super::Context;

/// One request, as a service hands it to IAM.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Who calls. None when an identity or session policy is asked, which speaks of its own bearer: a statement that
    /// names principals then matches no one.
    pub principal: Option<RequestPrincipal>,
    /// The action, such as `sts:AssumeRoleWithWebIdentity`.
    pub action: String,
    /// The ARN of the resource, or `*` for an action that knows none.
    pub resource: String,
    /// The condition keys. Nothing is filled in: `aws:PrincipalArn` and the like are for the caller to set.
    pub context: Context,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPrincipal {
    /// A principal of an AWS account.
    Aws {
        /// Its ARN: root, user, role, or session (`arn:aws:sts::…:assumed-role/Role/session`).
        arn: String,
        /// Its account, 12 digits.
        account_id: String,
        /// For a session, the ARN of its role with the role's path. None: told by the role's name in the session's
        /// ARN, which is unique in an account.
        role_arn: Option<String>,
    },
    /// A web or SAML identity: the ARN of its provider in the role's account, or the host of a provider that AWS knows
    /// by itself (`accounts.google.com`). Compared to the letter with `Federated`.
    Federated(String),
    /// An AWS service.
    Service(String),
    /// No credentials at all.
    Anonymous,
}

impl RequestPrincipal {
    /// A principal by its ARN; the account is the ARN's.
    pub fn aws(arn: impl Into<String>) -> Self {
        let arn = arn.into();
        let account_id = arn.split(':').nth(4).unwrap_or_default().to_owned();
        Self::Aws { arn, account_id, role_arn: None }
    }

    /// A session of a role.
    pub fn role_session(session_arn: impl Into<String>, role_arn: impl Into<String>) -> Self {
        match Self::aws(session_arn) {
            Self::Aws { arn, account_id, .. } => Self::Aws { arn, account_id, role_arn: Some(role_arn.into()) },
            other => other,
        }
    }
}

impl Request {
    /// A request without principal and with an empty context.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { principal: None, action: action.into(), resource: resource.into(), context: Context::new() }
    }

    /// The same request by `principal`.
    #[must_use]
    pub fn by(mut self, principal: RequestPrincipal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// The same request with `context`.
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }
}
