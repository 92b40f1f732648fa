//! Names that documents hold besides the ids of contract: users, trusted principals, External IDs, keys, role patterns.
//!
//! Their alphabets are narrower than AWS's where AWS's would let quotes, HTML or policy variables in: `IAM` paths, for one,
//! take any printable ASCII.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use driftwise_contract::{AccountId, Arn, Partition, RoleArn};

/// Why a text is not the name it was taken for, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {fix}")]
pub struct NameFault {
    /// What is wrong.
    pub reason: String,
    /// What would be right.
    pub fix: String,
}

impl NameFault {
    pub(super) fn new(reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { reason: reason.into(), fix: fix.into() }
    }
}

/// A path and a name of IAM: `/team/` and `scan`. Refuses what can't be meant in either.
pub(super) fn path_and_name(text: &str) -> Result<(String, String), NameFault> {
    let name = text.rsplit('/').next().unwrap_or_default();
    let path = text[..text.len() - name.len()].trim_start_matches('/');
    // IAM API, RoleName and UserName: `[\w+=,.@-]+`, 1 to 64 characters.
    let byte_fits = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(byte_fits) {
        return Err(NameFault::new(
            "an IAM name has 1 to 64 characters of letters, digits and _+=,.@-",
            "give a name such as driftwise-readonly, or its ARN",
        ));
    }
    // IAM API, Path: at most 512 characters between slashes. Of its printable ASCII, what names hold and colons are taken.
    let path_fits =
        path.len() <= 511 && !path.contains("//") && path.bytes().all(|b| byte_fits(b) || b == b'/' || b == b':');
    if !path_fits {
        return Err(NameFault::new(
            "its path holds something else than letters, digits and _+=,.@:- between single slashes",
            "give a path such as team/security/",
        ));
    }
    Ok((format!("/{path}"), name.to_owned()))
}

/// The ARN of an IAM user: `arn:<partition>:iam::<account>:user/<path/><name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserArn {
    partition: Partition,
    account: AccountId,
    path: String,
    name: String,
}

impl UserArn {
    /// A user of an account by path and name (`team/agent`), without the account.
    pub fn new(partition: Partition, account: AccountId, path_and_name_of_user: &str) -> Result<Self, NameFault> {
        let (path, name) = path_and_name(path_and_name_of_user)?;
        Ok(Self { partition, account, path, name })
    }

    /// The user's account.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The user's path with both slashes: `/` or `/team/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The user's name, without its path.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for UserArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, account, path, name } = self;
        write!(f, "arn:{partition}:iam::{account}:user{path}{name}")
    }
}

/// Who a role trusts by AWS's own credentials: a whole account, or one role of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TrustedPrincipal {
    /// Whoever that account lets assume the role (`arn:…:root`).
    Account(Partition, AccountId),
    /// One role.
    Role(RoleArn),
}

impl TrustedPrincipal {
    /// The principal's partition.
    pub fn partition(&self) -> Partition {
        match self {
            Self::Account(partition, _) => *partition,
            Self::Role(role) => role.partition(),
        }
    }

    /// The principal's account.
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Account(_, account) => account,
            Self::Role(role) => role.account_id(),
        }
    }

    /// Reads a 12-digit account id (of that partition), a root ARN or the ARN of a role.
    pub fn parse(text: &str, partition: Partition) -> Result<Self, NameFault> {
        const FIX: &str = "give the 12 digits of an account, its arn:…:root, or the ARN of a role";
        if let Ok(account) = text.parse::<AccountId>() {
            return Ok(Self::Account(partition, account));
        }
        let arn: Arn = text.parse().map_err(|_| NameFault::new("it names no AWS principal", FIX))?;
        if arn.service() == "iam" && arn.region().is_empty() && arn.resource() == "root" {
            let account = arn.account().parse().map_err(|_| NameFault::new("its account id is not 12 digits", FIX))?;
            let partition =
                arn.partition().parse().map_err(|_| NameFault::new("its partition is none of AWS's three", FIX))?;
            return Ok(Self::Account(partition, account));
        }
        Ok(Self::Role(role_arn(text).map_err(|fault| NameFault::new(fault.reason, FIX))?))
    }
}

impl fmt::Display for TrustedPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(partition, account) => write!(f, "arn:{partition}:iam::{account}:root"),
            Self::Role(role) => role.fmt(f),
        }
    }
}

/// The ARN of a role whose path and name hold nothing that can't be meant.
pub(super) fn role_arn(text: &str) -> Result<RoleArn, NameFault> {
    const FIX: &str = "give an ARN such as arn:aws:iam::123456789012:role/driftwise-readonly";
    let role: RoleArn =
        text.parse().map_err(|error: driftwise_contract::ids::ParseIdError| NameFault::new(error.cause, FIX))?;
    path_and_name(&format!("{}{}", role.path().trim_start_matches('/'), role.role_name()))?;
    Ok(role)
}

