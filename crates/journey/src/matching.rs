//! Match: a batch of payments, identified and decided, in one commit with its exports.

use crate::Journey;
use crate::candidates::{UnderWay, probes};
use crate::contest::contested;
use crate::export;
use crate::identify::identify;
use crate::import::ImportError;
use crate::ports::{IdentityError, Job, StoreError, Undecided, UndecidedPayment};
use crate::{purchase, replay, several, sweep};
use harmonia_core::changes::{Changes, NewJob, NewWork, Queue, Span, StillOpen, Work};
use harmonia_core::ids::{PaymentId, SaleId, SchemeId};
use harmonia_core::matching::{Decision, OpenReason, Reach, SaleIndex, decide};
use hashbrown::HashSet;

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
    /// The work is not of this version.
    #[error("{}", Work::NOT_OF_THIS_VERSION)]
    OfAnotherVersion,
}

/// What preparing a job came to.
#[derive(Debug)]
pub enum Prepared {
    /// What is to be committed.
    Changes(Box<Changes>),
    /// The commit under way has to be made first: ask again after it.
    AfterCommit,
    /// Other work has to be done first: ask again later.
    AfterOthers,
}

/// The payments of a job whose batch may be [loaded](load) while the jobs before it are decided and
/// committed: nothing that those write changes what is loaded, but for what [`UnderWay`] tells.
pub fn may_overlap(work: &Work) -> Option<&Span> {
    match work {
        Work::Payments(span) => Some(span),
        _ => None,
    }
}

/// Loads and decides a job's batch, when all that was begun before it is done.
///
/// # Errors
/// [`MatchingError`] when something cannot be loaded.
pub async fn prepare(journey: &Journey, job: &Job) -> Result<Prepared, MatchingError> {
    let now = journey.now();
    let mut changes = Changes::done(now);
    let (span, tries) = match &job.work {
        Work::Payments(span) => (span.clone(), Some(0)),
        Work::Again(span) => (span.clone(), None),
        Work::Unidentified { payments, tries } => (payments.clone(), Some(*tries)),
        Work::Sales(span) => (reopened(journey, span, &mut changes).await?, None),
        Work::Several { scheme } => {
            if journey.store.is_busy(several::BEFORE, now).await? {
                return Ok(Prepared::AfterOthers);
            }
            return Ok(ready(several::prepare(journey, *scheme).await?));
        }
        Work::AllUnidentified { after } => {
            look_again(journey, *after, &mut changes).await?;
            return Ok(ready(changes));
        }
        Work::Quarantined { after } => return Ok(ready(replay::prepare(journey, *after).await?)),
        Work::Sweep { scheme } => return Ok(sweep::prepare(journey, *scheme, job.tries).await?),
        // Of other queues: nothing that is to be decided.
        Work::File(_)
        | Work::Look { .. }
        | Work::Exports { .. }
        | Work::Publish { .. }
        | Work::Announce => {
            return Ok(ready(changes));
        }
        Work::OfAnotherVersion => return Err(MatchingError::OfAnotherVersion),
    };
    let loaded = load_span(journey, &span, tries, changes).await?;
    decide_loaded(journey, loaded, &UnderWay::default()).await
}

/// A batch that is loaded and identified, and waits for its sales.
#[derive(Debug)]
pub struct Loaded {
    ready: Vec<UndecidedPayment>,
    seen: i64,
    /// Its payments, and the others of their purchases: those it is about.
    about: HashSet<PaymentId>,
    changes: Changes,
}

impl Loaded {
    /// Whether it is about any of these payments.
    pub fn is_about(&self, payments: &HashSet<PaymentId>) -> bool {
        !self.about.is_disjoint(payments)
    }
}

/// Loads a batch that [may overlap](may_overlap) with the jobs before it, while those are decided and
/// committed. What becomes of it is for [`decide_loaded`] to say.
///
/// # Errors
/// [`MatchingError`] when something cannot be loaded.
pub async fn load(journey: &Journey, payments: &Span) -> Result<Loaded, MatchingError> {
    let changes = Changes::done(journey.now());
    load_span(journey, payments, Some(0), changes).await
}

/// `tries` says how often a card that is not known was asked about; `None` where it is not to be asked
/// about again.
async fn load_span(
    journey: &Journey,
    span: &Span,
    tries: Option<u32>,
    mut changes: Changes,
) -> Result<Loaded, MatchingError> {
    let Undecided { payments, seen } = journey.store.undecided(span).await?;
    let about = payments.iter().flat_map(|found| {
        let others = found.parts.iter().map(|part| part.id);
        others.chain([found.payment.id])
    });
    let about = about.collect();
    let counting = purchase::that_count(journey, payments, &mut changes).await?;
    let mut identified = identify(journey, counting, seen).await?;
    if let Some(tries) = tries {
        let routes = journey.routes().await?;
        changes
            .jobs
            .extend(identified.ask_again(&routes, changes.at, tries));
    }
    changes.identities.append(&mut identified.identities);
    changes.open.append(&mut identified.open);
    Ok(Loaded {
        ready: export::stream(journey, identified.ready, &mut changes),
        seen,
        about,
        changes,
    })
}

