//! The one variable part of a path.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::super::problem::Problem;

/// The text of a path's one parameter, such as `{org_id}`, its percent-encoding undone. What is no text after that names
/// nothing: 404, as for everything else that is not there.
#[derive(Debug)]
pub(in crate::http) struct PathWord(pub(in crate::http) String);

impl<S: Send + Sync> FromRequestParts<S> for PathWord {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, state).await;
        path.map(|Path(word)| Self(word)).map_err(|_| Problem::not_found())
    }
}
