//! `harmonia generate`: sample feeds with their MIDs, cards and truth.

use crate::cli::{GenerateArgs, Ids};
use crate::output::{Failure, Printer, Progress, grouped, table};
use harmonia_sim::{IdStyle, Options, Summary, generate};
use std::path::Path;
use std::process::ExitCode;

/// Writes the files and says what is in them.
pub fn run(printer: &Printer, args: &GenerateArgs) -> Result<ExitCode, Failure> {
    let summary = write(&options(args.purchases, args.seed, args.ids), &args.out)?;
    printer.print(&summary, || shown(&summary))?;
    Ok(ExitCode::SUCCESS)
}

/// The usual world of a size.
pub fn options(purchases: u64, seed: u64, ids: Ids) -> Options {
    let ids = match ids {
        Ids::Counter => IdStyle::Counter,
        Ids::Random => IdStyle::Random,
    };
    Options {
        ids,
        ..Options::new(purchases, seed)
    }
}

/// Generates with a progress bar.
pub fn write(options: &Options, folder: &Path) -> Result<Summary, Failure> {
    let progress = Progress::start("generating", Some(options.purchases));
    let summary = generate(options, folder, &mut |purchases| progress.at(purchases))?;
    progress.done();
    Ok(summary)
}

fn shown(summary: &Summary) -> String {
    let mut rows = table(&["what", "how many", "where"]);
    let files = &summary.files;
    rows.add_row([
        "payments",
        &grouped(summary.payment_records),
        &files.payments.display().to_string(),
    ]);
    rows.add_row([
        "sales",
        &grouped(summary.sale_records),
        &files.sales.display().to_string(),
    ]);
    rows.add_row([
        "MIDs",
        &grouped(summary.mids),
        &files.mids.display().to_string(),
    ]);
    rows.add_row([
        "cards",
        &grouped(summary.cards),
        &files.cards.display().to_string(),
    ]);
    rows.add_row([
        "true pairs",
        &grouped(summary.true_pairs),
        &files.truth.display().to_string(),
    ]);
    for (fault, count) in &summary.faults {
        rows.add_row([format!("  {fault}"), grouped(*count), String::new()]);
    }
    rows.to_string()
}
