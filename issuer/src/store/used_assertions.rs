//! Assertions that were taken, so that each is taken once (RFC 7523, section 3, item 7).
//!
//! A row stays until its assertion has expired by the host's clock *and* [`KEEP`] of steady time
//! (see [`crate::keyring::replicas`]) has passed since it was taken: a clock that was set forward for a while, here or on
//! another host, would otherwise have it forgotten before its time.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Connection, StoreError, bulk, parse};
use crate::audit::UsedAssertion;

/// How long a row stays at least, steady time. An assertion is accepted for 7 minutes at most: it lives for 5
/// (`ASSERTION_LIFETIME_MAX_S`), and may be dated 1 minute ahead and taken 1 minute late (`CLOCK_SKEW_S`). The rest is for the
/// steady time, which is noted as of its last tick: an issuer that has not refreshed for its lease, a minute at most, mints
/// nothing.
pub const KEEP: Duration = Duration::from_mins(10);

/// Notes an assertion. False when it was taken before.
pub async fn insert(db: &mut Connection, assertion: &UsedAssertion) -> Result<bool, StoreError> {
    insert_all(db, &[assertion]).await
}

/// Notes assertions, each of which stands once in the list. False when one of them was taken before: then some may be noted
/// and others not, and the caller goes back and asks [`taken`] first.
pub async fn insert_all(db: &mut Connection, assertions: &[&UsedAssertion]) -> Result<bool, StoreError> {
    let mut added = 0;
    for (slice, size) in bulk::slices(assertions) {
        let sql = format!(
            "INSERT INTO used_assertions (keep_until_ms, digest, taken_steady_ms) \
             SELECT taken.column1, taken.column2, key_catalogue.steady_ms FROM key_catalogue, (VALUES {}) AS taken \
             WHERE key_catalogue.id = 1 AND taken.column1 IS NOT NULL ON CONFLICT DO NOTHING",
            bulk::placeholders(size, 2)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for assertion in slice {
            query = query.bind(assertion.keep_until_ms).bind(assertion.digest.to_string());
        }
        for _ in slice.len()..size {
            query = query.bind(None::<i64>).bind(None::<String>);
        }
        added += query.execute(&mut *db).await?.rows_affected();
    }
    Ok(added == assertions.len() as u64)
}

/// Which of them were taken before.
pub async fn taken(db: &mut Connection, assertions: &[&UsedAssertion]) -> Result<HashSet<UsedAssertion>, StoreError> {
    let mut taken = HashSet::new();
    for (slice, size) in bulk::slices(assertions) {
        let mut query = sqlx::query_as(AssertSqlSafe(taken_sql(size)));
        for assertion in slice {
            query = query.bind(assertion.keep_until_ms).bind(assertion.digest.to_string());
        }
        for _ in slice.len()..size {
            query = query.bind(None::<i64>).bind(None::<String>);
        }
        let rows: Vec<(i64, String)> = query.fetch_all(&mut *db).await?;
        for (keep_until_ms, digest) in rows {
            taken.insert(UsedAssertion { digest: parse("used_assertions.digest", &digest)?, keep_until_ms });
        }
    }
    Ok(taken)
}

/// The statement of [`taken`]: a look at the primary key for each. `SQLite` keeps the order of a CROSS JOIN, so that it can't
/// go through all rows instead, as versions of it do for `(keep_until_ms, digest) IN (VALUES …)`.
pub(super) fn taken_sql(size: usize) -> String {
    format!(
        "SELECT used.keep_until_ms, used.digest FROM (VALUES {}) AS asked CROSS JOIN used_assertions AS used \
         WHERE used.keep_until_ms = asked.column1 AND used.digest = asked.column2",
        bulk::placeholders(size, 2)
    )
}

/// How many rows one sweep looks at: a few milliseconds, for which writers wait.
const SWEEP_MAX: i64 = 1_000;

/// Of those that end first, forgets some that can't be valid any more. Says how many; none means that there are none, but for
/// those that end after some that were taken later, by minutes at most.
pub async fn sweep(db: &mut Connection, now_ms: i64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM used_assertions WHERE (keep_until_ms, digest) IN \
               (SELECT keep_until_ms, digest FROM used_assertions ORDER BY keep_until_ms, digest LIMIT $3) \
               AND keep_until_ms < $1 AND taken_steady_ms < (SELECT steady_ms FROM key_catalogue WHERE id = 1) - $2";
    let keep_ms = i64::try_from(KEEP.as_millis()).unwrap_or(i64::MAX);
    let done = sqlx::query(sql).bind(now_ms).bind(keep_ms).bind(SWEEP_MAX).execute(db).await?;
    Ok(done.rows_affected())
}
