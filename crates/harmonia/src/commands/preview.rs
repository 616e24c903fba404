//! `harmonia import --preview`: what would happen, with nothing written.

use crate::output::{Failure, Printer, or_dash, table};
use crate::sources;
use crate::wiring::Wiring;
use harmonia_core::feed::Feed;
use harmonia_gateway::files::LocalFile;
use harmonia_journey::Journey;
use harmonia_journey::import::{Preview, PreviewRecord, preview};
use harmonia_journey::ports::Readable;
use serde::Serialize;
use std::path::{Path, PathBuf};
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

/// Previews each file; exit code 1 when one would be refused.
pub async fn run(
    wiring: &Wiring,
    journey: &Journey,
    feed: &Feed,
    printer: &Printer,
    files: &[PathBuf],
) -> Result<ExitCode, Failure> {
    let mut previewed = Vec::with_capacity(files.len());
    for path in files {
        previewed.push(one(wiring, journey, feed, path).await?);
    }
    printer.print(&previewed, || {
        let shown: Vec<String> = previewed.iter().map(shown).collect();
        shown.join("\n\n")
    })?;
    let taken = previewed.iter().all(|one| one.preview.problem.is_none());
    Ok(if taken {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn one(
    wiring: &Wiring,
    journey: &Journey,
    feed: &Feed,
    path: &Path,
) -> Result<Previewed, Failure> {
    let file: Arc<dyn Readable> = Arc::new(LocalFile(path.to_owned()));
    let file = sources::opened(wiring, feed, file)?;
    let source = file.source();
    let mut records = Vec::new();
    let mut told = |batch: &[PreviewRecord]| records.extend_from_slice(batch);
    let preview = preview(journey, feed, file, &mut told).await?;
    let state = match preview.problem {
        None => "PREVIEW",
        Some(_) => "WOULD_BE_REFUSED",
    };
    Ok(Previewed {
        source,
        state,
        preview,
        records,
    })
}

fn shown(previewed: &Previewed) -> String {
    let Preview {
        outcome,
        problem,
        unused_columns,
    } = &previewed.preview;
    let mut lines = Vec::new();
    if !previewed.records.is_empty() {
        lines.push(records(&previewed.records));
    }
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
