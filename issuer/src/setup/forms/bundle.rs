//! Everything at once: each form in a folder of its own, the policies as JSON, and a README that says what to do.

use askama::Template;
use serde_json::json;

use super::{
    As, OutputFile, QuickCreate, Selection, by_account, by_hand_files, client_ids, cloudformation, render, user_arn,
};
use crate::setup::plan::SetupPlan;
use crate::setup::{Document, SetupError};

#[derive(Template)]
#[template(path = "stacks/README.md")]
struct Readme<'a> {
    account: &'a str,
    region: &'a str,
    provider: Option<ProviderView>,
    add_client_id: String,
    roles: Vec<String>,
    users: Vec<String>,
    user_names: Vec<&'a str>,
    notes: Vec<String>,
    quick_create: Option<&'a QuickCreate>,
    template: &'static str,
    is_large: bool,
    stack_name: String,
    other_accounts: Vec<String>,
    by_hand: &'a [Document],
}

struct ProviderView {
    url: String,
    client_ids: Vec<String>,
}

/// The files of a bundle: `README.md` first, then `policies/`, `cli/`, `cloudformation/`, `terraform/` and `by-hand/`.
pub fn bundle(plan: &SetupPlan, quick_create: Option<&QuickCreate>) -> Result<Vec<OutputFile>, SetupError> {
    let mut files = Vec::new();
    let mut is_large = false;
    for (form, folder) in
        [(As::Json, "policies/"), (As::Cli, "cli/"), (As::CloudFormation, "cloudformation/"), (As::Terraform, "")]
    {
        for file in render(plan, Selection::Everything, form)? {
            // They lie in the bundle once.
            if form != As::Json && file.path.starts_with(super::BY_HAND) {
                continue;
            }
            is_large |= form == As::CloudFormation && file.text.len() > cloudformation::BODY_MAX_BYTES;
            // The files of a module lie below terraform/ of their account: terraform/account-<id>/ reads like the others.
            let path = match file.path.split_once("/terraform/") {
                Some((account, rest)) if form == As::Terraform => format!("terraform/{account}/{rest}"),
                _ => format!("{folder}{}", file.path),
            };
            files.push(OutputFile { path, ..file });
        }
    }
    files.extend(by_hand_files(plan));
    let readme = readme(plan, quick_create, is_large)?;
    files.insert(0, OutputFile::new("README.md", "text/markdown", readme));
    Ok(files)
}

fn readme(plan: &SetupPlan, quick_create: Option<&QuickCreate>, is_large: bool) -> Result<String, SetupError> {
    let provider = plan.provider.as_ref();
    let add_client_id = provider.map(|provider| {
        let request = |client_id| json!({"OpenIDConnectProviderArn": provider.arn, "ClientID": client_id}).to_string();
        let requests = client_ids(provider).into_iter().map(request).collect::<Vec<_>>().join("\n");
        // It stands between single quotes of a shell.
        requests.replace('\'', "'\\''")
    });
    let first_role = plan.roles.first().map_or("driftwise", |role| role.name.as_str());
    let readme = Readme {
        account: plan.account.as_str(),
        region: plan.region.as_str(),
        provider: provider
            .map(|provider| ProviderView { url: provider.url.to_string(), client_ids: client_ids(provider) }),
        add_client_id: add_client_id.unwrap_or_default(),
        roles: plan.roles.iter().map(|role| role.arn.to_string()).collect(),
        users: plan.users.iter().map(|user| user_arn(plan, user)).collect(),
        user_names: plan.users.iter().map(|user| user.name.as_str()).collect(),
        notes: plan.notes.iter().map(ToString::to_string).collect(),
        quick_create,
        template: cloudformation::FILE,
        is_large,
        stack_name: cloudformation::stack_name(first_role),
        other_accounts: by_account(plan).iter().skip(1).map(|part| part.account.to_string()).collect(),
        by_hand: &plan.attach_by_hand,
    };
    Ok(readme.render()?)
}
