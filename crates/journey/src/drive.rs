//! Drive: claims what is due, runs its step, and stops cleanly.
//!
//! Two lanes of work run side by side: deciding, and delivering. Deciding overlaps with itself:
//! while one batch is being committed the next is loaded and decided against it. Whatever fails is
//! given back with a time to be taken up again; nothing is dropped.

use crate::Journey;
use crate::candidates::UnderWay;
use crate::matching::{MatchingError, Prepared};
use crate::ports::{CommitError, Committed, Job, StoreError};
use crate::{deliver, matching};
use harmonia_core::changes::{Changes, JobEnd, Queue};
use harmonia_core::retry;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The queues whose jobs decide payments.
pub const DECIDING: &[Queue] = &[Queue::Matching, Queue::Identify, Queue::MatchingSlow];
/// The queues whose jobs tell merchants.
pub const DELIVERING: &[Queue] = &[Queue::Export];
/// How often the store is asked for work that another process may have added.
const POLL: Duration = Duration::from_millis(500);

/// How long a job waits that has to be done after others that are being worked on.
const YIELD: Duration = Duration::from_millis(50);

/// How often a job is given back to a store that does not answer, a minute in all: as long as its lease
/// is, unless that is set otherwise.
const GIVE_BACKS: u32 = 15;

/// Tells tasks to stop, and is told by nobody.
pub type Stop = watch::Receiver<bool>;

/// What comes of waiting for somebody else; `None` when told to stop before or meanwhile.
pub async fn unless_stopped<T>(stop: &Stop, waiting: impl Future<Output = T>) -> Option<T> {
    let mut stop = stop.clone();
    tokio::select! {
        biased;
        Ok(_) = stop.wait_for(|stop| *stop) => None,
        done = waiting => Some(done),
    }
}

/// For what is never told to stop.
pub fn never() -> Stop {
    watch::channel(false).1
}

/// What was worked on: steps that were done, and steps that failed and are to be tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Steps begun, the failed ones included.
    pub steps: u64,
    /// Steps that failed. Their jobs were given back, each with a time to be taken up again.
    pub failed: u64,
}

impl Worked {
    fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.failed += other.failed;
    }
}

