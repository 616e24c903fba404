//! What a step of the journey wants done, as a value.
//!
//! A stage reads, decides, and hands one [`Changes`] to the store's `commit`. Nothing else writes.
//! Almost everything here is a fact to be added; the few things that move are leased jobs,
//! deliveries and the reason for which a payment is open.

use crate::access::KeyChange;
use crate::announce::{Announcement, Topic};
use crate::card::CardToken;
use crate::config::ConfigChange;
use crate::identify::{CardLink, IdentifierType, LinkedCard};
use crate::ids::{
    ExportId, FileId, MatchId, MidId, OutboxId, PaymentId, RejectId, SaleId, SchemeId, Slug,
};
use crate::matching::{Evidence, MatchKind, OpenReason};
use crate::problem::Reject;
use crate::purchase::EndKind;
use crate::push::Pushed;
use crate::retention::Purge;
use crate::state::{ExportState, FileState};
use crate::time::{Day, Instant};
use crate::transaction::{AnswerRecord, FeedType, PaymentRecord, SaleRecord, Told};
pub use crate::work::{Lane, Lanes, NewJob, NewWork, Placed, Queue, Routes, Span, Work};
use compact_str::CompactString;
use uuid::Uuid;

/// Everything one commit does, all or nothing, stamped with one time.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The stamp of everything in this commit.
    pub at: Instant,
    /// Records read from a file.
    pub imported: Option<Imported>,
    /// Records that came as messages or were pushed: with them the commit makes their log row.
    pub pushed: Option<Pushed>,
    /// Records that were kept, rejected or quarantined, and are taken up again.
    pub replayed: Vec<Replayed>,
    /// Merchant identifiers put in force or out of it.
    pub mids: Vec<MidChange>,
    /// Rows for the built-in card-link table; a row for the same card and scheme is replaced.
    pub cards: Vec<LinkedCard>,
    /// Whose card each payment was.
    pub identities: Vec<NewIdentity>,
    /// Matches, each with its export.
    pub matches: Vec<NewMatch>,
    /// Payments that end without a match: another of their purchase counts, or they are sent on
    /// as they are.
    pub ends: Vec<NewEnd>,
    /// Payments that stay open, and why; the reason replaces an earlier one.
    pub open: Vec<StillOpen>,
    /// Matches that a person undoes, and what ended because of them. Both sides are free again.
    pub voids: Vec<Void>,
    /// What a person asked for and what another confirmed, about matches above the limit.
    pub proposals: Vec<ProposalChange>,
    /// What people did, for the chained log.
    pub audit: Vec<AuditEntry>,
    /// Exports that are about to be sent: each is in flight from this commit on, and its request frozen.
    pub sending: Vec<Sending>,
    /// What became of sending.
    pub attempts: Vec<Attempt>,
    /// What a person decides about exports. One that has left the state it is to be moved from is a
    /// conflict.
    pub handled: Vec<Handled>,
    /// What others are to be told, in the order given.
    pub announcements: Vec<(Topic, Announcement)>,
    /// What others were told: it leaves the outbox.
    pub announced: Vec<OutboxId>,
    /// Configuration keys that are set, or at their default again.
    pub config: Vec<ConfigChange>,
    /// What is imported or taken up here is rejected as too old when it is of an earlier day and not
    /// known; beside what the store itself knows to have been purged.
    pub kept_from: Option<Day>,
    /// From this commit on, what is of an earlier day may be purged, and is too old when it comes and
    /// is not known. It never moves back.
    pub purged_before: Option<Day>,
    /// A stretch of purging.
    pub purge: Option<Purge>,
    /// Keys of the API.
    pub keys: Vec<KeyChange>,
    /// Schedules that tick. Only the leader commits any; one that ticked then or later is a conflict.
    pub ticks: Vec<Tick>,
    /// Work for later steps.
    pub jobs: Vec<NewJob>,
    /// What becomes of the job under whose lease this is committed.
    pub job: JobEnd,
}

