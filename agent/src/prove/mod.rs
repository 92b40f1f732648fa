//! Proving a role: that its trust policy lets this org's tokens in and no other org's, seen at STS itself.
//!
//! - A *canary* is what an agent of another org would be given for the role; its org does not exist. The issuer makes it
//!   ([`crate::issuer_client::IssuerClient::canary_token`]). There are two, because another org chooses by itself whether its
//!   tokens carry session tags, and a policy may refuse the one and let the other in.
//! - Every token is shown in the same way ([`Probe`]), so that the org alone tells them apart, and its session may do nothing.
//!
//! The order: the canaries, so that an open role is told at once; then the org's own token, for as long as a new role may take to
//! be known to STS; and where it took more than one attempt, the canaries again, because the role may not have been there when
//! they were refused. Without the org's own token let in, a refused canary proves nothing.

mod text;
mod verdict;

use std::time::Duration;

use driftwise_contract::claims::TrustForm;
use driftwise_contract::codes::Code;
use driftwise_contract::proof::{ProofOutcome, ProofReport};
use driftwise_contract::wire::{AccountInfo, AgentInfo};
use driftwise_contract::{AccountId, IssuerUrl, OrgId, RoleArn, SessionScope, Subject};
use serde::Serialize;

use crate::clock::{SharedClock, rfc3339};
use crate::config::AwsConfig;
use crate::credentials::{Probe, Shown};
use crate::fault::Fault;
use crate::identity::Enrolled;
use crate::issuer_client::{CanaryToken, FederationToken, IssuerClient};

pub use text::write;

/// The version of the proof's JSON form.
pub const SCHEMA: &str = "driftwise.proof/1";

/// The longest pause between attempts with the org's own token.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// What was found of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// What it comes to.
    pub outcome: ProofOutcome,
    /// Why, where it is not proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The account.
    pub account_id: AccountId,
    /// The role.
    pub role_arn: RoleArn,
    /// The org whose token is to get in.
    pub org_id: OrgId,
    /// Its name, for people.
    pub org_name: String,
    /// The issuer that was asked for tokens.
    pub issuer: IssuerUrl,
    /// When it began, RFC 3339, UTC.
    pub tested_at: String,
    /// Every token that was shown, in order.
    pub steps: Vec<Step>,
}

/// One token, and what STS did with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which token.
    pub token: TokenKind,
    /// Its `sub`, where it is a canary's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Its id, by which the issuer's audit log knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// How often it was shown.
    pub attempts: u32,
    /// Whether STS did what it must.
    pub as_expected: bool,
    /// What STS did.
    #[serde(flatten)]
    pub result: StepResult,
}

/// Which token was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Another org's, with session tags.
    CanaryWithTags,
    /// Another org's, without session tags.
    CanaryWithoutTags,
    /// This org's.
    Own,
    /// This org's, for another of its roles.
    OwnForAnotherRole,
}

/// What STS did with a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum StepResult {
    /// It opened a session.
    Admitted {
        /// The account that the session is in, where AWS was asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        session_account_id: Option<AccountId>,
    },
    /// It refused.
    Refused {
        /// What that means.
        code: Code,
        /// STS's code and words.
        detail: String,
    },
}

impl Proof {
    /// What is told to the issuer.
    pub fn report(&self) -> ProofReport {
        ProofReport {
            account_id: self.account_id.clone(),
            role_arn: self.role_arn.clone(),
            outcome: self.outcome,
            code: self.code,
        }
    }

    /// The exit code: 0 proven, 1 another org gets in, 3 neither could be shown.
    pub const fn exit_code(&self) -> u8 {
        match self.outcome {
            ProofOutcome::Proven => 0,
            ProofOutcome::ForeignOrgAdmitted => 1,
            ProofOutcome::OwnOrgRefused | ProofOutcome::Inconclusive => 3,
        }
    }

    /// The error that it is, unless it is proven: what happened, STS's words, what to do.
    pub fn fault(&self) -> Option<Fault> {
        let code = self.code?;
        let role = &self.role_arn;
        let message = match self.outcome {
            ProofOutcome::Proven => return None,
            ProofOutcome::ForeignOrgAdmitted => format!("{role} let a token of another org in"),
            ProofOutcome::OwnOrgRefused => format!("{role} refuses this org's own token"),
            ProofOutcome::Inconclusive => format!("whether {role} keeps other orgs out could not be seen"),
        };
        let words = self.steps.iter().rfind(|step| !step.as_expected).and_then(|step| match &step.result {
            StepResult::Refused { detail, .. } => Some(detail.clone()),
            StepResult::Admitted { .. } => step.subject.map(|subject| format!("sub {subject} was given a session")),
        });
        let fault = Fault::new(code, message);
        Some(match words {
            Some(words) => fault.because(words),
            None => fault,
        })
    }
}

/// What is to be proven, and with what.
#[derive(Debug)]
pub struct Prover<'a> {
    /// The issuer.
    pub issuer: &'a IssuerClient,
    /// The agent.
    pub enrolled: &'a Enrolled,
    /// Its org and accounts.
    pub info: &'a AgentInfo,
    /// The account whose role is proven.
    pub account: &'a AccountInfo,
    /// Talking to AWS.
    pub aws: &'a AwsConfig,
    /// How long a role that refuses the org's own token is taken for a new one.
    pub patience: Duration,
    /// The time.
    pub clock: SharedClock,
}

