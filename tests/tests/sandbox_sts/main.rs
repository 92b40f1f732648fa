//! The sandbox's STS, called with the real SDK: web identities of a provider on this machine, signed requests, chained roles.

mod assume_role;
mod attacks;
mod faults;
mod provider;
mod refusals;
mod setup_documents;
mod setup_trust;
mod signatures;
mod stage;
mod web_identity;
