//! The distributed store: one PostgreSQL, any number of processes on any number of machines.
//!
//! `commit` is the only place that changes a transaction, a match or an export; `plan` says in memory
//! what becomes of imported records, and `copy` is how they are sent; `claim` leases work; `load` is
//! what the stages read; `inquiry` and `desk` what people ask, `sweep` what is given up and answered, `history` what is decided again, `audit` what must
//! always be so; `migrate` brings the schema up to date.
//!
//! What SQLite gets by letting one write at a time is done here by locks that are as narrow as what
//! they guard: rows, the unique keys, and advisory locks for lanes, days and the log's rows.

mod audit;
mod cards;
mod claim;
mod clock;
mod commit;
mod config;
mod connection;
mod copy;
mod desk;
mod failure;
mod history;
mod import;
mod inquiry;
mod keys;
mod load;
mod migrate;
mod months;
mod onboard;
mod plan;
mod purge;
mod purge_months;
mod push;
mod replay;
mod rows;
mod schedule;
mod sealing;
mod sql;
mod sweep;
mod telling;
mod work;

pub use clock::DatabaseClock;
pub use connection::SETTINGS;

use crate::OpenError;
use crate::seal::Sealer;
use crate::sqlite::SchemaStatus;
use async_trait::async_trait;
use connection::Session;
use failure::Failure;
use harmonia_core::access::{ApiKey, KeyHash};
use harmonia_core::card::CardToken;
use harmonia_core::changes::{CardInScheme, Changes, FileEnd, Lanes, Placed, Queue, Span};
use harmonia_core::export::ExportTransaction;
use harmonia_core::identify::{CardLink, LinkedCard, MerchantIdentifier, MidDirectory};
use harmonia_core::ids::{ExportId, FileId, MatchId, PaymentId, RejectId, SaleId, SchemeId, Slug};
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{OpenReason, Payment, Reach, Sale};
use harmonia_core::money::Money;
use harmonia_core::push::RequestKey;
use harmonia_core::retention::Purged;
use harmonia_core::state::RejectState;
use harmonia_core::sweep::SweepScope;
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::{AnswerRecord, FeedType};
use harmonia_journey::ports::{
    AmountProbe, Answered, AnsweredBefore, Arrivals, AuditFinding, CommitError, Committed,
    ExportRow, FileArrival, FileClaim, FileRow, ForReview, Gauges, HistoryPage, HistoryScope,
    Holder, Inquiry, Job, KeptRecord, Lease, LogRow, MatchRow, Paid, Probe, ProposalRow, RecordKey,
    RejectRow, SaleStory, Side, Sold, Sought, Status, Store, StoreError, Story, TransactionRow,
    Undecided, WithoutSale,
};
use hashbrown::HashSet;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Asks something in a transaction that reads, and sees one state of the database throughout.
macro_rules! read {
    ($store:ident, |$shared:ident, $session:ident| $answer:expr) => {{
        let $shared = &*$store.shared;
        let mut client = connect(&$shared.pool).await?;
        let $session = &Session::read(&mut client).await?;
        Ok($answer.await?)
    }};
}

/// The store on a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    pool: deadpool_postgres::Pool,
    clock: Arc<DatabaseClock>,
    lease_us: i64,
    sealer: Sealer,
    remembered: load::Remembered,
    recent_cards: Mutex<crate::cards::RecentCards>,
    /// What commits need not ask for again.
    known: Mutex<work::Known>,
    /// Feeds whose last records were known in part: the next are looked up before they are written.
    expected: Mutex<HashSet<i64>>,
    /// Marks of commits whose answers came: the next commit takes them out.
    answered: Mutex<Vec<Uuid>>,
}

