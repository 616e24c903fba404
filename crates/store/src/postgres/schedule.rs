//! Schedules, who watches them, and when each part of Harmonia worked last.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{Time, get, instant};
use super::{Shared, sql};
use harmonia_core::changes::Tick;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{Holder, Lease};
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;

/// Makes a holder the leader for so many microseconds, unless another is.
pub async fn lead(
    shared: &Shared,
    holder: &Holder,
    lasting_us: i64,
) -> Result<Option<Lease>, Failure> {
    let mut client = super::connect(&shared.pool).await?;
    let session = Session::write(&mut client).await?;
    let values: [&(dyn ToSql + Sync); 2] = [&holder.0, &lasting_us];
    let leads = session.maybe(sql::leader::lead, &values).await?;
    let token = leads.map(|row| get(&row, 0)).transpose()?;
    session.commit().await?;
    Ok(token.map(|token| Lease::Leader { token }))
}

/// Proves that whoever has a token leads, and will until this transaction ends.
pub async fn is_leader(session: &Session<'_>, token: i64) -> Result<(), Failure> {
    match session.maybe(sql::leader::leads, &[&token]).await? {
        Some(_) => Ok(()),
        None => Err(Failure::Stale),
    }
}

/// Lets another lead.
pub async fn resign(session: &Session<'_>, token: i64) -> Result<(), Failure> {
    session.execute(sql::leader::resign, &[&token]).await?;
    Ok(())
}

/// Notes that schedules tick; one that ticked then or later is a conflict.
pub async fn tick(session: &Session<'_>, ticks: &[Tick]) -> Result<(), Failure> {
    for Tick { schedule, at } in ticks {
        let values: [&(dyn ToSql + Sync); 2] = [schedule, &Time(*at)];
        if session.execute(sql::schedule::tick, &values).await? == 0 {
            return Err(Failure::Conflict);
        }
    }
    Ok(())
}

/// When each schedule ticked last.
pub async fn ticked(session: &Session<'_>) -> Result<BTreeMap<String, Instant>, Failure> {
    times(session, sql::schedule::list).await
}

/// Notes that a part worked.
pub async fn check_in(shared: &Shared, part: &str, at: Instant) -> Result<(), Failure> {
    let mut client = super::connect(&shared.pool).await?;
    let session = Session::write(&mut client).await?;
    let values: [&(dyn ToSql + Sync); 2] = [&part, &Time(at)];
    session.execute(sql::check_in::set, &values).await?;
    session.commit().await
}

/// When each part worked last.
pub async fn check_ins(session: &Session<'_>) -> Result<BTreeMap<String, Instant>, Failure> {
    times(session, sql::check_in::list).await
}

async fn times(
    session: &Session<'_>,
    sql: &'static str,
) -> Result<BTreeMap<String, Instant>, Failure> {
    let rows = session.rows(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok((get(row, 0)?, instant(row, 1)?)))
        .collect()
}