impl Changes {
    /// No changes, at a time; the leased job stays leased.
    pub fn none(at: Instant) -> Self {
        Self {
            at,
            imported: None,
            pushed: None,
            replayed: Vec::new(),
            mids: Vec::new(),
            cards: Vec::new(),
            identities: Vec::new(),
            matches: Vec::new(),
            ends: Vec::new(),
            open: Vec::new(),
            voids: Vec::new(),
            proposals: Vec::new(),
            audit: Vec::new(),
            sending: Vec::new(),
            attempts: Vec::new(),
            handled: Vec::new(),
            announcements: Vec::new(),
            announced: Vec::new(),
            config: Vec::new(),
            kept_from: None,
            purged_before: None,
            purge: None,
            keys: Vec::new(),
            ticks: Vec::new(),
            jobs: Vec::new(),
            job: JobEnd::Keep,
        }
    }

    /// No changes but that the leased job is done.
    pub fn done(at: Instant) -> Self {
        Self {
            job: JobEnd::Done,
            ..Self::none(at)
        }
    }
}

/// What becomes of the leased job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// There is more to do: the lease is prolonged until then.
    Keep,
    /// It is done and gone.
    Done,
    /// It is given back, to be taken up again at a time.
    Again {
        /// Not before then.
        ready_at: Instant,
    },
}

/// A file that was found and read once, for its size and hash; or a batch of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileArrival {
    /// The provider or scheme.
    pub provider: Slug,
    /// What the feed brings.
    pub feed_type: FeedType,
    /// The feed.
    pub feed_name: Slug,
    /// Whether it is in Harmonia's own format, which every feed takes beside its own.
    pub canonical: bool,
    /// Where it was found, for people.
    pub source: String,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// A stretch of a file's records.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The file's log row, or that of the feed's messages of the day.
    pub file: FileId,
    /// The provider or scheme whose feed it is.
    pub provider: Slug,
    /// Raw and typed, in the file's order.
    pub records: Vec<ImportedRecord>,
    /// How many records of the file have been read when this is committed, from its beginning:
    /// where a resumed import goes on. Of messages, how many there are in this batch.
    pub records_read: u64,
    /// Bytes that its log row does not know of yet: of messages, those of this batch.
    pub more_bytes: u64,
    /// How many of this stretch the feed's rules skip.
    pub skipped: u64,
    /// Where the file stands after this; a refusal says why.
    pub state: FileState,
    /// Why a refused file was refused.
    pub refusal: Option<Box<str>>,
}

/// One record of a file.
#[derive(Clone, Debug)]
pub struct ImportedRecord {
    /// Its line or record number in the file.
    pub number: u64,
    /// How many times a record without an id of its own has come in the file; 0 for others.
    pub occurrence: u32,
    /// The record as a JSON object, card numbers masked.
    pub raw: Box<str>,
    /// What it is.
    pub body: ImportedBody,
}

/// What a record is.
#[derive(Clone, Debug)]
pub enum ImportedBody {
    /// A payment whose MID is known.
    Payment {
        /// The scheme its MID belongs to.
        scheme: SchemeId,
        /// The identifier that told.
        mid: MidId,
        /// What the feed says.
        record: Box<PaymentRecord>,
    },
    /// A sale.
    Sale {
        /// The scheme that made it.
        scheme: SchemeId,
        /// The MIDs it may have been paid at, sorted.
        mids: Vec<CompactString>,
        /// What the feed says.
        record: Box<SaleRecord>,
    },
    /// What a merchant answered to an export of this agent's. An answer to none is rejected, one that
    /// the export had before is a duplicate.
    Answer {
        /// Whose exports they are.
        scheme: SchemeId,
        /// What the feed says.
        record: Box<AnswerRecord>,
        /// By what it is the same one again if there is no such export: as of what is refused.
        fingerprint: [u8; 32],
    },
    /// Not taken, or quarantined: kept with its reason.
    Refused {
        /// Why.
        reject: Reject,
        /// SHA-256 of the raw record and of how many times it has come in this file: so that a
        /// file that comes again adds nothing.
        fingerprint: [u8; 32],
        /// By what it would be known, where it was sound but for its MID or location: what is in
        /// already is a duplicate, whatever became of its MID since.
        told: Option<Box<Told>>,
    },
}