impl PostgresStore {
    /// Opens a database by its address, and brings its schema up to date. The key that seals
    /// credentials is in `folder`, and made there where nothing is sealed yet.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way and what to do.
    pub async fn open(uri: &str, folder: &Path, lease_us: i64) -> Result<Self, OpenError> {
        let config = connection::parse(uri)?;
        let place = connection::place(&config);
        let pool = connection::pool(config)?;
        let failed = |failure: Failure| migrate::open_error(&place, failure);
        let mut client = connect(&pool).await.map_err(failed)?;
        connection::refuse_without_durability(&client, &place).await?;
        let session = Session::write(&mut client).await.map_err(failed)?;
        migrate::bring_up_to_date(session, &place).await?;
        std::fs::create_dir_all(folder).map_err(|error| {
            OpenError(format!(
                "cannot create the data folder {}: {error}. Set TXM_DATA_DIR to a folder that this \
                 user may write",
                folder.display()
            ))
        })?;
        let session = Session::write(&mut client).await.map_err(failed)?;
        session
            .execute(sql::commit::prune, &[])
            .await
            .map_err(failed)?;
        let sealer = sealing::open(&session, folder, &place).await?;
        session.commit().await.map_err(failed)?;
        let clock = DatabaseClock::of(&client).await.map_err(failed)?;
        drop(client);
        Ok(Self {
            shared: Arc::new(Shared {
                pool,
                clock: Arc::new(clock),
                lease_us,
                sealer,
                remembered: load::Remembered::default(),
                recent_cards: Mutex::default(),
                known: Mutex::default(),
                expected: Mutex::default(),
                answered: Mutex::default(),
            }),
        })
    }

    /// Waits for a server that is not there yet, or not ready yet, for at most so long. What else is
    /// wrong with it, and what is wrong with its address, [`PostgresStore::open`] tells.
    pub async fn await_server(uri: &str, patience: Duration) {
        if let Ok(config) = connection::parse(uri) {
            connection::await_server(&config, patience).await;
        }
    }

    /// The clock by which everyone who works on this database goes.
    pub fn clock(&self) -> Arc<DatabaseClock> {
        Arc::clone(&self.shared.clock)
    }

    /// What a database's schema is, without changing anything.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub async fn schema_status(uri: &str) -> Result<SchemaStatus, OpenError> {
        let config = connection::parse(uri)?;
        let place = connection::place(&config);
        let pool = connection::pool(config)?;
        let failed = |failure: Failure| migrate::open_error(&place, failure);
        let mut client = connect(&pool).await.map_err(failed)?;
        let session = Session::read(&mut client).await.map_err(failed)?;
        migrate::status(session, &place).await
    }
}

impl PostgresStore {
    fn claimer<'a>(&self, holder: &'a Holder, now: Instant) -> claim::Claimer<'a> {
        claim::Claimer {
            holder,
            now,
            until: now.plus(self.shared.lease_us),
        }
    }
}

/// How often the server is asked what became of something whose answer was lost.
const ASKED: u32 = 200;
/// How long it is left alone in between: long enough for it to come up again meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(300);

impl Shared {
    /// Asks, on one connection after another, until the server answers; `None` where it never did.
    async fn until_answered<T, F>(
        &self,
        ask: impl Fn(deadpool_postgres::Client) -> F,
    ) -> Result<Option<T>, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        for _ in 0..ASKED {
            let answer = async { ask(self.pool.get().await?).await };
            match answer.await {
                Ok(answer) => return Ok(Some(answer)),
                Err(failure) if failure.is_lost() => tokio::time::sleep(ASK_AGAIN).await,
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }
}

async fn connect(pool: &deadpool_postgres::Pool) -> Result<deadpool_postgres::Client, Failure> {
    Ok(pool.get().await?)
}

/// A lock that a panicking thread left behind still guards sound data: nothing is changed in part.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for PostgresStore {
    async fn register(
        &self,
        schemes: &[(Slug, String)],
        providers: &[(Slug, String)],
    ) -> Result<Vec<SchemeId>, StoreError> {
        Ok(onboard::register(&self.shared, schemes, providers).await?)
    }

    async fn agree_on_lanes(&self, lanes: Lanes) -> Result<(), StoreError> {
        let wanted = lanes.count();
        let known: Result<Option<u16>, StoreError> =
            read!(self, |_shared, session| config::lanes(session));
        let count = match known? {
            Some(known) if known == wanted => known,
            _ => config::set_lanes(&self.shared, wanted).await?,
        };
        crate::agreed(count, wanted)
    }

    async fn commit(&self, lease: Lease, changes: Changes) -> Result<Committed, CommitError> {
        commit::commit(&self.shared, lease, &changes).await
    }

    async fn claim(
        &self,
        queues: &[Queue],
        holder: &Holder,
        now: Instant,
    ) -> Result<Option<Job>, StoreError> {
        let claimer = self.claimer(holder, now);
        Ok(claim::claim(&self.shared, queues, claimer).await?)
    }

    async fn lead(
        &self,
        holder: &Holder,
        now: Instant,
        until: Instant,
    ) -> Result<Option<Lease>, StoreError> {
        Ok(schedule::lead(&self.shared, holder, until.0 - now.0).await?)
    }

