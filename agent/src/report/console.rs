//! The report for people: grants first, then what is missing, changed and unmanaged, then what could not be seen, and
//! one line that says how complete all of it is.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Ansi};
use driftwise_contract::finding::{Change, DeclaredRef, Finding, FindingKind, Gap, ResourceRef};
use driftwise_contract::report::{ScanReport, Verdict};
use driftwise_contract::resource::{Edge, Grant, Owner, redacted_hash};
use serde_json::Value;

use super::clean;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour.
    pub color: bool,
    /// The terminal's width in columns; values are cut so that a line fits. 0: never cut.
    pub width: usize,
}

const RED: Ansi = AnsiColor::Red.on_default();
const GREEN: Ansi = AnsiColor::Green.on_default();
const YELLOW: Ansi = AnsiColor::Yellow.on_default();
const BOLD: Ansi = Ansi::new().bold();
const DIM: Ansi = Ansi::new().dimmed();

/// Writes the report.
pub fn write(report: &ScanReport, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut console = Console { style, out };
    console.heading(report)?;
    for kind in [FindingKind::UndeclaredGrant, FindingKind::Missing, FindingKind::Changed, FindingKind::Unmanaged] {
        console.findings(report, kind)?;
    }
    console.gaps(&report.gaps)?;
    console.summary(report)
}

struct Console<'a> {
    style: Style,
    out: &'a mut dyn Write,
}

