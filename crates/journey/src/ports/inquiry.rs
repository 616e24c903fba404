//! What people ask of the store: status, lists, the story of one transaction, the audit.

use super::StoreError;
use async_trait::async_trait;
use compact_str::CompactString;
use harmonia_core::access::ApiKey;
use harmonia_core::card::{CardDigits, CardToken};
use harmonia_core::changes::FileEnd;
use harmonia_core::identify::LinkedCard;
use harmonia_core::ids::{MatchId, PaymentId, RejectId, SaleId, SchemeId, Slug};
use harmonia_core::matching::backtest::{PastPayment, PastSale};
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{OpenReason, Payment, Sale};
use harmonia_core::money::Money;
use harmonia_core::retention::Purged;
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant, Moment};
use harmonia_core::transaction::FeedType;
use serde::Serialize;
use tokio::sync::mpsc;

/// Rows in a page of the past.
pub const HISTORY_PAGE: usize = 10_000;

/// Which kind of transaction is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// A card payment.
    Payment,
    /// A merchant's sale.
    Sale,
}

/// How many transactions stand where, in one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many.
    pub count: u64,
    /// Their amounts added up, in minor units, each currency by itself.
    pub amount_minor: Vec<(String, i64)>,
}

/// Open payments of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenCount {
    /// The reason, or `WAITING` for those whose turn has not come.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// What has arrived of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Arrivals {
    /// When the last file or batch was imported.
    pub last: Option<Instant>,
    /// How many records came on each UTC day since the one asked for, by days since 1970.
    pub records: Vec<(i64, u64)>,
    /// Where the newest of them came from.
    pub sources: Vec<String>,
}

/// Where everything stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Payments accepted.
    pub payments: Counts,
    /// Sales accepted.
    pub sales: Counts,
    /// Payments identified.
    pub identified: u64,
    /// Matches in force.
    pub matched: Counts,
    /// Payments that ended without a match, by how.
    pub ended: Vec<(String, u64)>,
    /// Open payments, by reason.
    pub open_payments: Vec<OpenCount>,
    /// Sales without a payment.
    pub open_sales: u64,
    /// Exports by state.
    pub exports: Vec<(String, u64)>,
    /// Rejected and quarantined records by reason.
    pub rejects: Vec<(String, u64)>,
    /// Jobs by queue: due now, scheduled for later, being worked on.
    pub jobs: Vec<(String, u64, u64, u64)>,
    /// Files by state.
    pub files: Vec<(String, u64)>,
    /// Onboarded identifiers.
    pub mids: u64,
    /// Linked cards.
    pub cards: u64,
}

/// What stands where, as metrics tell it: counted without a look at every transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gauges {
    /// Payments that had their turn and are open, by reason.
    pub open_payments: Vec<(String, u64)>,
    /// Exports by state: first those that are pending, even when there are none.
    pub exports: Vec<(String, u64)>,
    /// Records that were not taken, by state.
    pub rejects: Vec<(String, u64)>,
    /// Jobs by queue: due now, scheduled for later, being worked on.
    pub jobs: Vec<(String, u64, u64, u64)>,
    /// Since when the job has been due that has waited longest, by queue.
    pub oldest_due: Vec<(String, Instant)>,
    /// Records by feed: new, duplicate, skipped, rejected, quarantined.
    pub feeds: Vec<(String, [u64; 5])>,
}

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// Its number.
    pub id: i64,
    /// The feed.
    pub feed: String,
    /// Where it was found.
    pub source: String,
    /// Its length in bytes.
    pub size_bytes: i64,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Where it stands.
    pub state: String,
    /// Why it was refused.
    pub refusal: Option<String>,
    /// Records read, new, duplicate, skipped, rejected, quarantined.
    pub records: [i64; 6],
    /// When its import began.
    pub created_at: Instant,
}

