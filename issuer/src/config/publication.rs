//! `[publication]`: where the public documents are copied to, and whether they are read back.

use std::path::PathBuf;
use std::time::Duration;

use driftwise_contract::Region;
use serde::Deserialize;
use url::Url;

use super::raw::Faults;
use crate::setup::BucketName;

/// `[publication]`: where the public documents are copied to, and whether they are read back.
#[derive(Debug, Clone)]
pub struct Publication {
    /// `directory`: the root of a static site that the issuer URL leads to. Default: none.
    pub directory: Option<PathBuf>,
    /// `bucket`, with `prefix`, `region` and `endpoint_url`: an S3 bucket that the issuer URL leads to. Default: none.
    pub bucket: Option<Bucket>,
    /// `interval`: how often documents are copied and read back when nothing changes. Default 5m; 10s to 1h.
    pub interval: Duration,
    /// `read_back`: read the public URL back, and let a staged key sign only after it was seen there for the whole window.
    /// Default true.
    pub read_back: bool,
    /// `ca_file`: PEM certificates that the read-back trusts beside the system's. Default: none.
    pub ca_file: Option<PathBuf>,
}

/// An S3 bucket, or one of a server that speaks S3.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// `bucket`
    pub name: BucketName,
    /// `prefix`: the key of the issuer URL's root, without slashes at its ends. Default: the bucket's root.
    pub prefix: String,
    /// `region`. Default: as the AWS SDK finds it (`AWS_REGION`, profile).
    pub region: Option<Region>,
    /// `endpoint_url`: another S3 than AWS's. Default: none.
    pub endpoint_url: Option<Url>,
}

impl Default for Publication {
    fn default() -> Self {
        Self { directory: None, bucket: None, interval: Duration::from_mins(5), read_back: true, ca_file: None }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    directory: Option<PathBuf>,
    bucket: Option<String>,
    prefix: Option<String>,
    region: Option<String>,
    endpoint_url: Option<String>,
    interval: Option<String>,
    read_back: Option<bool>,
    ca_file: Option<PathBuf>,
}

impl Raw {
    pub(super) fn parse(self, publication: &mut Publication, faults: &mut Faults) {
        publication.directory = self.directory;
        publication.ca_file = self.ca_file;
        publication.read_back = self.read_back.unwrap_or(publication.read_back);
        faults.duration("publication.interval", self.interval, &mut publication.interval);
        if !(Duration::from_secs(10)..=Duration::from_hours(1)).contains(&publication.interval) {
            faults.add("publication.interval", "it must be 10s to 1h");
        }
        let (mut region, mut endpoint_url) = (None, None);
        optional("publication.region", self.region, &mut region, faults);
        optional("publication.endpoint_url", self.endpoint_url, &mut endpoint_url, faults);
        let prefix = self.prefix.map(|prefix| prefix.trim_matches('/').to_owned()).unwrap_or_default();
        if prefix.len() > 900 || prefix.chars().any(char::is_control) {
            faults.add(
                "publication.prefix",
                "it is no beginning of an object key: at most 900 bytes, no control characters",
            );
        }
        let mut name = None;
        optional("publication.bucket", self.bucket, &mut name, faults);
        match name {
            Some(name) => publication.bucket = Some(Bucket { name, prefix, region, endpoint_url }),
            None if !prefix.is_empty() || region.is_some() || endpoint_url.is_some() => {
                faults.add("publication", "prefix, region and endpoint_url belong to a bucket: give bucket too");
            }
            None => {}
        }
    }
}

fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(
    key: &str,
    text: Option<String>,
    slot: &mut Option<T>,
    faults: &mut Faults,
) {
    match text.map(|text| text.parse()) {
        Some(Ok(value)) => *slot = Some(value),
        Some(Err(error)) => faults.add(key, &error),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn read(section: &str) -> Result<Config, super::super::ConfigError> {
        Config::from_toml(&format!("[server]\nissuer_url = \"https://id.example.com\"\n[publication]\n{section}"))
    }

    #[test]
    fn a_bucket_is_read_with_what_belongs_to_it() {
        let bucket =
            "bucket = \"keys\"\nprefix = \"/id/\"\nregion = \"eu-central-1\"\nendpoint_url = \"http://localhost:9000\"";
        let publication = read(&format!("interval = \"1m 30s\"\n{bucket}")).unwrap().publication;
        assert_eq!((publication.interval.as_secs(), publication.bucket.unwrap().prefix.as_str()), (90, "id"));
    }

    #[test]
    fn what_contradicts_itself_is_refused_by_key() {
        for (section, says) in [
            ("prefix = \"id\"", "give bucket too"),
            ("interval = \"1s\"", "10s to 1h"),
            ("interval = \"often\"", "publication.interval"),
            ("bucket = \"My_Bucket\"", "lower-case"),
            ("bucket = \"keys\"\nregion = \"mars\"", "publication.region"),
            ("bucket = \"keys\"\nendpoint_url = \"nowhere\"", "publication.endpoint_url"),
        ] {
            let error = read(section).unwrap_err().to_string();
            assert!(error.contains(says), "{section}: {error}");
        }
    }
}
