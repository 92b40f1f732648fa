//! `driftwise-agent accounts`.

use comfy_table::Table;
use driftwise_contract::codes::Code;

use super::Context;
use crate::fault::Fault;
use crate::identity::rotate::settle;
use crate::issuer_client::IssuerClient;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One JSON document: the agent, its org and the accounts.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, context: Context) -> Result<u8, Fault> {
    context.config.check()?;
    let dir = context.data_dir()?;
    let issuer = IssuerClient::new(dir.load()?.identity.issuer, &context.config.issuer, context.clock)?;
    let enrolled = settle(&issuer, &dir).await?;
    let info = issuer.agent(&enrolled).await?;
    let text = if args.json {
        serde_json::to_string_pretty(&info)
            .map_err(|error| Fault::new(Code::ReportUnwritable, "the accounts can't be written").because(error))?
    } else {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_header(["ACCOUNT", "ROLE", "REGION", "TRUST FORM"]);
        for account in &info.accounts {
            table.add_row([
                account.account_id.to_string(),
                account.role_arn.to_string(),
                account.region.to_string(),
                account.trust_form.to_string(),
            ]);
        }
        table.trim_fmt()
    };
    super::print(format!("{text}\n").as_bytes())?;
    Ok(0)
}
