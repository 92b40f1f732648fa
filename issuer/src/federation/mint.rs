//! Minting: from a caller that proved who it is to a token whose audit row is durable.
//!
//! The order is the promise: look up (from memory), prepare, sign, commit. The commit takes the assertion, checks that
//! nothing of what was looked up has changed, and makes the row durable, all or nothing; only then does the token leave.
//! There may be a row whose token was never handed out (the caller went away), never a token without its row.

use std::net::IpAddr;
use std::sync::Arc;

use driftwise_contract::claims::{TOKEN_LIFETIME_S, TrustForm};
use driftwise_contract::wire::TokenResponse;
use driftwise_contract::{IssuerUrl, RoleArn, SessionScope, Subject};
use secrecy::ExposeSecret as _;

use super::{
    AssertionFault, Authority, PreparedToken, RecentAssertions, Settings, SigningPool, issuer_of, prepare,
    prepare_canary,
};
use crate::Error;
use crate::accounts::AwsAccount;
use crate::audit::{
    Actor, Chain, Event, Ledger, LedgerEntry, LedgerFault, Record, RefusalReason, TokenMinted, TokenRefused,
    UsedAssertion,
};
use crate::clock::Clock;
use crate::keyring::{KeySetId, Keyring, Signer};
use crate::store::OrgScope;

/// How often a token is decided anew because something changed while it was made. A change is an operator's act, or the
/// rotation of an agent's key, which is limited; so many in a row, each while one token is made, are a script at work. Decided
/// anew at once: an attempt takes its milliseconds itself.
const ATTEMPTS: u32 = 12;

/// What minting works with.
#[derive(Debug, Clone, Copy)]
pub struct Minter<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// The issuer URL and audience.
    pub settings: &'a Settings,
    /// The keys.
    pub keyring: &'a Keyring,
    /// Which role is whose.
    pub authority: &'a Authority,
    /// Which assertions were taken lately.
    pub recent: &'a RecentAssertions,
    /// Where tokens are signed.
    pub signing: &'a SigningPool,
    /// Where their rows go.
    pub ledger: &'a Ledger,
}

/// Who asks for a token, as far as it was proven.
#[derive(Debug, Clone)]
pub struct Minting {
    /// For the audit log.
    pub actor: Actor,
    /// The caller's org.
    pub scope: OrgScope,
    /// The authority version at which the caller was looked up.
    pub authority: i64,
    /// The assertion that this takes, where the caller came with one.
    pub assertion: Option<UsedAssertion>,
    /// From where.
    pub address: Option<IpAddr>,
    /// The role that the token is to be for.
    pub role: RoleArn,
    /// Whom the token is to speak for.
    pub speaks_for: SpeaksFor,
    /// What the role's session is for.
    pub session: SessionScope,
}

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeaksFor {
    /// The caller's org.
    Org,
    /// No org ([`super::CanaryOrg`]): a canary token, as another org's agent would get one for a role that is registered in this form.
    Canary(TrustForm),
}

/// A token that was handed out.
#[derive(Debug)]
pub struct Minted {
    /// For the caller.
    pub response: TokenResponse,
    /// Its `sub`.
    pub subject: Subject,
    /// Its `iss`.
    pub issuer: IssuerUrl,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
enum MintFault {
    /// The caller must be looked up again: something changed since.
    #[error("what the token was decided by changed meanwhile")]
    CallerOutdated,
    /// The assertion was taken before.
    #[error("the client assertion was used before")]
    Replayed,
    /// Anything else.
    #[error(transparent)]
    Refused(#[from] Error),
}

impl From<MintFault> for Error {
    fn from(fault: MintFault) -> Self {
        match fault {
            // Changes in a row, each while a token was made: come back.
            MintFault::CallerOutdated => Self::Busy,
            MintFault::Replayed => AssertionFault::Replayed.into(),
            MintFault::Refused(error) => error,
        }
    }
}

impl Minter<'_> {
    /// Asks `decide` for the caller and mints; does both again when something changed meanwhile. `decide` is called once in
    /// nearly all cases.
    pub async fn mint_for<F, E>(&self, mut decide: impl FnMut() -> F) -> Result<Minted, E>
    where
        F: Future<Output = Result<Minting, E>>,
        E: From<Error>,
    {
        for _ in 0..ATTEMPTS {
            match self.mint(decide().await?).await {
                Err(MintFault::CallerOutdated) => {}
                done => return done.map_err(|fault| Error::from(fault).into()),
            }
        }
        Err(Error::Busy.into())
    }

