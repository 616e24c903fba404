//! What is stored: one map for each kind of row.

use super::schedule::Leader;
use compact_str::CompactString;
use harmonia_core::access::{ApiKey, KeyHash};
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::card::CardToken;
use harmonia_core::changes::{
    Attempt, Lane, MidChange, Part, Proposal, Queue, Redress, Span, Work,
};
use harmonia_core::identify::CardLink;
use harmonia_core::ids::OutboxId;
use harmonia_core::ids::{
    ApiKeyId, ExportId, FileId, JobId, MatchGroup, MatchId, MidId, MidSetId, PaymentId, RawId,
    SaleId, SchemeId, Slug,
};
use harmonia_core::matching::{Evidence, MatchKind, OpenReason};
use harmonia_core::problem::Reject;
use harmonia_core::purchase::EndKind;
use harmonia_core::state::{ExportState, FileState, RejectState};
use harmonia_core::term::Term;
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::{FeedType, PaymentRecord, SaleRecord};
use harmonia_journey::ports::{AnsweredBefore, FileArrival, Holder, ImportOutcome};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Everything there is.
#[derive(Clone, Default)]
pub struct World {
    pub schemes: BTreeMap<SchemeId, Slug>,
    pub mids: BTreeMap<MidId, MidRow>,
    pub mid_sets: BTreeMap<MidSetId, MidSetRow>,
    pub files: BTreeMap<FileId, FileLog>,
    pub raws: BTreeMap<RawId, Raw>,
    pub rejects: BTreeMap<i64, RejectedRecord>,
    pub keys: BTreeMap<TransactionKey, RawId>,
    pub payments: BTreeMap<PaymentId, PaymentRow>,
    pub sales: BTreeMap<SaleId, SaleRow>,
    pub cards: BTreeMap<i64, CardRow>,
    pub identities: BTreeMap<PaymentId, Identity>,
    /// What became of payments, in force or voided.
    pub matches: BTreeMap<MatchId, Match>,
    pub open: BTreeMap<PaymentId, OpenRow>,
    pub proposals: Vec<Proposed>,
    pub log: Vec<LogEntry>,
    pub exports: BTreeMap<ExportId, Export>,
    /// Where each export stands that was tried at all.
    pub deliveries: BTreeMap<ExportId, DeliveryRow>,
    pub attempts: BTreeMap<i64, AttemptRow>,
    /// How long each export file is, and since when.
    pub export_files: BTreeMap<String, (u64, Instant)>,
    pub keys_of_api: BTreeMap<ApiKeyId, (KeyHash, ApiKey)>,
    /// What was told to requests with a key, and when.
    pub told: BTreeMap<(Slug, [u8; 32]), (AnsweredBefore, Instant)>,
    /// What merchants answered, the newest last.
    pub answers: Vec<Answer>,
    pub jobs: BTreeMap<JobId, JobRow>,
    /// Into how many lanes matching is divided, if that was ever agreed on.
    pub lanes: Option<u16>,
    /// How many jobs there ever were: a number is never given to a second one.
    pub jobs_made: i64,
    /// Who watches the schedules, and when each ticked last.
    pub leader: Option<Leader>,
    pub ticked: BTreeMap<String, Instant>,
    /// When each part worked last.
    pub check_ins: BTreeMap<String, Instant>,
    /// What waits to be announced, and the last number that was given out.
    pub outbox: BTreeMap<OutboxId, (Topic, Announcement)>,
    pub last_outbox: i64,
    /// The configuration keys that are set.
    pub config: BTreeMap<String, String>,
    /// The first day of which nothing is purged.
    pub kept_from: Option<Day>,
    /// The last number that was given out of each kind whose row may be gone.
    pub last_raw: i64,
    pub last_match: i64,
    pub last_export: i64,
}

/// What records are unique within: one provider's or scheme's records of one type.
pub type FeedKey = (Slug, FeedType);

/// What makes a transaction the same transaction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionKey {
    pub feed: FeedKey,
    pub day: Day,
    pub transaction_id: CompactString,
}

