//! S3, path style, through the s3s crate.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::{Request, Response};

use super::World;

/// The buckets of an account.
#[derive(Debug, Default)]
pub struct Buckets {}

/// Answers one S3 request. Signatures are checked by s3s with [`World::secret_for`]; permissions with [`World::authorize`].
pub async fn handle(_world: &Arc<World>, _request: Request<Bytes>) -> Response<Body> {
    Response::new(Body::empty())
}
