//! `driftwise-issuer setup <document>`: one document on stdout, or all of its files in a directory.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::Context;
use super::super::output::say;
use super::choices::Choices;
use super::deploy;
use super::files::{Written, write_all};
use crate::setup::forms::{As, Selection, render};
use crate::setup::{Document, DocumentKind};

/// What every document command takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    choices: Choices,
    /// How it is deployed: json, cli, cloudformation or terraform
    #[arg(long = "as", value_name = "FORM", default_value = "json", help_heading = "Output")]
    render_as: As,
    #[command(flatten)]
    output: OutputChoice,
}

/// Where documents go.
#[derive(Debug, Args)]
pub(super) struct OutputChoice {
    /// Write files to this directory instead of stdout; whole files only, and none that somebody changed
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(super) out: Option<PathBuf>,
    /// Replace files that hold something else
    #[arg(long, requires = "out", help_heading = "Output")]
    pub(super) force: bool,
    /// Print the reason of each line above it: for reading, no JSON
    #[arg(long, conflicts_with = "out", help_heading = "Output")]
    pub(super) explain: bool,
}

/// Several documents where one place is left for one.
#[derive(Debug, thiserror::Error)]
#[error("these are {count} documents of the kind {kind}: give --out DIR to have a file of each, or --json for a list")]
struct Several {
    count: usize,
    kind: DocumentKind,
}

pub(super) async fn run(kind: DocumentKind, arguments: &Arguments, mut context: Context<'_>) -> anyhow::Result<()> {
    let request = arguments.choices.request(&context).await?;
    if arguments.render_as != As::Json {
        anyhow::ensure!(
            !arguments.output.explain,
            "reasons stand beside the lines of JSON: leave --as or --explain out"
        );
        let plan = request.plan()?;
        let files = render(&plan, Selection::Only(kind), arguments.render_as)?;
        return deploy::out(&plan, files, &arguments.output, &mut context);
    }
    let documents = request.document(kind)?;
    for document in &documents {
        talk(document);
    }
    if let Some(directory) = &arguments.output.out {
        let files: Vec<_> = documents
            .iter()
            .map(|document| {
                (format!("{}.json", document.file_stem), format!("{}\n", document.policy.to_pretty_string()))
            })
            .collect();
        return written(write_all(directory, &files, arguments.output.force)?, &mut context);
    }
    if arguments.output.explain {
        let text: Vec<String> = documents.iter().map(explained).collect();
        let values: Vec<_> = documents.iter().map(with_reasons).collect();
        return context.output.value(&values, &text.join("\n\n"));
    }
    match documents.as_slice() {
        [one] => context.output.value(&one.policy, &one.policy.to_pretty_string()),
        // A list is no policy: only who asked for JSON gets one.
        several if context.output.is_json() => {
            let policies: Vec<_> = several.iter().map(|document| &document.policy).collect();
            context.output.value(&policies, "")
        }
        several => Err(Several { count: several.len(), kind }.into()),
    }
}

/// What to know about a document, and its length where it is near the limit.
pub(super) fn talk(document: &Document) {
    for note in &document.notes {
        say(&note.to_string());
    }
}

/// The files that are there now, one by line, and on stderr which were left as they were.
pub(super) fn written(files: Vec<(PathBuf, Written)>, context: &mut Context<'_>) -> anyhow::Result<()> {
    for (path, written) in &files {
        match written {
            Written::New => {}
            Written::Unchanged => say(&format!("unchanged: {}", path.display())),
            Written::Replaced => say(&format!("replaced: {}", path.display())),
        }
    }
    let paths: Vec<String> = files.into_iter().map(|(path, _)| path.display().to_string()).collect();
    let text = paths.join("\n");
    context.output.value(&paths, &text)
}

/// The lines of a document, each reason above its line.
fn explained(document: &Document) -> String {
    let mut text = format!("# {}: {} of {} characters", document.title, document.size(), document.limit.characters);
    for (line, reason) in document.pretty_lines() {
        if let Some(reason) = reason {
            let indent = line.len() - line.trim_start().len();
            // Writing to a string can't fail.
            let _ = write!(text, "\n{:indent$}# {reason}", "");
        }
        text.push('\n');
        text.push_str(&line);
    }
    text
}

fn with_reasons(document: &Document) -> serde_json::Value {
    let lines = document.lines.iter().map(|line| json!({"pointer": line.pointer, "reason": line.text}));
    json!({
        "kind": document.kind.as_str(),
        "title": document.title,
        "policy": document.policy,
        "lines": lines.collect::<Vec<_>>(),
        "notes": document.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "characters": document.size(),
        "limit": {"characters": document.limit.characters, "source": document.limit.source},
    })
}
