//! What the stages of the journey read: batches, by range, through indexes.

use super::rows::{
    card_digits, instant, invalid, moment, money, optional_slug, optional_text, slug, term, text,
};
use super::{Shared, lock, sql};
use crate::seal::identity_place;
use compact_str::CompactString;
use harmonia_core::card::{CardDigits, CardToken};
use harmonia_core::changes::{FileEnd, Placed, Span};
use harmonia_core::export::ExportTransaction;
use harmonia_core::identify::{CardLink, IdentifierType, MerchantIdentifier, MidDirectory};
use harmonia_core::ids::{ExportId, MidId, MidSetId, PaymentId, SaleId, SchemeId, Slug};
use harmonia_core::matching::{MidSet, OpenReason, Payment, Reach, Sale};
use harmonia_core::money::{Currency, Money};
use harmonia_core::purchase::{self, EndKind, Stage};
use harmonia_core::time::{DAY_US, Instant};
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{
    AmountProbe, Probe, RecordKey, Undecided, UndecidedPayment, Unsettled,
};
use hashbrown::{HashMap, HashSet};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::{Arc, Mutex};

/// What readers remember of tables that hardly ever change, with the revision it was read at.
#[derive(Default)]
pub struct Remembered {
    directory: Mutex<Option<(i64, Arc<MidDirectory>)>>,
    mid_sets: Mutex<Option<(i64, Arc<MidSets>)>>,
    feeds: Mutex<HashMap<i64, (Slug, FeedType)>>,
}

impl Remembered {
    /// The identifiers, by date.
    pub fn directory(&self, connection: &Connection) -> rusqlite::Result<Arc<MidDirectory>> {
        remember(&self.directory, connection, "merchant_identifier", || {
            Ok(MidDirectory::new(identifiers(connection, sql::mid::all)?))
        })
    }

    /// Every list of MIDs.
    pub fn mid_sets(&self, connection: &Connection) -> rusqlite::Result<Arc<MidSets>> {
        remember(&self.mid_sets, connection, "mid_set", || {
            MidSets::load(connection)
        })
    }

    /// Whose a feed is and what it brings. Feeds never change, so no revision is needed.
    pub fn feed(&self, connection: &Connection, feed: i64) -> rusqlite::Result<(Slug, FeedType)> {
        if let Some(known) = lock(&self.feeds).get(&feed) {
            return Ok(known.clone());
        }
        let found = connection
            .prepare_cached("SELECT provider_slug, feed_type FROM feed WHERE id = ?1")?
            .query_row([feed], |row| Ok((slug(row, 0)?, feed_type(row, 1)?)))?;
        lock(&self.feeds).insert(feed, found.clone());
        Ok(found)
    }
}

fn remember<T>(
    place: &Mutex<Option<(i64, Arc<T>)>>,
    connection: &Connection,
    name: &str,
    load: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<Arc<T>> {
    let revision = revision(connection, name)?;
    let mut remembered = lock(place);
    if let Some((known, value)) = remembered.as_ref()
        && *known == revision
    {
        return Ok(Arc::clone(value));
    }
    let value = Arc::new(load()?);
    *remembered = Some((revision, Arc::clone(&value)));
    Ok(value)
}

/// How often what is remembered under a name has changed, as this connection's snapshot sees it.
pub fn revision(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(sql::mid::revision)?
        .query_row([name], |row| row.get(0))
}

/// Which lists of MIDs hold a MID, and which MIDs a list holds.
#[derive(Default)]
pub struct MidSets {
    by_mid: HashMap<(SchemeId, CompactString), Arc<[MidSet]>>,
    by_id: HashMap<MidSetId, Vec<CompactString>>,
}

impl MidSets {
    fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut lists: HashMap<(SchemeId, CompactString), Vec<MidSet>> = HashMap::new();
        let mut sets = Self::default();
        let mut statement = connection.prepare_cached(sql::mid::all_sets)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let set = MidSet {
                id: MidSetId(row.get(0)?),
                has_days: row.get(3)?,
            };
            let scheme = SchemeId(row.get(1)?);
            let mids: Vec<CompactString> = serde_json::from_str(row.get_ref(2)?.as_str()?)
                .map_err(|error| invalid(2, &error.to_string()))?;
            for mid in &mids {
                lists.entry((scheme, mid.clone())).or_default().push(set);
            }
            sets.by_id.insert(set.id, mids);
        }
        sets.by_mid = lists
            .into_iter()
            .map(|(key, list)| (key, list.into()))
            .collect();
        Ok(sets)
    }

    /// The lists of a scheme that hold a MID.
    pub fn holding(&self, scheme: SchemeId, mid: CompactString) -> Arc<[MidSet]> {
        self.by_mid.get(&(scheme, mid)).cloned().unwrap_or_default()
    }

    /// The MIDs of a list.
    pub fn mids(&self, set: MidSetId) -> &[CompactString] {
        self.by_id.get(&set).map_or(&[], Vec::as_slice)
    }
}

