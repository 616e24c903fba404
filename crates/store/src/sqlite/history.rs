//! The past of a scheme, read from end to end: what `backtest` decides again.

use super::load::{self, Remembered};
use super::rows::{card_digits, instant, invalid, moment, money, optional_text, text};
use super::sql;
use harmonia_core::card::CardDigits;
use harmonia_core::ids::{PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::backtest::{PastPayment, PastSale, Standing};
use harmonia_core::matching::{OpenReason, Payment};
use harmonia_core::time::Instant;
use harmonia_journey::ports::{HISTORY_PAGE, HistoryPage, HistoryScope, Side};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::mpsc;

/// The scheme of a slug.
pub fn scheme(connection: &Connection, slug: &Slug) -> rusqlite::Result<Option<SchemeId>> {
    connection
        .prepare_cached(sql::scheme::find)?
        .query_row([slug.as_str()], |row| row.get(0).map(SchemeId))
        .optional()
}

/// Sends a stretch of the past, from one connection and so of one moment.
pub fn history(
    remembered: &Remembered,
    connection: &Connection,
    scope: HistoryScope,
    pages: &mpsc::Sender<HistoryPage>,
) -> rusqlite::Result<()> {
    let mut imported: Option<(Instant, Instant)> = None;
    let mid_sets = remembered.mid_sets(connection)?;
    let mut statement = connection.prepare_cached(sql::payment::history)?;
    let rows = statement.query_map(
        params![scope.scheme.0, scope.since.0, scope.until.0],
        |row| {
            let past = past_payment(remembered, connection, &mid_sets, row)?;
            let at = past.payment.imported_at;
            let (first, last) = imported.unwrap_or((at, at));
            imported = Some((first.min(at), last.max(at)));
            Ok(past)
        },
    )?;
    if !send(rows, HistoryPage::Payments, pages)? {
        return Ok(());
    }
    let Some((first, last)) = imported else {
        return Ok(());
    };
    let (first, last) = scope.sales_imported(first, last);
    let mut statement = connection.prepare_cached(sql::sale::history)?;
    let rows = statement.query_map(params![scope.scheme.0, first.0, last.0], |row| {
        Ok(PastSale {
            sale: load::sale(row)?,
            held_by: row.get::<_, Option<i64>>(11)?.map(PaymentId),
        })
    })?;
    send(rows, HistoryPage::Sales, pages)?;
    Ok(())
}

/// Sends rows in pages; false when nobody listens any more.
fn send<T>(
    mut rows: impl Iterator<Item = rusqlite::Result<T>>,
    page_of: impl Fn(Vec<T>) -> HistoryPage,
    pages: &mpsc::Sender<HistoryPage>,
) -> rusqlite::Result<bool> {
    loop {
        let page: Vec<T> = rows.by_ref().take(HISTORY_PAGE).collect::<Result<_, _>>()?;
        let is_last = page.len() < HISTORY_PAGE;
        if !page.is_empty() && pages.blocking_send(page_of(page)).is_err() {
            return Ok(false);
        }
        if is_last {
            return Ok(true);
        }
    }
}

fn past_payment(
    remembered: &Remembered,
    connection: &Connection,
    mid_sets: &load::MidSets,
    row: &Row<'_>,
) -> rusqlite::Result<PastPayment> {
    let scheme = SchemeId(row.get(2)?);
    let identified = row.get(12)?;
    let matching_type = row.get_ref(16)?.as_str_or_null()?;
    let standing = match matching_type {
        Some(_) => Standing::Matched(row.get::<_, Option<i64>>(17)?.map(SaleId)),
        None => {
            let reason = row.get_ref(15)?.as_str_or_null()?;
            let reason = reason
                .map(|name| OpenReason::from_name(name).ok_or_else(|| invalid(15, "not a reason")));
            Standing::Open(reason.transpose()?)
        }
    };
    Ok(PastPayment {
        forced: matching_type == Some("FORCED"),
        standing,
        identified,
        payment: Payment {
            id: PaymentId(row.get(0)?),
            scheme,
            provider: remembered.feed(connection, row.get(1)?)?.0,
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
pub fn transaction_ids(
    connection: &Connection,
    side: Side,
    rows: &[i64],
) -> rusqlite::Result<Vec<(i64, String)>> {
    let sql = match side {
        Side::Payment => sql::payment::transaction_ids,
        Side::Sale => sql::sale::transaction_ids,
    };
    let rows = serde_json::to_string(rows).map_err(|error| invalid(0, &error.to_string()))?;
    connection
        .prepare_cached(sql)?
        .query_map([rows], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