/// A payment or a sale as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransactionRow {
    /// Its row.
    pub id: i64,
    /// What it is.
    pub side: Side,
    /// The provider's own id.
    pub transaction_id: String,
    /// Its network, or its scheme.
    pub provider_slug: String,
    /// The scheme.
    pub scheme_slug: String,
    /// The feed type.
    pub feed_type: String,
    /// When.
    pub transaction_date: Instant,
    /// How exactly that is known: `microsecond`, `second`, `minute`, `day`.
    pub precision: String,
    /// Minor units.
    pub spend_amount: i64,
    /// The currency.
    pub spend_currency: String,
    /// Its MIDs.
    pub mids: Vec<String>,
    /// The card network a sale names.
    pub payment_provider_slug: Option<String>,
    /// The auth code.
    pub auth_code: Option<String>,
    /// The card's digits.
    #[serde(flatten)]
    pub digits: CardDigits,
    /// `PENDING`, `MATCHED`, or how it ended.
    pub status: String,
    /// Why it is open.
    pub pending_reason: Option<String>,
    /// The sale it contests, where it does.
    pub contested_scheme_transaction_id: Option<i64>,
    /// Its match group.
    pub match_group: i64,
    /// When it was imported.
    pub created_at: Instant,
}

/// A match as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatchRow {
    /// Its row.
    pub id: i64,
    /// The payment's row.
    pub payment_transaction_id: i64,
    /// The sale's row.
    pub scheme_transaction_id: Option<i64>,
    /// The payment's own id.
    pub payment: String,
    /// The sale's own id.
    pub sale: Option<String>,
    /// The scheme.
    pub scheme_slug: String,
    /// The network.
    pub payment_provider_slug: String,
    /// How it came about.
    pub matching_type: String,
    /// Minor units.
    pub spend_amount: i64,
    /// The currency.
    pub spend_currency: String,
    /// When the sale was.
    pub transaction_date: Instant,
    /// What decided it, as JSON.
    pub evidence: String,
    /// `MATCHED` or `VOIDED`.
    pub status: String,
    /// When it was matched.
    pub created_at: Instant,
    /// Who made it, where a person did.
    pub operator: Option<String>,
    /// Why that person did.
    pub reason: Option<String>,
    /// When it was undone.
    pub voided_at: Option<Instant>,
    /// Who undid it.
    pub voided_by: Option<String>,
    /// Why.
    pub void_reason: Option<String>,
}

/// How a payment ended without a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndRow {
    /// Its row among the matches.
    pub id: i64,
    /// How: `SUPERSEDED`, `SETTLEMENT`, `DUPLICATE`, `STREAMED`, `UNMATCHED`.
    pub kind: String,
    /// The row of the payment that counts instead.
    pub other_payment_transaction_id: Option<i64>,
    /// That payment's own id.
    pub other: Option<String>,
    /// Its feed type.
    pub other_feed_type: Option<String>,
    /// For a settlement: its amount less that of the authorisation, in minor units.
    pub difference_minor: Option<i64>,
    /// When.
    pub created_at: Instant,
}

/// Something one person asked for and another has to confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProposalRow {
    /// What: `match.force` or `match.undo`.
    pub action: String,
    /// The payment's row.
    pub payment_transaction_id: i64,
    /// The sale's row; a spotted match has none.
    pub scheme_transaction_id: Option<i64>,
    /// Who asked.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Instant,
}

/// An entry of the chained log of what people did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogRow {
    /// Its row.
    pub id: i64,
    /// When.
    pub at: Instant,
    /// Who.
    pub operator: String,
    /// What.
    pub action: String,
    /// To what and why, as JSON.
    pub detail: String,
}

/// A bad record as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectRow {
    /// Its row.
    pub id: i64,
    /// The feed.
    pub feed: String,
    /// The file.
    pub source: String,
    /// Its line or record number there.
    pub number: i64,
    /// `REJECTED`, `QUARANTINED` or `REPLAYED`.
    pub state: String,
    /// The reason's name.
    pub reason: String,
    /// The field to blame.
    pub field: Option<String>,
    /// What was found, and what would be right.
    pub detail: String,
    /// The record.
    pub data: String,
    /// When.
    pub created_at: Instant,
}

