//! Reads one state as a stream, whatever its format, and says precisely what else a file is.

use std::io::Read;

use driftwise_contract::codes::Code;
use driftwise_contract::resource::StateRef;
use serde::Deserialize;

use super::framing::{Framer, FramingFault, LARGEST_VALUE_BYTES};
use super::normal::Collector;
use super::{Position, State, StateError, show, v3, v4};

/// The newest format that is read.
const NEWEST_FORMAT: u64 = 4;

/// Reads a state.
///
/// Formats 1 to 4 and the output of `terraform show -json`. Memory: the normal form, and the largest resource.
///
/// # Errors
/// Every [`Code`] that begins with `state.`: empty, truncated, encrypted by `OpenTofu`, a backend's stub, another kind of
/// file, a newer format, unreadable.
pub fn read(source: StateRef, reader: impl Read) -> Result<State, StateError> {
    let uri = source.uri.clone();
    let mut document = Document { uri, framer: Framer::new(reader), frame: Vec::new(), seen: Seen::default() };
    let mut collector = Collector::new(source);
    document.read(&mut collector)?;
    Ok(collector.finish())
}

struct Document<R> {
    uri: String,
    framer: Framer<R>,
    frame: Vec<u8>,
    seen: Seen,
}

/// Which telling members the document has.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one member of the document, seen or not")]
struct Seen {
    version: Option<u64>,
    encrypted: bool,
    backend: bool,
    resources: bool,
    modules: bool,
    shown: bool,
    planned: bool,
}

impl<R: Read> Document<R> {
    fn read(&mut self, collector: &mut Collector) -> Result<(), StateError> {
        self.refuse_other_files()?;
        let opening = self.framer.expect(b'{', "`{`, the start of a state");
        opening.map_err(|fault| self.framing_error(fault))?;
        if !self.take(b'}')? {
            loop {
                let key: String = self.parse_value()?;
                self.framer.expect(b':', "`:`").map_err(|fault| self.framing_error(fault))?;
                self.member(&key, collector)?;
                if self.take(b'}')? {
                    break;
                }
                let comma = self.framer.expect(b',', "`,` or `}`");
                comma.map_err(|fault| self.framing_error(fault))?;
            }
        }
        if let Some(found) = self.framer.peek().map_err(|error| self.framing_error(error.into()))? {
            return Err(self.framing_error(FramingFault::Unexpected { found, expected: "the end of the file" }));
        }
        self.conclude(collector.state())
    }

    /// What the first bytes of other kinds of files look like.
    fn refuse_other_files(&mut self) -> Result<(), StateError> {
        let start = self.framer.look_ahead(4).map(<[u8]>::to_vec).map_err(|error| self.framing_error(error.into()))?;
        let what = match start.as_slice() {
            [0x1f, 0x8b, ..] => "it is compressed with gzip",
            [b'P', b'K', 3, 4] => "it is a ZIP archive, perhaps a saved plan",
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16 text; a state is UTF-8",
            [0xef, 0xbb, 0xbf, ..] => {
                self.framer.consume(3);
                ""
            }
            _ => "",
        };
        if !what.is_empty() {
            return Err(self.error(Code::StateNotAState, what));
        }
        match self.framer.peek().map_err(|error| self.framing_error(error.into()))? {
            None => Err(self.error(Code::StateEmpty, "the file is empty")),
            Some(b'{') => Ok(()),
            Some(b'<') => Err(self.error(Code::StateNotAState, "it is XML or HTML, perhaps an error page")),
            Some(_) => Err(self.error(Code::StateNotAState, "it does not start with `{`: it is no JSON object")),
        }
    }

    fn member(&mut self, key: &str, collector: &mut Collector) -> Result<(), StateError> {
        match key {
            "version" => {
                let version: u64 = self.parse_value()?;
                self.seen.version = Some(version);
                collector.state().format_version = version;
            }
            "terraform_version" => {
                collector.state().terraform_version = self.parse_value::<Option<String>>()?.unwrap_or_default();
            }
            "serial" => collector.state().serial = self.parse_value::<Option<u64>>()?.unwrap_or_default(),
            "lineage" => collector.state().lineage = self.parse_value::<Option<String>>()?.unwrap_or_default(),
            "encrypted_data" => {
                self.seen.encrypted = true;
                self.skip_value()?;
            }
            "backend" => {
                self.seen.backend = true;
                self.skip_value()?;
            }
            // What can't be a state of a known format is only looked through for what else it is.
            "resources" | "modules" | "values" if self.unsupported().is_some() || self.seen.encrypted => {
                self.skip_value()?;
            }
            "resources" => {
                self.seen.resources = true;
                self.elements(collector, |document, collector| {
                    let resource: v4::Resource = document.parse_value()?;
                    resource.collect(collector);
                    Ok(())
                })?;
            }
            "modules" => {
                self.seen.modules = true;
                self.elements(collector, |document, collector| {
                    let module: v3::Module = document.parse_value()?;
                    let collected = module.collect(collector);
                    collected.map_err(|error| {
                        document.error(Code::StateNotAState, &format!("in a resource: {}", shape(&error)))
                    })
                })?;
            }
            "values" => {
                self.seen.shown = true;
                self.parse_value::<show::Values>()?.collect(collector);
            }
            "planned_values" | "resource_changes" => {
                self.seen.planned = true;
                self.skip_value()?;
            }
            _ => self.skip_value()?,
        }
        Ok(())
    }

