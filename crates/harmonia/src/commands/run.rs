//! `harmonia run`: everything in one process, until stopped.

use super::serve;
use crate::output::{Failure, Printer};
use crate::sources;
use crate::wiring::Wiring;
use harmonia_core::feed::Feed;
use harmonia_core::ids::{SchemeId, Slug};
use harmonia_core::settings::Settings;
use harmonia_journey::ports::{Inbox, MessageQueue};
use harmonia_journey::{Journey, drive, receive, sweep, watch as inboxes};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// Watches every feed that arrives in a folder or a queue, serves the API, matches and delivers, until
/// SIGTERM or Ctrl-C; then finishes the batch in hand.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    wiring.await_server().await;
    let journey = wiring.journey().await?;
    let (stopping, stop) = stop_on_signals();
    let settings = &wiring.settings;
    let wake = Arc::new(Notify::new());
    let server = serve::bind(wiring, &journey, &wake).await?;
    let feeds = journey.agents.all().iter().flat_map(|agent| &agent.feeds);
    make_folders(settings, feeds.clone())?;
    let (mut watchers, mut sweepers) = (JoinSet::new(), JoinSet::new());
    let (lacking, feeds): (Vec<&Feed>, Vec<&Feed>) =
        feeds.partition(|feed| sources::lacks_broker(settings, feed));
    tell_lacking(&lacking);
    for feed in feeds {
        let (journey, wake, mut stop) = (journey.clone(), Arc::clone(&wake), stop.clone());
        let of = feed.clone();
        match arriving(wiring, feed) {
            Ok(Arriving::Files(inbox)) => {
                watchers.spawn(async move {
                    inboxes::forever(&journey, &of, inbox.as_ref(), &wake, &mut stop).await;
                });
            }
            Ok(Arriving::Messages(mut queue)) => {
                watchers.spawn(async move {
                    receive::forever(&journey, &of, queue.as_mut(), &wake, &mut stop).await;
                });
            }
            Ok(Arriving::ByItself) => {}
            // One feed that cannot be reached must not keep the others waiting.
            Err(failure) => tracing::warn!(feed = %feed.name, "not watched: {failure}"),
        }
    }
    for (slug, scheme) in sweeping(&journey) {
        let (journey, mut stop) = (journey.clone(), stop.clone());
        sweepers.spawn(async move { sweep::forever(&journey, &slug, scheme, &mut stop).await });
    }
    let serving = server.map(|server| tokio::spawn(server.run(stop.clone())));
    tracing::info!(
        feeds = watchers.len(),
        "running; stop with Ctrl-C or SIGTERM"
    );
    let worked = drive::forever(&journey, &wake, &mut stop.clone()).await;
    // A broken store stops the watchers too.
    let _ = stopping.send(true);
    while watchers.join_next().await.is_some() {}
    while sweepers.join_next().await.is_some() {}
    if let Some(serving) = serving {
        serving.await.map_err(Failure::new)?;
    }
    worked?;
    printer.line("stopped; nothing is left in hand")?;
    Ok(ExitCode::SUCCESS)
}

/// The schemes that give up payments on a schedule.
fn sweeping(journey: &Journey) -> Vec<(Slug, SchemeId)> {
    let agents = &journey.agents;
    let slug = |id| Some((agents.of_scheme(id)?.slug.clone(), id));
    agents.sweeps().filter_map(|(id, _)| slug(id)).collect()
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

/// How a feed arrives.
enum Arriving {
    Files(Box<dyn Inbox>),
    Messages(Box<dyn MessageQueue>),
    ByItself,
}

fn arriving(wiring: &Wiring, feed: &Feed) -> Result<Arriving, Failure> {
    let settings = &wiring.settings;
    if let Some(inbox) = sources::inbox(wiring, feed, settings.settle)? {
        return Ok(Arriving::Files(inbox));
    }
    let queue = sources::queue(settings, feed)?;
    Ok(queue.map_or(Arriving::ByItself, Arriving::Messages))
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

/// A stop signal that is given at SIGTERM or Ctrl-C, or by its sender. From here on neither ends the
/// process by itself.
pub fn stop_on_signals() -> (Arc<watch::Sender<bool>>, watch::Receiver<bool>) {
    let (sender, receiver) = watch::channel(false);
    let sender = Arc::new(sender);
    let on_signal = Arc::clone(&sender);
    let signalled = signalled();
    tokio::spawn(async move {
        signalled.await;
        tracing::info!("stopping: finishing what is in hand");
        let _ = on_signal.send(true);
    });
    (sender, receiver)
}

/// Listens at once, and not when it is first waited for: a signal that comes in between must be heard.
#[cfg(unix)]
fn signalled() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    let interrupt = signal(SignalKind::interrupt());
    async move {
        match (terminate, interrupt) {
            (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
            _ => {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
}

#[cfg(not(unix))]
async fn signalled() {
    let _ = tokio::signal::ctrl_c().await;
}
