//! Bytes to records: how a feed is read.
//!
//! A [`Feed`] comes from an agent file, compiled: names of columns have become numbers, date
//! patterns lists of steps. Its journey through this module is:
//!
//! 1. [`Feed::inspect`] looks over a whole file before anything is imported: a file without its
//!    trailer, or a JSON document that breaks off, is refused as a whole.
//! 2. [`Feed::reader`] checks the header and parts the bytes into records (`frames` by a
//!    separator, `document` by the brackets of JSON) and those into fields (`columns`, `json`).
//!    Every format fills the same [`RawRecord`]. No more than one record is in memory.
//! 3. [`Feed::read`] says what a record means (`mapping`, by way of `text`, `rules`, `date`, `join`): a
//!    payment, a sale, nothing of ours, or a reject that says why.
//! 4. [`Feed::raw_json`] writes the record as it came, card numbers masked, to be stored beside
//!    what it meant; [`Feed::recall`] reads that again.
//!
//! One bad record never stops the good ones: what cannot be parted, decoded or understood is a
//! record with a fault, and reading goes on after it.

mod columns;
mod date;
mod depth;
mod document;
pub mod expected;
mod frames;
mod inspect;
mod join;
mod json;
mod json_cursor;
mod json_text;
mod mapping;
pub(crate) mod mask;
mod message;
mod plan;
mod raw_json;
mod reader;
mod record;
mod rules;
mod shown;
mod text;
mod unused;

pub(crate) mod parts {
    //! What the compiler of agent files puts together.
    pub(crate) use super::columns::{Delimited, FixedWidth};
    pub(crate) use super::date::{DateFormat, Pattern};
    pub(crate) use super::join::{Id, Join, Part};
    pub(crate) use super::json::Pairs;
    pub(crate) use super::mapping::{Mapping, Wanted};
    pub(crate) use super::plan::{Format, Plan};
    pub(crate) use super::rules::{
        AmountRule, DateRule, Extra, ProviderRule, SkipRule, SkipTest, Unit,
    };
    pub(crate) use super::text::{Alternative, Column, Lookup, Origin, Otherwise, Take, TextRule};
}

pub use crate::agent::{Decrypt, Source};
pub use depth::{MAX_DEPTH, too_deep};
pub use expected::Expected;
pub use inspect::Inspector;
pub use message::MessageReader;
pub use reader::{FeedReader, ReadError};
pub use record::{MAX_RECORD_BYTES, RawRecord};

use crate::ids::Slug;
use crate::matching::rules::Kind;
use crate::problem::Reject;
use crate::time::Moment;
use crate::transaction::{AnswerRecord, FeedType, PaymentRecord, SaleRecord};
use plan::Plan;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

/// One feed of an agent: where its bytes come from and what they mean.
#[derive(Clone, Debug)]
pub struct Feed {
    /// What the command line and the import log call it.
    pub name: Slug,
    /// The agent's slug: the payment provider, or the scheme.
    pub provider_slug: Slug,
    /// What it brings.
    pub feed_type: FeedType,
    /// Where its bytes come from.
    pub source: Source,
    /// When something of it is expected, where its agent file says so.
    pub expected: Option<Expected>,
    /// Schemes whose payments are not taken from this feed: they wait for another.
    pub not_for: NotFor,
    pub(crate) plan: Arc<Plan>,
    /// Harmonia's own format, which every feed takes as well.
    pub(crate) canonical: Arc<Plan>,
}

/// Whose payments a feed is not for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotFor {
    /// Schemes that match in one of these ways.
    pub kinds: Vec<Kind>,
    /// Schemes that are sent payments as they come.
    pub streaming: bool,
}

/// What a record means.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A payment.
    Payment(PaymentRecord),
    /// A sale.
    Sale(SaleRecord),
    /// An answer to an export.
    Answer(AnswerRecord),
    /// The agent file says that it is none of ours.
    Skipped,
    /// Something is wrong with it.
    Rejected(Reject),
}

impl Outcome {
    /// The fields of a transaction under the names that examples use (`transaction_id`, `date` in
    /// UTC, `amount` in minor units, `mids` and the like); else what became of the record:
    /// `skipped`, or `rejected` with `field` and `detail`. What is absent is null.
    pub fn fields(&self) -> serde_json::Map<String, serde_json::Value> {
        shown::fields(self)
    }
}

