//! Purging by months: of a month that is over, what stays is put aside, and then its part is dropped.
//!
//! What was read from a raw record of such a month is purged by its keys before, and leaves the raw
//! record where it is. Nothing new comes into the part: whoever commits knows the day before which
//! nothing is kept. So once nothing in it is needed, it is not needed ever.

use super::connection::Session;
use super::failure::Failure;
use super::months::{self, Month};
use super::rows::{Date, Time, get, limit};
use super::sql;
use harmonia_core::retention::{MonthStep, Purge, PurgeMonth, Purged, begin_of};
use harmonia_core::time::Day;
use std::time::Duration;
use tokio_postgres::types::ToSql;

/// Of a part of which more than one row in so many stays, the others are taken out one by one: to move
/// many rows costs more than to delete many.
const MOST_STAYING: i64 = 8;
/// How often it is tried to drop a part that others are reading, and how long between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// What is kept by month, and its statements.
pub struct Parted {
    table: &'static str,
    bounds: &'static str,
    staying: &'static str,
    aside: &'static str,
}

/// Records as they came.
pub const RAWS: Parted = Parted {
    table: "import_transaction",
    bounds: sql::purge::raw_bounds,
    staying: sql::purge::raw_staying,
    aside: sql::purge::raw_aside,
};

/// What was sent to merchants.
pub const ATTEMPTS: Parted = Parted {
    table: "export_attempt",
    bounds: sql::purge::attempt_bounds,
    staying: sql::purge::attempt_staying,
    aside: sql::purge::attempt_aside,
};

/// The months of a table, the rest among them, by whether their parts go.
pub struct Months {
    /// Those that are over before the day.
    pub going: Vec<Date>,
    /// The others.
    pub staying: Vec<Date>,
}

impl Parted {
    /// The months of this table, where what is before a day goes.
    pub async fn months(&self, session: &Session<'_>, before: Day) -> Result<Months, Failure> {
        let mut months = Months {
            going: Vec::new(),
            staying: vec![Month::REST.stored()],
        };
        for month in months::list(session, self.table).await? {
            match month.is_before(before) {
                true => months.going.push(month.stored()),
                false => months.staying.push(month.stored()),
            }
        }
        Ok(months)
    }

    /// Goes on with the months that are over: a stretch of one, and where the next begins.
    pub async fn purge(
        &self,
        session: &Session<'_>,
        purge: &Purge,
        place: PurgeMonth,
    ) -> Result<(Purged, Option<PurgeMonth>), Failure> {
        let going = self.months(session, purge.before).await?.going;
        let Some(month) = going.into_iter().find(|month| month.0 >= place.from) else {
            return Ok((Purged::default(), None));
        };
        // Another month than the one that was begun: somebody else dropped that one.
        let step = match month.0 == place.from || place.step == MonthStep::Begun {
            true => place.step,
            false => MonthStep::Begun,
        };
        let part = Part {
            of: self,
            session,
            month,
            limit: purge.limit,
        };
        let (purged, step) = match step {
            MonthStep::Begun => match part.bounds().await? {
                Some((first, last)) if part.mostly_stays(first, last).await? => {
                    part.take_out(purge, first - 1).await?
                }
                Some((first, last)) => part.put_aside(first - 1, last).await?,
                None => part.drop().await?,
            },
            MonthStep::PutAside(after) => match part.bounds().await? {
                Some((_, last)) => part.put_aside(after, last).await?,
                None => part.drop().await?,
            },
            MonthStep::TakenOut(after) => part.take_out(purge, after).await?,
        };
        let next = match step {
            Some(step) => PurgeMonth {
                from: month.0,
                step,
            },
            None => PurgeMonth::of(Day(month.0.0 + 1)),
        };
        Ok((purged, Some(next)))
    }
}

/// A month of a table that is over.
struct Part<'a> {
    of: &'a Parted,
    session: &'a Session<'a>,
    month: Date,
    limit: usize,
}

/// What a stretch did, and what is done by it of the month, unless that is all.
type Done = (Purged, Option<MonthStep>);

