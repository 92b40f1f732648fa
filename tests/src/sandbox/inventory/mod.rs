//! The resources of an account, and how Resource Explorer is set up in it.

/// Everything in an account that is no IAM principal and no S3 object.
#[derive(Debug, Default)]
pub struct Inventory {}
