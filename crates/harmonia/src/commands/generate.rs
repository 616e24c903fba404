//! `harmonia generate`: sample feeds with their MIDs, cards and truth.

use crate::cli::{self, GenerateArgs, Ids};
use crate::output::{Failure, Printer, Progress, grouped, table};
use harmonia_sim::{
    Fault, FaultRates, IdStyle, Options, PAYMENT_PROVIDER, SCHEME, SchemeSummary, Summary,
    generate, generate_scheme, provider_slugs,
};
use std::path::Path;
use std::process::ExitCode;

/// Writes the files and says what is in them.
pub fn run(printer: &Printer, args: &GenerateArgs) -> Result<ExitCode, Failure> {
    refuse_older_files(args)?;
    let options = chosen(args)?;
    if args.scheme == SCHEME {
        refuse_other_providers(&args.providers)?;
        let summary = write(&options, &args.out)?;
        printer.print(&summary, || shown(&summary))?;
    } else {
        let summary = write_scheme(args, &options)?;
        printer.print(&summary, || scheme_shown(&summary))?;
    }
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

/// The world that was asked for.
fn chosen(args: &GenerateArgs) -> Result<Options, Failure> {
    let usual = options(args.purchases, args.seed, args.ids);
    Ok(Options {
        first_day: args.first_day.unwrap_or(usual.first_day),
        days: args.days.unwrap_or(usual.days),
        faults: faults(args)?,
        older_files: args.older_files,
        ..usual
    })
}

fn faults(args: &GenerateArgs) -> Result<FaultRates, Failure> {
    let all = if args.scheme == SCHEME {
        FaultRates::default()
    } else {
        FaultRates::of_every_kind()
    };
    let names: Vec<&str> = args.faults.iter().map(String::as_str).collect();
    let rates = match names[..] {
        [] | ["all"] => all,
        ["none"] => FaultRates::NONE,
        _ => {
            let faults = names.into_iter().map(cli::fault);
            let faults = faults.collect::<Result<Vec<Fault>, _>>();
            FaultRates::only(faults.map_err(Failure::usage)?)
        }
    };
    let special = args.rates.iter();
    Ok(special.fold(rates, |rates, (fault, rate)| rates.with(*fault, *rate)))
}

/// Nothing that was asked for is left out in silence.
fn refuse_older_files(args: &GenerateArgs) -> Result<(), Failure> {
    let writes_one = args.scheme != SCHEME
        && (args.providers.is_empty() || args.providers.iter().any(|slug| slug == "amex"));
    if args.older_files && !writes_one {
        return Err(Failure::usage(
            "only amex has an older file: name a --scheme whose customers pay by it, or leave out \
             --older-files",
        ));
    }
    Ok(())
}

fn refuse_other_providers(providers: &[String]) -> Result<(), Failure> {
    match providers.iter().find(|slug| *slug != PAYMENT_PROVIDER) {
        None => Ok(()),
        Some(slug) => Err(Failure::usage(format!(
            "{SCHEME} is paid by {PAYMENT_PROVIDER} only, not by {slug}: name another --scheme, or \
             no --providers"
        ))),
    }
}

fn write_scheme(args: &GenerateArgs, options: &Options) -> Result<SchemeSummary, Failure> {
    let providers = if args.providers.is_empty() {
        provider_slugs().map(str::to_owned).collect()
    } else {
        args.providers.clone()
    };
    let progress = Progress::start("generating", Some(options.purchases));
    let summary = generate_scheme(&args.scheme, &providers, options, &args.out, &mut |made| {
        progress.at(made);
    });
    let summary = summary.map_err(|error| match error {
        harmonia_sim::GenerateError::UnknownName { .. } => Failure::usage(error),
        error => Failure::from(error),
    })?;
    progress.done();
    Ok(summary)
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

fn scheme_shown(summary: &SchemeSummary) -> String {
    let mut rows = table(&["what", "how many", "where"]);
    let mut row = |what: &str, count: u64, path: &Path| {
        rows.add_row([what, &grouped(count), &path.display().to_string()]);
    };
    for file in &summary.feeds {
        row(&file.feed, file.records, &file.path);
    }
    row("MIDs", summary.mids, &summary.mids_file);
    row("cards", summary.cards, &summary.cards_file);
    row("true pairs", summary.true_pairs, &summary.truth_file);
    row("  decidable", summary.decidable_pairs, Path::new(""));
    for (fault, count) in &summary.faults {
        row(&format!("  {fault}"), *count, Path::new(""));
    }
    rows.to_string()
}
