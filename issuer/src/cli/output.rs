//! The one place where data is written to stdout.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// stdout, as text or JSON.
pub(super) struct Output<'a> {
    writer: &'a mut dyn Write,
    json: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(writer: &'a mut dyn Write, json: bool) -> Self {
        Self { writer, json }
    }

    /// Whether JSON was asked for.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// One value: its JSON, or the line of text.
    pub(super) fn value(&mut self, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
        if self.json {
            return self.json(value);
        }
        Ok(writeln!(self.writer, "{text}")?)
    }

    /// Values: a JSON array, or a table.
    pub(super) fn rows<T: Serialize>(
        &mut self,
        header: &[&str],
        values: &[T],
        row: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if self.json {
            return self.json(&values);
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
        for value in values {
            table.add_row(row(value));
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, 2));
        });
        Ok(writeln!(self.writer, "{}", table.trim_fmt())?)
    }

    /// One value as one line of JSON, whatever form was asked for: JSON lines (NDJSON), written as they come.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(&mut *self.writer, value).map_err(std::io::Error::from)?;
        Ok(writeln!(self.writer)?)
    }

    /// Values: a JSON array, or some lines each.
    pub(super) fn documents<T: Serialize>(
        &mut self,
        values: &[T],
        lines: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        if self.json {
            return self.json(&values);
        }
        for line in values.iter().flat_map(lines) {
            writeln!(self.writer, "{line}")?;
        }
        Ok(())
    }

    /// One value as JSON, whatever form was asked for.
    pub(super) fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *self.writer, value).map_err(std::io::Error::from)?;
        Ok(writeln!(self.writer)?)
    }
}

/// A line of talk for people, on stderr.
#[expect(clippy::print_stderr, reason = "the one place where the command line talks")]
pub(super) fn say(text: &str) {
    eprintln!("{text}");
}
