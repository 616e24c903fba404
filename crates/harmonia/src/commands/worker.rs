//! `harmonia worker`: takes up what waits in some queues, or in all, until stopped.

use super::run::{stop_on_signals, stopped};
use crate::cli::WorkerArgs;
use crate::output::{Failure, Printer};
use crate::sources::{self, Places};
use crate::wiring::Wiring;
use harmonia_core::changes::Queue;
use harmonia_core::feed::Feed;
use harmonia_core::settings::Settings;
use harmonia_journey::drive::Stop;
use harmonia_journey::ports::{Inboxes, StoreError};
use harmonia_journey::{Journey, drive, looks, receive};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Works until SIGTERM or Ctrl-C; then finishes the batch in hand.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &WorkerArgs,
) -> Result<ExitCode, Failure> {
    let (stopping, stop) = stop_on_signals();
    let Some(journey) = wiring.endless_journey(&stop).await? else {
        return stopped(printer);
    };
    let worked = work(wiring, &journey, &args.queues, &stop).await;
    let _ = stopping.send(true);
    worked?;
    stopped(printer)
}

/// Takes up what waits in these queues until told to stop. Who imports also receives the feeds that
/// come as messages.
///
/// # Errors
/// [`Failure`] when the store is broken, or a feed's folder cannot be made.
pub async fn work(
    wiring: &Wiring,
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<(), Failure> {
    let imports = queues.contains(&Queue::Import);
    let mut receivers = JoinSet::new();
    let mut places = Places::default();
    if imports {
        make_folders(&wiring.settings, journey)?;
        places = Places::of(wiring, feeds(journey));
        receive(wiring, journey, stop, &mut receivers);
    }
    tracing::info!(
        places = places.len(),
        queues = receivers.len(),
        "working; stop with Ctrl-C or SIGTERM"
    );
    let inboxes: Arc<dyn Inboxes> = Arc::new(places);
    let (mut stop_looking, mut stop_deciding) = (stop.clone(), stop.clone());
    let looking = async {
        match imports {
            true => looks::forever(journey, &inboxes, &mut stop_looking).await,
            false => Ok(()),
        }
    };
    let deciding = drive::forever(journey, queues, &mut stop_deciding);
    // Either ends before it is told to only where the store is broken.
    let worked: Result<((), ()), StoreError> = tokio::try_join!(looking, deciding);
    if worked.is_err() {
        receivers.abort_all();
    }
    while receivers.join_next().await.is_some() {}
    worked?;
    Ok(())
}

fn feeds(journey: &Journey) -> impl Iterator<Item = &Feed> {
    let agents = journey.agents.all().iter();
    agents.flat_map(|agent| &agent.feeds)
}

/// Receives every feed that comes as messages.
fn receive(wiring: &Wiring, journey: &Journey, stop: &Stop, receivers: &mut JoinSet<()>) {
    let settings = &wiring.settings;
    let (lacking, feeds): (Vec<&Feed>, Vec<&Feed>) =
        feeds(journey).partition(|feed| sources::lacks_broker(settings, feed));
    tell_lacking(&lacking);
    for feed in feeds {
        match sources::queue(settings, feed) {
            Ok(None) => {}
            Ok(Some(mut queue)) => {
                let (journey, feed, mut stop) = (journey.clone(), feed.clone(), stop.clone());
                receivers.spawn(async move {
                    receive::forever(&journey, &feed, queue.as_mut(), &mut stop).await;
                });
            }
            // One feed that cannot be reached must not keep the others waiting.
            Err(failure) => tracing::warn!(feed = %feed.name, "not received: {failure}"),
        }
    }
}

/// One line for all feeds of a broker that nobody named: they may well come another way.
fn tell_lacking(feeds: &[&Feed]) {
    if feeds.is_empty() {
        return;
    }
    let names: Vec<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
    let feeds = names.join(", ");
    tracing::info!(
        feeds,
        "not received: no message broker; set TXM_AMQP_DSN to have one"
    );
}

/// A folder that is missing at the start is made: whoever sends files needs it.
fn make_folders(settings: &Settings, journey: &Journey) -> Result<(), Failure> {
    let folder = |feed| sources::folder(settings, feed, settings.settle);
    for inbox in feeds(journey).filter_map(folder) {
        let folder = inbox.folder();
        std::fs::create_dir_all(&folder).map_err(|error| {
            Failure::new(format!(
                "cannot create {}: {error}. Set TXM_LOCAL_IMPORT_BASE_PATH to a folder that this \
                 user may write",
                folder.display()
            ))
        })?;
    }
    Ok(())
}
