//! `harmonia exports`: what merchants are told.

use crate::cli::{ExportsAction, ExportsArgs};
use crate::commands::lists::{Pages, print_page};
use crate::output::{Failure, Printer, complain, or_dash};
use crate::wiring::{Wiring, parse_agent};
use harmonia_core::export::batch::{About, Row, uid_of};
use harmonia_core::export::{ExportTransaction, Plan, Secrets};
use harmonia_core::money::Major;
use harmonia_core::state::ExportState;
use harmonia_core::time::Instant;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

/// Lists exports, or renders bodies.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &ExportsArgs,
) -> Result<ExitCode, Failure> {
    match &args.action {
        ExportsAction::List { status, limit } => {
            list(wiring, printer, status.as_deref(), *limit).await
        }
        ExportsAction::Render { agent, file } => render(wiring, printer, agent, file.as_deref()),
    }
}

async fn list(
    wiring: &Wiring,
    printer: &Printer,
    status: Option<&str>,
    limit: Option<usize>,
) -> Result<ExitCode, Failure> {
    let status = status.map(str::to_ascii_uppercase);
    if let Some(name) = &status
        && ExportState::from_name(name).is_none()
    {
        let known: Vec<&str> = ExportState::ALL
            .iter()
            .map(|state| state.as_str())
            .collect();
        return Err(Failure::usage(format!(
            "{name} is not a state: use {}",
            known.join(", ")
        )));
    }
    let store = wiring.inquiry().await?;
    let mut pages = Pages::new(limit);
    while let Some(size) = pages.next_size() {
        let page = store.exports(status.as_deref(), pages.after, size).await?;
        pages.took(page.len(), page.last().map(|row| row.id));
        let header = [
            "export",
            "scheme",
            "transaction",
            "member",
            "amount",
            "status",
            "tries",
            "where",
            "answer",
        ];
        print_page(printer, &page, &header, |row| {
            vec![
                row.id.to_string(),
                row.provider_slug.clone(),
                row.transaction_id.clone(),
                or_dash(row.loyalty_id.as_ref()),
                format!("{} {}", row.spend_currency, Major(row.spend_amount)),
                match &row.status_reason {
                    Some(reason) => format!("{}: {reason}", row.status),
                    None => row.status.clone(),
                },
                row.tries.to_string(),
                or_dash(row.destination.as_ref()),
                or_dash(row.result.as_ref()),
            ]
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn render(
    wiring: &Wiring,
    printer: &Printer,
    slug: &str,
    file: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let plan = plan_of(wiring, slug)?;
    let input: Box<dyn Read> =
        match file {
            None => Box::new(std::io::stdin()),
            Some(path) => Box::new(File::open(path).map_err(|error| {
                Failure::new(format!("cannot read {}: {error}", path.display()))
            })?),
        };
    let shown = file.map_or("standard input".to_owned(), |path| {
        path.display().to_string()
    });
    let secrets = |name: &str| wiring.secrets.text(name).ok();
    let mut waiting = Waiting::default();
    let mut sound = true;
    for (number, line) in (1..).zip(BufReader::new(input).lines()) {
        let line = line.map_err(Failure::new)?;
        if line.trim().is_empty() {
            continue;
        }
        let place = |words: &str| format!("{shown}: line {number}: {words}");
        let transaction = match serde_json::from_str::<ExportTransaction>(&line) {
            Ok(transaction) => transaction,
            Err(error) => {
                sound = false;
                complain(&place(&error.to_string()));
                continue;
            }
        };
        if let Some(lacking) = plan.lacks(&transaction) {
            complain(&place(&format!("it would be held: {lacking}")));
        } else if let Some(reason) = plan.skips(&transaction) {
            complain(&place(&format!("it would not be sent: {reason}")));
        }
        let rendered = match plan.batch() {
            None => plan
                .render(&transaction, &secrets)
                .map(|body| printer.line(&body)),
            Some(_) => waiting.add(&plan, &transaction, &secrets).map(Ok),
        };
        match rendered {
            Ok(printed) => printed?,
            Err(error) => {
                sound = false;
                complain(&place(&error));
            }
        }
        if plan
            .batch()
            .is_some_and(|batch| batch.size == waiting.rows.len())
        {
            waiting.print(&plan, printer)?;
        }
    }
    waiting.print(&plan, printer)?;
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The rows of a batch that is not whole yet.
#[derive(Default)]
struct Waiting {
    rows: Vec<Row>,
    first: Option<ExportTransaction>,
    batches: i64,
}

impl Waiting {
    fn add(
        &mut self,
        plan: &Plan,
        transaction: &ExportTransaction,
        secrets: &Secrets<'_>,
    ) -> Result<(), String> {
        for row in plan.rows([transaction], secrets) {
            self.rows.push(row?);
        }
        self.first.get_or_insert_with(|| transaction.clone());
        Ok(())
    }

    /// Prints the document they make, where there are any.
    fn print(&mut self, plan: &Plan, printer: &Printer) -> Result<(), Failure> {
        let (Some(batch), Some(first)) = (plan.batch(), self.first.take()) else {
            return Ok(());
        };
        self.batches += 1;
        let about = About {
            now: first.purchased_at().unwrap_or(Instant(0)),
            uid: uid_of(&first),
            sequence: Some(self.batches),
        };
        let rows = std::mem::take(&mut self.rows);
        let document = batch.document(&rows, &about).map_err(Failure::new)?;
        if batch.is_table() {
            printer.bytes(&document)?;
            return Ok(());
        }
        let body = String::from_utf8(document).map_err(Failure::new)?;
        printer.line(&body)
    }
}

fn plan_of(wiring: &Wiring, slug: &str) -> Result<Plan, Failure> {
    harmonia_core::ids::Slug::new(slug).map_err(Failure::usage)?;
    let path = wiring.settings.agents_dir.join(format!("{slug}.toml"));
    let agent = parse_agent(&path)?.map_err(|complaints| {
        let all: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        Failure::new(all.join("\n"))
    })?;
    agent.export.ok_or_else(|| {
        Failure::new(format!(
            "{} has no [export]: there is nothing to render",
            path.display()
        ))
    })
}
