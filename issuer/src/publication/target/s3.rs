//! An S3 bucket. Objects carry the content type and the cache headers that the issuer itself would send; the version before
//! is kept below `previous/`.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Target, TargetError};
use crate::config::Bucket;
use crate::federation::Document;

/// How long one call may take, with its retries: the objects have a few kilobytes.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A bucket that the issuer URL leads to.
#[derive(Debug, Clone)]
pub struct S3Target {
    client: Client,
    bucket: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

/// An object as it is served.
struct Object {
    body: Bytes,
    media_type: Option<String>,
    cache_control: Option<String>,
}

impl S3Target {
    /// Names the bucket, with credentials as the AWS SDK finds them (environment, profile, container, instance).
    pub async fn open(config: &Bucket) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts);
        if let Some(region) = &config.region {
            loader = loader.region(Region::new(region.to_string()));
        }
        Self::with_config(config, &loader.load().await)
    }

    /// The same with an AWS configuration that stands already: its credentials, region and time-outs.
    pub fn with_config(config: &Bucket, aws: &SdkConfig) -> Self {
        let mut builder = aws_sdk_s3::config::Builder::from(aws);
        if let Some(endpoint_url) = &config.endpoint_url {
            // Other servers than AWS's rarely have a host name per bucket.
            builder = builder.endpoint_url(endpoint_url.as_str()).force_path_style(true);
        }
        let prefix = if config.prefix.is_empty() { String::new() } else { format!("{}/", config.prefix) };
        Self { client: Client::from_conf(builder.build()), bucket: config.name.to_string(), prefix }
    }

    async fn put_if_other(&self, path: &str, document: &Document) -> Result<bool, TargetError> {
        let key = format!("{}{path}", self.prefix);
        let wanted = Object {
            body: document.body.clone(),
            media_type: Some(document.media_type.to_owned()),
            cache_control: Some(document.cache_control.to_owned()),
        };
        if let Some(old) = self.read(&key, path).await? {
            if old.body == wanted.body
                && old.media_type == wanted.media_type
                && old.cache_control == wanted.cache_control
            {
                return Ok(false);
            }
            self.write(&format!("{}previous/{path}", self.prefix), old, path).await?;
        }
        self.write(&key, wanted, path).await?;
        Ok(true)
    }

    async fn read(&self, key: &str, path: &str) -> Result<Option<Object>, TargetError> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(None),
            Err(error) => return Err(self.fault(path, &error)),
        };
        let (media_type, cache_control) =
            (answer.content_type().map(str::to_owned), answer.cache_control().map(str::to_owned));
        let body = answer.body.collect().await.map_err(|error| self.unreadable(path, &error))?.into_bytes();
        Ok(Some(Object { body, media_type, cache_control }))
    }

    /// S3 replaces objects whole: a reader sees the old or the new one.
    async fn write(&self, key: &str, object: Object, path: &str) -> Result<(), TargetError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(object.body));
        put.set_content_type(object.media_type)
            .set_cache_control(object.cache_control)
            .send()
            .await
            .map(drop)
            .map_err(|error| self.fault(path, &error))
    }

    fn unreadable(&self, path: &str, error: &(dyn std::error::Error + 'static)) -> TargetError {
        TargetError { path: path.to_owned(), place: self.place(), cause: causes(error), hint: None }
    }

    fn fault<E: ProvideErrorMetadata + std::error::Error + 'static>(&self, path: &str, error: &E) -> TargetError {
        let code = error.code();
        let hint = match code {
            Some("NoSuchBucket") => Some("Make the bucket, or correct publication.bucket and publication.region."),
            Some("AccessDenied") => Some(
                "The issuer needs s3:GetObject and s3:PutObject on the objects, and s3:ListBucket on the bucket: without it, S3 \
                 does not tell an absent object from a forbidden one.",
            ),
            Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => {
                Some("The bucket lies in another region: correct publication.region.")
            }
            _ => None,
        };
        let cause = match (code, error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => causes(error),
        };
        TargetError { path: path.to_owned(), place: self.place(), cause, hint }
    }
}

impl Target for S3Target {
    fn kind(&self) -> &'static str {
        "bucket"
    }

    fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    fn put<'a>(&'a self, path: &'a str, document: &'a Document) -> BoxFuture<'a, Result<bool, TargetError>> {
        self.put_if_other(path, document).boxed()
    }
}

/// The error and its causes. Not its Debug form, which shows whole answers.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
