//! The report as JSON: the contract's own form, for scripts.

use std::io::{self, Write};

use driftwise_contract::report::ScanReport;

/// Writes the report as one indented JSON document with a newline at its end.
pub fn write(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
