//! The store as it would be if memory were durable: plain maps behind one lock.
//!
//! It is the reference that the other stores are held against, so it is written to be read: each
//! promise of the ports is kept in the most obvious way, by looking at everything. A commit is made
//! on a copy of the whole `World`, which takes the original's place only when all of it went
//! well: that is what "all or nothing" means, with nothing left to get wrong. It is slow with many
//! rows, and forgets everything when it is dropped.
//!
//! `world` is what is stored; `commit` is the one place that changes a transaction, a match or
//! an export; `claim` leases work; `load` is what the stages read; `inquiry` what people ask,
//! `desk` what those ask who answer customers, `history` what is decided again.

mod audit;
mod claim;
mod commit;
mod desk;
mod history;
mod import;
mod inquiry;
mod keys;
mod ledger;
mod load;
mod onboard;
mod outbox;
mod purge;
mod push;
mod replay;
mod rows;
mod schedule;
mod sweep;
mod world;

use async_trait::async_trait;
use harmonia_core::access::{ApiKey, KeyHash};
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::card::CardToken;
use harmonia_core::changes::{CardInScheme, Changes, FileEnd, Lane, Lanes, Placed, Queue, Span};
use harmonia_core::export::ExportTransaction;
use harmonia_core::identify::{CardLink, LinkedCard, MerchantIdentifier, MidDirectory};
use harmonia_core::ids::OutboxId;
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
    ExportRow, ExportScope, FileArrival, FileClaim, FileRow, ForReview, Gauges, HistoryPage,
    HistoryScope, Holder, Inquiry, Job, KeptRecord, Lease, LogRow, MatchRow, Paid, Probe,
    ProposalRow, RecordKey, RejectRow, SaleStory, SentBefore, Side, Sold, Sought, Status, Store,
    StoreError, Story, TransactionRow, Undecided, UndecidedPayment, Unsettled, WithoutSale,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use world::World;

/// A store in memory.
pub struct ModelStore {
    lease_us: i64,
    world: Mutex<World>,
}

impl ModelStore {
    /// An empty store whose leases hold for so many microseconds unless they are prolonged.
    pub fn new(lease_us: i64) -> Self {
        Self {
            lease_us,
            world: Mutex::default(),
        }
    }

    /// What is stored. A panic while it was locked left it whole: it is replaced, never half
    /// changed.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for ModelStore {
    async fn register(
        &self,
        schemes: &[(Slug, String)],
        _providers: &[(Slug, String)],
    ) -> Result<Vec<SchemeId>, StoreError> {
        let mut world = self.world();
        let slugs = schemes.iter().map(|(slug, _)| slug);
        Ok(slugs.map(|slug| world.scheme(slug)).collect())
    }

    async fn agree_on_lanes(&self, lanes: Lanes) -> Result<(), StoreError> {
        let mut world = self.world();
        let waits = world.jobs.values().any(|job| {
            job.lane.is_some() && matches!(job.queue, Queue::Matching | Queue::Identify)
        });
        let count = match world.lanes {
            Some(known) if waits => known,
            _ => lanes.count(),
        };
        world.lanes = Some(count);
        crate::agreed(count, lanes.count())
    }

    async fn commit(&self, lease: Lease, changes: Changes) -> Result<Committed, CommitError> {
        let mut world = self.world();
        let mut next = world.clone();
        let committed = next.commit(lease, changes, self.lease_us)?;
        *world = next;
        Ok(committed)
    }

    async fn claim_beside(
        &self,
        in_hand: &[Lane],
        queues: &[Queue],
        holder: &Holder,
        now: Instant,
    ) -> Result<Option<Job>, StoreError> {
        let until = now.plus(self.lease_us);
        Ok(self.world().claim(in_hand, queues, holder, (now, until)))
    }

    async fn lead(
        &self,
        holder: &Holder,
        now: Instant,
        until: Instant,
    ) -> Result<Option<Lease>, StoreError> {
        Ok(self.world().lead(holder, now, until))
    }

    async fn ticked(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        Ok(self.world().ticked.clone())
    }

