//! What waits to be announced.

use super::rows::invalid;
use super::sql;
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::changes::Changes;
use harmonia_core::ids::OutboxId;
use rusqlite::{Connection, Transaction, params};

/// Adds what is to be announced, and takes out what was.
pub fn apply(transaction: &Transaction<'_>, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(sql::outbox::insert)?;
    for (topic, announcement) in &changes.announcements {
        let message = serde_json::to_string(announcement)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        insert.execute(params![topic.as_str(), message, changes.at.0])?;
    }
    let mut done = transaction.prepare_cached(sql::outbox::done)?;
    for OutboxId(id) in &changes.announced {
        done.execute([id])?;
    }
    Ok(())
}

/// The first of what waits.
pub fn waiting(
    connection: &Connection,
    most: usize,
) -> rusqlite::Result<Vec<(OutboxId, Topic, Announcement)>> {
    let mut waiting = connection.prepare_cached(sql::outbox::waiting)?;
    let rows = waiting.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
        let topic: String = row.get(1)?;
        let message: String = row.get(2)?;
        Ok((
            OutboxId(row.get(0)?),
            Topic::from_name(&topic).ok_or_else(|| invalid(1, "no topic"))?,
            serde_json::from_str(&message).map_err(|_| invalid(2, "no announcement"))?,
        ))
    })?;
    rows.collect()
}