    /// The elements of the array that is next, one by one.
    fn elements(
        &mut self,
        collector: &mut Collector,
        mut element: impl FnMut(&mut Self, &mut Collector) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        if self.framer.peek().map_err(|error| self.framing_error(error.into()))? == Some(b'n') {
            // `null`: Go writes an empty list like this.
            return self.parse_value::<()>();
        }
        self.framer.expect(b'[', "`[`").map_err(|fault| self.framing_error(fault))?;
        if self.take(b']')? {
            return Ok(());
        }
        loop {
            element(self, collector)?;
            if self.take(b']')? {
                return Ok(());
            }
            self.framer.expect(b',', "`,` or `]`").map_err(|fault| self.framing_error(fault))?;
        }
    }

    /// What the members that were seen, or were not, say of the file.
    fn conclude(&self, state: &State) -> Result<(), StateError> {
        let seen = &self.seen;
        if seen.encrypted {
            return Err(self.error(Code::StateEncrypted, "it holds `encrypted_data` instead of a state"));
        }
        if let Some(version) = self.unsupported() {
            let detail = format!("its format is version {version}; versions 1 to {NEWEST_FORMAT} are read");
            return Err(self.error(Code::StateUnsupportedVersion, &detail));
        }
        // Terraform 0.9 to 0.11 wrote a real state with its backend beside the resources too.
        if seen.backend && state.resources.is_empty() && state.skipped.is_empty() {
            return Err(self.error(Code::StateBackendStub, "it holds the settings of a backend and no resources"));
        }
        if seen.planned {
            return Err(self.error(Code::StateNotAState, "it is a plan, not a state"));
        }
        if seen.version.is_none() && !seen.shown {
            return Err(self.error(Code::StateNotAState, "it is a JSON object without a `version`"));
        }
        // A fresh state has an empty list; none at all is a file that was cut or filtered, never an empty state.
        let (lists, list) = match seen.version {
            Some(NEWEST_FORMAT) => (seen.resources, "resources"),
            Some(_) => (seen.modules, "modules"),
            None => (true, ""),
        };
        if !lists {
            let format = state.format_version;
            let detail = format!("it says that it is a state of format {format}, but holds no `{list}`");
            return Err(self.error(Code::StateNotAState, &detail));
        }
        Ok(())
    }

    /// The version of the format, if it is none that is read.
    fn unsupported(&self) -> Option<u64> {
        self.seen.version.filter(|version| !(1..=NEWEST_FORMAT).contains(version))
    }

    fn take(&mut self, byte: u8) -> Result<bool, StateError> {
        self.framer.take(byte).map_err(|error| self.framing_error(error.into()))
    }

    fn skip_value(&mut self) -> Result<(), StateError> {
        self.framer.skip().map_err(|fault| self.framing_error(fault))
    }

    fn parse_value<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, StateError> {
        let mut frame = std::mem::take(&mut self.frame);
        let cut = self.framer.value(&mut frame);
        let start = cut.map_err(|fault| self.framing_error(fault))?;
        let parsed = serde_json::from_slice(&frame).map_err(|error| self.parse_error(&error, &frame, start));
        self.frame = frame;
        parsed
    }

    fn parse_error(&self, error: &serde_json::Error, frame: &[u8], start: Position) -> StateError {
        let position = place_in(frame, start, error.line() as u64, error.column() as u64);
        let detail = if std::str::from_utf8(frame).is_err() {
            "it holds bytes that are not UTF-8".to_owned()
        } else {
            let what = shape(error);
            if error.is_data() { format!("not the shape of a state: {what}") } else { format!("not JSON: {what}") }
        };
        StateError { code: Code::StateNotAState, uri: self.uri.clone(), position: Some(position), detail }
    }

    fn framing_error(&self, fault: FramingFault) -> StateError {
        match fault {
            FramingFault::Io(error) => self.error(Code::StateUnreadable, &format!("reading failed: {error}")),
            FramingFault::End => self.error(Code::StateTruncated, "the file ends in the middle of its JSON"),
            FramingFault::TooLarge => {
                let megabytes = LARGEST_VALUE_BYTES / (1024 * 1024);
                self.error(Code::StateUnreadable, &format!("one element of it is larger than {megabytes} MiB"))
            }
            FramingFault::Unexpected { found, expected } => {
                let found = char::from(found).escape_default();
                self.error(Code::StateNotAState, &format!("not JSON: expected {expected}, found `{found}`"))
            }
        }
    }

    fn error(&self, code: Code, detail: &str) -> StateError {
        let position = Some(self.framer.position()).filter(|position| position.byte > 0);
        StateError { code, uri: self.uri.clone(), position, detail: detail.to_owned() }
    }
}

/// What a parser says, without its place and without the value that it met: that may be a secret.
fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    if !error.is_data() || text.starts_with("missing field `") {
        return text.to_owned();
    }
    // "invalid type: string \"…\", expected a map": the expectation is ours, and comes last.
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "a value that does not belong there".to_owned(),
    }
}

/// The place in the file of a place in a frame.
fn place_in(frame: &[u8], start: Position, line: u64, column: u64) -> Position {
    let line = line.max(1);
    let before: usize = frame
        .split_inclusive(|byte| *byte == b'\n')
        .take(usize::try_from(line - 1).unwrap_or(usize::MAX))
        .map(<[u8]>::len)
        .sum();
    let into_line = column.saturating_sub(1);
    Position {
        line: start.line + line - 1,
        column: if line == 1 { start.column + into_line } else { column.max(1) },
        byte: start.byte + before as u64 + into_line,
    }
}
