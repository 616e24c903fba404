//! Configuration keys: what operators set while Harmonia runs.

use super::sql;
use super::writer::revise;
use harmonia_core::config::ConfigChange;
use harmonia_core::time::Instant;
use rusqlite::{Connection, Transaction, params};
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
