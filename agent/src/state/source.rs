//! Where states lie: an S3 object, all states below an S3 prefix, a glob over a bucket, or a local file, directory or
//! glob. Pure: who fetches lists by [`StateSource::list_prefix`] and asks [`StateSource::matches`] of each key.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

/// A place where one or many states lie.
#[derive(Debug, Clone)]
pub enum StateSource {
    /// `s3://bucket/key`: one object.
    S3Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// `s3://bucket/prefix/` or `s3://bucket`: every `*.tfstate` below, and every workspace (`env:/<workspace>/<key>`)
    /// that lies there.
    S3Prefix {
        /// The bucket.
        bucket: String,
        /// The prefix; empty, or with a slash at its end.
        prefix: String,
    },
    /// `s3://bucket/**/*.tfstate`: every object whose key matches. `*` stays within one folder, `**` does not.
    S3Glob {
        /// The bucket.
        bucket: String,
        /// The pattern.
        glob: GlobMatcher,
    },
    /// A local file, or a directory with every `*.tfstate` below.
    Local(PathBuf),
    /// A pattern over local files.
    LocalGlob(GlobMatcher),
}

/// A text that names no place of states.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{input:?} is no place of Terraform states: {cause}; expected s3://bucket/key, s3://bucket/prefix/, s3://bucket/**/*.tfstate or a path"
)]
pub struct StateSourceError {
    /// The text as given.
    pub input: String,
    /// What is wrong with it.
    pub cause: String,
}

impl StateSource {
    /// Reads a source as the command line and the configuration give it.
    pub fn parse(text: &str) -> Result<Self, StateSourceError> {
        let fault = |cause: String| StateSourceError { input: text.to_owned(), cause };
        if text.is_empty() {
            return Err(fault("it is empty".into()));
        }
        let Some(rest) = text.strip_prefix("s3://") else {
            if let Some((scheme, _)) = text.split_once("://") {
                return Err(fault(format!("{scheme} is no scheme that is read")));
            }
            return if is_pattern(text) {
                Ok(Self::LocalGlob(glob(text).map_err(fault)?))
            } else {
                Ok(Self::Local(text.into()))
            };
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
        let bucket_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(bucket_byte) {
            return Err(fault(format!("{bucket:?} is no bucket name")));
        }
        let bucket = bucket.to_owned();
        Ok(if is_pattern(key) {
            Self::S3Glob { bucket, glob: glob(key).map_err(fault)? }
        } else if key.is_empty() || key.ends_with('/') {
            Self::S3Prefix { bucket, prefix: key.to_owned() }
        } else {
            Self::S3Object { bucket, key: key.to_owned() }
        })
    }

    /// The bucket, of the S3 sources.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::S3Object { bucket, .. } | Self::S3Prefix { bucket, .. } | Self::S3Glob { bucket, .. } => Some(bucket),
            Self::Local(_) | Self::LocalGlob(_) => None,
        }
    }

    /// The prefix that a listing needs, so that every key of the source is in it; `None` where nothing is listed: one
    /// object, or local files.
    pub fn list_prefix(&self) -> Option<&str> {
        match self {
            Self::S3Prefix { prefix, .. } => Some(prefix),
            Self::S3Glob { glob, .. } => {
                let pattern = glob.glob().glob();
                let fixed = pattern.find(PATTERN_BYTES).unwrap_or(pattern.len());
                Some(&pattern[..pattern[..fixed].rfind('/').map_or(0, |slash| slash + 1)])
            }
            Self::S3Object { .. } | Self::Local(_) | Self::LocalGlob(_) => None,
        }
    }

    /// Every prefix to list: [`list_prefix`](Self::list_prefix), and for a prefix that of the workspaces, which lie beside
    /// it, not below: the workspace `prod` of `net/terraform.tfstate` is `env:/prod/net/terraform.tfstate`.
    pub fn list_prefixes(&self) -> Vec<&str> {
        let workspaces = match self {
            Self::S3Prefix { prefix, .. } if !prefix.is_empty() && !prefix.starts_with(WORKSPACES) => Some(WORKSPACES),
            _ => None,
        };
        self.list_prefix().into_iter().chain(workspaces).collect()
    }

    /// Whether an S3 key (or the text of a local path) belongs to the source. Lock files (`.tflock`), backups and the
    /// digests of lock tables never do.
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::S3Object { key: own, .. } => own == key,
            Self::S3Prefix { prefix, .. } => {
                let of_workspace = key.strip_prefix(WORKSPACES).and_then(|rest| rest.split_once('/'));
                let below = |key: &str| key.starts_with(prefix.as_str());
                is_state_name(key) && (below(key) || of_workspace.is_some_and(|(_, key)| below(key)))
            }
            Self::S3Glob { glob, .. } | Self::LocalGlob(glob) => glob.is_match(key) && !key.ends_with(".tflock"),
            Self::Local(path) => path.as_os_str() == key,
        }
    }

    /// The URI of one object of the source.
    pub fn uri_of(&self, key: &str) -> String {
        self.bucket().map_or_else(|| key.to_owned(), |bucket| format!("s3://{bucket}/{key}"))
    }
}