    async fn ticked(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        read!(self, |_shared, session| schedule::ticked(session))
    }

    async fn check_in(&self, part: &str, at: Instant) -> Result<(), StoreError> {
        Ok(schedule::check_in(&self.shared, part, at).await?)
    }

    async fn check_ins(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        read!(self, |_shared, session| schedule::check_ins(session))
    }

    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Instant>, StoreError> {
        read!(self, |_shared, session| claim::next_due(session, queues))
    }

    async fn claim_file(
        &self,
        arrival: &FileArrival,
        holder: &Holder,
        now: Instant,
    ) -> Result<FileClaim, StoreError> {
        let claimer = self.claimer(holder, now);
        Ok(claim::claim_file(&self.shared, arrival, claimer).await?)
    }

    async fn message_log(&self, arrival: &FileArrival, now: Instant) -> Result<FileId, StoreError> {
        Ok(claim::message_log(&self.shared, arrival, now).await?)
    }

    async fn mid_directory(&self) -> Result<Arc<MidDirectory>, StoreError> {
        read!(self, |shared, session| shared.remembered.directory(session))
    }

    async fn undecided(&self, span: &Span) -> Result<Undecided, StoreError> {
        if matches!(span, Span::Ids(ids) if ids.is_empty()) {
            return Ok(Undecided::default());
        }
        let settled = load::settled(&self.shared).await?;
        read!(self, |shared, session| load::undecided(
            shared, session, span, settled
        ))
    }

    async fn identities(
        &self,
        payments: &[PaymentId],
    ) -> Result<Vec<Option<CardLink>>, StoreError> {
        read!(self, |shared, session| load::identities(
            shared, session, payments
        ))
    }

    async fn card_links(
        &self,
        cards: &[CardInScheme],
    ) -> Result<Vec<Option<CardLink>>, StoreError> {
        read!(self, |shared, session| cards::card_links(
            shared, session, cards
        ))
    }

    async fn candidates(&self, probes: &[Probe]) -> Result<Vec<Sale>, StoreError> {
        if probes.is_empty() {
            return Ok(Vec::new());
        }
        read!(self, |_shared, session| load::candidates(session, probes))
    }

    async fn sales_between(&self, probes: &[AmountProbe]) -> Result<Vec<Sale>, StoreError> {
        read!(self, |_shared, session| load::sales_between(
            session, probes
        ))
    }

    async fn newest_without_sale(
        &self,
        scheme: SchemeId,
        limit: usize,
    ) -> Result<Vec<PaymentId>, StoreError> {
        read!(self, |_shared, session| load::without_sale(
            session, scheme, limit
        ))
    }