impl Part<'_> {
    /// The numbers of its first row and of its last.
    async fn bounds(&self) -> Result<Option<(i64, i64)>, Failure> {
        let row = self.session.maybe(self.of.bounds, &[&self.month]).await?;
        let Some(row) = row else { return Ok(None) };
        let (first, last): (Option<i64>, Option<i64>) = (get(&row, 0)?, get(&row, 1)?);
        Ok(first.zip(last))
    }

    /// Rows that stay, after one and up to another, past so many.
    async fn staying(
        &self,
        (after, last): (i64, i64),
        rows: i64,
        past: i64,
    ) -> Result<Vec<i64>, Failure> {
        let values: [&(dyn ToSql + Sync); 5] = [&self.month, &after, &last, &rows, &past];
        let id = |row: &tokio_postgres::Row| get(row, 0);
        self.session.list(self.of.staying, &values, id).await
    }

    /// Whether too much of it stays for that to be put aside: what is done in one stretch never is.
    async fn mostly_stays(&self, first: i64, last: i64) -> Result<bool, Failure> {
        let most = ((last - first + 1) / MOST_STAYING).max(limit(self.limit));
        Ok(!self.staying((first - 1, last), 1, most).await?.is_empty())
    }

    /// Puts the next rows that stay among the rest. When there are none any more, the part goes.
    async fn put_aside(&self, after: i64, last: i64) -> Result<Done, Failure> {
        let rows = self.staying((after, last), limit(self.limit), 0).await?;
        let Some(after) = rows.last() else {
            return self.drop().await;
        };
        let values: [&(dyn ToSql + Sync); 2] = [&self.month, &rows];
        self.session.execute(self.of.aside, &values).await?;
        Ok((Purged::default(), Some(MonthStep::PutAside(*after))))
    }

    /// Takes out a page of rows.
    async fn take_out(&self, purge: &Purge, after: i64) -> Result<Done, Failure> {
        let (month, most) = (vec![self.month], limit(self.limit));
        let mut purged = Purged::default();
        let is_raws = self.of.table == RAWS.table;
        let rows = match is_raws {
            true => {
                let values: [&(dyn ToSql + Sync); 3] = [&self.month, &after, &most];
                self.session.rows(sql::purge::raws, &values).await?
            }
            false => {
                let before = Time(begin_of(purge.before));
                let values: [&(dyn ToSql + Sync); 4] = [&after, &before, &most, &month];
                self.session.rows(sql::purge::attempts, &values).await?
            }
        };
        let mut going: Vec<i64> = Vec::new();
        for row in &rows {
            if get(row, 1)? {
                going.push(get(row, 0)?);
            }
        }
        let values: [&(dyn ToSql + Sync); 2] = [&going, &month];
        match is_raws {
            // The files counted them when what was read from them went.
            true => drop(self.session.rows(sql::purge::raw, &values).await?),
            false => purged.attempts = self.session.execute(sql::purge::attempt, &values).await?,
        }
        let last = rows.last().filter(|_| rows.len() == self.limit);
        let step = last.map(|row| get(row, 0).map(MonthStep::TakenOut));
        Ok((purged, step.transpose()?))
    }

    /// Drops it, in a moment in which nobody reads it. If there is none, it stays for the next purge.
    async fn drop(&self) -> Result<Done, Failure> {
        let mut purged = Purged::default();
        if self.of.table == ATTEMPTS.table {
            let row = self.session.maybe(self.of.bounds, &[&self.month]).await?;
            purged.attempts = row.map_or(Ok(0), |row| super::rows::count(&row, 2))?;
        }
        let values: [&(dyn ToSql + Sync); 2] = [&self.of.table, &self.month];
        let (table, month) = (self.of.table, self.month.0);
        for _ in 0..TRIES {
            if self.session.value(sql::month::drop, &values).await? {
                tracing::info!(table, %month, "the part of a month that is over is dropped");
                return Ok((purged, None));
            }
            tokio::time::sleep(PAUSE).await;
        }
        tracing::warn!(
            table,
            %month,
            "others are reading the part of a month that is over: it stays until the next purge"
        );
        Ok((Purged::default(), None))
    }
}
