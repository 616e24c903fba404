//! What people ask: status, lists, the story of one transaction.

use super::connection::Session;
use super::failure::Failure;
use super::load;
use super::rows::{
    Date, Time, card_digits, count, get, instant, invalid, limit, money, named_count,
    optional_instant, precision,
};
use super::{Shared, sql};
use harmonia_core::changes::FileEnd;
use harmonia_core::ids::{MatchId, PaymentId, SaleId, Slug};
use harmonia_core::matching::Payment;
use harmonia_core::money::Money;
use harmonia_core::retention::begin_of;
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant};
use harmonia_journey::ports::{
    Arrivals, Counts, EndRow, ExportRow, ExportScope, FileRow, Gauges, LogRow, MatchRow, OpenCount,
    ProposalRow, RejectRow, SaleStory, Side, Status, Story, TransactionRow, UndecidedPayment,
};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What has arrived of a feed.
pub async fn arrivals(
    session: &Session<'_>,
    feed: &Slug,
    since_day: i64,
    sources: usize,
) -> Result<Arrivals, Failure> {
    let feed = feed.as_str();
    let last: Option<Time> = session.value(sql::file::last, &[&feed]).await?;
    let since = Day(i32::try_from(since_day).unwrap_or(i32::MIN));
    let volume: [&(dyn ToSql + Sync); 2] = [&feed, &Time(begin_of(since))];
    let newest: [&(dyn ToSql + Sync); 2] = [&feed, &limit(sources)];
    let day = |row: &Row| Ok((get(row, 0)?, count(row, 1)?));
    let source = |row: &Row| get(row, 0);
    Ok(Arrivals {
        last: last.map(|last| last.0),
        records: session.list(sql::file::volume, &volume, day).await?,
        sources: session.list(sql::file::sources, &newest, source).await?,
    })
}

/// Where everything stands.
pub async fn status(session: &Session<'_>, now: Instant) -> Result<Status, Failure> {
    session.look_at_everything().await?;
    let payments = counts(session, sql::status::payments).await?;
    let sales = counts(session, sql::status::sales).await?;
    let matched = counts(session, sql::status::matched).await?;
    let numbers = session.maybe(sql::status::numbers, &[]).await?;
    let numbers = numbers.ok_or_else(|| invalid(0, "missing"))?;
    let ended = session.list(sql::status::ended, &[], named_count).await?;
    let open = session
        .list(sql::status::open_payments, &[], named_count)
        .await?;
    let decided: u64 = open.iter().map(|(_, count)| count).sum::<u64>()
        + ended.iter().map(|(_, count)| count).sum::<u64>()
        + matched.count;
    let mut open_payments: Vec<OpenCount> = open
        .into_iter()
        .map(|(reason, count)| OpenCount { reason, count })
        .collect();
    let waiting = payments.count.saturating_sub(decided);
    if waiting > 0 {
        open_payments.push(OpenCount {
            reason: "WAITING".to_owned(),
            count: waiting,
        });
    }
    Ok(Status {
        open_sales: sales.count.saturating_sub(count(&numbers, 1)?),
        payments,
        sales,
        identified: count(&numbers, 0)?,
        matched,
        ended,
        open_payments,
        exports: session.list(sql::status::exports, &[], named_count).await?,
        rejects: session.list(sql::status::rejects, &[], named_count).await?,
        jobs: session
            .list(sql::status::jobs, &[&Time(now)], queue)
            .await?,
        files: session.list(sql::status::files, &[], named_count).await?,
        mids: count(&numbers, 2)?,
        cards: count(&numbers, 3)?,
    })
}

/// What stands where, without a look at every transaction there ever was.
pub async fn gauges(session: &Session<'_>, now: Instant) -> Result<Gauges, Failure> {
    session.look_at_everything().await?;
    let now = Time(now);
    Ok(Gauges {
        open_payments: session
            .list(sql::status::open_payments, &[], named_count)
            .await?,
        exports: session.list(sql::status::exports, &[], named_count).await?,
        rejects: session
            .list(sql::status::reject_states, &[], named_count)
            .await?,
        jobs: session.list(sql::status::jobs, &[&now], queue).await?,
        oldest_due: session
            .list(sql::status::oldest_due, &[&now], |row| {
                Ok((get(row, 0)?, instant(row, 1)?))
            })
            .await?,
        feeds: session
            .list(sql::status::feeds, &[], |row| {
                let counts = [
                    count(row, 1)?,
                    count(row, 2)?,
                    count(row, 3)?,
                    count(row, 4)?,
                    count(row, 5)?,
                ];
                Ok((get(row, 0)?, counts))
            })
            .await?,
    })
}

