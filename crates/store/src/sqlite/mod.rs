//! The embedded store: one SQLite file, write-ahead log, every commit on disk before it counts.
//!
//! One connection writes, a few read. `commit` is the only place that changes a transaction, a
//! match or an export; `claim` leases work; `load` is what the stages read; `inquiry` what
//! people ask, `desk` what those ask who answer customers, `history` what is decided again;
//! `migrate` brings the schema up to date.

mod asked;
mod audit;
mod cards;
mod checkpoint;
mod claim;
mod commit;
mod config;
mod connection;
mod desk;
mod history;
mod holders;
mod import;
mod inquiry;
mod keys;
mod ledger;
mod load;
mod migrate;
mod onboard;
mod outbox;
mod purge;
mod push;
mod replay;
mod rows;
mod schedule;
mod sealing;
mod sql;
mod sweep;
mod writer;

pub use connection::SchemaStatus;

use crate::OpenError;

use crate::seal::Sealer;
use async_trait::async_trait;
use connection::Readers;
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
    Job, KeptRecord, Lease, Probe, RecordKey, SentBefore, Store, StoreError, Undecided, Unsettled,
};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use writer::Writer;

/// How long a lease holds unless it is prolonged, in microseconds, by default: 60 seconds.
pub const DEFAULT_LEASE_US: i64 = 60_000_000;

/// The store on one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    lease_us: i64,
    sealer: Sealer,
    writer: Mutex<Writer>,
    readers: Readers,
    checkpointer: checkpoint::Checkpointer,
    remembered: load::Remembered,
    recent_cards: Mutex<crate::cards::RecentCards>,
    /// Held for as long as the process lives, so that others can tell that it does.
    _alive: holders::Alive,
}

impl SqliteStore {
    /// Opens the database `harmonia.sqlite3` in a folder, creating both where they are missing,
    /// and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way and what to do.
    pub fn open(folder: &Path, holder: &Holder, lease_us: i64) -> Result<Self, OpenError> {
        Self::open_patiently(folder, holder, lease_us, connection::BUSY_TIMEOUT)
    }

    /// Opens the database as [`SqliteStore::open`] does; `patience` is how long a statement waits
    /// for another program's write before it says that the database is locked.
    ///
    /// # Errors
    /// [`OpenError`] says what is in the way and what to do.
    pub fn open_patiently(
        folder: &Path,
        holder: &Holder,
        lease_us: i64,
        patience: Duration,
    ) -> Result<Self, OpenError> {
        let path = connection::prepare_folder(folder)?;
        let alive = holders::Alive::announce(folder, holder)?;
        let mut connection = connection::open_writer(&path, patience)?;
        migrate::bring_up_to_date(&mut connection, &path)?;
        holders::free_the_dead(&connection, folder, holder)
            .map_err(|error| connection::open_error(&path, &error))?;
        let sealer = sealing::open(&connection, folder, &path)?;
        let checkpointer = checkpoint::Checkpointer::start(&path)
            .map_err(|error| connection::open_error(&path, &error))?;
        let shared = Shared {
            checkpointer,
            readers: Readers::new(path.clone(), patience),
            writer: Mutex::new(Writer::new(connection)),
            remembered: load::Remembered::default(),
            recent_cards: Mutex::default(),
            sealer,
            path,
            lease_us,
            _alive: alive,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// What a folder's schema is, without changing anything.
    ///
    /// # Errors
    /// [`OpenError`] when the database cannot be read.
    pub fn schema_status(folder: &Path) -> Result<SchemaStatus, OpenError> {
        migrate::status(&connection::path_in(folder))
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Runs something on the one writing connection, off the async threads.
    async fn write<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &mut Writer) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || {
            let mut writer = lock(&shared.writer);
            let result = work(&shared, &mut writer);
            shared.checkpointer.committed();
            result
        });
        done.await
            .unwrap_or_else(|error| Err(stopped(&error).into()))
    }

    /// Runs something on a reading connection, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || {
            shared.readers.with(|connection| work(&shared, connection))
        });
        done.await.unwrap_or_else(|error| Err(stopped(&error)))
    }
}

/// A lock that a panicking thread left behind still guards sound data: SQLite rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stopped(error: &tokio::task::JoinError) -> StoreError {
    StoreError::Broken(format!("the store's thread stopped: {error}"))
}

#[async_trait]
impl Store for SqliteStore {
    async fn register(
        &self,
        schemes: &[(Slug, String)],
        providers: &[(Slug, String)],
    ) -> Result<Vec<SchemeId>, StoreError> {
        let (schemes, providers) = (schemes.to_vec(), providers.to_vec());
        self.write(move |_, writer| onboard::register(writer, &schemes, &providers))
            .await
    }

