//! The store: the one place where anything is written, and what the stages load from it.

use crate::ports::{Before, Holder, Inquiry, Turn};
use async_trait::async_trait;
use compact_str::CompactString;
use harmonia_core::access::{ApiKey, KeyHash};
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::card::CardToken;
pub use harmonia_core::changes::FileArrival;
use harmonia_core::changes::{
    CardInScheme, Changes, FileEnd, Lane, Lanes, Placed, Queue, Span, Work,
};
use harmonia_core::export::ExportTransaction;
use harmonia_core::identify::{CardLink, MidDirectory};
use harmonia_core::ids::MidSetId;
use harmonia_core::ids::OutboxId;
use harmonia_core::ids::{
    ExportId, FileId, JobId, MatchGroup, PaymentId, RejectId, SaleId, SchemeId, Slug,
};
use harmonia_core::matching::{OpenReason, Payment, Reach, Sale};
use harmonia_core::money::{Currency, Money};
use harmonia_core::problem::Reject;
use harmonia_core::purchase;
use harmonia_core::push::{Receipt, RequestKey};
use harmonia_core::retention::{PurgeCursor, Purged};
use harmonia_core::state::{ExportState, RejectState};
use harmonia_core::sweep::SweepScope;
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::{AnswerRecord, FeedType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A leased job: proof that the commit is made by the one who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The job, and the token of this lease of it. A later lease has a later token.
    Job {
        /// The job.
        job: JobId,
        /// The token.
        token: i64,
    },
    /// The leader's: whoever watches the schedules. A later leader has a later token.
    Leader {
        /// The token.
        token: i64,
    },
    /// A person at the command line: no job, no fence; unique keys guard what they write.
    Operator,
}

/// A job that was claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The right to commit for it.
    pub lease: Lease,
    /// Its queue.
    pub queue: Queue,
    /// Its lane, where it has one.
    pub lane: Option<Lane>,
    /// What it is about.
    pub work: Work,
    /// How many times it was claimed before.
    pub tries: u32,
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// What became of the records of an import.
    pub imported: ImportOutcome,
    /// How many identifiers or cards were new or changed.
    pub onboarded: u64,
    /// What each sender is told of what was pushed, in the order of the requests.
    pub receipts: Vec<Receipt>,
    /// The match group of what was added.
    pub match_group: Option<MatchGroup>,
    /// How much was purged.
    pub purged: Purged,
    /// Where purging goes on; `None` when it is at its end.
    pub purge_from: Option<PurgeCursor>,
}

/// What became of the records of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ImportOutcome {
    /// Records read.
    pub read: u64,
    /// Taken.
    pub new: u64,
    /// Known already.
    pub duplicate: u64,
    /// Left out by the feed's own rules.
    pub skipped: u64,
    /// Kept as rejects.
    pub rejected: u64,
    /// Kept until a MID or location is onboarded.
    pub quarantined: u64,
}

impl ImportOutcome {
    /// Adds another stretch's outcome.
    pub fn add(&mut self, other: Self) {
        self.read += other.read;
        self.new += other.new;
        self.duplicate += other.duplicate;
        self.skipped += other.skipped;
        self.rejected += other.rejected;
        self.quarantined += other.quarantined;
    }
}

impl From<&Receipt> for ImportOutcome {
    fn from(receipt: &Receipt) -> Self {
        Self {
            read: receipt.read,
            new: receipt.new,
            duplicate: receipt.duplicate,
            skipped: receipt.skipped,
            rejected: receipt.rejected,
            quarantined: receipt.quarantined,
        }
    }
}

/// Why a commit was not made. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The lease was lost: another has the job now.
    #[error("the lease of this job has passed to another worker")]
    StaleLease,
    /// A payment or sale was matched by somebody else meanwhile: decide again.
    #[error("a payment or sale of this batch was matched by another meanwhile")]
    Conflict,
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommitError {
    /// Why a commit is not made whose turn does not come.
    pub fn not_before() -> Self {
        let why = "the batch before this one could not be stored: both are to be read again";
        StoreError::Busy(why.to_owned()).into()
    }
}

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It may be able to later: locked, full, restarting.
    #[error("{0}")]
    Busy(String),
    /// It will not be able to without a change: damaged, newer, unwritable.
    #[error("{0}")]
    Broken(String),
}

/// The answer to a file that wants to be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileClaim {
    /// Go on, from the record after `records_read`.
    Yours {
        /// Its log row.
        file: FileId,
        /// The right to commit for it.
        lease: Lease,
        /// How many of its records are in already.
        records_read: u64,
    },
    /// Another process is importing this very file.
    Busy {
        /// Who.
        holder: String,
    },
}

