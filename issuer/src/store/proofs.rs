//! The last proof of each account: what an agent found when it showed the account's role a token of its org and canary tokens.
//!
//! A proof is an agent's word: the issuer can't ask AWS. It goes when the account's registration does.

use driftwise_contract::claims::TrustForm;
use driftwise_contract::codes::Code;
use driftwise_contract::proof::ProofOutcome;
use driftwise_contract::{AccountId, AgentId, RoleArn};

use super::{Connection, OrgScope, StoreError, parse};
use crate::accounts::AwsAccount;

/// What an agent found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The account.
    pub account_id: AccountId,
    /// The role that was tried.
    pub role_arn: RoleArn,
    /// The form that the account was registered with then.
    pub trust_form: TrustForm,
    /// The agent that says so.
    pub agent: AgentId,
    /// What it found.
    pub outcome: ProofOutcome,
    /// Why, where it is not proven.
    pub code: Option<Code>,
    /// When it said so, epoch milliseconds.
    pub reported_at_ms: i64,
    /// `shared` or `org`: the issuer that the account was registered with then.
    issuer: String,
}

impl Proof {
    /// A proof of an account as it is registered now.
    pub fn of(
        account: &AwsAccount,
        agent: AgentId,
        outcome: ProofOutcome,
        code: Option<Code>,
        reported_at_ms: i64,
    ) -> Self {
        Self {
            account_id: account.account_id().clone(),
            role_arn: account.role_arn().clone(),
            trust_form: account.trust_form(),
            agent,
            outcome,
            code,
            reported_at_ms,
            issuer: account.issuer().as_str().to_owned(),
        }
    }

    /// Whether it is about the account as it is registered now: with another role, form or issuer the tokens are others.
    pub fn is_about(&self, account: &AwsAccount) -> bool {
        self.account_id == *account.account_id()
            && self.role_arn == *account.role_arn()
            && self.trust_form == account.trust_form()
            && self.issuer == account.issuer().as_str()
    }
}

type Row = (String, String, String, String, String, String, Option<String>, i64);

fn convert(row: Row) -> Result<Proof, StoreError> {
    let (account_id, role_arn, trust_form, issuer, agent, outcome, code, reported_at_ms) = row;
    Ok(Proof {
        account_id: parse("proofs.account_id", &account_id)?,
        role_arn: parse("proofs.role_arn", &role_arn)?,
        trust_form: parse("proofs.trust_form", &trust_form)?,
        agent: parse("proofs.agent_id", &agent)?,
        outcome: parse("proofs.outcome", &outcome)?,
        // A code of a later version is not known here, and no reason to lose the rest.
        code: code.and_then(|code| code.parse().ok()),
        reported_at_ms,
        issuer,
    })
}

/// Notes a proof in the place of the account's last one. The account must be registered.
pub async fn put(db: &mut Connection, scope: OrgScope, proof: &Proof) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO proofs (org_id, account_id, role_arn, trust_form, issuer, agent_id, outcome, code, reported_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (org_id, account_id) DO UPDATE SET role_arn = excluded.role_arn, trust_form = excluded.trust_form, \
         issuer = excluded.issuer, agent_id = excluded.agent_id, outcome = excluded.outcome, code = excluded.code, \
         reported_at_ms = excluded.reported_at_ms",
    )
    .bind(scope.org().to_string())
    .bind(proof.account_id.as_str())
    .bind(proof.role_arn.as_str())
    .bind(proof.trust_form.as_str())
    .bind(&proof.issuer)
    .bind(proof.agent.to_string())
    .bind(proof.outcome.as_str())
    .bind(proof.code.map(Code::as_str))
    .bind(proof.reported_at_ms)
    .execute(db)
    .await?;
    Ok(())
}

/// The account's last proof.
pub async fn find(db: &mut Connection, scope: OrgScope, account_id: &AccountId) -> Result<Option<Proof>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT account_id, role_arn, trust_form, issuer, agent_id, outcome, code, reported_at_ms FROM proofs \
         WHERE org_id = $1 AND account_id = $2",
    )
    .bind(scope.org().to_string())
    .bind(account_id.as_str())
    .fetch_optional(db)
    .await?;
    row.map(convert).transpose()
}

