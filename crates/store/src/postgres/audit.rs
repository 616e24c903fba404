//! The audit: whether what must always be so is so.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{get, instant};
use super::sql;
use futures_util::TryStreamExt;
use harmonia_core::audit;
use harmonia_journey::ports::AuditFinding;
use tokio_postgres::types::ToSql;

/// How many rows that break an invariant are named.
const EXAMPLES: usize = 5;

/// The invariants that an audit checks, in words, each with the statement that finds its breaches.
const INVARIANTS: &[(&str, &str)] = &[
    (
        "a payment is in one match at most",
        sql::audit::one_to_one_payment,
    ),
    (
        "a sale is in one match at most",
        sql::audit::one_to_one_sale,
    ),
    (
        "both sides of a match agree in scheme, MID, amount and currency",
        sql::audit::same_purchase,
    ),
    (
        "a matched payment is identified",
        sql::audit::matched_is_identified,
    ),
    (
        "a matched payment is not open",
        sql::audit::matched_is_not_open,
    ),
    (
        "every match has its export",
        sql::audit::matched_is_exported,
    ),
    (
        "what was delivered was sent",
        sql::audit::delivered_was_sent,
    ),
    (
        "every raw record taken is one payment or one sale",
        sql::audit::raw_is_typed,
    ),
    (
        "a file's counts and sums are those of its rows",
        sql::audit::file_counts,
    ),
    (
        "every payment is matched, open with a reason, or due",
        sql::audit::nothing_forgotten,
    ),
    ("every pending export is due", sql::audit::export_is_due),
    (
        "what ended with another payment is of that payment's purchase",
        sql::audit::settlement_follows,
    ),
];

/// Checks every invariant. No findings: all hold.
pub async fn audit(session: &Session<'_>) -> Result<Vec<AuditFinding>, Failure> {
    session.look_at_everything().await?;
    let mut findings = Vec::new();
    for (invariant, sql) in INVARIANTS {
        let mut count = 0;
        let mut examples = Vec::new();
        let mut rows = std::pin::pin!(session.stream(sql, &[]).await?);
        while let Some(row) = rows.try_next().await? {
            count += 1;
            if examples.len() < EXAMPLES {
                examples.push(get(&row, 0)?);
            }
        }
        if count > 0 {
            findings.push(AuditFinding {
                invariant: (*invariant).to_owned(),
                count,
                examples,
            });
        }
    }
    findings.extend(broken_links(session).await?);
    Ok(findings)
}

/// Entries of the log that do not follow from those before them.
async fn broken_links(session: &Session<'_>) -> Result<Option<AuditFinding>, Failure> {
    let mut previous = audit::BEGINNING.to_vec();
    let mut expected_id = 1;
    let mut broken = Vec::new();
    let values: [&(dyn ToSql + Sync); 2] = [&0_i64, &i64::MAX];
    let mut rows = std::pin::pin!(session.stream(sql::audit_log::list, &values).await?);
    while let Some(row) = rows.try_next().await? {
        let id: i64 = get(&row, 0)?;
        let (operator, action, detail) = (get(&row, 2)?, get(&row, 3)?, get(&row, 4)?);
        let link = audit::link(&previous, instant(&row, 1)?, operator, action, detail);
        let hash: Vec<u8> = get(&row, 5)?;
        if link.as_slice() != hash || id != expected_id {
            broken.push(id);
        }
        previous = hash;
        expected_id = id + 1;
    }
    Ok((!broken.is_empty()).then(|| AuditFinding {
        invariant: "every entry of the log of what people did follows from the one before it"
            .to_owned(),
        count: broken.len() as u64,
        examples: broken.into_iter().take(EXAMPLES).collect(),
    }))
}
