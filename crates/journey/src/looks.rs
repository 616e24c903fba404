//! Looks: takes up the jobs that ask for a look where a feed arrives, several feeds at a time.
//!
//! A look holds its job's lease for as long as it lasts; should it lose that all the same, another looks
//! too, and each file goes to whoever claimed it. What goes wrong with a file is tried again with the next
//! look.

use crate::Journey;
use crate::drive::Stop;
use crate::import::{ImportError, ImportReport};
use crate::ports::{CommitError, Inboxes, Job, Part, StoreError};
use crate::watch::{WatchError, look_once};
use harmonia_core::changes::{Changes, JobEnd, Queue, Work};
use harmonia_core::feed::Feed;
use harmonia_core::ids::Slug;
use harmonia_core::retry;
use hashbrown::HashMap;
use std::sync::Arc;
use tokio::task::{Id, JoinSet};

/// So many feeds are looked for at once: one that is slow keeps none of the others waiting.
const AT_ONCE: usize = 16;
/// After a look of this process, its next look of the same feed is this much later at least.
const APART_US: i64 = 200_000;

/// For which feed each look under way is.
type InHand = HashMap<Id, Slug>;

/// Looks for feeds whenever that is asked for, until told to stop.
///
/// # Errors
/// [`StoreError`] when the store is broken; while it is only busy, it is asked again.
pub async fn forever(
    journey: &Journey,
    inboxes: &Arc<dyn Inboxes>,
    stop: &mut Stop,
) -> Result<(), StoreError> {
    let mut looks = JoinSet::new();
    let mut in_hand = InHand::new();
    while !*stop.borrow() {
        match take_up(journey, inboxes, &mut looks, &mut in_hand, stop).await {
            Err(StoreError::Broken(error)) => return Err(StoreError::Broken(error)),
            Err(StoreError::Busy(error)) => tracing::warn!(error, "the store is busy"),
            Ok(()) => {}
        }
        tokio::select! {
            () = journey.signals.woken(&[Queue::Import]), if looks.len() < AT_ONCE => {}
            Some(looked) = looks.join_next_with_id() => {
                let look = match looked {
                    Ok((look, ())) => look,
                    Err(error) => {
                        // Its job is taken up again when its lease has run out.
                        tracing::error!(%error, "a look came to an end in its midst");
                        error.id()
                    }
                };
                in_hand.remove(&look);
            }
            _ = stop.changed() => {}
        }
    }
    // Each was told to stop as well, and ends with the batch in hand.
    while looks.join_next().await.is_some() {}
    Ok(())
}

/// Begins every look that is due.
async fn take_up(
    journey: &Journey,
    inboxes: &Arc<dyn Inboxes>,
    looks: &mut JoinSet<()>,
    in_hand: &mut InHand,
    stop: &Stop,
) -> Result<(), StoreError> {
    while looks.len() < AT_ONCE {
        let (store, now) = (&journey.store, journey.now());
        let Some(job) = store.claim(&[Queue::Import], &journey.holder, now).await? else {
            return Ok(());
        };
        match &job.work {
            Work::Look { feed } if !in_hand.values().any(|other| other == feed) => {
                let (journey, inboxes) = (journey.clone(), Arc::clone(inboxes));
                let (looked_for, feed, stop) = (feed.clone(), feed.clone(), stop.clone());
                let look = looks.spawn(async move {
                    look(&journey, &feed, inboxes.as_ref(), &job, &stop).await;
                });
                in_hand.insert(look.id(), looked_for);
            }
            Work::Look { .. } => later(journey, &job, now.plus(APART_US)).await,
            // Whoever imported this file is gone: it goes on when its feed is looked for. Or another
            // version knows what it is.
            _ => later(journey, &job, retry::job_again(now, job.tries)).await,
        }
    }
    Ok(())
}

/// Looks once, and ends the job; it is given back when told to stop.
async fn look(journey: &Journey, feed: &Slug, inboxes: &dyn Inboxes, job: &Job, stop: &Stop) {
    let mut again_at = None;
    match (journey.agents.feed(feed.as_str()), inboxes.of(feed)) {
        (Some(feed), Some(inbox)) => {
            let told = |source: &str, report: Result<&ImportReport, &WatchError>| {
                tell(feed, source, report);
            };
            let looking = look_once(journey, feed, inbox, stop, &told);
            tokio::select! {
                looked = looking => match looked {
                    Ok(()) => {}
                    // A file must not lie for a day because the store was away for a moment.
                    Err(error) if is_busy(&error) => {
                        tracing::warn!(feed = %feed.name, %error, "looking again soon");
                        again_at = Some(retry::job_of_busy_store(journey.now(), job.tries));
                    }
                    Err(error) => {
                        tracing::error!(feed = %feed.name, %error, "could not look where it arrives");
                    }
                },
                () = hold(journey, job) => {}
            }
            journey.check_in(Part::import_of(feed.feed_type)).await;
        }
        // Of another version of the agent files, or of a place that this process cannot reach.
        _ => tracing::debug!(%feed, "this process does not look for the feed"),
    }
    let mut changes = Changes::done(journey.now());
    if *stop.borrow() {
        again_at = Some(changes.at);
    }
    if let Some(ready_at) = again_at {
        changes.job = JobEnd::Again { ready_at };
    }
    match journey.commit(job.lease, changes).await {
        Ok(_) => {}
        Err(CommitError::StaleLease) => tracing::debug!(%feed, "another looks for the feed too"),
        Err(error) => tracing::warn!(%feed, %error, "could not end a look"),
    }
}

fn is_busy(error: &WatchError) -> bool {
    let WatchError::Import(ImportError::Commit(CommitError::Store(error))) = error else {
        return false;
    };
    matches!(error, StoreError::Busy(_))
}

/// Prolongs a lease again and again, and never ends.
async fn hold(journey: &Journey, job: &Job) {
    loop {
        tokio::time::sleep(journey.lease / 3).await;
        if let Err(error) = journey
            .commit(job.lease, Changes::none(journey.now()))
            .await
        {
            tracing::debug!(%error, "could not prolong the lease of a look");
        }
    }
}

async fn later(journey: &Journey, job: &Job, ready_at: harmonia_core::time::Instant) {
    let mut changes = Changes::none(journey.now());
    changes.job = JobEnd::Again { ready_at };
    if let Err(error) = journey.commit(job.lease, changes).await {
        // The lease runs out by itself.
        tracing::debug!(%error, "could not put off a look");
    }
}

/// Logs what became of a file.
pub fn tell(feed: &Feed, source: &str, report: Result<&ImportReport, &WatchError>) {
    match report {
        Ok(ImportReport::Imported(outcome)) => {
            tracing::info!(feed = %feed.name, source, ?outcome, "imported");
        }
        Ok(ImportReport::Refused(reason)) => {
            tracing::warn!(feed = %feed.name, source, reason, "refused a file");
        }
        Ok(ImportReport::Stopped(outcome)) => {
            tracing::info!(feed = %feed.name, source, ?outcome, "stopped within a file");
        }
        Ok(ImportReport::Busy { .. }) => {}
        Err(error) => {
            tracing::error!(feed = %feed.name, source, %error, "could not take a file");
        }
    }
}
