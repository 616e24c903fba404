//! Export: each match, and each payment that is sent on as it is, becomes something the merchant must
//! be told, in the same commit.

use crate::Journey;
use crate::ports::UndecidedPayment;
use harmonia_core::changes::{Changes, Lane, NewEnd, NewJob, NewMatch, NewWork, Part, Queue};
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::Decision;
use harmonia_core::purchase::EndKind;

/// Sends on the identified payments that their schemes want as they come, and hands back the others.
pub fn stream(
    journey: &Journey,
    identified: Vec<UndecidedPayment>,
    changes: &mut Changes,
) -> Vec<UndecidedPayment> {
    let (streamed, others) = identified.into_iter().partition::<Vec<_>, _>(|found| {
        journey
            .agents
            .streams(found.payment.scheme, found.feed_type)
    });
    changes
        .ends
        .extend(streamed.into_iter().map(|found| NewEnd {
            payment: found.payment.id,
            scheme: found.payment.scheme,
            kind: EndKind::Streamed,
            other: None,
            difference_minor: None,
            export_uid: Some(journey.uids.next()),
            export_as: None,
            was_open: found.open.is_some(),
        }));
    others
}

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
        part: Part::default(),
        redress: None,
    })
}

/// One job for each scheme that has exports in these changes, due when its exports leave. A scheme's
/// deliveries are one lane: its merchant is told in order, and by one worker at a time.
pub fn delivery_jobs(journey: &Journey, changes: &Changes) -> Vec<NewJob> {
    let matched = changes.matches.iter().map(|new| new.scheme);
    let told = changes.ends.iter().filter(|end| end.export_uid.is_some());
    let told = told.map(|end| end.export_as.unwrap_or(end.scheme));
    let mut schemes: Vec<SchemeId> = matched.chain(told).collect();
    schemes.sort_unstable();
    schemes.dedup();
    let leaves_at = |scheme: SchemeId| {
        let plan = journey.agents.plan(scheme);
        plan.map_or(changes.at, |plan| plan.leaves_at(changes.at, None))
    };
    let job = |scheme: SchemeId| NewJob {
        queue: Queue::Export,
        lane: Some(Lane::delivery(scheme)),
        ready_at: leaves_at(scheme),
        work: NewWork::Exports(scheme),
    };
    schemes.into_iter().map(job).collect()
}