/// The identifiers that a statement gives.
pub fn identifiers(
    connection: &Connection,
    sql: &str,
) -> rusqlite::Result<Vec<MerchantIdentifier>> {
    connection
        .prepare_cached(sql)?
        .query_map([], |row| {
            Ok(MerchantIdentifier {
                id: MidId(row.get(0)?),
                provider: slug(row, 1)?,
                identifier_type: IdentifierType::from_name(row.get_ref(2)?.as_str()?)
                    .ok_or_else(|| invalid(2, "not an identifier type"))?,
                identifier: text(row, 3)?,
                scheme: SchemeId(row.get(4)?),
                scheme_slug: slug(row, 5)?,
                location_id: optional_text(row, 6)?,
                merchant_internal_id: optional_text(row, 7)?,
                term: term(row, 8)?,
            })
        })?
        .collect()
}

/// The inclusive ranges of ids that a span stands for.
pub fn ranges(span: &Span) -> Vec<(i64, i64)> {
    match span {
        Span::Range(first, last) => vec![(*first, *last)],
        Span::Ids(ids) => ids.iter().map(|id| (*id, *id)).collect(),
    }
}

/// The payments of a span that have no match, as they are at one moment.
pub fn undecided(
    shared: &Shared,
    connection: &Connection,
    span: &Span,
) -> rusqlite::Result<Undecided> {
    let seen = connection
        .prepare_cached(sql::raw::newest)?
        .query_row([], |row| row.get(0))?;
    let mut payments = payments(shared, connection, sql::payment::undecided, span)?;
    let any_voided: bool = connection
        .prepare_cached(sql::pairing::any_voided)?
        .query_row([], |row| row.get(0))?;
    if any_voided {
        for found in &mut payments {
            found.barred = barred(connection, found)?;
        }
    }
    Ok(Undecided { payments, seen })
}

/// The sales that people have parted from a payment, or from another of its purchase.
fn barred(connection: &Connection, found: &UndecidedPayment) -> rusqlite::Result<Vec<SaleId>> {
    let others = found.parts.iter().map(|part| part.id);
    let mut statement = connection.prepare_cached(sql::pairing::barred)?;
    let mut barred = Vec::new();
    for payment in others.chain([found.payment.id]) {
        for sale in statement.query_map([payment.0], |row| row.get(0).map(SaleId))? {
            barred.push(sale?);
        }
    }
    barred.sort_unstable();
    barred.dedup();
    Ok(barred)
}

/// The AUTHs and SETTLEDs of one purchase, in the order they came.
fn parts(
    connection: &Connection,
    provider: &Slug,
    settlement_key: &str,
) -> rusqlite::Result<Vec<purchase::Part>> {
    connection
        .prepare_cached(sql::payment::same_purchase)?
        .query_map([settlement_key, provider.as_str()], |row| {
            let stage = match row.get_ref(8)?.as_str_or_null()? {
                None => Stage::Open,
                Some(name) => EndKind::from_name(name).map_or(Stage::Matched, Stage::Ended),
            };
            Ok(purchase::Part {
                id: PaymentId(row.get(0)?),
                feed_type: feed_type(row, 1)?,
                scheme: SchemeId(row.get(2)?),
                amount: money(row, 3)?,
                auth_code: optional_text(row, 5)?,
                digits: card_digits(row, 6)?,
                stage,
            })
        })?
        .collect()
}

fn feed_type(row: &Row<'_>, column: usize) -> rusqlite::Result<FeedType> {
    FeedType::from_name(row.get_ref(column)?.as_str()?)
        .ok_or_else(|| invalid(column, "not a feed type"))
}

