//! Assertions that were taken lately, so that one used twice is refused before anything is signed. The store decides, for
//! good and for every process; this only spares the work where it can.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::audit::UsedAssertion;

/// How many of each half are kept: about 3 MB for both.
const HALF_MAX: usize = 32_768;

/// The assertions, in two halves: when one is full, the other is forgotten.
#[derive(Debug, Default)]
pub struct RecentAssertions(Mutex<Halves>);

#[derive(Debug, Default)]
struct Halves {
    young: HashSet<UsedAssertion>,
    old: HashSet<UsedAssertion>,
}

impl RecentAssertions {
    /// Whether the assertion is known to be used. False says nothing.
    pub fn contains(&self, used: &UsedAssertion) -> bool {
        let halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.young.contains(used) || halves.old.contains(used)
    }

    /// Notes a used assertion.
    pub fn insert(&self, used: UsedAssertion) {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if halves.young.len() >= HALF_MAX {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(used);
    }
}

#[cfg(test)]
mod tests {
    use driftwise_contract::AgentId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_used_lately_is_known_and_memory_is_bounded() {
        let recent = RecentAssertions::default();
        let of = |agent, number: usize| {
            UsedAssertion::new(AgentId::from_uuid(Uuid::from_u128(agent)), &number.to_string(), 1)
        };
        for number in 0..HALF_MAX * 3 {
            recent.insert(of(7, number));
        }
        assert!(recent.contains(&of(7, HALF_MAX * 3 - 1)));
        assert!(recent.contains(&of(7, HALF_MAX * 2)));
        assert!(!recent.contains(&of(7, 0)), "forgotten: the store still knows");
        assert!(!recent.contains(&of(8, HALF_MAX * 3 - 1)));
        let halves = recent.0.lock().unwrap();
        assert!(halves.young.len() <= HALF_MAX && halves.old.len() <= HALF_MAX);
    }
}
