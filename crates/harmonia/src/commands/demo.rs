//! `harmonia demo`: the whole journey on generated input whose truth is known.

mod apart;

use crate::cli::{DemoArgs, Ids};
use crate::commands::{cards, drain, generate, mids};
use crate::operator::OperatorArgs;
use crate::output::{Failure, Printer, Progress, complain, grouped, table};
use crate::sources;
use crate::wiring::Wiring;
use harmonia_core::feed::Feed;
use harmonia_core::settings::Settings;
use harmonia_gateway::files::FolderInbox;
use harmonia_journey::Journey;
use harmonia_journey::import::ImportReport;
use harmonia_journey::ports::{ImportOutcome, Status};
use harmonia_journey::watch::{self, WatchError};
use harmonia_sim::{PAYMENT_PROVIDER, SCHEME, Score, Summary, Truth};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The demonstration's own mark on a data folder: what it was generated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    purchases: u64,
    seed: u64,
    random_ids: bool,
}

/// What the demonstration did.
#[derive(Debug, Serialize)]
struct Report {
    imported: ImportOutcome,
    newly_matched: u64,
    newly_delivered: u64,
    status: Status,
    score: Score,
    seconds: f64,
    pairs_per_second: f64,
}

/// Generates, imports, matches and delivers; on its own earlier data it runs again, and adds
/// nothing twice.
pub async fn run(wiring: &Wiring, printer: &Printer, args: &DemoArgs) -> Result<ExitCode, Failure> {
    let folder = &wiring.settings.data_dir;
    let mark = Mark {
        purchases: args.purchases,
        seed: args.seed,
        random_ids: args.ids == Ids::Random,
    };
    let summary = prepare(folder, mark, args)?;
    let wiring = Wiring::new(Settings {
        import_base: folder.join("files"),
        ..wiring.settings.clone()
    });
    let journey = wiring.journey().await?;
    let who = OperatorArgs { operator: None };
    mids::onboard(journey.store.as_ref(), &summary.files.mids, &who).await?;
    cards::import(&journey, &summary.files.cards, &who).await?;

    let before = journey.store.status(journey.now()).await?;
    let started = std::time::Instant::now();
    let imported = if args.apart {
        apart::work(&wiring, &journey, &summary).await?
    } else {
        let imported = import_all(&wiring, &journey, &summary).await?;
        let progress = Progress::start("matching and delivering", None);
        drain::drain(&journey, None).await?;
        progress.done();
        imported
    };
    let seconds = started.elapsed().as_secs_f64();

    let status = journey.store.status(journey.now()).await?;
    let report = Report {
        imported,
        newly_matched: status.matched.count - before.matched.count,
        newly_delivered: delivered(&status) - delivered(&before),
        score: score(&journey, &summary).await?,
        status,
        seconds,
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        pairs_per_second: summary.purchases as f64 / seconds,
    };
    printer.print(&report, || shown(&report, &wiring, &summary, args.apart))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the input in an empty folder, or finds that of an earlier run.
fn prepare(folder: &Path, mark: Mark, args: &DemoArgs) -> Result<Summary, Failure> {
    let mark_file = folder.join("demo.json");
    let world = folder.join("demo");
    let summary_file = world.join("summary.json");
    if let Ok(text) = std::fs::read_to_string(&mark_file) {
        let earlier: Mark = serde_json::from_str(&text).map_err(|error| {
            Failure::new(format!(
                "{} is not what the demo wrote: {error}",
                mark_file.display()
            ))
        })?;
        if earlier != mark {
            return Err(Failure::new(format!(
                "{} holds a demo of {} pairs, seed {}, {} ids: run it with the same options, or set \
                 TXM_DATA_DIR to an empty folder",
                folder.display(),
                earlier.purchases,
                earlier.seed,
                if earlier.random_ids {
                    "random"
                } else {
                    "counter"
                }
            )));
        }
    } else {
        refuse_if_used(folder)?;
    }
    if let Ok(text) = std::fs::read_to_string(&summary_file)
        && let Ok(summary) = serde_json::from_str(&text)
    {
        return Ok(summary);
    }
    let write = |path: &Path, text: String| {
        std::fs::write(path, text)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(format!(
            "cannot create {}: {error}. Set TXM_DATA_DIR to a folder that this user may write",
            folder.display()
        ))
    })?;
    write(
        &mark_file,
        serde_json::to_string(&mark).map_err(Failure::new)?,
    )?;
    let options = generate::options(args.purchases, args.seed, args.ids);
    let summary = generate::write(&options, &world)?;
    write(
        &summary_file,
        serde_json::to_string(&summary).map_err(Failure::new)?,
    )?;
    Ok(summary)
}

/// The demo never mixes with anybody's own data.
fn refuse_if_used(folder: &Path) -> Result<(), Failure> {
    let used = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if used {
        return Err(Failure::new(format!(
            "{} is not empty and not an earlier demo's: set TXM_DATA_DIR to an empty folder",
            folder.display()
        )));
    }
    Ok(())
}

/// Puts the files where the agents watch; gives each feed with the place where it arrives.
fn place_all<'a>(
    wiring: &Wiring,
    journey: &'a Journey,
    summary: &Summary,
) -> Result<Vec<(&'a Feed, FolderInbox)>, Failure> {
    let files = [
        (SCHEME, &summary.files.sales),
        (PAYMENT_PROVIDER, &summary.files.payments),
    ];
    let placed = files.into_iter().map(|(name, file)| {
        let feed = super::import::find_feed(journey, name)?;
        let inbox = sources::folder(&wiring.settings, feed, Duration::ZERO).ok_or_else(|| {
            Failure::new(format!(
                "agents/{name}.toml: the demo's feeds arrive as files"
            ))
        })?;
        place(file, &inbox.folder())?;
        Ok((feed, inbox))
    });
    placed.collect()
}

