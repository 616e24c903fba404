//! What does the work: processes, imports, exports, the demonstration and what it is made of.

use super::values::{day, duration};
use clap::{Args, ValueEnum};
use harmonia_core::changes::Queue;
use std::path::PathBuf;

/// `harmonia demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many purchases to generate
    #[arg(short = 'n', long = "pairs", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub purchases: u64,
    /// Which of the many worlds of this size
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How transaction ids look
    #[arg(long, value_enum, default_value_t = Ids::Counter)]
    pub ids: Ids,
    /// Do the work in processes of their own, as on many machines
    #[arg(long)]
    pub apart: bool,
}

/// `harmonia generate`
#[derive(Debug, Args)]
#[command(long_about = GENERATE)]
pub struct GenerateArgs {
    /// How many purchases
    #[arg(short = 'n', long = "pairs", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub purchases: u64,
    /// Which of the many worlds of this size
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How transaction ids look
    #[arg(long, value_enum, default_value_t = Ids::Counter)]
    pub ids: Ids,
    /// Where to put the files
    #[arg(long)]
    pub out: PathBuf,
    /// Whose sales: the slug of a loyalty scheme
    #[arg(long, value_name = "SLUG", default_value = harmonia_sim::SCHEME)]
    pub scheme: String,
    /// Which card networks its customers pay by, with commas between [default: visa, mastercard and
    /// amex; the example has one of its own]
    #[arg(long, value_name = "SLUGS", value_delimiter = ',')]
    pub providers: Vec<String>,
    /// Also write the older file (`amex-file`) of networks that have one: their settlements once more
    #[arg(long)]
    pub older_files: bool,
    /// What goes wrong, with commas between, each as often as it usually does: `all`, `none`, or of
    /// no-sale, no-payment, unlinked-card, clock-skew, duplicate, ambiguous, unknown-mid,
    /// wrong-amount, and for real schemes tips, partial-capture, split-shipment, wrong-auth-code,
    /// missing-auth-code, daylight-saving, wrong-mid, late-feed, refund [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub faults: Vec<String>,
    /// How often one of them happens, in purchases of a million; may be given for several
    #[arg(long = "fault", value_name = "NAME=PER-MILLION", value_parser = fault_rate)]
    pub rates: Vec<(harmonia_sim::Fault, u32)>,
    /// How many days the purchases are spread over [default: as many as keep a day below 300,000,
    /// three at least]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub days: Option<u32>,
    /// The first day of trade [default: 2026-06-01]; the clocks change on 2026-03-29 and 2026-10-25
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub first_day: Option<harmonia_core::time::Day>,
}

const GENERATE: &str = "Write sample feeds with their MIDs, cards and truth.

Without --scheme, the two example feeds. With it, the scheme's sales as its tills write them, and of \
each payment provider the authorisations, the settlements and, where something was given back, the \
refunds: a folder for each feed. Beside them mids.csv, cards.csv and truth.csv, which says of each \
payment which sale it was, and what went wrong.";

/// How transaction ids look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ids {
    /// One after the other
    Counter,
    /// Random, like UUIDs
    Random,
}

/// `harmonia worker`
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Queues, with commas between: import, identify, matching, matching_slow, streaming, export
    #[arg(long, value_delimiter = ',', value_parser = queue, default_values = Queue::NAMES)]
    pub queues: Vec<Queue>,
}

/// `harmonia import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A merchant's slug, or one feed of a payment provider
    pub agent: String,
    /// Files to import, where they lie; without any, what has arrived in the feed's folder
    pub files: Vec<PathBuf>,
    /// The format of the files, if it is not the feed's own
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Import what is there now and stop, instead of watching
    #[arg(long)]
    pub once: bool,
    /// Say what importing the files would do, record by record, and write nothing
    #[arg(long, requires = "files", conflicts_with = "once")]
    pub preview: bool,
}

/// A format that every feed takes besides its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Harmonia's own: JSON lines or a JSON list
    Canonical,
}

/// `harmonia drain`
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Give up, with exit code 1, when there is still work after this long: 30s, 5m, 1h
    #[arg(long, value_parser = duration)]
    pub timeout: Option<std::time::Duration>,
}

/// `harmonia export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The slug of the agent whose exports leave in batches
    pub agent: String,
}

fn queue(name: &str) -> Result<Queue, String> {
    Queue::from_name(name).ok_or_else(|| {
        let names = Queue::NAMES.join(", ");
        format!("there is no queue {name:?}: there are {names}")
    })
}

/// The fault of that name, with hyphens or as `truth.csv` has it.
pub fn fault(name: &str) -> Result<harmonia_sim::Fault, String> {
    harmonia_sim::Fault::from_name(&name.replace('-', "_")).ok_or_else(|| {
        let known = harmonia_sim::Fault::ALL.map(|fault| fault.as_str().replace('_', "-"));
        format!("{name:?} is not a fault: take {}", known.join(", "))
    })
}

fn fault_rate(text: &str) -> Result<(harmonia_sim::Fault, u32), String> {
    let wrong = || format!("{text:?} is not a rate: write tips=20000, purchases in a million");
    let (name, rate) = text.split_once('=').ok_or_else(wrong)?;
    Ok((fault(name)?, rate.parse().map_err(|_| wrong())?))
}
