//! Tokens that are still valid, from their rows: what the revocation of a key costs.

use driftwise_contract::claims::TOKEN_LIFETIME_S;
use driftwise_contract::{Kid, OrgId};

use super::{Body, Chain, Event};
use crate::store::{Connection, StoreError, audit};

const PAGE: u16 = 1000;

/// How far the clocks of issuers over one store may differ, and a clock be set back, without tokens being missed.
const CLOCKS_DIFFER_MS: i64 = 10 * 60 * 1000;

/// The tokens of one org that are still valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpiredMints {
    /// The org.
    pub org: OrgId,
    /// How many tokens.
    pub tokens: u64,
    /// When the last of them expires, seconds since the epoch.
    pub last_exp_s: i64,
}

/// Which orgs have tokens signed by that key that are not yet expired, by org. Reads each chain back from its end only as far
/// as a valid token can lie.
pub async fn unexpired_mints(db: &mut Connection, kid: &Kid, now_ms: i64) -> Result<Vec<UnexpiredMints>, StoreError> {
    let oldest_ms = now_ms.saturating_sub(TOKEN_LIFETIME_S * 1000 + CLOCKS_DIFFER_MS);
    let mut found = Vec::new();
    for chain in audit::chains(db).await? {
        let Ok(chain @ Chain::Org(org)) = chain.parse() else { continue };
        let mut mints = UnexpiredMints { org, tokens: 0, last_exp_s: 0 };
        let mut before = i64::MAX;
        'chain: loop {
            let rows = audit::page_back(db, chain, before, PAGE).await?;
            let Some(last) = rows.last() else { break };
            before = last.seq;
            for row in &rows {
                if row.at_ms < oldest_ms {
                    break 'chain;
                }
                if let Ok(Body { event: Event::TokenMinted(token), .. }) = serde_json::from_str(&row.event)
                    && token.kid == *kid
                    && token.exp_s.saturating_mul(1000) > now_ms
                {
                    mints.tokens += 1;
                    mints.last_exp_s = mints.last_exp_s.max(token.exp_s);
                }
            }
        }
        if mints.tokens > 0 {
            found.push(mints);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use driftwise_contract::{Audience, Subject};
    use uuid::Uuid;

    use super::*;
    use crate::audit::{Actor, Record, TokenMinted, append};
    use crate::store::Store;

    const NOW_S: i64 = 1_800_000_000;

    #[tokio::test]
    async fn tokens_of_the_key_that_are_still_valid_are_counted_by_org() {
        let directory = tempfile::TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("issuer.db")).await.unwrap();
        let orgs = [OrgId::from_uuid(Uuid::from_u128(1)), OrgId::from_uuid(Uuid::from_u128(2))];
        let (kid, other): (Kid, Kid) = ("a".repeat(43).parse().unwrap(), "b".repeat(43).parse().unwrap());
        let mint = |org: OrgId, kid: &Kid, at_s: i64| {
            let minted = TokenMinted {
                jti: Uuid::new_v4().to_string(),
                iss: "https://id.example.com".parse().unwrap(),
                sub: Subject::of_org(org),
                aud: Audience::sts(),
                role: "arn:aws:iam::123456789012:role/scan".parse().unwrap(),
                kid: kid.clone(),
                exp_s: at_s + TOKEN_LIFETIME_S,
                scope: None,
            };
            Record::new(Chain::Org(org), at_s * 1000, Actor::Issuer, Event::TokenMinted(minted))
        };
        let mut tx = store.begin().await.unwrap();
        // One from before the clock was set back a little; more than a page of valid ones; expired ones; another key's.
        append(&mut tx, mint(orgs[0], &kid, NOW_S - 100)).await.unwrap();
        append(&mut tx, mint(orgs[0], &kid, NOW_S - 400)).await.unwrap();
        for _ in 0..1_500 {
            append(&mut tx, mint(orgs[0], &kid, NOW_S - 10)).await.unwrap();
        }
        append(&mut tx, mint(orgs[0], &other, NOW_S)).await.unwrap();
        append(&mut tx, mint(orgs[1], &kid, NOW_S - 300)).await.unwrap();
        tx.commit().await.unwrap();
        let mut db = store.connection().await.unwrap();
        let found = unexpired_mints(&mut db, &kid, NOW_S * 1000).await.unwrap();
        assert_eq!(found, [UnexpiredMints { org: orgs[0], tokens: 1_501, last_exp_s: NOW_S + 290 }]);
        assert!(unexpired_mints(&mut db, &kid, (NOW_S + 300) * 1000).await.unwrap().is_empty());
    }
}
