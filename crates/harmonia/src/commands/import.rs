//! `harmonia import`: files through a feed, or a watch over where it arrives.

use crate::cli::{Format, ImportArgs};
use crate::output::{Failure, Printer, Progress, complain, or_dash, table};
use crate::sources;
use crate::wiring::Wiring;
use harmonia_core::feed::Feed;
use harmonia_gateway::files::LocalFile;
use harmonia_journey::Journey;
use harmonia_journey::drive::Stop;
use harmonia_journey::import::{ImportReport, import_file};
use harmonia_journey::ports::{ImportOutcome, Inbox, Readable};
use harmonia_journey::receive;
use harmonia_journey::watch::{self, WatchError};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What became of one file, for people and programs.
#[derive(Debug, Serialize)]
pub struct FileOutcome {
    source: String,
    state: &'static str,
    #[serde(flatten)]
    outcome: ImportOutcome,
    problem: Option<String>,
}

impl FileOutcome {
    fn of(source: &str, report: &ImportReport) -> Self {
        let (state, outcome, problem) = match report {
            ImportReport::Imported(outcome) => ("IMPORTED", *outcome, None),
            ImportReport::Stopped(outcome) => (
                "STOPPED",
                *outcome,
                Some("it was told to stop; import it again, and it goes on from here".to_owned()),
            ),
            ImportReport::Refused(why) => ("REFUSED", ImportOutcome::default(), Some(why.clone())),
            ImportReport::Busy { holder } => (
                "BUSY",
                ImportOutcome::default(),
                Some(format!(
                    "process {holder} is importing this very file; if it is gone, its lease ends \
                     by itself: try again"
                )),
            ),
        };
        Self {
            source: source.to_owned(),
            state,
            outcome,
            problem,
        }
    }
}

/// Imports the files named, or what has arrived, or watches.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &ImportArgs,
) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let feed = find_feed(&journey, &args.agent)?;
    let feed = match args.format {
        None => feed.clone(),
        Some(Format::Canonical) => feed.canonical(),
    };
    if args.preview {
        return super::preview::run(wiring, &journey, &feed, printer, &args.files).await;
    }
    let imported = match args.files.is_empty() {
        false => import_named(wiring, &journey, &feed, printer, args).await,
        true => take_arrivals(wiring, &journey, &feed, printer, args.once).await,
    };
    // This process ends now: others are to take up what it added.
    journey.signals.told().await;
    imported
}

/// Takes what arrives where the feed's source says: once, or until stopped.
async fn take_arrivals(
    wiring: &Wiring,
    journey: &Journey,
    feed: &Feed,
    printer: &Printer,
    once: bool,
) -> Result<ExitCode, Failure> {
    let settings = &wiring.settings;
    let settle = if once {
        Duration::ZERO
    } else {
        settings.settle
    };
    if let Some(inbox) = sources::inbox(wiring, feed, settle)? {
        if once {
            return import_arrived(journey, feed, inbox.as_ref(), printer).await;
        }
        let (_keep, mut stop) = super::run::stop_on_signals();
        watch::forever(journey, feed, inbox.as_ref(), &mut stop).await;
        return Ok(ExitCode::SUCCESS);
    }
    if once {
        return Err(Failure::usage(format!(
            "{} does not arrive as files that could be taken once: name the files to import, or \
             leave out --once",
            feed.name
        )));
    }
    let Some(mut queue) = sources::queue(settings, feed)? else {
        return Err(Failure::usage(format!(
            "{} arrives nowhere that could be watched, it is pushed: name the files to import",
            feed.name
        )));
    };
    let (_keep, mut stop) = super::run::stop_on_signals();
    receive::forever(journey, feed, queue.as_mut(), &mut stop).await;
    Ok(ExitCode::SUCCESS)
}

