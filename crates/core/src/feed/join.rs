//! Ids and keys: taken from one field, or joined of several and hashed.
//!
//! A record whose feed gave it no id is known by what it is: the hash of its own bytes and which
//! of the equal records of its file it was. So the same file gives the same ids however often it
//! comes, and two cups of the same coffee stay two.

use super::date::Pattern;
use super::mask;
use super::record::RawRecord;
use super::text::{Column, Stop, TextRule, keep, keep_id};
use crate::time::{Moment, Zone};
use compact_str::CompactString;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// How an id or a key is had.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Id {
    /// From a field.
    Text(TextRule),
    /// From several, joined.
    Join(Join),
    /// The feed has none.
    None,
}

/// Several parts as one text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Join {
    pub(crate) parts: Vec<Part>,
    pub(crate) with: CompactString,
    /// Whether the hex SHA-256 of the text stands for it.
    pub(crate) sha256: bool,
}

/// One part of a joined text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// These very characters.
    Text(CompactString),
    /// A column as it stands; empty where it has no value.
    Column(Column),
    /// A column that is the feed's own id: where it is empty, what replaces it.
    Id(Column),
    /// The record's date, on the clock of the feed's zone.
    Date(Pattern),
}

/// What is known of a record when its ids are made.
pub(crate) struct JoinContext<'a> {
    pub(crate) when: Moment,
    pub(crate) zone: &'a Zone,
}

impl Id {
    /// The id, or what replaces it.
    pub(crate) fn read(
        &self,
        raw: &RawRecord,
        context: &JoinContext<'_>,
    ) -> Result<CompactString, Stop> {
        match self {
            Self::Text(rule) => match rule.read(raw)? {
                Some(text) if rule.long_number => keep_id(text, rule.column()),
                Some(text) => keep(text, rule.column()),
                None => Ok(replacement(raw)),
            },
            Self::Join(join) if join.is_empty(raw) => Ok(replacement(raw)),
            Self::Join(join) => join.read(raw, context),
            Self::None => Ok(replacement(raw)),
        }
    }

    /// Whether a record has nothing here, so that all or part of it will be replaced.
    pub(crate) fn lacks(&self, raw: &RawRecord) -> bool {
        match self {
            Self::Text(rule) => !matches!(rule.read(raw), Ok(Some(_))),
            Self::Join(join) => join.is_empty(raw) || join.needs_replacement(raw),
            Self::None => true,
        }
    }
}

impl Join {
    /// A join that is not hashed, of columns without a value: it says nothing. A hashed one counts
    /// as the feed's own id whatever it is of.
    fn is_empty(&self, raw: &RawRecord) -> bool {
        !self.sha256
            && self.parts.iter().all(|part| match part {
                Part::Column(column) => column.as_it_stands(raw).trim_ascii().is_empty(),
                Part::Id(_) => false,
                Part::Text(_) | Part::Date(_) => true,
            })
    }

    /// Whether a part of it is the feed's own id, and that is empty.
    pub(crate) fn needs_replacement(&self, raw: &RawRecord) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Id(column) => column.as_it_stands(raw).trim_ascii().is_empty(),
            _ => false,
        })
    }

    pub(crate) fn read(
        &self,
        raw: &RawRecord,
        context: &JoinContext<'_>,
    ) -> Result<CompactString, Stop> {
        let mut joined = String::with_capacity(192);
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                joined.push_str(&self.with);
            }
            part.write(raw, context, &mut joined);
        }
        if self.sha256 {
            return Ok(hex(&Sha256::digest(joined.as_bytes())));
        }
        let column = self.parts.iter().find_map(|part| match part {
            Part::Column(column) | Part::Id(column) => Some(&*column.name),
            _ => None,
        });
        keep(joined.trim_ascii(), column.unwrap_or(""))
    }
}

impl Part {
    fn write(&self, raw: &RawRecord, context: &JoinContext<'_>, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Column(column) => out.push_str(column.as_it_stands(raw)),
            Self::Id(column) => match column.as_it_stands(raw).trim_ascii() {
                "" => out.push_str(&replacement(raw)),
                id => out.push_str(id),
            },
            Self::Date(pattern) => {
                pattern.write(context.zone.wall_clock(context.when.start), out);
            }
        }
    }
}

/// What stands for the id of a record without one: the hash of its bytes, and its occurrence.
fn replacement(raw: &RawRecord) -> CompactString {
    let mut id = hex(&own_hash(raw));
    // Writing into memory cannot fail.
    let _ = write!(id, "-{}", raw.occurrence.max(1));
    id
}

/// The SHA-256 of a record's own bytes: the message, or its fields joined by 0x1F. Card numbers are
/// masked first, so that the record as it is stored has the same.
pub(crate) fn own_hash(raw: &RawRecord) -> [u8; 32] {
    let mut hash = Sha256::new();
    match raw.source() {
        Some(source) => hash.update(mask::masked_json(source).as_bytes()),
        None => {
            for (index, field) in raw.all_fields().enumerate() {
                if index > 0 {
                    hash.update([0x1F]);
                }
                hash.update(mask::masked(field).as_bytes());
            }
        }
    }
    hash.finalize().into()
}

fn hex(hash: &[u8]) -> CompactString {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xF)];
    }
    CompactString::from_utf8_lossy(&text)
}
