//! One record as it came: the one shape into which every format puts what it read, before anybody
//! asks what it means.
//!
//! The text of all fields lies in one buffer that the next record reuses. A record that is not
//! even a record of its format carries a fault instead, and reading goes on after it.

use super::json_text::keys;
use crate::card::without_digits_at_end;
use crate::problem::{Reject, RejectReason};
use std::sync::Arc;

/// The largest record there may be, in bytes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// How much of a record that cannot be read is kept to show to a person, in bytes.
pub(crate) const MAX_SHOWN_BYTES: usize = 4096;

/// One record of a feed, unread: see [`crate::feed::Feed::read`].
#[derive(Clone, Debug, Default)]
pub struct RawRecord {
    pub(crate) number: u64,
    pub(crate) occurrence: u32,
    /// All texts, one after the other. In a JSON feed this is the message itself.
    pub(crate) text: String,
    /// What values of a JSON message mean that are written otherwise than they stand there.
    pub(crate) meanings: String,
    /// Length of the message that `text` is; 0 where fields alone are kept.
    pub(crate) source_length: usize,
    /// Where in `text` or `meanings` each field lies, in the order of the record.
    pub(crate) fields: Vec<Span>,
    /// What the fields are called, and which of them the mapping wants.
    pub(crate) shape: Arc<Shape>,
    /// Why this is no record of its format.
    pub(crate) fault: Option<Reject>,
}

/// The fields of a file: their names, and where the mapping finds what it wants.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The name of each field, in the order of the record; empty for JSON, which names its own.
    pub(crate) names: Vec<String>,
    /// The names as keys of the record's JSON.
    pub(crate) keys: Vec<String>,
    /// For each column the mapping wants, which field it is.
    pub(crate) order: Vec<usize>,
}

impl Shape {
    pub(crate) fn new(names: Vec<String>, order: Vec<usize>) -> Self {
        Self {
            keys: keys(&names),
            names,
            order,
        }
    }
}

/// A piece of a record's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
    kind: SpanKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpanKind {
    Text,
    Meaning,
    Json,
    Absent,
}

impl Span {
    /// No value: a key that the message does not have, or null.
    pub(crate) const ABSENT: Self = Self {
        start: 0,
        end: 0,
        kind: SpanKind::Absent,
    };

    /// A text from `start` to `end` of the record's buffer, which is never longer than a few
    /// [`MAX_RECORD_BYTES`]; were it, the value would be absent rather than wrong.
    pub(crate) fn text(start: usize, end: usize) -> Self {
        Self::new(start, end, SpanKind::Text)
    }

    /// A text from `start` to `end` of the record's meanings.
    pub(crate) fn meaning(start: usize, end: usize) -> Self {
        Self::new(start, end, SpanKind::Meaning)
    }

    /// A JSON value that is no text: an object, a list.
    pub(crate) fn json(start: usize, end: usize) -> Self {
        Self::new(start, end, SpanKind::Json)
    }

    fn new(start: usize, end: usize, kind: SpanKind) -> Self {
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) => Self { start, end, kind },
            _ => Self::ABSENT,
        }
    }

    fn of(self, raw: &RawRecord) -> Option<&str> {
        let buffer = match self.kind {
            SpanKind::Absent => return None,
            SpanKind::Text | SpanKind::Json => &raw.text,
            SpanKind::Meaning => &raw.meanings,
        };
        buffer.get(self.start as usize..self.end as usize)
    }
}

impl RawRecord {
    /// Where a person finds it: the line in a file of lines (the first is 1), else the number of
    /// the record in its file.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Which of the records without an id but with the same bytes this is in its file, from 1;
    /// 0 for a record that has an id.
    pub fn occurrence(&self) -> u32 {
        self.occurrence
    }

    /// A record of bytes in which none can be found, and why.
    pub fn unreadable(bytes: &[u8], why: &str) -> Self {
        let mut raw = Self::default();
        raw.fail(Reject::record(RejectReason::WrongShape, why), bytes);
        raw
    }

    /// Begins the next record, keeping the buffers.
    pub(crate) fn begin(&mut self, number: u64, shape: &Arc<Shape>) {
        self.number = number;
        self.occurrence = 0;
        self.text.clear();
        self.meanings.clear();
        self.source_length = 0;
        self.fields.clear();
        self.fault = None;
        if !Arc::ptr_eq(&self.shape, shape) {
            self.shape = Arc::clone(shape);
        }
    }

    /// Makes this a record that cannot be read, keeping the first of its bytes to show.
    pub(crate) fn fail(&mut self, fault: Reject, bytes: &[u8]) {
        self.text.clear();
        self.fields.clear();
        self.source_length = 0;
        let shown = &bytes[..bytes.len().min(MAX_SHOWN_BYTES)];
        let text = String::from_utf8_lossy(shown);
        self.text.push_str(match shown.len() {
            // Cut off, maybe in the middle of a card number.
            MAX_SHOWN_BYTES => without_digits_at_end(&text),
            _ => &text,
        });
        self.fault = Some(fault);
    }

    /// The value of a column the mapping wants, as it stands; `None` where there is none.
    pub(crate) fn value(&self, wanted: usize) -> Option<&str> {
        self.span(wanted)?.of(self)
    }

    /// Whether the value of a wanted column is an object or a list, and so no text.
    pub(crate) fn is_structure(&self, wanted: usize) -> bool {
        self.span(wanted)
            .is_some_and(|span| span.kind == SpanKind::Json)
    }

    fn span(&self, wanted: usize) -> Option<Span> {
        let field = self.shape.order.get(wanted)?;
        self.fields.get(*field).copied()
    }

    /// The texts of all fields, in the order of the record.
    pub(crate) fn all_fields(&self) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .map(|span| span.of(self).unwrap_or_default())
    }

    /// The message of a JSON feed, as it came.
    pub(crate) fn source(&self) -> Option<&str> {
        match self.source_length {
            0 => None,
            length => self.text.get(..length),
        }
    }

    /// The buffer as bytes, to be filled and given back with [`RawRecord::set_bytes`].
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text).into_bytes()
    }

    /// Gives the filled buffer back; `false`, and no text, where one of the fields is not UTF-8. That all
    /// of them together are is not enough: what stood between them may be left out of the buffer, and
    /// half a character at the end of one make a whole with half of one at the start of the next.
    pub(crate) fn set_bytes(&mut self, bytes: Vec<u8>) -> bool {
        let Ok(text) = String::from_utf8(bytes) else {
            return false;
        };
        let is_cut = |span: &Span| {
            let (start, end) = (span.start as usize, span.end as usize);
            !text.is_char_boundary(start) || !text.is_char_boundary(end)
        };
        if !text.is_ascii() && self.fields.iter().any(is_cut) {
            return false;
        }
        self.text = text;
        true
    }
}
