//! What people ask: each question, and where it is answered.

use super::connection::Session;
use super::{
    PostgresStore, audit, connect, desk, history, inquiry, keys, load, migrate, purge, read, sql,
};
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

    async fn exports_among(
        &self,
        among: &ExportScope,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ExportRow>, StoreError> {
        read!(self, |_shared, session| inquiry::exports(
            session, among, after, limit
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
