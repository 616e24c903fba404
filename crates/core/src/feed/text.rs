//! How one text of a record is had: from which column, which part of it, and what it stands for.
//!
//! A [`TextRule`] is what an agent file says of a field, compiled: names have become column
//! numbers, so that reading a record looks nothing up.

use super::mask;
use super::record::RawRecord;
use crate::problem::{Quoted, Reject, RejectReason};
use compact_str::CompactString;

/// Why a record gives no transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    /// The agent file says that it is none of ours.
    Skip,
    /// Something is wrong with it.
    Reject(Reject),
}

impl From<Reject> for Stop {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

/// A column as the mapping knows it: its number among those wanted, and its name for messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) index: usize,
    pub(crate) name: Box<str>,
}

/// How a text is had: the first alternative that gives one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextRule {
    pub(crate) alternatives: Vec<Alternative>,
    /// Whether it is an id that may look like a card number, as a network's ids of fifteen digits
    /// do: one in ten of those passes the check that card numbers pass.
    pub(crate) long_number: bool,
}

/// One way to have a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    pub(crate) from: Origin,
    /// Only a value of so many digits counts; any other is nothing.
    pub(crate) digits: Option<usize>,
    pub(crate) take: Take,
    /// Values that mean that there is none.
    pub(crate) nothing: Vec<CompactString>,
    pub(crate) lookup: Option<Lookup>,
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    Column(Column),
    Constant(CompactString),
}

/// Which characters of a value count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    All,
    First(usize),
    Last(usize),
    Part { start: usize, length: usize },
}

/// What values stand for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lookup {
    /// Whole values, in lower case where case is ignored.
    pub(crate) exact: Vec<(CompactString, CompactString)>,
    /// Parts of values, in lower case, tried in order.
    pub(crate) contains: Vec<(CompactString, CompactString)>,
    pub(crate) ignore_case: bool,
    pub(crate) otherwise: Otherwise,
}

/// What becomes of a value that the lookup does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// The record is passed over.
    Skip,
    /// The record is rejected.
    Reject,
    /// The next alternative is tried; after the last there is no value.
    Next,
}

impl TextRule {
    /// The trimmed text this rule gives for a record; `None` where it gives none.
    pub(crate) fn read<'a>(&'a self, raw: &'a RawRecord) -> Result<Option<&'a str>, Stop> {
        for alternative in &self.alternatives {
            if let Some(text) = alternative.read(raw)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// The column to name in a message.
    pub(crate) fn column(&self) -> &str {
        self.alternatives
            .iter()
            .find_map(|alternative| match &alternative.from {
                Origin::Column(column) => Some(&*column.name),
                Origin::Constant(_) => None,
            })
            .unwrap_or("")
    }
}

impl Alternative {
    fn read<'a>(&'a self, raw: &'a RawRecord) -> Result<Option<&'a str>, Stop> {
        let text = match &self.from {
            Origin::Column(column) => column.text(raw)?,
            Origin::Constant(text) => Some(text.as_str()),
        };
        let Some(text) = text else {
            return self.unknown("");
        };
        let digits =
            |count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        if self.nothing.iter().any(|nothing| nothing == text)
            || self.digits.is_some_and(|count| !digits(count))
        {
            return self.unknown(text);
        }
        let text = self.take.of(text);
        let Some(lookup) = &self.lookup else {
            return Ok(Some(text));
        };
        match lookup.find(text) {
            Some(found) => Ok(Some(found)),
            None => self.unknown(text),
        }
    }

    /// What becomes of a value that is none, or that the lookup does not know.
    fn unknown<'a>(&self, text: &str) -> Result<Option<&'a str>, Stop> {
        match self.lookup.as_ref().map(|lookup| lookup.otherwise) {
            None | Some(Otherwise::Next) => Ok(None),
            Some(Otherwise::Skip) => Err(Stop::Skip),
            Some(Otherwise::Reject) => {
                let column = match &self.from {
                    Origin::Column(column) => &*column.name,
                    Origin::Constant(_) => "",
                };
                let detail = format!("{} is not in the agent file's map", Quoted(text));
                Err(Reject::field(RejectReason::UnknownValue, column, detail).into())
            }
        }
    }
}

impl Column {
    /// The value of this column without blanks around it; `None` where that leaves nothing.
    pub(crate) fn text<'a>(&self, raw: &'a RawRecord) -> Result<Option<&'a str>, Stop> {
        let Some(text) = raw.value(self.index) else {
            return Ok(None);
        };
        if raw.is_structure(self.index) {
            let detail = "is an object or a list, where a text or a number belongs";
            return Err(Reject::field(RejectReason::WrongShape, &self.name, detail).into());
        }
        let text = text.trim_ascii();
        Ok((!text.is_empty()).then_some(text))
    }