    /// Mints once.
    async fn mint(&self, minting: Minting) -> Result<Minted, MintFault> {
        if minting.assertion.as_ref().is_some_and(|used| self.recent.contains(used)) {
            return Err(self.refuse_replay(&minting));
        }
        let on_the_way = self.ledger.on_the_way();
        // Requests that lie ready come this far before the first of them is signed: so the ledger knows how many there are.
        tokio::task::yield_now().await;
        let found = self.authority.account(minting.scope, &minting.role).await?;
        let Some(account) = found else {
            return Err(self.refuse_role(minting).await);
        };
        let org = minting.scope.org();
        let Draft { prepared, key_set, version: drafted_at } = self.draft(&minting, &account.value).await?;
        let keys = self.keyring.current_at(minting.authority.max(account.version)).await.map_err(Error::from)?;
        // What was looked up first may be older, the keys too: the oldest version counts.
        let version = minting.authority.min(account.version).min(drafted_at).min(keys.authority);
        let signer = keys.snapshot.signer(key_set).map_err(Error::from)?;
        let token = self.signing.sign(&prepared, signer).await?;

        let event = event(&prepared, signer, &minting);
        let record = Record::new(Chain::Org(org), self.clock.now_ms(), minting.actor.clone(), event);
        let entry = LedgerEntry {
            record: record.from(minting.address),
            assertion: minting.assertion,
            authority: Some(version),
        };
        drop(on_the_way);
        let committed = self.ledger.commit(entry).await;
        if let (Ok(_) | Err(LedgerFault::Replayed), Some(used)) = (&committed, &minting.assertion) {
            self.recent.insert(*used);
        }
        match committed {
            Ok(_) => {}
            Err(LedgerFault::AuthorityChanged) => {
                // It may have been the key that was taken away: the next attempt asks for keys as new as its look-ups.
                self.authority.forget(minting.authority.min(account.version));
                return Err(MintFault::CallerOutdated);
            }
            Err(LedgerFault::Replayed) => return Err(self.refuse_replay(&minting)),
            Err(fault) => return Err(Error::from(fault).into()),
        }
        // The audit row says the same for good: a line per token is for debugging.
        tracing::debug!(
            org.id = %org, token.jti = %prepared.claims().jti, token.sub = %prepared.claims().sub, role.arn = %prepared.role(),
            key.kid = %signer.kid(), scope = %minting.session, "minted a federation token"
        );
        let response = TokenResponse {
            access_token: token.into_secret().expose_secret().to_owned(),
            token_type: "Bearer".into(),
            expires_in: TOKEN_LIFETIME_S,
            scope: minting.session,
        };
        Ok(Minted { response, subject: prepared.claims().sub, issuer: prepared.claims().iss.clone() })
    }

    /// What stands in the token, whose keys sign it, and the authority version that this was decided at where the account's own
    /// does not cover it.
    async fn draft(&self, minting: &Minting, account: &AwsAccount) -> Result<Draft, Error> {
        let (now_s, jti, org) = (self.clock.now_s(), self.clock.new_uuid(), minting.scope.org());
        match minting.speaks_for {
            SpeaksFor::Org => {
                let issuer = issuer_of(self.settings, org, account)?;
                let prepared = prepare(&issuer.settings, minting.scope, account, now_s, jti);
                Ok(Draft { prepared, key_set: issuer.key_set, version: i64::MAX })
            }
            // The shared issuer's, whatever the account's is: an org's own issuer speaks for that org and for nobody else, and
            // another org's token would not come from there.
            SpeaksFor::Canary(form) => {
                let canary = self.authority.canary(self.clock, org).await?;
                let prepared = prepare_canary(self.settings, canary, account, form, now_s, jti);
                Ok(Draft { prepared, key_set: KeySetId::Shared, version: canary.authority() })
            }
        }
    }

    /// The assertion was taken before.
    fn refuse_replay(&self, minting: &Minting) -> MintFault {
        self.refused(minting, RefusalReason::Replayed, None);
        MintFault::Replayed
    }

    fn refused(&self, minting: &Minting, reason: RefusalReason, role: Option<RoleArn>) {
        let org = minting.scope.org();
        tracing::info!(org.id = %org, reason = ?reason, role.arn = role.as_ref().map(RoleArn::as_str), "refused a token");
        let refused = TokenRefused { reason, claimed_agent: None, role };
        self.ledger.refused(Chain::Org(org), minting.actor.clone(), minting.address, refused);
    }

    /// The role is not the org's. The assertion counts as used: it was told something.
    async fn refuse_role(&self, minting: Minting) -> MintFault {
        // A caller that was shut out since it was looked up is told that, not what its org has registered.
        match self.authority.is_current(minting.authority).await {
            Ok(true) => {}
            Ok(false) => {
                self.authority.forget(minting.authority);
                return MintFault::CallerOutdated;
            }
            Err(error) => return error.into(),
        }
        if let Some(used) = &minting.assertion {
            match self.authority.note_use(used).await {
                Ok(true) => self.recent.insert(*used),
                Ok(false) => return self.refuse_replay(&minting),
                Err(error) => return error.into(),
            }
        }
        self.refused(&minting, RefusalReason::RoleNotRegistered, Some(minting.role.clone()));
        Error::RoleNotRegistered(minting.role).into()
    }
}

/// A token that waits for its signature.
struct Draft {
    prepared: PreparedToken,
    key_set: KeySetId,
    version: i64,
}

fn event(prepared: &PreparedToken, signer: &Arc<dyn Signer>, minting: &Minting) -> Event {
    let claims = prepared.claims();
    let minted = TokenMinted {
        jti: claims.jti.clone(),
        iss: claims.iss.clone(),
        sub: claims.sub,
        aud: claims.aud.clone(),
        role: prepared.role().clone(),
        kid: signer.kid().clone(),
        exp_s: claims.exp,
        scope: Some(minting.session.to_string()),
    };
    match minting.speaks_for {
        SpeaksFor::Org => Event::TokenMinted(minted),
        SpeaksFor::Canary(_) => Event::CanaryTokenMinted(minted),
    }
}
