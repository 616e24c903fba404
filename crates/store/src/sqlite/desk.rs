//! What the support desk asks: what to look at, what was nearly a match, and the purchase that somebody
//! misses. Each through an index, so that nothing of it grows with history.

use super::inquiry::reject_row;
use super::rows::{card_digits, invalid, moment, optional_text, text};
use super::{Shared, load, sql};
use compact_str::CompactString;
use harmonia_core::card::CardToken;
use harmonia_core::identify::{CardLink, LinkedCard};
use harmonia_core::ids::{PaymentId, RejectId, SaleId, SchemeId, Slug};
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{OpenReason, Sale};
use harmonia_core::time::{DAY_US, Day, Instant};
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{ForReview, Paid, RejectRow, Sold, Sought, WithoutSale};
use hashbrown::HashSet;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Open payments that a person should look at.
pub fn for_review(
    connection: &Connection,
    scheme: Option<SchemeId>,
    reason: Option<OpenReason>,
    after: PaymentId,
    limit: usize,
) -> rusqlite::Result<Vec<ForReview>> {
    let values = params![
        after.0,
        scheme.map(|scheme| scheme.0),
        reason.map(OpenReason::as_str),
        limit
    ];
    connection
        .prepare_cached(sql::payment::review)?
        .query_map(values, |row| {
            Ok(ForReview {
                payment: PaymentId(row.get(0)?),
                reason: open_reason(row, 1)?,
                sale: row.get::<_, Option<i64>>(2)?.map(SaleId),
            })
        })?
        .collect()
}

fn open_reason(row: &Row<'_>, column: usize) -> rusqlite::Result<OpenReason> {
    OpenReason::from_name(row.get_ref(column)?.as_str()?)
        .ok_or_else(|| invalid(column, "not a reason"))
}

/// Open payments that found no sale, within so many looks.
pub fn without_sale(
    connection: &Connection,
    scheme: Option<SchemeId>,
    after: PaymentId,
    limit: usize,
    looks: usize,
) -> rusqlite::Result<WithoutSale> {
    let mut statement = connection.prepare_cached(sql::payment::open_after)?;
    let mut rows = statement.query(params![after.0, looks])?;
    let mut found = WithoutSale::default();
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        let payment = PaymentId(row.get(0)?);
        let is_of_scheme = match scheme {
            Some(scheme) => row.get::<_, i64>(2)? == scheme.0,
            None => true,
        };
        looked += 1;
        if is_of_scheme && open_reason(row, 1)? == OpenReason::NoSale {
            found.payments.push(payment);
        }
        if found.payments.len() >= limit || looked >= looks {
            found.through = Some(payment);
            break;
        }
    }
    Ok(found)
}

/// The open sales that each question asks for.
pub fn nearly(
    connection: &Connection,
    questions: &[Nearly],
    limit: usize,
) -> rusqlite::Result<Vec<Sale>> {
    let (first_day, last_day): (Option<i64>, Option<i64>) = connection
        .prepare_cached(sql::sale::days)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first_day), Some(last_day)) = (first_day, last_day) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(sql::sale::nearly)?;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for question in questions {
        let mut of_question = Vec::new();
        let days = question.reach.from.0.div_euclid(DAY_US).max(first_day)
            ..=question.reach.to.0.div_euclid(DAY_US).min(last_day);
        for day in days {
            let values = params![
                day,
                question.mid_set.0,
                question.least,
                question.most,
                question.reach.from.0,
                question.reach.to.0,
                question.currency.as_str(),
                question.near.0,
                limit
            ];
            for sale in statement.query_map(values, load::sale)? {
                of_question.push(sale?);
            }
        }
        of_question.sort_by_key(|sale| (sale.when.start.0.abs_diff(question.near.0), sale.id));
        of_question.truncate(limit);
        of_question.retain(|sale| seen.insert(sale.id));
        found.append(&mut of_question);
    }
    Ok(found)
}

/// The UTC days that a purchase sought may be stored under.
fn days(sought: &Sought) -> std::ops::RangeInclusive<i64> {
    first(sought).0.div_euclid(DAY_US)..=sought.to.0.div_euclid(DAY_US)
}

/// From when on anything of it may be stored.
fn first(sought: &Sought) -> Instant {
    sought.from.min(sought.days_from)
}

