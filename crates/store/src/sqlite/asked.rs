//! What people ask: each question, and where it is answered.

use super::{SqliteStore, audit, desk, history, inquiry, keys, load, migrate, purge, sql};
use async_trait::async_trait;
use harmonia_core::access::ApiKey;
use harmonia_core::card::CardToken;
use harmonia_core::changes::FileEnd;
use harmonia_core::identify::{LinkedCard, MerchantIdentifier};
use harmonia_core::ids::{MatchId, PaymentId, RejectId, SaleId, SchemeId, Slug};
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{OpenReason, Payment, Sale};
use harmonia_core::retention::Purged;
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{
    Arrivals, AuditFinding, ExportRow, ExportScope, FileRow, ForReview, Gauges, HistoryPage,
    HistoryScope, Inquiry, LogRow, MatchRow, Paid, ProposalRow, RejectRow, SaleStory, Side, Sold,
    Sought, Status, StoreError, Story, TransactionRow, WithoutSale,
};
use tokio::sync::mpsc;

#[async_trait]
impl Inquiry for SqliteStore {
    async fn status(&self, now: Instant) -> Result<Status, StoreError> {
        self.read(move |_, connection| inquiry::status(connection, now))
            .await
    }

    async fn files(&self, limit: usize) -> Result<Vec<FileRow>, StoreError> {
        self.read(move |_, connection| inquiry::files(connection, limit))
            .await
    }

    async fn arrivals(
        &self,
        feed: &Slug,
        since_day: i64,
        sources: usize,
    ) -> Result<Arrivals, StoreError> {
        let feed = feed.clone();
        self.read(move |_, connection| inquiry::arrivals(connection, &feed, since_day, sources))
            .await
    }

    async fn find(
        &self,
        side: Side,
        transaction_id: &str,
    ) -> Result<Vec<TransactionRow>, StoreError> {
        let transaction_id = transaction_id.to_owned();
        self.read(move |_, connection| inquiry::find(connection, side, &transaction_id))
            .await
    }

    async fn story(&self, side: Side, id: i64) -> Result<Option<Story>, StoreError> {
        self.read(move |_, connection| inquiry::story(connection, side, id))
            .await
    }

    async fn payment_to_explain(&self, id: PaymentId) -> Result<Option<Payment>, StoreError> {
        self.read(move |shared, connection| inquiry::payment(shared, connection, id))
            .await
    }

    async fn sale_to_explain(&self, id: SaleId) -> Result<Option<SaleStory>, StoreError> {
        self.read(move |_, connection| inquiry::sale(connection, id))
            .await
    }

    async fn neighbours(
        &self,
        payment: PaymentId,
        limit: usize,
    ) -> Result<Vec<SaleStory>, StoreError> {
        self.read(move |shared, connection| inquiry::neighbours(shared, connection, payment, limit))
            .await
    }

    async fn payments_near(
        &self,
        sale: SaleId,
        limit: usize,
    ) -> Result<Vec<PaymentId>, StoreError> {
        self.read(move |_, connection| inquiry::payments_near(connection, sale, limit))
            .await
    }

    async fn scheme(&self, slug: &Slug) -> Result<Option<SchemeId>, StoreError> {
        let slug = slug.clone();
        self.read(move |_, connection| history::scheme(connection, &slug))
            .await
    }

    async fn history(
        &self,
        scope: HistoryScope,
        pages: mpsc::Sender<HistoryPage>,
    ) -> Result<(), StoreError> {
        self.read(move |shared, connection| {
            history::history(&shared.remembered, connection, scope, &pages)
        })
        .await
    }

    async fn transaction_ids(
        &self,
        side: Side,
        rows: &[i64],
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let rows = rows.to_vec();
        self.read(move |_, connection| history::transaction_ids(connection, side, &rows))
            .await
    }

