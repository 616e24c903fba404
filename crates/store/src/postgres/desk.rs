//! What the support desk asks: what to look at, what was nearly a match, and the purchase that somebody
//! misses. Each through an index, so that nothing of it grows with history.

use super::connection::Session;
use super::failure::Failure;
use super::inquiry::reject_row;
use super::rows::{
    Date, Time, card_digits, get, invalid, limit, moment, optional_text, storable, text,
};
use super::{Shared, load, sql};
use compact_str::CompactString;
use harmonia_core::card::CardToken;
use harmonia_core::identify::{CardLink, LinkedCard};
use harmonia_core::ids::{PaymentId, RejectId, SaleId, SchemeId, Slug};
use harmonia_core::matching::near::Nearly;
use harmonia_core::matching::{OpenReason, Sale};
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{ForReview, Paid, RejectRow, Sold, Sought, WithoutSale};
use hashbrown::HashSet;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Open payments that a person should look at.
pub async fn for_review(
    session: &Session<'_>,
    scheme: Option<SchemeId>,
    reason: Option<OpenReason>,
    after: PaymentId,
    most: usize,
) -> Result<Vec<ForReview>, Failure> {
    let scheme = scheme.map(|scheme| scheme.0);
    let reason = reason.map(OpenReason::as_str);
    let values: [&(dyn ToSql + Sync); 4] = [&after.0, &scheme, &reason, &limit(most)];
    let row = |row: &Row| {
        Ok(ForReview {
            payment: PaymentId(get(row, 0)?),
            reason: open_reason(row, 1)?,
            sale: get::<Option<i64>>(row, 2)?.map(SaleId),
        })
    };
    session.list(sql::payment::review, &values, row).await
}

fn open_reason(row: &Row, column: usize) -> Result<OpenReason, Failure> {
    OpenReason::from_name(get(row, column)?).ok_or_else(|| invalid(column, "not a reason"))
}

/// Open payments that found no sale, within so many looks.
pub async fn without_sale(
    session: &Session<'_>,
    scheme: Option<SchemeId>,
    after: PaymentId,
    most: usize,
    looks: usize,
) -> Result<WithoutSale, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&after.0, &limit(looks)];
    let rows = session.rows(sql::payment::open_after, &values).await?;
    let mut found = WithoutSale::default();
    for (looked, row) in (1..).zip(&rows) {
        let payment = PaymentId(get(row, 0)?);
        let of: i64 = get(row, 2)?;
        let is_of_scheme = scheme.is_none_or(|scheme| scheme.0 == of);
        if is_of_scheme && open_reason(row, 1)? == OpenReason::NoSale {
            found.payments.push(payment);
        }
        if found.payments.len() >= most || looked >= looks {
            found.through = Some(payment);
            break;
        }
    }
    Ok(found)
}

/// The open sales that each question asks for.
pub async fn nearly(
    session: &Session<'_>,
    questions: &[Nearly],
    most: usize,
) -> Result<Vec<Sale>, Failure> {
    let Some((first_day, last_day)) = load::days(session).await? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for question in questions {
        let mut of_question = Vec::new();
        let first = question.reach.from.day().max(first_day);
        let last = question.reach.to.day().min(last_day);
        for day in first.0..=last.0 {
            let values: [&(dyn ToSql + Sync); 9] = [
                &Date(Day(day)),
                &question.mid_set.0,
                &question.least,
                &question.most,
                &Time(question.reach.from),
                &Time(question.reach.to),
                &question.currency.as_str(),
                &Time(question.near),
                &limit(most),
            ];
            let sales = session.list(sql::sale::nearly, &values, load::sale);
            of_question.extend(sales.await?);
        }
        of_question.sort_by_key(|sale| (sale.when.start.0.abs_diff(question.near.0), sale.id));
        of_question.truncate(most);
        of_question.retain(|sale| seen.insert(sale.id));
        found.append(&mut of_question);
    }
    Ok(found)
}

/// The MIDs of a purchase sought, as they are stored.
fn mids(sought: &Sought) -> Option<Vec<CompactString>> {
    let mids = sought.mids.as_ref();
    mids.map(|mids| mids.iter().map(|mid| storable(mid)).collect())
}

/// From when on anything of it may be stored.
fn first(sought: &Sought) -> Instant {
    sought.from.min(sought.days_from)
}

/// The UTC days that it may be stored under.
fn days(sought: &Sought) -> impl Iterator<Item = Day> + use<> {
    (first(sought).day().0..=sought.to.day().0).map(Day)
}