/// The MIDs of a purchase sought, as JSON.
fn mids(sought: &Sought) -> rusqlite::Result<Option<String>> {
    let mids = sought.mids.as_ref().map(serde_json::to_string).transpose();
    mids.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// The payments that may be the one sought.
pub fn paid(
    shared: &Shared,
    connection: &Connection,
    sought: &Sought,
    limit: usize,
) -> rusqlite::Result<Vec<Paid>> {
    let mut statement = connection.prepare_cached(sql::payment::paid)?;
    let mids = mids(sought)?;
    let mut found: Vec<Paid> = Vec::new();
    for day in days(sought) {
        let left = limit - found.len();
        let mut rows = statement.query(params![
            day,
            sought.amount.minor,
            sought.amount.currency.as_str(),
            first(sought).0,
            sought.from.0,
            sought.to.0,
            sought.scheme.map(|scheme| scheme.0),
            mids,
            left,
            sought.card_token.as_ref().map(|token| token.0.as_str())
        ])?;
        while let Some(row) = rows.next()? {
            let (provider, feed_type) = shared.remembered.feed(connection, row.get(1)?)?;
            found.push(Paid {
                id: PaymentId(row.get(0)?),
                provider,
                feed_type,
                scheme: SchemeId(row.get(2)?),
                mid: text(row, 3)?,
                when: moment(row, 4)?,
                card_token: CardToken(text(row, 6)?),
                digits: card_digits(row, 7)?,
            });
        }
    }
    Ok(found)
}

/// The sales that may be the one sought.
pub fn sold(connection: &Connection, sought: &Sought, limit: usize) -> rusqlite::Result<Vec<Sold>> {
    let mut statement = connection.prepare_cached(sql::sale::sold)?;
    let mids = mids(sought)?;
    let mut found: Vec<Sold> = Vec::new();
    for day in days(sought) {
        let left = limit - found.len();
        let values = params![
            day,
            sought.amount.minor,
            sought.amount.currency.as_str(),
            first(sought).0,
            sought.from.0,
            sought.to.0,
            sought.scheme.map(|scheme| scheme.0),
            mids,
            left
        ];
        let make = |row: &Row<'_>| {
            let own: Vec<CompactString> = serde_json::from_str(row.get_ref(12)?.as_str()?)
                .map_err(|error| invalid(12, &error.to_string()))?;
            Ok(Sold {
                sale: load::sale(row)?,
                scheme: SchemeId(row.get(11)?),
                mids: own,
            })
        };
        for sale in statement.query_map(values, make)? {
            found.push(sale?);
        }
    }
    Ok(found)
}

/// How many records of a feed are known of a day.
pub fn known_of_day(
    connection: &Connection,
    provider: &Slug,
    feed_type: FeedType,
    day: Day,
) -> rusqlite::Result<u64> {
    let feed: Option<i64> = connection
        .prepare_cached(sql::feed::find)?
        .query_row([provider.as_str(), feed_type.as_str()], |row| row.get(0))
        .optional()?;
    let Some(feed) = feed else {
        return Ok(0);
    };
    let of_day = match feed_type {
        FeedType::Merchant => sql::sale::of_day,
        _ => sql::payment::of_day,
    };
    connection
        .prepare_cached(of_day)?
        .query_row(params![day.0, feed], |row| row.get(0))
}

/// The schemes that a card is linked in.
pub fn links_of_card(
    connection: &Connection,
    card: &CardToken,
) -> rusqlite::Result<Vec<LinkedCard>> {
    connection
        .prepare_cached(sql::card::of_token)?
        .query_map([card.0.as_str()], |row| {
            Ok(LinkedCard {
                card_token: card.clone(),
                scheme: SchemeId(row.get(0)?),
                link: CardLink {
                    loyalty_id: optional_text(row, 1)?,
                    user_id: row.get(2)?,
                    scheme_account_id: row.get(3)?,
                    payment_card_account_id: row.get(4)?,
                    digits: card_digits(row, 5)?,
                    expiry_month: row.get(7)?,
                    expiry_year: row.get(8)?,
                    credentials: None,
                },
            })
        })?
        .collect()
}

/// Bad records that still wait, newest first.
pub fn newest_rejects(
    connection: &Connection,
    before: RejectId,
    limit: usize,
) -> rusqlite::Result<Vec<RejectRow>> {
    connection
        .prepare_cached(sql::reject::newest)?
        .query_map(params![before.0, limit], reject_row)?
        .collect()
}
