//! A stream of bytes as a stream of records.
//!
//! Whatever stands in the bytes, each call gives one record or ends: what cannot be read is a
//! record with a fault, and the next one is read as if nothing had been.

use super::columns::{Delimited, FixedWidth, MAX_COLUMNS, MAX_QUOTED_BYTES, Split};
use super::document::Elements;
use super::frames::{BOM, Frames, Start, read_some};
use super::join::own_hash;
use super::plan::{Format, Plan};
use super::record::{MAX_RECORD_BYTES, RawRecord, Shape};
use crate::problem::{FileRefusal, Reject, RejectReason};
use hashbrown::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

/// Why reading cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is not one of this feed, or not whole.
    #[error(transparent)]
    Refused(#[from] FileRefusal),
    /// The bytes could not be had.
    #[error("the feed could not be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads the records of one file, or of one message: made by [`crate::feed::Feed::reader`].
#[derive(Debug)]
pub struct FeedReader<R> {
    plan: Arc<Plan>,
    shape: Arc<Shape>,
    records: Records<R>,
    occurrences: Occurrences,
}

/// The records without an id so far: how often each came, by half of its hash.
#[derive(Debug, Default)]
pub(crate) struct Occurrences(HashMap<u128, u32>);

#[derive(Debug)]
enum Records<R> {
    Delimited {
        frames: Frames<R>,
        format: Delimited,
    },
    FixedWidth {
        frames: Frames<R>,
        format: FixedWidth,
        width: usize,
    },
    JsonLines(Frames<R>),
    Json(Elements<R>),
}

/// How many bytes are looked at before the first record is read.
const LOOK_AHEAD_BYTES: usize = 32 * 1024;
/// How many of them are asked for at first: most messages and many files have no more.
const FIRST_LOOK_BYTES: usize = 4 * 1024;

impl<R: Read> FeedReader<R> {
    pub(crate) fn new(plan: &Arc<Plan>, mut bytes: R) -> Result<Self, ReadError> {
        let start = look_ahead(&mut bytes)?;
        if start.bytes.trim_ascii().is_empty() {
            return Err(FileRefusal::Empty.into());
        }
        let separator = line_separator(&plan.format, &start.bytes);
        let records = match &plan.format {
            Format::Delimited(format) => Records::Delimited {
                frames: Frames::new(start, bytes, format.record_separator),
                format: format.clone(),
            },
            Format::FixedWidth(format) => Records::FixedWidth {
                frames: Frames::new(start, bytes, b'\n'),
                width: format.width(),
                format: format.clone(),
            },
            Format::JsonLines => Records::JsonLines(Frames::new(start, bytes, LINE_END)),
            Format::Json { path } => match separator {
                Some(separator) => Records::JsonLines(Frames::new(start, bytes, separator)),
                None => Records::Json(Elements::new(start, bytes, path)),
            },
        };
        let mut reader = Self {
            plan: Arc::clone(plan),
            shape: Arc::clone(&plan.shape),
            records,
            occurrences: Occurrences::default(),
        };
        reader.read_header()?;
        Ok(reader)
    }

    /// Reads the next record into `raw`, whose buffers are used again; `false` at the end.
    ///
    /// # Errors
    /// The bytes could not be had, or a JSON document ends before its list does.
    pub fn next(&mut self, raw: &mut RawRecord) -> Result<bool, ReadError> {
        let found = match &mut self.records {
            Records::Delimited { frames, format } => {
                next_delimited(frames, format, &self.shape, raw)?
            }
            Records::FixedWidth {
                frames,
                format,
                width,
            } => next_fixed_width(frames, format, *width, &self.shape, raw)?,
            Records::JsonLines(frames) => next_message(frames, &self.plan, raw)?,
            Records::Json(elements) => next_element(elements, &self.plan, raw)?,
        };
        if found {
            self.occurrences.count(&self.plan, raw);
        }
        Ok(found)
    }

    /// Reads the header of a file that has one, and learns from it where the columns are.
    fn read_header(&mut self) -> Result<(), ReadError> {
        let Records::Delimited { frames, format } = &mut self.records else {
            return Ok(());
        };
        if !format.header {
            return Ok(());
        }
        let mut raw = RawRecord::default();
        while frames.advance()? {
            if frames.bytes().trim_ascii().is_empty() {
                continue;
            }
            let header = format.trim_end(frames.bytes());
            let split = format.split(header, MAX_COLUMNS + 1, &mut raw);
            if raw.fault.is_some() {
                return Err(FileRefusal::HeaderNotUtf8.into());
            }
            let names = match split {
                Split::Done(_) => raw
                    .all_fields()
                    .map(|name| name.trim().to_owned())
                    .collect(),
                Split::Open | Split::Malformed => Vec::new(),
            };
            self.shape = Arc::new(self.plan.shape_of_header(names)?);
            return Ok(());
        }
        Err(FileRefusal::Empty.into())
    }
}

impl Occurrences {
    /// Tells a record without an id which of its equals it is.
    pub(crate) fn count(&mut self, plan: &Plan, raw: &mut RawRecord) {
        if raw.fault.is_some() || !plan.mapping.lacks_id(raw) {
            return;
        }
        let hash = own_hash(raw);
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        let count = self.0.entry(u128::from_le_bytes(half)).or_insert(0);
        *count = count.saturating_add(1);
        raw.occurrence = *count;
    }
}

/// What parts the records of a feed of JSON lines that begins so; `None` for what is no lines.
pub(crate) fn line_separator(format: &Format, start: &[u8]) -> Option<u8> {
    match format {
        Format::JsonLines => Some(LINE_END),
        Format::Json { path } if path.is_empty() && is_spread_object(start) => Some(NO_UTF8),
        Format::Json { path } if path.is_empty() && !is_list(start) => Some(LINE_END),
        Format::Json { .. } | Format::Delimited(_) | Format::FixedWidth(_) => None,
    }
}

/// The first bytes of a stream, without a byte order mark.
fn look_ahead(bytes: &mut impl Read) -> io::Result<Start> {
    let mut start = Start::default();
    let mut filled = 0;
    while !start.is_all && filled < LOOK_AHEAD_BYTES {
        if filled == start.bytes.len() {
            let wanted = (2 * filled).max(FIRST_LOOK_BYTES);
            start.bytes.resize(wanted, 0);
        }
        let read = read_some(bytes, &mut start.bytes[filled..])?;
        filled += read;
        start.is_all = read == 0;
    }
    start.bytes.truncate(filled);
    if start.bytes.starts_with(BOM) {
        start.bytes.drain(..BOM.len());
    }
    Ok(start)
}

const LINE_END: u8 = b'\n';

/// A byte that is in no UTF-8 text, and so ends no record: all there is, is one.
const NO_UTF8: u8 = 0xFF;

/// Whether a JSON text is one object spread over lines, as people and their tools write it.
fn is_spread_object(start: &[u8]) -> bool {
    let mut lines = start.trim_ascii_start().split(|byte| *byte == b'\n');
    lines.next().is_some_and(|first| first.trim_ascii() == b"{")
}

fn is_list(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"[")
}