/// A kept record that is taken up again: its MID was onboarded, or it was corrected.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The record as it was kept.
    pub reject: RejectId,
    /// What it is now, as a JSON object, card numbers masked.
    pub raw: Box<str>,
    /// What that is. One that is refused again stays kept, with its new reason.
    pub body: ImportedBody,
}

/// A merchant identifier put in force, or out of it.
#[derive(Clone, Debug, PartialEq)]
pub struct MidChange {
    /// The network whose payments carry it.
    pub provider: Slug,
    /// What kind of identifier it is.
    pub identifier_type: IdentifierType,
    /// The identifier.
    pub identifier: CompactString,
    /// The scheme it belongs to.
    pub scheme_slug: Slug,
    /// That scheme's name, where the row gives one.
    pub scheme_name: Option<CompactString>,
    /// The merchant's name for the place.
    pub location_id: Option<CompactString>,
    /// The merchant's own internal id.
    pub merchant_internal_id: Option<CompactString>,
    /// The place's name.
    pub location: Option<CompactString>,
    /// The place's postcode.
    pub postcode: Option<CompactString>,
    /// In force, or no longer.
    pub action: MidAction,
    /// From when on that is so. Without: what is added is in force since ever, or since it last ended;
    /// what is deleted is out of force from the commit on.
    pub from: Option<Instant>,
    /// Until when what is added is in force; without, there is no end.
    pub until: Option<Instant>,
}

/// What happens to a merchant identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MidAction {
    /// It is in force.
    Add,
    /// It is no longer in force. Its row stays, for the payments of its time.
    Delete,
}

/// Whose card a payment was.
#[derive(Clone, Debug, PartialEq)]
pub struct NewIdentity {
    /// The payment.
    pub payment: PaymentId,
    /// Whose it was.
    pub link: CardLink,
}

/// A match and the export that comes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMatch {
    /// The payment.
    pub payment: PaymentId,
    /// The sale; a spotted payment has none.
    pub sale: Option<SaleId>,
    /// The scheme of both.
    pub scheme: SchemeId,
    /// How it came about.
    pub kind: MatchKind,
    /// What decided it.
    pub evidence: Evidence,
    /// The export's idempotency key, which never changes.
    pub export_uid: Uuid,
    /// Whether the payment had a reason to be open, which is now gone.
    pub was_open: bool,
    /// Which part of a sale that several payments pay, or of a payment for several sales, this is.
    pub part: Part,
    /// Who made it and why, where a person did.
    pub redress: Option<Redress>,
}

/// Which part of a whole a match is. The first parts are numbered 0, and the unique keys are over
/// side and part: so a sale that is paid in parts is as taken as one that is paid at once, and the
/// merchant is told with the part 0 of each sale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Which of the payments for one sale.
    pub of_sale: u16,
    /// Which of the sales in one payment.
    pub of_payment: u16,
}

/// A person who makes or undoes a match, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redress {
    /// Who.
    pub operator: Box<str>,
    /// Why.
    pub reason: Box<str>,
}

/// A payment that ends without a match.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEnd {
    /// The payment.
    pub payment: PaymentId,
    /// Its scheme.
    pub scheme: SchemeId,
    /// How it ends.
    pub kind: EndKind,
    /// The payment that counts instead, where one does.
    pub other: Option<PaymentId>,
    /// For a settlement: its amount less the authorised one, in minor units.
    pub difference_minor: Option<i64>,
    /// The idempotency key of its export, where the merchant is told.
    pub export_uid: Option<Uuid>,
    /// Whose export tells of it, where that is not its scheme's own. The merchant answers such a one.
    pub export_as: Option<SchemeId>,
    /// Whether the payment had a reason to be open, which is now gone.
    pub was_open: bool,
}

/// A payment that stays open.
#[derive(Clone, Debug, PartialEq)]
pub struct StillOpen {
    /// The payment.
    pub payment: PaymentId,
    /// Why.
    pub reason: OpenReason,
    /// The sale it is about, where it is about one: that which is contested.
    pub sale: Option<SaleId>,
    /// The newest row that was known when this was decided: what came later may change it.
    pub seen: i64,
}

