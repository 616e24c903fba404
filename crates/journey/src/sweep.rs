//! Sweep: payments that waited too long for their sale are given up, and handed to an export of their
//! own.
//!
//! A run is one commit. It is made beside the lanes of matching, under no lease: the unique key of what
//! became of a payment decides between the two. If a payment was matched meanwhile the run's commit is a
//! conflict and nothing of it is written, and it looks again; if the sweep was first, matching's commit is
//! the conflict, and matching decides again without the payment. What is to be matched now goes first, so
//! that a payment whose sale is in already is not given up.

use crate::Journey;
use crate::drive::{self, Stop};
use crate::export::delivery_jobs;
use crate::ports::{CommitError, Lease, StoreError};
use harmonia_core::changes::{Changes, Lane, NewEnd, NewJob, NewWork, Queue, Span, Work};
use harmonia_core::ids::{PaymentId, SchemeId, Slug};
use harmonia_core::purchase::EndKind;
use harmonia_core::sweep::{Sweep, Swept};
use std::time::Duration;

/// How long the sweeper sleeps at most before it looks at the clock and the stop signal again.
const NAP: Duration = Duration::from_secs(1);
/// How often a run looks again when payments of it were matched meanwhile.
const LOOKS: usize = 20;
/// How many naps a run waits for matching to have nothing due.
const PATIENCE: usize = 60;

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
    let agent = journey.agents.of_scheme(scheme);
    let sweep = agent.and_then(|agent| agent.sweep.as_ref());
    let sweep = sweep.ok_or_else(|| SweepError::NotSet("the scheme has no [sweep]".to_owned()))?;
    let export = journey.agents.export(&sweep.export).ok_or_else(|| {
        SweepError::NotSet(format!(
            "[sweep] names {}, and there is no agent file of that export",
            sweep.export
        ))
    })?;
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
    let now = journey.now();
    let payments = journey.store.to_sweep(&sweep.scope(scheme, now)).await?;
    if payments.is_empty() {
        return Ok(payments);
    }
    let mut changes = Changes::none(now);
    changes.ends = payments
        .iter()
        .map(|payment| NewEnd {
            payment: *payment,
            scheme,
            kind: EndKind::Unmatched,
            other: None,
            difference_minor: None,
            export_uid: Some(journey.uids.next()),
            export_as: Some(export),
            was_open: true,
        })
        .collect();
    changes.jobs = delivery_jobs(journey, &changes);
    journey.store.commit(Lease::Operator, changes).await?;
    Ok(payments)
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
    journey.store.commit(Lease::Operator, changes).await?;
    Ok(())
}

/// Sweeps a scheme on its schedule until told to stop. What goes wrong is logged, and tried again at the
/// next tick.
pub async fn forever(journey: &Journey, slug: &Slug, scheme: SchemeId, stop: &mut Stop) {
    let agent = journey.agents.of_scheme(scheme);
    let Some(sweep) = agent.and_then(|agent| agent.sweep.as_ref()) else {
        return;
    };
    let mut due = sweep.schedule.next_after(journey.now());
    let mut patience = PATIENCE;
    while !*stop.borrow() {
        if journey.now() >= due {
            let is_matching = drive::is_due(journey, drive::DECIDING).await;
            if patience > 0 && is_matching.unwrap_or(false) {
                patience -= 1;
            } else {
                told(slug, run(journey, scheme).await);
                due = sweep.schedule.next_after(journey.now());
                patience = PATIENCE;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(NAP) => {}
            _ = stop.changed() => {}
        }
    }
}

fn told(slug: &Slug, swept: Result<Swept, SweepError>) {
    match swept {
        Ok(swept) if swept.payments.is_empty() => {}
        Ok(swept) => {
            let payments = swept.payments.len();
            tracing::info!(scheme = %slug, payments, "swept: given up as unmatched");
        }
        Err(error) => tracing::error!(scheme = %slug, %error, "could not sweep"),
    }
}
