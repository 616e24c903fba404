//! `harmonia status`: where everything stands.

use crate::output::{Failure, Printer, grouped, or_dash, table};
use crate::wiring::{Wiring, sound_agents};
use harmonia_core::feed::expected::Punctuality;
use harmonia_core::matching::OpenReason;
use harmonia_core::money::Major;
use harmonia_core::purchase::EndKind;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{Clock, Counts, FileRow, Status, Store, SystemClock};
use harmonia_journey::quiet::{self, FeedStanding};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// How many of the newest files are shown.
const FILES: usize = 10;

/// Says where everything stands, and which files came last.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry().await?;
    let status = store.status(SystemClock.now()).await?;
    let files = store.files(FILES).await?;
    let feeds = feeds(wiring, store.as_ref()).await?;
    let checkins = store.check_ins().await?;
    let all = serde_json::json!({
        "status": status, "checkins": checkins, "feeds": feeds, "newest_files": files,
    });
    printer.print(&all, || {
        let parts = [
            shown(&status),
            checkins_shown(&checkins),
            feeds_shown(&feeds),
            files_shown(&files),
        ];
        parts.join("\n\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// How the feeds stand. Agent files that are wrong are complained of, and the rest is told.
async fn feeds(wiring: &Wiring, store: &dyn Store) -> Result<Vec<FeedStanding>, Failure> {
    let agents = sound_agents(&wiring.settings.agents_dir)?;
    let feeds = agents.iter().flat_map(|agent| &agent.feeds);
    Ok(quiet::standings(feeds, store, SystemClock.now()).await?)
}

fn checkins_shown(checkins: &BTreeMap<String, Instant>) -> String {
    let mut rows = table(&["part", "last worked"]);
    for (part, at) in checkins {
        rows.add_row([part.clone(), at.to_string()]);
    }
    rows.to_string()
}

fn feeds_shown(feeds: &[FeedStanding]) -> String {
    let mut rows = table(&["feed", "expected", "last came", "standing", "and"]);
    for feed in feeds {
        let standing = feed.standing.map(|standing| match standing {
            Punctuality::OnTime => "on time",
            Punctuality::Late => "LATE",
            Punctuality::Missing => "MISSING",
        });
        let gaps = (!feed.gaps.is_empty()).then(|| {
            let numbers: Vec<String> = feed.gaps.iter().map(u64::to_string).collect();
            format!("did not come: {}", numbers.join(", "))
        });
        let also: Vec<String> = gaps.into_iter().chain(feed.volume.clone()).collect();
        rows.add_row([
            feed.feed.clone(),
            or_dash(feed.expected.as_ref()),
            or_dash(feed.last_arrival.as_ref()),
            or_dash(standing.as_ref()),
            also.join("; "),
        ]);
    }
    rows.to_string()
}

/// The numbers as a table.
pub fn shown(status: &Status) -> String {
    let mut rows = table(&["what", "how many", "amount or meaning"]);
    rows.add_row([
        "payments",
        &grouped(status.payments.count),
        &money(&status.payments),
    ]);
    rows.add_row(["sales", &grouped(status.sales.count), &money(&status.sales)]);
    rows.add_row(["identified", &grouped(status.identified), ""]);
    rows.add_row([
        "matched",
        &grouped(status.matched.count),
        &money(&status.matched),
    ]);
    for open in &status.open_payments {
        let meaning = OpenReason::from_name(&open.reason)
            .map_or("its turn has not come", OpenReason::explanation);
        rows.add_row([
            &format!("open: {}", open.reason),
            &grouped(open.count),
            meaning,
        ]);
    }
    for (kind, count) in &status.ended {
        let meaning = EndKind::from_name(kind).map_or("", EndKind::explanation);
        rows.add_row([&format!("ended: {kind}"), &grouped(*count), meaning]);
    }
    rows.add_row(["sales without a payment", &grouped(status.open_sales), ""]);
    for (state, count) in &status.exports {
        rows.add_row([format!("exports {state}"), grouped(*count), String::new()]);
    }
    for (reason, count) in &status.rejects {
        rows.add_row([format!("rejects {reason}"), grouped(*count), String::new()]);
    }
    for (queue, due, later, leased) in &status.jobs {
        let what = format!("jobs {queue}");
        rows.add_row([
            what,
            grouped(*due),
            format!("{later} for later, {leased} in hand"),
        ]);
    }
    for (state, count) in &status.files {
        rows.add_row([format!("files {state}"), grouped(*count), String::new()]);
    }
    rows.add_row(["MIDs in force", &grouped(status.mids), ""]);
    rows.add_row(["cards linked", &grouped(status.cards), ""]);
    rows.to_string()
}

fn money(counts: &Counts) -> String {
    let amounts = counts.amount_minor.iter();
    amounts
        .map(|(code, minor)| format!("{code} {}", Major(*minor)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn files_shown(files: &[FileRow]) -> String {
    let header = [
        "file",
        "feed",
        "state",
        "read",
        "new",
        "duplicate",
        "skipped",
        "rejected",
        "quarantined",
        "source",
        "refusal",
    ];
    let mut rows = table(&header);
    for file in files {
        let mut cells = vec![file.id.to_string(), file.feed.clone(), file.state.clone()];
        cells.extend(file.records.iter().map(i64::to_string));
        cells.push(file.source.clone());
        cells.push(or_dash(file.refusal.as_ref()));
        rows.add_row(cells);
    }
    rows.to_string()
}
