//! Reasons for the lines of a document: stated by statement id and name, kept as JSON pointers (RFC 6901), shown beside the
//! line on which the part begins.
//!
//! The text of the lines is that of [`PolicyDocument::to_pretty_string`], to the letter.

use driftwise_contract::policy::PolicyDocument;
use serde_json::Value;

use super::document::LineReason;

/// Collects the reasons of one document. What a reason names and the document does not hold is passed over, so that one
/// list of reasons serves every variant of a template; `unexplained` finds what was forgotten.
#[derive(Debug)]
pub struct Reasons {
    json: Value,
    lines: Vec<LineReason>,
}

impl Reasons {
    pub(super) fn of(policy: &PolicyDocument) -> Self {
        Self { json: policy.to_json(), lines: Vec::new() }
    }

    pub(super) fn into_lines(self) -> Vec<LineReason> {
        self.lines
    }

    /// Why the statement with that `Sid` is there.
    #[must_use]
    pub fn statement(mut self, sid: &str, text: &str) -> Self {
        if let Some(statement) = self.find(sid) {
            self.push(statement, text);
        }
        self
    }

    /// Why a member of the statement reads as it does: `Principal`, `Action`, `Resource` or a negated twin.
    #[must_use]
    pub fn member(mut self, sid: &str, member: &str, text: &str) -> Self {
        let found = self.find(sid).map(|statement| format!("{statement}/{}", escape(member)));
        if let Some(pointer) = found.filter(|pointer| self.json.pointer(pointer).is_some()) {
            self.push(pointer, text);
        }
        self
    }

    /// Why an action is listed in the statement (`Action` or `NotAction`).
    #[must_use]
    pub fn action(self, sid: &str, action: &str, text: &str) -> Self {
        self.listed(sid, &["Action", "NotAction"], action, text)
    }

    /// Why a resource is listed in the statement (`Resource` or `NotResource`).
    #[must_use]
    pub fn resource(self, sid: &str, resource: &str, text: &str) -> Self {
        self.listed(sid, &["Resource", "NotResource"], resource, text)
    }

    /// Why the statement tests a condition key, under whichever operators.
    #[must_use]
    pub fn condition(mut self, sid: &str, key: &str, text: &str) -> Self {
        let Some(statement) = self.find(sid) else { return self };
        for pointer in conditions(&self.json, &statement) {
            if pointer.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&escape(key))) {
                self.push(pointer, text);
            }
        }
        self
    }

    fn listed(mut self, sid: &str, members: &[&str], value: &str, text: &str) -> Self {
        let Some(statement) = self.find(sid) else { return self };
        for member in members {
            let pointer = format!("{statement}/{member}");
            match self.json.pointer(&pointer) {
                Some(Value::String(one)) if one == value => self.push(pointer, text),
                Some(Value::Array(list)) => {
                    if let Some(index) = list.iter().position(|listed| listed == value) {
                        self.push(format!("{pointer}/{index}"), text);
                    }
                }
                _ => {}
            }
        }
        self
    }

    fn find(&self, sid: &str) -> Option<String> {
        let statements = self.json.get("Statement")?.as_array()?;
        let index = statements.iter().position(|statement| statement.get("Sid").is_some_and(|found| found == sid))?;
        Some(format!("/Statement/{index}"))
    }

    fn push(&mut self, pointer: String, text: &str) {
        self.lines.push(LineReason { pointer, text: text.to_owned() });
    }
}

/// A reference token of a JSON pointer (RFC 6901, section 3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The pointers of the condition keys of a statement.
fn conditions(json: &Value, statement: &str) -> Vec<String> {
    let operators = json.pointer(&format!("{statement}/Condition")).and_then(Value::as_object);
    let keys = operators.into_iter().flatten().flat_map(|(operator, keys)| {
        let prefix = format!("{statement}/Condition/{}", escape(operator));
        keys.as_object().into_iter().flat_map(serde_json::Map::keys).map(move |key| format!("{prefix}/{}", escape(key)))
    });
    keys.collect()
}

/// The statements and condition keys without a reason.
pub(super) fn unexplained(policy: &PolicyDocument, lines: &[LineReason]) -> Vec<String> {
    let json = policy.to_json();
    let demanded = (0..policy.statements().len()).flat_map(|index| {
        let statement = format!("/Statement/{index}");
        let keys = conditions(&json, &statement);
        std::iter::once(statement).chain(keys)
    });
    demanded.filter(|pointer| !lines.iter().any(|line| line.pointer == *pointer)).collect()
}

