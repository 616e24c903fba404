//! `harmonia exports`: what merchants are told.

use crate::cli::{ExportsAction, ExportsArgs};
use crate::commands::lists::{Pages, print_page};
use crate::output::{Failure, Printer, complain, or_dash};
use crate::wiring::{Wiring, parse_agent};
use harmonia_core::export::batch::Row;
use harmonia_core::export::{ExportTransaction, Plan};
use harmonia_core::money::Major;
use harmonia_core::state::ExportState;
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
    let mut sound = true;
    let mut waiting: Vec<Row> = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(input).lines()) {
        let line = line.map_err(Failure::new)?;
        if line.trim().is_empty() {
            continue;
        }
        let transaction = serde_json::from_str::<ExportTransaction>(&line);
        let transaction = transaction.map_err(|error| error.to_string());
        let rendered = transaction.and_then(|transaction| match plan.batch() {
            None => plan.render(&transaction).map(Rendered::Body),
            Some(batch) => {
                let row = batch.rows([&transaction]).pop();
                row.transpose()
                    .map(|row| Rendered::Row(row.unwrap_or_default()))
            }
        });
        match rendered {
            Ok(Rendered::Body(body)) => printer.line(&body)?,
            Ok(Rendered::Row(row)) => waiting.push(row),
            Err(error) => {
                sound = false;
                complain(&format!("{shown}: line {number}: {error}"));
            }
        }
        if let Some(batch) = plan.batch().filter(|batch| batch.size == waiting.len()) {
            printer.bytes(&batch.document(&waiting).map_err(Failure::new)?)?;
            waiting.clear();
        }
    }
    if let Some(batch) = plan.batch().filter(|_| !waiting.is_empty()) {
        printer.bytes(&batch.document(&waiting).map_err(Failure::new)?)?;
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What became of one export transaction.
enum Rendered {
    /// A body by itself.
    Body(String),
    /// A row of a batch, which is printed when it is whole.
    Row(Row),
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
