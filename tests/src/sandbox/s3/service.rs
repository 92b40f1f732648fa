//! The operations.

use std::sync::Arc;

use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use driftwise_contract::policy::PolicyDocument;
use futures::TryStreamExt;
#[allow(
    clippy::wildcard_imports,
    reason = "s3s's own idiom: dozens of one-line types; the lint is silent in test builds"
)]
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::{
    ObjectVersion, Put,
    bucket::{with_bucket, with_bucket_mut},
    permission::{Ask, caller, no_such_bucket},
};
use crate::sandbox::{World, auth::Context};

const MOST_KEYS: i32 = 1_000;

/// The world's buckets behind s3s.
pub(super) struct Storage {
    world: Arc<World>,
}

impl Storage {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    fn ask<'a, T>(&'a self, request: &'a S3Request<T>, bucket: &'a str) -> S3Result<Ask<'a>> {
        Ok(Ask { world: &self.world, caller: caller(&request.extensions)?, bucket })
    }

    /// The object that a read asks for, after every check.
    fn open(&self, ask: &Ask<'_>, key: &str, version_id: Option<&str>) -> S3Result<(ObjectVersion, bool)> {
        ask.in_region()?;
        let action = if version_id.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        ask.may(action, Some(key), Context::new())?;
        let found = with_bucket(&self.world, ask.bucket, |_, bucket| {
            let version = version_id.map_or_else(|| bucket.current(key), |id| bucket.version(key, id));
            (version.cloned(), bucket.is_versioned)
        });
        let (version, is_versioned) = found.ok_or_else(|| no_such_bucket(ask.bucket))?;
        let version = version.ok_or_else(|| match version_id {
            None => ask.absent(S3ErrorCode::NoSuchKey, "The specified key does not exist."),
            Some(_) => ask.absent(S3ErrorCode::NoSuchVersion, "The specified version does not exist."),
        })?;
        if let Some(key_arn) = &version.kms_key {
            ask.may_use_key("kms:Decrypt", key_arn, key)?;
        }
        Ok((version, is_versioned))
    }
}