/// The last proofs of the org's accounts, by account id.
pub async fn list(db: &mut Connection, scope: OrgScope) -> Result<Vec<Proof>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT account_id, role_arn, trust_form, issuer, agent_id, outcome, code, reported_at_ms FROM proofs \
         WHERE org_id = $1 ORDER BY account_id",
    )
    .bind(scope.org().to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use driftwise_contract::OrgId;
    use uuid::Uuid;

    use super::*;
    use crate::store::{Store, accounts, agents, orgs};

    async fn scratch() -> (tempfile::TempDir, Store, [OrgScope; 2], AgentId, AwsAccount) {
        let directory = tempfile::TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let mut db = store.connection().await.unwrap();
        let mut scopes = Vec::new();
        for number in [1, 2] {
            let id = OrgId::from_uuid(Uuid::from_u128(number));
            orgs::insert(&mut db, id, &"Acme".parse().unwrap(), 1).await.unwrap();
            scopes.push(orgs::find(&mut db, id).await.unwrap().unwrap().scope());
        }
        let agent = AgentId::from_uuid(Uuid::from_u128(3));
        agents::insert(&mut db, scopes[0], agent, &"host".parse().unwrap(), 1).await.unwrap();
        let account = account(TrustForm::SessionTag);
        accounts::upsert(&mut db, scopes[0], &account, 1).await.unwrap();
        drop(db);
        (directory, store, [scopes[0], scopes[1]], agent, account)
    }

    fn account(form: TrustForm) -> AwsAccount {
        let role = "arn:aws:iam::123456789012:role/scan".parse().unwrap();
        AwsAccount::new("123456789012".parse().unwrap(), role, "eu-central-1".parse().unwrap(), form).unwrap()
    }

    #[tokio::test]
    async fn the_last_proof_of_an_account_stays_and_its_org_alone_sees_it() {
        let (_directory, store, [acme, other], agent, account) = scratch().await;
        let mut db = store.connection().await.unwrap();
        let code = Some(Code::ProveForeignOrgAdmitted);
        let open = Proof::of(&account, agent, ProofOutcome::ForeignOrgAdmitted, code, 5);
        put(&mut db, acme, &open).await.unwrap();
        assert_eq!(find(&mut db, acme, account.account_id()).await.unwrap(), Some(open));
        let proven = Proof::of(&account, agent, ProofOutcome::Proven, None, 6);
        put(&mut db, acme, &proven).await.unwrap();
        assert_eq!(list(&mut db, acme).await.unwrap(), [proven]);
        assert!(list(&mut db, other).await.unwrap().is_empty());
        assert_eq!(find(&mut db, other, account.account_id()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_proof_goes_with_its_account_and_none_is_noted_without_one() {
        let (_directory, store, [acme, other], agent, account) = scratch().await;
        let mut db = store.connection().await.unwrap();
        let proven = Proof::of(&account, agent, ProofOutcome::Proven, None, 5);
        assert!(put(&mut db, other, &proven).await.unwrap_err().is_constraint());
        put(&mut db, acme, &proven).await.unwrap();
        assert!(accounts::remove(&mut db, acme, account.account_id()).await.unwrap());
        assert_eq!(find(&mut db, acme, account.account_id()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_proof_says_whether_the_account_was_registered_anew_since() {
        let (_directory, store, [acme, _], agent, proved) = scratch().await;
        let mut db = store.connection().await.unwrap();
        put(&mut db, acme, &Proof::of(&proved, agent, ProofOutcome::Proven, None, 5)).await.unwrap();
        let proof = find(&mut db, acme, proved.account_id()).await.unwrap().unwrap();
        assert!(proof.is_about(&proved));
        assert!(!proof.is_about(&account(TrustForm::Subject)));
        let on_org = account(TrustForm::SessionTag)
            .with_issuer(crate::accounts::AccountIssuer::Org(crate::accounts::IssuerKeys::Own));
        assert!(!proof.is_about(&on_org));
    }
}
