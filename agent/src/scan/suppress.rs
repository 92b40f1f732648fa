//! What must not be said when a state could not be read. "Unmanaged" and "undeclared" mean that *no* state declares a
//! thing; the unread state might. So both kinds of finding become one gap: unknown is not drift.

use driftwise_contract::codes::Code;
use driftwise_contract::finding::{Finding, FindingKind, Gap, GapScope};

use crate::drift::{Join, Outcome};

/// Findings that were withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Withheld {
    unmanaged: u64,
}

/// Withholds the unmanaged resources.
pub(super) fn unmanaged(join: &mut Join) -> Withheld {
    Withheld { unmanaged: std::mem::take(&mut join.unmanaged).len() as u64 }
}

/// Withholds the undeclared grants, and counts them.
pub(super) fn grants(outcome: &mut Outcome) -> u64 {
    let before = outcome.findings.len();
    outcome.findings.retain(|finding| Finding::kind(finding) != FindingKind::UndeclaredGrant);
    (before - outcome.findings.len()) as u64
}

impl Withheld {
    /// The gap that stands for them.
    pub(super) fn gap(self, grants: u64) -> Gap {
        Gap {
            code: Code::StateUnreadable,
            scope: GapScope::default(),
            count: self.unmanaged + grants,
            detail: format!(
                "{} resources and {grants} IAM grants are in no state that was read; whether an unread one declares them is \
                 not known, so they are not reported as drift",
                self.unmanaged
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_unread_state_might_declare_is_counted_and_not_accused() {
        let mut join = Join { unmanaged: vec![1, 2, 3], ..Join::default() };
        let withheld = unmanaged(&mut join);
        assert!(join.unmanaged.is_empty());
        let gap = withheld.gap(2);
        assert_eq!((gap.code, gap.count), (Code::StateUnreadable, 5));
    }
}
