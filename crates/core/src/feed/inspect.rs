//! A look over a whole file before anything of it is imported: is it empty, is it all there?
//!
//! The look is a pass over the bytes that remembers next to nothing, so it costs about as much as
//! hashing the file, which is done at the same time.

use super::document::Scanner;
use super::frames::{BOM, is_blank};
use super::plan::Format;
use crate::problem::FileRefusal;

/// Looks at a file's bytes as they pass: made by [`crate::feed::Feed::inspect`].
#[derive(Clone, Debug)]
pub struct Inspector {
    empty: bool,
    check: Check,
}

#[derive(Clone, Debug)]
enum Check {
    /// Nothing but that there is something.
    Any,
    /// Header and trailer lines.
    Lines(Ends),
    /// A JSON document that must be whole.
    Document(Scanner),
    /// A JSON document or JSON lines: the first byte that is no blank tells.
    DocumentOrLines(Scanner),
}

/// What the first and the last line of a file begin with.
#[derive(Clone, Debug)]
struct Ends {
    header: Option<Vec<u8>>,
    trailer: Option<Vec<u8>>,
    /// The beginning of the line being read, as far as the markers need it.
    line: Vec<u8>,
    /// The beginning of the last line that was not blank.
    last: Vec<u8>,
    needed: usize,
    header_found: Option<bool>,
}

impl Inspector {
    pub(crate) fn new(format: &Format) -> Self {
        let check = match format {
            Format::FixedWidth(fixed) if fixed.header.is_some() || fixed.trailer.is_some() => {
                Check::Lines(Ends::new(fixed.header.as_deref(), fixed.trailer.as_deref()))
            }
            Format::Json { path } if path.is_empty() => Check::DocumentOrLines(Scanner::new(path)),
            Format::Json { path } => Check::Document(Scanner::new(path)),
            _ => Check::Any,
        };
        Self { empty: true, check }
    }

    /// Looks at the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.empty
            && let Some(first) = bytes.iter().find(|byte| !is_blank(**byte))
        {
            self.empty = false;
            self.decide(*first);
        }
        match &mut self.check {
            Check::Lines(ends) => ends.feed(bytes),
            Check::Document(scanner) => {
                for byte in bytes {
                    scanner.step(*byte);
                }
            }
            Check::Any | Check::DocumentOrLines(_) => {}
        }
    }

    /// By its first byte, what kind of file one is that may be of two.
    fn decide(&mut self, first: u8) {
        if let Check::DocumentOrLines(scanner) = &self.check {
            self.check = match first {
                b'[' => Check::Document(scanner.clone()),
                _ => Check::Any,
            };
        }
    }

    /// The verdict at the end of the file.
    ///
    /// # Errors
    /// The file is empty, or is not whole: then nothing of it may be imported.
    pub fn finish(self) -> Result<(), FileRefusal> {
        if self.empty {
            return Err(FileRefusal::Empty);
        }
        match self.check {
            Check::Lines(ends) => ends.finish(),
            Check::Document(scanner) => scanner.finish(),
            Check::Any | Check::DocumentOrLines(_) => Ok(()),
        }
    }
}

impl Ends {
    fn new(header: Option<&str>, trailer: Option<&str>) -> Self {
        let bytes = |marker: Option<&str>| marker.map(|marker| marker.as_bytes().to_vec());
        let (header, trailer) = (bytes(header), bytes(trailer));
        let length = |marker: &Option<Vec<u8>>| marker.as_ref().map_or(0, Vec::len);
        Self {
            needed: (length(&header) + BOM.len()).max(length(&trailer)),
            header,
            trailer,
            line: Vec::new(),
            last: Vec::new(),
            header_found: None,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.gather(&bytes[start..end]);
            self.end_line();
            start = end + 1;
        }
        self.gather(&bytes[start..]);
    }

    fn gather(&mut self, bytes: &[u8]) {
        let room = self.needed.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self) {
        if self.line.trim_ascii().is_empty() {
            self.line.clear();
            return;
        }
        if self.header_found.is_none() {
            let line = self.line.strip_prefix(BOM).unwrap_or(&self.line);
            let begins = |header: &Vec<u8>| line.starts_with(header);
            self.header_found = Some(self.header.as_ref().is_none_or(begins));
        }
        std::mem::swap(&mut self.line, &mut self.last);
        self.line.clear();
    }

    fn finish(mut self) -> Result<(), FileRefusal> {
        self.end_line();
        if self.header_found == Some(false) {
            return Err(FileRefusal::NoHeader);
        }
        match &self.trailer {
            Some(trailer) if !self.last.starts_with(trailer) => Err(FileRefusal::NoTrailer),
            _ => Ok(()),
        }
    }
}
