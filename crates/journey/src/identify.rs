//! Identify: whose card each payment was.
//!
//! The identities found, and the reasons of those that were not, go into the same commit as the
//! matches of the batch: the two stages are one step whenever both are due.

use crate::Journey;
use crate::ports::{IdentityError, UndecidedPayment};
use harmonia_core::changes::{
    CardInScheme, Lane, NewIdentity, NewJob, NewWork, Queue, Span, StillOpen, Work,
};
use harmonia_core::time::Instant;
use harmonia_core::{identify, retry};

/// What identifying a batch found.
#[derive(Debug, Default)]
pub struct Identified {
    /// Identities that are new.
    pub identities: Vec<NewIdentity>,
    /// Payments whose card is not known well enough.
    pub open: Vec<StillOpen>,
    /// Payments that can be decided, in their order, each with its user's card.
    pub ready: Vec<UndecidedPayment>,
}

/// Asks about the cards of the payments that are not identified yet.
///
/// # Errors
/// [`IdentityError`] when the source does not answer; nothing is known then.
pub async fn identify(
    journey: &Journey,
    payments: Vec<UndecidedPayment>,
) -> Result<Identified, IdentityError> {
    let cards: Vec<CardInScheme> = payments
        .iter()
        .filter(|found| found.identity.is_none())
        .map(|found| CardInScheme {
            scheme: found.payment.scheme,
            card_token: found.card_token.clone(),
        })
        .collect();
    let answers = if cards.is_empty() {
        Vec::new()
    } else {
        journey.identity.look_up(&cards).await?
    };
    let mut answers = answers.into_iter();
    let mut identified = Identified {
        ready: Vec::with_capacity(payments.len()),
        ..Identified::default()
    };
    for mut found in payments {
        if found.identity.is_none() {
            let payment = found.payment.id;
            match identify::decide(answers.next().flatten()) {
                Err(reason) => {
                    identified.open.push(StillOpen { payment, reason });
                    continue;
                }
                Ok(link) => {
                    found.payment.user_card = link.digits;
                    identified.identities.push(NewIdentity { payment, link });
                }
            }
        }
        identified.ready.push(found);
    }
    Ok(identified)
}

/// The job that asks again about the payments of a batch that stay unidentified; none when there
/// are none, or when the oldest of them has been asked about for long enough.
pub fn ask_again(
    open: &[StillOpen],
    oldest_import: Option<Instant>,
    now: Instant,
    tries: u32,
) -> Option<NewJob> {
    let waiting: Vec<i64> = open
        .iter()
        .filter(|open| open.reason.waits_for_identity())
        .map(|open| open.payment.0)
        .collect();
    if waiting.is_empty() {
        return None;
    }
    let ready_at = retry::ask_identity_again(now, oldest_import?, tries)?;
    let work = Work::Unidentified {
        payments: Span::Ids(waiting),
        tries: tries + 1,
    };
    Some(NewJob {
        queue: Queue::Identify,
        lane: Some(Lane::MATCHING),
        ready_at,
        work: NewWork::Known(work),
    })
}