    async fn is_busy(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError> {
        read!(self, |_shared, session| claim::is_any(
            session,
            sql::job::is_busy,
            queues,
            now
        ))
    }

    async fn is_in_hand(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError> {
        read!(self, |_shared, session| claim::is_any(
            session,
            sql::job::is_in_hand,
            queues,
            now
        ))
    }

    async fn waiting(&self, queues: &[Queue], now: Instant, most: u32) -> Result<u64, StoreError> {
        let waiting = read!(self, |_shared, session| claim::waiting(
            session,
            queues,
            now,
            most.into()
        ));
        waiting.map(i64::unsigned_abs)
    }

    async fn taken(&self, probes: &[Probe]) -> Result<Vec<(Sale, PaymentId)>, StoreError> {
        read!(self, |_shared, session| load::taken(session, probes))
    }

    async fn open_sales(&self, span: &Span) -> Result<Vec<(SchemeId, Sale)>, StoreError> {
        read!(self, |_shared, session| load::open_sales(session, span))
    }

    async fn reopened(
        &self,
        sales: &[(SchemeId, Sale, Reach)],
    ) -> Result<Vec<PaymentId>, StoreError> {
        read!(self, |shared, session| load::reopened(
            shared, session, sales
        ))
    }

    async fn unidentified(
        &self,
        after: PaymentId,
        limit: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        read!(self, |_shared, session| load::unidentified(
            session, after, limit
        ))
    }

    async fn known(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        keys: &[RecordKey],
    ) -> Result<Vec<Option<(Instant, Money)>>, StoreError> {
        read!(self, |_shared, session| load::known(
            session, provider, feed_type, keys
        ))
    }

    async fn quarantined(
        &self,
        after: RejectId,
        limit: usize,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        read!(self, |_shared, session| replay::quarantined(
            session, after, limit
        ))
    }

    async fn kept_record(&self, id: RejectId) -> Result<Option<KeptRecord>, StoreError> {
        read!(self, |_shared, session| replay::kept(session, id))
    }

    async fn undelivered(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<(ExportId, ExportTransaction)>, StoreError> {
        read!(self, |shared, session| telling::undelivered(
            shared, session, scheme, span
        ))
    }

    async fn answered_before(
        &self,
        feed: &Slug,
        keys: &[RequestKey],
    ) -> Result<Vec<Option<AnsweredBefore>>, StoreError> {
        read!(self, |_shared, session| push::answered_before(
            session, feed, keys
        ))
    }

    async fn find_key(&self, hash: KeyHash) -> Result<Option<ApiKey>, StoreError> {
        read!(self, |_shared, session| keys::find(session, &hash))
    }

    async fn waiting_exports(&self, scheme: SchemeId) -> Result<Vec<Span>, StoreError> {
        read!(self, |_shared, session| sweep::waiting(session, scheme))
    }

    async fn to_sweep(&self, scope: &SweepScope) -> Result<Vec<PaymentId>, StoreError> {
        read!(self, |_shared, session| sweep::payments(session, scope))
    }

    async fn answered(
        &self,
        scheme: SchemeId,
        answers: &[AnswerRecord],
    ) -> Result<Vec<Answered>, StoreError> {
        read!(self, |_shared, session| sweep::answered(
            session, scheme, answers
        ))
    }

    async fn export_file(&self, name: &str) -> Result<Option<FileEnd>, StoreError> {
        read!(self, |_shared, session| load::export_file(session, name))
    }

    async fn config(&self) -> Result<BTreeMap<String, String>, StoreError> {
        read!(self, |_shared, session| config::list(session))
    }

    async fn kept_from(&self) -> Result<Option<Day>, StoreError> {
        read!(self, |_shared, session| purge::kept_from(session))
    }
}

#[async_trait]
impl Inquiry for PostgresStore {
    async fn status(&self, now: Instant) -> Result<Status, StoreError> {
        read!(self, |_shared, session| inquiry::status(session, now))
    }

    async fn files(&self, limit: usize) -> Result<Vec<FileRow>, StoreError> {
        read!(self, |_shared, session| inquiry::files(session, limit))
    }

    async fn arrivals(
        &self,
        feed: &Slug,
        since_day: i64,
        sources: usize,
    ) -> Result<Arrivals, StoreError> {
        read!(self, |_shared, session| inquiry::arrivals(
            session, feed, since_day, sources
        ))
    }

    async fn find(
        &self,
        side: Side,
        transaction_id: &str,
    ) -> Result<Vec<TransactionRow>, StoreError> {
        read!(self, |_shared, session| inquiry::find(
            session,
            side,
            transaction_id
        ))
    }

    async fn story(&self, side: Side, id: i64) -> Result<Option<Story>, StoreError> {
        read!(self, |_shared, session| inquiry::story(session, side, id))
    }

    async fn payment_to_explain(&self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        read!(self, |shared, session| inquiry::payment(
            shared, session, id
        ))
    }

    async fn sale_to_explain(&self, id: SaleId) -> Result<Option<SaleStory>, StoreError> {
        read!(self, |_shared, session| inquiry::sale(session, id))
    }

    async fn neighbours(
        &self,
        payment: PaymentId,
        limit: usize,
    ) -> Result<Vec<SaleStory>, StoreError> {
        read!(self, |shared, session| inquiry::neighbours(
            shared, session, payment, limit
        ))
    }

    async fn payments_near(
        &self,
        sale: SaleId,
        limit: usize,
    ) -> Result<Vec<PaymentId>, StoreError> {
        read!(self, |_shared, session| inquiry::payments_near(
            session, sale, limit
        ))
    }

    async fn scheme(&self, slug: &Slug) -> Result<Option<SchemeId>, StoreError> {
        read!(self, |_shared, session| history::scheme(session, slug))
    }

    async fn history(
        &self,
        scope: HistoryScope,
        pages: mpsc::Sender<HistoryPage>,
    ) -> Result<(), StoreError> {
        read!(self, |shared, session| history::history(
            shared, session, scope, &pages
        ))
    }

    async fn transaction_ids(
        &self,
        side: Side,
        rows: &[i64],
    ) -> Result<Vec<(i64, String)>, StoreError> {
        read!(self, |_shared, session| history::transaction_ids(
            session, side, rows
        ))
    }

    async fn matches(
        &self,
        since: Option<Instant>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<MatchRow>, StoreError> {
        read!(self, |_shared, session| inquiry::matches(
            session, since, after, limit
        ))
    }

    async fn rejects(
        &self,
        state: Option<RejectState>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError> {
        read!(self, |_shared, session| inquiry::rejects(
            session, state, after, limit
        ))
    }

    async fn exports(
        &self,
        status: Option<&str>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ExportRow>, StoreError> {
        let status = status.map(str::to_owned);
        read!(self, |_shared, session| inquiry::exports(
            session,
            status.as_deref(),
            after,
            limit
        ))
    }

    async fn export_files(&self, since: Instant) -> Result<Vec<FileEnd>, StoreError> {
        read!(self, |_shared, session| inquiry::export_files(
            session, since
        ))
    }

    async fn mids(&self) -> Result<Vec<MerchantIdentifier>, StoreError> {
        read!(self, |_shared, session| load::identifiers(
            session,
            sql::mid::in_force
        ))
    }

    async fn mid_terms(&self) -> Result<Vec<MerchantIdentifier>, StoreError> {
        read!(self, |_shared, session| load::identifiers(
            session,
            sql::mid::all
        ))
    }

    async fn cards(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, String, String, Option<String>, Option<String>)>, StoreError> {
        read!(self, |_shared, session| inquiry::cards(
            session, after, limit
        ))
    }

    async fn settlements(
        &self,
        payment: PaymentId,
    ) -> Result<Vec<(MatchId, PaymentId)>, StoreError> {
        read!(self, |_shared, session| inquiry::settlements(
            session, payment
        ))
    }

    async fn proposals(&self) -> Result<Vec<ProposalRow>, StoreError> {
        read!(self, |_shared, session| inquiry::proposals(session))
    }

    async fn log(&self, after: i64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        read!(self, |_shared, session| inquiry::log(session, after, limit))
    }

    async fn for_review(
        &self,
        scheme: Option<SchemeId>,
        reason: Option<OpenReason>,
        after: PaymentId,
        limit: usize,
    ) -> Result<Vec<ForReview>, StoreError> {
        read!(self, |_shared, session| desk::for_review(
            session, scheme, reason, after, limit
        ))
    }

    async fn without_sale(
        &self,
        scheme: Option<SchemeId>,
        after: PaymentId,
        limit: usize,
        looks: usize,
    ) -> Result<WithoutSale, StoreError> {
        read!(self, |_shared, session| desk::without_sale(
            session, scheme, after, limit, looks
        ))
    }

    async fn nearly(&self, questions: &[Nearly], limit: usize) -> Result<Vec<Sale>, StoreError> {
        read!(self, |_shared, session| desk::nearly(
            session, questions, limit
        ))
    }

    async fn paid(&self, sought: &Sought, limit: usize) -> Result<Vec<Paid>, StoreError> {
        read!(self, |shared, session| desk::paid(
            shared, session, sought, limit
        ))
    }

    async fn sold(&self, sought: &Sought, limit: usize) -> Result<Vec<Sold>, StoreError> {
        read!(self, |shared, session| desk::sold(
            shared, session, sought, limit
        ))
    }

    async fn known_of_day(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        day: Day,
    ) -> Result<u64, StoreError> {
        read!(self, |_shared, session| desk::known_of_day(
            session, provider, feed_type, day
        ))
    }

    async fn links_of_card(&self, card: &CardToken) -> Result<Vec<LinkedCard>, StoreError> {
        read!(self, |_shared, session| desk::links_of_card(session, card))
    }

    async fn newest_rejects(
        &self,
        before: RejectId,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError> {
        read!(self, |_shared, session| desk::newest_rejects(
            session, before, limit
        ))
    }

    async fn purgeable(&self, before: Day) -> Result<Purged, StoreError> {
        read!(self, |_shared, session| purge::count(session, before))
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        read!(self, |_shared, session| keys::all(session))
    }

    async fn gauges(&self, now: Instant) -> Result<Gauges, StoreError> {
        read!(self, |_shared, session| inquiry::gauges(session, now))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let is_current: Result<bool, StoreError> =
            read!(self, |_shared, session| migrate::is_current(session));
        match is_current? {
            true => Ok(()),
            false => Err(StoreError::Broken(
                "the schema is another version's: start the Harmonia that belongs to it".to_owned(),
            )),
        }
    }

    async fn audit(&self) -> Result<Vec<AuditFinding>, StoreError> {
        read!(self, |_shared, session| audit::audit(session))
    }
}