#[async_trait::async_trait]
impl S3 for Storage {
    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &req.input;
        let ask = self.ask(&req, &input.bucket)?;
        let (version, is_versioned) = self.open(&ask, &input.key, input.version_id.as_deref())?;
        let full = version.body.len() as u64;
        let range = match &input.range {
            None => None,
            Some(range) => {
                Some(range.check(full).map_err(|_| s3_error!(InvalidRange, "The requested range is not satisfiable"))?)
            }
        };
        // The object is in memory, so its length fits.
        let slice = range.as_ref().map_or_else(
            || version.body.clone(),
            |range| {
                version.body.slice(
                    usize::try_from(range.start).unwrap_or_default()..usize::try_from(range.end).unwrap_or_default(),
                )
            },
        );
        let output = GetObjectOutput {
            content_length: i64::try_from(slice.len()).ok(),
            body: Some(StreamingBlob::from(s3s::Body::from(slice))),
            content_range: range.map(|range| format!("bytes {}-{}/{full}", range.start, range.end - 1)),
            accept_ranges: Some("bytes".to_owned()),
            content_type: Some(version.content_type),
            cache_control: version.cache_control,
            e_tag: Some(ETag::Strong(version.etag)),
            last_modified: Some(version.modified.into()),
            server_side_encryption: Some(encryption(version.kms_key.as_deref())),
            ssekms_key_id: version.kms_key,
            version_id: is_versioned.then_some(version.id),
            ..GetObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = &req.input;
        let ask = self.ask(&req, &input.bucket)?;
        let (version, is_versioned) = self.open(&ask, &input.key, input.version_id.as_deref())?;
        let output = HeadObjectOutput {
            content_length: i64::try_from(version.body.len()).ok(),
            accept_ranges: Some("bytes".to_owned()),
            content_type: Some(version.content_type),
            cache_control: version.cache_control,
            e_tag: Some(ETag::Strong(version.etag)),
            last_modified: Some(version.modified.into()),
            server_side_encryption: Some(encryption(version.kms_key.as_deref())),
            ssekms_key_id: version.kms_key,
            version_id: is_versioned.then_some(version.id),
            ..HeadObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn put_object(&self, mut req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let body = match req.input.body.take() {
            Some(body) => {
                let parts: Vec<Bytes> = body.try_collect().await.map_err(|_| s3_error!(IncompleteBody))?;
                Bytes::from(parts.concat())
            }
            None => Bytes::new(),
        };
        let input = &req.input;
        let ask = self.ask(&req, &input.bucket)?;
        ask.in_region()?;
        ask.may("s3:PutObject", Some(&input.key), Context::new())?;
        let default_key = with_bucket(&self.world, &input.bucket, |_, bucket| bucket.default_kms_key.clone()).flatten();
        let kms_key = input.ssekms_key_id.clone().or(default_key);
        if let Some(key_arn) = &kms_key {
            ask.may_use_key("kms:GenerateDataKey", key_arn, &input.key)?;
        }
        let put = Put {
            body,
            content_type: input.content_type.clone(),
            cache_control: input.cache_control.clone(),
            kms_key: kms_key.clone(),
        };
        let now = self.world.now();
        let stored = with_bucket_mut(&self.world, &input.bucket, |bucket| {
            let id = bucket.put(&input.key, put, now);
            let etag = bucket.current(&input.key).map(|version| version.etag.clone());
            (bucket.is_versioned.then_some(id), etag)
        });
        let (version_id, etag) = stored.ok_or_else(|| no_such_bucket(&input.bucket))?;
        let output = PutObjectOutput {
            e_tag: etag.map(ETag::Strong),
            server_side_encryption: Some(encryption(kms_key.as_deref())),
            ssekms_key_id: kms_key,
            version_id,
            ..PutObjectOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = &req.input;
        let ask = self.ask(&req, &input.bucket)?;
        ask.in_region()?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let most = input.max_keys.unwrap_or(MOST_KEYS).clamp(0, MOST_KEYS);
        let mut context = Context::new();
        context.set("s3:prefix", prefix).set_number("s3:max-keys", i64::from(most));
        if let Some(delimiter) = delimiter {
            context.set("s3:delimiter", delimiter);
        }
        ask.may("s3:ListBucket", None, context)?;
        let after = match &input.continuation_token {
            Some(token) => decode_token(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        };
        let page = with_bucket(&self.world, &input.bucket, |_, bucket| {
            let keys = bucket.objects.iter().map(|(key, versions)| (key.as_str(), versions.last()));
            Listing::read(keys, prefix, delimiter, &after, most)
        })
        .ok_or_else(|| no_such_bucket(&input.bucket))?;
        let output = ListObjectsV2Output {
            name: Some(input.bucket.clone()),
            prefix: Some(prefix.to_owned()),
            delimiter: input.delimiter.clone(),
            max_keys: Some(most),
            key_count: i32::try_from(page.contents.len() + page.prefixes.len()).ok(),
            continuation_token: input.continuation_token.clone(),
            start_after: input.start_after.clone(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|last| URL_SAFE_NO_PAD.encode(last)),
            contents: Some(page.contents),
            common_prefixes: Some(
                page.prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) }).collect(),
            ),
            ..ListObjectsV2Output::default()
        };
        Ok(S3Response::new(output))
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = &req.input;
        let ask = self.ask(&req, &input.bucket)?;
        ask.in_region()?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let mut context = Context::new();
        context.set("s3:prefix", prefix);
        ask.may("s3:ListBucketVersions", None, context)?;
        let versions = with_bucket(&self.world, &input.bucket, |_, bucket| {
            let matching = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix));
            matching.flat_map(|(key, versions)| describe_versions(key, versions)).collect::<Vec<_>>()
        })
        .ok_or_else(|| no_such_bucket(&input.bucket))?;
        let output = ListObjectVersionsOutput {
            name: Some(input.bucket.clone()),
            prefix: Some(prefix.to_owned()),
            is_truncated: Some(false),
            max_keys: Some(MOST_KEYS),
            versions: Some(versions),
            ..ListObjectVersionsOutput::default()
        };
        Ok(S3Response::new(output))
    }

    async fn list_buckets(&self, req: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let caller = caller(&req.extensions)?;
        self.world
            .authorize(caller, "s3:ListAllMyBuckets", "*", Context::new())
            .map_err(|error| S3Error::with_message(S3ErrorCode::AccessDenied, error.message))?;
        let buckets = self.world.account(&caller.account_id, |account| {
            let all = account.buckets.iter();
            all.map(|bucket| Bucket {
                name: Some(bucket.name.clone()),
                creation_date: Some(bucket.created.into()),
                bucket_region: Some(bucket.region.clone()),
            })
            .collect()
        });
        let owner = Owner { id: Some(caller.account_id.clone()), ..Owner::default() };
        Ok(S3Response::new(ListBucketsOutput { buckets, owner: Some(owner), ..ListBucketsOutput::default() }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let ask = self.ask(&req, &req.input.bucket)?;
        ask.in_region()?;
        ask.may("s3:ListBucket", None, Context::new())?;
        let region = ask.caller.region.clone();
        Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(region), ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let ask = self.ask(&req, &req.input.bucket)?;
        ask.may("s3:GetBucketLocation", None, Context::new())?;
        let region = with_bucket(&self.world, &req.input.bucket, |_, bucket| bucket.region.clone());
        // "Buckets in Region us-east-1 have a LocationConstraint of null."
        let constraint = region.filter(|region| region != "us-east-1").map(BucketLocationConstraint::from);
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: constraint }))
    }

    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let caller = caller(&req.extensions)?;
        let name = &req.input.bucket;
        self.world
            .authorize(caller, "s3:CreateBucket", &format!("arn:aws:s3:::{name}"), Context::new())
            .map_err(|error| S3Error::with_message(S3ErrorCode::AccessDenied, error.message))?;
        let constraint =
            req.input.create_bucket_configuration.as_ref().and_then(|given| given.location_constraint.as_ref());
        let region = constraint.map_or("us-east-1", |constraint| constraint.as_str());
        if region != caller.region {
            let said = format!(
                "The {region} location constraint is incompatible for the region specific endpoint this request was sent to."
            );
            return Err(S3Error::with_message(S3ErrorCode::IllegalLocationConstraintException, said));
        }
        match with_bucket(&self.world, name, |owner, _| owner == caller.account_id) {
            Some(true) => return Err(s3_error!(BucketAlreadyOwnedByYou)),
            Some(false) => return Err(s3_error!(BucketAlreadyExists)),
            None => {}
        }
        let now = self.world.now();
        self.world.account_mut(&caller.account_id, |account| {
            account.buckets.create(name, region, now);
        });
        Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{name}")) }))
    }

    async fn put_bucket_policy(
        &self,
        req: S3Request<PutBucketPolicyInput>,
    ) -> S3Result<S3Response<PutBucketPolicyOutput>> {
        let ask = self.ask(&req, &req.input.bucket)?;
        ask.in_region()?;
        ask.may("s3:PutBucketPolicy", None, Context::new())?;
        PolicyDocument::parse(&req.input.policy)
            .map_err(|error| S3Error::with_message(S3ErrorCode::MalformedPolicy, error.to_string()))?;
        with_bucket_mut(&self.world, &req.input.bucket, |bucket| bucket.policy = Some(req.input.policy.clone()));
        Ok(S3Response::new(PutBucketPolicyOutput::default()))
    }

    async fn get_bucket_policy(
        &self,
        req: S3Request<GetBucketPolicyInput>,
    ) -> S3Result<S3Response<GetBucketPolicyOutput>> {
        let ask = self.ask(&req, &req.input.bucket)?;
        ask.in_region()?;
        ask.may("s3:GetBucketPolicy", None, Context::new())?;
        let policy = with_bucket(&self.world, &req.input.bucket, |_, bucket| bucket.policy.clone()).flatten();
        let policy = policy.ok_or_else(|| s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist"))?;
        Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy) }))
    }

    async fn put_bucket_versioning(
        &self,
        req: S3Request<PutBucketVersioningInput>,
    ) -> S3Result<S3Response<PutBucketVersioningOutput>> {
        let ask = self.ask(&req, &req.input.bucket)?;
        ask.in_region()?;
        ask.may("s3:PutBucketVersioning", None, Context::new())?;
        let status = req.input.versioning_configuration.status.as_ref();
        let is_versioned = status.is_some_and(|status| status.as_str() == BucketVersioningStatus::ENABLED);
        with_bucket_mut(&self.world, &req.input.bucket, |bucket| bucket.is_versioned = is_versioned);
        Ok(S3Response::new(PutBucketVersioningOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        let ask = self.ask(&req, &req.input.bucket)?;
        ask.in_region()?;
        ask.may("s3:GetBucketVersioning", None, Context::new())?;
        let is_versioned =
            with_bucket(&self.world, &req.input.bucket, |_, bucket| bucket.is_versioned).unwrap_or_default();
        let status = is_versioned.then(|| BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED));
        Ok(S3Response::new(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() }))
    }
}