    async fn matches(
        &self,
        since: Option<Instant>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<MatchRow>, StoreError> {
        self.read(move |_, connection| inquiry::matches(connection, since, after, limit))
            .await
    }

    async fn rejects(
        &self,
        state: Option<RejectState>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError> {
        self.read(move |_, connection| inquiry::rejects(connection, state, after, limit))
            .await
    }

    async fn exports_among(
        &self,
        among: &ExportScope,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ExportRow>, StoreError> {
        let among = among.clone();
        self.read(move |_, connection| inquiry::exports(connection, &among, after, limit))
            .await
    }

    async fn export_files(&self, since: Instant) -> Result<Vec<FileEnd>, StoreError> {
        self.read(move |_, connection| inquiry::export_files(connection, since))
            .await
    }

    async fn mids(&self) -> Result<Vec<MerchantIdentifier>, StoreError> {
        self.read(|_, connection| load::identifiers(connection, sql::mid::in_force))
            .await
    }

    async fn mid_terms(&self) -> Result<Vec<MerchantIdentifier>, StoreError> {
        self.read(|_, connection| load::identifiers(connection, sql::mid::all))
            .await
    }

    async fn cards(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, String, String, Option<String>, Option<String>)>, StoreError> {
        self.read(move |_, connection| inquiry::cards(connection, after, limit))
            .await
    }

    async fn settlements(
        &self,
        payment: PaymentId,
    ) -> Result<Vec<(MatchId, PaymentId)>, StoreError> {
        self.read(move |_, connection| inquiry::settlements(connection, payment))
            .await
    }

    async fn proposals(&self) -> Result<Vec<ProposalRow>, StoreError> {
        self.read(|_, connection| inquiry::proposals(connection))
            .await
    }

    async fn log(&self, after: i64, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        self.read(move |_, connection| inquiry::log(connection, after, limit))
            .await
    }

    async fn for_review(
        &self,
        scheme: Option<SchemeId>,
        reason: Option<OpenReason>,
        after: PaymentId,
        limit: usize,
    ) -> Result<Vec<ForReview>, StoreError> {
        self.read(move |_, connection| desk::for_review(connection, scheme, reason, after, limit))
            .await
    }

    async fn without_sale(
        &self,
        scheme: Option<SchemeId>,
        after: PaymentId,
        limit: usize,
        looks: usize,
    ) -> Result<WithoutSale, StoreError> {
        self.read(move |_, connection| desk::without_sale(connection, scheme, after, limit, looks))
            .await
    }

    async fn nearly(&self, questions: &[Nearly], limit: usize) -> Result<Vec<Sale>, StoreError> {
        let questions = questions.to_vec();
        self.read(move |_, connection| desk::nearly(connection, &questions, limit))
            .await
    }

    async fn paid(&self, sought: &Sought, limit: usize) -> Result<Vec<Paid>, StoreError> {
        let sought = sought.clone();
        self.read(move |shared, connection| desk::paid(shared, connection, &sought, limit))
            .await
    }

    async fn sold(&self, sought: &Sought, limit: usize) -> Result<Vec<Sold>, StoreError> {
        let sought = sought.clone();
        self.read(move |_, connection| desk::sold(connection, &sought, limit))
            .await
    }

    async fn known_of_day(
        &self,
        provider: &Slug,
        feed_type: FeedType,
        day: Day,
    ) -> Result<u64, StoreError> {
        let provider = provider.clone();
        self.read(move |_, connection| desk::known_of_day(connection, &provider, feed_type, day))
            .await
    }

    async fn links_of_card(&self, card: &CardToken) -> Result<Vec<LinkedCard>, StoreError> {
        let card = card.clone();
        self.read(move |_, connection| desk::links_of_card(connection, &card))
            .await
    }

    async fn newest_rejects(
        &self,
        before: RejectId,
        limit: usize,
    ) -> Result<Vec<RejectRow>, StoreError> {
        self.read(move |_, connection| desk::newest_rejects(connection, before, limit))
            .await
    }

    async fn purgeable(&self, before: Day) -> Result<Purged, StoreError> {
        self.read(move |_, connection| purge::count(connection, before))
            .await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.read(|_, connection| keys::all(connection)).await
    }

    async fn gauges(&self, now: Instant) -> Result<Gauges, StoreError> {
        self.read(move |_, connection| inquiry::gauges(connection, now))
            .await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        match self
            .read(|_, connection| migrate::is_current(connection))
            .await?
        {
            true => Ok(()),
            false => Err(StoreError::Broken(
                "the schema is another version's: start the Harmonia that belongs to it".to_owned(),
            )),
        }
    }

    async fn audit(&self) -> Result<Vec<AuditFinding>, StoreError> {
        self.read(|_, connection| audit::audit(connection)).await
    }
}
