//! What the steps come to.

use driftwise_contract::AccountId;
use driftwise_contract::codes::Code;
use driftwise_contract::proof::ProofOutcome;

use super::{Step, StepResult, TokenKind};

/// Concludes, and notes at each step whether STS did what it must. `foreign_issuer` says that the canaries name another issuer
/// than the org's own token, which has an issuer of its org.
pub(super) fn conclude(steps: &mut [Step], account: &AccountId, foreign_issuer: bool) -> (ProofOutcome, Option<Code>) {
    for step in &mut *steps {
        step.as_expected = is_as_it_must_be(step, account, foreign_issuer);
    }
    let is_canary = |step: &&Step| matches!(step.token, TokenKind::CanaryWithTags | TokenKind::CanaryWithoutTags);
    let mut canaries = steps.iter().filter(is_canary);
    if canaries.clone().any(|step| matches!(step.result, StepResult::Admitted { .. })) {
        return (ProofOutcome::ForeignOrgAdmitted, Some(Code::ProveForeignOrgAdmitted));
    }
    match steps.iter().find(|step| step.token == TokenKind::Own) {
        None => return (ProofOutcome::Inconclusive, Some(Code::ProveInconclusive)),
        Some(Step { result: StepResult::Refused { code, .. }, .. }) => {
            return (ProofOutcome::OwnOrgRefused, Some(*code));
        }
        Some(own) if !own.as_expected => return (ProofOutcome::Inconclusive, Some(Code::StsWrongAccount)),
        Some(_) => {}
    }
    if canaries.all(|step| step.as_expected) {
        (ProofOutcome::Proven, None)
    } else {
        (ProofOutcome::Inconclusive, Some(Code::ProveInconclusive))
    }
}

/// Whether STS refused a canary because of its org, or let the org's own token into the account.
fn is_as_it_must_be(step: &Step, account: &AccountId, foreign_issuer: bool) -> bool {
    match (step.token, &step.result) {
        (TokenKind::CanaryWithTags | TokenKind::CanaryWithoutTags, StepResult::Admitted { .. }) => false,
        (TokenKind::CanaryWithoutTags, StepResult::Refused { code, .. }) => is_kept_out(*code, foreign_issuer),
        // Refused for its tags is refused too; that the org matters shows by the canary without tags.
        (TokenKind::CanaryWithTags, StepResult::Refused { code, .. }) => {
            is_kept_out(*code, foreign_issuer) || *code == Code::StsTagSessionDenied
        }
        (TokenKind::Own, result) => {
            matches!(result, StepResult::Admitted { session_account_id: Some(actual) } if actual == account)
        }
        (TokenKind::OwnForAnotherRole, result) => matches!(result, StepResult::Refused { .. }),
    }
}

/// By the trust policy, or, for an org with an issuer of its own, because the account knows no other issuer of ours.
fn is_kept_out(code: Code, foreign_issuer: bool) -> bool {
    code == Code::StsAccessDenied || (foreign_issuer && code == Code::StsProviderNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(token: TokenKind, result: StepResult) -> Step {
        Step { token, subject: None, jti: None, attempts: 1, as_expected: false, result }
    }

    fn refused(code: Code) -> StepResult {
        StepResult::Refused { code, detail: "x".into() }
    }

    fn admitted(account: Option<&str>) -> StepResult {
        StepResult::Admitted { session_account_id: account.map(|account| account.parse().unwrap()) }
    }

    const HERE: &str = "123456789012";

    fn of(with_tags: StepResult, without: StepResult, own: Option<StepResult>, foreign_issuer: bool) -> ProofOutcome {
        let mut steps = vec![step(TokenKind::CanaryWithTags, with_tags), step(TokenKind::CanaryWithoutTags, without)];
        steps.extend(own.map(|own| step(TokenKind::Own, own)));
        conclude(&mut steps, &HERE.parse().unwrap(), foreign_issuer).0
    }

    #[test]
    fn only_two_denied_canaries_and_the_own_token_in_its_account_are_a_proof() {
        use Code::{
            StsAccessDenied, StsKeyUnavailable, StsProviderNotFound, StsTagSessionDenied, StsTokenExpired,
            StsWrongAudience,
        };
        use ProofOutcome::{ForeignOrgAdmitted, Inconclusive, OwnOrgRefused, Proven};
        let denied = || refused(StsAccessDenied);
        let own = || Some(admitted(Some(HERE)));
        for (with_tags, without, own, foreign_issuer, outcome) in [
            (denied(), denied(), own(), false, Proven),
            (refused(StsTagSessionDenied), denied(), own(), false, Proven),
            (admitted(None), denied(), None, false, ForeignOrgAdmitted),
            (denied(), admitted(None), None, false, ForeignOrgAdmitted),
            (denied(), admitted(None), own(), false, ForeignOrgAdmitted),
            (denied(), denied(), Some(denied()), false, OwnOrgRefused),
            (denied(), denied(), Some(refused(StsWrongAudience)), false, OwnOrgRefused),
            (denied(), denied(), Some(admitted(Some("999999999999"))), false, Inconclusive),
            (denied(), denied(), Some(admitted(None)), false, Inconclusive),
            (denied(), refused(StsTagSessionDenied), own(), false, Inconclusive),
            (refused(StsKeyUnavailable), denied(), own(), false, Inconclusive),
            (denied(), refused(StsTokenExpired), own(), false, Inconclusive),
            (refused(StsProviderNotFound), refused(StsProviderNotFound), own(), false, Inconclusive),
            (refused(StsProviderNotFound), refused(StsProviderNotFound), own(), true, Proven),
            (denied(), denied(), own(), true, Proven),
        ] {
            let told = format!("{with_tags:?} {without:?} {own:?} {foreign_issuer}");
            assert_eq!(of(with_tags, without, own, foreign_issuer), outcome, "{told}");
        }
    }

    #[test]
    fn why_nothing_is_proven_has_the_code_of_what_stood_in_the_way() {
        let mut steps = vec![
            step(TokenKind::CanaryWithTags, refused(Code::StsProviderNotFound)),
            step(TokenKind::CanaryWithoutTags, refused(Code::StsProviderNotFound)),
            step(TokenKind::Own, refused(Code::StsProviderNotFound)),
        ];
        let (outcome, code) = conclude(&mut steps, &HERE.parse().unwrap(), false);
        assert_eq!((outcome, code), (ProofOutcome::OwnOrgRefused, Some(Code::StsProviderNotFound)));
        assert!(steps.iter().all(|step| !step.as_expected));
    }
}
