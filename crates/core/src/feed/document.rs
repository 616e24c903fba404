//! One JSON document as a stream of its records: the elements of a list at its top, or of a list
//! below some keys, as in `{"transactions": […]}`.
//!
//! [`Scanner`] looks at each byte once and remembers only where it is, so a document of any size
//! passes through the memory of one record. It checks no more JSON than it needs to part the
//! elements; each element is parsed, and if need be rejected, on its own.

use super::frames::{Start, is_blank, read_some};
use super::record::{MAX_RECORD_BYTES, MAX_SHOWN_BYTES};
use crate::problem::FileRefusal;
use std::io::{self, Read};

const BUFFER_BYTES: usize = 32 * 1024;
/// How much the room for an element grows at once.
const STEP_BYTES: usize = 64 * 1024;
/// How much of a key is compared with the path; longer keys match none.
const MAX_KEY_BYTES: usize = 1024;

/// What a byte is to the list that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before, between or after the elements.
    Outside,
    /// Part of an element.
    Element,
    /// The comma or bracket after an element.
    AfterElement,
}

/// Follows a document byte by byte.
#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    path: Vec<String>,
    /// How many keys of the path have been entered.
    entered: usize,
    state: State,
    /// How many brackets are open, within an element or within what is passed over.
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// The text being read or last read while seeking: maybe the key.
    key: Vec<u8>,
    seen_any: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the value that should be the list, or the object on the way to it.
    Target,
    /// In an object on the way to the list.
    Seeking,
    /// In the list, between elements.
    Between,
    /// In an element.
    Within,
    /// Past the end of the list, in what is left of the document.
    After,
    /// Past the end of the document, or at a second list: more than one document holds.
    Beyond,
    /// This can never become the list.
    Lost,
}

impl Scanner {
    /// A scanner for the list below these keys; without any, the list is the document.
    pub(crate) fn new(path: &[String]) -> Self {
        Self {
            path: path.to_vec(),
            entered: 0,
            state: State::Target,
            depth: 0,
            in_text: false,
            escaped: false,
            key: Vec::new(),
            seen_any: false,
        }
    }

    /// Goes one byte on.
    pub(crate) fn step(&mut self, byte: u8) -> Place {
        self.seen_any |= !is_blank(byte);
        match self.state {
            State::Within => self.within(byte),
            State::Between => self.between(byte),
            State::Target => {
                self.target(byte);
                Place::Outside
            }
            State::Seeking => {
                self.seek(byte);
                Place::Outside
            }
            State::After => {
                self.after(byte);
                Place::Outside
            }
            State::Beyond | State::Lost => Place::Outside,
        }
    }

