//! What waits to be announced.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{Time, get, invalid, limit};
use super::sql;
use super::work::Work;
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::changes::Changes;
use harmonia_core::ids::OutboxId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Adds what is to be announced, and takes out what was.
pub async fn apply(work: &Work<'_>, changes: &Changes) -> Result<(), Failure> {
    if !changes.announcements.is_empty() {
        let written = changes.announcements.iter();
        let topics: Vec<&str> = written.clone().map(|(topic, _)| topic.as_str()).collect();
        let messages: Result<Vec<String>, _> = written
            .map(|(_, announcement)| serde_json::to_string(announcement))
            .collect();
        let values: [&(dyn ToSql + Sync); 3] = [&topics, &messages?, &Time(work.at)];
        work.session.execute(sql::outbox::insert, &values).await?;
    }
    if !changes.announced.is_empty() {
        let ids: Vec<i64> = changes.announced.iter().map(|id| id.0).collect();
        work.session.execute(sql::outbox::done, &[&ids]).await?;
    }
    Ok(())
}

/// The first of what waits.
pub async fn waiting(
    session: &Session<'_>,
    most: usize,
) -> Result<Vec<(OutboxId, Topic, Announcement)>, Failure> {
    let row = |row: &Row| {
        Ok((
            OutboxId(get(row, 0)?),
            Topic::from_name(get(row, 1)?).ok_or_else(|| invalid(1, "no topic"))?,
            serde_json::from_str(get(row, 2)?)?,
        ))
    };
    session
        .list(sql::outbox::waiting, &[&limit(most)], row)
        .await
}
