//! Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the line. Only the members that they read.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{LintReport, Rule};

/// The schema that the output follows.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A SARIF log with one run.
#[derive(Debug, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    name: String,
    short_description: Text,
    default_configuration: Configuration,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct Text {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    logical_locations: [LogicalLocation; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

/// The findings of one document as a SARIF log; `uri` is the document's, relative to the repository's root and percent-encoded.
pub fn sarif(report: &LintReport, uri: &str) -> Sarif {
    let broken: Vec<Rule> =
        report.findings.iter().map(|finding| finding.rule).collect::<BTreeSet<_>>().into_iter().collect();
    let results = report.findings.iter().map(|finding| Finding {
        rule_id: finding.code,
        rule_index: broken.iter().position(|rule| *rule == finding.rule).unwrap_or_default(),
        level: finding.severity.as_str(),
        message: Text { text: format!("{} Fix: {}", finding.message, finding.fix) },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation { uri: uri.to_owned() },
                region: Region {
                    start_line: finding.line,
                    start_column: finding.column,
                    end_line: finding.end_line,
                    end_column: finding.end_column,
                },
            },
            logical_locations: [LogicalLocation { fully_qualified_name: finding.pointer.clone(), kind: "element" }],
        }],
    });
    let results = results.collect();
    let rules = broken.iter().map(|rule| Descriptor {
        id: rule.code(),
        name: format!("{rule:?}"),
        short_description: Text { text: rule.title().to_owned() },
        default_configuration: Configuration { level: rule.severity().as_str() },
    });
    Sarif {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "driftwise-issuer setup lint",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: rules.collect(),
                },
            },
            // Columns count Unicode scalar values.
            column_kind: "unicodeCodePoints",
            results,
        }],
    }
}