    async fn check_in(&self, part: &str, at: Instant) -> Result<(), StoreError> {
        self.world().check_in(part, at);
        Ok(())
    }

    async fn check_ins(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        Ok(self.world().check_ins.clone())
    }

    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Instant>, StoreError> {
        Ok(self.world().next_due(queues))
    }

    async fn claim_file(
        &self,
        arrival: &FileArrival,
        holder: &Holder,
        now: Instant,
    ) -> Result<FileClaim, StoreError> {
        let until = now.plus(self.lease_us);
        Ok(self.world().claim_file(arrival, holder, now, until))
    }

    async fn message_log(&self, arrival: &FileArrival, now: Instant) -> Result<FileId, StoreError> {
        Ok(self.world().message_log(arrival, now))
    }

    async fn mid_directory(&self) -> Result<Arc<MidDirectory>, StoreError> {
        Ok(Arc::new(MidDirectory::new(self.world().identifier_terms())))
    }

    async fn undecided(&self, span: &Span) -> Result<Undecided, StoreError> {
        Ok(self.world().undecided(span))
    }

    async fn identities(
        &self,
        payments: &[PaymentId],
    ) -> Result<Vec<Option<CardLink>>, StoreError> {
        let world = self.world();
        Ok(payments.iter().map(|id| world.identity(*id)).collect())
    }

    async fn sales_between(&self, probes: &[AmountProbe]) -> Result<Vec<Sale>, StoreError> {
        Ok(self.world().sales_between(probes))
    }

    async fn newest_without_sale(
        &self,
        scheme: SchemeId,
        limit: usize,
    ) -> Result<Vec<PaymentId>, StoreError> {
        Ok(self.world().newest_without_sale(scheme, limit))
    }

    async fn is_busy(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError> {
        let world = self.world();
        let mut jobs = world.jobs.values();
        Ok(jobs.any(|job| queues.contains(&job.queue) && job.ready_at <= now))
    }

    async fn is_in_hand(&self, queues: &[Queue], now: Instant) -> Result<bool, StoreError> {
        let world = self.world();
        let is_leased = |job: &world::JobRow| job.leased_until().is_some_and(|until| until > now);
        let mut jobs = world.jobs.values();
        Ok(jobs.any(|job| queues.contains(&job.queue) && is_leased(job)))
    }

    async fn waiting(&self, queues: &[Queue], now: Instant, most: u32) -> Result<u64, StoreError> {
        let world = self.world();
        let jobs = world.jobs.values();
        let waiting = jobs.filter(|job| queues.contains(&job.queue) && job.ready_at <= now);
        Ok((waiting.count() as u64).min(most.into()))
    }

    async fn taken(&self, probes: &[Probe]) -> Result<Vec<(Sale, PaymentId)>, StoreError> {
        Ok(self.world().taken(probes))
    }

    async fn card_links(
        &self,
        cards: &[CardInScheme],
    ) -> Result<Vec<Option<CardLink>>, StoreError> {
        let world = self.world();
        Ok(cards.iter().map(|card| world.card_link(card)).collect())
    }

    async fn candidates(&self, probes: &[Probe]) -> Result<Vec<Sale>, StoreError> {
        Ok(self.world().candidates(probes))
    }

    async fn open_sales(&self, span: &Span) -> Result<Vec<(SchemeId, Sale)>, StoreError> {
        Ok(self.world().open_sales(span))
    }

    async fn reopened(
        &self,
        sales: &[(SchemeId, Sale, Reach)],
    ) -> Result<Vec<PaymentId>, StoreError> {
        Ok(self.world().reopened(sales))
    }

    async fn unidentified(
        &self,
        after: PaymentId,
        limit: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        Ok(self.world().unidentified(after, limit))
    }

    async fn known(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        keys: &[RecordKey],
    ) -> Result<Vec<Option<(Instant, Money)>>, StoreError> {
        let world = self.world();
        let feed = (provider.clone(), feed_type);
        Ok(keys.iter().map(|key| world.known(&feed, key)).collect())
    }

    async fn quarantined(
        &self,
        after: RejectId,
        limit: usize,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        Ok(self.world().quarantined(after, limit))
    }

    async fn kept_record(&self, id: RejectId) -> Result<Option<KeptRecord>, StoreError> {
        Ok(self.world().kept_record(id))
    }

    async fn undelivered(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<(ExportId, ExportTransaction)>, StoreError> {
        Ok(self.world().undelivered(scheme, span))
    }

    async fn unsettled(&self, scheme: SchemeId, span: &Span) -> Result<Vec<Unsettled>, StoreError> {
        Ok(self.world().unsettled(scheme, span))
    }

    async fn sent_before(
        &self,
        scheme: SchemeId,
        span: &Span,
    ) -> Result<Vec<SentBefore>, StoreError> {
        Ok(self.world().sent_before(scheme, span))
    }

    async fn answered_before(
        &self,
        feed: &Slug,
        keys: &[RequestKey],
    ) -> Result<Vec<Option<AnsweredBefore>>, StoreError> {
        Ok(self.world().answered_before(feed, keys))
    }

    async fn find_key(&self, hash: KeyHash) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.world().find_key(hash))
    }