/// A queue, and its jobs that are due, scheduled, being worked on.
fn queue(row: &Row) -> Result<(String, u64, u64, u64), Failure> {
    Ok((get(row, 0)?, count(row, 1)?, count(row, 2)?, count(row, 3)?))
}

async fn counts(session: &Session<'_>, sql: &str) -> Result<Counts, Failure> {
    let row = |row: &Row| Ok((get(row, 0)?, count(row, 1)?, get(row, 2)?));
    let rows: Vec<(String, u64, i64)> = session.list(sql, &[], row).await?;
    Ok(Counts {
        count: rows.iter().map(|row| row.1).sum(),
        amount_minor: rows
            .into_iter()
            .map(|(currency, _, sum)| (currency, sum))
            .collect(),
    })
}

/// The newest files first.
pub async fn files(session: &Session<'_>, most: usize) -> Result<Vec<FileRow>, Failure> {
    session
        .list(sql::file::list, &[&limit(most)], file_row)
        .await
}

fn file_row(row: &Row) -> Result<FileRow, Failure> {
    Ok(FileRow {
        id: get(row, 0)?,
        feed: get(row, 1)?,
        source: get(row, 2)?,
        size_bytes: get(row, 3)?,
        sha256: get(row, 4)?,
        state: get(row, 5)?,
        refusal: get(row, 6)?,
        records: [
            get(row, 7)?,
            get(row, 8)?,
            get(row, 9)?,
            get(row, 10)?,
            get(row, 11)?,
            get(row, 12)?,
        ],
        created_at: instant(row, 13)?,
    })
}

/// The transactions with an id of the provider's own.
pub async fn find(
    session: &Session<'_>,
    side: Side,
    transaction_id: &str,
) -> Result<Vec<TransactionRow>, Failure> {
    let mut found = Vec::new();
    for id in rows_of(session, side, transaction_id).await? {
        found.extend(transaction_row(session, side, id).await?);
    }
    Ok(found)
}

/// The rows of the payments or sales with a transaction id, day by day.
pub async fn rows_of(
    session: &Session<'_>,
    side: Side,
    transaction_id: &str,
) -> Result<Vec<i64>, Failure> {
    let by_key = match side {
        Side::Payment => sql::payment::by_key,
        Side::Sale => sql::sale::by_key,
    };
    let transaction_id = super::rows::storable(transaction_id);
    let row = |row: &Row| get(row, 0);
    session.list(by_key, &[&transaction_id.as_str()], row).await
}

async fn transaction_row(
    session: &Session<'_>,
    side: Side,
    id: i64,
) -> Result<Option<TransactionRow>, Failure> {
    let sql = match side {
        Side::Payment => sql::payment::row,
        Side::Sale => sql::sale::row,
    };
    let Some(row) = &session.maybe(sql, &[&id]).await? else {
        return Ok(None);
    };
    let precision = serde_json::to_value(precision(row, 6)?)?;
    let precision = precision.as_str().map(str::to_owned);
    Ok(Some(TransactionRow {
        id: get(row, 0)?,
        side,
        transaction_id: get(row, 1)?,
        provider_slug: get(row, 2)?,
        scheme_slug: get(row, 3)?,
        feed_type: get(row, 4)?,
        transaction_date: instant(row, 5)?,
        precision: precision.ok_or_else(|| invalid(6, "not a precision"))?,
        spend_amount: get(row, 7)?,
        spend_currency: get(row, 8)?,
        mids: get(row, 9)?,
        payment_provider_slug: get(row, 10)?,
        auth_code: get(row, 11)?,
        digits: card_digits(row, 12)?,
        status: get(row, 14)?,
        pending_reason: get(row, 15)?,
        contested_scheme_transaction_id: get(row, 18)?,
        match_group: get(row, 16)?,
        created_at: instant(row, 17)?,
    }))
}