    /// The value of this column as it stands, blanks and all; empty where there is none.
    pub(crate) fn as_it_stands<'a>(&self, raw: &'a RawRecord) -> &'a str {
        raw.value(self.index).unwrap_or_default()
    }
}

impl Take {
    /// The part of a text; as much of it as there is.
    fn of(self, text: &str) -> &str {
        match self {
            Self::All => text,
            Self::First(count) => &text[..place(text, count)],
            Self::Last(count) => {
                let length = text.chars().count();
                &text[place(text, length.saturating_sub(count))..]
            }
            Self::Part { start, length } => {
                let rest = &text[place(text, start)..];
                rest[..place(rest, length)].trim_ascii()
            }
        }
    }
}

/// The byte at which the character of this number begins, or the end.
fn place(text: &str, character: usize) -> usize {
    if text.is_ascii() {
        return character.min(text.len());
    }
    text.char_indices()
        .nth(character)
        .map_or(text.len(), |(place, _)| place)
}

impl Lookup {
    fn find(&self, text: &str) -> Option<&str> {
        let equal =
            |known: &str| known == text || (self.ignore_case && known.eq_ignore_ascii_case(text));
        let exact = self.exact.iter().find(|(known, _)| equal(known));
        if let Some((_, meaning)) = exact {
            return Some(meaning);
        }
        if self.contains.is_empty() {
            return None;
        }
        let lower = text.to_lowercase();
        self.contains
            .iter()
            .find(|(part, _)| lower.contains(part.as_str()))
            .map(|(_, meaning)| meaning.as_str())
    }
}

/// The longest text that an id, a MID or a code may be, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 255;

/// A text that may be kept as an id, a MID, a token or a code.
///
/// # Errors
/// It is too long, holds control characters, or is a full card number, which is never kept.
pub(crate) fn keep(text: &str, column: &str) -> Result<CompactString, Stop> {
    match what_is_wrong(text) {
        Some(wrong) => Err(bad_text(text, column, wrong)),
        None if mask::holds_card_number(text) => {
            Err(bad_text(text, column, "holds a full card number"))
        }
        None => Ok(CompactString::new(text)),
    }
}

/// Takes an id, which as a bare number may look like a card number.
///
/// # Errors
/// As [`keep`], but for a bare number.
pub(crate) fn keep_id(text: &str, column: &str) -> Result<CompactString, Stop> {
    if is_bare_number(text) && what_is_wrong(text).is_none() {
        return Ok(CompactString::new(text));
    }
    keep(text, column)
}

/// Whether a text is digits alone.
pub(crate) fn is_bare_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn bad_text(text: &str, column: &str, wrong: &str) -> Stop {
    let detail = format!("{} {wrong}", Quoted(text));
    Reject::field(RejectReason::BadText, column, detail).into()
}

fn what_is_wrong(text: &str) -> Option<&'static str> {
    if text.len() > MAX_TEXT_BYTES {
        return Some("is longer than 255 bytes");
    }
    let control = if text.is_ascii() {
        text.bytes().any(|byte| byte < b' ' || byte == 0x7F)
    } else {
        text.chars().any(char::is_control)
    };
    control.then_some("holds control characters")
}
