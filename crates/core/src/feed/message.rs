//! One message as a stream of its records: nearly always a single one, and all of it in memory.
//!
//! What a file's reader spreads over a file, a buffer above all, would here be paid with each
//! message. So JSON messages are read where they lie; anything else is read as a small file.

use super::frames::BOM;
use super::plan::Plan;
use super::reader::{FeedReader, Occurrences, ReadError, line_separator, read_message};
use super::record::{MAX_RECORD_BYTES, RawRecord};
use crate::problem::FileRefusal;
use std::sync::Arc;

/// Reads the records of one message: made by [`crate::feed::Feed::message`].
#[derive(Debug)]
pub struct MessageReader<'m>(Records<'m>);

#[derive(Debug)]
enum Records<'m> {
    Lines(Lines<'m>),
    File(Box<FeedReader<&'m [u8]>>),
}

/// A message of JSON lines.
#[derive(Debug)]
struct Lines<'m> {
    plan: Arc<Plan>,
    separator: u8,
    /// What has not been read.
    rest: &'m [u8],
    number: u64,
    occurrences: Occurrences,
}

impl<'m> MessageReader<'m> {
    pub(crate) fn new(plan: &Arc<Plan>, message: &'m [u8]) -> Result<Self, ReadError> {
        let text = message.strip_prefix(BOM).unwrap_or(message);
        if text.trim_ascii().is_empty() {
            return Err(FileRefusal::Empty.into());
        }
        let records = match line_separator(&plan.format, text) {
            Some(separator) => Records::Lines(Lines {
                plan: Arc::clone(plan),
                separator,
                rest: text,
                number: 0,
                occurrences: Occurrences::default(),
            }),
            None => Records::File(Box::new(FeedReader::new(plan, message)?)),
        };
        Ok(Self(records))
    }

    /// Reads the next record into `raw`, whose buffers are used again; `false` at the end.
    ///
    /// # Errors
    /// A JSON document ends before its list does.
    pub fn next(&mut self, raw: &mut RawRecord) -> Result<bool, ReadError> {
        match &mut self.0 {
            Records::Lines(lines) => Ok(lines.next(raw)),
            Records::File(reader) => reader.next(raw),
        }
    }
}

impl Lines<'_> {
    fn next(&mut self, raw: &mut RawRecord) -> bool {
        while !self.rest.is_empty() {
            let end = memchr::memchr(self.separator, self.rest).unwrap_or(self.rest.len());
            let line = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            self.number += 1;
            let record = line.trim_ascii();
            if record.is_empty() {
                continue;
            }
            raw.begin(self.number, &self.plan.shape);
            read_message(record, line.len() > MAX_RECORD_BYTES, &self.plan, raw);
            self.occurrences.count(&self.plan, raw);
            return true;
        }
        false
    }
}
