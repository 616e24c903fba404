//! `harmonia lifecycle`: every step of one transaction, from its raw record to its delivery.

use crate::cli::LifecycleArgs;
use crate::output::{Failure, Printer, or_dash};
use crate::wiring::Wiring;
use harmonia_core::matching::OpenReason;
use harmonia_core::money::Major;
use harmonia_core::purchase::EndKind;
use harmonia_journey::ports::{EndRow, MatchRow, Side, Store, Story};
use harmonia_journey::rejected;
use std::process::ExitCode;

/// Tells the story of every payment and sale with the id.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &LifecycleArgs,
) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry().await?;
    let mut stories = Vec::new();
    for side in [Side::Payment, Side::Sale] {
        for found in store.find(side, &args.transaction_id).await? {
            stories.extend(store.story(side, found.id).await?);
        }
    }
    if stories.is_empty() {
        return Err(not_found(store.as_ref(), &args.transaction_id).await?);
    }
    printer.print(&stories, || {
        stories.iter().map(told).collect::<Vec<_>>().join("\n\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Nothing was taken under this id: perhaps it was rejected.
async fn not_found(store: &dyn Store, transaction_id: &str) -> Result<Failure, Failure> {
    if let Some(reject) = rejected::with_id(store, transaction_id, |_| true).await? {
        return Ok(Failure::new(format!(
            "{transaction_id} was not taken: reject {} from line {} of {}: {} ({})",
            reject.id, reject.number, reject.source, reject.detail, reject.reason
        )));
    }
    Ok(Failure::new(format!(
        "no payment and no sale has the transaction id {transaction_id:?}, and no rejected record \
         holds it: was its file imported? See `harmonia status`, or ask by card, amount and day with \
         `harmonia claim`"
    )))
}

fn told(story: &Story) -> String {
    let transaction = &story.transaction;
    let kind = match transaction.side {
        Side::Payment => "payment",
        Side::Sale => "sale",
    };
    let mut steps = vec![format!(
        "{kind} {} of {} ({}), {} {} at {} (known to the {})",
        transaction.transaction_id,
        transaction.provider_slug,
        transaction.feed_type,
        transaction.spend_currency,
        Major(transaction.spend_amount),
        transaction.transaction_date,
        transaction.precision,
    )];
    if let Some((data, number, file)) = &story.raw {
        steps.push(format!(
            "received   {} line {number}, file {}",
            file.source, file.id
        ));
        steps.push(format!("           {data}"));
    }
    steps.push(format!(
        "imported   {} in match group {}, row {}, scheme {}, MIDs {}",
        transaction.created_at,
        transaction.match_group,
        transaction.id,
        transaction.scheme_slug,
        transaction.mids.join(", ")
    ));
    if transaction.side == Side::Payment || story.identified_at.is_some() {
        steps.push(match story.identified_at {
            Some(at) => format!(
                "identified {at} as member {}",
                or_dash(story.loyalty_id.as_ref())
            ),
            None => "identified not yet".to_owned(),
        });
    }
    for one in &story.matches {
        steps.extend(match_told(one));
    }
    if let Some(end) = &story.end {
        steps.push(end_told(end));
    }
    let is_matched = story.matches.iter().any(|one| one.voided_at.is_none());
    if !is_matched && story.end.is_none() {
        let reason = transaction.pending_reason.as_deref();
        let unsaid = match transaction.side {
            Side::Payment => "its turn has not come yet",
            Side::Sale => "no payment has been found for it yet",
        };
        let meaning = reason
            .and_then(OpenReason::from_name)
            .map_or(unsaid, OpenReason::explanation);
        steps.push(format!(
            "open       {}: {meaning}",
            reason.unwrap_or(&transaction.status)
        ));
    }
    for export in &story.exports {
        steps.push(format!(
            "export     {} {} to {}: {}",
            export.export_uid,
            export.status,
            or_dash(export.destination.as_ref()),
            or_dash(export.status_reason.as_ref().or(export.response.as_ref()))
        ));
        if let (Some(at), Some(result)) = (export.result_at, &export.result) {
            steps.push(format!("answered   {at} {result}"));
        }
    }
    steps.join("\n  ")
}

/// How it was matched, and if that was undone, by whom and why.
fn match_told(one: &MatchRow) -> Vec<String> {
    let mut steps = vec![format!(
        "matched    {} {} match {}: payment {}, sale {}, evidence {}",
        one.created_at,
        one.matching_type,
        one.id,
        one.payment,
        or_dash(one.sale.as_ref()),
        one.evidence
    )];
    if let (Some(operator), Some(reason)) = (&one.operator, &one.reason) {
        steps.push(format!("           by {operator}: {reason}"));
    }
    if let (Some(at), Some(by), Some(reason)) = (one.voided_at, &one.voided_by, &one.void_reason) {
        steps.push(format!(
            "undone     {at} match {} by {by}: {reason}",
            one.id
        ));
    }
    steps
}

/// How it ended without a match.
fn end_told(end: &EndRow) -> String {
    let meaning = EndKind::from_name(&end.kind).map_or("", EndKind::explanation);
    let mut step = format!("ended      {} {}: {meaning}", end.created_at, end.kind);
    if let Some(other) = &end.other {
        step.push_str(&format!(
            " ({} {other}, row {})",
            or_dash(end.other_feed_type.as_ref()),
            or_dash(end.other_payment_transaction_id)
        ));
    }
    if let Some(difference) = end.difference_minor.filter(|difference| *difference != 0) {
        step.push_str(&format!(", which differs by {}", Major(difference)));
    }
    step
}