/// All that is known of whose card each payment was.
pub fn identities(
    shared: &Shared,
    connection: &Connection,
    payments: &[PaymentId],
) -> rusqlite::Result<Vec<Option<CardLink>>> {
    let mut statement = connection.prepare_cached(sql::identity::of_payment)?;
    let mut one = |payment: &PaymentId| {
        statement
            .query_row([payment.0], |row| {
                let sealed = row.get_ref(8)?.as_blob_or_null()?;
                Ok(CardLink {
                    loyalty_id: optional_text(row, 0)?,
                    user_id: row.get(1)?,
                    scheme_account_id: row.get(2)?,
                    payment_card_account_id: row.get(3)?,
                    digits: card_digits(row, 4)?,
                    expiry_month: row.get(6)?,
                    expiry_year: row.get(7)?,
                    credentials: unseal(shared, &identity_place(*payment), sealed)?,
                })
            })
            .optional()
    };
    payments.iter().map(&mut one).collect()
}

/// What is known of transactions of a feed.
pub fn known(
    connection: &Connection,
    provider: &Slug,
    feed_type: FeedType,
    keys: &[RecordKey],
) -> rusqlite::Result<Vec<Option<(Instant, Money)>>> {
    let feed: Option<i64> = connection
        .prepare_cached(sql::feed::find)?
        .query_row([provider.as_str(), feed_type.as_str()], |row| row.get(0))
        .optional()?;
    let Some(feed) = feed else {
        return Ok(vec![None; keys.len()]);
    };
    let same_key = match feed_type {
        FeedType::Merchant => sql::sale::same_key,
        _ => sql::payment::same_key,
    };
    let mut statement = connection.prepare_cached(same_key)?;
    let one = |key: &RecordKey| {
        let values = params![key.day.0, feed, key.transaction_id.as_str()];
        statement
            .query_row(values, |row| Ok((instant(row, 0)?, money(row, 1)?)))
            .optional()
    };
    keys.iter().map(one).collect()
}

/// One payment as deciding sees it, matched or not.
pub fn explained(
    shared: &Shared,
    connection: &Connection,
    id: PaymentId,
) -> rusqlite::Result<Option<UndecidedPayment>> {
    let mid_sets = shared.remembered.mid_sets(connection)?;
    connection
        .prepare_cached(sql::payment::explain)?
        .query_row([id.0], |row| payment(shared, connection, &mid_sets, row))
        .optional()
}

fn payments(
    shared: &Shared,
    connection: &Connection,
    sql: &str,
    span: &Span,
) -> rusqlite::Result<Vec<UndecidedPayment>> {
    let mid_sets = shared.remembered.mid_sets(connection)?;
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = Vec::new();
    for (first, last) in ranges(span) {
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            found.push(payment(shared, connection, &mid_sets, row)?);
        }
    }
    Ok(found)
}

fn payment(
    shared: &Shared,
    connection: &Connection,
    mid_sets: &MidSets,
    row: &Row<'_>,
) -> rusqlite::Result<UndecidedPayment> {
    let scheme = SchemeId(row.get(2)?);
    let id = PaymentId(row.get(0)?);
    let identity = match row.get_ref(14)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(CardLink {
            loyalty_id: optional_text(row, 15)?,
            user_id: row.get(16)?,
            scheme_account_id: row.get(17)?,
            payment_card_account_id: row.get(18)?,
            digits: card_digits(row, 19)?,
            expiry_month: row.get(21)?,
            expiry_year: row.get(22)?,
            credentials: None,
        }),
    };
    let open = row
        .get_ref(13)?
        .as_str_or_null()?
        .map(|name| OpenReason::from_name(name).ok_or_else(|| invalid(13, "not a reason")))
        .transpose()?;
    let (provider, feed_type) = shared.remembered.feed(connection, row.get(1)?)?;
    let parts = match row.get_ref(23)?.as_str_or_null()? {
        Some(key) if matches!(feed_type, FeedType::Auth | FeedType::Settled) => {
            parts(connection, &provider, key)?
        }
        _ => Vec::new(),
    };
    Ok(UndecidedPayment {
        payment: Payment {
            id,
            scheme,
            provider,
            mid_sets: mid_sets.holding(scheme, text(row, 3)?),
            when: moment(row, 4)?,
            amount: money(row, 6)?,
            auth_code: optional_text(row, 11)?,
            digits: card_digits(row, 9)?,
            user_card: identity
                .as_ref()
                .map_or_else(CardDigits::default, |link| link.digits),
            imported_at: instant(row, 12)?,
        },
        card_token: CardToken(text(row, 8)?),
        identity,
        open,
        feed_type,
        parts,
        barred: Vec::new(),
    })
}

