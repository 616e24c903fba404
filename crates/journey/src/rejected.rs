//! Records that were not taken, looked through for one transaction: newest first, and no further back
//! than it can be.

use crate::Journey;
use crate::ports::{RejectRow, Side, Store, StoreError};
use harmonia_core::claim::says;
use harmonia_core::ids::RejectId;
use harmonia_core::time::Instant;

/// Records read from the store at once.
const PAGE: usize = 1000;
/// How many records are looked through at most: what lies further back is not found.
pub const MOST: usize = 200_000;

/// The records that still wait, were kept at a time or since, and are wanted: newest first, at most so
/// many.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn since(
    store: &dyn Store,
    since: Instant,
    at_most: usize,
    mut is_wanted: impl FnMut(&RejectRow) -> bool,
) -> Result<Vec<RejectRow>, StoreError> {
    let mut found = Vec::new();
    let mut before = RejectId(i64::MAX);
    for _ in 0..MOST / PAGE {
        let page = store.newest_rejects(before, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        before = RejectId(last.id);
        let is_old = last.created_at < since;
        let recent = page.into_iter().filter(|row| row.created_at >= since);
        for row in recent {
            if is_wanted(&row) {
                found.push(row);
            }
            if found.len() >= at_most {
                return Ok(found);
            }
        }
        if is_old {
            break;
        }
    }
    Ok(found)
}

/// The newest record with an id of the provider's own that still waits, among those that may be it.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn with_id(
    store: &dyn Store,
    transaction_id: &str,
    may_be: impl Fn(&RejectRow) -> bool,
) -> Result<Option<RejectRow>, StoreError> {
    let is_it = |row: &RejectRow| may_be(row) && says(&row.data, transaction_id);
    let found = since(store, Instant(i64::MIN), 1, is_it).await?;
    Ok(found.into_iter().next())
}

/// Whether a record is of a feed of payments or of sales; `None` where no agent file has its feed.
pub fn side_of(journey: &Journey, row: &RejectRow) -> Option<Side> {
    let feed = journey.agents.feed(&row.feed)?;
    Some(if feed.feed_type.is_payment() {
        Side::Payment
    } else {
        Side::Sale
    })
}
