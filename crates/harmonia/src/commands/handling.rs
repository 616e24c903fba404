//! `harmonia exports retry|hold|release|cancel|delivered`: what people decide about exports, after they
//! have seen how many there are.

use crate::cli::{AmongArgs, HandlingArgs};
use crate::commands::redress::redress_of;
use crate::output::{Failure, Printer, agreed, grouped};
use crate::wiring::Wiring;
use harmonia_core::state::ExportState;
use harmonia_journey::Journey;
use harmonia_journey::handle::{Handling, HandlingError, handle};
use harmonia_journey::ports::{ExportRow, ExportScope};
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// How many rows are asked for at a time.
const PAGE: usize = 1_000;

impl From<HandlingError> for Failure {
    fn from(error: HandlingError) -> Self {
        Self::new(error)
    }
}

/// What was done, and to how many.
#[derive(Serialize)]
struct Outcome {
    action: &'static str,
    exports: usize,
}

/// Shows how many there are, asks, and does it.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    handling: Handling,
    args: &HandlingArgs,
) -> Result<ExitCode, Failure> {
    let by = redress_of(&args.by)?;
    let journey = wiring.journey().await?;
    let rows = match args.exports.as_slice() {
        [] => among(&journey, handling, &args.among).await?,
        ids => named(&journey, ids).await?,
    };
    let mut outcome = Outcome {
        action: handling.as_str(),
        exports: 0,
    };
    if !rows.is_empty() {
        let question = format!("{}: {}", handling.as_str(), counted(&rows));
        if !args.yes && !agreed(&question, "do it?")? {
            printer.line("nothing was done")?;
            return Ok(ExitCode::FAILURE);
        }
        outcome.exports = handle(&journey, &rows, handling, &by).await?;
    }
    printer.print(&outcome, || match outcome.exports {
        0 => "there are none of these that this command can take".to_owned(),
        count => format!("{}: {} exports", handling.as_str(), grouped(count as u64)),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What `--status`, `--scheme` and `--since` ask for.
///
/// # Errors
/// [`Failure`] where there is no such state.
pub fn scope(args: &AmongArgs) -> Result<ExportScope, Failure> {
    let status = args.status.as_deref().map(str::to_ascii_uppercase);
    if let Some(name) = &status
        && ExportState::from_name(name).is_none()
    {
        let known: Vec<&str> = ExportState::ALL.iter().map(|one| one.as_str()).collect();
        return Err(Failure::usage(format!(
            "{name} is not a state: use {}",
            known.join(", ")
        )));
    }
    Ok(ExportScope {
        status,
        scheme: args.scheme.clone(),
        since: args.since,
    })
}

/// Those of a scope that a command can take.
async fn among(
    journey: &Journey,
    handling: Handling,
    args: &AmongArgs,
) -> Result<Vec<ExportRow>, Failure> {
    let scope = scope(args)?;
    if scope == ExportScope::default() {
        return Err(Failure::usage(
            "which exports? Name them, or say --status, --scheme or --since",
        ));
    }
    let can_be_taken = |row: &ExportRow| {
        let state = ExportState::from_name(&row.status);
        state.is_some_and(|state| handling.from().contains(&state))
    };
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let page = journey.store.exports_among(&scope, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after = last.id;
        found.extend(page.into_iter().filter(can_be_taken));
    }
}

async fn named(journey: &Journey, ids: &[i64]) -> Result<Vec<ExportRow>, Failure> {
    let mut found: Vec<ExportRow> = Vec::with_capacity(ids.len());
    for id in ids {
        let page = journey.store.exports(None, id.saturating_sub(1), 1).await?;
        let row = page.into_iter().find(|row| row.id == *id);
        let row = row.ok_or_else(|| {
            Failure::usage(format!(
                "there is no export {id}: see `harmonia exports list` for their numbers"
            ))
        })?;
        if !found.iter().any(|other| other.id == row.id) {
            found.push(row);
        }
    }
    Ok(found)
}

fn counted(rows: &[ExportRow]) -> String {
    let mut counts = BTreeMap::<(&str, &str), u64>::new();
    for row in rows {
        *counts.entry((&row.provider_slug, &row.status)).or_default() += 1;
    }
    let counts = counts.into_iter();
    let said =
        counts.map(|((scheme, status), count)| format!("{} {status} of {scheme}", grouped(count)));
    said.collect::<Vec<_>>().join(", ")
}
