//! `harmonia match`: matches that a person makes or undoes.

use crate::cli::{ByArgs, MatchAction, MatchArgs};
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::changes::Redress;
use harmonia_core::ids::{MatchId, PaymentId, SaleId};
use harmonia_journey::Journey;
use harmonia_journey::ports::Side;
use harmonia_journey::redress::{self, RedressError, Redressed};
use serde::Serialize;
use std::process::ExitCode;

impl From<RedressError> for Failure {
    fn from(error: RedressError) -> Self {
        Self::new(error)
    }
}

/// What was done, and to what.
#[derive(Debug, Serialize)]
struct Answer {
    outcome: Redressed,
    action: &'static str,
    payment_transaction_id: Option<i64>,
    scheme_transaction_id: Option<i64>,
    matched_transaction_id: Option<i64>,
}

/// Makes a match, undoes one, or lists what waits for a second person.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &MatchArgs,
) -> Result<ExitCode, Failure> {
    let journey = wiring.journey().await?;
    match &args.action {
        MatchAction::Force { payment, sale, by } => {
            let payment = row(&journey, Side::Payment, payment).await?;
            let sale = row(&journey, Side::Sale, sale).await?;
            let by = redress_of(by)?;
            let outcome = redress::force(&journey, PaymentId(payment), SaleId(sale), &by).await?;
            let answer = Answer {
                outcome,
                action: "match.force",
                payment_transaction_id: Some(payment),
                scheme_transaction_id: Some(sale),
                matched_transaction_id: None,
            };
            tell(
                printer,
                &answer,
                "matched; the merchant is told with the next delivery",
            )
        }
        MatchAction::Undo { id, payment, by } => {
            let id = match (id, payment) {
                (Some(id), _) => *id,
                (None, Some(payment)) => match_of(&journey, payment).await?,
                (None, None) => return Err(Failure::usage("name the match, or its --payment")),
            };
            let outcome = redress::undo(&journey, MatchId(id), &redress_of(by)?).await?;
            let answer = Answer {
                outcome,
                action: "match.undo",
                payment_transaction_id: None,
                scheme_transaction_id: None,
                matched_transaction_id: Some(id),
            };
            tell(
                printer,
                &answer,
                "undone; both sides are pending again, and no rule will make this \
                 match again",
            )
        }
        MatchAction::Proposals => proposals(&journey, printer).await,
    }
}

fn tell(printer: &Printer, answer: &Answer, done: &str) -> Result<ExitCode, Failure> {
    printer.print(answer, || match answer.outcome {
        Redressed::Done => done.to_owned(),
        Redressed::Proposed => {
            "noted: the amount is above the limit for one person; a second has to \
                                run the same command (see `harmonia match proposals`)"
                .to_owned()
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Who does something, and why.
///
/// # Errors
/// [`Failure`] where no reason or no name is given.
pub fn redress_of(by: &ByArgs) -> Result<Redress, Failure> {
    let reason = match by.reason.trim() {
        "" => {
            return Err(Failure::usage(
                "--reason is empty: it is kept with what was done",
            ));
        }
        reason => reason.into(),
    };
    Ok(Redress {
        operator: by.who.name()?,
        reason,
    })
}

/// The row of a transaction: a number is a row where there is such a one, anything else is the
/// provider's or merchant's own id.
async fn row(journey: &Journey, side: Side, id: &str) -> Result<i64, Failure> {
    if let Ok(row) = id.parse()
        && journey.store.story(side, row).await?.is_some()
    {
        return Ok(row);
    }
    let what = match side {
        Side::Payment => "payment",
        Side::Sale => "sale",
    };
    let found = journey.store.find(side, id).await?;
    match found.as_slice() {
        [one] => Ok(one.id),
        [] => Err(Failure::new(format!(
            "there is no {what} {id}: see `harmonia lifecycle` or `harmonia claim`"
        ))),
        several => {
            let rows: Vec<String> = several
                .iter()
                .map(|one| format!("{} ({}, {})", one.id, one.feed_type, one.transaction_date))
                .collect();
            Err(Failure::new(format!(
                "{} {what}s have the id {id}: name one by its row: {}",
                several.len(),
                rows.join(", ")
            )))
        }
    }
}

/// The match in force of a payment.
async fn match_of(journey: &Journey, payment: &str) -> Result<i64, Failure> {
    let row = row(journey, Side::Payment, payment).await?;
    let story = journey.store.story(Side::Payment, row).await?;
    let matches = story.into_iter().flat_map(|story| story.matches);
    let in_force = matches.into_iter().find(|one| one.voided_at.is_none());
    in_force.map(|one| one.id).ok_or_else(|| {
        Failure::new(format!(
            "payment {payment} has no match that could be undone"
        ))
    })
}

async fn proposals(journey: &Journey, printer: &Printer) -> Result<ExitCode, Failure> {
    let rows = journey.store.proposals().await?;
    printer.print(&rows, || {
        if rows.is_empty() {
            return "nothing waits for a second person".to_owned();
        }
        let mut shown = table(&["what", "payment", "sale", "asked by", "because", "at"]);
        for row in &rows {
            shown.add_row([
                row.action.clone(),
                row.payment_transaction_id.to_string(),
                or_dash(row.scheme_transaction_id),
                row.operator.clone(),
                row.reason.clone(),
                row.created_at.to_string(),
            ]);
        }
        shown.to_string()
    })?;
    Ok(ExitCode::SUCCESS)
}
