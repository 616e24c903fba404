//! Sweep: payments that waited too long for their sale are given up, and handed to an export of their
//! own.
//!
//! A run is one commit. It is made beside the lanes of matching: the unique key of what
//! became of a payment decides between the two. If a payment was matched meanwhile the run's commit is a
//! conflict and nothing of it is written, and it looks again; if the sweep was first, matching's commit is
//! the conflict, and matching decides again without the payment. What is to be matched now goes first, so
//! that a payment whose sale is in already is not given up.

use crate::Journey;
use crate::export::delivery_jobs;
use crate::matching::Prepared;
use crate::ports::{CommitError, Lease, StoreError};
use crate::several;
use harmonia_core::changes::{Changes, Lane, NewEnd, NewJob, NewWork, Queue, Span, Work};
use harmonia_core::ids::{PaymentId, SchemeId};
use harmonia_core::purchase::EndKind;
use harmonia_core::sweep::{Sweep, Swept};

/// How often a run looks again when payments of it were matched meanwhile.
const LOOKS: usize = 20;
/// How often a run gives way to what is to be matched: about a minute long.
const PATIENCE: u32 = 1_200;

/// Why nothing was swept. Nothing was written; the next run looks again.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store cannot write.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The scheme has no sweep, or its export has no agent file.
    #[error("{0}")]
    NotSet(String),
}

impl From<StoreError> for SweepError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// Gives up the payments of a scheme that have waited long enough, at most as many as its agent file
/// says, the first that came first.
///
/// # Errors
/// [`SweepError`] when nothing could be swept.
pub async fn run(journey: &Journey, scheme: SchemeId) -> Result<Swept, SweepError> {
    let (sweep, export) = of_scheme(journey, scheme)?;
    for _ in 1..LOOKS {
        match once(journey, scheme, sweep, export).await {
            Err(CommitError::Conflict) => {
                tracing::info!(?scheme, "a payment was matched meanwhile: looking again");
            }
            payments => {
                let payments = payments?;
                return Ok(Swept { scheme, payments });
            }
        }
    }
    let payments = once(journey, scheme, sweep, export).await?;
    Ok(Swept { scheme, payments })
}

async fn once(
    journey: &Journey,
    scheme: SchemeId,
    sweep: &Sweep,
    export: SchemeId,
) -> Result<Vec<PaymentId>, CommitError> {
    let mut changes = Changes::none(journey.now());
    let payments = give_up(journey, scheme, sweep, export, &mut changes).await?;
    if !payments.is_empty() {
        journey.commit(Lease::Operator, changes).await?;
    }
    Ok(payments)
}

/// Adds to a commit that it gives up the payments of a scheme that have waited long enough.
async fn give_up(
    journey: &Journey,
    scheme: SchemeId,
    sweep: &Sweep,
    export: SchemeId,
    changes: &mut Changes,
) -> Result<Vec<PaymentId>, StoreError> {
    let scope = sweep.scope(scheme, changes.at);
    let payments = journey.store.to_sweep(&scope).await?;
    let ends = payments.iter().map(|payment| NewEnd {
        payment: *payment,
        scheme,
        kind: EndKind::Unmatched,
        other: None,
        difference_minor: None,
        export_uid: Some(journey.uids.next()),
        export_as: Some(export),
        was_open: true,
    });
    changes.ends = ends.collect();
    changes.jobs = delivery_jobs(journey, changes);
    Ok(payments)
}

/// What a run of the sweep commits that a schedule asked for; it waits while there is something to be
/// matched, but not for ever.
///
/// # Errors
/// [`StoreError`] when something cannot be loaded.
pub async fn prepare(
    journey: &Journey,
    scheme: SchemeId,
    waited: u32,
) -> Result<Prepared, StoreError> {
    let mut changes = Changes::done(journey.now());
    if waited < PATIENCE && journey.store.is_busy(several::BEFORE, changes.at).await? {
        return Ok(Prepared::AfterOthers);
    }
    match of_scheme(journey, scheme) {
        Ok((sweep, export)) => {
            let payments = give_up(journey, scheme, sweep, export, &mut changes).await?;
            if !payments.is_empty() {
                let payments = payments.len();
                tracing::info!(?scheme, payments, "sweeping: given up as unmatched");
            }
        }
        // Its agent file is another one since the schedule ticked.
        Err(error) => tracing::warn!(?scheme, %error, "nothing is swept"),
    }
    Ok(Prepared::Changes(Box::new(changes)))
}

/// The sweep of a scheme, and as whose export it tells of what it gives up.
fn of_scheme(journey: &Journey, scheme: SchemeId) -> Result<(&Sweep, SchemeId), SweepError> {
    let agent = journey.agents.of_scheme(scheme);
    let sweep = agent.and_then(|agent| agent.sweep.as_ref());
    let sweep = sweep.ok_or_else(|| SweepError::NotSet("the scheme has no [sweep]".to_owned()))?;
    let export = journey.agents.export(&sweep.export).ok_or_else(|| {
        SweepError::NotSet(format!(
            "[sweep] names {}, and there is no agent file of that export",
            sweep.export
        ))
    })?;
    Ok((sweep, export))
}

/// Has everything that waits for an agent's merchant leave now, whatever its schedule says.
///
/// # Errors
/// [`CommitError`] when the store cannot write.
pub async fn leave_now(journey: &Journey, export: SchemeId) -> Result<(), CommitError> {
    let mut changes = Changes::none(journey.now());
    changes.jobs.push(NewJob {
        queue: Queue::Export,
        lane: Some(Lane::delivery(export)),
        ready_at: changes.at,
        // Which, the step finds in the jobs of its lane.
        work: NewWork::Known(Work::Exports {
            scheme: export,
            exports: Span::Ids(Vec::new()),
        }),
    });
    journey.commit(Lease::Operator, changes).await?;
    Ok(())
}
