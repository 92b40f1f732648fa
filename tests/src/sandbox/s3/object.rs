//! Objects.

use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// An object to be stored.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// The content.
    pub body: Bytes,
    /// The content type.
    pub content_type: Option<String>,
    /// The cache headers that it is served with.
    pub cache_control: Option<String>,
    /// The ARN of the KMS key that encrypts it; whoever reads it then needs `kms:Decrypt`.
    pub kms_key: Option<String>,
}

impl Put {
    /// An unencrypted JSON document.
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self { body: text.into(), content_type: Some("application/json".to_owned()), ..Self::default() }
    }
}

/// One stored version of an object.
#[derive(Debug, Clone)]
pub struct ObjectVersion {
    /// The version id; `null` when the bucket had no versions at the time.
    pub id: String,
    /// The content.
    pub body: Bytes,
    /// The content type.
    pub content_type: String,
    /// The cache headers that it is served with.
    pub cache_control: Option<String>,
    /// An opaque word for the content. On S3 it is an MD5 sum only for some objects; nobody may rely on that.
    pub etag: String,
    /// When it was stored.
    pub modified: OffsetDateTime,
    /// The ARN of the KMS key that encrypts it.
    pub kms_key: Option<String>,
}

impl ObjectVersion {
    pub(super) fn new(
        bucket: &str,
        key: &str,
        body: Bytes,
        content_type: Option<String>,
        kms_key: Option<String>,
        number: Option<u64>,
        modified: OffsetDateTime,
    ) -> Self {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(&body)[..16]);
        let etag = format!("{:032x}", u128::from_be_bytes(digest));
        let id = number.map_or_else(
            || "null".to_owned(),
            |number| URL_SAFE_NO_PAD.encode(&Sha256::digest(format!("{bucket}/{key}/{number}"))[..24]),
        );
        let content_type = content_type.unwrap_or_else(|| "binary/octet-stream".to_owned());
        Self { id, body, content_type, cache_control: None, etag, modified, kms_key }
    }
}
