//! Amazon Resource Names, and the ARN of an IAM role.

use std::str::FromStr;

use super::{AccountId, ParseIdError, Partition, serde_by_text, string_id};

/// An ARN: `arn:partition:service:region:account-id:resource`. Region and account may be empty (S3 buckets, IAM); the
/// resource part may hold further colons and slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn(String);

string_id!(Arn);

impl Arn {
    fn part(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }

    /// The partition's word: `aws`, `aws-cn`, `aws-us-gov`, or one of AWS's others.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The service prefix: `s3`, `iam`, `ec2`.
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The region; empty for what has none in its ARN.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account id; empty for S3 buckets, `aws` for what AWS owns.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// Everything after the account: `role/path/name`, `instance/i-0abc`, `bucket/key`.
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    /// The last part of the resource after a slash or a colon: usually its id or name.
    pub fn resource_tail(&self) -> &str {
        self.resource().rsplit(['/', ':']).next().unwrap_or_default()
    }
}

impl FromStr for Arn {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let fault = |cause: &str| ParseIdError::new("an ARN", text, cause);
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [prefix, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(fault("expected arn:partition:service:region:account-id:resource"));
        };
        if *prefix != "arn" {
            return Err(fault("it does not start with arn:"));
        }
        let word = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if partition.is_empty() || !partition.starts_with("aws") || !word(partition) {
            return Err(fault("its partition is none of AWS's (aws, aws-cn, aws-us-gov)"));
        }
        if service.is_empty() || !word(service) || !word(region) {
            return Err(fault("service and region are lower-case words with digits and hyphens"));
        }
        let account_fits = account.is_empty()
            || *account == "aws"
            || (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
        if !account_fits {
            return Err(fault("its account id is not 12 digits"));
        }
        if resource.is_empty() {
            return Err(fault("it names no resource after the account id"));
        }
        if text.len() > 2048 || text.chars().any(char::is_control) {
            return Err(fault("it is longer than 2,048 characters or holds control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The ARN of an IAM role: `arn:<partition>:iam::<account>:role/<path/><name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleArn {
    text: String,
    partition: Partition,
    account_id: AccountId,
}

serde_by_text!(RoleArn);

impl std::fmt::Display for RoleArn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl RoleArn {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The role's account.
    pub fn account_id(&self) -> &AccountId {
        &self.account_id
    }

    /// The role's partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The role's name, without its path.
    pub fn role_name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The role's path with both slashes: `/` or `/team/`.
    pub fn path(&self) -> &str {
        let resource = self.text.splitn(6, ':').nth(5).unwrap_or_default();
        let start = "role".len();
        let end = resource.rfind('/').map_or(resource.len(), |slash| slash + 1);
        &resource[start..end]
    }
}

impl FromStr for RoleArn {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        const EXAMPLE: &str = "expected arn:aws:iam::123456789012:role/name";
        let fault = |cause: String| ParseIdError::new("the ARN of an IAM role", text, cause);
        let arn: Arn = text.parse().map_err(|error: ParseIdError| fault(format!("{}; {EXAMPLE}", error.cause)))?;
        if arn.service() == "sts" && arn.resource().starts_with("assumed-role/") {
            return Err(fault(format!("it is the ARN of a session, not of the role; {EXAMPLE}")));
        }
        if arn.service() != "iam" {
            return Err(fault(format!("it names a resource of {}; {EXAMPLE}", arn.service())));
        }
        let Some(path_and_name) = arn.resource().strip_prefix("role/") else {
            return Err(fault(format!("it is not a role; {EXAMPLE}")));
        };
        let partition = arn.partition().parse().map_err(|error: ParseIdError| fault(error.cause))?;
        if !arn.region().is_empty() {
            return Err(fault(format!("IAM is global: its ARNs hold no region; {EXAMPLE}")));
        }
        let account_id = arn.account().parse().map_err(|error: ParseIdError| fault(error.cause))?;
        let name = path_and_name.rsplit('/').next().unwrap_or_default();
        let path = &path_and_name[..path_and_name.len() - name.len()];
        let name_byte = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(name_byte) {
            return Err(fault("a role's name has 1 to 64 characters of letters, digits and _+=,.@-".into()));
        }
        if path.len() > 511
            || path.starts_with('/')
            || path.contains("//")
            || !path.bytes().all(|b| (0x21..=0x7e).contains(&b))
        {
            return Err(fault("a role's path is at most 512 characters of printable ASCII between slashes".into()));
        }
        if path.contains(['*', '?']) {
            return Err(fault("wildcards are not allowed: a token is pinned to exact roles".into()));
        }
        Ok(Self { text: text.to_owned(), partition, account_id })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_role_arn_parses_back_and_gives_its_parts(
            account in "[0-9]{12}", path in "([a-z0-9]{1,6}/){0,2}", name in "[A-Za-z0-9_+=,.@-]{1,64}",
        ) {
            let text = format!("arn:aws:iam::{account}:role/{path}{name}");
            let arn: RoleArn = text.parse().unwrap();
            prop_assert_eq!(arn.to_string(), text);
            prop_assert_eq!(arn.account_id().to_string(), account);
            prop_assert_eq!(arn.role_name(), name);
            prop_assert_eq!(arn.path(), format!("/{path}"));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in ".{0,80}", tail in ".{0,40}") {
            for candidate in [text, format!("arn:aws:iam::123456789012:role/{tail}"), format!("arn:aws:{tail}")] {
                if let Ok(arn) = candidate.parse::<RoleArn>() {
                    prop_assert_eq!(arn.as_str(), candidate.as_str());
                    let _ = (arn.account_id(), arn.partition(), arn.path(), arn.role_name());
                }
                let _ = candidate.parse::<Arn>();
            }
        }
    }

    #[test]
    fn the_parts_of_an_arn_are_found_past_colons_and_slashes() {
        let arn: Arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/x:*".parse().unwrap();
        assert_eq!((arn.service(), arn.region(), arn.account()), ("logs", "eu-west-1", "123456789012"));
        assert_eq!(arn.resource(), "log-group:/aws/lambda/x:*");
        let bucket: Arn = "arn:aws:s3:::a-bucket".parse().unwrap();
        assert_eq!((bucket.region(), bucket.account(), bucket.resource_tail()), ("", "", "a-bucket"));
    }

    #[test]
    fn what_is_not_a_role_is_refused_with_the_reason() {
        for (text, reason) in [
            ("arn:aws:iam::123456789012:user/x", "not a role"),
            ("arn:aws:sts::123456789012:assumed-role/x/y", "session"),
            ("arn:aws:s3:::bucket", "resource of s3"),
            ("arn:aws:iam:eu-west-1:123456789012:role/x", "no region"),
            ("arn:aws:iam::12345:role/x", "12 digits"),
            ("arn:aws:iam::123456789012:role/", "1 to 64"),
            ("arn:aws:iam::123456789012:role/*", "1 to 64"),
            ("arn:aws:iam::123456789012:role/a*/x", "wildcards"),
            ("arn:aws-iso:iam::123456789012:role/x", "aws-us-gov"),
            ("role/x", "expected arn:"),
        ] {
            let error = text.parse::<RoleArn>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