    async fn waiting_exports(&self, scheme: SchemeId) -> Result<Vec<Span>, StoreError> {
        Ok(self.world().waiting_exports(scheme))
    }

    async fn to_sweep(&self, scope: &SweepScope) -> Result<Vec<PaymentId>, StoreError> {
        Ok(self.world().to_sweep(scope))
    }

    async fn answered(
        &self,
        scheme: SchemeId,
        answers: &[AnswerRecord],
    ) -> Result<Vec<Answered>, StoreError> {
        Ok(self.world().answered(scheme, answers))
    }

    async fn announcements(
        &self,
        most: usize,
    ) -> Result<Vec<(OutboxId, Topic, Announcement)>, StoreError> {
        Ok(self.world().waiting_announcements(most))
    }

    async fn export_file(&self, name: &str) -> Result<Option<FileEnd>, StoreError> {
        let file = self.world().export_files.get(name).copied();
        Ok(file.map(|(length, _)| FileEnd {
            name: name.to_owned(),
            length,
        }))
    }

    async fn config(&self) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.world().config.clone())
    }

    async fn kept_from(&self) -> Result<Option<Day>, StoreError> {
        Ok(self.world().kept_from)
    }
}

#[async_trait]
impl Inquiry for ModelStore {
    async fn status(&self, now: Instant) -> Result<Status, StoreError> {
        Ok(self.world().status(now))
    }

    async fn files(&self, limit: usize) -> Result<Vec<FileRow>, StoreError> {
        Ok(self.world().file_rows(limit))
    }

    async fn arrivals(
        &self,
        feed: &Slug,
        since_day: i64,
        sources: usize,
    ) -> Result<Arrivals, StoreError> {
        Ok(self.world().arrivals(feed, since_day, sources))
    }

    async fn find(
        &self,
        side: Side,
        transaction_id: &str,
    ) -> Result<Vec<TransactionRow>, StoreError> {
        Ok(self.world().find(side, transaction_id))
    }

    async fn story(&self, side: Side, id: i64) -> Result<Option<Story>, StoreError> {
        Ok(self.world().story(side, id))
    }

    async fn payment_to_explain(&self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        Ok(self.world().explained(id).map(UndecidedPayment::as_decided))
    }

    async fn sale_to_explain(&self, id: SaleId) -> Result<Option<SaleStory>, StoreError> {
        Ok(self.world().sale_story(id))
    }

    async fn neighbours(
        &self,
        payment: PaymentId,
        limit: usize,
    ) -> Result<Vec<SaleStory>, StoreError> {
        Ok(self.world().neighbours(payment, limit))
    }

    async fn payments_near(
        &self,
        sale: SaleId,
        limit: usize,
    ) -> Result<Vec<PaymentId>, StoreError> {
        Ok(self.world().payments_near(sale, limit))
    }

    async fn scheme(&self, slug: &Slug) -> Result<Option<SchemeId>, StoreError> {
        let world = self.world();
        let mut schemes = world.schemes.iter();
        Ok(schemes.find(|(_, known)| *known == slug).map(|(id, _)| *id))
    }

