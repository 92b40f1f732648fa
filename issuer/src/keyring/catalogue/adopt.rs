//! Keys without a state: those of a store of the version before, and orphans of a crash.

use driftwise_contract::Kid;

use super::{Catalogue, in_state, of_set};
use crate::audit::{self, Event};
use crate::keyring::rotation::{self, KeyState};
use crate::keyring::{KeySetId, KeyringError, OpenKeys, SigningKey};
use crate::store::{Tx, key_catalogue, signing_keys};

impl Catalogue {
    /// Gives a state to every key that has none, and destroys what is left of removed ones.
    ///
    /// The keys of a store that knew no states are adopted: the oldest signs on, as it did, the others stay published for a
    /// while. Later orphans become staged where no key is.
    pub async fn reconcile(&self, open: &OpenKeys) -> Result<(), KeyringError> {
        let mut tx = self.store.begin().await?;
        key_catalogue::lock(&mut tx).await?;
        let known = signing_keys::list(&mut tx).await?;
        let state = |kid: &Kid| known.iter().find(|key| &key.kid == kid).map(|key| key.state);
        let mut destroy: Vec<Kid> = open.keys().filter(|kid| state(kid) == Some(KeyState::Removed)).cloned().collect();
        let mut homeless: Vec<&SigningKey> = open.values().map(AsRef::as_ref).collect();
        homeless.retain(|key| matches!(state(key.kid()), None | Some(KeyState::Unplaced)));
        homeless.sort_by(|a, b| (a.created_at_s(), a.kid()).cmp(&(b.created_at_s(), b.kid())));
        // Given up by `serve --new-key` of the version before.
        let lost = known.iter().filter(|key| key.state == KeyState::Unplaced && !open.contains_key(&key.kid));
        for key in lost {
            self.remove_in(&mut tx, &key.kid, key.set, Event::KeyRemoved).await?;
        }
        let is_new = known
            .iter()
            .all(|key| key.set != KeySetId::Shared || matches!(key.state, KeyState::Unplaced | KeyState::Removed));
        for (place, key) in homeless.into_iter().enumerate() {
            let wanted = match (is_new, place, state(key.kid())) {
                (true, 0, _) => KeyState::Active,
                (true, ..) | (false, _, Some(_)) => KeyState::Retired,
                (false, _, None) => KeyState::Staged,
            };
            if !self.adopt(&mut tx, key, wanted).await? {
                destroy.push(key.kid().clone());
            }
        }
        tx.commit().await?;
        for kid in destroy {
            self.vault.remove(&kid).await?;
            tracing::info!(key.kid = %kid, "destroyed a signing key that is not published any more");
        }
        Ok(())
    }

    /// Notes the key as it is wanted; as removed, and false, where there is no place for it.
    async fn adopt(&self, tx: &mut Tx, key: &SigningKey, wanted: KeyState) -> Result<bool, KeyringError> {
        let set = KeySetId::Shared;
        let version = key_catalogue::bump(tx).await?;
        let keys = of_set(signing_keys::present(tx).await?, set);
        let has_place =
            wanted != KeyState::Staged || in_state(&keys, KeyState::Staged).is_none() && rotation::has_room(&keys);
        let mut record =
            if wanted == KeyState::Active { self.active(key, set, version) } else { self.staged(key, set, version) };
        let event: fn(audit::KeyEvent) -> Event = match (wanted, has_place) {
            (KeyState::Retired, _) => {
                (record.state, record.retired_at_ms) = (KeyState::Retired, record.staged_at_ms);
                Event::KeyRetired
            }
            (KeyState::Active, _) => Event::KeyActivated,
            (_, true) => Event::KeyStaged,
            (_, false) => {
                (record.state, record.removed_at_ms) = (KeyState::Removed, record.staged_at_ms);
                Event::KeyRemoved
            }
        };
        signing_keys::insert(tx, &record).await?;
        self.note(tx, event, key.kid(), set).await?;
        Ok(has_place)
    }

    /// Destroys a key that was made and found no place, unless another process has given it one meanwhile.
    pub(super) async fn discard(&self, key: &SigningKey, set: KeySetId) -> Result<(), KeyringError> {
        let mut tx = self.store.begin().await?;
        key_catalogue::lock(&mut tx).await?;
        let mut record = self.staged(key, set, 0);
        (record.state, record.removed_at_ms) = (KeyState::Removed, record.staged_at_ms);
        // The row first: nobody adopts the key once it says removed.
        if signing_keys::insert(&mut tx, &record).await? {
            tx.commit().await?;
            self.vault.remove(key.kid()).await?;
        }
        Ok(())
    }
}
