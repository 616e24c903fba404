//! Schedules, who watches them, and when each part of Harmonia worked last.

use super::sql;
use super::writer::{Failure, Writer};
use harmonia_core::changes::Tick;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{Holder, Lease};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::BTreeMap;

/// Makes a holder the leader until a time, unless another is.
pub fn lead(
    writer: &Writer,
    holder: &Holder,
    now: Instant,
    until: Instant,
) -> rusqlite::Result<Option<Lease>> {
    let token = writer
        .connection
        .prepare_cached(sql::leader::lead)?
        .query_row(params![holder.0, now.0, until.0], |row| row.get(0))
        .optional()?;
    Ok(token.map(|token| Lease::Leader { token }))
}

/// Proves that whoever has a token leads.
pub fn is_leader(transaction: &Transaction<'_>, token: i64) -> Result<(), Failure> {
    let leads: bool = transaction
        .prepare_cached(sql::leader::leads)?
        .query_row([token], |row| row.get(0))?;
    if leads { Ok(()) } else { Err(Failure::Stale) }
}

/// Lets another lead.
pub fn resign(transaction: &Transaction<'_>, token: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(sql::leader::resign)?
        .execute([token])?;
    Ok(())
}

/// Notes that schedules tick; one that ticked then or later is a conflict.
pub fn tick(transaction: &Transaction<'_>, ticks: &[Tick]) -> Result<(), Failure> {
    for Tick { schedule, at } in ticks {
        let ticked = transaction
            .prepare_cached(sql::schedule::tick)?
            .execute(params![schedule, at.0])?;
        if ticked == 0 {
            return Err(Failure::Conflict);
        }
    }
    Ok(())
}

/// When each schedule ticked last.
pub fn ticked(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Instant>> {
    times(connection, sql::schedule::list)
}

/// Notes that a part worked.
pub fn check_in(writer: &Writer, part: &str, at: Instant) -> rusqlite::Result<()> {
    writer
        .connection
        .prepare_cached(sql::check_in::set)?
        .execute(params![part, at.0])?;
    Ok(())
}

/// When each part worked last.
pub fn check_ins(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Instant>> {
    times(connection, sql::check_in::list)
}

fn times(connection: &Connection, sql: &str) -> rusqlite::Result<BTreeMap<String, Instant>> {
    connection
        .prepare_cached(sql)?
        .query_map([], |row| Ok((row.get(0)?, Instant(row.get(1)?))))?
        .collect()
}