/// The default `workspace_key_prefix` of Terraform's S3 backend.
const WORKSPACES: &str = "env:/";

/// Whether a file is named as states are. A key without an ending below a workspace prefix (`env:/prod/network`) is the
/// state of a backend whose `key` has none.
pub(super) fn is_state_name(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    name.ends_with(".tfstate") || (key.starts_with(WORKSPACES) && !name.is_empty() && !name.contains('.'))
}

const PATTERN_BYTES: [char; 5] = ['*', '?', '[', '{', '\\'];

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    let built = GlobBuilder::new(pattern).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

impl FromStr for StateSource {
    type Err = StateSourceError;

    fn from_str(text: &str) -> Result<Self, StateSourceError> {
        Self::parse(text)
    }
}

impl fmt::Display for StateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Self::S3Prefix { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::S3Glob { bucket, glob } => write!(f, "s3://{bucket}/{}", glob.glob()),
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::LocalGlob(glob) => write!(f, "{}", glob.glob()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_source_parses_and_prints_back() {
        for text in [
            "s3://states/net/terraform.tfstate",
            "s3://states/net/",
            "s3://states/",
            "s3://states/**/*.tfstate",
            "a.tfstate",
            "dir/",
            "dir/**/*.tfstate",
        ] {
            assert_eq!(StateSource::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "s3://", "s3://B/key", "https://example.com/state", "s3://states/[", "gs://b/k"] {
            let error = StateSource::parse(text).unwrap_err().to_string();
            assert!(error.contains("s3://bucket/key"), "{error}");
        }
    }

    #[test]
    fn a_prefix_takes_states_and_workspaces_and_leaves_locks() {
        let all = StateSource::parse("s3://states/").unwrap();
        assert_eq!(all.list_prefix(), Some(""));
        for (key, expected) in [
            ("net/terraform.tfstate", true),
            ("env:/prod/net/terraform.tfstate", true),
            ("env:/prod/network", true),
            ("net/terraform.tfstate.tflock", false),
            ("net/terraform.tfstate.backup", false),
            ("net/", false),
            ("readme.txt", false),
        ] {
            assert_eq!(all.matches(key), expected, "{key}");
        }
        let below = StateSource::parse("s3://states/net/").unwrap();
        assert!(below.matches("net/a.tfstate") && !below.matches("other/a.tfstate"));
        assert!(below.matches("env:/prod/net/a.tfstate") && !below.matches("env:/prod/other/a.tfstate"));
        assert_eq!(below.list_prefixes(), ["net/", "env:/"]);
        assert_eq!(all.list_prefixes(), [""]);
        assert_eq!(below.uri_of("net/a.tfstate"), "s3://states/net/a.tfstate");
    }

    #[test]
    fn a_glob_lists_by_its_fixed_folders() {
        let glob = StateSource::parse("s3://states/team/*/prod*.tfstate").unwrap();
        assert_eq!(glob.list_prefix(), Some("team/"));
        assert!(glob.matches("team/a/prod-1.tfstate"));
        assert!(!glob.matches("team/a/b/prod-1.tfstate") && !glob.matches("team/a/prod-1.tfstate.tflock"));
        assert_eq!(StateSource::parse("s3://states/**/*.tfstate").unwrap().list_prefix(), Some(""));
    }
}
