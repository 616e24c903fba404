//! What every part of a commit writes with: the one connection that may, what it remembers, and the
//! ids it gives out.

use super::sql;
use harmonia_core::changes::Placed;
use harmonia_core::ids::{MatchGroup, SchemeId, Slug};
use harmonia_core::transaction::FeedType;
use hashbrown::HashMap;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::ops::RangeInclusive;

/// The writing connection and what it remembers of rows that never change.
pub struct Writer {
    pub connection: Connection,
    pub known: Known,
}

impl Writer {
    /// Around a connection.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            known: Known::default(),
        }
    }

    /// Begins a transaction that may write.
    pub fn begin(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
    }
}

/// What went wrong within a commit.
pub enum Failure {
    /// The lease is another's.
    Stale,
    /// A unique key says that somebody else was first.
    Conflict,
    /// SQLite could not.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// The ids that a commit gave out.
#[derive(Default)]
pub struct Given {
    pub match_group: Option<MatchGroup>,
    /// Rows whose numbers were given out when their records were kept are among these too.
    pub payments: Vec<Placed>,
    pub sales: Vec<Placed>,
    pub exports: Option<RangeInclusive<i64>>,
}

/// What the writer remembers of rows that never change, so that it need not ask for each record.
#[derive(Default)]
pub struct Known {
    pub feeds: HashMap<(Slug, FeedType), i64>,
    pub mid_sets: HashMap<(SchemeId, String), (i64, bool)>,
}

/// The id after the largest that a table ever gave out.
pub fn next_id(transaction: &Transaction<'_>, table: &str) -> rusqlite::Result<i64> {
    // The names of tables are ours, not input.
    let sql = format!(
        "SELECT max(coalesce((SELECT max(id) FROM {table}), 0),
                    coalesce((SELECT number FROM last_number WHERE name = '{table}'), 0)) + 1"
    );
    transaction
        .prepare_cached(&sql)?
        .query_row([], |row| row.get(0))
}

/// Remembers the largest id of a table, whose row may be gone soon.
pub fn remember_last(transaction: &Transaction<'_>, table: &str) -> rusqlite::Result<()> {
    let last = next_id(transaction, table)? - 1;
    transaction
        .prepare_cached(sql::purge::last_number)?
        .execute(rusqlite::params![table, last])?;
    Ok(())
}

/// A range that reaches to `id`.
pub fn extend(range: Option<RangeInclusive<i64>>, id: i64) -> Option<RangeInclusive<i64>> {
    Some(range.map_or(id..=id, |range| *range.start()..=id))
}

/// Tells readers that what they remember under a name no longer holds.
pub fn revise(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(sql::mid::revise)?
        .execute([name])?;
    Ok(())
}

/// A second match for a payment or a sale is what the unique keys are there to refuse; so is a second
/// answer to one request. What a check refuses is no conflict: deciding again would not help.
pub fn conflict(error: rusqlite::Error) -> Failure {
    let code = error.sqlite_error().map(|error| error.extended_code);
    match code {
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE) => Failure::Conflict,
        _ => Failure::Sqlite(error),
    }
}
