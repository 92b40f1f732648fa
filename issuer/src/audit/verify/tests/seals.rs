//! What a sealer says of seals and heads that somebody else wrote.

use super::*;

/// A store with a sealer that has sealed all of it.
struct Sealed {
    scratch: Scratch,
    chain: Chain,
    key: SealKey,
    sealer: Sealer,
}

impl Sealed {
    async fn new() -> Self {
        let scratch = Scratch::new().await;
        for trigger in ["audit_seals_no_update", "audit_seals_no_delete"] {
            scratch.run(&format!("DROP TRIGGER {trigger}")).await;
        }
        let key = SealKey::of(&Pepper::generate().unwrap());
        let sealed = Self { chain: Chain::Org(scratch.org), scratch, sealer: Sealer::new(key.clone()), key };
        assert_eq!(sealed.seal().await, []);
        sealed
    }

    async fn grow(&self, chain: Chain) {
        self.scratch.add(chain, Event::KeysResealed { count: 9 }).await;
    }

    async fn seal(&self) -> Vec<(String, ChainFault)> {
        self.seal_with(&self.sealer).await
    }

    async fn seal_with(&self, sealer: &Sealer) -> Vec<(String, ChainFault)> {
        sealer.seal(&mut self.scratch.store.connection().await.unwrap(), NOW_MS).await.unwrap()
    }

    /// What it says of the org's chain, and of no other.
    async fn fault(&self) -> ChainFault {
        let mut faults = self.seal().await;
        let (name, fault) = faults.pop().unwrap();
        assert_eq!((name, faults), (self.chain.to_string(), vec![]));
        fault
    }

    async fn last_seal(&self, chain: Chain) -> i64 {
        audit_seals::last(&mut self.scratch.store.connection().await.unwrap(), chain).await.unwrap().unwrap().seq
    }
}

#[tokio::test]
async fn a_forged_seal_beyond_the_head_is_told_each_time_and_never_passes_for_a_sealed_end() {
    let sealed = Sealed::new().await;
    let seq = 9_000_000_000_000_000_000;
    sealed
        .scratch
        .run(&format!("INSERT INTO audit_seals (chain, seq, hash, at_ms, mac) VALUES ('ORG', {seq}, 'x', 1, 'x')"))
        .await;
    assert_eq!(sealed.fault().await, ChainFault::ForgedSeal { seq }, "of a chain that did not grow");
    sealed.grow(sealed.chain).await;
    sealed.grow(Chain::Platform).await;
    assert_eq!(sealed.fault().await, ChainFault::ForgedSeal { seq });
    assert_eq!(sealed.last_seal(Chain::Platform).await, 5, "the other chain is sealed");
    sealed.scratch.run(&format!("DELETE FROM audit_seals WHERE seq = {seq}")).await;
    assert_eq!(sealed.seal().await, []);
    assert_eq!(sealed.last_seal(sealed.chain).await, 5);
}

#[tokio::test]
async fn a_forged_seal_at_the_head_does_not_stand_in_for_the_one_that_is_made() {
    let sealed = Sealed::new().await;
    sealed.grow(sealed.chain).await;
    let forge = "INSERT INTO audit_seals SELECT chain, seq, hash, 1, mac FROM \
                 (SELECT h.chain, h.seq, h.hash, s.mac FROM audit_heads h JOIN audit_seals s ON s.chain = h.chain AND s.seq = 4) \
                 AS copied WHERE chain = 'ORG'";
    // It comes when the store was looked at, just before the sealer's own.
    let mut db = sealed.scratch.store.connection().await.unwrap();
    let ends = audit_seals::ends(&mut db).await.unwrap();
    let end = ends.into_iter().find(|(name, _)| *name == sealed.chain.to_string()).unwrap().1.unwrap();
    drop(db);
    sealed.scratch.run(forge).await;
    let mut db = sealed.scratch.store.connection().await.unwrap();
    let done = sealed.sealer.seal_chain(&mut db, sealed.chain, end, None, NOW_MS).await;
    drop(db);
    assert!(matches!(done, Err(VerifyError::Broken(ChainFault::ForgedSeal { seq: 5 }))), "{done:?}");
    // Or it lies there.
    assert_eq!(sealed.fault().await, ChainFault::ForgedSeal { seq: 5 });
}