/// An External ID: 2 to 1,224 characters of `[\w+=,.@:\/-]` (STS API, `AssumeRole`, `ExternalId`). No secret, but one of its own
/// per connection: it keeps a principal that serves many customers from being led to another's role (the confused deputy).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

/// Shorter External IDs can be guessed; AWS takes them, the linter does not (DW-EXTID-003).
const UNGUESSABLE_MIN: usize = 16;
/// How many random bytes a generated External ID has.
const EXTERNAL_ID_BYTES: usize = 20;

impl ExternalId {
    /// A new one from the operating system's randomness: `dw-` and 40 hexadecimal digits (160 bits).
    pub fn generate() -> Result<Self, RandomnessFailed> {
        use fmt::Write as _;
        let mut bytes = [0; EXTERNAL_ID_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| RandomnessFailed)?;
        let mut text = String::from("dw-");
        for byte in bytes {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes for an External ID; try again")]
pub struct RandomnessFailed;

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ExternalId {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        const FIX: &str = "make one with `driftwise-issuer setup external-id`";
        if !(2..=1224).contains(&text.len()) {
            return Err(NameFault::new("an External ID has 2 to 1,224 characters", FIX));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b)) {
            return Err(NameFault::new("an External ID holds letters, digits and _+=,.@:/- only", FIX));
        }
        if text.len() < UNGUESSABLE_MIN || text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            let reason =
                format!("it can be guessed: it has fewer than {UNGUESSABLE_MIN} characters, or is a mere number");
            return Err(NameFault::new(reason, FIX));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The ARN of a KMS key: `arn:<partition>:kms:<region>:<account>:key/<id>`. No alias: IAM does not resolve one in `Resource`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KmsKeyArn {
    arn: Arn,
    partition: Partition,
    region: driftwise_contract::Region,
    account: AccountId,
}

impl KmsKeyArn {
    /// The text form.
    pub fn as_str(&self) -> &str {
        self.arn.as_str()
    }

    /// The key's partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The key's region, which is that of the bucket it seals.
    pub fn region(&self) -> &driftwise_contract::Region {
        &self.region
    }

    /// The key's account.
    pub fn account(&self) -> &AccountId {
        &self.account
    }
}

impl fmt::Display for KmsKeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.arn.fmt(f)
    }
}

impl FromStr for KmsKeyArn {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        const FIX: &str = "give the key's ARN, such as arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let fault = |reason: &str| NameFault::new(reason, FIX);
        let arn: Arn = text.parse().map_err(|_| fault("it is no ARN"))?;
        if arn.service() != "kms" {
            return Err(fault(&format!("it names a resource of {}", arn.service())));
        }
        if arn.resource().starts_with("alias/") {
            return Err(fault("it is an alias, which policies don't resolve"));
        }
        let id = arn.resource().strip_prefix("key/").ok_or_else(|| fault("it is not a key"))?;
        // A UUID, or `mrk-` and 32 hexadecimal digits for a key of several regions (KMS developer guide, "Key ID").
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_uuid = uuid::Uuid::try_parse(id).is_ok_and(|uuid| uuid.hyphenated().to_string() == id);
        let is_multi_region = id.strip_prefix("mrk-").is_some_and(|rest| rest.len() == 32 && rest.bytes().all(hex));
        if !is_uuid && !is_multi_region {
            return Err(fault("its key id is neither a UUID nor mrk- and 32 hexadecimal digits"));
        }
        let partition: Partition =
            arn.partition().parse().map_err(|_| fault("its partition is none of AWS's three"))?;
        let account = arn.account().parse().map_err(|_| fault("its account id is not 12 digits"))?;
        let region: driftwise_contract::Region = arn.region().parse().map_err(|_| fault("it names no region"))?;
        if !crate::setup::region::exists(&region) || region.partition() != partition {
            return Err(fault(&format!("{partition} has no region {region}")));
        }
        Ok(Self { arn, partition, region, account })
    }
}

/// Roles as lock-down names them: a role of one account, or of every account; the name may end in `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RolePattern {
    account: Option<AccountId>,
    path_and_name: String,
}

impl RolePattern {
    /// The pattern for `ArnLike` and `ArnNotLike` on `aws:PrincipalArn`.
    pub fn arn_pattern(&self, partition: Partition) -> String {
        let account = self.account.as_ref().map_or("*", AccountId::as_str);
        format!("arn:{partition}:iam::{account}:role/{}", self.path_and_name)
    }

