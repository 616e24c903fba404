//! The past of a scheme, read from end to end: what `backtest` decides again.

use super::connection::Session;
use super::failure::Failure;
use super::load::{self, MidSets, open_reason};
use super::rows::{Time, card_digits, get, instant, invalid, moment, money, optional_text, text};
use super::{Shared, sql};
use futures_util::TryStreamExt;
use harmonia_core::card::CardDigits;
use harmonia_core::ids::{PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::Payment;
use harmonia_core::matching::backtest::{PastPayment, PastSale, Standing};
use harmonia_core::time::Instant;
use harmonia_journey::ports::{HISTORY_PAGE, HistoryPage, HistoryScope, Side};
use tokio::sync::mpsc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The scheme of a slug.
pub async fn scheme(session: &Session<'_>, slug: &Slug) -> Result<Option<SchemeId>, Failure> {
    let row = session.maybe(sql::scheme::find, &[&slug.as_str()]).await?;
    row.map(|row| get(&row, 0).map(SchemeId)).transpose()
}

/// Sends a stretch of the past, of one moment, as it comes.
pub async fn history(
    shared: &Shared,
    session: &Session<'_>,
    scope: HistoryScope,
    pages: &mpsc::Sender<HistoryPage>,
) -> Result<(), Failure> {
    session.look_at_everything().await?;
    let mid_sets = shared.remembered.mid_sets(session).await?;
    shared.remembered.all_feeds(session).await?;
    let values: [&(dyn ToSql + Sync); 3] =
        [&scope.scheme.0, &Time(scope.since), &Time(scope.until)];
    let mut imported: Option<(Instant, Instant)> = None;
    let mut page = Vec::new();
    let mut rows = std::pin::pin!(session.stream(sql::payment::history, &values).await?);
    while let Some(row) = rows.try_next().await? {
        let provider = shared.remembered.provider(get(&row, 1)?);
        let provider = provider.ok_or_else(|| invalid(1, "a feed that is not there"))?;
        let past = past_payment(provider, &mid_sets, &row)?;
        let at = past.payment.imported_at;
        let (first, last) = imported.unwrap_or((at, at));
        imported = Some((first.min(at), last.max(at)));
        page.push(past);
        if page.len() == HISTORY_PAGE
            && !send(HistoryPage::Payments(std::mem::take(&mut page)), pages).await
        {
            return Ok(());
        }
    }
    if !page.is_empty() && !send(HistoryPage::Payments(page), pages).await {
        return Ok(());
    }
    let Some((first, last)) = imported else {
        return Ok(());
    };
    let (first, last) = scope.sales_imported(first, last);
    let values: [&(dyn ToSql + Sync); 3] = [&scope.scheme.0, &Time(first), &Time(last)];
    let mut page = Vec::new();
    let mut rows = std::pin::pin!(session.stream(sql::sale::history, &values).await?);
    while let Some(row) = rows.try_next().await? {
        page.push(PastSale {
            sale: load::sale(&row)?,
            held_by: get::<Option<i64>>(&row, 11)?.map(PaymentId),
        });
        if page.len() == HISTORY_PAGE
            && !send(HistoryPage::Sales(std::mem::take(&mut page)), pages).await
        {
            return Ok(());
        }
    }
    if !page.is_empty() {
        send(HistoryPage::Sales(page), pages).await;
    }
    Ok(())
}

/// Sends a page; false when nobody listens any more.
async fn send(page: HistoryPage, pages: &mpsc::Sender<HistoryPage>) -> bool {
    pages.send(page).await.is_ok()
}

fn past_payment(provider: Slug, mid_sets: &MidSets, row: &Row) -> Result<PastPayment, Failure> {
    let scheme = SchemeId(get(row, 2)?);
    let identified = get(row, 12)?;
    let matching_type: Option<&str> = get(row, 16)?;
    let standing = match matching_type {
        Some(_) => Standing::Matched(get::<Option<i64>>(row, 17)?.map(SaleId)),
        None => Standing::Open(open_reason(row, 15)?),
    };
    Ok(PastPayment {
        forced: matching_type == Some("FORCED"),
        standing,
        identified,
        payment: Payment {
            id: PaymentId(get(row, 0)?),
            scheme,
            provider,
            mid_sets: mid_sets.holding(scheme, text(row, 3)?),
            when: moment(row, 4)?,
            amount: money(row, 6)?,
            auth_code: optional_text(row, 10)?,
            digits: card_digits(row, 8)?,
            user_card: if identified {
                card_digits(row, 13)?
            } else {
                CardDigits::default()
            },
            imported_at: instant(row, 11)?,
        },
    })
}

/// The providers' own ids of payments or sales.
pub async fn transaction_ids(
    session: &Session<'_>,
    side: Side,
    rows: &[i64],
) -> Result<Vec<(i64, String)>, Failure> {
    let sql = match side {
        Side::Payment => sql::payment::transaction_ids,
        Side::Sale => sql::sale::transaction_ids,
    };
    let row = |row: &Row| Ok((get(row, 0)?, get(row, 1)?));
    session.list(sql, &[&rows], row).await
}
