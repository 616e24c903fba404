//! Identify: whose card each payment was.
//!
//! The identities found, and the reasons of those that were not, go into the same commit as the
//! matches of the batch: the two stages are one step whenever both are due.

use crate::Journey;
use crate::ports::{IdentityError, UndecidedPayment};
use harmonia_core::changes::{
    CardInScheme, NewIdentity, NewJob, NewWork, Placed, Queue, Routes, StillOpen, Work,
};
use harmonia_core::matching::OpenReason;
use harmonia_core::time::Instant;
use harmonia_core::{identify, retry};

/// What identifying a batch found.
#[derive(Debug, Default)]
pub struct Identified {
    /// Identities that are new.
    pub identities: Vec<NewIdentity>,
    /// Payments whose card is not known well enough.
    pub open: Vec<StillOpen>,
    /// Those of them that wait to be asked about again, by what their lanes depend on.
    pub waiting: Vec<Placed>,
    /// When the oldest of those was imported.
    pub oldest_import: Option<Instant>,
    /// Payments that can be decided, in their order, each with its user's card.
    pub ready: Vec<UndecidedPayment>,
}

/// Asks about the cards of the payments that are not identified yet. `seen` is the newest row that
/// was known when they were loaded.
///
/// # Errors
/// [`IdentityError`] when the source does not answer; nothing is known then.
pub async fn identify(
    journey: &Journey,
    payments: Vec<UndecidedPayment>,
    seen: i64,
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
            match identify::decide(answers.next().unwrap_or(Err(OpenReason::Unidentified))) {
                Err(reason) => {
                    identified.wait(&found);
                    identified.open.push(StillOpen {
                        payment,
                        reason,
                        sale: None,
                        seen,
                    });
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

impl Identified {
    fn wait(&mut self, found: &UndecidedPayment) {
        let imported_at = found.payment.imported_at;
        let oldest = self.oldest_import.unwrap_or(imported_at);
        self.oldest_import = Some(oldest.min(imported_at));
        self.waiting.push(found.placed());
    }

    /// The jobs that ask again about the payments of a batch that stay unidentified; none when there
    /// are none, or when the oldest of them has been asked about for long enough.
    pub fn ask_again(&self, routes: &Routes, now: Instant, tries: u32) -> Vec<NewJob> {
        let ready_at = self
            .oldest_import
            .and_then(|oldest| retry::ask_identity_again(now, oldest, tries));
        let Some(ready_at) = ready_at else {
            return Vec::new();
        };
        let lanes = routes.spans(Queue::Identify, self.waiting.iter().copied());
        let job = |(queue, lane, payments)| NewJob {
            queue,
            lane: Some(lane),
            ready_at,
            work: NewWork::Known(Work::Unidentified {
                payments,
                tries: tries + 1,
            }),
        };
        lanes.into_iter().map(job).collect()
    }
}