fn next_delimited<R: Read>(
    frames: &mut Frames<R>,
    format: &Delimited,
    shape: &Arc<Shape>,
    raw: &mut RawRecord,
) -> io::Result<bool> {
    while frames.advance()? {
        let record = format.trim_end(frames.bytes());
        if !format.is_data(record) {
            continue;
        }
        raw.begin(frames.number(), shape);
        if frames.is_too_long() {
            raw.fail(too_long(), frames.bytes());
            return Ok(true);
        }
        match format.split(record, shape.names.len(), raw) {
            Split::Done(found) => check_count(found, raw, shape, record),
            Split::Malformed => raw.fail(bad_quotes(), record),
            Split::Open => follow_quotes(frames, format, shape, raw)?,
        }
        return Ok(true);
    }
    Ok(false)
}

/// Reads on over line ends within quotes. Where that does not end in a record of the right shape
/// soon, the quote is a stray one: its line alone is rejected, and the next is read.
fn follow_quotes<R: Read>(
    frames: &mut Frames<R>,
    format: &Delimited,
    shape: &Arc<Shape>,
    raw: &mut RawRecord,
) -> io::Result<()> {
    let number = frames.number();
    while frames.widen(MAX_QUOTED_BYTES)? {
        raw.begin(number, shape);
        let wanted = shape.names.len();
        match format.split(format.trim_end(frames.bytes()), wanted, raw) {
            Split::Open => {}
            Split::Done(found) if found == wanted && raw.fault.is_none() => return Ok(()),
            Split::Done(_) | Split::Malformed => break,
        }
    }
    frames.narrow();
    raw.begin(number, shape);
    raw.fail(bad_quotes(), frames.bytes());
    Ok(())
}

fn check_count(found: usize, raw: &mut RawRecord, shape: &Shape, record: &[u8]) {
    let wanted = shape.names.len();
    if raw.fault.is_none() && found != wanted {
        let detail = format!("the record has {found} fields, and the format {wanted}");
        raw.fail(Reject::record(RejectReason::WrongShape, detail), record);
    }
}

fn next_fixed_width<R: Read>(
    frames: &mut Frames<R>,
    format: &FixedWidth,
    width: usize,
    shape: &Arc<Shape>,
    raw: &mut RawRecord,
) -> io::Result<bool> {
    while frames.advance()? {
        let line = frames.bytes();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !format.is_data(line) {
            continue;
        }
        raw.begin(frames.number(), shape);
        if frames.is_too_long() {
            raw.fail(too_long(), line);
        } else {
            format.split(line, width, raw);
        }
        return Ok(true);
    }
    Ok(false)
}

fn next_message<R: Read>(
    frames: &mut Frames<R>,
    plan: &Plan,
    raw: &mut RawRecord,
) -> io::Result<bool> {
    while frames.advance()? {
        let message = frames.bytes().trim_ascii();
        if message.is_empty() {
            continue;
        }
        raw.begin(frames.number(), &plan.shape);
        read_message(message, frames.is_too_long(), plan, raw);
        return Ok(true);
    }
    Ok(false)
}

fn next_element<R: Read>(
    elements: &mut Elements<R>,
    plan: &Plan,
    raw: &mut RawRecord,
) -> Result<bool, ReadError> {
    if !elements.advance()?? {
        return Ok(false);
    }
    raw.begin(elements.number(), &plan.shape);
    read_message(elements.bytes(), elements.is_too_long(), plan, raw);
    Ok(true)
}

/// Reads a JSON message into `raw`, which was begun.
pub(crate) fn read_message(message: &[u8], is_too_long: bool, plan: &Plan, raw: &mut RawRecord) {
    if is_too_long {
        raw.fail(too_long(), message);
    } else {
        plan.paths.read(message, raw);
    }
}

fn too_long() -> Reject {
    let detail = format!("the record is longer than {MAX_RECORD_BYTES} bytes");
    Reject::record(RejectReason::TooLong, detail)
}

fn bad_quotes() -> Reject {
    let detail = "a quote is opened and not closed, or something stands behind the closing one";
    Reject::record(RejectReason::WrongShape, detail)
}
