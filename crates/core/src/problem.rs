//! What can be wrong with input, as values: why a record was rejected, why a file was refused.

use crate::card::masked_start;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a record of a feed cannot be taken as it is. Stored by name, listed by `rejects list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RejectReason {
    /// The record's bytes are not UTF-8.
    NotUtf8,
    /// The record is longer than any record may be.
    TooLong,
    /// More or fewer fields, or a shorter line, than the format says.
    WrongShape,
    /// A message that is no JSON, or not the JSON its feed sends.
    NotJson,
    /// A field that must be there is empty or absent.
    Missing,
    /// A date that no clock shows, or not in the feed's format.
    BadDate,
    /// An amount that is no plain decimal of at most two places.
    BadAmount,
    /// A currency that is no ISO 4217 code.
    BadCurrency,
    /// Card digits that are none.
    BadDigits,
    /// A text that is longer than its column allows, or holds control characters.
    BadText,
    /// A value that the agent file has no rule for.
    UnknownValue,
    /// The same transaction came before with another amount, currency or time.
    Conflict,
    /// It is older than what is kept, and not known: it may have been in and was purged.
    TooOld,
    /// A payment's MID that nobody has onboarded: quarantined.
    UnknownMid,
    /// A payment whose identifiers belong to two schemes.
    AmbiguousMid,
    /// A sale's location that nobody has onboarded: quarantined.
    UnknownLocation,
    /// An answer to an export that there is not.
    UnknownExport,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::NotUtf8,
        Self::TooLong,
        Self::WrongShape,
        Self::NotJson,
        Self::Missing,
        Self::BadDate,
        Self::BadAmount,
        Self::BadCurrency,
        Self::BadDigits,
        Self::BadText,
        Self::UnknownValue,
        Self::Conflict,
        Self::TooOld,
        Self::UnknownMid,
        Self::AmbiguousMid,
        Self::UnknownLocation,
        Self::UnknownExport,
    ];

    /// The stored name, such as `BAD_DATE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "NOT_UTF8",
            Self::TooLong => "TOO_LONG",
            Self::WrongShape => "WRONG_SHAPE",
            Self::NotJson => "NOT_JSON",
            Self::Missing => "MISSING",
            Self::BadDate => "BAD_DATE",
            Self::BadAmount => "BAD_AMOUNT",
            Self::BadCurrency => "BAD_CURRENCY",
            Self::BadDigits => "BAD_DIGITS",
            Self::BadText => "BAD_TEXT",
            Self::UnknownValue => "UNKNOWN_VALUE",
            Self::Conflict => "CONFLICT",
            Self::TooOld => "TOO_OLD",
            Self::UnknownMid => "UNKNOWN_MID",
            Self::AmbiguousMid => "AMBIGUOUS_MID",
            Self::UnknownLocation => "UNKNOWN_LOCATION",
            Self::UnknownExport => "UNKNOWN_EXPORT",
        }
    }

    /// The reason stored under a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Whether the record itself is sound and only waits for somebody to onboard its MID or
    /// location: then it is quarantined, not rejected. Its raw record is kept, and goes on by itself
    /// once they are onboarded.
    pub fn is_quarantine(self) -> bool {
        matches!(
            self,
            Self::UnknownMid | Self::AmbiguousMid | Self::UnknownLocation
        )
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One record's refusal: why, in which field, in words a person can act on. The words never hold
/// more of a card number than may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The reason.
    pub reason: RejectReason,
    /// The column or path of the input, where one is to blame.
    pub field: Option<Box<str>>,
    /// What was found and what would be right.
    pub detail: Box<str>,
}

impl Reject {
    /// A refusal of the whole record.
    pub fn record(reason: RejectReason, detail: impl fmt::Display) -> Self {
        Self {
            reason,
            field: None,
            detail: tidy(&detail.to_string()),
        }
    }

    /// A refusal as it is stored. A reason that this version does not know is told in the words.
    pub fn from_stored(reason: &str, field: Option<&str>, detail: &str) -> Self {
        Self {
            reason: RejectReason::from_name(reason).unwrap_or(RejectReason::UnknownValue),
            field: field.map(Into::into),
            detail: detail.into(),
        }
    }

    /// A refusal because of one field.
    pub fn field(reason: RejectReason, field: &str, detail: impl fmt::Display) -> Self {
        Self {
            reason,
            field: Some(field.into()),
            detail: tidy(&detail.to_string()),
        }
    }
}

/// A value of the input in quotes, for an error. Of a long one only the beginning is written, which
/// is more than is shown of any.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.char_indices().nth(MOST_SHOWN + 100);
        let text = end.map_or(self.0, |(end, _)| &self.0[..end]);
        write!(f, "{text:?}")
    }
}

/// The most characters that an error says.
const MOST_SHOWN: usize = 300;

/// A value of the input as it may appear in an error: masked, without control characters, short.
fn tidy(text: &str) -> Box<str> {
    let mut shown = masked_start(text, MOST_SHOWN);
    if shown.contains(char::is_control) {
        shown = shown.replace(char::is_control, "\u{FFFD}");
    }
    shown.into()
}

/// Why a whole file is refused: nothing in it can be trusted to be what the agent file says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    /// Not a byte in it.
    #[error("the file is empty")]
    Empty,
    /// The header lacks columns that the mapping reads.
    #[error(
        "the header has no column {}; it has {found}. Either this is not a file of this feed, or \
         the agent file's [feeds.….fields] names other columns", .missing.join(", ")
    )]
    Header {
        /// The missing columns.
        missing: Vec<String>,
        /// The columns that are there, as a list.
        found: String,
    },
    /// The header names a column twice that the mapping reads.
    #[error(
        "the header has the column {0} more than once, so which of them counts cannot be told: \
         send the file with each column once"
    )]
    ColumnTwice(String),
    /// The header has more columns than any feed's.
    #[error("the header has more than {0} columns: it is not one of this feed")]
    TooManyColumns(usize),
    /// It came encrypted and cannot be decrypted, and why.
    #[error("the file cannot be decrypted: {0}")]
    NotDecrypted(String),
    /// It lacks the signature that its feed asks for.
    #[error("the file must be signed by {wanted}, and {found}")]
    NotSigned {
        /// Whose signature, and under which name its key is kept.
        wanted: String,
        /// What there is instead.
        found: String,
    },
    /// The header is not UTF-8.
    #[error(
        "the header is not UTF-8: this is not a file of this feed, or it is in another encoding"
    )]
    HeaderNotUtf8,
    /// A file with a trailer that has none: it is incomplete.
    #[error("the file ends without its trailer record: it is incomplete; send it again, whole")]
    NoTrailer,
    /// A file that must begin with a header record and does not.
    #[error("the file does not begin with its header record: it is not a file of this feed")]
    NoHeader,
    /// A JSON document that is not the list its feed sends.
    #[error("the file is not the JSON document its feed sends: {0}")]
    NotTheDocument(String),
    /// Not one record of the file could be read.
    #[error(
        "not one of its {records} records can be read; the first: {first}. Nothing of it was taken"
    )]
    NothingReadable {
        /// How many records there were.
        records: u64,
        /// What was wrong with the first.
        first: String,
    },
}
