//! Export: each match becomes something the merchant must be told, in the same commit.

use crate::Journey;
use harmonia_core::changes::{Lane, NewJob, NewMatch, NewWork, Queue};
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::Decision;
use harmonia_core::time::Instant;

use crate::ports::UndecidedPayment;

/// The match of a decided payment, with the key of its export; `None` when it stays open.
pub fn of_decision(
    journey: &Journey,
    decided: &UndecidedPayment,
    decision: &Decision,
) -> Option<NewMatch> {
    let Decision::Matched {
        kind,
        sale,
        evidence,
    } = decision
    else {
        return None;
    };
    Some(NewMatch {
        payment: decided.payment.id,
        sale: *sale,
        scheme: decided.payment.scheme,
        kind: *kind,
        evidence: evidence.clone(),
        export_uid: journey.uids.next(),
        was_open: decided.open.is_some(),
    })
}

/// One job for each scheme that has exports in this batch. A scheme's deliveries are one lane: its
/// merchant is told in order, and by one worker at a time.
pub fn delivery_jobs(matches: &[NewMatch], now: Instant) -> Vec<NewJob> {
    let mut schemes: Vec<SchemeId> = matches.iter().map(|new| new.scheme).collect();
    schemes.sort_unstable();
    schemes.dedup();
    let job = |scheme: SchemeId| NewJob {
        queue: Queue::Export,
        lane: Some(Lane(scheme.0)),
        ready_at: now,
        work: NewWork::Exports(scheme),
    };
    schemes.into_iter().map(job).collect()
}
