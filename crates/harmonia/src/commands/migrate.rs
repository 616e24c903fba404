//! `harmonia migrate`: the database's schema, brought up to date or told about.

use crate::cli::MigrateArgs;
use crate::output::{Failure, Printer, table};
use crate::wiring::Wiring;
use std::process::ExitCode;

/// Brings the schema up to date, or only says where it stands.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &MigrateArgs,
) -> Result<ExitCode, Failure> {
    if !args.status {
        wiring.inquiry().await?;
    }
    let status = wiring.schema_status().await?;
    let rows: Vec<_> = status
        .applied
        .iter()
        .map(|one| (one, "applied"))
        .chain(status.pending.iter().map(|one| (one, "pending")))
        .map(|((number, name), state)| {
            serde_json::json!({ "number": number, "name": name, "state": state })
        })
        .collect();
    printer.print(&rows, || {
        let mut text = table(&["migration", "name", "state"]);
        for row in &rows {
            let cell = |name: &str| row[name].to_string().trim_matches('"').to_owned();
            text.add_row([cell("number"), cell("name"), cell("state")]);
        }
        text.to_string()
    })?;
    Ok(ExitCode::SUCCESS)
}
