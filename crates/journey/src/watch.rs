//! Watch: finds the files that agents expect, imports each, and puts it away.

use crate::Journey;
use crate::drive::Stop;
use crate::import::{ImportError, ImportReport, Readable, import_file};
use async_trait::async_trait;
use croner::Cron;
use harmonia_core::feed::{Feed, Source};
use harmonia_core::time::{Day, Instant};
use std::sync::Arc;
use std::time::Duration;

/// How long the watcher sleeps at most before it looks at the clock and the stop signal again.
const NAP: Duration = Duration::from_secs(1);

/// Where files arrive, and where they go when they were read.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The files of a folder that are whole, in the order of their names.
    async fn arrivals(&self, path: &str) -> Result<Vec<Arc<dyn Readable>>, InboxError>;

    /// Puts a file that was imported into the archive of a day.
    async fn archive(&self, feed: &Feed, file: &dyn Readable, day: Day) -> Result<(), InboxError>;

    /// Puts a file that was refused where a person finds it and no watcher does.
    async fn set_aside(&self, feed: &Feed, file: &dyn Readable) -> Result<(), InboxError>;
}

/// Why a folder cannot be watched or a file not put away, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InboxError(pub String);

/// Why looking at a folder stopped.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The folder, or putting a file away.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A file's import.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Imports every whole file that is there now and puts it away. `told` hears of each.
///
/// # Errors
/// [`WatchError`] of the first file that could not be imported or put away.
pub async fn look_once(
    journey: &Journey,
    feed: &Feed,
    inbox: &dyn Inbox,
    told: &(dyn Fn(&str, &ImportReport) + Sync),
) -> Result<(), WatchError> {
    let Source::Files { path, .. } = &feed.source else {
        return Ok(());
    };
    for file in inbox.arrivals(path).await? {
        let report = import_file(journey, feed, Arc::clone(&file), &|_| {}).await?;
        told(&file.source(), &report);
        match report {
            ImportReport::Imported(_) => {
                inbox
                    .archive(feed, file.as_ref(), journey.now().day())
                    .await?;
            }
            ImportReport::Refused(_) => inbox.set_aside(feed, file.as_ref()).await?,
            // Another process reads it, and will put it away.
            ImportReport::Busy { .. } => {}
        }
    }
    Ok(())
}

/// Looks at a feed's folder on its schedule until told to stop. What goes wrong is logged, and
/// tried again at the next tick.
pub async fn forever(
    journey: &Journey,
    feed: &Feed,
    inbox: &dyn Inbox,
    wake: &tokio::sync::Notify,
    stop: &mut Stop,
) {
    let Source::Files { schedule, .. } = &feed.source else {
        return;
    };
    let schedule: Option<Cron> = schedule.parse().ok();
    let mut due = journey.now();
    while !*stop.borrow() {
        if journey.now() >= due {
            look(journey, feed, inbox, wake).await;
            due = next_tick(schedule.as_ref(), journey.now());
        }
        tokio::select! {
            () = tokio::time::sleep(NAP) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn look(journey: &Journey, feed: &Feed, inbox: &dyn Inbox, wake: &tokio::sync::Notify) {
    let told = |source: &str, report: &ImportReport| {
        match report {
            ImportReport::Imported(outcome) => {
                tracing::info!(feed = %feed.name, source, ?outcome, "imported");
            }
            ImportReport::Refused(reason) => {
                tracing::warn!(feed = %feed.name, source, reason, "refused a file");
            }
            ImportReport::Busy { .. } => {}
        }
        wake.notify_one();
    };
    if let Err(error) = look_once(journey, feed, inbox, &told).await {
        tracing::error!(feed = %feed.name, %error, "could not look at the feed's folder");
    }
}

/// When a schedule ticks next after a time; a minute later where it has none.
fn next_tick(schedule: Option<&Cron>, after: Instant) -> Instant {
    let minute_later = after.plus(harmonia_core::time::MINUTE_US);
    let next = || {
        let after = jiff::Timestamp::from_microsecond(after.0).ok()?;
        let after = after.to_zoned(jiff::tz::TimeZone::UTC);
        schedule?.find_next_occurrence(&after, false).ok()
    };
    next().map_or(minute_later, |tick| {
        Instant(tick.timestamp().as_microsecond())
    })
}