    async fn agree_on_lanes(&self, lanes: Lanes) -> Result<(), StoreError> {
        let wanted = lanes.count();
        let known = self.read(|_, connection| config::lanes(connection)).await?;
        let count = match known {
            Some(known) if known == wanted => known,
            _ => {
                self.write(move |_, writer| {
                    config::set_lanes(writer, wanted)
                        .map_err(|error| connection::store_error(&error))
                })
                .await?
            }
        };
        crate::agreed(count, wanted)
    }

    async fn commit(&self, lease: Lease, changes: Changes) -> Result<Committed, CommitError> {
        self.write(move |shared, writer| commit::commit(shared, writer, lease, &changes))
            .await
    }

    async fn claim_beside(
        &self,
        in_hand: &[Lane],
        queues: &[Queue],
        holder: &Holder,
        now: Instant,
    ) -> Result<Option<Job>, StoreError> {
        let (queues, holder, in_hand) = (queues.to_vec(), holder.clone(), in_hand.to_vec());
        self.write(move |shared, writer| {
            let until = now.plus(shared.lease_us);
            claim::claim(writer, &in_hand, &queues, &holder, (now, until))
        })
        .await
    }

    async fn lead(
        &self,
        holder: &Holder,
        now: Instant,
        until: Instant,
    ) -> Result<Option<Lease>, StoreError> {
        let holder = holder.clone();
        self.write(move |_, writer| {
            schedule::lead(writer, &holder, now, until)
                .map_err(|error| connection::store_error(&error))
        })
        .await
    }

    async fn ticked(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        self.read(|_, connection| schedule::ticked(connection))
            .await
    }

    async fn check_in(&self, part: &str, at: Instant) -> Result<(), StoreError> {
        let part = part.to_owned();
        self.write(move |_, writer| {
            schedule::check_in(writer, &part, at).map_err(|error| connection::store_error(&error))
        })
        .await
    }

    async fn check_ins(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        self.read(|_, connection| schedule::check_ins(connection))
            .await
    }

    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Instant>, StoreError> {
        let queues = queues.to_vec();
        self.read(move |_, connection| claim::next_due(connection, &queues))
            .await
    }

    async fn claim_file(
        &self,
        arrival: &FileArrival,
        holder: &Holder,
        now: Instant,
    ) -> Result<FileClaim, StoreError> {
        let (arrival, holder) = (arrival.clone(), holder.clone());
        self.write(move |shared, writer| {
            claim::claim_file(writer, &arrival, &holder, now, now.plus(shared.lease_us))
        })
        .await
    }

    async fn message_log(&self, arrival: &FileArrival, now: Instant) -> Result<FileId, StoreError> {
        let asked = arrival.clone();
        let found =
            self.read(move |_, connection| claim::find_message_log(connection, &asked, now));
        if let Some(file) = found.await? {
            return Ok(file);
        }
        let arrival = arrival.clone();
        self.write(move |_, writer| claim::message_log(writer, &arrival, now))
            .await
    }

    async fn mid_directory(&self) -> Result<Arc<MidDirectory>, StoreError> {
        self.read(|shared, connection| shared.remembered.directory(connection))
            .await
    }

    async fn undecided(&self, span: &Span) -> Result<Undecided, StoreError> {
        let span = span.clone();
        self.read(move |shared, connection| load::undecided(shared, connection, &span))
            .await
    }

    async fn identities(
        &self,
        payments: &[PaymentId],
    ) -> Result<Vec<Option<CardLink>>, StoreError> {
        let payments = payments.to_vec();
        self.read(move |shared, connection| load::identities(shared, connection, &payments))
            .await
    }

    async fn card_links(
        &self,
        cards: &[CardInScheme],
    ) -> Result<Vec<Option<CardLink>>, StoreError> {
        let cards = cards.to_vec();
        self.read(move |shared, connection| cards::card_links(shared, connection, &cards))
            .await
    }

    async fn candidates(&self, probes: &[Probe]) -> Result<Vec<Sale>, StoreError> {
        let probes = probes.to_vec();
        self.read(move |_, connection| load::candidates(connection, &probes))
            .await
    }

    async fn sales_between(&self, probes: &[AmountProbe]) -> Result<Vec<Sale>, StoreError> {
        let probes = probes.to_vec();
        self.read(move |_, connection| load::sales_between(connection, &probes))
            .await
    }

    async fn newest_without_sale(
        &self,
        scheme: SchemeId,
        limit: usize,
    ) -> Result<Vec<PaymentId>, StoreError> {
        self.read(move |_, connection| load::without_sale(connection, scheme, limit))
            .await
    }