/// A question for candidate sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Sales with this list of MIDs,
    pub mid_set: MidSetId,
    /// of this amount,
    pub amount: Money,
    /// stored within this range of time.
    pub reach: Reach,
}

/// A question for open sales of amounts and times that lie between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountProbe {
    /// Sales with this list of MIDs,
    pub mid_set: MidSetId,
    /// of this currency,
    pub currency: Currency,
    /// of these minor units, the least and the most inclusive,
    pub minor: (i64, i64),
    /// stored within this range of time.
    pub reach: Reach,
}

/// A payment that has no match, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct UndecidedPayment {
    /// What deciding needs. Its user's card is filled in once it is identified.
    pub payment: Payment,
    /// Whose card, as the network names it.
    pub card_token: CardToken,
    /// Whose card it was, if that is known already.
    pub identity: Option<CardLink>,
    /// Why it is open, if it had its turn already.
    pub open: Option<OpenReason>,
    /// What its feed brings.
    pub feed_type: FeedType,
    /// The AUTHs and SETTLEDs of its purchase, itself among them, in the order they came; none where
    /// it has no settlement key, or is a refund.
    pub parts: Vec<purchase::Part>,
    /// The sales that people have parted from it, or from another payment of its purchase.
    pub barred: Vec<SaleId>,
}

impl UndecidedPayment {
    /// The payment as deciding sees it: with what its authorisation knew and it does not.
    pub fn as_decided(mut self) -> Payment {
        if self.feed_type == FeedType::Settled
            && let Some(auth) = self
                .parts
                .iter()
                .find(|part| part.feed_type == FeedType::Auth)
        {
            purchase::inherit(&mut self.payment, auth);
        }
        self.payment
    }

    /// Its row and what its lane depends on.
    pub fn placed(&self) -> Placed {
        Placed {
            id: self.payment.id.0,
            scheme: self.payment.scheme,
            amount: self.payment.amount,
        }
    }
}

/// What a job's payments are decided on, as it was at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Undecided {
    /// The payments that have no match, in the order they came.
    pub payments: Vec<UndecidedPayment>,
    /// The newest row there was.
    pub seen: i64,
}

impl AsRef<Payment> for UndecidedPayment {
    fn as_ref(&self) -> &Payment {
        &self.payment
    }
}

/// A record that was not taken, and all that reading it again needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRecord {
    /// Its row.
    pub id: RejectId,
    /// The feed that brought it.
    pub feed_name: Slug,
    /// Whether it came in Harmonia's own format.
    pub canonical: bool,
    /// Its line or record number where it came.
    pub number: u64,
    /// How many times a record without an id of its own had come by then.
    pub occurrence: u32,
    /// The record as a JSON object, as it came or was corrected last.
    pub data: Box<str>,
    /// Where it stands.
    pub state: RejectState,
}

/// What makes a transaction of a feed the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordKey {
    /// The UTC day it was on.
    pub day: Day,
    /// The provider's own id of it.
    pub transaction_id: CompactString,
}

/// What was answered to a request that was pushed before under the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredBefore {
    /// The SHA-256 of what was sent then.
    pub body: [u8; 32],
    /// What its sender was told.
    pub receipt: Receipt,
}

/// What an answer is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// An export.
    To {
        /// Which.
        export: ExportId,
        /// Whether it had this answer before.
        is_known: bool,
    },
    /// None, and why it is rejected.
    ToNone(Reject),
}

/// An export that was tried before, or that somebody keeps back or releases. Its request is not shown where
/// it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SentBefore {
    /// Which.
    pub export: ExportId,
    /// Where it stands.
    pub state: ExportState,
    /// How often it was tried.
    pub tries: i64,
    /// When its first request may have left.
    pub first_sent_at: Option<Instant>,
    /// When it is to be sent again.
    pub due_at: Option<Instant>,
    /// The frozen request, as it was given to be sent, if one ever was.
    pub request: Option<String>,
}

impl std::fmt::Debug for SentBefore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SentBefore")
            .field("export", &self.export)
            .field("state", &self.state)
            .field("tries", &self.tries)
            .field("first_sent_at", &self.first_sent_at)
            .field("due_at", &self.due_at)
            .field("is_frozen", &self.request.is_some())
            .finish_non_exhaustive()
    }
}

/// An export that is to be told over HTTP, or may have been.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsettled {
    /// Which.
    pub export: ExportId,
    /// When it was made.
    pub made_at: Instant,
    /// What it tells.
    pub transaction: ExportTransaction,
}