impl Feed {
    /// The same feed in Harmonia's own format, whatever its own is: JSON lines or a JSON list.
    #[must_use]
    pub fn canonical(&self) -> Self {
        Self {
            plan: Arc::clone(&self.canonical),
            ..self.clone()
        }
    }

    /// Whether this is the feed in Harmonia's own format.
    pub fn is_canonical(&self) -> bool {
        Arc::ptr_eq(&self.plan, &self.canonical)
    }

    /// A look over a whole file, before anything of it is imported.
    pub fn inspect(&self) -> Inspector {
        Inspector::new(&self.plan.format)
    }

    /// A reader of a file's or a message's records, which needs memory for one of them (at most
    /// [`MAX_RECORD_BYTES`]; a longer one is rejected).
    ///
    /// # Errors
    /// The bytes are empty or begin with a header that lacks columns, or cannot be had.
    pub fn reader<R: Read>(&self, bytes: R) -> Result<FeedReader<R>, ReadError> {
        FeedReader::new(&self.plan, bytes)
    }

    /// A reader of the records of one message, which is in memory whole: as [`Feed::reader`], and
    /// far quicker to make.
    ///
    /// # Errors
    /// The message is empty or begins with a header that lacks columns.
    pub fn message<'m>(&self, message: &'m [u8]) -> Result<MessageReader<'m>, ReadError> {
        MessageReader::new(&self.plan, message)
    }

    /// What a record of this feed means.
    pub fn read(&self, raw: &RawRecord) -> Outcome {
        self.plan.mapping.read(raw)
    }

    /// The moment of a record by the clock of a scheme, where this feed has a zone for that
    /// scheme; `None` where the moment that [`Feed::read`] gave holds.
    ///
    /// One network writes its times without an offset, some merchants' by one clock and some by
    /// another; which merchant it is, only the MID tells.
    pub fn moment_for_scheme(&self, raw: &RawRecord, scheme: &Slug) -> Option<Moment> {
        self.plan.mapping.moment_for_scheme(raw, scheme.as_str())
    }

    /// Whether [`Feed::moment_for_scheme`] can ever differ from what [`Feed::read`] gives.
    pub fn has_zones_of_schemes(&self) -> bool {
        !self.plan.mapping.date.zone_of_scheme.is_empty()
    }

    /// Adds to `unused` the names of the record's columns that the feed does not read.
    pub fn add_unused(&self, raw: &RawRecord, unused: &mut BTreeSet<String>) {
        unused::add(&self.plan, raw, unused);
    }

    /// Makes a record that holds fields which the feed does not read one that is rejected. A file
    /// may well have columns that nobody needs; who writes Harmonia's own format and misspells a
    /// name would lose what it holds, and never know.
    pub fn refuse_unknown_fields(&self, raw: &mut RawRecord) {
        if raw.fault.is_none() {
            unused::refuse(&self.plan, raw);
        }
    }

    /// Appends the record as a JSON object to `out`: its columns by name, or the JSON it came as;
    /// under `unreadable` the text of one with a fault. Card numbers in it are masked. Ids that look
    /// like one are not; nor are MIDs, in a record that was `placed` because they are onboarded.
    pub fn raw_json(&self, raw: &RawRecord, placed: bool, out: &mut String) {
        let ids = || self.plan.mapping.ids_like_card_numbers(raw, placed);
        raw_json::write(raw, &ids, out);
    }

    /// The record that [`Feed::raw_json`] wrote, or that a person corrected, to be read again.
    /// `number` and `occurrence` are those of the record as it first came.
    pub fn recall(&self, json: &str, number: u64, occurrence: u32) -> RawRecord {
        let mut raw = RawRecord {
            number,
            ..RawRecord::default()
        };
        if self.plan.is_json() {
            raw_json::recall_message(json, &self.plan.paths, &self.plan.shape, &mut raw);
        } else {
            let wanted = &self.plan.mapping.wanted;
            let names = wanted.iter().map(|wanted| wanted.name.as_str());
            raw_json::recall_columns(json, names, &mut raw);
        }
        raw.occurrence = occurrence;
        raw
    }
}
