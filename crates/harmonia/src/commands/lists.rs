//! `harmonia matches`, and how lists are printed: read page by page and printed as they come.

use crate::cli::MatchesArgs;
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::money::Major;
use serde::Serialize;
use std::process::ExitCode;

/// Rows read from the store at once.
pub const PAGE: usize = 1000;

/// Lists matches.
pub async fn matches(
    wiring: &Wiring,
    printer: &Printer,
    args: &MatchesArgs,
) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry().await?;
    let mut pages = Pages::new(args.limit);
    while let Some(size) = pages.next_size() {
        let page = store.matches(args.since, pages.after, size).await?;
        pages.took(page.len(), page.last().map(|row| row.id));
        let header = [
            "match", "payment", "sale", "scheme", "provider", "type", "amount", "when",
        ];
        print_page(printer, &page, &header, |row| {
            vec![
                row.id.to_string(),
                row.payment.clone(),
                or_dash(row.sale.as_ref()),
                row.scheme_slug.clone(),
                row.payment_provider_slug.clone(),
                row.matching_type.clone(),
                format!("{} {}", row.spend_currency, Major(row.spend_amount)),
                row.transaction_date.to_string(),
            ]
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Goes through a list page by page.
pub struct Pages {
    /// Where the next page begins.
    pub after: i64,
    left: Option<usize>,
    ended: bool,
}

impl Pages {
    /// From the beginning, up to a limit.
    pub fn new(limit: Option<usize>) -> Self {
        Self {
            after: 0,
            left: limit,
            ended: false,
        }
    }

    /// How many rows to ask for next; `None` at the end.
    pub fn next_size(&self) -> Option<usize> {
        let size = self.left.map_or(PAGE, |left| left.min(PAGE));
        (!self.ended && size > 0).then_some(size)
    }

    /// A page came, with so many rows and this last one.
    pub fn took(&mut self, rows: usize, last: Option<i64>) {
        let asked = self.next_size().unwrap_or(0);
        self.ended = rows < asked;
        self.after = last.unwrap_or(self.after);
        self.left = self.left.map(|left| left.saturating_sub(rows));
    }
}

/// Prints a page: JSON lines for programs, a table for people.
pub fn print_page<T: Serialize>(
    printer: &Printer,
    page: &[T],
    header: &[&str],
    cells: impl Fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    if page.is_empty() {
        return Ok(());
    }
    if printer.is_json() {
        for row in page {
            printer.line(&serde_json::to_string(row).map_err(Failure::new)?)?;
        }
        return Ok(());
    }
    let mut rows = table(header);
    for row in page {
        rows.add_row(cells(row));
    }
    printer.line(&rows.to_string())
}
