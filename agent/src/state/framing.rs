//! Cuts a JSON document into values without building them: a state of any size is read with the memory of its largest
//! resource. What is cut out is then parsed, and so checked, by `serde_json`.

use std::io::{self, Read};

use super::Position;

const BUFFER_BYTES: usize = 64 * 1024;

/// How large one value may be that is cut out: far beyond any resource, and little enough for a small machine.
pub(super) const LARGEST_VALUE_BYTES: usize = 256 * 1024 * 1024;

/// A reader that hands out whole JSON values, and knows where it is.
pub(super) struct Framer<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    position: Position,
    /// The most that a frame may hold.
    limit: usize,
    /// Whether what is passed over is dropped rather than framed.
    skipping: bool,
}

/// Why no value could be cut out.
#[derive(Debug)]
pub(super) enum FramingFault {
    /// Reading failed.
    Io(io::Error),
    /// The document ends where more must follow.
    End,
    /// The value is larger than [`LARGEST_VALUE_BYTES`].
    TooLarge,
    /// Another byte was expected.
    Unexpected {
        /// What stands there.
        found: u8,
        /// What should.
        expected: &'static str,
    },
}

impl From<io::Error> for FramingFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<R: Read> Framer<R> {
    pub(super) fn new(reader: R) -> Self {
        let position = Position { line: 1, column: 1, byte: 0 };
        let buffer = vec![0; BUFFER_BYTES];
        Self { reader, buffer, start: 0, end: 0, position, limit: LARGEST_VALUE_BYTES, skipping: false }
    }

    /// Where the next byte stands.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Up to `count` bytes (at most the buffer's size) of what follows, without consuming them.
    pub(super) fn look_ahead(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count && self.fill_more()? {}
        let available = count.min(self.end - self.start);
        Ok(&self.buffer[self.start..self.start + available])
    }

    /// Consumes `count` bytes that were looked at.
    #[expect(clippy::naive_bytecount, reason = "the compiler vectorises it; another dependency would be for this line")]
    pub(super) fn consume(&mut self, count: usize) {
        let consumed = &self.buffer[self.start..self.start + count];
        let lines = consumed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.position.byte += count as u64;
        self.position.line += lines;
        match consumed.iter().rposition(|byte| *byte == b'\n').filter(|_| lines > 0) {
            Some(newline) => self.position.column = (count - newline) as u64,
            None => self.position.column += count as u64,
        }
        self.start += count;
    }

