//! Purging: what is older than what is kept, and finished, goes, a stretch at a time.
//!
//! Open payments stay, however old: their turn may still come, and their keys must be known. So does
//! what waits, and what a merchant has not been told.

use super::sql;
use super::writer::{Failure, remember_last};
use compact_str::CompactString;
use harmonia_core::retention::{Purge, PurgeCursor, PurgePlace, Purged, begin_of};
use harmonia_core::time::{Day, Instant};
use hashbrown::HashMap;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};

/// Tables whose rows are numbered by commits, and go.
const NUMBERED: [&str; 3] = ["import_transaction", "pairing", "export"];

/// The first day of which nothing is purged, if anything ever was to be.
pub fn kept_from(connection: &Connection) -> rusqlite::Result<Option<Day>> {
    connection
        .prepare_cached(sql::purge::kept_from)?
        .query_row([], |row| row.get(0).map(Day))
        .optional()
}

/// Makes known that what is of an earlier day may be gone.
pub fn keep_from(
    transaction: &Transaction<'_>,
    day: Option<Day>,
    at: Instant,
) -> rusqlite::Result<()> {
    if let Some(day) = day {
        transaction
            .prepare_cached(sql::purge::keep_from)?
            .execute(params![day.0, at.0])?;
    }
    Ok(())
}

/// Takes out a stretch, and says where the next begins. Never anything of a day that is not made
/// known as purged.
pub fn apply(
    transaction: &Transaction<'_>,
    purge: &Purge,
) -> Result<(Purged, Option<PurgeCursor>), Failure> {
    let Some(known) = kept_from(transaction)? else {
        return Ok((Purged::default(), None));
    };
    for table in NUMBERED {
        remember_last(transaction, table)?;
    }
    let purge = Purge {
        before: purge.before.min(known),
        ..purge.clone()
    };
    let (going, next) = Going::page(transaction, &purge)?;
    let mut taking = Taking::prepare(transaction)?;
    for one in &going {
        taking.take(one)?;
    }
    Ok((taking.finish()?, next))
}

/// How many transactions would go, were they purged, with their matches and exports. What goes after
/// them because of that is not counted.
pub fn count(connection: &Connection, before: Day) -> rusqlite::Result<Purged> {
    let mut pairings = connection.prepare_cached(sql::purge::pairings)?;
    let mut exports = connection.prepare_cached(sql::purge::exports)?;
    let mut count = Purged::default();
    let mut from = Some(PurgeCursor::START);
    while let Some(cursor) =
        from.filter(|from| matches!(from, PurgeCursor::Payments(_) | PurgeCursor::Sales(_)))
    {
        let purge = Purge {
            before,
            from: cursor,
            limit: 10_000,
        };
        let (going, next) = Going::page(connection, &purge)?;
        for one in going {
            match one {
                Going::Payment { id, sale } => {
                    count.payments += 1;
                    count.sales += u64::from(sale.is_some());
                    for pairing in ids(&mut pairings, id)? {
                        count.matches += 1;
                        count.exports +=
                            exports.query_row([pairing], |row| row.get::<_, u64>(0))?;
                    }
                }
                Going::Sale { .. } => count.sales += 1,
                Going::Reject { .. } | Going::Attempt { .. } => {}
            }
        }
        from = next;
    }
    Ok(count)
}

/// Something that may go.
enum Going {
    Payment { id: i64, sale: Option<i64> },
    Sale { id: i64 },
    Reject { id: i64, raw: Option<i64> },
    Attempt { id: i64 },
}

impl Going {
    /// What may go of a page, and where the next page begins.
    fn page(
        connection: &Connection,
        purge: &Purge,
    ) -> rusqlite::Result<(Vec<Self>, Option<PurgeCursor>)> {
        match &purge.from {
            PurgeCursor::Payments(after) => {
                let (going, last) = typed(connection, sql::purge::payments, purge, after.as_ref())?;
                let payment = |(id, sale)| Self::Payment { id, sale };
                let next = last.map_or(PurgeCursor::Sales(None), |last| {
                    PurgeCursor::Payments(Some(last))
                });
                Ok((going.into_iter().map(payment).collect(), Some(next)))
            }
            PurgeCursor::Sales(after) => {
                let (going, last) = typed(connection, sql::purge::sales, purge, after.as_ref())?;
                let sale = |(id, _)| Self::Sale { id };
                let next = last.map_or(PurgeCursor::Rejects(0), |last| {
                    PurgeCursor::Sales(Some(last))
                });
                Ok((going.into_iter().map(sale).collect(), Some(next)))
            }
            PurgeCursor::Rejects(after) => {
                let page = numbered(connection, sql::purge::rejects, purge, *after)?;
                let next = page
                    .last
                    .map_or(PurgeCursor::Attempts(0), PurgeCursor::Rejects);
                let reject = |(id, raw)| Self::Reject { id, raw };
                Ok((page.going.into_iter().map(reject).collect(), Some(next)))
            }
            PurgeCursor::Attempts(after) => {
                let page = numbered(connection, sql::purge::attempts, purge, *after)?;
                let attempt = |(id, _)| Self::Attempt { id };
                let next = page.last.map(PurgeCursor::Attempts);
                Ok((page.going.into_iter().map(attempt).collect(), next))
            }
            // One file has no months to drop.
            PurgeCursor::RawMonths(_) | PurgeCursor::AttemptMonths(_) => Ok((Vec::new(), None)),
        }
    }
}

type Typed = (Vec<(i64, Option<i64>)>, Option<PurgePlace>);