    /// The one account, where the roles of one are meant.
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    /// Reads `terraform`, `team/terraform`, `aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*` or such a role's ARN, in
    /// which the account may be `*`. The name itself must say more than `*`.
    pub fn parse(text: &str, partition: Partition) -> Result<Self, NameFault> {
        const FIX: &str = "give a role's name, path/name or ARN";
        let (account, path_and_name_text) = match text.strip_prefix("arn:") {
            None => (None, text),
            Some(rest) => {
                let parts: Vec<&str> = rest.splitn(5, ':').collect();
                let [found, "iam", "", account, resource] = parts.as_slice() else {
                    return Err(NameFault::new("it is not the ARN of a role", FIX));
                };
                if *found != partition.as_str() {
                    return Err(NameFault::new(
                        format!("it lies in the partition {found}, the role in {partition}"),
                        "name roles of the same partition",
                    ));
                }
                let resource = resource.strip_prefix("role/").ok_or_else(|| NameFault::new("it is not a role", FIX))?;
                let account = match *account {
                    "*" => None,
                    digits => Some(digits.parse().map_err(|_| NameFault::new("its account id is not 12 digits", FIX))?),
                };
                (account, resource)
            }
        };
        // A star stands for characters of a name: with letters in its place it must be one.
        path_and_name(&path_and_name_text.replace('*', "x"))?;
        let name = path_and_name_text.rsplit('/').next().unwrap_or_default();
        if name.bytes().filter(u8::is_ascii_alphanumeric).count() < 4 && name.contains('*') {
            return Err(NameFault::new(
                "it would spare almost every role: before the * there are too few characters",
                "name the roles, or give at least four characters of their common name",
            ));
        }
        Ok(Self { account, path_and_name: path_and_name_text.trim_start_matches('/').to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names_hold_nothing_that_can_not_be_meant() {
        assert_eq!(path_and_name("scan").unwrap(), ("/".into(), "scan".into()));
        assert_eq!(path_and_name("/a/b/scan").unwrap(), ("/a/b/".into(), "scan".into()));
        for text in ["", "a/", "a//b", "a b", "a\"b", "<b>", "a'b", "${x}", "ä", "*", &"x".repeat(65), "a?/b"] {
            assert!(path_and_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn principals_are_accounts_or_roles() {
        let parse = |text| TrustedPrincipal::parse(text, Partition::Aws);
        assert_eq!(parse("123456789012").unwrap().to_string(), "arn:aws:iam::123456789012:root");
        for text in ["arn:aws:iam::123456789012:root", "arn:aws-cn:iam::123456789012:role/a/b"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        for text in ["*", "12345", "arn:aws:iam::123456789012:user/x", "arn:aws:s3:::b", "arn:aws:iam::aws:root"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn generated_external_ids_are_ids_and_differ() {
        let (one, other) = (ExternalId::generate().unwrap(), ExternalId::generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().parse::<ExternalId>().unwrap(), one);
        assert_eq!(one.as_str().len(), 43);
        for text in ["", "x", "a b", "a\"", "ä2", "dw-short", "123456789012345678", &"x".repeat(1225)] {
            assert!(text.parse::<ExternalId>().is_err(), "{text}");
        }
        assert!("a:/+=,.@-_9a:/+=,.@-_9".parse::<ExternalId>().is_ok());
    }

    #[test]
    fn kms_keys_are_named_by_their_arn() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(key.parse::<KmsKeyArn>().unwrap().to_string(), key);
        let multi = "arn:aws:kms:eu-central-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        assert!(multi.parse::<KmsKeyArn>().is_ok());
        for (text, reason) in [
            ("alias/x", "no ARN"),
            ("arn:aws:kms:eu-central-1:123456789012:alias/x", "alias"),
            ("arn:aws:s3:::bucket", "resource of s3"),
            ("arn:aws:kms:eu-central-1:123456789012:key/*", "key id"),
            ("arn:aws:kms:mars-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "no region"),
            ("arn:aws-cn:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "no region"),
        ] {
            let fault = text.parse::<KmsKeyArn>().unwrap_err();
            assert!(fault.reason.contains(reason), "{text}: {fault}");
        }
    }

    #[test]
    fn role_patterns_never_mean_every_role() {
        let parse = |text| RolePattern::parse(text, Partition::Aws);
        for (text, pattern) in [
            ("terraform", "arn:aws:iam::*:role/terraform"),
            ("a/terraform", "arn:aws:iam::*:role/a/terraform"),
            ("arn:aws:iam::123456789012:role/terraform", "arn:aws:iam::123456789012:role/terraform"),
            (
                "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*",
                "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*",
            ),
        ] {
            assert_eq!(parse(text).unwrap().arn_pattern(Partition::Aws), pattern);
        }
        for text in ["*", "a*", "x/*", "", "arn:aws:iam::*:role/*", "arn:aws-cn:iam::*:role/terraform", "a\"b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