/// Everything about one transaction.
pub async fn story(session: &Session<'_>, side: Side, id: i64) -> Result<Option<Story>, Failure> {
    let Some(transaction) = transaction_row(session, side, id).await? else {
        return Ok(None);
    };
    let read_at = transaction.created_at;
    let of_match = match side {
        Side::Payment => sql::pairing::of_payment,
        Side::Sale => sql::pairing::of_sale,
    };
    let matches = session.list(of_match, &[&id], match_row).await?;
    let in_force = matches.iter().find(|found| found.voided_at.is_none());
    let payment = match side {
        Side::Payment => Some(id),
        Side::Sale => in_force.map(|found| found.payment_transaction_id),
    };
    let end = match side {
        Side::Payment => end_of(session, id).await?,
        Side::Sale => None,
    };
    let told = matches.iter().map(|found| found.id);
    let told: Vec<i64> = told.chain(end.as_ref().map(|end| end.id)).collect();
    let mut exports = Vec::new();
    for pairing in told {
        exports.extend(
            session
                .list(sql::export::of_match, &[&pairing], export_row)
                .await?,
        );
    }
    let identity = match payment {
        Some(payment) => session.maybe(sql::identity::find, &[&payment]).await?,
        None => None,
    };
    let identity = identity.as_ref();
    Ok(Some(Story {
        transaction,
        raw: raw(session, id, read_at).await?,
        identified_at: identity.map(|row| instant(row, 1)).transpose()?,
        loyalty_id: match identity {
            Some(row) => get(row, 0)?,
            None => None,
        },
        matches,
        end,
        exports,
    }))
}

/// How a payment ended without a match.
async fn end_of(session: &Session<'_>, payment: i64) -> Result<Option<EndRow>, Failure> {
    let row = session.maybe(sql::pairing::end_of, &[&payment]).await?;
    let Some(row) = &row else {
        return Ok(None);
    };
    Ok(Some(EndRow {
        id: get(row, 0)?,
        kind: get(row, 1)?,
        other_payment_transaction_id: get(row, 2)?,
        other: get(row, 3)?,
        other_feed_type: get(row, 4)?,
        difference_minor: get(row, 5)?,
        created_at: instant(row, 6)?,
    }))
}

/// What ended as the settlement of a payment that was matched.
pub async fn settlements(
    session: &Session<'_>,
    payment: PaymentId,
) -> Result<Vec<(MatchId, PaymentId)>, Failure> {
    let row = |row: &Row| Ok((MatchId(get(row, 0)?), PaymentId(get(row, 1)?)));
    session
        .list(sql::pairing::settlements, &[&payment.0], row)
        .await
}

/// What waits for a second person.
pub async fn proposals(session: &Session<'_>) -> Result<Vec<ProposalRow>, Failure> {
    let row = |row: &Row| {
        Ok(ProposalRow {
            action: get(row, 0)?,
            payment_transaction_id: get(row, 1)?,
            scheme_transaction_id: get(row, 2)?,
            operator: get(row, 3)?,
            reason: get(row, 4)?,
            created_at: instant(row, 5)?,
        })
    };
    session.list(sql::redress::list, &[], row).await
}

/// What people did.
pub async fn log(session: &Session<'_>, after: i64, most: usize) -> Result<Vec<LogRow>, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&after, &limit(most)];
    let row = |row: &Row| {
        Ok(LogRow {
            id: get(row, 0)?,
            at: instant(row, 1)?,
            operator: get(row, 2)?,
            action: get(row, 3)?,
            detail: get(row, 4)?,
        })
    };
    session.list(sql::audit_log::list, &values, row).await
}

/// The raw record from which a transaction was read by a commit of this stamp.
async fn raw(
    session: &Session<'_>,
    id: i64,
    read_at: Instant,
) -> Result<Option<(String, i64, FileRow)>, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&id, &Time(read_at)];
    let found = match session.maybe(sql::raw::find, &values).await? {
        Some(found) => Some(found),
        // A release that knows of no months took it up where it was.
        None => session.maybe(sql::raw::search, &[&id]).await?,
    };
    let Some(found) = found else {
        return Ok(None);
    };
    let file: i64 = get(&found, 2)?;
    let Some(file) = session.maybe(sql::file::find, &[&file]).await? else {
        return Ok(None);
    };
    Ok(Some((get(&found, 0)?, get(&found, 1)?, file_row(&file)?)))
}

