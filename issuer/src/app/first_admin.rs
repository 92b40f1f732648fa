//! The way to the first admin: while there is none, each start prints a one-time link into the log.

use super::App;
use crate::Error;
use crate::accounts::admin::{LinkPurpose, SecretToken, link_url};
use crate::clock::rfc3339;
use crate::store::admin_links::{self, Link};
use crate::store::admins;

/// Makes a link and tells it in the log, where there is no admin yet. Links of earlier starts stay valid until their time is
/// over, so that several replicas may start at once; the first that is used ends the others.
pub(super) async fn invite(app: &App) -> Result<(), Error> {
    if !app.web().is_on() {
        return Ok(());
    }
    let mut tx = app.store().begin().await?;
    if admins::any(&mut tx).await? {
        return Ok(());
    }
    let (token, now_ms) = (SecretToken::generate()?, app.clock().now_ms());
    let lifetime_ms = i64::try_from(app.web().link_lifetime().as_millis()).unwrap_or(i64::MAX);
    let expires_at_ms = now_ms.saturating_add(lifetime_ms);
    let link = Link { purpose: LinkPurpose::First, name: None, admin: None, expires_at_ms };
    admin_links::insert(&mut tx, &token.hash(), &link, now_ms).await?;
    tx.commit().await?;
    // The one secret that the log ever has: it is of use until somebody is the first admin, and for a day at most.
    tracing::warn!(
        url = link_url(app.web().origin(), app.base_path(), &token),
        expires_at = rfc3339(expires_at_ms.div_euclid(1000)),
        "nobody can sign in to the pages yet: open this link once to become the first admin"
    );
    Ok(())
}
