//! Watch: finds the files that agents expect, imports each, and puts it away.

use crate::Journey;
use crate::drive::{Stop, unless_stopped};
use crate::import::{ImportError, ImportReport, import_file};
use crate::looks::tell;
use crate::ports::{Arrival, CommitError, Inbox, InboxError, StoreError};
use harmonia_core::feed::Feed;
use harmonia_core::retry;
use harmonia_core::schedule::Schedule;
use harmonia_core::time::MINUTE_US;
use std::time::Duration;

/// How long the watcher sleeps at most before it looks at the clock and the stop signal again.
const NAP: Duration = Duration::from_secs(1);

/// Why a file was not imported, or not put away.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The place, or putting a file away.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A file's import.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Imports every whole file that is there now and puts it away, until told to stop: then no further
/// file is begun, and nobody is waited for. `told` hears what became of each; a file that could not
/// be imported or put away lies where it was, and the next goes on.
///
/// # Errors
/// [`WatchError`] when the place cannot be looked into, or nothing can be stored.
pub async fn look_once(
    journey: &Journey,
    feed: &Feed,
    inbox: &dyn Inbox,
    stop: &Stop,
    told: &(dyn Fn(&str, Result<&ImportReport, &WatchError>) + Sync),
) -> Result<(), WatchError> {
    let Some(arrivals) = unless_stopped(stop, inbox.arrivals()).await else {
        return Ok(());
    };
    for arrival in arrivals? {
        if *stop.borrow() {
            return Ok(());
        }
        match import_arrival(journey, feed, arrival.as_ref(), stop).await {
            Ok(None) => {}
            Ok(Some(report)) => told(&arrival.source(), Ok(&report)),
            Err(WatchError::Import(error @ ImportError::Commit(_))) => return Err(error.into()),
            Err(error) => told(&arrival.source(), Err(&error)),
        }
    }
    Ok(())
}

/// Takes, imports and puts away one file; `None` when another process has taken it, or when told to
/// stop before it was there.
async fn import_arrival(
    journey: &Journey,
    feed: &Feed,
    arrival: &dyn Arrival,
    stop: &Stop,
) -> Result<Option<ImportReport>, WatchError> {
    let taken = unless_stopped(stop, arrival.take()).await.transpose()?;
    let Some(file) = taken.flatten() else {
        return Ok(None);
    };
    let report = match import_file(journey, feed, file, stop, &|_| {}).await {
        Ok(report) => report,
        Err(error) => {
            arrival.release().await?;
            return Err(error.into());
        }
    };
    match report {
        ImportReport::Imported(_) => arrival.archive(journey.now().day()).await?,
        ImportReport::Refused(_) => arrival.set_aside().await?,
        // Another process reads these very bytes, and will put its file away; or this one is told to
        // stop, and goes on when it is started again.
        ImportReport::Busy { .. } | ImportReport::Stopped(_) => arrival.release().await?,
    }
    Ok(Some(report))
}

/// Looks at one feed's place on its schedule until told to stop, whatever other processes do. What goes
/// wrong is logged, and tried again at the next tick; sooner, when the store was busy, so that a file does
/// not lie for a day because the store was away for a moment. A feed without a schedule is not looked at.
pub async fn forever(journey: &Journey, feed: &Feed, inbox: &dyn Inbox, stop: &mut Stop) {
    let Some(schedule) = feed.source.schedule() else {
        return;
    };
    let schedule = Schedule::parse(schedule).ok();
    let mut due = journey.now();
    let mut failures = 0;
    while !*stop.borrow() {
        if journey.now() >= due {
            let looked = look(journey, feed, inbox, stop).await;
            let now = journey.now();
            let next = schedule.as_ref().map(|schedule| schedule.next_after(now));
            due = next.unwrap_or(now.plus(MINUTE_US));
            failures = if looked { 0 } else { failures + 1 };
            if failures > 0 {
                due = due.min(retry::store_again(now, failures));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(NAP) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Looks once; returns whether the store took what there was.
async fn look(journey: &Journey, feed: &Feed, inbox: &dyn Inbox, stop: &Stop) -> bool {
    let told =
        |source: &str, report: Result<&ImportReport, &WatchError>| tell(feed, source, report);
    match look_once(journey, feed, inbox, stop, &told).await {
        Ok(()) => true,
        Err(WatchError::Import(ImportError::Commit(CommitError::Store(StoreError::Busy(
            error,
        ))))) => {
            tracing::warn!(feed = %feed.name, error, "the store is busy");
            false
        }
        Err(error) => {
            tracing::error!(feed = %feed.name, %error, "could not look where the feed arrives");
            true
        }
    }
}
