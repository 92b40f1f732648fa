//! JSON with places: every value of a document, where it stands in the text, and its JSON pointer.
//!
//! `serde_json` decides what is JSON, as everywhere else; `jsonc-parser`, told to be as strict, adds the places. Members keep
//! their order and their repetitions, which a map would lose.

use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

/// A stretch of the text, and the pointer (RFC 6901) to the value that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    /// The JSON pointer; empty for the whole document.
    pub(super) pointer: String,
}

/// One JSON value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) spot: Spot,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    /// A number or truth value, as written.
    Scalar(String),
    Null,
}

/// A member of an object. Its spot is the name's.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) spot: Spot,
    pub(super) value: Node,
}

/// Why a text can't be read, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) offset: usize,
    pub(super) cause: String,
    /// What to do, where the cause is one of the usual ones.
    pub(super) fix: &'static str,
    /// JSON, but nested deeper than any policy.
    pub(super) too_deep: bool,
}

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads a text.
pub(super) fn read(text: &str) -> Result<Node, Unreadable> {
    // serde_json stops at 128 levels, before anything that recurses could run out of stack.
    let strict = serde_json::from_str::<Value>(text);
    if let (Err(refusal), true) = (&strict, text.starts_with('\u{feff}') || text.trim_start().starts_with('%')) {
        return Err(plain(text, refusal));
    }
    let too_deep = strict.as_ref().is_err_and(|error| error.to_string().starts_with("recursion limit"));
    let collect = CollectOptions::default();
    match (strict, too_deep) {
        (Ok(_), _) => match parse_to_ast(text, &collect, &STRICT) {
            Ok(parsed) => parsed.value.map(|value| node(value, String::new())).ok_or_else(|| empty(text)),
            Err(error) => Err(named(error.range().start, error.kind())),
        },
        (Err(refusal), false) => Err(match parse_to_ast(text, &collect, &STRICT) {
            Err(error) => named(error.range().start, error.kind()),
            Ok(parsed) if parsed.value.is_none() => empty(text),
            // An escaped half of a surrogate pair, a byte order mark, a number beyond any range.
            Ok(_) => plain(text, &refusal),
        }),
        (Err(refusal), true) => Err(Unreadable {
            cause: "values are nested more than 128 deep".into(),
            fix: "A policy nests 5 deep; look at what wrote this text.",
            too_deep: true,
            ..plain(text, &refusal)
        }),
    }
}

fn empty(text: &str) -> Unreadable {
    let fix = "Give the policy document itself: { \"Version\": \"2012-10-17\", \"Statement\": [ … ] }.";
    Unreadable { offset: text.len(), cause: "there is no JSON value in it".into(), fix, too_deep: false }
}

