//! Configuration keys: what operators set while Harmonia runs.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{Time, get, invalid};
use super::work::Work;
use super::{Shared, sql};
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

/// Into how many lanes matching is divided here, if that was ever agreed on.
pub async fn lanes(session: &Session<'_>) -> Result<Option<u16>, Failure> {
    let Some(row) = session.maybe(sql::config::lanes, &[]).await? else {
        return Ok(None);
    };
    let count = u16::try_from(get::<i32>(&row, 0)?);
    Ok(Some(count.map_err(|_| invalid(0, "no number of lanes"))?))
}

/// Divides matching into so many lanes, unless something waits in those there were. Says how many
/// there are after this.
pub async fn set_lanes(shared: &Shared, wanted: u16) -> Result<u16, Failure> {
    let mut client = super::connect(&shared.pool).await?;
    let session = Session::write(&mut client).await?;
    session.execute(sql::config::lock_lanes, &[]).await?;
    let known = lanes(&session).await?;
    let waits: bool = session.value(sql::job::waits_for_match, &[]).await?;
    let count = match known {
        Some(known) if waits => known,
        _ => wanted,
    };
    let stored = i32::from(count);
    session.execute(sql::config::set_lanes, &[&stored]).await?;
    session.commit().await?;
    Ok(count)
}