/// An export as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportRow {
    /// Its row.
    pub id: i64,
    /// The scheme that is told.
    pub provider_slug: String,
    /// The transaction it tells of.
    pub transaction_id: String,
    /// The member.
    pub loyalty_id: Option<String>,
    /// Minor units.
    pub spend_amount: i64,
    /// The currency.
    pub spend_currency: String,
    /// The idempotency key.
    pub export_uid: String,
    /// Where it stands.
    pub status: String,
    /// Why it stands there.
    pub status_reason: Option<String>,
    /// How often it was tried.
    pub tries: i64,
    /// Where its last attempt went.
    pub destination: Option<String>,
    /// What came of that.
    pub response: Option<String>,
    /// The row of the match, or of the end, that it tells of.
    pub matched_transaction_id: Option<i64>,
    /// What the merchant made of it, as it answered last.
    pub result: Option<String>,
    /// When that answer was imported.
    pub result_at: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
}

/// Everything about one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The transaction.
    pub transaction: TransactionRow,
    /// The raw record, its number in its file, and the file.
    pub raw: Option<(String, i64, FileRow)>,
    /// Whose card it was: the member's number; `None` where that is not known.
    pub loyalty_id: Option<String>,
    /// When it was identified.
    pub identified_at: Option<Instant>,
    /// Its matches, those that were undone included.
    pub matches: Vec<MatchRow>,
    /// How it ended, if it did so without a match.
    pub end: Option<EndRow>,
    /// Its exports.
    pub exports: Vec<ExportRow>,
}

/// A sale as [`Inquiry::neighbours`] finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct SaleStory {
    /// What deciding would see.
    pub sale: Sale,
    /// The sale's own id.
    pub transaction_id: String,
    /// The payment it is matched to.
    pub matched_to: Option<String>,
    /// That payment's row.
    pub matched_to_row: Option<PaymentId>,
}

/// An open payment that a person should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForReview {
    /// The payment.
    pub payment: PaymentId,
    /// Why it is open.
    pub reason: OpenReason,
    /// The sale it contests, where it does.
    pub sale: Option<SaleId>,
}

/// Open payments that found no sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WithoutSale {
    /// The payments, in order.
    pub payments: Vec<PaymentId>,
    /// The last open payment that was looked at; `None` when there is none after it.
    pub through: Option<PaymentId>,
}

/// What is known of a purchase that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// How much it was.
    pub amount: Money,
    /// Stored from then on,
    pub from: Instant,
    /// to then, both inclusive.
    pub to: Instant,
    /// What is known only to the day is stored at its midnight: such may be stored from then on.
    pub days_from: Instant,
    /// Whose it was, if that is known.
    pub scheme: Option<SchemeId>,
    /// At one of which MIDs, if that is known.
    pub mids: Option<Vec<CompactString>>,
    /// By which card, if that is known; sales know none.
    pub card_token: Option<CardToken>,
}

/// A payment that [`Inquiry::paid`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Paid {
    /// Its row.
    pub id: PaymentId,
    /// Its network.
    pub provider: Slug,
    /// What its feed brings.
    pub feed_type: FeedType,
    /// The scheme its MID belongs to.
    pub scheme: SchemeId,
    /// Its MID.
    pub mid: CompactString,
    /// When it was paid.
    pub when: Moment,
    /// Whose card, as the network names it.
    pub card_token: CardToken,
    /// The digits its feed gave.
    pub digits: CardDigits,
}

/// A sale that [`Inquiry::sold`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Sold {
    /// The sale.
    pub sale: Sale,
    /// Whose it was.
    pub scheme: SchemeId,
    /// The MIDs it may have been paid at.
    pub mids: Vec<CompactString>,
}

