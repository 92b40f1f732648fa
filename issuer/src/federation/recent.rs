//! Assertions that were taken lately, so that one used twice is refused before anything is signed. The store decides, for
//! good and for every process; this only spares the work where it can.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use driftwise_contract::AgentId;

/// How many of each half are kept: with ids of the usual length, about 10 MB for both.
const HALF_MAX: usize = 32_768;

/// The assertions, in two halves: when one is full, the other is forgotten.
#[derive(Debug, Default)]
pub struct RecentAssertions(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    young: HashSet<(AgentId, Box<str>)>,
    old: HashSet<(AgentId, Box<str>)>,
}

impl RecentAssertions {
    /// Whether the assertion is known to be used. False says nothing.
    pub fn contains(&self, agent: AgentId, jti: &str) -> bool {
        let key = (agent, jti.into());
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.young.contains(&key) || halves.old.contains(&key)
    }

    /// Notes a used assertion.
    pub fn insert(&self, agent: AgentId, jti: &str) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= HALF_MAX {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert((agent, jti.into()));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_used_lately_is_known_and_memory_is_bounded() {
        let (recent, agent) = (RecentAssertions::default(), AgentId::from_uuid(Uuid::from_u128(7)));
        for number in 0..HALF_MAX * 3 {
            recent.insert(agent, &number.to_string());
        }
        assert!(recent.contains(agent, &(HALF_MAX * 3 - 1).to_string()));
        assert!(recent.contains(agent, &(HALF_MAX * 2).to_string()));
        assert!(!recent.contains(agent, "0"), "forgotten: the store still knows");
        assert!(!recent.contains(AgentId::from_uuid(Uuid::from_u128(8)), &(HALF_MAX * 3 - 1).to_string()));
        let halves = recent.0.lock().unwrap();
        assert!(halves.young.len() <= HALF_MAX && halves.old.len() <= HALF_MAX);
    }
}
