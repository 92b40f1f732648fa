//! S3: objects as streams, and listings.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::sync::mpsc;

use super::{AwsFailure, AwsSession, Service};

/// Chunks of a body that wait for the reader: what is in memory of an object at any time.
const CHUNKS_AHEAD: usize = 16;

/// An object that is being read.
#[derive(Debug)]
pub struct Object {
    /// The version that is read, on versioned buckets.
    pub version_id: Option<String>,
    /// Its content.
    pub body: ObjectBody,
}

/// An object's content as a blocking reader, for a thread of its own. The network runs ahead by a few chunks only.
#[derive(Debug)]
pub struct ObjectBody {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    current: io::Cursor<Vec<u8>>,
}

impl ObjectBody {
    /// A body that is in memory already.
    #[cfg(test)]
    pub(crate) fn of(content: Vec<u8>) -> Self {
        Self { chunks: mpsc::channel(1).1, current: io::Cursor::new(content) }
    }

    fn streaming(mut stream: ByteStream) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        tokio::spawn(async move {
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map(|bytes| bytes.to_vec()).map_err(io::Error::other);
                let ended = chunk.is_err();
                // A reader that stopped early has dropped its end.
                if sender.send(chunk).await.is_err() || ended {
                    break;
                }
            }
        });
        Self { chunks, current: io::Cursor::default() }
    }
}

impl Read for ObjectBody {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.current = io::Cursor::new(chunk?),
            }
        }
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<String>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// What a scan asks S3.
pub trait ObjectStore: Send + Sync {
    /// One page of the keys below a prefix.
    fn keys(
        &self,
        bucket: &str,
        prefix: &str,
        from: Option<String>,
    ) -> impl Future<Output = Result<KeyPage, AwsFailure>> + Send;
    /// Opens an object.
    fn open(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Object, AwsFailure>> + Send;
}

/// The real one: follows each bucket to its region.
#[derive(Debug)]
pub struct S3 {
    session: AwsSession,
    home: String,
    regions: Mutex<HashMap<String, String>>,
    clients: Mutex<HashMap<String, Client>>,
}

impl S3 {
    /// S3, asked in `home` until a bucket turns out to lie elsewhere.
    pub fn new(session: &AwsSession, home: &str) -> Self {
        Self { session: session.clone(), home: home.to_owned(), regions: Mutex::default(), clients: Mutex::default() }
    }

    fn region_of(&self, bucket: &str) -> String {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.get(bucket).cloned().unwrap_or_else(|| self.home.clone())
    }

    /// Remembers where a bucket lies; whether that is news, so that the call is worth repeating.
    fn learn(&self, bucket: &str, region: Option<String>) -> bool {
        let Some(region) = region else { return false };
        if self.region_of(bucket) == region {
            return false;
        }
        self.regions.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned(), region);
        true
    }

    fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(region.to_owned()).or_insert_with(|| {
            let config = aws_sdk_s3::config::Builder::from(&self.session.in_region(region))
                .force_path_style(self.session.s3_path_style)
                .build();
            Client::from_conf(config)
        });
        client.clone()
    }

    async fn keys_once(
        &self,
        bucket: &str,
        prefix: &str,
        from: Option<String>,
    ) -> Result<KeyPage, (AwsFailure, Option<String>)> {
        let region = self.region_of(bucket);
        self.session.limiter.admit(Service::S3, &region).await;
        let answer = self
            .client(&region)
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .set_continuation_token(from)
            .send()
            .await
            .map_err(|error| (AwsFailure::of(Service::S3, "ListObjectsV2", &error), bucket_region(&error)))?;
        let keys = answer.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
        Ok(KeyPage { keys, next: answer.next_continuation_token().map(str::to_owned) })
    }

    async fn open_once(&self, bucket: &str, key: &str) -> Result<Object, (AwsFailure, Option<String>)> {
        let region = self.region_of(bucket);
        self.session.limiter.admit(Service::S3, &region).await;
        let answer = self
            .client(&region)
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| (AwsFailure::of(Service::S3, "GetObject", &error), bucket_region(&error)))?;
        tracing::debug!(bucket, key, request.id = answer.request_id(), "object opened");
        // An unversioned bucket answers without a version, or with "null".
        let version_id = answer.version_id().filter(|version| *version != "null").map(str::to_owned);
        Ok(Object { version_id, body: ObjectBody::streaming(answer.body) })
    }
}

impl ObjectStore for S3 {
    async fn keys(&self, bucket: &str, prefix: &str, from: Option<String>) -> Result<KeyPage, AwsFailure> {
        match self.keys_once(bucket, prefix, from.clone()).await {
            Err((_, region)) if self.learn(bucket, region.clone()) => self.keys_once(bucket, prefix, from).await,
            result => result,
        }
        .map_err(|(failure, _)| failure)
    }

    async fn open(&self, bucket: &str, key: &str) -> Result<Object, AwsFailure> {
        match self.open_once(bucket, key).await {
            Err((_, region)) if self.learn(bucket, region.clone()) => self.open_once(bucket, key).await,
            result => result,
        }
        .map_err(|(failure, _)| failure)
    }
}

/// S3 names the bucket's region in the answer that refuses a call to another one.
fn bucket_region<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    error.raw_response()?.headers().get("x-amz-bucket-region").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_in_full_whatever_the_size_of_its_chunks() {
        let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut body = ObjectBody::streaming(ByteStream::from(content.clone()));
        let read = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            body.read_to_end(&mut read).map(|_| read)
        });
        assert_eq!(read.await.unwrap().unwrap(), content);
    }
}
