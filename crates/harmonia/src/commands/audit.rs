//! `harmonia audit`: do the invariants hold?

use crate::output::{Failure, Printer, table};
use crate::wiring::Wiring;
use std::process::ExitCode;

/// Checks the invariants; exit code 1 when one does not hold.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let findings = wiring.inquiry()?.audit().await?;
    printer.print(&findings, || {
        if findings.is_empty() {
            return "every invariant holds".to_owned();
        }
        let mut rows = table(&["does not hold", "rows", "for example"]);
        for finding in &findings {
            let examples: Vec<String> = finding.examples.iter().map(i64::to_string).collect();
            rows.add_row([
                finding.invariant.clone(),
                finding.count.to_string(),
                examples.join(", "),
            ]);
        }
        rows.to_string()
    })?;
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