/// Which exports are asked for; all of them where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportScope {
    /// Of this state.
    pub status: Option<String>,
    /// Of this scheme, by its slug.
    pub scheme: Option<String>,
    /// Made then or later.
    pub since: Option<Instant>,
}

/// Which stretch of the past is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryScope {
    /// Whose.
    pub scheme: SchemeId,
    /// Payments made from then on,
    pub since: Instant,
    /// and before then.
    pub until: Instant,
    /// Sales imported no further than this, in microseconds, from one of those payments' imports.
    pub window_us: i64,
}

impl HistoryScope {
    /// From when to when the sales were imported that payments of these imports may be given.
    pub fn sales_imported(&self, first: Instant, last: Instant) -> (Instant, Instant) {
        (first.plus(-self.window_us), last.plus(self.window_us))
    }
}

/// Some rows of the past.
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryPage {
    /// Payments that rules decide: open ones, and those matched by rule, on sight or by a person.
    Payments(Vec<PastPayment>),
    /// Sales, matched or not.
    Sales(Vec<PastSale>),
}

/// Something the audit found wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditFinding {
    /// The invariant.
    pub invariant: String,
    /// How many rows break it.
    pub count: u64,
    /// Some of them.
    pub examples: Vec<i64>,
}

/// Questions people ask.
#[async_trait]
pub trait Inquiry {
    /// Where everything stands at a time.
    async fn status(&self, now: Instant) -> Result<Status, StoreError>;
    /// The newest files first.
    async fn files(&self, limit: usize) -> Result<Vec<FileRow>, StoreError>;
    /// What has arrived of a feed since a UTC day (by days since 1970), and its newest `sources`.
    async fn arrivals(
        &self,
        feed: &Slug,
        since_day: i64,
        sources: usize,
    ) -> Result<Arrivals, StoreError>;
    /// The payments or sales with a transaction id of the provider's own.
    async fn find(
        &self,
        side: Side,
        transaction_id: &str,
    ) -> Result<Vec<TransactionRow>, StoreError>;
    /// Everything about one transaction.
    async fn story(&self, side: Side, id: i64) -> Result<Option<Story>, StoreError>;
    /// What deciding this payment would see of it, matched or not.
    async fn payment_to_explain(&self, id: PaymentId) -> Result<Option<Payment>, StoreError>;
    /// What deciding would see of this sale.
    async fn sale_to_explain(&self, id: SaleId) -> Result<Option<SaleStory>, StoreError>;
    /// The sales nearest in time to a payment, of its scheme and its MID where there are such, of
    /// any amount and state.
    async fn neighbours(
        &self,
        payment: PaymentId,
        limit: usize,
    ) -> Result<Vec<SaleStory>, StoreError>;
    /// The payments nearest in time to a sale, of its scheme, of any amount and state.
    async fn payments_near(&self, sale: SaleId, limit: usize)
    -> Result<Vec<PaymentId>, StoreError>;
    /// The scheme that is registered under a slug.
    async fn scheme(&self, slug: &Slug) -> Result<Option<SchemeId>, StoreError>;
    /// Sends a stretch of the past, as it stands at one moment: first its payments, then the sales,
    /// each by their ids, in pages that are full but for the last. Stops early when nobody listens
    /// any more.
    async fn history(
        &self,
        scope: HistoryScope,
        pages: mpsc::Sender<HistoryPage>,
    ) -> Result<(), StoreError>;
    /// The providers' own ids of payments or sales, by row.
    async fn transaction_ids(
        &self,
        side: Side,
        rows: &[i64],
    ) -> Result<Vec<(i64, String)>, StoreError>;
    /// Matches since a time, oldest first, those after a row.
    async fn matches(
        &self,
        since: Option<Instant>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<MatchRow>, StoreError>;
    /// Bad records, oldest first, those after a row: of one state, or all that still wait.
    async fn rejects(
        &self,
        state: Option<RejectState>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError>;
    /// Exports, oldest first, those after a row; of one state if named.
    async fn exports(
        &self,
        status: Option<&str>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ExportRow>, StoreError> {
        let among = ExportScope {
            status: status.map(str::to_owned),
            ..ExportScope::default()
        };
        self.exports_among(&among, after, limit).await
    }
    /// Exports, oldest first, those after a row, as far as they are asked for.
    async fn exports_among(
        &self,
        among: &ExportScope,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ExportRow>, StoreError>;
    /// The export files that were begun or written to since a time, by name.
    async fn export_files(&self, since: Instant) -> Result<Vec<FileEnd>, StoreError>;
    /// Merchant identifiers in force without end.
    async fn mids(&self) -> Result<Vec<harmonia_core::identify::MerchantIdentifier>, StoreError>;
    /// Merchant identifiers that are, were or will be in force, one row for each term.
    async fn mid_terms(
        &self,
    ) -> Result<Vec<harmonia_core::identify::MerchantIdentifier>, StoreError>;
    /// Linked cards: token, scheme, loyalty id, last four; those after a row.
    async fn cards(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, String, String, Option<String>, Option<String>)>, StoreError>;
    /// The rows that ended as settlements of a payment that was matched, and their payments.
    async fn settlements(
        &self,
        payment: PaymentId,
    ) -> Result<Vec<(MatchId, PaymentId)>, StoreError>;
    /// What waits for a second person, oldest first.
    async fn proposals(&self) -> Result<Vec<ProposalRow>, StoreError>;
    /// What people did, oldest first, entries after a row.
    async fn log(&self, after: i64, limit: usize) -> Result<Vec<LogRow>, StoreError>;
    /// Open payments that a person should look at, those after one, oldest first; of one scheme and
    /// reason, where they are named.
    async fn for_review(
        &self,
        scheme: Option<SchemeId>,
        reason: Option<OpenReason>,
        after: PaymentId,
        limit: usize,
    ) -> Result<Vec<ForReview>, StoreError>;
    /// At most `limit` open payments that found no sale, those after one, in order; no more than
    /// `looks` open payments are looked at.
    async fn without_sale(
        &self,
        scheme: Option<SchemeId>,
        after: PaymentId,
        limit: usize,
        looks: usize,
    ) -> Result<WithoutSale, StoreError>;
    /// The open sales that each question asks for, the nearest in time first and at most `limit` for
    /// each question.
    async fn nearly(&self, questions: &[Nearly], limit: usize) -> Result<Vec<Sale>, StoreError>;
    /// The payments that may be the one sought, by the time they are stored at, at most `limit`.
    async fn paid(&self, sought: &Sought, limit: usize) -> Result<Vec<Paid>, StoreError>;
    /// The sales that may be the one sought, by the time they are stored at, at most `limit`.
    async fn sold(&self, sought: &Sought, limit: usize) -> Result<Vec<Sold>, StoreError>;
    /// How many records of a provider's or scheme's feed type are known of a UTC day.
    async fn known_of_day(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        day: Day,
    ) -> Result<u64, StoreError>;
    /// The schemes that a card is linked in, and whose it is there. Credentials are left out.
    async fn links_of_card(&self, card: &CardToken) -> Result<Vec<LinkedCard>, StoreError>;
    /// Bad records that still wait, newest first, those before a row.
    async fn newest_rejects(
        &self,
        before: RejectId,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError>;
    /// How many transactions, with their matches and exports, purging what is before a day would take
    /// out. Bad records and attempts, which go when what came of them is gone, are not counted.
    async fn purgeable(&self, before: Day) -> Result<Purged, StoreError>;
    /// Every key of the API, in the order they were made.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;
    /// What stands where at a time, for metrics.
    async fn gauges(&self, now: Instant) -> Result<Gauges, StoreError>;
    /// Whether the store answers, and is of this version.
    async fn ready(&self) -> Result<(), StoreError>;
    /// Checks the invariants, the log's chain among them.
    async fn audit(&self) -> Result<Vec<AuditFinding>, StoreError>;
}
