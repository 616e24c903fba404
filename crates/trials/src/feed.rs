//! The laws of every feed, whatever its format.

use crate::canary::assert_silent;
use crate::memory::assert_lean;
use harmonia_core::feed::{Feed, Outcome, RawRecord, ReadError};
use serde::de::IgnoredAny;
use std::io::Read;

/// What became of one record.
#[derive(Debug, PartialEq)]
pub(crate) struct Taken {
    /// Its line, or its number in the document.
    pub(crate) number: u64,
    /// Which of its equals it is, where it has no id.
    pub(crate) occurrence: u32,
    /// What it means.
    pub(crate) outcome: Outcome,
    /// What is stored of it.
    pub(crate) json: String,
}

impl Taken {
    /// Whether it could not even be parted into fields.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.json.starts_with("{\"unreadable\":")
    }
}

/// What became of all records, and how reading ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) records: Vec<Taken>,
    pub(crate) end: Result<(), String>,
}

/// An input, and the size of the pieces it comes in: its last byte, so that whoever makes inputs up
/// decides that too.
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) step: usize,
    /// Which of several feeds of the format it is for.
    pub(crate) choice: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        match bytes {
            [bytes @ .., step, choice] => Self {
                bytes,
                step: usize::from(*step) + 1,
                choice: usize::from(*choice),
            },
            bytes => Self {
                bytes,
                step: 1,
                choice: 0,
            },
        }
    }

    /// One of several, by the input's choice.
    pub(crate) fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[self.choice % all.len()]
    }
}

/// Gives out a few bytes at a time, as a slow disk or a socket might.
struct Trickle<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.step.min(buffer.len()).min(self.rest.len());
        let (now, later) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.rest = later;
        Ok(size)
    }
}

/// Asks the laws that hold of every feed, and gives what was read, for those of its format.
pub(crate) fn check(feed: &Feed, input: &Input<'_>) -> Reading {
    let bytes = input.bytes;
    let reading = read(feed, bytes, usize::MAX);
    assert_eq!(
        read(feed, bytes, input.step),
        reading,
        "in pieces of {} bytes",
        input.step
    );
    let whole = inspect(feed, bytes, usize::MAX);
    assert_eq!(inspect(feed, bytes, input.step), whole, "inspected");
    let mut last = 0;
    for taken in &reading.records {
        assert!(taken.number > last, "{taken:?} after {last}");
        last = taken.number;
        check_record(taken);
    }
    // Reading a record again costs as much as all else: one of them, another with each input.
    if let Some(place) = input.choice.checked_rem(reading.records.len()) {
        check_recall(feed, &reading.records[place]);
    }
    if let Err(error) = &reading.end {
        assert_silent(error, "a refusal");
    }
    assert_lean(feed.name.as_str(), bytes.len(), || pass(feed, bytes));
    reading
}

/// Reads all records as an import does, one after the other, keeping none.
fn pass(feed: &Feed, bytes: &[u8]) {
    let Ok(mut reader) = feed.reader(bytes) else {
        return;
    };
    let mut raw = RawRecord::default();
    while let Ok(true) = reader.next(&mut raw) {
        drop(feed.read(&raw));
    }
}

fn read(feed: &Feed, bytes: &[u8], step: usize) -> Reading {
    let mut records = Vec::new();
    let end = read_into(feed, Trickle { rest: bytes, step }, &mut records);
    Reading {
        records,
        end: end.map_err(|error| error.to_string()),
    }
}

fn read_into(feed: &Feed, bytes: Trickle<'_>, records: &mut Vec<Taken>) -> Result<(), ReadError> {
    let mut reader = feed.reader(bytes)?;
    let mut raw = RawRecord::default();
    while reader.next(&mut raw)? {
        records.push(taken(feed, &raw));
    }
    Ok(())
}

/// What a message in memory gives.
pub(crate) fn read_message(feed: &Feed, bytes: &[u8]) -> Reading {
    let mut records = Vec::new();
    let mut raw = RawRecord::default();
    let mut each = || -> Result<(), ReadError> {
        let mut reader = feed.message(bytes)?;
        while reader.next(&mut raw)? {
            records.push(taken(feed, &raw));
        }
        Ok(())
    };
    let end = each().map_err(|error| error.to_string());
    Reading { records, end }
}

fn taken(feed: &Feed, raw: &RawRecord) -> Taken {
    let mut json = String::new();
    feed.raw_json(raw, false, &mut json);
    Taken {
        number: raw.number(),
        occurrence: raw.occurrence(),
        outcome: feed.read(raw),
        json,
    }
}

fn inspect(feed: &Feed, bytes: &[u8], step: usize) -> Result<(), String> {
    let mut inspector = feed.inspect();
    bytes.chunks(step).for_each(|chunk| inspector.feed(chunk));
    inspector.finish().map_err(|error| error.to_string())
}

/// What is kept of a record is JSON, and holds no card number.
fn check_record(taken: &Taken) {
    let json = &taken.json;
    let parsed = serde_json::from_str::<IgnoredAny>(json);
    assert!(
        parsed.is_ok() && json.starts_with('{'),
        "{parsed:?}: {json}"
    );
    // A bare number that is the id of its transaction is kept, whatever it looks like.
    let masked = !ids(&taken.outcome).into_iter().any(is_number);
    if masked {
        assert_silent(json, "what is stored");
    }
    match &taken.outcome {
        Outcome::Payment(payment) => {
            assert_silent(&payment.card_token.0, "a token");
            let codes = [&payment.auth_code, &payment.approval_code];
            for code in codes.into_iter().flatten() {
                assert_silent(code, "a code");
            }
            if masked {
                assert_silent(payment.extra.as_deref().unwrap_or_default(), "an extra");
            }
        }
        Outcome::Sale(sale) => {
            assert_silent(sale.auth_code.as_deref().unwrap_or_default(), "a code");
            if masked {
                assert_silent(sale.extra.as_deref().unwrap_or_default(), "an extra");
            }
        }
        Outcome::Answer(answer) => {
            if masked {
                assert_silent(&answer.result, "an answer");
            }
        }
        Outcome::Rejected(reject) => assert_silent(&reject.detail, "a reject"),
        Outcome::Skipped => {}
    }
}

/// What is kept of a record means what the record meant.
fn check_recall(feed: &Feed, taken: &Taken) {
    let json = &taken.json;
    let again = feed.read(&feed.recall(json, taken.number, taken.occurrence));
    let is_sound = !matches!(taken.outcome, Outcome::Rejected(_));
    if is_sound && !json.contains('*') {
        assert_eq!(again, taken.outcome, "{json}");
    }
}

/// The texts of a transaction that may look like card numbers and be none.
fn ids(outcome: &Outcome) -> Vec<&str> {
    match outcome {
        Outcome::Payment(payment) => {
            let key = payment.settlement_key.as_deref();
            [Some(payment.transaction_id.as_str()), key]
                .into_iter()
                .flatten()
                .collect()
        }
        Outcome::Sale(sale) => vec![sale.transaction_id.as_str()],
        Outcome::Answer(answer) => answer.transaction_id.as_deref().into_iter().collect(),
        Outcome::Skipped | Outcome::Rejected(_) => Vec::new(),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
