//! A batch that was refused for one of its entries, in parts. A chain whose log goes on beyond its head (somebody changed the
//! store by hand) takes no row until that is mended, and has an entry in every batch: its entries are set apart, chain by chain,
//! and the others keep their common commit. Where no such chain explains it, each entry gets a transaction of its own.

use super::writer::{Outcome, WriteFault, Writer, is_of_one_entry};
use super::{LedgerFault, Pending};
use crate::audit::Chain;
use crate::store::{StoreError, audit};

impl Writer {
    /// Commits the parts of a batch that was refused. Puts the batch into another order, that of the outcomes; entries of one
    /// chain stay in theirs.
    pub(super) async fn write_apart(&self, batch: &mut [Pending], error: &WriteFault) -> Vec<Outcome> {
        let broken = match error {
            WriteFault::Store(_) => self.broken_chains(batch).await.unwrap_or_default(),
            WriteFault::Panic => Vec::new(),
        };
        let part = |entry: &Pending| broken.iter().position(|chain| *chain == entry.chain);
        // None, which is before every Some, are the sound chains.
        batch.sort_by_key(part);
        let mut outcomes = Vec::with_capacity(batch.len());
        for entries in batch.chunk_by(|one, next| part(one) == part(next)) {
            let chain = part(&entries[0]).map(|number| broken[number]);
            if broken.is_empty() {
                outcomes.extend(self.write_one_by_one(entries, error).await);
                continue;
            }
            outcomes.extend(match self.try_write(entries).await {
                Ok(outcomes) => outcomes,
                Err(error) if chain.is_none() && entries.len() > 1 && is_of_one_entry(&error) => {
                    self.write_one_by_one(entries, &error).await
                }
                Err(error) => {
                    if let Some(chain) = chain {
                        tracing::error!(chain = %chain, "this audit chain takes no rows: its log goes on beyond its head");
                    }
                    vec![Err(self.failed(error, entries.len())); entries.len()]
                }
            });
        }
        outcomes
    }

    async fn broken_chains(&self, batch: &[Pending]) -> Result<Vec<Chain>, StoreError> {
        let chains: std::collections::HashSet<Chain> = batch.iter().map(|entry| entry.chain).collect();
        let mut db = self.store.connection().await?;
        audit::beyond_heads(&mut db, &chains.into_iter().collect::<Vec<_>>()).await
    }

    async fn write_one_by_one(&self, entries: &[Pending], error: &WriteFault) -> Vec<Outcome> {
        tracing::warn!(error = %error, rows = entries.len(), "an audit row was refused; committing one by one");
        let mut outcomes = Vec::with_capacity(entries.len());
        for entry in entries.chunks(1) {
            outcomes.push(match self.try_write(entry).await {
                Ok(mut outcome) => outcome.pop().unwrap_or(Err(LedgerFault::Stopped)),
                Err(error) => Err(self.failed(error, 1)),
            });
        }
        outcomes
    }
}
