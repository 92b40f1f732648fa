//! Whether a caller may do something to a bucket.

use driftwise_contract::policy::{Decision, Request, evaluate_all};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::bucket::with_bucket;
use crate::sandbox::{
    Caller, World,
    auth::{Context, Principal},
    kms,
};

/// One request for permission.
pub(super) struct Ask<'a> {
    pub(super) world: &'a World,
    pub(super) caller: &'a Caller,
    pub(super) bucket: &'a str,
}

impl Ask<'_> {
    /// Refuses a bucket that is not there, or not where the request was signed for.
    pub(super) fn in_region(&self) -> S3Result<()> {
        let region = with_bucket(self.world, self.bucket, |_, bucket| bucket.region.clone())
            .ok_or_else(|| no_such_bucket(self.bucket))?;
        if region == self.caller.region {
            return Ok(());
        }
        let (code, said) = if self.caller.region == "us-east-1" {
            // The global endpoint passes the request on to the bucket's region, which then finds it signed for another.
            let said = format!(
                "The authorization header is malformed; the region '{}' is wrong; expecting '{region}'",
                self.caller.region
            );
            (S3ErrorCode::AuthorizationHeaderMalformed, said)
        } else {
            let said = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
            (S3ErrorCode::PermanentRedirect, said.to_owned())
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        if let Ok(region) = HeaderValue::from_str(&region) {
            headers.insert("x-amz-bucket-region", region);
        }
        let mut error = S3Error::with_message(code, said);
        error.set_headers(headers);
        Err(error)
    }

    /// Allows or refuses an action on the bucket, or on an object in it.
    pub(super) fn may(&self, action: &str, key: Option<&str>, context: Context) -> S3Result<()> {
        let asked = with_bucket(self.world, self.bucket, |owner, bucket| {
            let resource = key.map_or_else(|| bucket.arn(), |key| format!("{}/{key}", bucket.arn()));
            (owner.to_owned(), resource, bucket.policy_document())
        });
        let (owner, resource, policy) = asked.ok_or_else(|| no_such_bucket(self.bucket))?;
        let own = self
            .world
            .decision(self.caller, action, &resource, context.clone())
            .map_err(|error| denied(&error.message))?;
        let request = Request::new(action, resource.as_str())
            .with_context(self.world.context(self.caller, context))
            .by(self.caller.requester());
        let bucket = policy.map_or(Decision::ImplicitDeny, |policy| evaluate_all(&[policy], &request).decision);
        let is_owner = owner == self.caller.account_id;
        let said = |why: &str| {
            denied(&format!(
                "User: {} is not authorized to perform: {action} on resource: \"{resource}\" {why}",
                self.caller.arn
            ))
        };
        // A resource control policy binds the owner's root, too.
        if self.world.is_denied_by_rcp(&owner, Some(self.caller), &request) {
            return Err(said("with an explicit deny in a resource control policy"));
        }
        match (own, bucket) {
            (Decision::ExplicitDeny, _) => Err(said("with an explicit deny in an identity-based policy")),
            // The owner's root can always mend a policy that locks everyone out.
            (_, Decision::ExplicitDeny)
                if !(is_owner && self.caller.principal == Principal::Root && action.ends_with("BucketPolicy")) =>
            {
                Err(said("with an explicit deny in a resource-based policy"))
            }
            (Decision::Allow, Decision::Allow) => Ok(()),
            (Decision::Allow, _) | (_, Decision::Allow) if is_owner => Ok(()),
            (Decision::ImplicitDeny, _) => {
                Err(said(&format!("because no identity-based policy allows the {action} action")))
            }
            (Decision::Allow, _) => Err(said(&format!("because no resource-based policy allows the {action} action"))),
        }
    }

    /// What reads or writes of an object under a KMS key ask for besides: S3 calls KMS with the caller's own permissions, and says
    /// for what. The encryption context is the object's ARN, or the bucket's where it has a bucket key (S3 user guide, "Using
    /// SSE-KMS": "Encryption context", "S3 Bucket Keys").
    pub(super) fn may_use_key(&self, action: &str, key_arn: &str, object: &str) -> S3Result<()> {
        let of_object = with_bucket(self.world, self.bucket, |_, bucket| {
            if bucket.has_bucket_key { bucket.arn() } else { format!("{}/{object}", bucket.arn()) }
        });
        let mut context = Context::new();
        context
            .set("kms:ViaService", format!("s3.{}.amazonaws.com", self.caller.region))
            .set("kms:EncryptionContext:aws:s3:arn", of_object.unwrap_or_default())
            .set_many("kms:EncryptionContextKeys", ["aws:s3:arn"])
            .set_bool("aws:ViaAWSService", true);
        kms::may_use(self.world, self.caller, action, key_arn, &context).map_err(|refused| {
            match refused.code.as_str() {
                "AccessDenied" => denied(
                    &refused
                        .message
                        .replace(&format!("on resource: {key_arn}"), "on the resource associated with this ciphertext"),
                ),
                code => {
                    let mut error =
                        S3Error::with_message(S3ErrorCode::Custom(format!("KMS.{code}").into()), refused.message);
                    error.set_status_code(StatusCode::BAD_REQUEST);
                    error
                }
            }
        })
    }

    /// The refusal for an object that is not there: only who may list the bucket is told.
    pub(super) fn absent(&self, code: S3ErrorCode, said: &'static str) -> S3Error {
        match self.may("s3:ListBucket", None, Context::new()) {
            Ok(()) => S3Error::with_message(code, said),
            Err(denied) => denied,
        }
    }
}

/// The caller of a request, which the gate has put there.
pub(super) fn caller(extensions: &http::Extensions) -> S3Result<&Caller> {
    extensions.get::<Caller>().ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))
}

pub(super) fn no_such_bucket(name: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::NoSuchBucket, format!("The specified bucket does not exist: {name}"))
}

fn denied(said: &str) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, said.to_owned())
}
