//! `harmonia rejects`: records that were not taken, listed and taken up again.

use crate::cli::{RejectsAction, RejectsArgs};
use crate::commands::lists::{Pages, print_page};
use crate::output::{Failure, Printer, complain, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::ids::RejectId;
use harmonia_core::state::RejectState;
use harmonia_journey::Journey;
use harmonia_journey::replay::{Replay, replay};
use serde::Serialize;
use std::process::ExitCode;

/// Lists or replays.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &RejectsArgs,
) -> Result<ExitCode, Failure> {
    match &args.action {
        RejectsAction::List { state, limit } => {
            list(wiring, printer, state.as_deref(), *limit).await
        }
        RejectsAction::Replay {
            rejects,
            all,
            record,
        } => {
            let journey = wiring.journey().await?;
            let rejects = match all {
                true => every_one(&journey).await?,
                false => rejects.clone(),
            };
            let record = record.as_deref().map(mended).transpose()?;
            if record.is_some() && rejects.len() != 1 {
                return Err(Failure::usage(
                    "--record says how one reject should be: name that one".to_owned(),
                ));
            }
            replay_these(&journey, printer, &rejects, record.as_deref()).await
        }
    }
}

async fn list(
    wiring: &Wiring,
    printer: &Printer,
    state: Option<&str>,
    limit: Option<usize>,
) -> Result<ExitCode, Failure> {
    let state = state.map(state_of).transpose()?;
    let store = wiring.inquiry().await?;
    let mut pages = Pages::new(limit);
    while let Some(size) = pages.next_size() {
        let page = store.rejects(state, pages.after, size).await?;
        pages.took(page.len(), page.last().map(|row| row.id));
        let header = [
            "reject",
            "feed",
            "line",
            "state",
            "reason",
            "field",
            "what is wrong",
            "file",
        ];
        print_page(printer, &page, &header, |row| {
            vec![
                row.id.to_string(),
                row.feed.clone(),
                row.number.to_string(),
                row.state.clone(),
                row.reason.clone(),
                or_dash(row.field.as_ref()),
                row.detail.clone(),
                row.source.clone(),
            ]
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn state_of(name: &str) -> Result<RejectState, Failure> {
    RejectState::from_name(&name.to_ascii_uppercase()).ok_or_else(|| {
        let names: Vec<&str> = RejectState::ALL
            .iter()
            .map(|state| state.as_str())
            .collect();
        Failure::usage(format!("{name} is not a state: use {}", names.join(", ")))
    })
}

/// The record as it should be: given itself, or in a file.
fn mended(text: &str) -> Result<String, Failure> {
    let text = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?,
        None => text.to_owned(),
    };
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(error) => Err(Failure::usage(format!(
            "the record is not a JSON object (line {}, column {}): take the `data` of `harmonia \
             rejects list --json` and correct it",
            error.line(),
            error.column()
        ))),
    }
}

async fn every_one(journey: &Journey) -> Result<Vec<i64>, Failure> {
    let mut all = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or(0);
        let page = journey.store.rejects(None, after, 1000).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page.iter().map(|row| row.id));
    }
}

/// What became of one.
#[derive(Serialize)]
struct Replayed {
    reject: i64,
    outcome: &'static str,
    detail: Option<String>,
}

async fn replay_these(
    journey: &Journey,
    printer: &Printer,
    rejects: &[i64],
    record: Option<&str>,
) -> Result<ExitCode, Failure> {
    let mut replayed = Vec::with_capacity(rejects.len());
    for reject in rejects {
        let outcome = replay(journey, RejectId(*reject), record).await?;
        replayed.push(told(*reject, &outcome));
    }
    printer.print(&replayed, || {
        let mut rows = table(&["reject", "outcome", "why"]);
        for one in &replayed {
            rows.add_row([
                one.reject.to_string(),
                one.outcome.to_owned(),
                or_dash(one.detail.as_ref()),
            ]);
        }
        rows.to_string()
    })?;
    let is_in = |one: &&Replayed| matches!(one.outcome, "TAKEN" | "DUPLICATE");
    let left = replayed.len() - replayed.iter().filter(is_in).count();
    if left == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    complain(&format!(
        "{left} of {} records could not be taken up: the list says why",
        replayed.len()
    ));
    Ok(ExitCode::FAILURE)
}

fn told(reject: i64, outcome: &Replay) -> Replayed {
    let (outcome, detail) = match outcome {
        Replay::Taken => ("TAKEN", None),
        Replay::Duplicate => (
            "DUPLICATE",
            Some("the same transaction was in already".to_owned()),
        ),
        Replay::Skipped => (
            "SKIPPED",
            Some("the feed's rules skip it as it is: it stays where it was".to_owned()),
        ),
        Replay::Kept(why) => {
            let field = why.field.as_deref().map(|field| format!(" in {field}"));
            let field = field.unwrap_or_default();
            (
                "KEPT",
                Some(format!("{}{field}: {}", why.reason, why.detail)),
            )
        }
        Replay::Before => ("BEFORE", Some("it was taken up before".to_owned())),
        Replay::Unknown => (
            "UNKNOWN",
            Some("there is no such reject: see `harmonia rejects list`".to_owned()),
        ),
        Replay::NoFeed(feed) => (
            "NO_FEED",
            Some(format!("no agent file has the feed {feed} any more")),
        ),
    };
    Replayed {
        reject,
        outcome,
        detail,
    }
}