/// What `serde_json` says, with its position as an offset.
fn plain(text: &str, refusal: &serde_json::Error) -> Unreadable {
    let said = refusal.to_string();
    let position = format!(" at line {} column {}", refusal.line(), refusal.column());
    let line_start: usize = text.split_inclusive('\n').take(refusal.line().saturating_sub(1)).map(str::len).sum();
    let mut offset = (line_start + refusal.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let (cause, fix) = if text.starts_with('\u{feff}') {
        ("a byte order mark stands before the document".to_owned(), "Save the file as UTF-8 without a byte order mark.")
    } else if text.trim_start().starts_with('%') {
        let fix = "IAM hands documents out percent-encoded; decode it first (the AWS CLI does so by itself).";
        ("the text is percent-encoded".to_owned(), fix)
    } else {
        let cause = said.strip_suffix(&position).unwrap_or(&said).to_owned();
        (cause, "Write plain JSON (RFC 8259); a JSON editor shows the place.")
    };
    Unreadable { offset, cause, fix, too_deep: false }
}

/// The usual mistakes in our words.
fn named(offset: usize, kind: &ParseErrorKind) -> Unreadable {
    let (cause, fix) = match kind {
        ParseErrorKind::TrailingCommasNotAllowed => {
            ("a comma stands before a closing bracket".into(), "Remove the last comma.")
        }
        ParseErrorKind::CommentsNotAllowed => {
            ("a comment stands in it, and JSON has none".into(), "Remove the comment; a Sid can say what it said.")
        }
        ParseErrorKind::SingleQuotedStringsNotAllowed => {
            ("a text stands in single quotes".into(), "Write texts in double quotes.")
        }
        ParseErrorKind::UnterminatedObject => {
            ("an object is not closed".into(), "Close it with }; or the end of the document was cut off.")
        }
        ParseErrorKind::UnterminatedArray => {
            ("a list is not closed".into(), "Close it with ]; or the end of the document was cut off.")
        }
        ParseErrorKind::ExpectedComma => ("a comma is missing".into(), "Part the values by a comma."),
        ParseErrorKind::MultipleRootJsonValues => (
            "more than one JSON value stands in it".into(),
            "Give one policy document; check further ones on their own.",
        ),
        other => {
            let said = other.to_string();
            let mut letters = said.chars();
            let lower = letters.next().map(|first| first.to_lowercase().chain(letters).collect());
            (lower.unwrap_or_default(), "Write plain JSON (RFC 8259); a JSON editor shows the place.")
        }
    };
    Unreadable { offset, cause, fix, too_deep: false }
}

fn node(value: ast::Value<'_>, pointer: String) -> Node {
    let range = value.range();
    let kind = match value {
        ast::Value::StringLit(text) => Kind::Text(text.value.into_owned()),
        ast::Value::NumberLit(number) => Kind::Scalar(number.value.to_owned()),
        ast::Value::BooleanLit(truth) => Kind::Scalar(truth.value.to_string()),
        ast::Value::NullKeyword(_) => Kind::Null,
        ast::Value::Array(array) => Kind::Array(
            array
                .elements
                .into_iter()
                .enumerate()
                .map(|(index, element)| node(element, format!("{pointer}/{index}")))
                .collect(),
        ),
        ast::Value::Object(object) => Kind::Object(
            object
                .properties
                .into_iter()
                .map(|property| {
                    let range = property.name.range();
                    let name = property.name.into_string();
                    let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    let spot = Spot { span: range.start..range.end, pointer: pointer.clone() };
                    Member { name, spot, value: node(property.value, pointer) }
                })
                .collect(),
        ),
    };
    Node { spot: Spot { span: range.start..range.end, pointer }, kind }
}

impl Node {
    pub(super) fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The first member of that name.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.name == name)
    }

    /// The elements of a list; any other value is a list of one.
    pub(super) fn elements(&self) -> &[Node] {
        match &self.kind {
            Kind::Array(elements) => elements,
            _ => std::slice::from_ref(self),
        }
    }

    /// The text of a string, number or truth value.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) | Kind::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// From byte offsets to lines and columns, both from 1; a column is a character (a Unicode scalar value).
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(offset, _)| offset + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// Line and column of an offset; one within a character counts as its start.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        (line, self.text[start..offset].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_place_and_pointer() {
        let text = "{\n  \"é/a\": [1, {\"x~y\": \"q\"}]\n}";
        let root = read(text).unwrap();
        let list = &root.member("é/a").unwrap().value;
        let inner = list.elements()[1].member("x~y").unwrap();
        assert_eq!(inner.value.spot.pointer, "/é~1a/1/x~0y");
        assert_eq!(&text[inner.spot.span.clone()], "\"x~y\"");
        assert_eq!(&text[inner.value.spot.span.clone()], "\"q\"");
        assert_eq!(Lines::new(text).position(inner.value.spot.span.start), (2, 22));
        assert_eq!(inner.value.text(), Some("q"));
    }

    #[test]
    fn what_is_not_json_is_named_with_its_place() {
        for (text, place, cause) in [
            ("", 0, "no JSON value"),
            ("  ", 2, "no JSON value"),
            ("{\"a\": 1,}", 7, "comma stands before"),
            ("{\"a\": 1 // x\n}", 8, "comment"),
            ("{'a': 1}", 1, "single quotes"),
            ("{\"a\": [1 2]}", 8, "comma is missing"),
            ("{\"a\": ", 6, "value after colon"),
            ("{\"a\": 1", 0, "not closed"),
            ("{} {}", 3, "more than one"),
            ("\u{feff}{}", 0, "byte order mark"),
            ("%7B%7D", 0, "percent-encoded"),
            ("{\"a\": \"\\ud800\"}", 0, ""),
            ("{\"a\": 1e999}", 0, ""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.cause.contains(cause), "{text}: {error:?}");
            assert!(text.is_char_boundary(error.offset), "{text}: {error:?}");
            if place > 0 {
                assert_eq!(error.offset, place, "{text}: {error:?}");
            }
        }
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert!(read(&deep).unwrap_err().too_deep);
    }
}