/// A merchant identifier, in force or not.
#[derive(Clone)]
pub struct MidRow {
    pub told: MidChange,
    pub scheme: SchemeId,
    /// When it is in force; never, where the term is empty.
    pub term: Term,
}

/// One distinct list of MIDs that sales of a scheme carry.
#[derive(Clone)]
pub struct MidSetRow {
    pub scheme: SchemeId,
    pub mids: Vec<CompactString>,
    pub has_days: bool,
}

/// A file of the log.
#[derive(Clone)]
pub struct FileLog {
    pub arrival: FileArrival,
    pub state: FileState,
    pub refusal: Option<Box<str>>,
    pub counts: ImportOutcome,
    pub amount_minor: i64,
    /// Of its new records, how many are purged, and their sum.
    pub purged: u64,
    pub purged_amount_minor: i64,
    /// Whether it is a day's messages, of which each batch is whole by itself.
    pub is_of_messages: bool,
    pub created_at: Instant,
    pub finished_at: Option<Instant>,
}

/// A record as it came. The payment or sale read from it has the same number.
#[derive(Clone)]
pub struct Raw {
    pub file: FileId,
    pub number: u64,
    pub data: Box<str>,
    pub identified: bool,
}

/// A record that was not taken.
#[derive(Clone)]
pub struct RejectedRecord {
    pub file: FileId,
    pub number: u64,
    pub occurrence: u32,
    pub state: RejectState,
    pub reject: Reject,
    pub data: Box<str>,
    /// The raw row of one that is, or was, quarantined.
    pub raw: Option<RawId>,
    /// By what it is the same one again.
    pub fingerprint: [u8; 32],
    /// By what one that waits will be known.
    pub waits_for: Option<(Day, CompactString)>,
    pub created_at: Instant,
    pub replayed_at: Option<Instant>,
}

/// A payment.
#[derive(Clone)]
pub struct PaymentRow {
    pub feed: FeedKey,
    pub scheme: SchemeId,
    pub mid: MidId,
    pub record: PaymentRecord,
    pub match_group: MatchGroup,
    pub imported_at: Instant,
}

impl PaymentRow {
    /// The MID it was paid at: the best of its identifiers.
    pub fn carried_mid(&self) -> CompactString {
        let carried = self.record.identifiers.clone();
        let best = carried.primary.or(carried.secondary).or(carried.psimi);
        best.unwrap_or_default()
    }
}

/// A sale.
#[derive(Clone)]
pub struct SaleRow {
    pub feed: FeedKey,
    pub scheme: SchemeId,
    pub mid_set: MidSetId,
    pub record: SaleRecord,
    pub match_group: MatchGroup,
    pub imported_at: Instant,
}

/// A card linked in a scheme.
#[derive(Clone)]
pub struct CardRow {
    pub card_token: CardToken,
    pub scheme: SchemeId,
    pub link: CardLink,
}

/// Whose card a payment was, and since when that is known.
#[derive(Clone)]
pub struct Identity {
    pub link: CardLink,
    pub found_at: Instant,
}

/// What became of a payment: one purchase.
#[derive(Clone)]
pub struct Match {
    pub payment: PaymentId,
    pub sale: Option<SaleId>,
    /// The payment that counts instead.
    pub other: Option<PaymentId>,
    pub scheme: SchemeId,
    pub kind: Outcome,
    pub evidence: Option<Evidence>,
    pub difference: Option<i64>,
    pub part: Part,
    pub redress: Option<Redress>,
    pub voided: Option<(Instant, Redress)>,
    pub created_at: Instant,
}

/// Whether a payment was matched, or ended otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Matched(MatchKind),
    Ended(EndKind),
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched(kind) => kind.as_str(),
            Self::Ended(kind) => kind.as_str(),
        }
    }

    /// Whether the merchant is told of every one of it.
    pub fn is_told(self) -> bool {
        match self {
            Self::Matched(_) => true,
            Self::Ended(kind) => kind.is_exported(),
        }
    }
}

/// Why a payment is open.
#[derive(Clone, Copy)]
pub struct OpenRow {
    pub reason: OpenReason,
    pub sale: Option<SaleId>,
    pub seen: i64,
}