pub fn unseal(
    shared: &Shared,
    place: &str,
    sealed: Option<&[u8]>,
) -> rusqlite::Result<Option<Box<str>>> {
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    match shared.sealer.unseal(place, sealed) {
        Some(text) => Ok(Some(text.into())),
        None => Err(invalid(
            0,
            "sealed credentials that this data folder's key does not open",
        )),
    }
}

/// The open sales that any probe asks for, each once, however the probes overlap.
pub fn candidates(connection: &Connection, probes: &[Probe]) -> rusqlite::Result<Vec<Sale>> {
    probed(connection, sql::sale::candidates, probes, sale, |sale| sale)
}

/// The matched sales that any probe asks for, each once, with the payment that has it.
pub fn taken(
    connection: &Connection,
    probes: &[Probe],
) -> rusqlite::Result<Vec<(Sale, PaymentId)>> {
    let make = |row: &Row<'_>| Ok((sale(row)?, PaymentId(row.get(11)?)));
    probed(connection, sql::sale::taken, probes, make, |(sale, _)| sale)
}

/// The open sales of amounts and times that any probe asks for, each once.
pub fn sales_between(
    connection: &Connection,
    probes: &[AmountProbe],
) -> rusqlite::Result<Vec<Sale>> {
    let Some(days) = days(connection)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(sql::sale::between)?;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for probe in probes {
        let AmountProbe {
            mid_set,
            currency,
            minor: (least, most),
            reach,
        } = probe;
        for day in within(&days, *reach) {
            let values = [day, mid_set.0, *least, *most, reach.from.0, reach.to.0];
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                let sale = sale(row)?;
                if sale.amount.currency == *currency && seen.insert(sale.id) {
                    found.push(sale);
                }
            }
        }
    }
    Ok(found)
}

/// The newest payments of a scheme that found no sale, in the order they came.
pub fn without_sale(
    connection: &Connection,
    scheme: SchemeId,
    limit: usize,
) -> rusqlite::Result<Vec<PaymentId>> {
    let mut found = connection
        .prepare_cached(sql::payment::without_sale)?
        .query_map(params![scheme.0, limit], |row| row.get(0).map(PaymentId))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    found.reverse();
    Ok(found)
}

/// The first and the last UTC day that has sales, if there are any.
fn days(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let days: (Option<i64>, Option<i64>) = connection
        .prepare_cached(sql::sale::days)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(days.0.zip(days.1))
}

/// The days of a range of time that have sales.
fn within(days: &(i64, i64), reach: Reach) -> std::ops::RangeInclusive<i64> {
    reach.from.0.div_euclid(DAY_US).max(days.0)..=reach.to.0.div_euclid(DAY_US).min(days.1)
}

fn probed<T>(
    connection: &Connection,
    sql: &str,
    probes: &[Probe],
    make: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    sale: impl Fn(&T) -> &Sale,
) -> rusqlite::Result<Vec<T>> {
    let Some(all_days) = days(connection)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for Probe {
        mid_set,
        amount,
        reach,
    } in probes
    {
        for day in within(&all_days, *reach) {
            let mut rows =
                statement.query([day, mid_set.0, amount.minor, reach.from.0, reach.to.0])?;
            while let Some(row) = rows.next()? {
                let made = make(row)?;
                let sale = sale(&made);
                if sale.amount.currency == amount.currency && seen.insert(sale.id) {
                    found.push(made);
                }
            }
        }
    }
    Ok(found)
}

/// A sale, in the columns that every statement for sales begins with.
pub fn sale(row: &Row<'_>) -> rusqlite::Result<Sale> {
    Ok(Sale {
        id: SaleId(row.get(0)?),
        mid_set: MidSetId(row.get(1)?),
        provider: optional_slug(row, 2)?,
        when: moment(row, 3)?,
        amount: money(row, 5)?,
        digits: card_digits(row, 7)?,
        auth_code: optional_text(row, 9)?,
        imported_at: instant(row, 10)?,
    })
}

/// The open sales of a span, each with its scheme.
pub fn open_sales(connection: &Connection, span: &Span) -> rusqlite::Result<Vec<(SchemeId, Sale)>> {
    // Nothing can be reopened where nothing is open: the usual case is one look.
    let open = "SELECT EXISTS (SELECT 1 FROM open_payment)";
    if !connection
        .prepare_cached(open)?
        .query_row([], |row| row.get(0))?
    {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(sql::sale::open)?;
    let mut found = Vec::new();
    for (first, last) in ranges(span) {
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            found.push((SchemeId(row.get(11)?), sale(row)?));
        }
    }
    Ok(found)
}

