//! What acme, a shop, has in its account.

mod aws_made;
pub(super) mod foreign;
pub(super) mod network;
pub(super) mod people;
pub(super) mod platform;
pub(super) mod services;
