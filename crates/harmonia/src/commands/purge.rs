//! `harmonia purge`: takes out what is old and finished, after asking.

use crate::cli::PurgeArgs;
use crate::output::{self, Failure, Printer, Progress, grouped};
use crate::wiring::Wiring;
use harmonia_core::config::Config;
use harmonia_core::retention::{Purged, kept_from};
use harmonia_core::time::Day;
use harmonia_journey::ports::{Clock, Inquiry, Store, SystemClock};
use harmonia_journey::purge::purge;
use serde::Serialize;
use std::process::ExitCode;

/// What was taken out, for people and programs.
#[derive(Serialize)]
struct Outcome {
    kept_from: String,
    purged: Purged,
}

/// Shows what would go, asks, and takes it out.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &PurgeArgs,
) -> Result<ExitCode, Failure> {
    let operator = args.who.name()?;
    let store = wiring.inquiry().await?;
    let before = kept_from(SystemClock.now(), days(store.as_ref(), args.days).await?);
    if !args.yes && !agreed(store.as_ref(), before).await? {
        printer.line("nothing was taken out")?;
        return Ok(ExitCode::FAILURE);
    }
    let progress = Progress::start("purging", None);
    let told = |purged: Purged| progress.at(purged.payments + purged.sales);
    let purged = purge(store.as_ref(), &SystemClock, before, &operator, &told).await?;
    progress.done();
    let outcome = Outcome {
        kept_from: before.to_string(),
        purged,
    };
    printer.print(&outcome, || {
        format!(
            "taken out: {}, {} bad records that were taken up, {} attempts; kept is what is of \
             {before} and later, and what was not finished",
            transactions(&purged),
            grouped(purged.rejects),
            grouped(purged.attempts)
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// How many days are kept: as said, or as configured.
async fn days(store: &dyn Store, said: Option<u32>) -> Result<u32, Failure> {
    if let Some(days) = said {
        return Ok(days);
    }
    let config = Config::read(&store.config().await?);
    let days = config.retention_days.map_err(Failure::new)?;
    days.ok_or_else(|| {
        Failure::usage(
            "how many days are to be kept? Say so: `harmonia purge --days 60`, or `harmonia config \
             set retention-days 60`",
        )
    })
}

/// Whether a person says yes to what would go. Nobody there to ask is wrong usage.
async fn agreed(store: &dyn Inquiry, before: Day) -> Result<bool, Failure> {
    let would = store.purgeable(before).await?;
    let shown = format!(
        "of before {before}, imported before it and finished: {}; to be taken out for ever",
        transactions(&would)
    );
    output::agreed(&shown, "take them out for ever?")
}

fn transactions(purged: &Purged) -> String {
    format!(
        "{} payments, {} sales, {} matches, {} exports",
        grouped(purged.payments),
        grouped(purged.sales),
        grouped(purged.matches),
        grouped(purged.exports)
    )
}
