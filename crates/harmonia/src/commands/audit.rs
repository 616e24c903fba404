//! `harmonia audit`: do the invariants hold?

use crate::cli::AuditArgs;
use crate::commands::lists::{Pages, print_page};
use crate::output::{Failure, Printer, table};
use crate::wiring::Wiring;
use std::process::ExitCode;

/// Checks the invariants, exit code 1 when one does not hold; or lists what people did.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &AuditArgs,
) -> Result<ExitCode, Failure> {
    if args.log {
        return log(wiring, printer).await;
    }
    let findings = wiring.inquiry().await?.audit().await?;
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

/// What people did, oldest first.
async fn log(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry().await?;
    let mut pages = Pages::new(None);
    while let Some(size) = pages.next_size() {
        let page = store.log(pages.after, size).await?;
        pages.took(page.len(), page.last().map(|row| row.id));
        print_page(
            printer,
            &page,
            &["entry", "at", "who", "did", "to what"],
            |row| {
                vec![
                    row.id.to_string(),
                    row.at.to_string(),
                    row.operator.clone(),
                    row.action.clone(),
                    row.detail.clone(),
                ]
            },
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