/// The rows of a statement about what is stored under a day, which takes `more` after that.
async fn rows_of_day(
    session: &Session<'_>,
    sql: &str,
    sought: &Sought,
    day: Day,
    more: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let (day, first) = (Date(day), Time(first(sought)));
    let (from, to) = (Time(sought.from), Time(sought.to));
    let currency = sought.amount.currency.as_str();
    let mut values: Vec<&(dyn ToSql + Sync)> =
        vec![&day, &sought.amount.minor, &currency, &first, &from, &to];
    values.extend(more);
    session.rows(sql, &values).await
}

/// The payments that may be the one sought.
pub async fn paid(
    shared: &Shared,
    session: &Session<'_>,
    sought: &Sought,
    most: usize,
) -> Result<Vec<Paid>, Failure> {
    let scheme = sought.scheme.map(|scheme| scheme.0);
    let mids = mids(sought);
    let mids = mids.as_ref();
    let mids: Option<Vec<&str>> = mids.map(|mids| mids.iter().map(CompactString::as_str).collect());
    let token = sought.card_token.as_ref().map(|token| storable(&token.0));
    let token = token.as_deref();
    let mut found: Vec<Paid> = Vec::new();
    for day in days(sought) {
        let left = limit(most.saturating_sub(found.len()));
        let more: [&(dyn ToSql + Sync); 4] = [&scheme, &mids, &left, &token];
        let rows = rows_of_day(session, sql::payment::paid, sought, day, &more);
        for row in &rows.await? {
            let (provider, feed_type) = shared.remembered.feed(session, get(row, 1)?).await?;
            found.push(Paid {
                id: PaymentId(get(row, 0)?),
                provider,
                feed_type,
                scheme: SchemeId(get(row, 2)?),
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
pub async fn sold(
    shared: &Shared,
    session: &Session<'_>,
    sought: &Sought,
    most: usize,
) -> Result<Vec<Sold>, Failure> {
    let mid_sets = shared.remembered.mid_sets(session).await?;
    let sets = mid_sets.any_of(sought.scheme, mids(sought).as_deref());
    let sets: Vec<i64> = sets.into_iter().map(|set| set.0).collect();
    let mut found: Vec<Sold> = Vec::new();
    for day in days(sought) {
        let left = limit(most.saturating_sub(found.len()));
        let more: [&(dyn ToSql + Sync); 2] = [&sets, &left];
        let rows = rows_of_day(session, sql::sale::sold, sought, day, &more);
        for row in &rows.await? {
            let sale = load::sale(row)?;
            found.push(Sold {
                mids: mid_sets.mids(sale.mid_set).to_vec(),
                scheme: SchemeId(get(row, 11)?),
                sale,
            });
        }
    }
    Ok(found)
}

/// How many records of a feed are known of a day.
pub async fn known_of_day(
    session: &Session<'_>,
    provider: &Slug,
    feed_type: FeedType,
    day: Day,
) -> Result<u64, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&provider.as_str(), &feed_type.as_str()];
    let Some(feed) = session.maybe(sql::feed::find, &values).await? else {
        return Ok(0);
    };
    let of_day = match feed_type {
        FeedType::Merchant => sql::sale::of_day,
        _ => sql::payment::of_day,
    };
    let values: [&(dyn ToSql + Sync); 2] = [&Date(day), &get::<i64>(&feed, 0)?];
    let known: i64 = session.value(of_day, &values).await?;
    u64::try_from(known).map_err(|_| invalid(0, "less than nothing"))
}

/// The schemes that a card is linked in.
pub async fn links_of_card(
    session: &Session<'_>,
    card: &CardToken,
) -> Result<Vec<LinkedCard>, Failure> {
    let token = storable(&card.0);
    let row = |row: &Row| {
        Ok(LinkedCard {
            card_token: card.clone(),
            scheme: SchemeId(get(row, 0)?),
            link: CardLink {
                loyalty_id: optional_text(row, 1)?,
                user_id: get(row, 2)?,
                scheme_account_id: get(row, 3)?,
                payment_card_account_id: get(row, 4)?,
                digits: card_digits(row, 5)?,
                expiry_month: get(row, 7)?,
                expiry_year: get(row, 8)?,
                credentials: None,
            },
        })
    };
    session
        .list(sql::card::of_token, &[&token.as_str()], row)
        .await
}

/// Bad records that still wait, newest first.
pub async fn newest_rejects(
    session: &Session<'_>,
    before: RejectId,
    most: usize,
) -> Result<Vec<RejectRow>, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&before.0, &limit(most)];
    session.list(sql::reject::newest, &values, reject_row).await
}
