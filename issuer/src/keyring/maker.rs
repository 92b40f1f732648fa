//! What makes signing keys: this process, or a key service.

use std::fmt::Debug;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{KeyAlgorithm, KeyringError, SigningKey};

/// Makes signing keys. A key that was made is nowhere durable yet: it must be sealed and stored before it is told of.
pub trait KeyMaker: Debug + Send + Sync {
    /// A new key. May take seconds; never blocks the async threads.
    fn make(&self, algorithm: KeyAlgorithm, created_at_s: i64) -> BoxFuture<'_, Result<SigningKey, KeyringError>>;
}

/// Makes keys in this process's memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalKeyMaker;

impl KeyMaker for LocalKeyMaker {
    fn make(&self, algorithm: KeyAlgorithm, created_at_s: i64) -> BoxFuture<'_, Result<SigningKey, KeyringError>> {
        async move {
            tokio::task::spawn_blocking(move || SigningKey::generate(algorithm, created_at_s))
                .await
                .map_err(|error| KeyringError::Generation(error.to_string()))?
        }
        .boxed()
    }
}
