//! Endpoints for programs.

pub(super) mod agents;
pub(super) mod audit;
mod bearer;
pub(super) mod discovery;
pub(super) mod federation_token;
pub(super) mod health;
mod path_word;
pub(super) mod proving;
pub(super) mod token;
