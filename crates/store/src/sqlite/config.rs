//! Configuration keys: what operators set while Harmonia runs.

use super::sql;
use super::writer::{Writer, revise};
use harmonia_core::config::ConfigChange;
use harmonia_core::time::Instant;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::BTreeMap;

/// Sets keys, or puts them at their default again.
pub fn apply(
    transaction: &Transaction<'_>,
    changes: &[ConfigChange],
    at: Instant,
) -> rusqlite::Result<()> {
    for ConfigChange { key, value } in changes {
        match value {
            Some(value) => transaction
                .prepare_cached(sql::config::set)?
                .execute(params![key, value, at.0])?,
            None => transaction
                .prepare_cached(sql::config::unset)?
                .execute([key])?,
        };
    }
    if !changes.is_empty() {
        revise(transaction, "config_item")?;
    }
    Ok(())
}

/// Every key that is set.
pub fn list(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    connection
        .prepare_cached(sql::config::list)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Into how many lanes matching is divided here, if that was ever agreed on.
pub fn lanes(connection: &Connection) -> rusqlite::Result<Option<u16>> {
    connection
        .prepare_cached(sql::config::lanes)?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Divides matching into so many lanes, unless something waits in those there were. Says how many
/// there are after this.
pub fn set_lanes(writer: &mut Writer, wanted: u16) -> rusqlite::Result<u16> {
    let transaction = writer.begin()?;
    let known = lanes(&transaction)?;
    let waits: bool = transaction
        .prepare_cached(sql::job::waits_for_match)?
        .query_row([], |row| row.get(0))?;
    let count = match known {
        Some(known) if waits => known,
        _ => wanted,
    };
    transaction
        .prepare_cached(sql::config::set_lanes)?
        .execute([count])?;
    transaction.commit()?;
    Ok(count)
}
