//! What a least-privilege policy is made for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A resource type of CloudFormation: `AWS::S3::Bucket`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeName(String);

/// The name of one IAM action, without wildcards: `kms:Decrypt`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionName(String);

/// The resource types that a scan is to read, and what their policy may hold beyond plain reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypesInScope {
    /// The types; never empty.
    pub types: BTreeSet<TypeName>,
    /// Actions of read handlers that are left out unless they stand here: those that do more than describe.
    pub allowed_actions: BTreeSet<ActionName>,
    /// Whether wildcards by service (`ec2:Describe*`) may stand for lists of actions.
    pub compact: bool,
}

impl TypeName {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ActionName {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The service prefix: `kms`.
    pub fn service(&self) -> &str {
        self.0.split_once(':').map_or("", |(service, _)| service)
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TypeName {
    type Err = String;

    /// "`[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}`" (CloudFormation API, `TypeName`), without modules.
    fn from_str(text: &str) -> Result<Self, String> {
        let word = |part: &&str| (2..=64).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        let parts: Vec<&str> = text.split("::").collect();
        if parts.len() == 3 && parts.iter().all(word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text:?} is no resource type of CloudFormation: expected one such as AWS::S3::Bucket"))
        }
    }
}

impl FromStr for ActionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |cause: &str| Err(format!("{text:?} is no IAM action: {cause}"));
        let Some((service, name)) = text.split_once(':') else {
            return fault("expected service:Action, such as kms:Decrypt");
        };
        if name.contains(['*', '?']) {
            return fault("wildcards are not allowed: name each action");
        }
        let service_fits = !service.is_empty()
            && service.len() <= 64
            && service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let name_fits = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric());
        if service_fits && name_fits {
            Ok(Self(text.to_owned()))
        } else {
            fault("expected service:Action, such as kms:Decrypt")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_actions_are_what_aws_calls_so() {
        for text in ["AWS::S3::Bucket", "AWS::ElasticLoadBalancingV2::Listener", "Custom::My::Type"] {
            assert_eq!(text.parse::<TypeName>().unwrap().as_str(), text);
        }
        for text in ["", "AWS::S3", "AWS::S3::Bucket::MODULE", "AWS::S3::*", "aws_s3_bucket", "AWS::S3::Bu\"cket"] {
            assert!(text.parse::<TypeName>().is_err(), "{text}");
        }
        assert_eq!("kms:Decrypt".parse::<ActionName>().unwrap().service(), "kms");
        for text in ["", "kms", "kms:", ":Decrypt", "kms:*", "kms:De?rypt", "KMS:Decrypt", "kms:De crypt"] {
            assert!(text.parse::<ActionName>().is_err(), "{text}");
        }
    }
}
