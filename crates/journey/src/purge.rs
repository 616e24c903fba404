//! Purge: what is older than what is kept goes, a stretch at a time.
//!
//! That it may be gone is made known first, in a commit of its own: from then on nothing of that age
//! that is not known is taken any more, by whichever process imports it. Purging that is cut short is
//! begun anew, and goes on with what is still there. Who does it is logged twice: before anything is
//! gone, and with how much went.

use crate::ports::{Clock, CommitError, Lease, Store};
use harmonia_core::changes::{AuditEntry, Changes};
use harmonia_core::retention::{Purge, PurgeCursor, Purged};
use harmonia_core::time::Day;
use serde_json::json;

/// Rows looked at in one commit: others get their turn between two of them.
const ROWS_A_COMMIT: usize = 2_000;

/// Takes out what is of an earlier day than `before`, came before that day, and is finished, because
/// `operator` says so. `told` hears after each commit how much is gone by then.
///
/// # Errors
/// [`CommitError`]; what was taken out before it is gone, and purging may be begun again.
pub async fn purge(
    store: &dyn Store,
    clock: &dyn Clock,
    before: Day,
    operator: &str,
    told: &(dyn Fn(Purged) + Sync),
) -> Result<Purged, CommitError> {
    let mut known = Changes::none(clock.now());
    known.purged_before = Some(before);
    known.audit.push(AuditEntry {
        operator: operator.into(),
        action: "purge.begin",
        detail: json!({ "before": before.to_string() }),
    });
    store.commit(Lease::Operator, known).await?;
    let mut purged = Purged::default();
    let mut from = Some(PurgeCursor::START);
    while let Some(cursor) = from {
        let mut changes = Changes::none(clock.now());
        changes.purge = Some(Purge {
            before,
            from: cursor,
            limit: ROWS_A_COMMIT,
        });
        let committed = store.commit(Lease::Operator, changes).await?;
        purged.add(committed.purged);
        from = committed.purge_from;
        told(purged);
    }
    let mut done = Changes::none(clock.now());
    done.audit.push(AuditEntry {
        operator: operator.into(),
        action: "purge",
        detail: json!({ "before": before.to_string(), "purged": purged }),
    });
    store.commit(Lease::Operator, done).await?;
    Ok(purged)
}