/// The indented document by lines, each with the reason of the part that begins on it.
pub(super) fn pretty_lines<'a>(policy: &PolicyDocument, lines: &'a [LineReason]) -> Vec<(String, Option<&'a str>)> {
    let mut written = Vec::new();
    let begin = Line { indent: 0, lead: String::new(), tail: "" };
    write(&policy.to_json(), String::new(), &begin, &mut written);
    let reason = |pointer: &str| lines.iter().find(|line| line.pointer == pointer).map(|line| line.text.as_str());
    written.into_iter().map(|(text, pointer)| (text, pointer.as_deref().and_then(reason))).collect()
}

/// Where a value begins: its indentation, what stands before it (its name) and after it (a comma).
struct Line {
    indent: usize,
    lead: String,
    tail: &'static str,
}

/// Writes a value as `serde_json` indents it, with the pointer of the value that begins on each line.
fn write(value: &Value, pointer: String, at: &Line, out: &mut Vec<(String, Option<String>)>) {
    let Line { indent, lead, tail } = at;
    let blank = " ".repeat(*indent);
    let (open, close, parts): (_, _, Vec<(String, String, &Value)>) = match value {
        Value::Array(items) if !items.is_empty() => {
            let item = |(index, item)| (String::new(), format!("{pointer}/{index}"), item);
            ("[", "]", items.iter().enumerate().map(item).collect())
        }
        Value::Object(members) if !members.is_empty() => {
            let member = |(name, member): (&String, _)| {
                (format!("{}: ", Value::from(name.as_str())), format!("{pointer}/{}", escape(name)), member)
            };
            ("{", "}", members.iter().map(|(name, value)| member((name, value))).collect())
        }
        scalar => {
            out.push((format!("{blank}{lead}{scalar}{tail}"), Some(pointer)));
            return;
        }
    };
    out.push((format!("{blank}{lead}{open}"), Some(pointer)));
    let last = parts.len() - 1;
    for (index, (lead, pointer, part)) in parts.into_iter().enumerate() {
        let tail = if index == last { "" } else { "," };
        write(part, pointer, &Line { indent: indent + 2, lead, tail }, out);
    }
    out.push((format!("{blank}{close}{tail}"), None));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::document::{Document, DocumentKind};

    fn document() -> Document {
        let policy = PolicyDocument::parse(
            r#"{"Version": "2012-10-17", "Statement": [
                {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*",
                 "Condition": {"StringLike": {"s3:prefix": ["a/*", "ä\"b"]}, "Bool": {"aws:RequestTag/dw_org_id": "true"}}},
                {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}]}"#,
        )
        .unwrap();
        Document::new(DocumentKind::StatePolicy, "a test", policy)
    }

    #[test]
    fn the_lines_are_those_of_the_indented_document() {
        let document = document();
        let lines: Vec<String> = document.pretty_lines().into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines.join("\n"), document.policy.to_pretty_string());
    }

    #[test]
    fn reasons_stand_on_the_line_on_which_their_part_begins() {
        let document = document().explained(|reasons| {
            reasons
                .statement("Read", "reads")
                .action("Read", "s3:ListBucket", "lists")
                .condition("Read", "aws:RequestTag/dw_org_id", "tagged")
                .member("Read", "Resource", "all of it")
                .action("Read", "s3:PutObject", "not there")
                .statement("Nobody", "not there")
        });
        let shown: Vec<String> = document
            .pretty_lines()
            .into_iter()
            .filter_map(|(line, reason)| Some(format!("{} # {}", line.trim(), reason?)))
            .collect();
        assert_eq!(
            shown,
            [
                "{ # reads",
                "\"s3:ListBucket\" # lists",
                "\"Resource\": \"*\", # all of it",
                "\"aws:RequestTag/dw_org_id\": \"true\" # tagged",
            ]
        );
    }

    #[test]
    fn what_has_no_reason_is_found() {
        let document = document().explained(|reasons| reasons.statement("Read", "reads"));
        let mut unexplained = document.unexplained();
        unexplained.sort();
        assert_eq!(
            unexplained,
            [
                "/Statement/0/Condition/Bool/aws:RequestTag~1dw_org_id",
                "/Statement/0/Condition/StringLike/s3:prefix",
                "/Statement/1"
            ]
        );
    }
}
