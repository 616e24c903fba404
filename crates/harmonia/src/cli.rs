//! The command line: what can be asked, in the words its users have for it.
//!
//! [`Command`] names every command; what each takes is told with those it is near: [`working`],
//! [`asking`], [`keeping`]. How values are written is [`values`].

mod asking;
mod keeping;
mod values;
mod working;

pub use asking::*;
pub use keeping::*;
pub use values::Date;
pub use working::*;

use clap::{Parser, Subcommand};

/// Matches card payments with till sales, and tells merchants which member to reward.
#[derive(Debug, Parser)]
#[command(version, after_help = settings_help(), max_term_width = 100)]
pub struct Cli {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole journey on generated input whose truth is known
    Demo(DemoArgs),
    /// Do everything in one process: watch folders, serve the API, match, tell merchants; until
    /// stopped
    Run,
    /// Serve the HTTP API alone, until stopped
    Serve,
    /// Take up what waits in some queues, or in all, until stopped; any number on any machines
    Worker(WorkerArgs),
    /// Say when something is due, until stopped; of any number one does, the others stand by
    Scheduler,
    /// Keys of the HTTP API: create, list, revoke
    Keys(KeysArgs),
    /// Bring the database's schema up to date
    Migrate(MigrateArgs),
    /// Import files through a feed, or watch where it arrives
    Import(ImportArgs),
    /// Work until nothing is due, then stop
    Drain(DrainArgs),
    /// Run a batch export now, and the sweeps that feed it
    Export(ExportArgs),
    /// Merchant identifiers: onboard, list, remove
    Mids(MidsArgs),
    /// The built-in card-link table: load, list
    Cards(CardsArgs),
    /// Check agent files and run their examples
    Check(CheckArgs),
    /// Say what a changed agent file's rules would have made of the past; writes nothing
    Backtest(BacktestArgs),
    /// Explain why a payment or a sale was matched, or was not
    Why(WhyArgs),
    /// List what people should look at: ambiguous, contested, undone, nearly matched
    Review(ReviewArgs),
    /// Find out what became of a purchase that a customer misses
    Claim(ClaimArgs),
    /// Tell the whole story of one transaction
    Lifecycle(LifecycleArgs),
    /// List matches
    Matches(MatchesArgs),
    /// Make a match by hand, or undo one
    Match(MatchArgs),
    /// Records that could not be taken, or wait for a MID
    Rejects(RejectsArgs),
    /// What merchants are told
    Exports(ExportsArgs),
    /// Write sample feeds with their MIDs, cards and truth
    Generate(GenerateArgs),
    /// What can be set while Harmonia runs: list, get, set
    Config(ConfigArgs),
    /// Take out transactions that are old and finished, for ever
    Purge(PurgeArgs),
    /// Where everything stands
    Status,
    /// Check the invariants; exit 1 when one does not hold
    Audit(AuditArgs),
}

/// The settings, for the end of `--help`.
fn settings_help() -> String {
    let mut text = String::from("Settings, from the environment or a .env file:\n");
    for setting in harmonia_core::settings::ALL {
        text.push_str(&format!(
            "  {} [{}]\n     {}\n",
            setting.name, setting.default, setting.doc
        ));
    }
    text.push_str("\nExit codes: 0 done; 1 failed; 2 wrong usage.");
    text
}