/// The payments open for want of a sale which one of these sales may be.
pub fn reopened(
    shared: &Shared,
    connection: &Connection,
    sales: &[(SchemeId, Sale, Reach)],
) -> rusqlite::Result<Vec<PaymentId>> {
    let mid_sets = shared.remembered.mid_sets(connection)?;
    let mut statement = connection.prepare_cached(sql::payment::reopened)?;
    let mut found = Vec::new();
    for (scheme, sale, reach) in sales {
        for mid in mid_sets.mids(sale.mid_set) {
            let mut rows = statement.query(params![
                scheme.0,
                mid.as_str(),
                sale.amount.minor,
                reach.from.0,
                reach.to.0,
                sale.amount.currency.as_str(),
                sale.id.0,
            ])?;
            while let Some(row) = rows.next()? {
                found.push(PaymentId(row.get(0)?));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The first payments after one that wait for their card.
pub fn unidentified(
    connection: &Connection,
    after: PaymentId,
    limit: usize,
) -> rusqlite::Result<Vec<Placed>> {
    connection
        .prepare_cached(sql::payment::unidentified)?
        .query_map(params![after.0, limit], |row| {
            Ok(Placed {
                id: row.get(0)?,
                scheme: SchemeId(row.get(1)?),
                amount: money(row, 2)?,
            })
        })?
        .collect()
}

/// One scheme's exports of a span that are still to be sent; with those that may be out, if asked for.
pub fn undelivered(
    shared: &Shared,
    connection: &Connection,
    scheme: SchemeId,
    span: &Span,
    may_be_out: bool,
) -> rusqlite::Result<Vec<Unsettled>> {
    let mut statement = connection.prepare_cached(sql::export::undelivered)?;
    let mut found = Vec::new();
    for (first, last) in ranges(span) {
        let mut rows = statement.query(params![first, last, scheme.0, may_be_out])?;
        while let Some(row) = rows.next()? {
            found.push(Unsettled {
                export: ExportId(row.get(0)?),
                made_at: Instant(row.get(27)?),
                transaction: export(shared, row)?,
            });
        }
    }
    Ok(found)
}

fn export(shared: &Shared, row: &Row<'_>) -> rusqlite::Result<ExportTransaction> {
    let json = |column: usize, text: &str| {
        serde_json::from_str(text).map_err(|error| invalid(column, &error.to_string()))
    };
    let payment = PaymentId(row.get(25)?);
    let sealed = row.get_ref(24)?.as_blob_or_null()?;
    let credentials = unseal(shared, &identity_place(payment), sealed)?;
    Ok(ExportTransaction {
        transaction_id: text(row, 1)?,
        feed_type: optional_text(row, 2)?,
        provider_slug: optional_slug(row, 3)?,
        transaction_date: compact_str::format_compact!("{}", instant(row, 4)?),
        spend_amount: row.get(5)?,
        spend_currency: Currency::new(row.get_ref(6)?.as_str()?),
        loyalty_id: optional_text(row, 7)?,
        mid: optional_text(row, 8)?,
        primary_identifier: optional_text(row, 9)?,
        location_id: optional_text(row, 10)?,
        merchant_internal_id: optional_text(row, 11)?,
        user_id: row.get(12)?,
        scheme_account_id: row.get(13)?,
        payment_card_account_id: row.get(14)?,
        auth_code: optional_text(row, 15)?,
        approval_code: optional_text(row, 16)?,
        settlement_key: optional_text(row, 17)?,
        last_four: optional_text(row, 18)?,
        expiry_month: row.get(19)?,
        expiry_year: row.get(20)?,
        payment_provider_slug: optional_text(row, 21)?,
        export_uid: uuid::Uuid::parse_str(row.get_ref(22)?.as_str()?).ok(),
        extra_fields: Some(json(23, row.get_ref(23)?.as_str()?)?),
        credentials: credentials.map(|text| json(24, &text)).transpose()?,
        correction: row.get(26)?,
    })
}

/// How far an export file is written.
pub fn export_file(connection: &Connection, name: String) -> rusqlite::Result<Option<FileEnd>> {
    let length = connection
        .prepare_cached(sql::export::find_file)?
        .query_row([&name], |row| row.get(0))
        .optional()?;
    Ok(length.map(|length| FileEnd { name, length }))
}

/// The UTC days around an instant, the instant's own first.
pub fn days_around(instant: Instant) -> [i64; 3] {
    let day = instant.0.div_euclid(DAY_US);
    [day, day - 1, day + 1]
}
