//! `harmonia why`: why a payment or a sale was matched, or was not.

use crate::cli::{Kind, WhyArgs};
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::ids::{PaymentId, SaleId};
use harmonia_core::matching::why::{Answer, answers, is_kept};
use harmonia_core::matching::{OpenReason, Payment};
use harmonia_core::money::Major;
use harmonia_core::purchase::EndKind;
use harmonia_journey::Journey;
use harmonia_journey::ports::{SaleStory, Side, TransactionRow};
use serde::Serialize;
use std::process::ExitCode;

/// How many of the nearest candidates are explained.
const CANDIDATES: usize = 20;

/// The explanation of one transaction.
#[derive(Debug, Serialize)]
struct Explanation {
    transaction: TransactionRow,
    /// What stops everything, or sums it up.
    verdict: Vec<String>,
    candidates: Vec<Candidate>,
}

/// One candidate and what every filter says of it.
#[derive(Debug, Serialize)]
struct Candidate {
    payment: String,
    sale: String,
    amount_minor: i64,
    /// What rules it out before any filter is asked.
    ruled_out: Vec<String>,
    /// Whether every filter of `keep` lets it pass.
    kept: bool,
    filters: Vec<Answer>,
}

/// Explains every payment or sale with the id.
pub async fn run(wiring: &Wiring, printer: &Printer, args: &WhyArgs) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    let side = match args.kind {
        Kind::Payment => Side::Payment,
        Kind::Sale => Side::Sale,
    };
    let found = journey.store.find(side, &args.transaction_id).await?;
    if found.is_empty() {
        return Err(Failure::new(format!(
            "there is no {} with the transaction id {:?}: see `harmonia lifecycle` for what became \
             of it",
            if side == Side::Payment {
                "payment"
            } else {
                "sale"
            },
            args.transaction_id
        )));
    }
    let mut explanations = Vec::new();
    for transaction in found {
        explanations.push(match side {
            Side::Payment => of_payment(&journey, transaction).await?,
            Side::Sale => of_sale(&journey, transaction).await?,
        });
    }
    printer.print(&explanations, || {
        explanations
            .iter()
            .map(shown)
            .collect::<Vec<_>>()
            .join("\n\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn of_payment(
    journey: &Journey,
    transaction: TransactionRow,
) -> Result<Explanation, Failure> {
    let id = PaymentId(transaction.id);
    let mut verdict = standing(&transaction);
    let mut candidates = Vec::new();
    if let Some(payment) = journey.store.payment_to_explain(id).await? {
        verdict.extend(stops(journey, &payment));
        if payment.mid_sets.is_empty() {
            verdict.push("no sale was ever made at its MID".to_owned());
        }
        for story in journey.store.neighbours(id, CANDIDATES).await? {
            candidates.push(candidate(
                journey,
                &transaction.transaction_id,
                &payment,
                &story,
            ));
        }
    }
    Ok(Explanation {
        transaction,
        verdict,
        candidates,
    })
}

async fn of_sale(journey: &Journey, transaction: TransactionRow) -> Result<Explanation, Failure> {
    let id = SaleId(transaction.id);
    let mut candidates = Vec::new();
    if let Some(story) = journey.store.sale_to_explain(id).await? {
        for payment_id in journey.store.payments_near(id, CANDIDATES).await? {
            let payment = journey.store.payment_to_explain(payment_id).await?;
            let row = journey.store.story(Side::Payment, payment_id.0).await?;
            if let (Some(payment), Some(row)) = (payment, row) {
                let mut one = candidate(journey, &row.transaction.transaction_id, &payment, &story);
                one.ruled_out.extend(stops(journey, &payment));
                if row.transaction.status == "MATCHED"
                    && story.matched_to.as_deref() != Some(&one.payment)
                {
                    one.ruled_out
                        .push("the payment is matched to another sale".to_owned());
                }
                one.ruled_out.extend(ended(&row.transaction.status));
                one.kept &= one.ruled_out.is_empty();
                candidates.push(one);
            }
        }
    }
    Ok(Explanation {
        verdict: standing(&transaction),
        transaction,
        candidates,
    })
}

fn standing(transaction: &TransactionRow) -> Vec<String> {
    let reason = transaction.pending_reason.as_deref();
    let meaning = reason
        .and_then(OpenReason::from_name)
        .map(OpenReason::explanation);
    vec![match (transaction.status.as_str(), reason, meaning) {
        ("MATCHED", _, _) => "matched".to_owned(),
        (status, _, _) if EndKind::from_name(status).is_some() => {
            let meaning = EndKind::from_name(status).map_or("", EndKind::explanation);
            format!("ended, {status}: {meaning}")
        }
        (_, Some(reason), meaning) => format!("open, {reason}: {}", meaning.unwrap_or("")),
        _ if transaction.side == Side::Payment => "open: its turn has not come yet".to_owned(),
        _ => "open: no payment has been found for it yet".to_owned(),
    }]
}

/// Why a payment that ended is not matched, however well a sale fits that comes now.
fn ended(status: &str) -> Option<String> {
    let kind = EndKind::from_name(status)?;
    Some(format!(
        "the payment left the pending list, {status}: {}; what comes later is not matched with it",
        kind.explanation()
    ))
}

/// The reasons that stop everything, whatever the candidates.
fn stops(journey: &Journey, payment: &Payment) -> Vec<String> {
    let mut stops = Vec::new();
    match journey.agents.rules(payment.scheme) {
        None => stops.push(OpenReason::NotMatched.explanation().to_owned()),
        Some(rules) if rules.for_provider(&payment.provider).is_none() => {
            stops.push(OpenReason::NoRule.explanation().to_owned());
        }
        Some(_) => {}
    }
    stops
}

fn candidate(
    journey: &Journey,
    payment_id: &str,
    payment: &Payment,
    story: &SaleStory,
) -> Candidate {
    let sale = &story.sale;
    let mut ruled_out = Vec::new();
    if sale.amount != payment.amount {
        ruled_out.push(format!(
            "the amounts differ: {} and {}",
            payment.amount, sale.amount
        ));
    }
    if let Some(other) = story
        .matched_to
        .as_deref()
        .filter(|other| *other != payment_id)
    {
        ruled_out.push(format!("the sale is matched to payment {other}"));
    }
    let mut filters = Vec::new();
    if let Some(rules) = journey.agents.rules(payment.scheme) {
        let apart = (sale.imported_at.0 - payment.imported_at.0).abs();
        if apart > rules.window_us {
            ruled_out.push("the two were imported further apart than the window".to_owned());
        }
        if let Some(rule) = rules.for_provider(&payment.provider) {
            filters = answers(payment, sale, rule, rules);
        }
    }
    Candidate {
        payment: payment_id.to_owned(),
        sale: story.transaction_id.clone(),
        amount_minor: sale.amount.minor,
        kept: ruled_out.is_empty() && is_kept(&filters),
        ruled_out,
        filters,
    }
}

fn shown(explanation: &Explanation) -> String {
    let transaction = &explanation.transaction;
    let mut text = format!(
        "{} {}, {} {} at {}\n",
        match transaction.side {
            Side::Payment => "payment",
            Side::Sale => "sale",
        },
        transaction.transaction_id,
        transaction.spend_currency,
        Major(transaction.spend_amount),
        transaction.transaction_date
    );
    for line in &explanation.verdict {
        text.push_str(&format!("  {line}\n"));
    }
    if explanation.candidates.is_empty() {
        text.push_str("  there is no candidate near it\n");
        return text;
    }
    let mut rows = table(&["candidate", "filter", "payment has", "sale has", "result"]);
    for one in &explanation.candidates {
        let name = match transaction.side {
            Side::Payment => &one.sale,
            Side::Sale => &one.payment,
        };
        let summary = if one.kept {
            "fits".to_owned()
        } else {
            one.ruled_out.join("; ")
        };
        rows.add_row([name.as_str(), "", "", "", summary.as_str()]);
        for answer in &one.filters {
            rows.add_row(cells(answer));
        }
    }
    text.push_str(&rows.to_string());
    text
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