impl Prover<'_> {
    /// Shows the tokens and concludes. `say` is told what goes on. A fault where the question could not be asked at all: the issuer
    /// or STS did not answer.
    pub async fn prove(&self, say: impl Fn(&str)) -> Result<Proof, Fault> {
        let tested_at = rfc3339(self.clock.now());
        let probe = Probe::new(self.aws, self.account.role_arn.clone(), &self.account.region).await;
        let mut steps = Vec::new();
        let mut canaries = Vec::new();
        for (kind, form) in
            [(TokenKind::CanaryWithTags, TrustForm::SessionTag), (TokenKind::CanaryWithoutTags, TrustForm::Subject)]
        {
            let canary = self.canary(form).await?;
            say("showing AWS a token of an org that does not exist");
            let result = result(probe.show(&canary.token).await?);
            steps.push(Step {
                token: kind,
                subject: Some(canary.subject),
                jti: canary.token.jti().map(str::to_owned),
                attempts: 1,
                as_expected: false,
                result,
            });
            canaries.push(canary);
        }
        let is_open = |steps: &[Step]| steps.iter().any(|step| matches!(step.result, StepResult::Admitted { .. }));
        let mut foreign_issuer = false;
        if !is_open(&steps) {
            let (own, issuer) = self.own(&probe, &say).await?;
            foreign_issuer = canaries.iter().all(|canary| issuer.as_deref() != Some(canary.issuer.as_str()));
            if matches!(own.result, StepResult::Admitted { .. }) && own.attempts > 1 {
                say("the role was not known to AWS at first: showing it the others' tokens again");
                for (step, canary) in steps.iter_mut().zip(&canaries) {
                    step.result = result(probe.show(&canary.token).await?);
                    step.attempts += 1;
                }
            }
            steps.push(own);
        }
        let (outcome, code) = verdict::conclude(&mut steps, &self.account.account_id, foreign_issuer);
        if outcome == ProofOutcome::Proven
            && let Some(step) = self.other_role(&probe).await?
        {
            steps.push(step);
        }
        Ok(Proof {
            schema: SCHEMA,
            outcome,
            code,
            account_id: self.account.account_id.clone(),
            role_arn: self.account.role_arn.clone(),
            org_id: self.info.org_id,
            org_name: self.info.org_name.clone(),
            issuer: self.issuer.issuer().clone(),
            tested_at,
            steps,
        })
    }

    async fn canary(&self, form: TrustForm) -> Result<CanaryToken, Fault> {
        let canary = self.issuer.canary_token(self.enrolled, &self.account.role_arn, form).await?;
        // It would be let in, and look like an open role.
        if canary.subject.org() == self.info.org_id {
            return Err(Fault::new(Code::IssuerNotAnIssuer, "the issuer's canary token speaks for this org")
                .because("it must speak for an org that does not exist"));
        }
        Ok(canary)
    }

    /// Shows the org's own token, and again while the role may be too young for STS to know. Gives the token's issuer too.
    async fn own(&self, probe: &Probe, say: &impl Fn(&str)) -> Result<(Step, Option<String>), Fault> {
        let token = self.token(&self.account.role_arn).await?;
        say("showing AWS a token of this org");
        let (mut attempts, mut waited) = (1, Duration::ZERO);
        let mut pause = Duration::from_millis(self.aws.initial_backoff_ms).min(PAUSE_MAX);
        let shown = loop {
            let shown = probe.show(&token).await?;
            // IAM is eventually consistent: a new role answers AccessDenied for some ten seconds.
            let may_be_new = matches!(&shown, Shown::Refused { code: Code::StsAccessDenied, .. });
            if !may_be_new || waited >= self.patience {
                break shown;
            }
            if attempts == 1 {
                say(&format!("AWS refuses it; the role may be new: trying for up to {} s", self.patience.as_secs()));
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(PAUSE_MAX);
            attempts += 1;
        };
        let result = match shown {
            Shown::Admitted(session) => {
                StepResult::Admitted { session_account_id: Some(probe.account(session).await?) }
            }
            refused @ Shown::Refused { .. } => result(refused),
        };
        let jti = token.jti().map(str::to_owned);
        let step = Step { token: TokenKind::Own, subject: None, jti, attempts, as_expected: false, result };
        Ok((step, token.issuer().map(str::to_owned)))
    }

    /// Where the org has another role: shows this one the token that is pinned to the other.
    async fn other_role(&self, probe: &Probe) -> Result<Option<Step>, Fault> {
        let mut roles = self.info.accounts.iter().map(|account| &account.role_arn);
        let Some(other) = roles.find(|role| **role != self.account.role_arn) else { return Ok(None) };
        let token = self.token(other).await?;
        let result = result(probe.show(&token).await?);
        Ok(Some(Step {
            token: TokenKind::OwnForAnotherRole,
            subject: None,
            jti: token.jti().map(str::to_owned),
            attempts: 1,
            as_expected: matches!(result, StepResult::Refused { .. }),
            result,
        }))
    }

    async fn token(&self, role: &RoleArn) -> Result<FederationToken, Fault> {
        self.issuer.token(self.enrolled, role, SessionScope::Scan).await
    }
}

/// A session that was opened for a token that should not have opened one is dropped here.
fn result(shown: Shown) -> StepResult {
    match shown {
        Shown::Admitted(_) => StepResult::Admitted { session_account_id: None },
        Shown::Refused { code, words } => StepResult::Refused { code, detail: words },
    }
}
