//! A document as the page shows it: chunks of lines with the reason of each, in colours, with the admin's own values marked.

/// A document or file.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct DocumentView {
    /// The id in the page; unique there.
    pub(in crate::http::web) id: String,
    pub(in crate::http::web) title: String,
    /// What it is and where it goes, in a sentence; empty for none.
    pub(in crate::http::web) about: String,
    /// The name of the file that is downloaded.
    pub(in crate::http::web) file_name: String,
    /// The address of the download.
    pub(in crate::http::web) download: String,
    pub(in crate::http::web) size: Option<SizeView>,
    pub(in crate::http::web) chunks: Vec<Chunk>,
    pub(in crate::http::web) notes: Vec<NoteView>,
}

/// How much of the length that AWS admits is used.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct SizeView {
    pub(in crate::http::web) used: usize,
    pub(in crate::http::web) limit: usize,
    /// From here on there is little left.
    pub(in crate::http::web) high: usize,
    /// `1,312 of 6,144 characters, white space not counted`
    pub(in crate::http::web) text: String,
}

/// Lines that one reason speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::web) struct Chunk {
    pub(in crate::http::web) why: Option<String>,
    pub(in crate::http::web) spans: Vec<Span>,
}

/// A piece of text in one colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::web) struct Span {
    /// `k` a key, `s` a string, `c` a comment; empty for the rest.
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) text: String,
    /// Whether it came from the admin's answers.
    pub(in crate::http::web) mine: bool,
}

/// Something to know.
#[derive(Debug, Clone)]
pub(in crate::http::web) struct NoteView {
    /// `warn` or `good`; empty for a remark.
    pub(in crate::http::web) class: &'static str,
    /// The word in front.
    pub(in crate::http::web) kind: &'static str,
    pub(in crate::http::web) text: String,
}

/// The language of a text, as far as its colours go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http::web) enum Language {
    /// Keys and strings.
    Json,
    /// Comments that begin with `#`: shell, YAML, Terraform, Markdown.
    Hash,
    /// No colours.
    Plain,
}

impl Language {
    /// By the ending of a file's name.
    pub(in crate::http::web) fn of_file(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("json") => Self::Json,
            Some("sh" | "yaml" | "yml" | "tf" | "tfvars") => Self::Hash,
            _ => Self::Plain,
        }
    }
}

/// The values that came from the admin: the longest first, so that an ARN is marked as a whole and not by its account id.
#[derive(Debug, Clone, Default)]
pub(in crate::http::web) struct Mine(Vec<String>);

impl Mine {
    /// Values shorter than four characters would be found where nobody put them.
    const SHORTEST: usize = 4;

    pub(in crate::http::web) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<String> = values.into_iter().filter(|value| value.len() >= Self::SHORTEST).collect();
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self(values)
    }

    /// Cuts a piece of text where such a value begins or ends.
    fn cut(&self, class: &'static str, mut text: &str, into: &mut Vec<Span>) {
        let mut push = |text: &str, mine| {
            if !text.is_empty() {
                into.push(Span { class, text: text.to_owned(), mine });
            }
        };
        loop {
            // The earliest, and of those that begin there the longest.
            let found = self
                .0
                .iter()
                .filter_map(|value| text.find(value.as_str()).map(|at| (at, value)))
                .min_by_key(|(at, _)| *at);
            let Some((at, value)) = found else { break };
            push(&text[..at], false);
            push(value, true);
            text = &text[at + value.len()..];
        }
        push(text, false);
    }
}

/// The chunks of a document of lines, where a line with a reason begins a chunk. Each line ends with a line feed but the last, so
/// that what is copied from the page is what is downloaded, to the letter.
pub(in crate::http::web) fn chunks<'a>(
    lines: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    language: Language,
    mine: &Mine,
) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (line, why) in lines {
        if let Some(chunk) = chunks.last_mut() {
            let end = Span { class: "", text: "\n".to_owned(), mine: false };
            chunk.spans.push(end);
        }
        if why.is_some() || chunks.is_empty() {
            chunks.push(Chunk { why: why.map(str::to_owned), spans: Vec::new() });
        }
        if let Some(chunk) = chunks.last_mut() {
            colour(line, language, mine, &mut chunk.spans);
        }
    }
    for chunk in &mut chunks {
        chunk.spans = joined(std::mem::take(&mut chunk.spans));
    }
    chunks
}