/// What deciding would see of one payment.
pub async fn payment(
    shared: &Shared,
    session: &Session<'_>,
    id: PaymentId,
) -> Result<Option<Payment>, Failure> {
    let found = load::explained(shared, session, id).await?;
    Ok(found.map(UndecidedPayment::as_decided))
}

/// What deciding would see of one sale.
pub async fn sale(session: &Session<'_>, id: SaleId) -> Result<Option<SaleStory>, Failure> {
    let rows = session.rows(sql::sale::explain, &[&id.0]).await?;
    // One that is paid in parts has a row for each.
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(SaleStory {
        sale: load::sale(row)?,
        transaction_id: get(row, 11)?,
        matched_to: get(row, 12)?,
        matched_to_row: get::<Option<i64>>(row, 13)?.map(PaymentId),
    }))
}

/// The UTC days around an instant, the instant's own first.
fn days_around(instant: Instant) -> [Day; 3] {
    let day = instant.day().0;
    [Day(day), Day(day - 1), Day(day + 1)]
}

/// The sales nearest to a payment: those of its amount before others, then by time.
pub async fn neighbours(
    shared: &Shared,
    session: &Session<'_>,
    id: PaymentId,
    most: usize,
) -> Result<Vec<SaleStory>, Failure> {
    let Some(payment) = payment(shared, session, id).await? else {
        return Ok(Vec::new());
    };
    let start = payment.when.start;
    let Money { minor, currency } = payment.amount;
    let mut near: Vec<(i64, i64)> = Vec::new();
    for day in days_around(start) {
        for set in payment.mid_sets.iter() {
            let values: [&(dyn ToSql + Sync); 6] = [
                &Date(day),
                &set.id.0,
                &Time(start),
                &minor,
                &limit(most),
                &currency.as_str(),
            ];
            let row = |row: &Row| Ok((get(row, 1)?, get(row, 0)?));
            near.extend(session.list(sql::sale::near, &values, row).await?);
        }
    }
    let mut found = Vec::new();
    for (apart, id) in near {
        let story = sale(session, SaleId(id)).await?;
        found.extend(story.map(|story| (apart, story)));
    }
    found
        .sort_by_key(|(apart, story)| (story.sale.amount != payment.amount, *apart, story.sale.id));
    found.truncate(most);
    Ok(found.into_iter().map(|(_, story)| story).collect())
}

/// The payments nearest to a sale: those of its amount before others, then by time.
pub async fn payments_near(
    session: &Session<'_>,
    id: SaleId,
    most: usize,
) -> Result<Vec<PaymentId>, Failure> {
    let Some(place) = session.maybe(sql::payment::of_sale, &[&id.0]).await? else {
        return Ok(Vec::new());
    };
    let (scheme, date): (i64, Instant) = (get(&place, 0)?, instant(&place, 2)?);
    let mids: Vec<&str> = get(&place, 1)?;
    let Money { minor, currency } = money(&place, 3)?;
    let mut near: Vec<(bool, i64, i64)> = Vec::new();
    for day in days_around(date) {
        let values: [&(dyn ToSql + Sync); 7] = [
            &Date(day),
            &scheme,
            &Time(date),
            &minor,
            &limit(most),
            &mids,
            &currency.as_str(),
        ];
        let row = |row: &Row| Ok((get(row, 1)?, get(row, 2)?, get(row, 0)?));
        near.extend(session.list(sql::payment::near, &values, row).await?);
    }
    near.sort_unstable();
    near.truncate(most);
    Ok(near.into_iter().map(|(_, _, id)| PaymentId(id)).collect())
}

/// Matches, oldest first.
pub async fn matches(
    session: &Session<'_>,
    since: Option<Instant>,
    after: i64,
    most: usize,
) -> Result<Vec<MatchRow>, Failure> {
    let since = Time(since.unwrap_or(Instant(i64::MIN)));
    let values: [&(dyn ToSql + Sync); 3] = [&after, &since, &limit(most)];
    session.list(sql::pairing::rows, &values, match_row).await
}

