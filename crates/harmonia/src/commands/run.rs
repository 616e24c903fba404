//! `harmonia run`: everything in one process, until stopped.

use crate::output::{Failure, Printer};
use crate::sources;
use crate::wiring::Wiring;
use harmonia_core::feed::Feed;
use harmonia_core::settings::Settings;
use harmonia_journey::{drive, watch as inboxes};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// Watches every feed that arrives in a folder, matches and delivers, until SIGTERM or Ctrl-C; then
/// finishes the batch in hand.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let settings = &wiring.settings;
    let feeds = journey.agents.all().iter().flat_map(|agent| &agent.feeds);
    make_folders(settings, feeds.clone())?;
    let (stopping, stop) = stop_on_signals();
    let wake = Arc::new(Notify::new());
    let mut watchers = JoinSet::new();
    for feed in feeds {
        let Some(inbox) = sources::inbox(settings, feed, settings.settle) else {
            continue;
        };
        let (journey, feed, wake) = (journey.clone(), feed.clone(), Arc::clone(&wake));
        let mut stop = stop.clone();
        watchers.spawn(async move {
            inboxes::forever(&journey, &feed, inbox.as_ref(), &wake, &mut stop).await;
        });
    }
    tracing::info!(
        feeds = watchers.len(),
        "running; stop with Ctrl-C or SIGTERM"
    );
    let worked = drive::forever(&journey, &wake, &mut stop.clone()).await;
    // A broken store stops the watchers too.
    let _ = stopping.send(true);
    while watchers.join_next().await.is_some() {}
    worked?;
    printer.line("stopped; nothing is left in hand")?;
    Ok(ExitCode::SUCCESS)
}

/// A folder that is missing at the start is made: whoever sends files needs it.
fn make_folders<'a>(
    settings: &Settings,
    feeds: impl Iterator<Item = &'a Feed>,
) -> Result<(), Failure> {
    for inbox in feeds.filter_map(|feed| sources::folder(settings, feed, settings.settle)) {
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

/// A stop signal that is given at SIGTERM or Ctrl-C, or by its sender.
pub fn stop_on_signals() -> (Arc<watch::Sender<bool>>, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    let sender = Arc::new(sender);
    let on_signal = Arc::clone(&sender);
    tokio::spawn(async move {
        signalled().await;
        tracing::info!("stopping: finishing what is in hand");
        let _ = on_signal.send(true);
    });
    (sender, receiver)
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn signalled() {
    let _ = tokio::signal::ctrl_c().await;
}
