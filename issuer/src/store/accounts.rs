//! The AWS accounts that orgs registered.

use driftwise_contract::{AccountId, RoleArn};

use super::{Connection, OrgScope, StoreError, parse};
use crate::Error;
use crate::accounts::{AccountIssuer, AwsAccount};

/// The last two: the account's issuer, and the keys of the org's own issuer.
type Row = (String, String, String, String, String, Option<String>);

fn convert((account_id, role_arn, region, trust_form, issuer, org_keys): Row) -> Result<AwsAccount, StoreError> {
    let corrupt = |cause: &str| StoreError::Corrupt { column: "accounts.issuer", cause: cause.into() };
    let issuer = match (issuer.as_str(), org_keys) {
        ("shared", _) => AccountIssuer::Shared,
        ("org", Some(keys)) => AccountIssuer::Org(parse("orgs.issuer_keys", &keys)?),
        ("org", None) => return Err(corrupt("the org has no issuer of its own any more")),
        _ => return Err(corrupt("it is neither shared nor org")),
    };
    let account = AwsAccount::new(
        parse("accounts.account_id", &account_id)?,
        parse("accounts.role_arn", &role_arn)?,
        parse("accounts.region", &region)?,
        parse("accounts.trust_form", &trust_form)?,
    )
    .map_err(|error| StoreError::Corrupt { column: "accounts.role_arn", cause: error.to_string() })?;
    Ok(account.with_issuer(issuer))
}

/// Registers an account, or changes region, form and issuer of a registered one. The role of an account stays: another one, or one
/// that another org has, is refused.
pub async fn upsert(db: &mut Connection, scope: OrgScope, account: &AwsAccount, now_ms: i64) -> Result<(), Error> {
    let written = sqlx::query(
        "INSERT INTO accounts (org_id, account_id, role_arn, region, trust_form, created_at_ms, issuer) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (org_id, account_id) DO UPDATE SET region = excluded.region, trust_form = excluded.trust_form, \
         issuer = excluded.issuer \
         WHERE accounts.role_arn = excluded.role_arn",
    )
    .bind(scope.org().to_string())
    .bind(account.account_id().as_str())
    .bind(account.role_arn().as_str())
    .bind(account.region().as_str())
    .bind(account.trust_form().as_str())
    .bind(now_ms)
    .bind(account.issuer().as_str())
    .execute(db)
    .await;
    match written {
        Ok(done) if done.rows_affected() == 0 => {
            Err(Error::AccountHasOtherRole { org: scope.org(), account: account.account_id().clone() })
        }
        Ok(_) => Ok(()),
        // The other unique constraints: accounts_role_of_one_org and, as IAM compares, accounts_role_of_one_org_any_case.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Err(Error::RoleTaken(account.role_arn().clone()))
        }
        Err(error) => Err(StoreError::from(error).into()),
    }
}

/// Takes a registration away. False when there was none.
pub async fn remove(db: &mut Connection, scope: OrgScope, account_id: &AccountId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM accounts WHERE org_id = $1 AND account_id = $2")
        .bind(scope.org().to_string())
        .bind(account_id.as_str())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The org's account of that id.
pub async fn find(
    db: &mut Connection,
    scope: OrgScope,
    account_id: &AccountId,
) -> Result<Option<AwsAccount>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT account_id, role_arn, region, trust_form, issuer, issuer_keys FROM accounts \
         JOIN orgs ON orgs.id = accounts.org_id WHERE org_id = $1 AND account_id = $2",
    )
    .bind(scope.org().to_string())
    .bind(account_id.as_str())
    .fetch_optional(db)
    .await?;
    row.map(convert).transpose()
}

/// The org's account that has that role, in any case: IAM takes `role/Scan` and `role/scan` for one.
pub async fn find_by_role(
    db: &mut Connection,
    scope: OrgScope,
    role: &RoleArn,
) -> Result<Option<AwsAccount>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT account_id, role_arn, region, trust_form, issuer, issuer_keys FROM accounts \
         JOIN orgs ON orgs.id = accounts.org_id WHERE org_id = $1 AND \
         lower(role_arn) = lower($2)",
    )
    .bind(scope.org().to_string())
    .bind(role.as_str())
    .fetch_optional(db)
    .await?;
    row.map(convert).transpose()
}

/// The org's accounts, by account id.
pub async fn list(db: &mut Connection, scope: OrgScope) -> Result<Vec<AwsAccount>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT account_id, role_arn, region, trust_form, issuer, issuer_keys FROM accounts \
         JOIN orgs ON orgs.id = accounts.org_id WHERE org_id = $1 ORDER BY account_id",
    )
    .bind(scope.org().to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter().map(convert).collect()
}

/// The org's accounts whose tokens name the org's own issuer, by account id.
pub async fn on_org_issuer(db: &mut Connection, scope: OrgScope) -> Result<Vec<AccountId>, StoreError> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT account_id FROM accounts WHERE org_id = $1 AND issuer = 'org' ORDER BY account_id")
            .bind(scope.org().to_string())
            .fetch_all(db)
            .await?;
    rows.iter().map(|(id,)| parse("accounts.account_id", id)).collect()
}