    async fn is_busy(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError> {
        let queues = queues.to_vec();
        self.read(move |_, connection| claim::is_any(connection, sql::job::is_busy, &queues, now))
            .await
    }

    async fn is_in_hand(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError> {
        let queues = queues.to_vec();
        self.read(move |_, connection| {
            claim::is_any(connection, sql::job::is_in_hand, &queues, now)
        })
        .await
    }

    async fn waiting(&self, queues: &[Queue], now: Instant, most: u32) -> Result<u64, StoreError> {
        let queues = queues.to_vec();
        self.read(move |_, connection| claim::waiting(connection, &queues, now, most.into()))
            .await
    }

    async fn taken(&self, probes: &[Probe]) -> Result<Vec<(Sale, PaymentId)>, StoreError> {
        let probes = probes.to_vec();
        self.read(move |_, connection| load::taken(connection, &probes))
            .await
    }

    async fn open_sales(&self, span: &Span) -> Result<Vec<(SchemeId, Sale)>, StoreError> {
        let span = span.clone();
        self.read(move |_, connection| load::open_sales(connection, &span))
            .await
    }

    async fn reopened(
        &self,
        sales: &[(SchemeId, Sale, Reach)],
    ) -> Result<Vec<PaymentId>, StoreError> {
        let sales = sales.to_vec();
        self.read(move |shared, connection| load::reopened(shared, connection, &sales))
            .await
    }

    async fn unidentified(
        &self,
        after: PaymentId,
        limit: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        self.read(move |_, connection| load::unidentified(connection, after, limit))
            .await
    }

    async fn known(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        keys: &[RecordKey],
    ) -> Result<Vec<Option<(Instant, Money)>>, StoreError> {
        let (provider, keys) = (provider.clone(), keys.to_vec());
        self.read(move |_, connection| load::known(connection, &provider, feed_type, &keys))
            .await
    }

    async fn quarantined(
        &self,
        after: RejectId,
        limit: usize,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        self.read(move |_, connection| replay::quarantined(connection, after, limit))
            .await
    }

    async fn kept_record(&self, id: RejectId) -> Result<Option<KeptRecord>, StoreError> {
        self.read(move |_, connection| replay::find(connection, id))
            .await
    }

    async fn undelivered(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<(ExportId, ExportTransaction)>, StoreError> {
        let span = span.clone();
        let found = self.read(move |shared, connection| {
            load::undelivered(shared, connection, scheme, &span, false)
        });
        Ok(found.await?.into_iter().map(Into::into).collect())
    }

    async fn unsettled(&self, scheme: SchemeId, span: &Span) -> Result<Vec<Unsettled>, StoreError> {
        let span = span.clone();
        self.read(move |shared, connection| {
            load::undelivered(shared, connection, scheme, &span, true)
        })
        .await
    }

    async fn sent_before(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<SentBefore>, StoreError> {
        let span = span.clone();
        self.read(move |shared, connection| ledger::sent_before(shared, connection, scheme, &span))
            .await
    }

    async fn answered_before(
        &self,
        feed: &Slug,
        keys: &[RequestKey],
    ) -> Result<Vec<Option<AnsweredBefore>>, StoreError> {
        let (feed, keys) = (feed.clone(), keys.to_vec());
        self.read(move |_, connection| push::answered_before(connection, &feed, &keys))
            .await
    }

    async fn find_key(&self, hash: KeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.read(move |_, connection| keys::find(connection, &hash))
            .await
    }

    async fn waiting_exports(&self, scheme: SchemeId) -> Result<Vec<Span>, StoreError> {
        self.read(move |_, connection| sweep::waiting(connection, scheme))
            .await
    }

    async fn to_sweep(&self, scope: &SweepScope) -> Result<Vec<PaymentId>, StoreError> {
        let scope = scope.clone();
        self.read(move |_, connection| sweep::payments(connection, &scope))
            .await
    }

    async fn answered(
        &self,
        scheme: SchemeId,
        answers: &[AnswerRecord],
    ) -> Result<Vec<Answered>, StoreError> {
        let answers = answers.to_vec();
        self.read(move |_, connection| sweep::answered(connection, scheme, &answers))
            .await
    }

    async fn announcements(
        &self,
        most: usize,
    ) -> Result<Vec<(OutboxId, Topic, Announcement)>, StoreError> {
        self.read(move |_, connection| outbox::waiting(connection, most))
            .await
    }

    async fn export_file(&self, name: &str) -> Result<Option<FileEnd>, StoreError> {
        let name = name.to_owned();
        self.read(move |_, connection| load::export_file(connection, name))
            .await
    }

    async fn config(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.read(|_, connection| config::list(connection)).await
    }

    async fn kept_from(&self) -> Result<Option<Day>, StoreError> {
        self.read(|_, connection| purge::kept_from(connection))
            .await
    }
}
