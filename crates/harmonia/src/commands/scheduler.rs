//! `harmonia scheduler`: says when something is due, until stopped. Of any number, one does; the others
//! stand by.

use super::run::{stop_on_signals, stopped};
use crate::output::{Failure, Printer};
use crate::wiring::Wiring;
use harmonia_journey::schedule;
use std::process::ExitCode;

/// Watches the schedules until SIGTERM or Ctrl-C.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let (_keep, mut stop) = stop_on_signals();
    let Some(journey) = wiring.endless_journey(&stop).await? else {
        return stopped(printer);
    };
    tracing::info!("scheduling; stop with Ctrl-C or SIGTERM");
    schedule::forever(&journey, &mut stop).await;
    stopped(printer)
}
