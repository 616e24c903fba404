//! The audit: whether what must always be so is so.

use super::rows::instant;
use super::sql;
use crate::audit::{Breaches, Chain, Entry, invariants};
use harmonia_journey::ports::AuditFinding;
use rusqlite::{Connection, params};

/// Checks every invariant. No findings: all hold.
pub fn audit(connection: &Connection) -> rusqlite::Result<Vec<AuditFinding>> {
    let mut findings = Vec::new();
    for (invariant, sql) in invariants!(sql) {
        let mut breaches = Breaches::of(invariant);
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            breaches.add(row.get(0)?);
        }
        findings.extend(breaches.found());
    }
    findings.extend(broken_links(connection)?);
    Ok(findings)
}

/// Entries of the log that do not follow from those before them.
fn broken_links(connection: &Connection) -> rusqlite::Result<Option<AuditFinding>> {
    let mut chain = Chain::begin();
    let mut statement = connection.prepare_cached(sql::audit_log::list)?;
    let mut rows = statement.query(params![0, i64::MAX])?;
    while let Some(row) = rows.next()? {
        chain.follow(Entry {
            id: row.get(0)?,
            at: instant(row, 1)?,
            operator: row.get_ref(2)?.as_str()?,
            action: row.get_ref(3)?.as_str()?,
            detail: row.get_ref(4)?.as_str()?,
            hash: row.get(5)?,
        });
    }
    Ok(chain.found())
}
