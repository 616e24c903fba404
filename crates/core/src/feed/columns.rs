//! Formats of columns: text parted by separators, with or without quotes, and lines of fixed
//! width. What they share is that a record is a run of bytes and a field is a piece of it.

use super::record::{RawRecord, Span};
use crate::problem::{Reject, RejectReason};

/// A quoted field that runs over the end of its line is followed so many bytes, and no further: a
/// stray quote costs its own line and not the rest of the file.
pub(crate) const MAX_QUOTED_BYTES: usize = 16 * 1024;

/// The most columns that a header may name: each costs far more memory than the comma it is.
pub(crate) const MAX_COLUMNS: usize = 512;

/// Text parted by separators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delimited {
    /// The byte that ends a record.
    pub(crate) record_separator: u8,
    /// The byte that ends a field.
    pub(crate) field_separator: u8,
    /// Whether a field may stand in double quotes, as in CSV.
    pub(crate) quotes: bool,
    /// Whether the first record holds the names of the columns.
    pub(crate) header: bool,
    /// The names of the columns, where no header holds them.
    pub(crate) columns: Vec<String>,
    /// Only records that begin so are data.
    pub(crate) starts_with: Option<String>,
}

/// Lines whose fields have their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FixedWidth {
    /// What the first line begins with, where there is a header.
    pub(crate) header: Option<String>,
    /// What a line of data begins with; without it every line is data that is neither header nor
    /// trailer.
    pub(crate) data: Option<String>,
    /// What the last line begins with, where there is a trailer.
    pub(crate) trailer: Option<String>,
    /// Name, start and length of each field, in bytes.
    pub(crate) columns: Vec<(String, usize, usize)>,
}

/// What became of a record that was to be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// It is split, and this many fields it has; the fields beyond those asked for are only counted.
    Done(usize),
    /// A quoted field is still open at its end.
    Open,
    /// Its quotes make no sense.
    Malformed,
}

/// The fields of a record while it is split.
struct Fields<'a> {
    spans: &'a mut Vec<Span>,
    most: usize,
    count: usize,
}

impl Fields<'_> {
    #[inline]
    fn push(&mut self, start: usize, end: usize) {
        self.count += 1;
        if self.count <= self.most {
            self.spans.push(Span::text(start, end));
        }
    }
}

impl Delimited {
    /// Whether a record holds data, and is not a blank line or one of another kind.
    pub(crate) fn is_data(&self, record: &[u8]) -> bool {
        match &self.starts_with {
            Some(prefix) => record.starts_with(prefix.as_bytes()),
            None => !record.trim_ascii().is_empty(),
        }
    }

    /// A record without the carriage return of its line end.
    pub(crate) fn trim_end<'a>(&self, record: &'a [u8]) -> &'a [u8] {
        if self.record_separator == b'\n' {
            record.strip_suffix(b"\r").unwrap_or(record)
        } else {
            record
        }
    }

    /// Splits a record into `raw`, whose fields and text are empty, up to `most` fields.
    pub(crate) fn split(&self, record: &[u8], most: usize, raw: &mut RawRecord) -> Split {
        let mut bytes = raw.take_bytes();
        let mut fields = Fields {
            spans: &mut raw.fields,
            most,
            count: 0,
        };
        let split = if self.quotes && memchr::memchr(b'"', record).is_some() {
            split_quoted(record, self.field_separator, &mut bytes, &mut fields)
        } else {
            self.split_plain(record, &mut bytes, &mut fields);
            Split::Done(fields.count)
        };
        if matches!(split, Split::Done(_)) && !raw.set_bytes(bytes) {
            raw.fail(
                Reject::record(
                    RejectReason::NotUtf8,
                    "the record is not UTF-8: it is damaged, or in another encoding",
                ),
                record,
            );
        }
        split
    }

    fn split_plain(&self, record: &[u8], bytes: &mut Vec<u8>, fields: &mut Fields<'_>) {
        bytes.extend_from_slice(record);
        let mut start = 0;
        for end in memchr::memchr_iter(self.field_separator, record) {
            fields.push(start, end);
            start = end + 1;
        }
        fields.push(start, record.len());
    }
}

/// Splits a record some of whose fields stand in quotes. A quote opens only at the start of a
/// field, two of them within one are one, and after the closing one the field must end.
fn split_quoted(
    record: &[u8],
    separator: u8,
    bytes: &mut Vec<u8>,
    fields: &mut Fields<'_>,
) -> Split {
    let mut at = 0;
    loop {
        let start = bytes.len();
        if record.get(at) == Some(&b'"') {
            match unquote(&record[at + 1..], bytes) {
                Some(length) => at += 1 + length,
                None => return Split::Open,
            }
            if record.get(at).is_some_and(|byte| *byte != separator) {
                return Split::Malformed;
            }
        } else {
            let rest = &record[at..];
            let length = memchr::memchr(separator, rest).unwrap_or(rest.len());
            bytes.extend_from_slice(&rest[..length]);
            at += length;
        }
        fields.push(start, bytes.len());
        if record.get(at) != Some(&separator) {
            return Split::Done(fields.count);
        }
        at += 1;
    }
}

/// Copies a quoted field without its quotes; gives its length with the closing quote, or `None`
/// where there is none.
fn unquote(text: &[u8], bytes: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = memchr::memchr(b'"', &text[at..])?;
        bytes.extend_from_slice(&text[at..at + length]);
        at += length + 1;
        if text.get(at) != Some(&b'"') {
            return Some(at);
        }
        bytes.push(b'"');
        at += 1;
    }
}

impl FixedWidth {
    /// How long a line of data must be at least, in bytes.
    pub(crate) fn width(&self) -> usize {
        let ends = self.columns.iter().map(|(_, start, length)| start + length);
        ends.max().unwrap_or(0)
    }

    /// Whether a line holds data.
    pub(crate) fn is_data(&self, line: &[u8]) -> bool {
        let begins = |marker: &Option<String>| {
            marker
                .as_ref()
                .is_some_and(|marker| line.starts_with(marker.as_bytes()))
        };
        if self.data.is_some() {
            return begins(&self.data);
        }
        !line.trim_ascii().is_empty() && !begins(&self.header) && !begins(&self.trailer)
    }

    /// Cuts a line into `raw`, whose fields and text are empty; padding is left out.
    pub(crate) fn split(&self, line: &[u8], width: usize, raw: &mut RawRecord) {
        if line.len() < width {
            let detail = format!("the line has {} bytes, and needs {width}", line.len());
            raw.fail(Reject::record(RejectReason::WrongShape, detail), line);
            return;
        }
        if !line.is_ascii() && std::str::from_utf8(line).is_ok() {
            let detail = "the line holds characters of several bytes, so its columns are shifted";
            raw.fail(Reject::record(RejectReason::WrongShape, detail), line);
            return;
        }
        let mut bytes = raw.take_bytes();
        for (_, start, length) in &self.columns {
            let field = line[*start..start + length].trim_ascii();
            let place = bytes.len();
            bytes.extend_from_slice(field);
            raw.fields.push(Span::text(place, bytes.len()));
        }
        if !raw.set_bytes(bytes) {
            let detail = "a field of the line is not ASCII, as all of it should be";
            raw.fail(Reject::record(RejectReason::NotUtf8, detail), line);
        }
    }
}
