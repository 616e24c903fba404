//! The one binary. From here the journey is walked in order: [`cli`] reads the command line,
//! [`wiring`] opens the store and joins the ports, and each of [`commands`] does what its name says,
//! most of them through `harmonia-journey`.

mod cli;
mod commands;
mod operator;
mod output;
mod sources;
mod wiring;

use clap::Parser;
use cli::{Cli, Command};
use output::{Failure, Printer};
use std::process::ExitCode;
use wiring::Wiring;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let settings = match wiring::read_settings() {
        Ok(settings) => settings,
        Err(failure) => return output::exit(&failure),
    };
    wiring::start_log(&settings);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return output::exit(&Failure::new(format!("cannot start: {error}"))),
    };
    let printer = Printer::new(cli.json);
    match runtime.block_on(run(cli.command, Wiring::new(settings), printer)) {
        Ok(code) => code,
        Err(failure) => output::exit(&failure),
    }
}

async fn run(command: Command, wiring: Wiring, printer: Printer) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(args) => commands::demo::run(&wiring, &printer, &args).await,
        Command::Run => commands::run::run(&wiring, &printer).await,
        Command::Worker(args) => commands::worker::run(&wiring, &printer, &args).await,
        Command::Scheduler => commands::scheduler::run(&wiring, &printer).await,
        Command::Serve => commands::serve::run(&wiring, &printer).await,
        Command::Keys(args) => commands::keys::run(&wiring, &printer, &args).await,
        Command::Migrate(args) => commands::migrate::run(&wiring, &printer, &args).await,
        Command::Import(args) => commands::import::run(&wiring, &printer, &args).await,
        Command::Export(args) => commands::export::run(&wiring, &printer, &args).await,
        Command::Drain(args) => commands::drain::run(&wiring, &printer, &args).await,
        Command::Mids(args) => commands::mids::run(&wiring, &printer, &args).await,
        Command::Cards(args) => commands::cards::run(&wiring, &printer, &args).await,
        Command::Check(args) => commands::check::run(&wiring, &printer, &args),
        Command::Backtest(args) => commands::backtest::run(&wiring, &printer, &args).await,
        Command::Why(args) => commands::why::run(&wiring, &printer, &args).await,
        Command::Review(args) => commands::review::run(&wiring, &printer, &args).await,
        Command::Claim(args) => commands::claim::run(&wiring, &printer, &args).await,
        Command::Lifecycle(args) => commands::lifecycle::run(&wiring, &printer, &args).await,
        Command::Match(args) => commands::redress::run(&wiring, &printer, &args).await,
        Command::Matches(args) => commands::lists::matches(&wiring, &printer, &args).await,
        Command::Rejects(args) => commands::rejects::run(&wiring, &printer, &args).await,
        Command::Exports(args) => commands::exports::run(&wiring, &printer, &args).await,
        Command::Generate(args) => commands::generate::run(&printer, &args),
        Command::Config(args) => commands::config::run(&wiring, &printer, &args).await,
        Command::Purge(args) => commands::purge::run(&wiring, &printer, &args).await,
        Command::Status => commands::status::run(&wiring, &printer).await,
        Command::Audit(args) => commands::audit::run(&wiring, &printer, &args).await,
    }
}
