//! The audit: whether what must always be so is so.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{get, instant};
use super::sql;
use crate::audit::{Breaches, Chain, Entry, invariants};
use futures_util::TryStreamExt;
use harmonia_journey::ports::AuditFinding;
use std::pin::pin;
use tokio_postgres::types::ToSql;

/// Checks every invariant. No findings: all hold.
pub async fn audit(session: &Session<'_>) -> Result<Vec<AuditFinding>, Failure> {
    session.look_at_everything().await?;
    let mut findings = Vec::new();
    for (invariant, sql) in invariants!(sql) {
        let mut breaches = Breaches::of(invariant);
        let mut rows = pin!(session.stream(sql, &[]).await?);
        while let Some(row) = rows.try_next().await? {
            breaches.add(get(&row, 0)?);
        }
        findings.extend(breaches.found());
    }
    findings.extend(broken_links(session).await?);
    Ok(findings)
}

/// Entries of the log that do not follow from those before them.
async fn broken_links(session: &Session<'_>) -> Result<Option<AuditFinding>, Failure> {
    let mut chain = Chain::begin();
    let values: [&(dyn ToSql + Sync); 2] = [&0_i64, &i64::MAX];
    let mut rows = pin!(session.stream(sql::audit_log::list, &values).await?);
    while let Some(row) = rows.try_next().await? {
        chain.follow(Entry {
            id: get(&row, 0)?,
            at: instant(&row, 1)?,
            operator: get(&row, 2)?,
            action: get(&row, 3)?,
            detail: get(&row, 4)?,
            hash: get(&row, 5)?,
        });
    }
    Ok(chain.found())
}