fn match_row(row: &Row) -> Result<MatchRow, Failure> {
    Ok(MatchRow {
        id: get(row, 0)?,
        payment_transaction_id: get(row, 1)?,
        scheme_transaction_id: get(row, 2)?,
        payment: get(row, 3)?,
        sale: get(row, 4)?,
        scheme_slug: get(row, 5)?,
        payment_provider_slug: get(row, 6)?,
        matching_type: get(row, 7)?,
        spend_amount: get(row, 8)?,
        spend_currency: get(row, 9)?,
        transaction_date: instant(row, 10)?,
        evidence: get(row, 11)?,
        status: get(row, 12)?,
        created_at: instant(row, 13)?,
        operator: get(row, 14)?,
        reason: get(row, 15)?,
        voided_at: optional_instant(row, 16)?,
        voided_by: get(row, 17)?,
        void_reason: get(row, 18)?,
    })
}

/// Bad records, oldest first.
pub async fn rejects(
    session: &Session<'_>,
    state: Option<RejectState>,
    after: i64,
    most: usize,
) -> Result<Vec<RejectRow>, Failure> {
    let state = state.map(RejectState::as_str);
    let values: [&(dyn ToSql + Sync); 3] = [&after, &limit(most), &state];
    session.list(sql::reject::list, &values, reject_row).await
}

/// A bad record, in the columns that every list of them has.
pub fn reject_row(row: &Row) -> Result<RejectRow, Failure> {
    Ok(RejectRow {
        id: get(row, 0)?,
        feed: get(row, 1)?,
        source: get(row, 2)?,
        number: get(row, 3)?,
        state: get(row, 4)?,
        reason: get(row, 5)?,
        field: get(row, 6)?,
        detail: get(row, 7)?,
        data: get(row, 8)?,
        created_at: instant(row, 9)?,
    })
}

/// Exports, oldest first.
pub async fn exports(
    session: &Session<'_>,
    among: &ExportScope,
    after: i64,
    most: usize,
) -> Result<Vec<ExportRow>, Failure> {
    let ExportScope {
        status,
        scheme,
        since,
    } = among;
    let since = since.map(Time);
    let values: [&(dyn ToSql + Sync); 5] = [&after, status, &limit(most), scheme, &since];
    session.list(sql::export::list, &values, export_row).await
}

fn export_row(row: &Row) -> Result<ExportRow, Failure> {
    Ok(ExportRow {
        id: get(row, 0)?,
        provider_slug: get(row, 1)?,
        transaction_id: get(row, 2)?,
        loyalty_id: get(row, 3)?,
        spend_amount: get(row, 4)?,
        spend_currency: get(row, 5)?,
        export_uid: get(row, 6)?,
        status: get(row, 7)?,
        status_reason: get(row, 8)?,
        tries: get(row, 9)?,
        destination: get(row, 10)?,
        response: get(row, 11)?,
        created_at: instant(row, 12)?,
        matched_transaction_id: get(row, 13)?,
        result: get(row, 14)?,
        result_at: optional_instant(row, 15)?,
    })
}

/// The export files that were begun or written to since a time, by name.
pub async fn export_files(session: &Session<'_>, since: Instant) -> Result<Vec<FileEnd>, Failure> {
    let row = |row: &Row| {
        Ok(FileEnd {
            name: get(row, 0)?,
            length: count(row, 1)?,
        })
    };
    session.list(sql::export::files, &[&Time(since)], row).await
}

/// A linked card as a person reads it: row, token, scheme, loyalty id, last four.
pub type CardLine = (i64, String, String, Option<String>, Option<String>);

/// Linked cards.
pub async fn cards(
    session: &Session<'_>,
    after: i64,
    most: usize,
) -> Result<Vec<CardLine>, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&after, &limit(most)];
    let row = |row: &Row| {
        Ok((
            get(row, 0)?,
            get(row, 1)?,
            get(row, 2)?,
            get(row, 3)?,
            get(row, 4)?,
        ))
    };
    session.list(sql::card::list, &values, row).await
}