    /// Whether no later byte can change the verdict.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Beyond | State::Lost)
    }

    /// Whether the document, which has ended here, held the whole list.
    ///
    /// # Errors
    /// Says in what way it did not.
    pub(crate) fn finish(&self) -> Result<(), FileRefusal> {
        let list = match self.path.as_slice() {
            [] => "a list".to_owned(),
            path => format!("a list at {:?}", path.join(".")),
        };
        match self.state {
            State::After if self.depth == 0 => Ok(()),
            State::After => Err(FileRefusal::NotTheDocument(format!(
                "it ends behind {list}, before all that was opened is closed: it is incomplete; \
                 send it again, whole"
            ))),
            State::Beyond => Err(FileRefusal::NotTheDocument(format!(
                "there is more than one document with {list} in it: send one document a file"
            ))),
            _ if !self.seen_any => Err(FileRefusal::Empty),
            State::Lost | State::Target | State::Seeking => Err(FileRefusal::NotTheDocument(
                format!("there is not {list} in it"),
            )),
            State::Between | State::Within => Err(FileRefusal::NotTheDocument(format!(
                "it ends in the middle of {list}: it is incomplete; send it again, whole"
            ))),
        }
    }

    fn between(&mut self, byte: u8) -> Place {
        match byte {
            b',' => Place::Outside,
            byte if byte.is_ascii_whitespace() => Place::Outside,
            b']' => {
                self.end_list();
                Place::Outside
            }
            _ => {
                self.state = State::Within;
                self.depth = 0;
                self.within(byte)
            }
        }
    }

    fn within(&mut self, byte: u8) -> Place {
        if self.text_goes_on(byte) {
            return Place::Element;
        }
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b',' if self.depth == 0 => {
                self.state = State::Between;
                return Place::AfterElement;
            }
            b']' if self.depth == 0 => {
                self.end_list();
                return Place::AfterElement;
            }
            _ => {}
        }
        Place::Element
    }

    /// The list has ended; the objects on the way to it are still open.
    fn end_list(&mut self) {
        self.state = State::After;
        self.depth = self.entered;
        self.key.clear();
    }

    /// A byte behind the list: of the objects around it, which may hold no second such list.
    fn after(&mut self, byte: u8) {
        if is_blank(byte) && !self.in_text {
            return;
        }
        if self.depth == 0 {
            self.state = State::Beyond;
            return;
        }
        let begins = !self.in_text;
        if self.text_goes_on(byte) {
            self.gather_key(byte, begins);
            return;
        }
        let last = self.path.last().map(String::as_bytes);
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            b':' if self.depth == self.entered && last == Some(self.key.as_slice()) => {
                self.state = State::Beyond;
            }
            _ => {}
        }
    }

    /// Follows texts and their escapes; whether the byte belongs to one.
    fn text_goes_on(&mut self, byte: u8) -> bool {
        if !self.in_text {
            self.in_text = byte == b'"';
            return self.in_text;
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_text = false,
            _ => {}
        }
        true
    }

    /// The first byte of the value that should be the list, or the object on the way to it.
    fn target(&mut self, byte: u8) {
        let below = self.entered < self.path.len();
        self.state = match byte {
            byte if is_blank(byte) => State::Target,
            b'[' if !below => State::Between,
            b'{' if below => State::Seeking,
            _ => State::Lost,
        };
    }

    /// A byte of the object in which the next key of the path is looked for.
    fn seek(&mut self, byte: u8) {
        let begins = !self.in_text;
        if self.text_goes_on(byte) {
            self.gather_key(byte, begins);
            return;
        }
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b'}' | b']' => self.state = State::Lost,
            b':' if self.depth == 0 && self.key_is_next() => {
                self.entered += 1;
                self.state = State::Target;
            }
            _ => {}
        }
    }

    fn gather_key(&mut self, byte: u8, begins: bool) {
        if begins {
            self.key.clear();
        } else if self.in_text && self.key.len() < MAX_KEY_BYTES {
            self.key.push(byte);
        }
    }

    fn key_is_next(&self) -> bool {
        let next = self.path.get(self.entered);
        next.is_some_and(|next| next.as_bytes() == self.key)
    }
}

/// The elements of a document's list, one after the other.
#[derive(Debug)]
pub(crate) struct Elements<R> {
    bytes: R,
    scanner: Scanner,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    at_end: bool,
    element: Vec<u8>,
    length: usize,
    number: u64,
}

impl<R: Read> Elements<R> {
    /// The elements of a document that goes on with `bytes` after its start.
    pub(crate) fn new(start: Start, bytes: R, path: &[String]) -> Self {
        Self {
            bytes,
            scanner: Scanner::new(path),
            at: 0,
            filled: start.bytes.len(),
            buffer: start.bytes,
            at_end: start.is_all,
            element: Vec::new(),
            length: 0,
            number: 0,
        }
    }

