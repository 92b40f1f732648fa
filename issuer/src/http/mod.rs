//! HTTP: the only place that knows of requests and statuses.
//!
//! `routes` is the table of contents, `server` the sockets below it. Handlers authorise, parse, ask the domain and answer; an error
//! becomes a status in `problem` and, for the token endpoint, in `oauth_error`, and nowhere else.

mod api;
mod body_watch;
pub(crate) mod client_address;
mod date;
mod frame;
mod metrics_page;
mod oauth_error;
mod problem;
mod public_documents;
pub(crate) mod rate_limit;
pub(crate) mod readiness;
mod routes;
pub(crate) mod server;
pub(crate) mod web;

pub(crate) use api::token::read_form as read_token_form;
pub(crate) use metrics_page::router as metrics_router;
pub(crate) use public_documents::at_once as public_documents_at_once;
pub(crate) use routes::router;
pub use routes::{Caller, ROUTES, Route};
