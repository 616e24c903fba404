//! Purging: what is older than what is kept, and finished, goes, a stretch at a time.
//!
//! Open payments stay, however old: their turn may still come, and their keys must be known. So does
//! what waits, and what a merchant has not been told. What is kept by month goes by whole months
//! (`purge_months`).

use super::connection::Session;
use super::failure::Failure;
use super::purge_months::{ATTEMPTS, RAWS};
use super::rows::{Date, Time, get, limit, text};
use super::sql;
use super::work::Work;
use harmonia_core::retention::{Purge, PurgeCursor, PurgeMonth, PurgePlace, Purged, begin_of};
use harmonia_core::time::Day;
use hashbrown::HashMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The first day of which nothing is purged, if anything ever was to be.
pub async fn kept_from(session: &Session<'_>) -> Result<Option<Day>, Failure> {
    let row = session.maybe(sql::purge::kept_from, &[]).await?;
    row.map(|row| Ok(get::<Date>(&row, 0)?.0)).transpose()
}

/// The same, for a commit that brings something in: it stays so until that commit is over.
pub async fn shared_day(session: &Session<'_>) -> Result<Option<Day>, Failure> {
    session.execute(sql::purge::share, &[]).await?;
    kept_from(session).await
}

/// Makes known that what is of an earlier day may be gone.
pub async fn keep_from(work: &Work<'_>, day: Option<Day>) -> Result<(), Failure> {
    if let Some(day) = day {
        work.session.execute(sql::purge::lock, &[]).await?;
        let values: [&(dyn ToSql + Sync); 2] = [&Date(day), &Time(work.at)];
        work.session.execute(sql::purge::keep_from, &values).await?;
    }
    Ok(())
}

/// Takes out a stretch, and says where the next begins. Never anything of a day that is not made
/// known as purged.
pub async fn apply(
    session: &Session<'_>,
    purge: &Purge,
) -> Result<(Purged, Option<PurgeCursor>), Failure> {
    let Some(known) = kept_from(session).await? else {
        return Ok((Purged::default(), None));
    };
    session.look_at_everything().await?;
    let purge = Purge {
        before: purge.before.min(known),
        ..purge.clone()
    };
    match purge.from {
        PurgeCursor::RawMonths(place) => {
            let (purged, next) = RAWS.purge(session, &purge, place).await?;
            let attempts = PurgeCursor::AttemptMonths(PurgeMonth::FIRST);
            Ok((purged, Some(next.map_or(attempts, PurgeCursor::RawMonths))))
        }
        PurgeCursor::AttemptMonths(place) => {
            let (purged, next) = ATTEMPTS.purge(session, &purge, place).await?;
            Ok((purged, next.map(PurgeCursor::AttemptMonths)))
        }
        _ => {
            let (going, next) = Going::page(session, &purge).await?;
            Ok((going.take(session, purge.before).await?, next))
        }
    }
}

/// How many transactions would go, were they purged, with their matches and exports. What goes after
/// them because of that is not counted.
pub async fn count(session: &Session<'_>, before: Day) -> Result<Purged, Failure> {
    session.look_at_everything().await?;
    let mut counted = Purged::default();
    let mut from = Some(PurgeCursor::START);
    while let Some(cursor) =
        from.filter(|from| matches!(from, PurgeCursor::Payments(_) | PurgeCursor::Sales(_)))
    {
        let purge = Purge {
            before,
            from: cursor,
            limit: 10_000,
        };
        let (going, next) = Going::page(session, &purge).await?;
        counted.payments += going.payments.len() as u64;
        counted.sales += going.sales.len() as u64;
        if let Some(row) = session.maybe(sql::purge::count, &[&going.payments]).await? {
            counted.matches += super::rows::count(&row, 0)?;
            counted.exports += super::rows::count(&row, 1)?;
        }
        from = next;
    }
    Ok(counted)
}

/// What may go, by its rows.
#[derive(Default)]
struct Going {
    payments: Vec<i64>,
    sales: Vec<i64>,
    rejects: Vec<i64>,
    /// The raw records of rejects, where they have any.
    kept_raws: Vec<i64>,
    attempts: Vec<i64>,
}

