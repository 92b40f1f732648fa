//! Where a Terraform state lies in S3: a bucket, and the prefixes of the keys that may be read.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use driftwise_contract::Partition;

/// The name of a general purpose bucket, by AWS's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketName(String);

/// The beginning of the object keys that a policy covers; no wildcards, which IAM would expand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(String);

/// A bucket and prefixes; without prefixes, the whole bucket. The workspaces of a prefix belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateLocation {
    /// The bucket.
    pub bucket: BucketName,
    /// The prefixes.
    pub key_prefixes: Vec<KeyPrefix>,
}

/// Where Terraform's S3 backend puts workspaces by default (`workspace_key_prefix`): beside the prefix of the default one,
/// `env:/<workspace>/<key>`. To find a key's workspaces, their names must be listed.
const WORKSPACES: &str = "env:/";

/// What the templates show of a [`StateLocation`].
pub(in crate::setup) struct StateView {
    pub(in crate::setup) bucket_arn: String,
    pub(in crate::setup) object_arns: Vec<String>,
    pub(in crate::setup) list_patterns: Vec<String>,
}

impl StateLocation {
    pub(in crate::setup) fn view(&self, partition: Partition) -> StateView {
        // Bucket ARNs hold neither region nor account.
        let bucket_arn = format!("arn:{partition}:s3:::{}", self.bucket.0);
        if self.key_prefixes.is_empty() {
            return StateView { object_arns: vec![format!("{bucket_arn}/*")], bucket_arn, list_patterns: Vec::new() };
        }
        let (mut object_arns, mut list_patterns) = (Vec::new(), Vec::new());
        for KeyPrefix(prefix) in &self.key_prefixes {
            object_arns.push(format!("{bucket_arn}/{prefix}*"));
            list_patterns.push(format!("{prefix}*"));
            if !prefix.starts_with(WORKSPACES) {
                object_arns.push(format!("{bucket_arn}/{WORKSPACES}*/{prefix}*"));
            }
        }
        let workspaces = format!("{WORKSPACES}*");
        if object_arns.len() > list_patterns.len() && !list_patterns.contains(&workspaces) {
            list_patterns.push(workspaces);
        }
        StateView { bucket_arn, object_arns, list_patterns }
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BucketName {
    type Err = String;

    /// S3 user guide, "General purpose bucket naming rules".
    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |cause: &str| Err(format!("{text:?} is no bucket name: {cause}"));
        if !(3..=63).contains(&text.len()) {
            return fault("it must have 3 to 63 characters");
        }
        let edge = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-') {
            return fault("only lower-case letters, digits, dots and hyphens are allowed");
        }
        if !edge(text.bytes().next()) || !edge(text.bytes().last()) {
            return fault("it must begin and end with a letter or digit");
        }
        if text.contains("..") {
            return fault("two dots must not stand side by side");
        }
        if text.parse::<Ipv4Addr>().is_ok() {
            return fault("it must not look like an IP address");
        }
        let prefix = ["xn--", "sthree-", "amzn-s3-demo-"].into_iter().find(|prefix| text.starts_with(prefix));
        let suffix =
            ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].into_iter().find(|suffix| text.ends_with(suffix));
        if let Some(reserved) = prefix.or(suffix) {
            return fault(&format!("{reserved} is reserved by AWS"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |cause: &str| Err(format!("{text:?} is no key prefix: {cause}"));
        if text.is_empty() {
            return fault("it is empty; leave it out to cover the whole bucket");
        }
        // An object key has at most 1,024 bytes.
        if text.len() > 1024 {
            return fault("it is longer than a key may be (1,024 bytes)");
        }
        if text.contains(['*', '?']) {
            return fault("IAM would take * and ? for wildcards; give the plain beginning of the keys");
        }
        if text.contains('$') {
            return fault("IAM would take ${ for a policy variable; give a beginning without $");
        }
        if text.chars().any(char::is_control) {
            return fault("control characters are not allowed");
        }
        if text.starts_with('/') {
            return fault("keys do not begin with a slash; leave it out");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for name in ["tf-state", "abc", "my.bucket.1", "1a2", &"a".repeat(63)] {
            assert!(name.parse::<BucketName>().is_ok(), "{name}");
        }
        for (name, reason) in [
            ("ab", "3 to 63"),
            (&"a".repeat(64) as &str, "3 to 63"),
            ("My-Bucket", "lower-case"),
            ("a_b_c", "lower-case"),
            ("bucket/key", "lower-case"),
            ("-abc", "begin and end"),
            ("abc.", "begin and end"),
            ("a..b", "side by side"),
            ("192.168.5.4", "IP address"),
            ("xn--abc", "reserved"),
            ("abc-s3alias", "reserved"),
            ("a\"},{\"", "lower-case"),
        ] {
            let error = name.parse::<BucketName>().unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
        }
    }

    #[test]
    fn key_prefixes_hold_nothing_that_iam_expands() {
        for prefix in ["prod/", "env:/", "network/terraform.tfstate", "ä \"b\""] {
            assert!(prefix.parse::<KeyPrefix>().is_ok(), "{prefix}");
        }
        for prefix in ["", "*", "prod/*", "a?b", "${aws:username}/", "/prod", "a\nb", &"a".repeat(1025)] {
            assert!(prefix.parse::<KeyPrefix>().is_err(), "{prefix}");
        }
    }
}
