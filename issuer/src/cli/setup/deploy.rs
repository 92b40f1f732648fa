//! Documents in the forms that people deploy with, and all of them at once.

use clap::Args;
use serde_json::json;

use super::super::Context;
use super::super::output::say;
use super::choices::Choices;
use super::documents::{OutputChoice, written};
use super::files::write_all;
use crate::setup::SetupPlan;
use crate::setup::forms::{As, OutputFile, QuickCreate, Selection, TemplateUrl, bundle, render};

/// What `setup bundle` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    choices: Choices,
    /// In this form alone: json, cli, cloudformation or terraform [default: every form in a folder of its own, and a README]
    #[arg(long = "as", value_name = "FORM", help_heading = "Output")]
    render_as: Option<As>,
    /// The address of an S3 bucket or folder where the CloudFormation template will lie: the README gets a quick-create link
    #[arg(long, value_name = "URL", value_parser = TemplateUrl::parse, conflicts_with = "render_as", help_heading = "Output")]
    template_url: Option<TemplateUrl>,
    #[command(flatten)]
    output: OutputChoice,
}

/// Several files where one place is left for one.
#[derive(Debug, thiserror::Error)]
#[error("these are {0} files: give --out DIR to have them there, or --json for a list of names and texts")]
struct Several(usize);

/// Everything that the account needs.
pub(super) async fn run(arguments: &Arguments, mut context: Context<'_>) -> anyhow::Result<()> {
    let request = arguments.choices.request(&context).await?;
    let plan = request.plan()?;
    let files = if let Some(form) = arguments.render_as {
        render(&plan, Selection::Everything, form)?
    } else {
        let quick_create = arguments.template_url.as_ref().map(|base| QuickCreate::new(&plan, base, request.org));
        bundle(&plan, quick_create.as_ref())?
    };
    out(&plan, files, &arguments.output, &mut context)
}

/// The files of a form: in the directory, or the only one on stdout.
pub(super) fn out(
    plan: &SetupPlan,
    files: Vec<OutputFile>,
    output: &OutputChoice,
    context: &mut Context<'_>,
) -> anyhow::Result<()> {
    for note in &plan.notes {
        say(&note.to_string());
    }
    if let Some(directory) = &output.out {
        let files: Vec<_> = files.into_iter().map(|file| (file.path, file.text)).collect();
        return written(write_all(directory, &files, output.force)?, context);
    }
    if context.output.is_json() {
        let list: Vec<_> = files
            .iter()
            .map(|file| json!({"path": file.path, "media_type": file.media_type, "text": file.text}))
            .collect();
        return context.output.value(&list, "");
    }
    match files.as_slice() {
        [one] => context.output.value(&one.text, one.text.trim_end()),
        several => Err(Several(several.len()).into()),
    }
}