impl Going {
    /// What may go of a page, and where the next page begins.
    async fn page(
        session: &Session<'_>,
        purge: &Purge,
    ) -> Result<(Self, Option<PurgeCursor>), Failure> {
        let mut going = Self::default();
        let next = match &purge.from {
            PurgeCursor::Payments(after) => {
                let page = typed(session, sql::purge::payments, purge, after.as_ref()).await?;
                for (id, sale) in page.going {
                    going.payments.push(id);
                    going.sales.extend(sale);
                }
                Some(page.last.map_or(PurgeCursor::Sales(None), |last| {
                    PurgeCursor::Payments(Some(last))
                }))
            }
            PurgeCursor::Sales(after) => {
                let page = typed(session, sql::purge::sales, purge, after.as_ref()).await?;
                going.sales.extend(page.going.into_iter().map(|(id, _)| id));
                Some(page.last.map_or(PurgeCursor::Rejects(0), |last| {
                    PurgeCursor::Sales(Some(last))
                }))
            }
            PurgeCursor::Rejects(after) => {
                let page = rejects(session, purge, *after).await?;
                for (id, raw) in page.going {
                    going.rejects.push(id);
                    going.kept_raws.extend(raw);
                }
                Some(
                    page.last
                        .map_or(PurgeCursor::Attempts(0), PurgeCursor::Rejects),
                )
            }
            PurgeCursor::Attempts(after) => {
                let page = attempts(session, purge, *after).await?;
                going
                    .attempts
                    .extend(page.going.into_iter().map(|(id, _)| id));
                Some(page.last.map_or(
                    PurgeCursor::RawMonths(PurgeMonth::FIRST),
                    PurgeCursor::Attempts,
                ))
            }
            PurgeCursor::RawMonths(_) | PurgeCursor::AttemptMonths(_) => None,
        };
        Ok((going, next))
    }

    /// Takes it out. Raw records of months that are over are left: they go with them.
    async fn take(self, session: &Session<'_>, before: Day) -> Result<Purged, Failure> {
        let mut purged = Purged::default();
        let months = RAWS.months(session, before).await?;
        // Of each row that went, its amount; of each file, how many of its records went, and their sum.
        let mut amounts: HashMap<i64, i64> = HashMap::new();
        let mut files: HashMap<i64, (i64, i64)> = HashMap::new();
        if !self.payments.is_empty() {
            let payments = &self.payments;
            let row = |row: &Row| get(row, 0);
            let pairings: Vec<i64> = session.list(sql::purge::pairings, &[payments], row).await?;
            session.execute(sql::purge::delivery, &[&pairings]).await?;
            for row in session.rows(sql::answer::purge, &[&pairings]).await? {
                files.entry(get(&row, 0)?).or_default().0 += 1;
            }
            purged.exports += session.execute(sql::purge::export, &[&pairings]).await?;
            purged.matches += session.execute(sql::purge::pairing, &[&pairings]).await?;
            session.execute(sql::purge::identity, &[payments]).await?;
            for row in session.rows(sql::purge::payment, &[payments]).await? {
                amounts.insert(get(&row, 0)?, get(&row, 1)?);
                purged.payments += 1;
            }
        }
        if !self.sales.is_empty() {
            for row in session.rows(sql::purge::sale, &[&self.sales]).await? {
                amounts.insert(get(&row, 0)?, get(&row, 1)?);
                purged.sales += 1;
            }
        }
        if !amounts.is_empty() {
            let raws: Vec<i64> = amounts.keys().copied().collect();
            let values: [&(dyn ToSql + Sync); 2] = [&raws, &months.staying];
            let mut rows = session.rows(sql::purge::raw, &values).await?;
            if rows.len() < raws.len() {
                let values: [&(dyn ToSql + Sync); 2] = [&raws, &months.going];
                rows.extend(session.rows(sql::purge::raw_left, &values).await?);
            }
            for row in rows {
                let id: i64 = get(&row, 0)?;
                let (count, sum) = files.entry(get(&row, 1)?).or_default();
                *count += 1;
                *sum += amounts.get(&id).copied().unwrap_or_default();
            }
        }
        let mut files: Vec<_> = files.into_iter().collect();
        // In one order, so that no two wait for each other.
        files.sort_unstable();
        for (file, (count, sum)) in files {
            let values: [&(dyn ToSql + Sync); 3] = [&file, &count, &sum];
            session.execute(sql::purge::recount, &values).await?;
        }
        if !self.rejects.is_empty() {
            purged.rejects += session
                .execute(sql::purge::reject, &[&self.rejects])
                .await?;
            // These were never taken, so no file counts them among its new records.
            let values: [&(dyn ToSql + Sync); 2] = [&self.kept_raws, &months.staying];
            session.rows(sql::purge::raw, &values).await?;
        }
        if !self.attempts.is_empty() {
            let months = ATTEMPTS.months(session, before).await?.staying;
            let values: [&(dyn ToSql + Sync); 2] = [&self.attempts, &months];
            purged.attempts += session.execute(sql::purge::attempt, &values).await?;
        }
        Ok(purged)
    }
}

