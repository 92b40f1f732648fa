//! S3, path style: the protocol and the signatures are the s3s crate's, buckets in memory and permissions are ours.
//!
//! A request is allowed by the caller's own policies or the bucket's, across accounts by both; a denial in either wins. Who may
//! not list a bucket learns nothing of what is not in it: an absent key is then a 403, not a 404.

mod access;
mod bucket;
mod object;
mod permission;
mod service;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::{Request, Response, StatusCode};
use s3s::service::S3ServiceBuilder;

pub use bucket::{Bucket, Buckets};
pub use object::{ObjectVersion, Put};

use super::World;

/// Answers one S3 request. Signatures are checked by s3s with [`World::secret_for`]; permissions with [`World::decision`] and the
/// bucket's policy.
pub async fn handle(world: &Arc<World>, request: Request<Bytes>) -> Response<Body> {
    let mut builder = S3ServiceBuilder::new(service::Storage::new(Arc::clone(world)));
    builder.set_auth(access::Secrets::new(Arc::clone(world)));
    builder.set_access(access::Gate::new(Arc::clone(world)));
    let answered = builder.build().call(request.map(s3s::Body::from)).await;
    answered.map_or_else(
        |_| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        },
        |response| response.map(Body::new),
    )
}
