//! `harmonia scheduler`: says when something is due, until stopped. Of any number, one does; the others
//! stand by.

use super::run::stop_on_signals;
use crate::output::{Failure, Printer};
use crate::wiring::Wiring;
use harmonia_journey::schedule;
use std::process::ExitCode;

/// Watches the schedules until SIGTERM or Ctrl-C.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let journey = wiring.endless_journey().await?;
    let (_keep, mut stop) = stop_on_signals();
    tracing::info!("scheduling; stop with Ctrl-C or SIGTERM");
    schedule::forever(&journey, &mut stop).await;
    printer.line("stopped; nothing is left in hand")?;
    Ok(ExitCode::SUCCESS)
}