/// A match that a person undoes, or an end that no longer holds with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Void {
    /// Its row.
    pub id: MatchId,
    /// Who and why.
    pub redress: Redress,
}

/// What becomes of something one person asked for and another must confirm.
#[derive(Clone, Debug, PartialEq)]
pub enum ProposalChange {
    /// Asked for.
    Made {
        /// What.
        proposal: Proposal,
        /// Who asks, and why.
        redress: Redress,
    },
    /// Confirmed, or no longer wanted.
    Closed(Proposal),
}

/// What a person may ask for that another has to confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proposal {
    /// To make a match, or to undo it.
    pub action: RedressAction,
    /// The payment.
    pub payment: PaymentId,
    /// The sale; a spotted match has none.
    pub sale: Option<SaleId>,
}

/// What people do to matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedressAction {
    /// Make one.
    Force,
    /// Undo one.
    Undo,
}

impl RedressAction {
    /// The name in the log of what people did.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Force => "match.force",
            Self::Undo => "match.undo",
        }
    }
}

/// Something a person did.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Who.
    pub operator: Box<str>,
    /// What: `match.force`, `config.set`, `mids.import`, …
    pub action: &'static str,
    /// To what and why, as a JSON object.
    pub detail: serde_json::Value,
}

impl AuditEntry {
    /// The detail as it is stored: with what only the commit found out, which is how many merchant
    /// identifiers it `changed`, where it put some in force or out of it.
    pub fn stored_detail(&self, changed: Option<u64>) -> String {
        match (changed, self.detail.as_object()) {
            (Some(changed), Some(object)) => {
                let mut object = object.clone();
                object.insert("changed".to_owned(), changed.into());
                serde_json::Value::Object(object).to_string()
            }
            _ => self.detail.to_string(),
        }
    }
}

/// One try to tell a merchant about some exports: one request, or one stretch of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The scheme whose exports they are.
    pub scheme: SchemeId,
    /// Where it went: a URL or a file.
    pub destination: String,
    /// The body as it was sent; of a file, where in it and how much.
    pub body: String,
    /// What came back, or was done.
    pub response: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long it took.
    pub duration_us: i64,
    /// What became of each export.
    pub deliveries: Vec<Delivery>,
    /// For a file: its name and its length once these exports are in it.
    pub file: Option<FileEnd>,
}

/// How far an export file is written, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEnd {
    /// The file, relative to the export folder.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
}

/// What became of one export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The export.
    pub export: ExportId,
    /// Its state from now on.
    pub state: ExportState,
    /// Why, where the state needs a reason.
    pub reason: Option<String>,
    /// When it is sent again by itself: of one that is retried, or uncertain within the merchant's window.
    pub due_at: Option<Instant>,
}

/// An export that is about to be sent. The first request of an export is the one that counts: a later one
/// is of no account, so that its key and its bytes never change. It is not shown where it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Sending {
    /// The export.
    pub export: ExportId,
    /// The request as it will be sent, without secrets.
    pub request: String,
}

impl std::fmt::Debug for Sending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sending")
            .field("export", &self.export)
            .finish_non_exhaustive()
    }
}

/// What a person decides about an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The export.
    pub export: ExportId,
    /// The state it was seen in.
    pub from: ExportState,
    /// Its state from now on.
    pub to: ExportState,
    /// Why, with who decided it.
    pub reason: String,
    /// The lane that nobody may be working on meanwhile: of an export that leaves by a file, which
    /// could be in the file before this commit is made.
    pub unless_held: Option<Lane>,
}

/// A schedule that ticks: what it asks for is in the same commit, and so is done once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Which.
    pub schedule: String,
    /// When it was to tick, which is not when that was noticed.
    pub at: Instant,
}

/// A card that should be asked about, in a scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CardInScheme {
    /// The scheme.
    pub scheme: SchemeId,
    /// The card.
    pub card_token: CardToken,
}