#[tokio::test]
async fn a_seal_that_the_store_swallows_is_not_taken_for_made() {
    let sealed = Sealed::new().await;
    sealed.grow(sealed.chain).await;
    let quiet = "CREATE TRIGGER quiet BEFORE INSERT ON audit_seals BEGIN SELECT RAISE(IGNORE); END";
    sealed.scratch.run(quiet).await;
    assert_eq!(sealed.fault().await, ChainFault::SealGone { seq: 5 });
}

#[tokio::test]
async fn an_end_that_was_cut_behind_its_seal_is_told_of_a_chain_that_does_not_grow() {
    let sealed = Sealed::new().await;
    let head = "UPDATE audit_heads SET (seq, hash) = (SELECT seq, hash FROM audit_log WHERE chain = 'ORG' AND seq = 2) WHERE chain = 'ORG'";
    sealed.scratch.run("DELETE FROM audit_log WHERE chain = 'ORG' AND seq > 2").await;
    sealed.scratch.run(head).await;
    assert_eq!(sealed.fault().await, ChainFault::SealedRowGone { seq: 4, last: 2 });
    // Another row at the sealed number.
    sealed.grow(sealed.chain).await;
    sealed.grow(sealed.chain).await;
    assert_eq!(sealed.fault().await, ChainFault::NotAsSealed { seq: 4 });
    sealed.scratch.run("DELETE FROM audit_log WHERE chain = 'ORG'").await;
    sealed.scratch.run("DELETE FROM audit_heads WHERE chain = 'ORG'").await;
    assert_eq!(sealed.fault().await, ChainFault::SealedRowGone { seq: 4, last: 0 });
    sealed.scratch.run("DELETE FROM audit_seals WHERE chain = 'ORG'").await;
    assert_eq!(sealed.fault().await, ChainFault::SealGone { seq: 4 }, "nothing is left of it but the memory");
}

#[tokio::test]
async fn heads_that_are_of_no_chain_or_can_not_be_read_keep_no_other_chain_from_being_sealed() {
    let sealed = Sealed::new().await;
    sealed.scratch.run("INSERT INTO audit_heads (chain, seq, hash) VALUES ('junk', 1, 'x'), (x'80', 1, 'x')").await;
    sealed.scratch.run("UPDATE audit_heads SET hash = 'x' WHERE chain = 'ORG'").await;
    sealed
        .scratch
        .run("INSERT INTO audit_seals (chain, seq, hash, at_ms, mac) VALUES ('strange', 1, 'x', 1, 'x')")
        .await;
    sealed.grow(Chain::Platform).await;
    let mut faults = sealed.seal().await;
    assert_eq!(sealed.last_seal(Chain::Platform).await, 5);
    let org = faults.iter().position(|(name, _)| *name == sealed.chain.to_string()).unwrap();
    assert!(matches!(faults.swap_remove(org).1, ChainFault::Unreadable { .. }));
    for name in ["junk", "strange"] {
        assert!(faults.contains(&(name.into(), ChainFault::NoChain { name: name.into() })), "{faults:?}");
    }
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().all(|(_, fault)| matches!(fault, ChainFault::NoChain { .. })), "{faults:?}");
}

#[tokio::test]
async fn a_replica_that_seals_the_chain_meanwhile_is_no_tampering() {
    let sealed = Sealed::new().await;
    let two = Sealer::new(sealed.key.clone());
    for grows_again in [false, true] {
        sealed.grow(sealed.chain).await;
        // Both look at the store, and one is first: with the same row, or after the chain grew once more.
        let mut db = sealed.scratch.store.connection().await.unwrap();
        let ends = audit_seals::ends(&mut db).await.unwrap();
        let end = ends.into_iter().find(|(name, _)| *name == sealed.chain.to_string()).unwrap().1.unwrap();
        drop(db);
        if grows_again {
            sealed.grow(sealed.chain).await;
        }
        assert_eq!(sealed.seal().await, []);
        let mut db = sealed.scratch.store.connection().await.unwrap();
        two.seal_chain(&mut db, sealed.chain, end, None, NOW_MS).await.unwrap();
    }
    assert_eq!(sealed.seal_with(&two).await, []);
    let checked = Expected { seal_key: Some(&sealed.key), ..Expected::default() };
    assert_eq!(sealed.scratch.verify(checked).await.unwrap().seals.unwrap().last_seq, 7);
}
