//! `harmonia status`: where everything stands.

use crate::output::{Failure, Printer, grouped, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::matching::OpenReason;
use harmonia_core::money::Major;
use harmonia_journey::ports::{Clock, Counts, FileRow, Status, SystemClock};
use std::process::ExitCode;

/// How many of the newest files are shown.
const FILES: usize = 10;

/// Says where everything stands, and which files came last.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry()?;
    let status = store.status(SystemClock.now()).await?;
    let files = store.files(FILES).await?;
    let all = serde_json::json!({ "status": status, "newest_files": files });
    printer.print(&all, || {
        format!("{}\n\n{}", shown(&status), files_shown(&files))
    })?;
    Ok(ExitCode::SUCCESS)
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