/// Decides a batch that was loaded.
///
/// `under_way` is what the commit before it takes: where that is about any payment of the batch, it has
/// to be loaded anew.
///
/// # Errors
/// [`MatchingError`] when its sales cannot be loaded.
pub async fn decide_loaded(
    journey: &Journey,
    loaded: Loaded,
    under_way: &UnderWay,
) -> Result<Prepared, MatchingError> {
    if loaded.is_about(&under_way.payments) {
        return Ok(Prepared::AfterCommit);
    }
    let Loaded {
        ready: payments,
        seen,
        mut changes,
        ..
    } = loaded;
    decide_batch(journey, payments, seen, under_way, &mut changes).await?;
    let told = export::delivery_jobs(journey, &changes);
    changes.jobs.extend(told);
    Ok(ready(changes))
}

/// Where rules let several stand for one, what is left without a sale is looked at for that later.
fn look_for_several(journey: &Journey, schemes: &mut Vec<SchemeId>, changes: &mut Changes) {
    schemes.sort_unstable();
    schemes.dedup();
    let jobs = schemes
        .iter()
        .filter_map(|scheme| several::job(journey, *scheme, changes));
    let jobs: Vec<NewJob> = jobs.collect();
    changes.jobs.extend(jobs);
}

fn ready(changes: Changes) -> Prepared {
    Prepared::Changes(Box::new(changes))
}

async fn decide_batch(
    journey: &Journey,
    ready: Vec<UndecidedPayment>,
    seen: i64,
    under_way: &UnderWay,
    changes: &mut Changes,
) -> Result<(), MatchingError> {
    let mut candidates = journey.store.candidates(&probes(journey, &ready)).await?;
    candidates.retain(|sale| !under_way.sales.contains_key(&sale.id));
    let barred = ready.iter().flat_map(|found| {
        let sales = found.barred.iter();
        sales.map(|sale| (found.payment.id, *sale))
    });
    let mut sales = SaleIndex::new(candidates).barring(barred);
    let decisions = decide(&ready, &mut sales, |payment| {
        journey.agents.rules(payment.scheme)
    });
    let contested = contested(journey, &ready, &decisions, sales.all(), under_way).await?;
    let mut without_sale = Vec::new();
    for (found, (payment, decision)) in ready.iter().zip(&decisions) {
        changes
            .matches
            .extend(export::of_decision(journey, found, decision));
        if let Decision::Open(reason) = decision {
            let sale = contested.get(payment).copied();
            changes.open.extend(still_open(found, *reason, sale, seen));
            without_sale.extend((*reason == OpenReason::NoSale).then_some(found.payment.scheme));
        }
    }
    look_for_several(journey, &mut without_sale, changes);
    Ok(())
}

/// Why a payment stays open; nothing where that is known already and says it all.
fn still_open(
    found: &UndecidedPayment,
    reason: OpenReason,
    contested: Option<SaleId>,
    seen: i64,
) -> Option<StillOpen> {
    let reason = match contested {
        Some(_) => OpenReason::Contested,
        // A person undid its match: that is why it is open, until another is found.
        None if found.open == Some(OpenReason::Undone) => return None,
        None => reason,
    };
    let is_known = found.open == Some(reason);
    let stays_the_same = !matches!(reason, OpenReason::Ambiguous | OpenReason::Contested);
    (!is_known || !stays_the_same).then_some(StillOpen {
        payment: found.payment.id,
        reason,
        sale: contested,
        seen,
    })
}

/// The open payments that new sales may be the other half of.
async fn reopened(
    journey: &Journey,
    sales: &Span,
    changes: &mut Changes,
) -> Result<Span, StoreError> {
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
    let mut schemes: Vec<SchemeId> = with_reach.iter().map(|(scheme, ..)| *scheme).collect();
    look_for_several(journey, &mut schemes, changes);
    let payments = journey.store.reopened(&with_reach).await?;
    Ok(Span::Ids(
        payments.iter().map(|payment| payment.0).collect(),
    ))
}

/// Hands every payment that waits for its card to its lane once more: cards were linked.
async fn look_again(
    journey: &Journey,
    after: PaymentId,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let page = journey.store.unidentified(after, journey.batch).await?;
    let next = page.last().filter(|_| page.len() == journey.batch);
    let next = next.map(|last| {
        (
            Queue::Identify,
            None,
            Work::AllUnidentified {
                after: PaymentId(last.id),
            },
        )
    });
    let routes = journey.routes().await?;
    let lanes = routes
        .spans(Queue::Identify, page.iter().copied())
        .into_iter();
    let again = lanes.map(|(queue, lane, span)| (queue, Some(lane), Work::Again(span)));
    let job = |(queue, lane, work)| NewJob {
        queue,
        lane,
        ready_at: changes.at,
        work: NewWork::Known(work),
    };
    changes.jobs = again.chain(next).map(job).collect();
    Ok(())
}
