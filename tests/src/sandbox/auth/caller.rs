//! Whoever signed a request.

use std::collections::BTreeMap;

use driftwise_contract::policy::RequestPrincipal;
use time::OffsetDateTime;

use super::Session;
use crate::sandbox::iam::User;

/// What kind of principal a caller is; it decides which policies apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The account's root user: no identity policy limits it.
    Root,
    /// An IAM user.
    User {
        /// The user's name.
        name: String,
    },
    /// An assumed role.
    Session {
        /// The role's name.
        role: String,
        /// The session's access key id, under which the world keeps its policies.
        access_key_id: String,
    },
}

impl Principal {
    /// The value of `aws:PrincipalType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Root => "Account",
            Self::User { .. } => "User",
            Self::Session { .. } => "AssumedRole",
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The 12 digits of the account that the caller belongs to.
    pub account_id: String,
    /// `arn:aws:iam::…:user/U`, `arn:aws:iam::…:root` or `arn:aws:sts::…:assumed-role/R/S`.
    pub arn: String,
    /// The value of `aws:userid`: `AIDA…`, the account id for root, `AROA…:session` for a session.
    pub user_id: String,
    /// The principal's tags: the user's or role's own, overridden by session tags.
    pub principal_tags: BTreeMap<String, String>,
    /// The kind of principal.
    pub principal: Principal,
    /// The value of `aws:PrincipalArn`: for a session the role's ARN, else the caller's own.
    pub principal_arn: String,
    /// The region in the signature's scope.
    pub region: String,
    /// When the session began; `None` for long-term credentials.
    pub token_issued_at: Option<OffsetDateTime>,
    /// The session's source identity.
    pub source_identity: Option<String>,
    /// The identity provider's ARN, for a session that began with a web identity.
    pub federated_provider: Option<String>,
}

impl Caller {
    /// The caller as a resource's policy sees it.
    pub fn requester(&self) -> RequestPrincipal {
        match self.principal {
            Principal::Session { .. } => RequestPrincipal::role_session(&self.arn, &self.principal_arn),
            Principal::User { .. } | Principal::Root => RequestPrincipal::aws(&self.arn),
        }
    }

    pub(super) fn root(account_id: &str, region: &str) -> Self {
        let arn = format!("arn:aws:iam::{account_id}:root");
        Self {
            account_id: account_id.to_owned(),
            principal_arn: arn.clone(),
            arn,
            user_id: account_id.to_owned(),
            principal_tags: BTreeMap::new(),
            principal: Principal::Root,
            region: region.to_owned(),
            token_issued_at: None,
            source_identity: None,
            federated_provider: None,
        }
    }

    pub(super) fn user(account_id: &str, user: &User, region: &str) -> Self {
        Self {
            account_id: account_id.to_owned(),
            arn: user.arn.clone(),
            user_id: user.id.clone(),
            principal_tags: user.tags.clone(),
            principal: Principal::User { name: user.name.clone() },
            principal_arn: user.arn.clone(),
            region: region.to_owned(),
            token_issued_at: None,
            source_identity: None,
            federated_provider: None,
        }
    }

    pub(super) fn session(session: &Session, region: &str) -> Self {
        Self {
            account_id: session.account_id.clone(),
            arn: session.arn(),
            user_id: session.user_id(),
            principal_tags: session.tags.clone(),
            principal: Principal::Session { role: session.role_name.clone(), access_key_id: session.key.id.clone() },
            principal_arn: session.role_arn.clone(),
            region: region.to_owned(),
            token_issued_at: Some(session.issued_at),
            source_identity: session.source_identity.clone(),
            federated_provider: session.federated_provider.clone(),
        }
    }
}