/// What one person asked for.
#[derive(Clone)]
pub struct Proposed {
    pub what: Proposal,
    pub redress: Redress,
    pub created_at: Instant,
}

/// What a person did, and the hash that chains it.
#[derive(Clone)]
pub struct LogEntry {
    pub at: Instant,
    pub operator: String,
    pub action: String,
    pub detail: String,
    pub hash: [u8; 32],
}

impl World {
    /// What became of a payment, if anything did.
    pub fn of_payment(&self, payment: PaymentId) -> Option<(MatchId, &Match)> {
        self.in_force()
            .find(|(_, made)| made.payment == payment && made.part.of_payment == 0)
    }

    /// What became of a sale, if anything did.
    pub fn of_sale(&self, sale: SaleId) -> Option<(MatchId, &Match)> {
        self.in_force()
            .find(|(_, made)| made.sale == Some(sale) && made.part.of_sale == 0)
    }

    /// Everything that is not voided.
    pub fn in_force(&self) -> impl Iterator<Item = (MatchId, &Match)> {
        let all = self.matches.iter().map(|(id, made)| (*id, made));
        all.filter(|(_, made)| made.voided.is_none())
    }
}

/// Something the merchant must be told.
#[derive(Clone)]
pub struct Export {
    pub scheme: SchemeId,
    pub match_id: MatchId,
    pub payment: PaymentId,
    pub export_uid: Uuid,
    /// Whether the merchant answers it.
    pub is_answered: bool,
    pub created_at: Instant,
}

/// What a merchant answered to an export.
#[derive(Clone)]
pub struct Answer {
    pub export: ExportId,
    pub result: CompactString,
    pub file: FileId,
    pub at: Instant,
}

/// Where an export stands: nothing of it was sent, unless said otherwise.
#[derive(Clone)]
pub struct DeliveryRow {
    pub state: ExportState,
    pub reason: Option<String>,
    pub tries: i64,
    /// The last attempt, if there was any.
    pub attempt: Option<i64>,
    pub due_at: Option<Instant>,
    pub first_sent_at: Option<Instant>,
    /// The frozen request of one that was sent and is not settled.
    pub request: Option<String>,
}

impl Default for DeliveryRow {
    fn default() -> Self {
        Self {
            state: ExportState::Pending,
            reason: None,
            tries: 0,
            attempt: None,
            due_at: None,
            first_sent_at: None,
            request: None,
        }
    }
}

/// An attempt to tell a merchant, and when it was made.
#[derive(Clone)]
pub struct AttemptRow {
    pub attempt: Attempt,
    pub made_at: Instant,
}

/// Work to do.
#[derive(Clone)]
pub struct JobRow {
    pub queue: Queue,
    pub lane: Option<Lane>,
    pub work: Work,
    pub ready_at: Instant,
    pub tries: u32,
    /// Counts up with each lease, and whenever one ends before its time.
    pub token: i64,
    pub lease: Option<(Holder, Instant)>,
}

impl JobRow {
    /// Until when it is somebody's.
    pub fn leased_until(&self) -> Option<Instant> {
        self.lease.as_ref().map(|(_, until)| *until)
    }

    /// From when on anybody may take it.
    pub fn due(&self) -> Instant {
        self.leased_until()
            .map_or(self.ready_at, |until| until.max(self.ready_at))
    }

    /// Whether another than `holder` holds it at a time.
    pub fn is_held_by_another(&self, holder: &Holder, now: Instant) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|(other, until)| other != holder && *until > now)
    }

    /// Ends the lease: whoever held it is refused from now on.
    pub fn end_lease(&mut self) {
        self.token += 1;
        self.lease = None;
    }
}

/// The number after the last of a map.
pub fn next_number<Id: Copy + Ord, T>(rows: &BTreeMap<Id, T>, number: impl Fn(Id) -> i64) -> i64 {
    rows.last_key_value().map_or(1, |(id, _)| number(*id) + 1)
}

/// Whether a row is one of a span's.
pub fn holds(span: &Span, id: i64) -> bool {
    match span {
        Span::Range(first, last) => (*first..=*last).contains(&id),
        Span::Ids(ids) => ids.contains(&id),
    }
}
