//! An org's audit log, for the holder of an API key of that org with the scope `audit:read`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use driftwise_contract::OrgId;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::super::problem::Problem;
use super::bearer::CallingApiKey;
use super::path_word::PathWord;
use crate::Error;
use crate::accounts::ApiKeyScope;
use crate::app::App;
use crate::audit::{Chain, Expected, RowHash, RowView, VerdictView, VerifyError, verify};
use crate::store::audit;

/// Recomputing a chain takes seconds of CPU per million rows: so many at once, and no more for one issuer. The others wait in
/// the order in which they came; each org has one request here at most, so that none keeps another out for long.
static VERIFYING: Semaphore = Semaphore::const_new(2);

/// The orgs that verify or wait for it.
static VERIFIERS: Mutex<BTreeSet<OrgId>> = Mutex::new(BTreeSet::new());

/// An org's one verification. Dropped when it ends, or when its request does.
#[derive(Debug)]
struct OneOfOrg(OrgId);

impl OneOfOrg {
    fn begin(org: OrgId) -> Option<Self> {
        let is_first = VERIFIERS.lock().unwrap_or_else(PoisonError::into_inner).insert(org);
        // Made only for the first, and with the lock let go: its drop takes the org out.
        is_first.then(|| Self(org))
    }
}

impl Drop for OneOfOrg {
    fn drop(&mut self) {
        VERIFIERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// When to ask again while the org's other verification runs.
const VERIFY_AGAIN: Duration = Duration::from_secs(5);

const LIMIT_DEFAULT: u16 = 100;
const LIMIT_MAX: u16 = 1000;

/// Which rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Page {
    /// Rows after this number.
    #[serde(default)]
    after_seq: i64,
    /// At most so many.
    limit: Option<u16>,
}

/// What the caller remembers of the chain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Remembered {
    /// It has at least so many rows.
    expected_min_seq: Option<i64>,
    /// Its row of that number, or some row, has this hash.
    expected_hash: Option<String>,
}

#[derive(Serialize)]
struct LogPage {
    chain: Chain,
    rows: Vec<RowView>,
    /// What to ask for next; none at the end of the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_after_seq: Option<i64>,
}

/// `GET /api/v2/orgs/{org_id}/audit-log`: rows of the org's chain, in order.
pub(in crate::http) async fn list(
    State(app): State<Arc<App>>,
    key: CallingApiKey,
    PathWord(org): PathWord,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let scope = key.require(ApiKeyScope::ReadAudit, &org)?;
    let limit_fault = || Problem::request_invalid(format!("limit: give 1 to {LIMIT_MAX}; after_seq: a row's number."));
    let Query(Page { after_seq, limit }) = page.map_err(|_| limit_fault())?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(limit_fault());
    }
    let chain = Chain::Org(scope.org());
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let found = audit::page(&mut db, chain, after_seq, limit).await.map_err(Error::from)?;
    let is_full = found.len() == usize::from(limit);
    let next_after_seq = found.last().filter(|_| is_full).map(|row| row.seq);
    let rows = found.into_iter().map(RowView::of).collect::<Result<_, _>>().map_err(Error::from)?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(LogPage { chain, rows, next_after_seq })))
}

/// `GET /api/v2/orgs/{org_id}/audit-log/verify`: whether the org's chain is intact.
pub(in crate::http) async fn check(
    State(app): State<Arc<App>>,
    key: CallingApiKey,
    PathWord(org): PathWord,
    remembered: Result<Query<Remembered>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let scope = key.require(ApiKeyScope::ReadAudit, &org)?;
    let fault =
        |_| Problem::request_invalid("expected_min_seq is a row's number, expected_hash 64 hexadecimal digits.");
    let Query(remembered) = remembered.map_err(fault)?;
    let hash: Option<RowHash> =
        remembered.expected_hash.map(|hash| hash.parse()).transpose().map_err(Problem::request_invalid)?;
    let _one_of_org = OneOfOrg::begin(scope.org()).ok_or_else(|| Problem::too_many_requests(VERIFY_AGAIN))?;
    // Closed never; a request that waits too long ends by the time limit of requests.
    let _one_of_few = VERIFYING.acquire().await.map_err(|_| Problem::too_many_requests(VERIFY_AGAIN))?;
    let chain = Chain::Org(scope.org());
    let mut db = app.store().connection().await.map_err(Error::from)?;
    let done = match verify(
        &mut db,
        chain,
        Expected { min_seq: remembered.expected_min_seq, hash, seal_key: Some(app.seal_key()) },
    )
    .await
    {
        Ok(verified) => Ok(verified),
        Err(VerifyError::Broken(fault)) => {
            tracing::error!(org.id = %scope.org(), error = %fault, "the audit log of an org is broken");
            Err(fault)
        }
        Err(VerifyError::Store(error)) => return Err(Error::from(error).into()),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(VerdictView::of(&chain, &done))))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_org_verifies_once_at_a_time_and_holds_no_other_org_up() {
        let [acme, other] = [(); 2].map(|()| OrgId::from_uuid(Uuid::new_v4()));
        let first = OneOfOrg::begin(acme).unwrap();
        assert!(OneOfOrg::begin(acme).is_none());
        assert!(OneOfOrg::begin(other).is_some());
        drop(first);
        assert!(OneOfOrg::begin(acme).is_some());
    }
}