    async fn history(
        &self,
        scope: HistoryScope,
        pages: mpsc::Sender<HistoryPage>,
    ) -> Result<(), StoreError> {
        let history = self.world().history(scope);
        for page in history {
            if pages.send(page).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn transaction_ids(
        &self,
        side: Side,
        rows: &[i64],
    ) -> Result<Vec<(i64, String)>, StoreError> {
        Ok(self.world().transaction_ids(side, rows))
    }

    async fn matches(
        &self,
        since: Option<Instant>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<MatchRow>, StoreError> {
        Ok(self.world().match_rows(since, after, limit))
    }

    async fn rejects(
        &self,
        state: Option<RejectState>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError> {
        Ok(self.world().reject_rows(state, after, limit))
    }

    async fn exports_among(
        &self,
        among: &ExportScope,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ExportRow>, StoreError> {
        Ok(self.world().export_rows(among, after, limit))
    }

    async fn export_files(&self, since: Instant) -> Result<Vec<FileEnd>, StoreError> {
        let world = self.world();
        let written = world.export_files.iter();
        let written = written.filter(|(_, (_, at))| *at >= since);
        Ok(written
            .map(|(name, (length, _))| FileEnd {
                name: name.clone(),
                length: *length,
            })
            .collect())
    }

    async fn mids(&self) -> Result<Vec<MerchantIdentifier>, StoreError> {
        Ok(self.world().identifiers())
    }

    async fn mid_terms(&self) -> Result<Vec<MerchantIdentifier>, StoreError> {
        Ok(self.world().identifier_terms())
    }

    async fn cards(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, String, String, Option<String>, Option<String>)>, StoreError> {
        Ok(self.world().card_rows(after, limit))
    }

    async fn settlements(
        &self,
        payment: PaymentId,
    ) -> Result<Vec<(MatchId, PaymentId)>, StoreError> {
        Ok(self.world().settlements(payment))
    }

    async fn proposals(&self) -> Result<Vec<ProposalRow>, StoreError> {
        Ok(self.world().proposal_rows())
    }

    async fn log(&self, after: i64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        Ok(self.world().log_rows(after, limit))
    }

    async fn for_review(
        &self,
        scheme: Option<SchemeId>,
        reason: Option<OpenReason>,
        after: PaymentId,
        limit: usize,
    ) -> Result<Vec<ForReview>, StoreError> {
        Ok(self.world().for_review(scheme, reason, after, limit))
    }

    async fn without_sale(
        &self,
        scheme: Option<SchemeId>,
        after: PaymentId,
        limit: usize,
        looks: usize,
    ) -> Result<WithoutSale, StoreError> {
        Ok(self.world().without_sale(scheme, after, limit, looks))
    }

    async fn nearly(&self, questions: &[Nearly], limit: usize) -> Result<Vec<Sale>, StoreError> {
        Ok(self.world().nearly(questions, limit))
    }

    async fn paid(&self, sought: &Sought, limit: usize) -> Result<Vec<Paid>, StoreError> {
        Ok(self.world().paid(sought, limit))
    }

    async fn sold(&self, sought: &Sought, limit: usize) -> Result<Vec<Sold>, StoreError> {
        Ok(self.world().sold(sought, limit))
    }

    async fn known_of_day(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        day: Day,
    ) -> Result<u64, StoreError> {
        Ok(self.world().known_of_day(provider, feed_type, day))
    }

    async fn links_of_card(&self, card: &CardToken) -> Result<Vec<LinkedCard>, StoreError> {
        Ok(self.world().links_of_card(card))
    }

    async fn newest_rejects(
        &self,
        before: RejectId,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError> {
        Ok(self.world().newest_rejects(before, limit))
    }

    async fn purgeable(&self, before: Day) -> Result<Purged, StoreError> {
        Ok(self.world().purgeable(before))
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.world().api_keys())
    }

    async fn gauges(&self, now: Instant) -> Result<Gauges, StoreError> {
        Ok(self.world().gauges(now))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn audit(&self) -> Result<Vec<AuditFinding>, StoreError> {
        Ok(self.world().audit())
    }
}
