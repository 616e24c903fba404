//! What people ask: status, lists, the story of one transaction.

use super::load::{self, days_around};
use super::rows::{card_digits, instant, invalid, money};
use super::{Shared, sql};
use harmonia_core::changes::FileEnd;
use harmonia_core::ids::{MatchId, PaymentId, SaleId, Slug};
use harmonia_core::matching::Payment;
use harmonia_core::money::Money;
use harmonia_core::state::RejectState;
use harmonia_core::time::{Instant, Precision};
use harmonia_journey::ports::{
    Arrivals, Counts, EndRow, ExportRow, ExportScope, FileRow, Gauges, LogRow, MatchRow, OpenCount,
    ProposalRow, RejectRow, SaleStory, Side, Status, Story, TransactionRow, UndecidedPayment,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

/// Rows of a statement, each made into a value.
fn list<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    make: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection
        .prepare_cached(sql)?
        .query_map(values, make)?
        .collect()
}

/// What has arrived of a feed.
pub fn arrivals(
    connection: &Connection,
    feed: &Slug,
    since_day: i64,
    sources: usize,
) -> rusqlite::Result<Arrivals> {
    let last: Option<i64> = connection
        .prepare_cached(sql::file::last)?
        .query_row([feed.as_str()], |row| row.get(0))?;
    let volume = params![feed.as_str(), since_day];
    let newest = params![feed.as_str(), sources];
    Ok(Arrivals {
        last: last.map(Instant),
        records: list(connection, sql::file::volume, volume, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?,
        sources: list(connection, sql::file::sources, newest, |row| row.get(0))?,
    })
}

/// Where everything stands.
pub fn status(connection: &Connection, now: Instant) -> rusqlite::Result<Status> {
    let pairs = |sql| {
        list(connection, sql, [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?))
        })
    };
    let payments = counts(connection, sql::status::payments)?;
    let sales = counts(connection, sql::status::sales)?;
    let matched = counts(connection, sql::status::matched)?;
    let [identified, matched_sales, mids, cards]: [u64; 4] = connection
        .prepare_cached(sql::status::numbers)?
        .query_row([], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        })?;
    let ended = pairs(sql::status::ended)?;
    let mut open_payments: Vec<OpenCount> = pairs(sql::status::open_payments)?
        .into_iter()
        .map(|(reason, count)| OpenCount { reason, count })
        .collect();
    let decided: u64 = open_payments.iter().map(|open| open.count).sum::<u64>()
        + ended.iter().map(|(_, count)| count).sum::<u64>()
        + matched.count;
    let waiting = payments.count.saturating_sub(decided);
    if waiting > 0 {
        open_payments.push(OpenCount {
            reason: "WAITING".to_owned(),
            count: waiting,
        });
    }
    Ok(Status {
        open_sales: sales.count.saturating_sub(matched_sales),
        payments,
        sales,
        identified,
        matched,
        ended,
        open_payments,
        exports: pairs(sql::status::exports)?,
        rejects: pairs(sql::status::rejects)?,
        jobs: list(connection, sql::status::jobs, [now.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?,
        files: pairs(sql::status::files)?,
        mids,
        cards,
    })
}

/// What stands where, without a look at every transaction there ever was.
pub fn gauges(connection: &Connection, now: Instant) -> rusqlite::Result<Gauges> {
    let pairs = |sql| list(connection, sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(Gauges {
        open_payments: pairs(sql::status::open_payments)?,
        exports: pairs(sql::status::exports)?,
        rejects: pairs(sql::status::reject_states)?,
        jobs: list(connection, sql::status::jobs, [now.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?,
        oldest_due: list(connection, sql::status::oldest_due, [now.0], |row| {
            Ok((row.get(0)?, Instant(row.get(1)?)))
        })?,
        feeds: list(connection, sql::status::feeds, [], |row| {
            let counts = [
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ];
            Ok((row.get(0)?, counts))
        })?,
    })
}

fn counts(connection: &Connection, sql: &str) -> rusqlite::Result<Counts> {
    let rows = list(connection, sql, [], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, u64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    })?;
    Ok(Counts {
        count: rows.iter().map(|row| row.1).sum(),
        amount_minor: rows
            .into_iter()
            .map(|(currency, _, sum)| (currency, sum))
            .collect(),
    })
}

/// The newest files first.
pub fn files(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<FileRow>> {
    list(connection, sql::file::list, params![limit], file_row)
}

fn file_row(row: &Row<'_>) -> rusqlite::Result<FileRow> {
    Ok(FileRow {
        id: row.get(0)?,
        feed: row.get(1)?,
        source: row.get(2)?,
        size_bytes: row.get(3)?,
        sha256: row.get(4)?,
        state: row.get(5)?,
        refusal: row.get(6)?,
        records: [
            row.get(7)?,
            row.get(8)?,
            row.get(9)?,
            row.get(10)?,
            row.get(11)?,
            row.get(12)?,
        ],
        created_at: instant(row, 13)?,
    })
}

/// The transactions with an id of the provider's own.
///
/// No index begins with that id: it is looked up in each day there is, which is as many steps as
/// days are retained, whatever the number of transactions.
pub fn find(
    connection: &Connection,
    side: Side,
    transaction_id: &str,
) -> rusqlite::Result<Vec<TransactionRow>> {
    let mut found = Vec::new();
    for id in rows_of(connection, side, transaction_id)? {
        found.extend(transaction_row(connection, side, id)?);
    }
    Ok(found)
}

/// The rows of the payments or sales with a transaction id, day by day.
pub fn rows_of(
    connection: &Connection,
    side: Side,
    transaction_id: &str,
) -> rusqlite::Result<Vec<i64>> {
    let (next_day, by_key) = match side {
        Side::Payment => (sql::payment::next_day, sql::payment::by_key),
        Side::Sale => (sql::sale::next_day, sql::sale::by_key),
    };
    let mut next_day = connection.prepare_cached(next_day)?;
    let mut found = Vec::new();
    let mut from = i64::MIN;
    while let Some(day) = next_day.query_row([from], |row| row.get::<_, Option<i64>>(0))? {
        found.extend(list(
            connection,
            by_key,
            params![day, transaction_id],
            |row| row.get::<_, i64>(0),
        )?);
        from = day + 1;
    }
    Ok(found)
}

fn transaction_row(
    connection: &Connection,
    side: Side,
    id: i64,
) -> rusqlite::Result<Option<TransactionRow>> {
    let sql = match side {
        Side::Payment => sql::payment::row,
        Side::Sale => sql::sale::row,
    };
    let make = |row: &Row<'_>| {
        let precision = Precision::from_code(row.get(6)?)
            .and_then(|precision| serde_json::to_value(precision).ok())
            .and_then(|name| name.as_str().map(str::to_owned));
        Ok(TransactionRow {
            id: row.get(0)?,
            side,
            transaction_id: row.get(1)?,
            provider_slug: row.get(2)?,
            scheme_slug: row.get(3)?,
            feed_type: row.get(4)?,
            transaction_date: instant(row, 5)?,
            precision: precision.ok_or_else(|| invalid(6, "not a precision"))?,
            spend_amount: row.get(7)?,
            spend_currency: row.get(8)?,
            mids: serde_json::from_str(row.get_ref(9)?.as_str()?)
                .map_err(|error| invalid(9, &error.to_string()))?,
            payment_provider_slug: row.get(10)?,
            auth_code: row.get(11)?,
            digits: card_digits(row, 12)?,
            status: row.get(14)?,
            pending_reason: row.get(15)?,
            contested_scheme_transaction_id: row.get(18)?,
            match_group: row.get(16)?,
            created_at: instant(row, 17)?,
        })
    };
    connection
        .prepare_cached(sql)?
        .query_row([id], make)
        .optional()
}

/// Everything about one transaction.
pub fn story(connection: &Connection, side: Side, id: i64) -> rusqlite::Result<Option<Story>> {
    let Some(transaction) = transaction_row(connection, side, id)? else {
        return Ok(None);
    };
    let of_match = match side {
        Side::Payment => sql::pairing::of_payment,
        Side::Sale => sql::pairing::of_sale,
    };
    let matches = list(connection, of_match, [id], match_row)?;
    let mut exports = Vec::new();
    for found in &matches {
        exports.extend(list(
            connection,
            sql::export::of_match,
            [found.id],
            export_row,
        )?);
    }
    let in_force = matches.iter().find(|found| found.voided_at.is_none());
    let payment = match side {
        Side::Payment => Some(id),
        Side::Sale => in_force.map(|found| found.payment_transaction_id),
    };
    let end = match side {
        Side::Payment => end_of(connection, id)?,
        Side::Sale => None,
    };
    if let Some(end) = &end {
        exports.extend(list(
            connection,
            sql::export::of_match,
            [end.id],
            export_row,
        )?);
    }
    let identity: Option<(Option<String>, i64)> = match payment {
        Some(payment) => connection
            .prepare_cached(sql::identity::find)?
            .query_row([payment], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
        None => None,
    };
    Ok(Some(Story {
        transaction,
        raw: raw(connection, id)?,
        identified_at: identity.as_ref().map(|identity| Instant(identity.1)),
        loyalty_id: identity.and_then(|identity| identity.0),
        matches,
        end,
        exports,
    }))
}

/// How a payment ended without a match.
fn end_of(connection: &Connection, payment: i64) -> rusqlite::Result<Option<EndRow>> {
    connection
        .prepare_cached(sql::pairing::end_of)?
        .query_row([payment], |row| {
            Ok(EndRow {
                id: row.get(0)?,
                kind: row.get(1)?,
                other_payment_transaction_id: row.get(2)?,
                other: row.get(3)?,
                other_feed_type: row.get(4)?,
                difference_minor: row.get(5)?,
                created_at: instant(row, 6)?,
            })
        })
        .optional()
}

/// What ended as the settlement of a payment that was matched.
pub fn settlements(
    connection: &Connection,
    payment: PaymentId,
) -> rusqlite::Result<Vec<(MatchId, PaymentId)>> {
    list(connection, sql::pairing::settlements, [payment.0], |row| {
        Ok((MatchId(row.get(0)?), PaymentId(row.get(1)?)))
    })
}

/// What waits for a second person.
pub fn proposals(connection: &Connection) -> rusqlite::Result<Vec<ProposalRow>> {
    list(connection, sql::redress::list, [], |row| {
        Ok(ProposalRow {
            action: row.get(0)?,
            payment_transaction_id: row.get(1)?,
            scheme_transaction_id: row.get(2)?,
            operator: row.get(3)?,
            reason: row.get(4)?,
            created_at: instant(row, 5)?,
        })
    })
}

/// What people did.
pub fn log(connection: &Connection, after: i64, limit: usize) -> rusqlite::Result<Vec<LogRow>> {
    list(
        connection,
        sql::audit_log::list,
        params![after, limit],
        |row| {
            Ok(LogRow {
                id: row.get(0)?,
                at: instant(row, 1)?,
                operator: row.get(2)?,
                action: row.get(3)?,
                detail: row.get(4)?,
            })
        },
    )
}

fn raw(connection: &Connection, id: i64) -> rusqlite::Result<Option<(String, i64, FileRow)>> {
    let found: Option<(String, i64, i64)> = connection
        .prepare_cached(sql::raw::find)?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((data, number, file)) = found else {
        return Ok(None);
    };
    let file = connection
        .prepare_cached(sql::file::find)?
        .query_row([file], file_row)
        .optional()?;
    Ok(file.map(|file| (data, number, file)))
}

/// What deciding would see of one payment.
pub fn payment(
    shared: &Shared,
    connection: &Connection,
    id: PaymentId,
) -> rusqlite::Result<Option<Payment>> {
    Ok(load::explained(shared, connection, id)?.map(UndecidedPayment::as_decided))
}

/// What deciding would see of one sale.
pub fn sale(connection: &Connection, id: SaleId) -> rusqlite::Result<Option<SaleStory>> {
    connection
        .prepare_cached(sql::sale::explain)?
        .query_row([id.0], |row| {
            Ok(SaleStory {
                sale: load::sale(row)?,
                transaction_id: row.get(11)?,
                matched_to: row.get(12)?,
                matched_to_row: row.get::<_, Option<i64>>(13)?.map(PaymentId),
            })
        })
        .optional()
}

/// The sales nearest to a payment: those of its amount before others, then by time.
pub fn neighbours(
    shared: &Shared,
    connection: &Connection,
    id: PaymentId,
    limit: usize,
) -> rusqlite::Result<Vec<SaleStory>> {
    let Some(payment) = payment(shared, connection, id)? else {
        return Ok(Vec::new());
    };
    let start = payment.when.start;
    let mut near = Vec::new();
    for day in days_around(start) {
        for set in payment.mid_sets.iter() {
            let Money { minor, currency } = payment.amount;
            let values = params![day, set.id.0, start.0, minor, limit, currency.as_str()];
            near.extend(list(connection, sql::sale::near, values, |row| {
                Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(0)?))
            })?);
        }
    }
    let mut found = Vec::new();
    for (apart, id) in near {
        found.extend(sale(connection, SaleId(id))?.map(|story| (apart, story)));
    }
    found
        .sort_by_key(|(apart, story)| (story.sale.amount != payment.amount, *apart, story.sale.id));
    found.truncate(limit);
    Ok(found.into_iter().map(|(_, story)| story).collect())
}

/// The payments nearest to a sale: those of its amount before others, then by time.
pub fn payments_near(
    connection: &Connection,
    id: SaleId,
    limit: usize,
) -> rusqlite::Result<Vec<PaymentId>> {
    let place = "SELECT s.scheme_id, ms.mids, s.date, s.amount, s.currency
                 FROM sale s JOIN mid_set ms ON ms.id = s.mid_set_id WHERE s.id = ?1";
    let found: Option<(i64, String, i64, Money)> = connection
        .prepare_cached(place)?
        .query_row([id.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, money(row, 3)?))
        })
        .optional()?;
    let Some((scheme, mids, date, Money { minor, currency })) = found else {
        return Ok(Vec::new());
    };
    let mut near: Vec<(bool, i64, i64)> = Vec::new();
    for day in days_around(Instant(date)) {
        let values = params![day, scheme, date, minor, limit, mids, currency.as_str()];
        near.extend(list(connection, sql::payment::near, values, |row| {
            Ok((row.get(1)?, row.get(2)?, row.get(0)?))
        })?);
    }
    near.sort_unstable();
    near.truncate(limit);
    Ok(near.into_iter().map(|(_, _, id)| PaymentId(id)).collect())
}