impl Console<'_> {
    fn heading(&mut self, report: &ScanReport) -> io::Result<()> {
        let title = self.paint(BOLD, "Drift report");
        writeln!(self.out, "{title}  account {}  region {}", report.account_id, report.region)?;
        let states = plural(report.states.len() as u64, "state", "states");
        let resources: u64 = report.states.iter().map(|state| state.resources).sum();
        writeln!(self.out, "compared with {states}, {} declared", plural(resources, "resource", "resources"))?;
        for state in &report.states {
            let version =
                state.source.version_id.as_ref().map(|id| format!(" (version {})", clean(id))).unwrap_or_default();
            let line = format!("  {}{version}, serial {}", clean(&state.source.uri), state.serial);
            let line = self.paint(DIM, &line);
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    fn findings(&mut self, report: &ScanReport, kind: FindingKind) -> io::Result<()> {
        let findings: Vec<&Finding> = report.findings.iter().filter(|finding| finding.kind() == kind).collect();
        if findings.is_empty() {
            return Ok(());
        }
        let (title, colour) = match kind {
            FindingKind::UndeclaredGrant => ("IAM grants that no state declares", RED),
            FindingKind::Missing => ("Missing: declared, but gone", RED),
            FindingKind::Changed => ("Changed: not as declared", YELLOW),
            FindingKind::Unmanaged => ("Unmanaged: declared nowhere", YELLOW),
        };
        let title = self.paint(colour.bold(), &format!("{title} ({})", findings.len()));
        writeln!(self.out, "\n{title}")?;
        let types = findings.iter().map(|finding| type_of(finding).chars().count());
        let width = types.max().unwrap_or_default().min(48);
        for finding in findings {
            self.finding(finding, width)?;
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding, width: usize) -> io::Result<()> {
        match finding {
            Finding::UndeclaredGrant { principal_arn, edge, principal_declared, observed_in, .. } => {
                let who = format!("{} {}", edge.principal.kind.as_str(), clean(&edge.principal.name));
                let who = self.paint(BOLD, &who);
                writeln!(self.out, "  {who}  {}", grant(edge))?;
                let declared = match principal_declared {
                    Some(declared) => format!("declared by {}", place(declared)),
                    None => "declared in no state either".to_owned(),
                };
                self.detail(&format!("{principal_arn}, {declared}"))?;
                let Some(observed) = observed_in else { return Ok(()) };
                let attribute = match edge.grant {
                    Grant::InlinePolicy { .. } => "inline_policy",
                    _ => "managed_policy_arns",
                };
                self.detail(&format!(
                    "seen in {attribute} of {} at its last refresh, which declares nothing",
                    clean(&observed.address)
                ))
            }
            Finding::Missing { declared } => {
                let kind = pad(&clean(&declared.terraform_type), width);
                writeln!(self.out, "  {kind}  {}{}", clean(&declared.id), region(declared.region.as_deref()))?;
                self.detail(&format!("declared by {}", place(declared)))
            }
            Finding::Changed { resource, declared, changes } => {
                let kind = pad(&clean(&declared.terraform_type), width);
                let id = if declared.id.is_empty() { resource.arn.as_str() } else { &declared.id };
                writeln!(self.out, "  {kind}  {}{}", clean(id), region(Some(&resource.region)))?;
                self.detail(&format!("declared by {}", place(declared)))?;
                let longest = changes.iter().map(|change| change.path.chars().count()).max().unwrap_or_default();
                changes.iter().try_for_each(|change| self.change(change, longest.min(40)))
            }
            Finding::Unmanaged { resource } => {
                let kind = pad(&live_type(resource), width);
                writeln!(self.out, "  {kind}  {}{}", clean(resource.arn.as_str()), region(Some(&resource.region)))?;
                match &resource.owner {
                    Owner::Unknown => Ok(()),
                    Owner::Aws { reason } => self.detail(&format!("owned by AWS: {}", clean(reason))),
                    Owner::CloudFormation { stack } => self.detail(&format!("owned by stack {}", clean(stack))),
                }
            }
        }
    }

    fn change(&mut self, change: &Change, width: usize) -> io::Result<()> {
        let path = pad(&clean(&change.path), width);
        let room =
            if self.style.width == 0 { usize::MAX } else { self.style.width.saturating_sub(width + 12).max(40) / 2 };
        let declared = self.paint(GREEN, &value(&change.declared, room));
        let actual = self.paint(RED, &value(&change.actual, room));
        writeln!(self.out, "      {path}  {declared} → {actual}")
    }

    fn gaps(&mut self, gaps: &[Gap]) -> io::Result<()> {
        if gaps.is_empty() {
            return Ok(());
        }
        let title = self.paint(YELLOW.bold(), &format!("Not seen ({})", gaps.len()));
        writeln!(self.out, "\n{title}")?;
        for gap in gaps {
            let scope = &gap.scope;
            let parts = [&scope.service, &scope.region, &scope.resource_type, &scope.resource, &scope.state];
            let about: Vec<String> = parts.into_iter().flatten().map(|part| clean(part)).collect();
            let count = if gap.count > 1 { format!("  ({} of them)", gap.count) } else { String::new() };
            let code = self.paint(BOLD, gap.code.as_str());
            writeln!(self.out, "  {code}  {}{count}", about.join("  "))?;
            self.detail(&clean(&gap.detail))?;
            self.detail(&format!("cause: {}", gap.code.cause()))?;
            self.detail(&format!("fix:   {}", gap.code.fix()))?;
        }
        Ok(())
    }

    fn summary(&mut self, report: &ScanReport) -> io::Result<()> {
        let coverage = &report.coverage;
        let count = |kind| report.summary.get(&kind).copied().unwrap_or_default();
        let verdict = match report.verdict {
            Verdict::InSync => self.paint(GREEN.bold(), "In sync"),
            Verdict::Drift => self.paint(RED.bold(), "Drift"),
            Verdict::Incomplete => self.paint(YELLOW.bold(), "No drift seen, but not everything could be seen"),
        };
        writeln!(
            self.out,
            "\n{verdict}: {}, {} missing, {} changed, {} unmanaged",
            plural(count(FindingKind::UndeclaredGrant), "undeclared grant", "undeclared grants"),
            count(FindingKind::Missing),
            count(FindingKind::Changed),
            count(FindingKind::Unmanaged),
        )?;
        writeln!(
            self.out,
            "  live       {}: {} managed, {} AWS's own, {} of CloudFormation stacks; {} read in full",
            plural(coverage.resources, "resource", "resources"),
            coverage.managed,
            coverage.aws_owned,
            coverage.cloudformation_owned.values().sum::<u64>(),
            coverage.enriched,
        )?;
        let not_comparable: u64 = coverage.not_comparable.values().sum();
        writeln!(
            self.out,
            "  declared   {}: {} compared, {not_comparable} of types that the inventory can't show",
            plural(coverage.declared, "resource", "resources"),
            coverage.compared,
        )?;
        let grants = plural(coverage.grants, "grant", "grants");
        let unconfirmed = match coverage.grants_unconfirmed {
            0 => String::new(),
            count => format!(", {count} of unknown account"),
        };
        writeln!(
            self.out,
            "  IAM        {grants}: {} declared, {} undeclared, {} AWS's own, {} of CloudFormation stacks{unconfirmed}",
            coverage.grants_declared,
            count(FindingKind::UndeclaredGrant),
            coverage.grants_aws_owned,
            coverage.grants_cloudformation_owned,
        )?;
        if report.gaps.is_empty() {
            writeln!(self.out, "Complete: nothing was left unseen.")
        } else {
            let gaps = plural(report.gaps.len() as u64, "gap", "gaps");
            writeln!(self.out, "Incomplete: {gaps}, see \"Not seen\".")
        }
    }

    fn detail(&mut self, text: &str) -> io::Result<()> {
        let text = self.paint(DIM, text);
        writeln!(self.out, "      {text}")
    }

    fn paint(&self, ansi: Ansi, text: &str) -> String {
        if self.style.color { format!("{}{text}{}", ansi.render(), ansi.render_reset()) } else { text.to_owned() }
    }
}

fn type_of(finding: &Finding) -> String {
    match finding {
        Finding::UndeclaredGrant { .. } => String::new(),
        Finding::Missing { declared } | Finding::Changed { declared, .. } => clean(&declared.terraform_type),
        Finding::Unmanaged { resource } => live_type(resource),
    }
}

fn live_type(resource: &ResourceRef) -> String {
    clean(resource.cfn_type.as_deref().unwrap_or(&resource.resource_type))
}

fn grant(edge: &Edge) -> String {
    match &edge.grant {
        Grant::ManagedPolicy { policy_arn } => format!("has managed policy {policy_arn}"),
        Grant::InlinePolicy { policy_name } => format!("has inline policy {}", clean(policy_name)),
        Grant::Member { group } => format!("is in group {}", clean(group)),
        Grant::InstanceProfile { profile } => format!("is in instance profile {}", clean(profile)),
        Grant::Boundary { policy_arn } => format!("has permissions boundary {policy_arn}"),
        Grant::AccessKey { key_id } => format!("has access key {}", clean(key_id)),
    }
}

fn place(declared: &DeclaredRef) -> String {
    format!("{} in {}", clean(&declared.address), clean(&declared.source.uri))
}

fn region(region: Option<&str>) -> String {
    region.filter(|region| !region.is_empty()).map(|region| format!("  {}", clean(region))).unwrap_or_default()
}

/// A value on one line, cut to `room` characters.
fn value(value: &Value, room: usize) -> String {
    let text = match value {
        Value::Null => "(none)".to_owned(),
        _ if redacted_hash(value).is_some() => {
            let hash: String = redacted_hash(value).unwrap_or_default().chars().take(8).collect();
            format!("(sensitive, sha256 {hash}…)")
        }
        _ => value.to_string(),
    };
    let text = clean(&text);
    if text.chars().count() <= room {
        return text;
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
