//! `driftwise-issuer setup lint`: findings on stdout, talk on stderr; 0 clean, 1 findings, 2 error.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use clap::Args;
use driftwise_contract::claims::TrustForm;
use driftwise_contract::{AccountId, Audience, IssuerUrl, OrgId, RoleArn};

use super::super::output::{self, Output};
use super::super::{Store, require_org};
use crate::Error;
use crate::config::Config;
use crate::federation::{Settings, issuer_of};
use crate::setup::DocumentKind;
use crate::setup::lint::{LintContext, TEXT_MAX_BYTES, lint, sarif};
use crate::store::accounts;

const EXIT_CODES: &str = "Exit codes: 0 clean (notes may be told), 1 errors or warnings were found, 2 the document or the \
                          options can't be read.";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(in crate::cli) struct Arguments {
    /// The document; - is stdin
    #[arg(value_name = "FILE")]
    file: String,
    /// The org that must get in, and none other
    #[arg(long)]
    org: Option<OrgId>,
    /// The account that the document is for; with --org, what it is registered with is looked up
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// The issuer [default: the configured one; without any, every provider that is not well known is judged as ours]
    #[arg(long, value_name = "URL")]
    issuer: Option<IssuerUrl>,
    /// The audience of its tokens [default: the configured one, or sts.amazonaws.com]
    #[arg(long, value_name = "AUD", requires = "issuer")]
    audience: Option<Audience>,
    /// The role whose trust policy it is
    #[arg(long, value_name = "ARN")]
    role: Option<RoleArn>,
    /// The form that the account is registered with: session-tag, subject or custom-claim
    #[arg(long)]
    form: Option<TrustForm>,
    /// What the document is [default: told from its elements]
    #[arg(long)]
    kind: Option<DocumentKind>,
    /// Print SARIF 2.1.0, which code hosts show beside the line
    #[arg(long)]
    sarif: bool,
}

/// Whether the document is clean.
pub(in crate::cli) async fn run(
    arguments: &Arguments,
    config: Option<&Path>,
    output: &mut Output<'_>,
) -> anyhow::Result<bool> {
    let text = read(&arguments.file, TEXT_MAX_BYTES)?;
    let context = context(arguments, config).await?;
    let report = lint(&text, &context);
    let name = if arguments.file == "-" { "stdin" } else { &arguments.file };
    if arguments.sarif {
        output.json(&sarif(&report, &uri_of(name)))?;
    } else if output.is_json() || !report.findings.is_empty() {
        output.value(&report, report.to_text(name).trim_end())?;
    }
    output::say(&format!("{name}: {}", report.summary()));
    Ok(report.is_clean())
}

/// What is known: from the options, from the configuration, and from the store where org and account are named.
async fn context(arguments: &Arguments, config: Option<&Path>) -> anyhow::Result<LintContext> {
    let mut context = LintContext {
        issuer: None,
        org: arguments.org,
        account: arguments.account.clone(),
        role: arguments.role.clone(),
        form: arguments.form,
        kind: arguments.kind,
    };
    if let Some(issuer) = &arguments.issuer {
        let audience = arguments.audience.clone().unwrap_or_else(Audience::sts);
        context.issuer = Some(Settings { issuer: issuer.clone(), audience });
        return Ok(context);
    }
    let config = match Config::load(config) {
        Ok(config) => config,
        // A document can be checked where there is no issuer, such as in a pipeline; a file that was named must be right.
        Err(error) if config.is_some() => return Err(error.into()),
        Err(_) => {
            output::say("note: no configuration here; with --issuer URL the document is checked against that issuer");
            return Ok(context);
        }
    };
    let settings = config.settings();
    if let (Some(org), Some(account)) = (arguments.org, &arguments.account) {
        let store = Store::open_existing(&config.store.path).await.map_err(Error::from)?;
        let mut db = store.connection().await?;
        let scope = require_org(&mut db, org).await?;
        let found = accounts::find(&mut db, scope.scope(), account).await?;
        let found = found.ok_or_else(|| Error::AccountUnknown { org, account: account.clone() })?;
        context.role = context.role.or_else(|| Some(found.role_arn().clone()));
        context.form = context.form.or(Some(found.trust_form()));
        context.issuer = Some(issuer_of(&settings, org, &found)?.settings);
    } else {
        context.issuer = Some(settings);
    }
    Ok(context)
}

/// A file's text, or that of stdin. What is over the limit is read no further.
pub(super) fn read(file: &str, limit_bytes: usize) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    // One byte more shows that there was more.
    let limit = limit_bytes as u64 + 1;
    if file == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("can't read stdin")?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("can't read {file}"))?;
        opened.take(limit).read_to_end(&mut bytes).with_context(|| format!("can't read {file}"))?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow::anyhow!("{file} is not UTF-8 (at byte {at}): save it as UTF-8, which JSON is (RFC 8259, section 8.1)")
    })
}

/// A path as a relative URI (RFC 3986).
fn uri_of(path: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::new();
    for byte in path.trim_start_matches("./").replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_relative_uri() {
        assert_eq!(uri_of("./infra/trust policy é.json"), "infra/trust%20policy%20%C3%A9.json");
    }
}
