//! Who may read the Terraform states, and how little that is.
//!
//! A state holds secrets: passwords, keys, the output of data sources. So a reader gets the objects below the named prefixes, their
//! versions and their listing, and nothing else: no lock (`.tflock`, nor the `DynamoDB` table of old), no write, no other bucket,
//! and the KMS key only through S3 and for those objects.
//!
//! Words: *location* – a bucket and prefixes ([`StateLocation`]); *reading* – the statements of the reader's own policy; the
//! *owner's half* – what the owner of bucket and key allows (bucket policy, key policy), needed where the reader is of another
//! account; *reader* – a role of its own for the states, in the account that owns them.
//!
//! Rules that decide:
//! - Within an account the reader's policy or the bucket's is enough; across accounts both must allow (IAM user guide,
//!   "Cross-account policy evaluation logic"). A key admits nobody whom its own policy does not (KMS developer guide, "Key policies").
//! - S3 calls KMS for its caller, with the object's ARN as encryption context, or the bucket's where it has a bucket key (S3
//!   user guide, "Using SSE-KMS"). So both ARNs stand in the condition.
//! - Of the federation token only tags live on after the role is assumed: `aws:PrincipalTag/dw_org_id` is what bucket and key
//!   policies can tell orgs apart by ([`SetupRequest::abac`](super::SetupRequest)).

mod bucket;
mod key;
mod location;
mod policy;
mod reader;
mod reading;

pub use bucket::bucket_policy;
pub use location::{BucketName, KeyPrefix, StateLocation};

pub(super) use bucket::bucket_policies;
pub(super) use key::key_policies;
pub(super) use policy::{reasons as reading_reasons, state_policy};
pub(super) use reader::reader_role;
pub(super) use reading::ReadingView;
