//! Match: a batch of payments, identified and decided, in one commit with its exports.

use crate::Journey;
use crate::export;
use crate::identify::{self, Identified};
use crate::import::ImportError;
use crate::ports::{IdentityError, Job, Probe, StoreError, UndecidedPayment};
use crate::replay;
use harmonia_core::changes::{Changes, Lane, NewJob, NewWork, Queue, Span, StillOpen, Work};
use harmonia_core::ids::{MidSetId, PaymentId, SaleId};
use harmonia_core::matching::rules::Kind;
use harmonia_core::matching::{Decision, Reach, SaleIndex, decide};
use harmonia_core::money::Money;
use harmonia_core::time::Instant;
use hashbrown::{HashMap, HashSet};

/// Why a batch could not be prepared. Nothing was written; the job is taken up again.
#[derive(Debug, thiserror::Error)]
pub enum MatchingError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The identity source does not answer.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Kept records cannot be read again.
    #[error(transparent)]
    Replay(#[from] ImportError),
}

/// Whether a job's payments are its own from import, so that preparing it may overlap with the
/// commit of the job before it: nothing that commit writes changes what this one loads, except
/// which sales are taken.
pub fn may_overlap(work: &Work) -> bool {
    matches!(work, Work::Payments(Span::Range(..)))
}

/// Loads and decides a job's batch. `taken` are the sales of a commit that is still under way.
///
/// # Errors
/// [`MatchingError`] when something cannot be loaded.
pub async fn prepare(
    journey: &Journey,
    job: &Job,
    taken: &HashSet<SaleId>,
) -> Result<Changes, MatchingError> {
    let now = journey.now();
    let mut changes = Changes::done(now);
    let (span, tries) = match &job.work {
        Work::Payments(span) => (span.clone(), 0),
        Work::Unidentified { payments, tries } => (payments.clone(), *tries),
        Work::Sales(span) => (reopened(journey, span).await?, 0),
        Work::AllUnidentified { after } => {
            let page = journey.store.unidentified(*after, journey.batch).await?;
            changes.jobs.extend(next_page(&page, journey.batch, now));
            (ids(&page), 0)
        }
        Work::Quarantined { after } => return Ok(replay::prepare(journey, *after).await?),
        Work::File(_) | Work::Exports { .. } => return Ok(changes),
    };
    let payments = journey.store.undecided(&span).await?;
    let oldest_import = payments.iter().map(|found| found.payment.imported_at).min();
    let Identified {
        identities,
        open,
        ready,
    } = identify::identify(journey, payments).await?;
    changes
        .jobs
        .extend(identify::ask_again(&open, oldest_import, now, tries));
    changes.identities = identities;
    changes.open = open;
    decide_batch(journey, ready, taken, &mut changes).await?;
    Ok(changes)
}

async fn decide_batch(
    journey: &Journey,
    ready: Vec<UndecidedPayment>,
    taken: &HashSet<SaleId>,
    changes: &mut Changes,
) -> Result<(), MatchingError> {
    let mut candidates = journey.store.candidates(&probes(journey, &ready)).await?;
    candidates.retain(|sale| !taken.contains(&sale.id));
    let mut sales = SaleIndex::new(candidates);
    let decisions = decide(&ready, &mut sales, |payment| {
        journey.agents.rules(payment.scheme)
    });
    for (found, (payment, decision)) in ready.iter().zip(&decisions) {
        changes
            .matches
            .extend(export::of_decision(journey, found, decision));
        if let Decision::Open(reason) = decision
            && found.open != Some(*reason)
        {
            changes.open.push(StillOpen {
                payment: *payment,
                reason: *reason,
            });
        }
    }
    changes
        .jobs
        .extend(export::delivery_jobs(&changes.matches, changes.at));
    Ok(())
}

/// What to ask of the store so that every sale any of these payments may accept is loaded: ranges
/// of one MID list and amount are joined, so that no sale comes twice.
fn probes(journey: &Journey, ready: &[UndecidedPayment]) -> Vec<Probe> {
    let mut ranges: HashMap<(MidSetId, Money), Vec<Reach>> = HashMap::new();
    for UndecidedPayment { payment, .. } in ready {
        let Some(rules) = journey.agents.rules(payment.scheme) else {
            continue;
        };
        let Some(rule) = rules.for_provider(&payment.provider) else {
            continue;
        };
        if rules.kind == Kind::Spotted {
            continue;
        }
        let reach = Reach::of_payment(payment, rule, rules);
        for set in payment.mid_sets.iter() {
            let reach = if set.has_days {
                reach.for_days()
            } else {
                reach
            };
            ranges
                .entry((set.id, payment.amount))
                .or_default()
                .push(reach);
        }
    }
    let mut probes = Vec::with_capacity(ranges.len());
    for ((mid_set, amount), mut reaches) in ranges {
        reaches.sort_unstable_by_key(|reach| reach.from);
        let mut joined: Option<Reach> = None;
        for reach in reaches {
            match joined.as_mut() {
                Some(before) if reach.from <= before.to => *before = before.join(reach),
                _ => {
                    probes.extend(joined.map(|reach| Probe {
                        mid_set,
                        amount,
                        reach,
                    }));
                    joined = Some(reach);
                }
            }
        }
        probes.extend(joined.map(|reach| Probe {
            mid_set,
            amount,
            reach,
        }));
    }
    probes
}

/// The open payments that new sales may be the other half of.
async fn reopened(journey: &Journey, sales: &Span) -> Result<Span, StoreError> {
    let open = journey.store.open_sales(sales).await?;
    let with_reach: Vec<_> = open
        .into_iter()
        .filter_map(|(scheme, sale)| {
            let reach = Reach::of_sale(&sale, journey.agents.rules(scheme)?);
            Some((scheme, sale, reach))
        })
        .collect();
    if with_reach.is_empty() {
        return Ok(Span::Ids(Vec::new()));
    }
    Ok(ids(&journey.store.reopened(&with_reach).await?))
}

fn ids(payments: &[PaymentId]) -> Span {
    Span::Ids(payments.iter().map(|payment| payment.0).collect())
}

fn next_page(page: &[PaymentId], batch: usize, now: Instant) -> Option<NewJob> {
    let last = page.last().filter(|_| page.len() == batch)?;
    Some(NewJob {
        queue: Queue::Identify,
        lane: Some(Lane::MATCHING),
        ready_at: now,
        work: NewWork::Known(Work::AllUnidentified { after: *last }),
    })
}

/// The sales that changes take.
pub fn taken_by(changes: &Changes) -> HashSet<SaleId> {
    changes.matches.iter().filter_map(|new| new.sale).collect()
}