    /// The bytes of the current element; its first ones where it is too long.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.element.trim_ascii()
    }

    /// Whether the current element is longer than any record may be.
    pub(crate) fn is_too_long(&self) -> bool {
        self.length > MAX_RECORD_BYTES
    }

    /// The number of the current element; the first is 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Goes to the next element; `Ok(Ok(false))` at the end of the list.
    pub(crate) fn advance(&mut self) -> io::Result<Result<bool, FileRefusal>> {
        self.element.clear();
        self.length = 0;
        loop {
            while self.at < self.filled {
                let byte = self.buffer[self.at];
                self.at += 1;
                match self.scanner.step(byte) {
                    Place::Element => self.gather(byte),
                    Place::AfterElement => {
                        self.number += 1;
                        return Ok(Ok(true));
                    }
                    Place::Outside => {}
                }
            }
            if self.scanner.is_done() {
                return Ok(self.scanner.finish().map(|()| false));
            }
            if self.at_end {
                return Ok(self.scanner.finish().map(|()| false));
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.resize(BUFFER_BYTES, 0);
        self.at = 0;
        self.filled = read_some(&mut self.bytes, &mut self.buffer)?;
        self.at_end = self.filled == 0;
        Ok(())
    }

    fn gather(&mut self, byte: u8) {
        self.length += 1;
        if self.length <= MAX_RECORD_BYTES {
            if self.element.len() == self.element.capacity() {
                let step = self.element.len().clamp(1024, STEP_BYTES);
                self.element.reserve_exact(step);
            }
            self.element.push(byte);
        } else {
            self.element.truncate(MAX_SHOWN_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn elements(document: &str, path: &[&str]) -> Result<Vec<String>, FileRefusal> {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        let mut elements = Elements::new(Start::default(), document.as_bytes(), &path);
        let mut found = Vec::new();
        while elements.advance().unwrap()? {
            found.push(String::from_utf8(elements.bytes().to_vec()).unwrap());
        }
        Ok(found)
    }

    #[test]
    fn the_elements_of_a_list_are_parted() {
        let expected = vec![
            r#"{"a": "],\\\"}", "b": [1, {}]}"#.to_owned(),
            "2".to_owned(),
        ];
        let list = r#" [ {"a": "],\\\"}", "b": [1, {}]} , 2 ] "#;
        assert_eq!(elements(list, &[]).unwrap(), expected);
        let nested =
            format!(r#"{{"x": {{"t": [0]}}, "y": "t", "d": {{"z": 1, "t":{list}}}, "e": 5}}"#);
        assert_eq!(elements(&nested, &["d", "t"]).unwrap(), expected);
        assert_eq!(elements("[]", &[]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_document_without_the_whole_list_is_refused() {
        assert_eq!(elements(" ", &[]), Err(FileRefusal::Empty));
        for (document, path) in [
            ("{}", &[][..]),
            ("5", &[]),
            ("{}", &["t"]),
            (r#"{"t": {}}"#, &["t"]),
            (r#"{"t": [1, 2"#, &["t"]),
            ("[1, \"]", &[]),
            ("[1][2]", &[]),
            ("[1]\n5", &[]),
            (r#"{"t": [1]} {"t": [2]}"#, &["t"]),
            (r#"{"t": [1], "t": [2]}"#, &["t"]),
            (r#"{"t": [1], "u": 1"#, &["t"]),
        ] {
            let refused = elements(document, path);
            assert!(
                matches!(refused, Err(FileRefusal::NotTheDocument(_))),
                "{document}"
            );
        }
    }

    #[test]
    fn an_element_that_is_too_long_is_passed_over() {
        let document = format!("[1, \"{}\", 3]", "x".repeat(2 * MAX_RECORD_BYTES));
        let mut elements = Elements::new(Start::default(), document.as_bytes(), &[]);
        let mut seen = Vec::new();
        while elements.advance().unwrap().unwrap() {
            assert!(elements.bytes().len() <= MAX_SHOWN_BYTES);
            seen.push((elements.number(), elements.is_too_long()));
        }
        assert_eq!(seen, [(1, false), (2, true), (3, false)]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut elements = Elements::new(Start::default(), bytes.as_slice(), &["t".to_owned()]);
            while let Ok(Ok(true)) = elements.advance() {}
        }
    }
}
