//! Replay: records that were kept go on, when their MID is onboarded or a person corrected them.
//!
//! A quarantined record is read again from what is stored of it, by the agent file as it is now. Its
//! turn is when it is taken up, and its row has the number that its raw record always had.

use crate::Journey;
use crate::import::{ImportError, Placing};
use crate::ports::{KeptRecord, Lease, Store};
use harmonia_core::changes::{
    Changes, ImportedBody, Lane, NewJob, NewWork, Queue, Replayed, Routes, Work,
};
use harmonia_core::identify::MidDirectory;
use harmonia_core::ids::RejectId;
use harmonia_core::problem::Reject;
use harmonia_core::state::RejectState;
use harmonia_core::time::Instant;

/// What became of one record that a person wanted taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// It is in, and goes on to be matched.
    Taken,
    /// The same transaction was in already.
    Duplicate,
    /// The feed's rules skip it as it is now: it stays kept.
    Skipped,
    /// It cannot be taken as it is now, and why. What was kept of it is as it was, unless it waits
    /// for its MID now.
    Kept(Reject),
    /// It was taken up before.
    Before,
    /// There is no kept record of that number.
    Unknown,
    /// The feed that brought it is in no agent file any more.
    NoFeed(String),
}

/// Takes up a batch of the quarantined records whose MID or location is onboarded now, and says
/// where the next batch begins. Those that still wait are left as they are.
///
/// # Errors
/// [`ImportError`] when something cannot be loaded.
pub async fn prepare(journey: &Journey, after: RejectId) -> Result<Changes, ImportError> {
    let mut changes = Changes::done(journey.now());
    let config = journey.config().await?;
    changes.kept_from = journey.kept_from_of(&config)?;
    let page = journey.store.quarantined(after, journey.batch).await?;
    let directory = journey.store.mid_directory().await?;
    for kept in &page {
        if let Ok(Some(replayed)) = read_again(journey, kept, &kept.data, &directory)?
            && !is_refused(&replayed)
        {
            changes.replayed.push(replayed);
        }
    }
    if let Some(last) = page.last().filter(|_| page.len() == journey.batch) {
        changes.jobs.push(job(last.id, changes.at));
    }
    changes
        .jobs
        .push(matching(journey.routes_of(&config)?, changes.at));
    Ok(changes)
}

/// The job that takes up every quarantined record after one.
pub fn job(after: RejectId, now: Instant) -> NewJob {
    NewJob {
        queue: Queue::Identify,
        lane: Some(Lane::MATCHING),
        ready_at: now,
        work: NewWork::Known(Work::Quarantined { after }),
    }
}

/// Takes up one kept record, as it is or as a person `mended` it: a JSON object as
/// `rejects list --json` shows it.
///
/// # Errors
/// [`ImportError`] when something cannot be loaded or stored.
pub async fn replay(
    journey: &Journey,
    id: RejectId,
    mended: Option<&str>,
) -> Result<Replay, ImportError> {
    let Some(kept) = journey.store.kept_record(id).await? else {
        return Ok(Replay::Unknown);
    };
    if kept.state == RejectState::Replayed {
        return Ok(Replay::Before);
    }
    let directory = journey.store.mid_directory().await?;
    let data = mended.unwrap_or(&kept.data);
    let replayed = match read_again(journey, &kept, data, &directory)? {
        Err(no_feed) => return Ok(no_feed),
        Ok(None) => return Ok(Replay::Skipped),
        Ok(Some(replayed)) => replayed,
    };
    if let ImportedBody::Refused { reject, .. } = &replayed.body
        && !reject.reason.is_quarantine()
    {
        return Ok(Replay::Kept(reject.clone()));
    }
    let mut changes = Changes::none(journey.now());
    let config = journey.config().await?;
    changes.kept_from = journey.kept_from_of(&config)?;
    changes
        .jobs
        .push(matching(journey.routes_of(&config)?, changes.at));
    changes.replayed.push(replayed);
    let outcome = journey.commit(Lease::Operator, changes).await?;
    if outcome.imported.new > 0 {
        return Ok(Replay::Taken);
    }
    if outcome.imported.duplicate > 0 {
        return Ok(Replay::Duplicate);
    }
    why_kept(journey.store.as_ref(), id).await
}

/// The reason under which a record is kept now.
async fn why_kept(store: &dyn Store, id: RejectId) -> Result<Replay, ImportError> {
    let rows = store.rejects(None, id.0 - 1, 1).await?;
    let row = rows.into_iter().find(|row| row.id == id.0);
    Ok(row.map_or(Replay::Before, |row| {
        Replay::Kept(Reject::from_stored(
            &row.reason,
            row.field.as_deref(),
            &row.detail,
        ))
    }))
}

/// Reads a kept record by its feed as it is now; `None` when the feed's rules skip it.
fn read_again(
    journey: &Journey,
    kept: &KeptRecord,
    data: &str,
    directory: &MidDirectory,
) -> Result<Result<Option<Replayed>, Replay>, ImportError> {
    let Some(feed) = journey.agents.feed(kept.feed_name.as_str()) else {
        return Ok(Err(Replay::NoFeed(kept.feed_name.to_string())));
    };
    let feed = if kept.canonical {
        feed.canonical()
    } else {
        feed.clone()
    };
    let raw = feed.recall(data, kept.number, kept.occurrence);
    let placed = Placing::new(journey, &feed)?.read_record(&raw, directory);
    Ok(Ok(placed.map(|record| Replayed {
        reject: kept.id,
        raw: record.raw,
        body: record.body,
    })))
}

fn is_refused(replayed: &Replayed) -> bool {
    matches!(replayed.body, ImportedBody::Refused { .. })
}

fn matching(routes: Routes, now: Instant) -> NewJob {
    NewJob {
        queue: Queue::Matching,
        lane: None,
        ready_at: now,
        work: NewWork::Imported(routes),
    }
}