/// Puts the files where the agents watch, and lets them be found.
async fn import_all(
    wiring: &Wiring,
    journey: &Journey,
    summary: &Summary,
) -> Result<ImportOutcome, Failure> {
    let total = Mutex::new(ImportOutcome::default());
    for (feed, inbox) in place_all(wiring, journey, summary)? {
        let progress = Progress::start(&format!("importing {}", feed.name), None);
        let told = |_: &str, report: Result<&ImportReport, &WatchError>| match report {
            Ok(ImportReport::Imported(outcome)) => {
                let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                total.add(*outcome);
            }
            Ok(_) => {}
            Err(error) => complain(&error.to_string()),
        };
        let (_keep, stop) = tokio::sync::watch::channel(false);
        watch::look_once(journey, feed, &inbox, &stop, &told).await?;
        progress.done();
    }
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Lets a file appear whole in a folder.
fn place(file: &Path, folder: &Path) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default();
    let target: PathBuf = folder.join(name);
    let run = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let draft = folder.join(format!(".{}.draft", name.to_string_lossy()));
        std::fs::copy(file, &draft)?;
        std::fs::rename(&draft, &target)
    };
    run().map_err(|error| Failure::new(format!("cannot write {}: {error}", target.display())))
}

fn delivered(status: &Status) -> u64 {
    status
        .exports
        .iter()
        .filter(|(state, _)| state == "DELIVERED")
        .map(|(_, count)| count)
        .sum()
}

async fn score(journey: &Journey, summary: &Summary) -> Result<Score, Failure> {
    let truth = Truth::load(&summary.files.truth)?;
    let mut pairs = Vec::new();
    let mut after = 0;
    loop {
        let page = journey.store.matches(None, after, 10_000).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        pairs.extend(
            page.into_iter()
                .filter_map(|row| Some((row.payment, row.sale?))),
        );
    }
    Ok(truth.score(
        pairs
            .iter()
            .map(|(payment, sale)| (payment.as_str(), sale.as_str())),
    ))
}

fn shown(report: &Report, wiring: &Wiring, summary: &Summary, is_apart: bool) -> String {
    let status = &report.status;
    let mut rows = table(&["", "how many", ""]);
    let mut row = |what: &str, count: u64, note: String| {
        rows.add_row([what.to_owned(), grouped(count), note]);
    };
    let imported = report.imported;
    row("records read", imported.read, String::new());
    row(
        "  new",
        imported.new,
        format!(
            "{} payments and {} sales in all",
            grouped(status.payments.count),
            grouped(status.sales.count)
        ),
    );
    row(
        "  duplicate",
        imported.duplicate,
        "came before: nothing was added".to_owned(),
    );
    row(
        "  rejected",
        imported.rejected,
        "see `harmonia rejects list`".to_owned(),
    );
    row(
        "  quarantined",
        imported.quarantined,
        "their MID is not onboarded".to_owned(),
    );
    row(
        "identified",
        status.identified,
        "payments whose member is known".to_owned(),
    );
    row(
        "matched",
        status.matched.count,
        format!("{} by this run", grouped(report.newly_matched)),
    );
    let exported = status.exports.iter().map(|(_, count)| count).sum();
    row("exported", exported, "one for each match".to_owned());
    row(
        "delivered",
        delivered(status),
        format!("{} by this run", grouped(report.newly_delivered)),
    );
    for open in &status.open_payments {
        let meaning = harmonia_core::matching::OpenReason::from_name(&open.reason).map_or(
            "its turn has not come",
            harmonia_core::matching::OpenReason::explanation,
        );
        row(
            &format!("left open: {}", open.reason),
            open.count,
            meaning.to_owned(),
        );
    }
    row(
        "left open: sales",
        status.open_sales,
        "no payment came for them".to_owned(),
    );
    let (all, decidable) = (&report.score.all, &report.score.decidable);
    let mut text = rows.to_string();
    text.push_str(&format!(
        "\nprecision {:.6}, recall {:.6} over all true pairs; recall {:.6} over those that the rule \
         can decide\n{:.2} s from files to delivered: {:.0} pairs a second\n",
        all.precision(),
        all.recall(),
        decidable.recall(),
        report.seconds,
        report.pairs_per_second
    ));
    if is_apart {
        text.push_str(&apart::told(&wiring.settings.data_dir));
    }
    text.push_str(&further(wiring, summary));
    text
}

/// How to look further.
fn further(wiring: &Wiring, summary: &Summary) -> String {
    let settings = &wiring.settings;
    let data = settings.data_dir.display();
    let statuses = "SELECT status, pending_reason, count(*) FROM payment_transaction GROUP BY 1, 2";
    let database = match &settings.postgres_uri {
        None => format!("sqlite3 {data}/harmonia.sqlite3 '{statuses}'"),
        Some(_) => format!("psql \"$TXM_POSTGRES_URI\" -c '{statuses}'"),
    };
    format!(
        "\nLook further (with TXM_DATA_DIR={data}):\n  \
         harmonia matches --limit 5            then take an id of a payment from it\n  \
         harmonia why payment <id>             every filter, with both values\n  \
         harmonia lifecycle <id>               from the raw record to the delivery\n  \
         harmonia status; harmonia rejects list; harmonia audit\n  \
         {database}\n  \
         {data}/files/exports/                 what the merchant was told\n  \
         {}   the truth it was measured against\n",
        summary.files.truth.display()
    )
}