/// A page of rows that may go, each with a row that belongs to it, if there is one.
struct Page<T> {
    going: Vec<(i64, Option<i64>)>,
    /// Where the page ends, unless it was the last.
    last: Option<T>,
}

/// A page of payments or sales, by their keys.
async fn typed(
    session: &Session<'_>,
    sql: &str,
    purge: &Purge,
    after: Option<&PurgePlace>,
) -> Result<Page<PurgePlace>, Failure> {
    let (day, feed, id) = after.map_or((Day(i32::MIN), 0, ""), |place| {
        (place.day, place.feed, place.transaction_id.as_str())
    });
    let values: [&(dyn ToSql + Sync); 6] = [
        &Date(day),
        &feed,
        &id,
        &Date(purge.before),
        &Time(begin_of(purge.before)),
        &limit(purge.limit),
    ];
    let rows = session.rows(sql, &values).await?;
    let mut page = Page {
        going: Vec::new(),
        last: None,
    };
    for row in &rows {
        if get(row, 5)? {
            page.going.push((get(row, 3)?, get(row, 4)?));
        }
    }
    if let Some(row) = rows.last().filter(|_| rows.len() == purge.limit) {
        page.last = Some(PurgePlace {
            day: get::<Date>(row, 0)?.0,
            feed: get(row, 1)?,
            transaction_id: text(row, 2)?,
        });
    }
    Ok(page)
}

/// A page of bad records by their numbers, each with its raw record if it has one.
async fn rejects(session: &Session<'_>, purge: &Purge, after: i64) -> Result<Page<i64>, Failure> {
    let values: [&(dyn ToSql + Sync); 3] =
        [&after, &Time(begin_of(purge.before)), &limit(purge.limit)];
    let rows = session.rows(sql::purge::rejects, &values).await?;
    numbered(&rows, purge, |row| Ok((get(row, 2)?, get(row, 1)?)))
}

/// A page of attempts by their numbers, of the months that stay.
async fn attempts(session: &Session<'_>, purge: &Purge, after: i64) -> Result<Page<i64>, Failure> {
    let months = ATTEMPTS.months(session, purge.before).await?.staying;
    let values: [&(dyn ToSql + Sync); 4] = [
        &after,
        &Time(begin_of(purge.before)),
        &limit(purge.limit),
        &months,
    ];
    let rows = session.rows(sql::purge::attempts, &values).await?;
    numbered(&rows, purge, |row| Ok((get(row, 1)?, None)))
}

/// A page of rows that begin with their numbers; `read` says whether a row may go, and what belongs to
/// it.
fn numbered(
    rows: &[Row],
    purge: &Purge,
    read: impl Fn(&Row) -> Result<(bool, Option<i64>), Failure>,
) -> Result<Page<i64>, Failure> {
    let mut page = Page {
        going: Vec::new(),
        last: None,
    };
    for row in rows {
        let (may_go, other) = read(row)?;
        if may_go {
            page.going.push((get(row, 0)?, other));
        }
    }
    if let Some(row) = rows.last().filter(|_| rows.len() == purge.limit) {
        page.last = Some(get(row, 0)?);
    }
    Ok(page)
}