/// One page of keys.
struct Listing {
    contents: Vec<Object>,
    prefixes: Vec<String>,
    /// The last key or prefix, when there is more.
    next: Option<String>,
}

impl Listing {
    fn read<'a>(
        keys: impl Iterator<Item = (&'a str, Option<&'a ObjectVersion>)>,
        prefix: &str,
        delimiter: Option<&str>,
        after: &str,
        most: i32,
    ) -> Self {
        let most = usize::try_from(most).unwrap_or_default();
        let mut page = Self { contents: Vec::new(), prefixes: Vec::new(), next: None };
        let mut last = String::new();
        for (key, version) in keys.filter(|(key, _)| key.starts_with(prefix)) {
            let rolled = delimiter.and_then(|delimiter| {
                let end = key[prefix.len()..].find(delimiter)? + prefix.len() + delimiter.len();
                Some(&key[..end])
            });
            let name = rolled.unwrap_or(key);
            // A page that ended with a rolled-up prefix goes on behind all keys below it.
            if name <= after || (rolled.is_some() && page.prefixes.last().is_some_and(|known| known == name)) {
                continue;
            }
            if page.contents.len() + page.prefixes.len() == most {
                page.next = Some(last);
                break;
            }
            name.clone_into(&mut last);
            match (rolled, version) {
                (Some(rolled), _) => page.prefixes.push(rolled.to_owned()),
                (None, Some(version)) => page.contents.push(Object {
                    key: Some(key.to_owned()),
                    e_tag: Some(ETag::Strong(version.etag.clone())),
                    last_modified: Some(version.modified.into()),
                    size: i64::try_from(version.body.len()).ok(),
                    storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                    ..Object::default()
                }),
                (None, None) => {}
            }
        }
        page
    }
}

/// Newest first, as S3 lists them.
fn describe_versions(key: &str, versions: &[ObjectVersion]) -> Vec<s3s::dto::ObjectVersion> {
    let newest = versions.len().saturating_sub(1);
    let mut described: Vec<_> = (versions.iter().enumerate())
        .map(|(place, version)| s3s::dto::ObjectVersion {
            key: Some(key.to_owned()),
            version_id: Some(version.id.clone()),
            is_latest: Some(place == newest),
            e_tag: Some(ETag::Strong(version.etag.clone())),
            last_modified: Some(version.modified.into()),
            size: i64::try_from(version.body.len()).ok(),
            ..s3s::dto::ObjectVersion::default()
        })
        .collect();
    described.reverse();
    described
}

fn decode_token(token: &str) -> S3Result<String> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

fn encryption(kms_key: Option<&str>) -> ServerSideEncryption {
    ServerSideEncryption::from_static(kms_key.map_or(ServerSideEncryption::AES256, |_| ServerSideEncryption::AWS_KMS))
}
