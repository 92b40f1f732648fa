//! The extractor that authenticates an agent by its client assertion as bearer token.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::super::problem::Problem;
use crate::Error;
use crate::app::App;
use crate::federation::AuthenticatedAgent;
use crate::federation::assertion::authenticate;

/// An agent that proved who it is.
pub(in crate::http) struct CallingAgent(pub(super) AuthenticatedAgent);

impl FromRequestParts<Arc<App>> for CallingAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(Problem::unauthenticated()) };
        let credentials = value.to_str().ok().and_then(|text| text.split_once(' '));
        let Some((scheme, assertion)) = credentials else { return Err(Problem::unauthenticated()) };
        // RFC 9110, section 11.1: the scheme is compared without regard to case.
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::unauthenticated());
        }
        let mut db = app.store().connection().await.map_err(Error::from)?;
        let now_s = app.clock().now_s();
        match authenticate(&mut db, app.settings(), now_s, assertion.trim()).await {
            Ok(agent) => Ok(Self(agent)),
            Err(error) => {
                tracing::info!(reason = %error, "refused a client assertion");
                Err(error.into())
            }
        }
    }
}