/// The chunks of a whole text: one, without a reason.
pub(in crate::http::web) fn plain_chunks(text: &str, language: Language, mine: &Mine) -> Vec<Chunk> {
    chunks(text.split('\n').map(|line| (line, None)), language, mine)
}

/// Neighbours of one kind become one: half the markup.
fn joined(spans: Vec<Span>) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if last.class == span.class && last.mine == span.mine => last.text.push_str(&span.text),
            _ => out.push(span),
        }
    }
    out
}

fn colour(line: &str, language: Language, mine: &Mine, into: &mut Vec<Span>) {
    match language {
        Language::Json => json(line, mine, into),
        Language::Hash if line.trim_start().starts_with('#') => mine.cut("c", line, into),
        Language::Hash | Language::Plain => mine.cut("", line, into),
    }
}

/// One line of indented JSON: a string that a colon follows is a key.
fn json(line: &str, mine: &Mine, into: &mut Vec<Span>) {
    let mut rest = line;
    while let Some(begin) = rest.find('"') {
        let (before, from) = rest.split_at(begin);
        mine.cut("", before, into);
        let length = string_length(from);
        let (string, after) = from.split_at(length);
        mine.cut(if after.starts_with(':') { "k" } else { "s" }, string, into);
        rest = after;
    }
    mine.cut("", rest, into);
}

/// How many bytes the JSON string has that begins here, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A number with commas between its thousands.
pub(in crate::http::web) fn number(value: usize) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(chunks: &[Chunk]) -> String {
        chunks.iter().flat_map(|chunk| &chunk.spans).map(|span| span.text.as_str()).collect()
    }

    proptest! {
        #[test]
        fn no_text_is_lost_or_made_up(text in "[ -~\\n\u{e4}\u{1f600}]{0,200}", mine in "[a-z\"]{0,6}", json in any::<bool>()) {
            let language = if json { Language::Json } else { Language::Hash };
            let chunks = plain_chunks(&text, language, &Mine::new([mine]));
            prop_assert_eq!(text_of(&chunks), text);
        }
    }

    #[test]
    fn a_reason_begins_a_chunk_and_speaks_for_the_lines_to_the_next() {
        let lines = [("{", None), ("  \"a\": [", Some("first")), ("    1", None), ("  ]", None), ("}", Some("second"))];
        let chunks = chunks(lines, Language::Json, &Mine::default());
        let whys: Vec<_> = chunks.iter().map(|chunk| chunk.why.as_deref()).collect();
        assert_eq!(whys, [None, Some("first"), Some("second")]);
        assert_eq!(text_of(&chunks), "{\n  \"a\": [\n    1\n  ]\n}");
    }

    #[test]
    fn keys_strings_and_the_admins_values_are_told_apart() {
        let mine = Mine::new(["123456789012".to_owned(), "arn:aws:iam::123456789012:role/x".to_owned()]);
        let chunks = chunks([(r#"  "a\":b": "arn:aws:iam::123456789012:role/x!","#, None)], Language::Json, &mine);
        let span = |class, text: &str, mine| Span { class, text: text.to_owned(), mine };
        assert_eq!(
            chunks[0].spans,
            [
                span("", "  ", false),
                span("k", r#""a\":b""#, false),
                span("", ": ", false),
                span("s", "\"", false),
                span("s", "arn:aws:iam::123456789012:role/x", true),
                span("s", "!\"", false),
                span("", ",", false),
            ]
        );
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1_000, 20_480, 1_234_567].map(number), ["0", "999", "1,000", "20,480", "1,234,567"]);
    }
}
