//! The distributed store: one PostgreSQL, any number of processes on any number of machines.
//!
//! `commit` is the only place that changes a transaction, a match or an export; `plan` says in memory
//! what becomes of imported records, and `copy` is how they are sent; `claim` leases work; `load` is
//! what the stages read; `inquiry` and `desk` what people ask, `sweep` what is given up and answered, `history` what is decided again, `audit` what must
//! always be so; `migrate` brings the schema up to date.
//!
//! What SQLite gets by letting one write at a time is done here by locks that are as narrow as what
//! they guard: rows, the unique keys, and advisory locks for lanes, days and the log's rows.

mod asked;
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
mod ledger;
mod load;
mod migrate;
mod months;
mod onboard;
mod outbox;
mod plan;
mod purge;
mod purge_months;
mod push;
mod replay;
mod rows;
mod schedule;
mod sealing;
mod server;
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
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::changes::{CardInScheme, Changes, FileEnd, Lane, Lanes, Placed, Queue, Span};
use harmonia_core::export::ExportTransaction;
use harmonia_core::identify::{CardLink, MidDirectory};
use harmonia_core::ids::OutboxId;
use harmonia_core::ids::{ExportId, FileId, PaymentId, RejectId, SchemeId, Slug};
use harmonia_core::matching::{Reach, Sale};
use harmonia_core::money::Money;
use harmonia_core::push::RequestKey;
use harmonia_core::sweep::SweepScope;
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::{AnswerRecord, FeedType};
use harmonia_journey::ports::{
    AmountProbe, Answered, AnsweredBefore, CommitError, Committed, FileArrival, FileClaim, Holder,
    Job, KeptRecord, Lease, Probe, RecordKey, SentBefore, Store, StoreError, Turn, Undecided,
    Unsettled,
};
use hashbrown::HashSet;
use server::Server;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
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
use read;

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
        let server = Server::at(uri)?;
        let place = server.place();
        let pool = connection::pool(&server)?;
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
        if let Ok(server) = Server::at(uri) {
            connection::await_server(&server, patience).await;
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
        let server = Server::at(uri)?;
        let place = server.place();
        let pool = connection::pool(&server)?;
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
        commit::commit(&self.shared, lease, &changes, &Turn::first()).await
    }

    async fn commit_in_turn(
        &self,
        lease: Lease,
        changes: Changes,
        turn: Turn,
    ) -> Result<Committed, CommitError> {
        commit::in_turn(&self.shared, lease, &changes, turn).await
    }

    async fn claim_beside(
        &self,
        in_hand: &[Lane],
        queues: &[Queue],
        holder: &Holder,
        now: Instant,
    ) -> Result<Option<Job>, StoreError> {
        let claimer = self.claimer(holder, now);
        Ok(claim::claim(&self.shared, in_hand, queues, claimer).await?)
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
        let found: Result<Vec<Unsettled>, StoreError> = read!(self, |shared, session| {
            telling::undelivered(shared, session, scheme, span, false)
        });
        Ok(found?.into_iter().map(Into::into).collect())
    }

    async fn unsettled(&self, scheme: SchemeId, span: &Span) -> Result<Vec<Unsettled>, StoreError> {
        read!(self, |shared, session| telling::undelivered(
            shared, session, scheme, span, true
        ))
    }

    async fn sent_before(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<SentBefore>, StoreError> {
        read!(self, |shared, session| ledger::sent_before(
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

    async fn announcements(
        &self,
        most: usize,
    ) -> Result<Vec<(OutboxId, Topic, Announcement)>, StoreError> {
        read!(self, |_shared, session| outbox::waiting(session, most))
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
