//! `harmonia import --preview`: what would happen, with nothing written.

use crate::output::{Failure, Printer, or_dash, table};
use crate::sources;
use crate::wiring::Wiring;
use harmonia_core::feed::Feed;
use harmonia_gateway::files::LocalFile;
use harmonia_journey::Journey;
use harmonia_journey::import::{Preview, PreviewRecord, Seen, preview};
use harmonia_journey::ports::Readable;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// A file's preview, for programs.
#[derive(Serialize)]
struct Previewed {
    source: String,
    state: &'static str,
    #[serde(flatten)]
    preview: Preview,
    records: Vec<PreviewRecord>,
}

/// Previews each file, as if those before it had been imported; exit code 1 when one would be refused.
pub async fn run(
    wiring: &Wiring,
    journey: &Journey,
    feed: &Feed,
    printer: &Printer,
    files: &[PathBuf],
) -> Result<ExitCode, Failure> {
    let mut previewed = Vec::with_capacity(files.len());
    let mut seen = Seen::default();
    for path in files {
        let file: Arc<dyn Readable> = Arc::new(LocalFile(path.to_owned()));
        let file = sources::opened(wiring, feed, file)?;
        let one = one(journey, feed, file, printer, &mut seen).await?;
        if !printer.is_json() {
            printer.line(&shown(&one))?;
        }
        previewed.push(one);
    }
    if printer.is_json() {
        printer.print(&previewed, String::new)?;
    }
    let taken = previewed.iter().all(|one| one.preview.problem.is_none());
    Ok(if taken {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Previews a file. For people its records are printed as they come, for programs they are kept.
async fn one(
    journey: &Journey,
    feed: &Feed,
    file: Arc<dyn Readable>,
    printer: &Printer,
    seen: &mut Seen,
) -> Result<Previewed, Failure> {
    let source = file.source();
    let mut kept = Vec::new();
    let mut printed = Ok(());
    let mut told = |batch: &[PreviewRecord]| {
        if printer.is_json() {
            kept.extend_from_slice(batch);
        } else if printed.is_ok() && !batch.is_empty() {
            printed = printer.line(&records(batch));
        }
    };
    let preview = preview(journey, feed, file, seen, &mut told).await?;
    printed?;
    let state = match preview.problem {
        None => "PREVIEW",
        Some(_) => "WOULD_BE_REFUSED",
    };
    Ok(Previewed {
        source,
        state,
        preview,
        records: kept,
    })
}

fn shown(previewed: &Previewed) -> String {
    let Preview {
        outcome,
        problem,
        unused_columns,
    } = &previewed.preview;
    let mut lines = Vec::new();
    lines.push(format!(
        "{}: {} records: {} new, {} duplicate, {} skipped, {} rejected, {} quarantined; nothing was \
         written",
        previewed.source,
        outcome.read,
        outcome.new,
        outcome.duplicate,
        outcome.skipped,
        outcome.rejected,
        outcome.quarantined
    ));
    if let Some(problem) = problem {
        lines.push(format!("the file would be refused: {problem}"));
    }
    if !unused_columns.is_empty() {
        let columns = unused_columns.join(", ");
        lines.push(format!(
            "columns that the agent file does not use: {columns}"
        ));
    }
    lines.join("\n")
}

fn records(records: &[PreviewRecord]) -> String {
    let mut rows = table(&["line", "outcome", "transaction", "field", "why"]);
    for record in records {
        let why = match (record.reason, &record.detail) {
            (Some(reason), Some(detail)) => format!("{reason}: {detail}"),
            _ => "–".to_owned(),
        };
        rows.add_row([
            record.number.to_string(),
            format!("{:?}", record.outcome).to_uppercase(),
            or_dash(record.transaction_id.as_ref()),
            or_dash(record.field.as_ref()),
            why,
        ]);
    }
    rows.to_string()
}
