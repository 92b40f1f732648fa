//! Who a statement speaks of, and which of them no longer exist.

use super::{PolicyDocument, StatementRef};
use std::collections::BTreeMap;

/// The value of a `Principal` or `NotPrincipal` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principals {
    /// `"*"`: everyone, web identities and services included. Not the same as `{"AWS": "*"}`, which does not admit web
    /// identities.
    Everyone,
    /// The principals by kind; neither the map nor a list is empty.
    Listed(BTreeMap<PrincipalKind, Vec<String>>),
}

/// The kinds of principal that IAM knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// An account (12 digits or its root ARN), a user, a role, a session, or `*`.
    Aws,
    /// A SAML or OIDC provider: its ARN, or the host of one that AWS knows by itself.
    Federated,
    /// An AWS service, such as `ec2.amazonaws.com`.
    Service,
    /// An S3 canonical user id.
    CanonicalUser,
}

/// A grant to someone who was deleted: AWS then shows the unique id where an ARN stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DanglingPrincipal {
    /// The statement that holds it.
    pub statement: StatementRef,
    /// The unique id (`AIDA…` for a user, `AROA…` for a role).
    pub unique_id: String,
    /// Whether it stands in `NotPrincipal`.
    pub is_negated: bool,
}

impl PrincipalKind {
    pub(super) const ALL: [Self; 4] = [Self::Aws, Self::Federated, Self::Service, Self::CanonicalUser];

    /// The spelling in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Federated => "Federated",
            Self::Service => "Service",
            Self::CanonicalUser => "CanonicalUser",
        }
    }
}

impl Principals {
    /// The principals of one kind; none for `"*"`.
    pub fn of_kind(&self, kind: PrincipalKind) -> &[String] {
        match self {
            Self::Everyone => &[],
            Self::Listed(listed) => listed.get(&kind).map_or(&[], Vec::as_slice),
        }
    }
}

impl PolicyDocument {
    /// The principals that were deleted since the document was written.
    pub fn dangling_principals(&self) -> Vec<DanglingPrincipal> {
        let mut found = Vec::new();
        for (index, statement) in self.statements.iter().enumerate() {
            let Some(element) = &statement.principal else {
                continue;
            };
            for name in element.listed().of_kind(PrincipalKind::Aws) {
                if is_unique_id(name) {
                    found.push(DanglingPrincipal {
                        statement: StatementRef::new(0, index, statement),
                        unique_id: name.clone(),
                        is_negated: element.is_negated(),
                    });
                }
            }
        }
        found
    }
}

/// Prefixes of the unique ids that can stand for a principal: user, role (IAM user guide, "Unique identifiers").
const UNIQUE_ID_PREFIXES: [&str; 2] = ["AIDA", "AROA"];

fn is_unique_id(name: &str) -> bool {
    // A role's id may carry a session name (`AROA…:session`).
    let id = name.split_once(':').map_or(name, |(id, _)| id);
    UNIQUE_ID_PREFIXES.iter().any(|prefix| id.starts_with(prefix))
        && id.len() >= 16
        && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The account that an `AWS` principal stands for as a whole: 12 digits, or the ARN of its root in any partition.
pub(super) fn whole_account(name: &str) -> Option<&str> {
    let id = match name.strip_prefix("arn:") {
        None => name,
        Some(rest) => {
            let (_partition, rest) = rest.split_once(':')?;
            rest.strip_prefix("iam::")?.strip_suffix(":root")?
        }
    };
    (id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_arn_of_any_partition_stands_for_its_account() {
        for name in ["123456789012", "arn:aws:iam::123456789012:root", "arn:aws-us-gov:iam::123456789012:root"] {
            assert_eq!(whole_account(name), Some("123456789012"), "{name}");
        }
        for name in [
            "*",
            "",
            "12345678901",
            "1234567890123",
            "arn:aws:iam::123456789012:user/root",
            "arn:aws:sts::123456789012:root",
            "arn:aws:iam::*:root",
            "arn:",
        ] {
            assert_eq!(whole_account(name), None, "{name}");
        }
    }

    #[test]
    fn unique_ids_of_deleted_principals_are_found() {
        let document = PolicyDocument::parse(
            r#"{"Statement":[
                {"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"},
                {"Sid":"Old","Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{"AWS":[
                    "AIDACKCEVSQ6C2EXAMPLE","AROADBQP57FF2AEXAMPLE","arn:aws:iam::123456789012:user/AIDACKCEVSQ6C2EXAMPLE","AIDAN"]}}]}"#,
        )
        .unwrap();
        let found = document.dangling_principals();
        let ids: Vec<_> = found.iter().map(|d| d.unique_id.as_str()).collect();
        assert_eq!(ids, ["AIDACKCEVSQ6C2EXAMPLE", "AROADBQP57FF2AEXAMPLE"]);
        assert_eq!(found[0].statement.index, 1);
        assert_eq!(found[0].statement.sid.as_deref(), Some("Old"));
    }
}
