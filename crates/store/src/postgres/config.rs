//! Configuration keys: what operators set while Harmonia runs.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{Time, get};
use super::sql;
use super::work::Work;
use harmonia_core::config::ConfigChange;
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;

/// Sets keys, or puts them at their default again.
pub async fn apply(work: &Work<'_>, changes: &[ConfigChange]) -> Result<(), Failure> {
    for ConfigChange { key, value } in changes {
        match value {
            Some(value) => {
                let values: [&(dyn ToSql + Sync); 3] = [key, value, &Time(work.at)];
                work.session.execute(sql::config::set, &values).await?;
            }
            None => {
                work.session.execute(sql::config::unset, &[key]).await?;
            }
        }
    }
    if !changes.is_empty() {
        work.revise("config_item").await?;
    }
    Ok(())
}

/// Every key that is set.
pub async fn list(session: &Session<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let rows = session.rows(sql::config::list, &[]).await?;
    rows.iter()
        .map(|row| Ok((get(row, 0)?, get(row, 1)?)))
        .collect()
}