/// A page of payments or sales, by their keys; and the last key, unless it was the last page.
fn typed(
    connection: &Connection,
    sql: &str,
    purge: &Purge,
    after: Option<&PurgePlace>,
) -> rusqlite::Result<Typed> {
    let (day, feed, id) = after.map_or((i32::MIN, 0, ""), |place| {
        (place.day.0, place.feed, place.transaction_id.as_str())
    });
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![
        day,
        feed,
        id,
        purge.before.0,
        begin_of(purge.before).0,
        purge.limit
    ])?;
    let (mut going, mut seen, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        seen += 1;
        if seen == purge.limit {
            last = Some(PurgePlace {
                day: Day(row.get(0)?),
                feed: row.get(1)?,
                transaction_id: CompactString::from(row.get_ref(2)?.as_str()?),
            });
        }
        if row.get(5)? {
            going.push((row.get(3)?, row.get(4)?));
        }
    }
    Ok((going, last))
}

struct Numbered {
    going: Vec<(i64, Option<i64>)>,
    /// The last row, unless it was the last page.
    last: Option<i64>,
}

/// A page of rows by their numbers, each with a raw record if it has one.
fn numbered(
    connection: &Connection,
    sql: &str,
    purge: &Purge,
    after: i64,
) -> rusqlite::Result<Numbered> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(params![after, begin_of(purge.before).0, purge.limit])?;
    let mut page = Numbered {
        going: Vec::new(),
        last: None,
    };
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        let id = row.get(0)?;
        if seen == purge.limit {
            page.last = Some(id);
        }
        if row.get(columns - 1)? {
            let raw = if columns > 2 { row.get(1)? } else { None };
            page.going.push((id, raw));
        }
    }
    Ok(page)
}

fn ids(statement: &mut CachedStatement<'_>, of: i64) -> rusqlite::Result<Vec<i64>> {
    statement.query_map([of], |row| row.get(0))?.collect()
}

/// What takes rows out, and what was taken.
struct Taking<'a> {
    pairings: CachedStatement<'a>,
    delivery: CachedStatement<'a>,
    answers: CachedStatement<'a>,
    export: CachedStatement<'a>,
    pairing: CachedStatement<'a>,
    identity: CachedStatement<'a>,
    payment: CachedStatement<'a>,
    sale: CachedStatement<'a>,
    raw: CachedStatement<'a>,
    reject: CachedStatement<'a>,
    attempt: CachedStatement<'a>,
    recount: CachedStatement<'a>,
    purged: Purged,
    /// Of each file, how many of its records went, and their sum.
    files: HashMap<i64, (i64, i64)>,
}

impl<'a> Taking<'a> {
    fn prepare(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pairings: transaction.prepare_cached(sql::purge::pairings)?,
            delivery: transaction.prepare_cached(sql::purge::delivery)?,
            answers: transaction.prepare_cached(sql::answer::purge)?,
            export: transaction.prepare_cached(sql::purge::export)?,
            pairing: transaction.prepare_cached(sql::purge::pairing)?,
            identity: transaction.prepare_cached(sql::purge::identity)?,
            payment: transaction.prepare_cached(sql::purge::payment)?,
            sale: transaction.prepare_cached(sql::purge::sale)?,
            raw: transaction.prepare_cached(sql::purge::raw)?,
            reject: transaction.prepare_cached(sql::purge::reject)?,
            attempt: transaction.prepare_cached(sql::purge::attempt)?,
            recount: transaction.prepare_cached(sql::purge::recount)?,
            purged: Purged::default(),
            files: HashMap::new(),
        })
    }

    fn take(&mut self, going: &Going) -> rusqlite::Result<()> {
        match going {
            Going::Payment { id, sale } => {
                self.take_matches(*id)?;
                self.identity.execute([id])?;
                let amount = self.payment.query_row([id], |row| row.get(0))?;
                self.take_raw(*id, amount)?;
                self.purged.payments += 1;
                sale.map_or(Ok(()), |sale| self.take_sale(sale))
            }
            Going::Sale { id } => self.take_sale(*id),
            Going::Reject { id, raw } => {
                self.reject.execute([id])?;
                if let Some(raw) = raw {
                    // It was never taken, so no file counts it among its new records.
                    self.raw.query_row([raw], |_| Ok(())).optional()?;
                }
                self.purged.rejects += 1;
                Ok(())
            }
            Going::Attempt { id } => {
                self.attempt.execute([id])?;
                self.purged.attempts += 1;
                Ok(())
            }
        }
    }

    fn take_matches(&mut self, payment: i64) -> rusqlite::Result<()> {
        for pairing in ids(&mut self.pairings, payment)? {
            self.delivery.execute([pairing])?;
            for file in ids(&mut self.answers, pairing)? {
                self.files.entry(file).or_default().0 += 1;
            }
            self.purged.exports += self.export.execute([pairing])? as u64;
            self.pairing.execute([pairing])?;
            self.purged.matches += 1;
        }
        Ok(())
    }

    fn take_sale(&mut self, id: i64) -> rusqlite::Result<()> {
        let amount = self.sale.query_row([id], |row| row.get(0))?;
        self.purged.sales += 1;
        self.take_raw(id, amount)
    }

    fn take_raw(&mut self, id: i64, amount: i64) -> rusqlite::Result<()> {
        let file: i64 = self.raw.query_row([id], |row| row.get(0))?;
        let (count, sum) = self.files.entry(file).or_default();
        *count += 1;
        *sum += amount;
        Ok(())
    }

    fn finish(mut self) -> rusqlite::Result<Purged> {
        for (file, (count, sum)) in &self.files {
            self.recount.execute(params![file, count, sum])?;
        }
        Ok(self.purged)
    }
}