/// Works until nothing of these queues is due, or until `stop`.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked for work.
pub async fn until_idle(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<Worked, StoreError> {
    let among = |all: &[Queue]| -> Vec<Queue> {
        all.iter()
            .copied()
            .filter(|queue| queues.contains(queue))
            .collect()
    };
    let (deciding, delivering) = (among(DECIDING), among(DELIVERING));
    let mut worked = Worked::default();
    loop {
        let (decided, delivered) = tokio::join!(
            decide_all(journey, &deciding, stop),
            deliver_all(journey, &delivering, stop)
        );
        let mut round = decided?;
        round.add(delivered?);
        worked.add(round);
        // What was decided after the last look at the exports is there to be delivered now.
        if round.steps == 0 || *stop.borrow() {
            return Ok(worked);
        }
    }
}

/// Works until told to stop, looking for new work again and again. `wake` is notified when this
/// same process has added some.
///
/// # Errors
/// [`StoreError`] when the store is broken; while it is only busy, it is asked again.
pub async fn forever(
    journey: &Journey,
    wake: &tokio::sync::Notify,
    stop: &mut Stop,
) -> Result<(), StoreError> {
    while !*stop.borrow() {
        match until_idle(journey, &Queue::ALL, stop).await {
            Err(StoreError::Broken(error)) => return Err(StoreError::Broken(error)),
            Err(StoreError::Busy(error)) => tracing::warn!(error, "the store is busy"),
            Ok(_) => {}
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = stop.changed() => {}
        }
    }
    Ok(())
}

/// A batch whose commit is under way while the next is prepared.
struct InFlight {
    job: Job,
    under_way: UnderWay,
    commit: JoinHandle<Result<Committed, CommitError>>,
}

async fn decide_all(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<Worked, StoreError> {
    let mut worked = Worked::default();
    let mut in_flight: Option<InFlight> = None;
    let mut next = claim(journey, queues, stop).await?;
    while let Some(job) = next {
        worked.steps += 1;
        if !matching::may_overlap(&job.work) {
            worked.failed += u64::from(!settle(journey, in_flight.take(), stop).await);
        }
        let nothing = UnderWay::default();
        let before = in_flight
            .as_ref()
            .map_or(&nothing, |before| &before.under_way);
        let mut prepared = matching::prepare(journey, &job, before).await;
        let committed = settle(journey, in_flight.take(), stop).await;
        worked.failed += u64::from(!committed);
        if !committed || matches!(prepared, Ok(Prepared::AfterCommit)) {
            // This batch was decided against a commit that did not happen, or needs to see it.
            prepared = matching::prepare(journey, &job, &nothing).await;
        }
        let claimed = claim(journey, queues, stop).await;
        match prepared {
            Ok(Prepared::Changes(changes)) => {
                in_flight = Some(start_commit(journey, job, *changes));
            }
            Ok(Prepared::AfterCommit | Prepared::AfterOthers) => {
                tokio::time::sleep(YIELD).await;
                give_back_at(journey, &job, journey.now(), stop).await;
            }
            Err(error) => {
                worked.failed += 1;
                let error = match error {
                    MatchingError::Store(error) => error,
                    error => StoreError::Broken(error.to_string()),
                };
                give_back(journey, &job, &error, stop).await;
            }
        }
        next = match claimed {
            Ok(next) => next,
            Err(error) => {
                // What is in hand must not wait for its lease to run out.
                settle(journey, in_flight, stop).await;
                return Err(error);
            }
        };
    }
    worked.failed += u64::from(!settle(journey, in_flight, stop).await);
    Ok(worked)
}

fn start_commit(journey: &Journey, job: Job, changes: Changes) -> InFlight {
    let under_way = UnderWay::of(&changes);
    let store = std::sync::Arc::clone(&journey.store);
    let lease = job.lease;
    let commit = tokio::spawn(async move { store.commit(lease, changes).await });
    InFlight {
        job,
        under_way,
        commit,
    }
}

/// Waits for a commit that is under way. Returns whether what it would write is written.
async fn settle(journey: &Journey, in_flight: Option<InFlight>, stop: &Stop) -> bool {
    let Some(InFlight { job, commit, .. }) = in_flight else {
        return true;
    };
    match commit.await {
        Ok(Ok(_)) => true,
        Ok(Err(CommitError::StaleLease)) => {
            tracing::warn!(?job.lease, "lost the lease of a job: another worker has it");
            false
        }
        Ok(Err(CommitError::Conflict)) => {
            tracing::info!(?job.lease, "matched by another meanwhile: deciding again");
            give_back_at(journey, &job, journey.now(), stop).await;
            false
        }
        Ok(Err(CommitError::Store(error))) => {
            give_back(journey, &job, &error, stop).await;
            false
        }
        Err(panic) => {
            let error = StoreError::Broken(panic.to_string());
            give_back(journey, &job, &error, stop).await;
            false
        }
    }
}

async fn deliver_all(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<Worked, StoreError> {
    let mut worked = Worked::default();
    while let Some(job) = claim(journey, queues, stop).await? {
        worked.steps += 1;
        match deliver::step(journey, &job).await {
            Ok(()) => {}
            Err(deliver::DeliverError::Commit(CommitError::StaleLease)) => {
                tracing::warn!(?job.lease, "lost the lease of a delivery: another worker has it");
            }
            Err(deliver::DeliverError::Commit(CommitError::Store(error))) => {
                worked.failed += 1;
                give_back(journey, &job, &error, stop).await;
            }
            Err(error) => {
                worked.failed += 1;
                let error = StoreError::Broken(error.to_string());
                give_back(journey, &job, &error, stop).await;
            }
        }
    }
    Ok(worked)
}

async fn claim(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<Option<Job>, StoreError> {
    if *stop.borrow() {
        return Ok(None);
    }
    journey
        .store
        .claim(queues, &journey.holder, journey.now())
        .await
}

/// Gives a job back, to be taken up again when a failure may have passed.
async fn give_back(journey: &Journey, job: &Job, error: &StoreError, stop: &Stop) {
    tracing::warn!(?job.lease, queue = job.queue.as_str(), tries = job.tries, %error, "a step failed");
    let ready_at = match error {
        // A store that is busy says nothing against the job.
        StoreError::Busy(_) => retry::job_of_busy_store(journey.now(), job.tries),
        StoreError::Broken(_) => retry::job_again(journey.now(), job.tries),
    };
    give_back_at(journey, job, ready_at, stop).await;
}

/// Gives a job back. A store that does not answer is asked again: the job, and all of its lane, would
/// otherwise wait for the lease to run out, however soon the store is there again.
async fn give_back_at(
    journey: &Journey,
    job: &Job,
    ready_at: harmonia_core::time::Instant,
    stop: &Stop,
) {
    for failures in 0..GIVE_BACKS {
        let mut changes = Changes::none(journey.now());
        changes.job = JobEnd::Again { ready_at };
        let error = match journey.store.commit(job.lease, changes).await {
            Ok(_) => return,
            // Its lease is over already.
            Err(CommitError::StaleLease) => {
                tracing::warn!(?job.lease, "lost the lease of a job: another worker has it");
                return;
            }
            Err(error) => error,
        };
        // The lease runs out by itself, and the job is taken up then.
        tracing::warn!(%error, "could not give a job back");
        let passes = matches!(error, CommitError::Store(StoreError::Busy(_)));
        let pause = tokio::time::sleep(retry::reconnect_after(failures));
        if !passes || unless_stopped(stop, pause).await.is_none() {
            return;
        }
    }
}

/// Whether anything of these queues is due now, leased or not.
///
/// # Errors
/// [`StoreError`] when the store cannot be asked.
pub async fn is_due(journey: &Journey, queues: &[Queue]) -> Result<bool, StoreError> {
    let due = journey.store.next_due(queues).await?;
    Ok(due.is_some_and(|due| due <= journey.now()))
}
