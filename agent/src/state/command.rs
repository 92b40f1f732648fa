//! `driftwise-agent state PATH…`: what was understood of a state, and what was left out.

use std::collections::BTreeMap;
use std::io::Write;

use driftwise_contract::resource::{DeclaredEdge, DeclaredStatus, Grant};
use serde::Serialize;

use super::{State, StateError, read_local};
use crate::report::clean;

/// The version of the JSON output.
pub const SCHEMA: &str = "driftwise.state/1";

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Reads the states below `paths` and prints them on `stdout`; what can't be read is told on `stderr`, and stands in the
/// JSON document too. The answer is the exit code: 0, or 2 when a state can't be read.
///
/// # Errors
/// Only when `stdout` or `stderr` can't be written.
pub fn run(
    paths: &[impl AsRef<str>],
    output: Output,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut states = Vec::new();
    let mut errors = Vec::new();
    for (_, state) in read_local(paths) {
        match state {
            Ok(state) => states.push(state),
            Err(error) => errors.push(error),
        }
    }
    match output {
        Output::Text => states.iter().try_for_each(|state| state_text(state, stdout))?,
        Output::Json => {
            serde_json::to_writer_pretty(&mut *stdout, &Printed::new(&states, &errors))?;
            writeln!(stdout)?;
        }
    }
    for error in &errors {
        writeln!(stderr, "error[{}]: {}", error.code, clean(&error.to_string()))?;
        writeln!(stderr, "cause: {}", error.code.cause())?;
        writeln!(stderr, "hint: {}", error.code.fix())?;
    }
    Ok(if errors.is_empty() { 0 } else { 2 })
}

#[derive(Serialize)]
struct Printed<'a> {
    schema: &'static str,
    states: &'a [State],
    errors: Vec<PrintedError<'a>>,
}

#[derive(Serialize)]
struct PrintedError<'a> {
    code: &'static str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte: Option<u64>,
    detail: &'a str,
    cause: &'static str,
    fix: &'static str,
}

impl<'a> Printed<'a> {
    fn new(states: &'a [State], errors: &'a [StateError]) -> Self {
        let errors = errors.iter().map(|error| PrintedError {
            code: error.code.as_str(),
            state: &error.uri,
            line: error.position.map(|position| position.line),
            column: error.position.map(|position| position.column),
            byte: error.position.map(|position| position.byte),
            detail: &error.detail,
            cause: error.code.cause(),
            fix: error.code.fix(),
        });
        Self { schema: SCHEMA, states, errors: errors.collect() }
    }
}

fn state_text(state: &State, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{}: format {}, Terraform {}, serial {}, lineage {}",
        clean(&state.source.uri),
        state.format_version,
        or_unknown(&state.terraform_version),
        state.serial,
        or_unknown(&state.lineage),
    )?;
    writeln!(out, "  resources: {}", state.resources.len())?;
    for resource in &state.resources {
        let name = resource.arn.as_ref().map(ToString::to_string).or_else(|| resource.id.clone()).unwrap_or_default();
        let status = match resource.status {
            DeclaredStatus::Tainted => " (tainted)",
            DeclaredStatus::Current | DeclaredStatus::Deposed => "",
        };
        let line = format!("    {}{status}  {}", clean(&resource.address), clean(&name));
        writeln!(out, "{}", line.trim_end())?;
    }
    edges_text("IAM grants declared", &state.edges, out)?;
    edges_text("IAM grants observed at the last refresh, not declared", &state.observed_edges, out)?;
    if !state.skipped.is_empty() {
        writeln!(out, "  skipped: {}", state.skipped.len())?;
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for skipped in &state.skipped {
            *counts.entry((skipped.reason.as_str(), skipped.terraform_type.as_str())).or_default() += 1;
        }
        for ((reason, terraform_type), count) in counts {
            writeln!(out, "    {count} {} ({reason})", clean(terraform_type))?;
        }
    }
    Ok(())
}

fn edges_text(title: &str, edges: &[DeclaredEdge], out: &mut dyn Write) -> anyhow::Result<()> {
    if edges.is_empty() {
        return Ok(());
    }
    writeln!(out, "  {title}: {}", edges.len())?;
    for declared in edges {
        let principal = &declared.edge.principal;
        let grant = match &declared.edge.grant {
            Grant::ManagedPolicy { policy_arn } => format!("managed policy {policy_arn}"),
            Grant::InlinePolicy { policy_name } => format!("inline policy {policy_name}"),
            Grant::Member { group } => format!("member of group {group}"),
            Grant::InstanceProfile { profile } => format!("in instance profile {profile}"),
            Grant::Boundary { policy_arn } => format!("permissions boundary {policy_arn}"),
            Grant::AccessKey { key_id } => format!("access key {key_id}"),
        };
        let line = format!("{} {}: {grant}  ({})", principal.kind.as_str(), principal.name, declared.address);
        writeln!(out, "    {}", clean(&line))?;
    }
    Ok(())
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { "unknown".to_owned() } else { clean(text) }
}
