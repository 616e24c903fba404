//! `harmonia run`: everything in one process, until stopped.

use super::{serve, worker};
use crate::output::{Failure, Printer};
use crate::wiring::Wiring;
use harmonia_core::changes::Queue;
use harmonia_journey::schedule;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

/// Watches the schedules and every feed, serves the API, matches and delivers, until SIGTERM or Ctrl-C;
/// then finishes the batch in hand.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let (stopping, stop) = stop_on_signals();
    let Some(journey) = wiring.endless_journey(&stop).await? else {
        return stopped(printer);
    };
    let server = serve::bind(wiring, &journey).await?;
    let scheduling = {
        let (journey, mut stop) = (journey.clone(), stop.clone());
        tokio::spawn(async move { schedule::forever(&journey, &mut stop).await })
    };
    let serving = server.map(|server| tokio::spawn(server.run(stop.clone())));
    let worked = worker::work(wiring, &journey, &Queue::ALL, &stop).await;
    // A broken store stops everything else too.
    let _ = stopping.send(true);
    scheduling.await.map_err(Failure::new)?;
    if let Some(serving) = serving {
        serving.await.map_err(Failure::new)?;
    }
    worked?;
    stopped(printer)
}

/// Says that it stopped as it was told to.
pub fn stopped(printer: &Printer) -> Result<ExitCode, Failure> {
    printer.line("stopped; nothing is left in hand")?;
    Ok(ExitCode::SUCCESS)
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