    /// The next byte that is no white space, without consuming it; none at the end.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            if self.start == self.end && !self.fill_more()? {
                return Ok(None);
            }
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let pending = &self.buffer[self.start..self.end];
            match pending.iter().position(|byte| !blank(byte)) {
                Some(blanks) => {
                    self.consume(blanks);
                    return Ok(Some(self.buffer[self.start]));
                }
                None => self.consume(pending.len()),
            }
        }
    }

    /// Consumes the next byte that is no white space if it is `byte`.
    pub(super) fn take(&mut self, byte: u8) -> io::Result<bool> {
        let there = self.peek()? == Some(byte);
        if there {
            self.consume(1);
        }
        Ok(there)
    }

    /// Consumes `byte`, or says that it is missing.
    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), FramingFault> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.consume(1);
                Ok(())
            }
            Some(found) => Err(FramingFault::Unexpected { found, expected }),
            None => Err(FramingFault::End),
        }
    }

    /// Cuts the next value into `frame` (cleared first); the answer is where it starts. Its brackets are counted, not
    /// matched: parsing the frame tells whether it is JSON.
    pub(super) fn value(&mut self, frame: &mut Vec<u8>) -> Result<Position, FramingFault> {
        frame.clear();
        let Some(first) = self.peek()? else { return Err(FramingFault::End) };
        let start = self.position;
        match first {
            b'{' | b'[' => self.bracketed(frame)?,
            b'"' => self.string(frame)?,
            b'}' | b']' | b',' | b':' => {
                return Err(FramingFault::Unexpected { found: first, expected: "a value" });
            }
            _ => self.word(frame)?,
        }
        Ok(start)
    }

    /// Passes over the next value, of any size, and keeps nothing of it. Nobody checks whether it is JSON inside.
    pub(super) fn skip(&mut self) -> Result<(), FramingFault> {
        self.skipping = true;
        let skipped = self.value(&mut Vec::new());
        self.skipping = false;
        skipped.map(|_| ())
    }

    /// A value between brackets, from the bracket that is next.
    fn bracketed(&mut self, frame: &mut Vec<u8>) -> Result<(), FramingFault> {
        let mut depth = 0_usize;
        loop {
            if self.start == self.end && !self.fill_more()? {
                return Err(FramingFault::End);
            }
            let pending = &self.buffer[self.start..self.end];
            let Some(length) = pending.iter().position(|byte| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']')) else {
                self.move_to(frame, self.end - self.start)?;
                continue;
            };
            match pending[length] {
                b'"' => {
                    self.move_to(frame, length)?;
                    self.string(frame)?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.move_to(frame, length + 1)?;
                }
                _ => {
                    depth -= 1;
                    self.move_to(frame, length + 1)?;
                    if depth == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// A string, from the quote that is next.
    fn string(&mut self, frame: &mut Vec<u8>) -> Result<(), FramingFault> {
        self.move_to(frame, 1)?;
        let mut escaped = false;
        loop {
            if self.start == self.end && !self.fill_more()? {
                return Err(FramingFault::End);
            }
            if escaped {
                self.move_to(frame, 1)?;
                escaped = false;
                continue;
            }
            let pending = &self.buffer[self.start..self.end];
            match pending.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                Some(length) => {
                    let closing = pending[length] == b'"';
                    self.move_to(frame, length + 1)?;
                    if closing {
                        return Ok(());
                    }
                    escaped = true;
                }
                None => self.move_to(frame, self.end - self.start)?,
            }
        }
    }

    /// A number, `true`, `false`, `null`, or what stands in their place.
    fn word(&mut self, frame: &mut Vec<u8>) -> Result<(), FramingFault> {
        loop {
            if self.start == self.end && !self.fill_more()? {
                return Ok(());
            }
            let pending = &self.buffer[self.start..self.end];
            let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r');
            match pending.iter().position(ends) {
                Some(length) => {
                    self.move_to(frame, length)?;
                    return Ok(());
                }
                None => self.move_to(frame, self.end - self.start)?,
            }
        }
    }

    fn move_to(&mut self, frame: &mut Vec<u8>, count: usize) -> Result<(), FramingFault> {
        if !self.skipping {
            if frame.len() + count > self.limit {
                return Err(FramingFault::TooLarge);
            }
            frame.extend_from_slice(&self.buffer[self.start..self.start + count]);
        }
        self.consume(count);
        Ok(())
    }

    /// Reads more behind what is pending; false at the end of the document.
    fn fill_more(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            return Ok(false);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives one byte per read, so that every boundary falls between two bytes.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn frames(reader: impl Read) -> Vec<String> {
        let mut framer = Framer::new(reader);
        let (mut frame, mut found) = (Vec::new(), Vec::new());
        while framer.peek().unwrap().is_some() {
            framer.value(&mut frame).unwrap();
            found.push(String::from_utf8(frame.clone()).unwrap());
        }
        found
    }

    #[test]
    fn values_are_cut_whole_wherever_the_reads_end() {
        let text = r#" {"a":[1,{"b":"}\"]\\"}]} "x\"y" 12 true null [[],{}] "#;
        let expected = [r#"{"a":[1,{"b":"}\"]\\"}]}"#, r#""x\"y""#, "12", "true", "null", "[[],{}]"];
        assert_eq!(frames(text.as_bytes()), expected);
        assert_eq!(frames(Trickle(text.as_bytes())), expected);
    }

    #[test]
    fn the_position_counts_lines_columns_and_bytes() {
        let mut framer = Framer::new("\n\n  {\"a\":\n1}  x".as_bytes());
        let mut frame = Vec::new();
        assert_eq!(framer.value(&mut frame).unwrap(), Position { line: 3, column: 3, byte: 4 });
        assert_eq!(framer.peek().unwrap(), Some(b'x'));
        assert_eq!(framer.position(), Position { line: 4, column: 5, byte: 14 });
    }

    #[test]
    fn a_cut_document_is_told_from_a_wrong_one() {
        for cut in ["{\"a\":", "[1, 2", "\"abc", "\"abc\\", "{\"a\":\"}\""] {
            assert!(matches!(Framer::new(cut.as_bytes()).value(&mut Vec::new()), Err(FramingFault::End)), "{cut}");
        }
        let wrong = Framer::new("]".as_bytes()).value(&mut Vec::new());
        assert!(matches!(wrong, Err(FramingFault::Unexpected { found: b']', .. })));
    }

    #[test]
    fn a_value_beyond_the_limit_is_refused_and_can_be_skipped() {
        for text in [r#""a long text" 1"#, r#"[1, {"a": 2}] 1"#, "1234567890 1"] {
            let limited = || Framer { limit: 8, ..Framer::new(text.as_bytes()) };
            assert!(matches!(limited().value(&mut Vec::new()), Err(FramingFault::TooLarge)), "{text}");
            let mut framer = limited();
            framer.skip().unwrap();
            let mut frame = Vec::new();
            framer.value(&mut frame).unwrap();
            assert_eq!(frame, b"1", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_hang(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framer = Framer::new(Trickle(&bytes));
            let mut frame = Vec::new();
            while framer.peek().unwrap().is_some() {
                if framer.value(&mut frame).is_err() { break; }
            }
        }

        #[test]
        fn any_json_value_comes_out_as_it_went_in(text in "[a-z\"\\\\{}\\[\\]:, \u{e9}]{0,40}", number in any::<i64>()) {
            let value = serde_json::json!({ "text": text, "list": [number, { "again": text }] }).to_string();
            prop_assert_eq!(frames(Trickle(value.as_bytes())), vec![value]);
        }
    }
}