/// Matches, oldest first.
pub fn matches(
    connection: &Connection,
    since: Option<Instant>,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<MatchRow>> {
    let since = since.map_or(i64::MIN, |since| since.0);
    list(
        connection,
        sql::pairing::rows,
        params![after, since, limit],
        match_row,
    )
}

fn match_row(row: &Row<'_>) -> rusqlite::Result<MatchRow> {
    Ok(MatchRow {
        id: row.get(0)?,
        payment_transaction_id: row.get(1)?,
        scheme_transaction_id: row.get(2)?,
        payment: row.get(3)?,
        sale: row.get(4)?,
        scheme_slug: row.get(5)?,
        payment_provider_slug: row.get(6)?,
        matching_type: row.get(7)?,
        spend_amount: row.get(8)?,
        spend_currency: row.get(9)?,
        transaction_date: instant(row, 10)?,
        evidence: row.get(11)?,
        status: row.get(12)?,
        created_at: instant(row, 13)?,
        operator: row.get(14)?,
        reason: row.get(15)?,
        voided_at: row.get::<_, Option<i64>>(16)?.map(Instant),
        voided_by: row.get(17)?,
        void_reason: row.get(18)?,
    })
}

/// Bad records, oldest first.
pub fn rejects(
    connection: &Connection,
    state: Option<RejectState>,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<RejectRow>> {
    list(
        connection,
        sql::reject::list,
        params![after, limit, state.map(RejectState::as_str)],
        reject_row,
    )
}

/// A bad record, in the columns that every list of them has.
pub fn reject_row(row: &Row<'_>) -> rusqlite::Result<RejectRow> {
    Ok(RejectRow {
        id: row.get(0)?,
        feed: row.get(1)?,
        source: row.get(2)?,
        number: row.get(3)?,
        state: row.get(4)?,
        reason: row.get(5)?,
        field: row.get(6)?,
        detail: row.get(7)?,
        data: row.get(8)?,
        created_at: instant(row, 9)?,
    })
}

/// Exports, oldest first.
pub fn exports(
    connection: &Connection,
    among: &ExportScope,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<ExportRow>> {
    list(
        connection,
        sql::export::list,
        params![
            after,
            among.status,
            limit,
            among.scheme,
            among.since.map(|since| since.0)
        ],
        export_row,
    )
}

fn export_row(row: &Row<'_>) -> rusqlite::Result<ExportRow> {
    Ok(ExportRow {
        id: row.get(0)?,
        provider_slug: row.get(1)?,
        transaction_id: row.get(2)?,
        loyalty_id: row.get(3)?,
        spend_amount: row.get(4)?,
        spend_currency: row.get(5)?,
        export_uid: row.get(6)?,
        status: row.get(7)?,
        status_reason: row.get(8)?,
        tries: row.get(9)?,
        destination: row.get(10)?,
        response: row.get(11)?,
        created_at: instant(row, 12)?,
        matched_transaction_id: row.get(13)?,
        result: row.get(14)?,
        result_at: row.get::<_, Option<i64>>(15)?.map(Instant),
    })
}

/// The export files that were begun or written to since a time, by name.
pub fn export_files(connection: &Connection, since: Instant) -> rusqlite::Result<Vec<FileEnd>> {
    list(connection, sql::export::files, [since.0], |row| {
        Ok(FileEnd {
            name: row.get(0)?,
            length: row.get(1)?,
        })
    })
}

/// A linked card as a person reads it: row, token, scheme, loyalty id, last four.
type CardLine = (i64, String, String, Option<String>, Option<String>);

/// Linked cards.
pub fn cards(connection: &Connection, after: i64, limit: usize) -> rusqlite::Result<Vec<CardLine>> {
    list(connection, sql::card::list, params![after, limit], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        ))
    })
}