impl From<Unsettled> for (ExportId, ExportTransaction) {
    fn from(one: Unsettled) -> Self {
        (one.export, one.transaction)
    }
}

/// Everything that is durable.
#[async_trait]
pub trait Store: Inquiry + Send + Sync + 'static {
    /// Makes known the schemes and providers that agent files name. Returns the schemes' ids in
    /// the order given.
    async fn register(
        &self,
        schemes: &[(Slug, String)],
        providers: &[(Slug, String)],
    ) -> Result<Vec<SchemeId>, StoreError>;

    /// Agrees on the number of lanes of matching with every process of this store. It may change
    /// only while nothing waits to be matched: what waits lies in the lanes there were.
    async fn agree_on_lanes(&self, lanes: Lanes) -> Result<(), StoreError>;

    /// Applies changes in one transaction, fenced by the lease.
    async fn commit(&self, lease: Lease, changes: Changes) -> Result<Committed, CommitError>;

    /// As [`Store::commit`], after the commit whose turn is before this one, and not unless that was made.
    /// A store that can write two at a time begins at once: what the two have in common, the turn says.
    async fn commit_in_turn(
        &self,
        lease: Lease,
        changes: Changes,
        turn: Turn,
    ) -> Result<Committed, CommitError> {
        if turn.to_commit().await == Before::Undone {
            return Err(CommitError::not_before());
        }
        let committed = self.commit(lease, changes).await?;
        turn.made(Before::MadeAnew);
        Ok(committed)
    }

    /// Leases the first job of these queues that is due. Jobs of one lane come in the order they
    /// were added and are never leased to two holders at once.
    async fn claim(
        &self,
        queues: &[Queue],
        holder: &Holder,
        now: Instant,
    ) -> Result<Option<Job>, StoreError> {
        self.claim_beside(&[], queues, holder, now).await
    }

    /// As [`Store::claim`], passing over the lanes that the holder has in hand already.
    async fn claim_beside(
        &self,
        in_hand: &[Lane],
        queues: &[Queue],
        holder: &Holder,
        now: Instant,
    ) -> Result<Option<Job>, StoreError>;

    /// Makes a holder the leader of all schedulers, or keeps it so, until a time; `None` while another
    /// is. A database with a clock of its own judges by that how long this is.
    async fn lead(
        &self,
        holder: &Holder,
        now: Instant,
        until: Instant,
    ) -> Result<Option<Lease>, StoreError>;

    /// When each schedule ticked last.
    async fn ticked(&self) -> Result<BTreeMap<String, Instant>, StoreError>;

    /// Notes that a part of Harmonia worked at a time. Of a part, the latest counts.
    async fn check_in(&self, part: &str, at: Instant) -> Result<(), StoreError>;

    /// When each part of Harmonia worked last.
    async fn check_ins(&self) -> Result<BTreeMap<String, Instant>, StoreError>;

    /// When the next job of these queues is due: past or future, leased or not.
    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Instant>, StoreError>;

    /// Leases a file for import: from its beginning, or from where an interrupted import stopped.
    async fn claim_file(
        &self,
        arrival: &FileArrival,
        holder: &Holder,
        now: Instant,
    ) -> Result<FileClaim, StoreError>;

    /// The log row of a feed's messages from one source on the UTC day of `now`, made where there is
    /// none. It is finished at any time, and each batch adds to it; an arrival's size and hash are of
    /// no account.
    async fn message_log(&self, arrival: &FileArrival, now: Instant) -> Result<FileId, StoreError>;

    /// The identifiers, to be looked up by date.
    async fn mid_directory(&self) -> Result<Arc<MidDirectory>, StoreError>;

    /// The payments of a span that have no match, with all that deciding them needs but their
    /// cards and candidates.
    async fn undecided(&self, span: &Span) -> Result<Undecided, StoreError>;

    /// All that is known of whose card each payment was, in the order asked.
    async fn identities(&self, payments: &[PaymentId])
    -> Result<Vec<Option<CardLink>>, StoreError>;

    /// What the built-in card-link table knows of each card, in the order asked.
    async fn card_links(&self, cards: &[CardInScheme])
    -> Result<Vec<Option<CardLink>>, StoreError>;

    /// The open sales that any probe asks for, each once.
    async fn candidates(&self, probes: &[Probe]) -> Result<Vec<Sale>, StoreError>;

    /// The open sales that any probe asks for, each once.
    async fn sales_between(&self, probes: &[AmountProbe]) -> Result<Vec<Sale>, StoreError>;

    /// The newest payments of a scheme that found no sale, at most `limit`, in the order they came.
    async fn newest_without_sale(
        &self,
        scheme: SchemeId,
        limit: usize,
    ) -> Result<Vec<PaymentId>, StoreError>;

    /// Whether a job of these queues waits for its turn or is being worked on.
    async fn is_busy(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError>;

    /// Whether a job of these queues is being worked on.
    async fn is_in_hand(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError>;

    /// How many jobs of these queues wait for their turn or are being worked on; `most` where they are
    /// that many or more.
    async fn waiting(&self, queues: &[Queue], now: Instant, most: u32) -> Result<u64, StoreError>;

    /// The matched sales that any probe asks for, each once, with the payment that has it.
    async fn taken(&self, probes: &[Probe]) -> Result<Vec<(Sale, PaymentId)>, StoreError>;

    /// The sales of a span that are open, each with its scheme: those for which an open payment may
    /// have waited. None where no payment is open at all, however many sales there are.
    async fn open_sales(&self, span: &Span) -> Result<Vec<(SchemeId, Sale)>, StoreError>;

    /// The open payments for which one of these sales may change something: same scheme, one of its
    /// MIDs, same amount, within the reach given with it; those that found none, and those that
    /// found too many before it was there. Sorted, each once.
    async fn reopened(
        &self,
        sales: &[(SchemeId, Sale, Reach)],
    ) -> Result<Vec<PaymentId>, StoreError>;

    /// The first payments after `after` that wait for their card, at most `limit`, in order.
    async fn unidentified(&self, after: PaymentId, limit: usize)
    -> Result<Vec<Placed>, StoreError>;

    /// What is known of each transaction of a provider's or scheme's feed type, in the order asked:
    /// when it was, and how much.
    async fn known(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        keys: &[RecordKey],
    ) -> Result<Vec<Option<(Instant, Money)>>, StoreError>;

    /// The first quarantined records after `after`, at most `limit`, in order.
    async fn quarantined(
        &self,
        after: RejectId,
        limit: usize,
    ) -> Result<Vec<KeptRecord>, StoreError>;

    /// The kept record of a row, if there is such a row.
    async fn kept_record(&self, id: RejectId) -> Result<Option<KeptRecord>, StoreError>;

    /// The undelivered exports of a span that are one scheme's, in order.
    async fn undelivered(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<(ExportId, ExportTransaction)>, StoreError>;

    /// The same, and those that are in flight or uncertain: what an agent tells over HTTP.
    async fn unsettled(&self, scheme: SchemeId, span: &Span) -> Result<Vec<Unsettled>, StoreError>;

    /// One scheme's exports of a span that were tried before, or kept back, and are not settled, in order.
    async fn sent_before(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<SentBefore>, StoreError>;

    /// What was answered to each of these requests of a feed, if they came before.
    async fn answered_before(
        &self,
        feed: &Slug,
        keys: &[RequestKey],
    ) -> Result<Vec<Option<AnsweredBefore>>, StoreError>;

    /// The key of the API with this hash, in force or not.
    async fn find_key(&self, hash: KeyHash) -> Result<Option<ApiKey>, StoreError>;
    /// The exports that wait to be delivered to an agent's merchant, as the jobs of its lane name them,
    /// whoever holds those: spans in the order of their jobs.
    async fn waiting_exports(&self, scheme: SchemeId) -> Result<Vec<Span>, StoreError>;

    /// The payments that a run of a sweep gives up, in the order they came.
    async fn to_sweep(&self, scope: &SweepScope) -> Result<Vec<PaymentId>, StoreError>;

    /// To which export of an agent each answer is, in the order asked.
    async fn answered(
        &self,
        scheme: SchemeId,
        answers: &[AnswerRecord],
    ) -> Result<Vec<Answered>, StoreError>;

    /// The first of what waits to be announced, in the order it was written.
    async fn announcements(
        &self,
        most: usize,
    ) -> Result<Vec<(OutboxId, Topic, Announcement)>, StoreError>;

    /// How far an export file is written, if it was begun.
    async fn export_file(&self, name: &str) -> Result<Option<FileEnd>, StoreError>;

    /// Every configuration key that is set, whole, with its value as it was set.
    async fn config(&self) -> Result<BTreeMap<String, String>, StoreError>;

    /// The first day of which nothing is purged, if anything ever was to be.
    async fn kept_from(&self) -> Result<Option<Day>, StoreError>;
}
