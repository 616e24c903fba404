//! `harmonia why`: why a payment or a sale was matched, or was not.

use crate::cli::{Kind, WhyArgs};
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::matching::why::Answer;
use harmonia_core::money::Major;
use harmonia_core::time::{Moment, Precision, Zone};
use harmonia_core::words;
use harmonia_journey::ports::{Side, TransactionRow};
use harmonia_journey::why::{Candidate, Explanation, explain};
use std::process::ExitCode;

/// Explains every payment or sale with the id.
pub async fn run(wiring: &Wiring, printer: &Printer, args: &WhyArgs) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let side = match args.kind {
        Kind::Payment => Side::Payment,
        Kind::Sale => Side::Sale,
    };
    let explanations = explain(&journey, side, &args.transaction_id).await?;
    if explanations.is_empty() {
        return Err(Failure::new(format!(
            "there is no {} with the transaction id {:?}: see `harmonia lifecycle` for what became \
             of it, or ask by card, amount and day with `harmonia claim`",
            named(side),
            args.transaction_id
        )));
    }
    printer.print(&explanations, || {
        let shown: Vec<String> = explanations
            .iter()
            .map(|one| shown(side, &args.transaction_id, one))
            .collect();
        shown.join("\n\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn named(side: Side) -> &'static str {
    match side {
        Side::Payment => "payment",
        Side::Sale => "sale",
    }
}

fn shown(side: Side, id: &str, explanation: &Explanation) -> String {
    let mut text = match &explanation.transaction {
        Some(transaction) => heading(transaction, &explanation.zone),
        None => format!("{} {id}", named(side)),
    };
    text.push('\n');
    for line in &explanation.verdict {
        text.push_str(&format!("  {line}\n"));
    }
    for stop in &explanation.stops {
        text.push_str(&format!("  {}: {}\n", stop.reason, stop.text));
    }
    if explanation.transaction.is_none() {
        return text;
    }
    if explanation.candidates.is_empty() {
        text.push_str("  there is no candidate near it\n");
        return text;
    }
    let mut rows = table(&["candidate", "filter", "payment has", "sale has", "result"]);
    for one in &explanation.candidates {
        let name = match side {
            Side::Payment => &one.sale,
            Side::Sale => &one.payment,
        };
        rows.add_row([name.as_str(), "", "", "", summary(one).as_str()]);
        for answer in &one.filters {
            rows.add_row(cells(answer));
        }
    }
    text.push_str(&rows.to_string());
    text
}

/// What a transaction is, in one line that can be read out.
pub fn heading(transaction: &TransactionRow, zone: &str) -> String {
    let zone = Zone::named(zone).unwrap_or_else(|_| Zone::utc());
    let precision = serde_json::from_value(transaction.precision.as_str().into());
    let when = Moment {
        start: transaction.transaction_date,
        precision: precision.unwrap_or(Precision::Second),
    };
    format!(
        "{} {} (row {}), {} {} at {}",
        named(transaction.side),
        transaction.transaction_id,
        transaction.id,
        transaction.spend_currency,
        Major(transaction.spend_amount),
        words::moment(when, &zone)
    )
}

/// A filter that fails is said in its own row.
fn summary(one: &Candidate) -> String {
    if one.kept || !one.ruled_out.is_empty() {
        one.summary()
    } else {
        String::new()
    }
}

fn cells(answer: &Answer) -> [String; 5] {
    let result = match (answer.passes, &answer.missed_by) {
        (None, _) => "skipped: the payment lacks it".to_owned(),
        (Some(true), _) => "passes".to_owned(),
        (Some(false), Some(by)) => format!("fails by {by}"),
        (Some(false), None) => "fails".to_owned(),
    };
    let filter = format!(
        "{} {}",
        if answer.part == "keep" { "must" } else { "tie" },
        answer.filter
    );
    [
        String::new(),
        filter,
        or_dash(Some(&answer.payment)),
        or_dash(Some(&answer.sale)),
        result,
    ]
}