async fn import_named(
    wiring: &Wiring,
    journey: &Journey,
    feed: &Feed,
    printer: &Printer,
    args: &ImportArgs,
) -> Result<ExitCode, Failure> {
    let mut outcomes = Vec::new();
    let mut failed = Vec::new();
    let (_keep, stop) = super::run::stop_on_signals();
    for path in &args.files {
        if *stop.borrow() {
            failed.push(Failure::new(format!(
                "{}: it was told to stop before this file",
                path.display()
            )));
            continue;
        }
        match import_one(wiring, journey, feed, path, &stop).await {
            Ok(report) => outcomes.push(FileOutcome::of(&path.display().to_string(), &report)),
            Err(failure) => failed.push(failure),
        }
    }
    for failure in &failed {
        complain(&failure.to_string());
    }
    let code = report(printer, &outcomes)?;
    Ok(if failed.is_empty() {
        code
    } else {
        ExitCode::FAILURE
    })
}

/// Imports one file with a progress bar, unless told to stop.
pub async fn import_one(
    wiring: &Wiring,
    journey: &Journey,
    feed: &Feed,
    path: &Path,
    stop: &Stop,
) -> Result<ImportReport, Failure> {
    let file: Arc<dyn Readable> = Arc::new(LocalFile(path.to_owned()));
    // One file that a person waits for: nothing else is kept waiting by it.
    let file = sources::opened(wiring, feed, file)?;
    let progress = Progress::start(&format!("importing {}", feed.name), None);
    let report = import_file(journey, feed, file, stop, &|records| progress.at(records)).await?;
    progress.done();
    Ok(report)
}

async fn import_arrived(
    journey: &Journey,
    feed: &Feed,
    inbox: &dyn Inbox,
    printer: &Printer,
) -> Result<ExitCode, Failure> {
    let arrived = Mutex::new((Vec::new(), ExitCode::SUCCESS));
    let told = |source: &str, report: Result<&ImportReport, &WatchError>| {
        let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            Ok(report) => arrived.0.push(FileOutcome::of(source, report)),
            Err(error) => {
                complain(&error.to_string());
                arrived.1 = ExitCode::FAILURE;
            }
        }
    };
    let (_keep, stop) = super::run::stop_on_signals();
    let looked = watch::look_once(journey, feed, inbox, &stop, &told).await;
    let (outcomes, failed) = arrived.into_inner().unwrap_or_else(PoisonError::into_inner);
    let code = report(printer, &outcomes)?;
    looked?;
    Ok(if failed == ExitCode::SUCCESS {
        code
    } else {
        failed
    })
}

fn report(printer: &Printer, outcomes: &[FileOutcome]) -> Result<ExitCode, Failure> {
    printer.print(&outcomes, || {
        if outcomes.is_empty() {
            return "nothing was imported".to_owned();
        }
        let mut rows = table(&[
            "file",
            "state",
            "read",
            "new",
            "duplicate",
            "skipped",
            "rejected",
            "quarantined",
            "problem",
        ]);
        for one in outcomes {
            let ImportOutcome {
                read,
                new,
                duplicate,
                skipped,
                rejected,
                quarantined,
            } = one.outcome;
            let mut cells = vec![one.source.clone(), one.state.to_owned()];
            let counts = [read, new, duplicate, skipped, rejected, quarantined];
            cells.extend(counts.iter().map(u64::to_string));
            cells.push(or_dash(one.problem.as_ref()));
            rows.add_row(cells);
        }
        rows.to_string()
    })?;
    let taken = outcomes.iter().all(|one| one.state == "IMPORTED");
    Ok(if taken {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The feed of a name, or an error that lists those there are.
pub fn find_feed<'a>(journey: &'a Journey, name: &str) -> Result<&'a Feed, Failure> {
    if let Some(feed) = journey.agents.feed(name) {
        return Ok(feed);
    }
    let names = |feeds: &[Feed]| -> Vec<String> {
        feeds.iter().map(|feed| feed.name.to_string()).collect()
    };
    if let Some(agent) = journey.agents.find(name) {
        let feeds = names(&agent.feeds);
        return Err(Failure::usage(match feeds.as_slice() {
            [] => format!("{name} has no feed: its agent file has no [feeds]"),
            several => format!(
                "{name} has several feeds: name one of {}",
                several.join(", ")
            ),
        }));
    }
    let all: Vec<String> = journey
        .agents
        .all()
        .iter()
        .flat_map(|a| names(&a.feeds))
        .collect();
    Err(Failure::usage(format!(
        "there is no feed {name:?}: there are {}",
        all.join(", ")
    )))
}
