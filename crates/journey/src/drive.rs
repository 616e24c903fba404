//! Drive: claims what is due, runs its step, and stops cleanly.
//!
//! Two lanes of work run side by side: deciding, and delivering. Many merchants are told at once, each in
//! a task of its own, so that one who is slow keeps nobody waiting. Deciding overlaps with itself:
//! while one batch is being committed the next is decided against it and the one after that is loaded.
//! Whatever fails is given back with a time to be taken up again; nothing is dropped.

use crate::Journey;
use crate::candidates::UnderWay;
use crate::matching::{Loaded, MatchingError, Prepared};
use crate::ports::{CommitError, Committed, Job, Part, StoreError};
use crate::{deliver, matching};
use harmonia_core::changes::{Changes, JobEnd, Lane, Queue};
use harmonia_core::ids::PaymentId;
use harmonia_core::retry;
use hashbrown::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};

/// The queues whose jobs decide payments.
pub const DECIDING: &[Queue] = &[
    Queue::Streaming,
    Queue::Matching,
    Queue::Identify,
    Queue::MatchingSlow,
];
/// The queues whose jobs tell merchants.
pub const DELIVERING: &[Queue] = &[Queue::Export];
/// To how many merchants one process delivers at a time: more than are ever unwell together, and few
/// enough that their rounds are held in memory at once.
const MERCHANTS_AT_ONCE: usize = 64;
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
    let (deciding, delivering) = (among(DECIDING, queues), among(DELIVERING, queues));
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

/// Works until told to stop: whenever it is told that there may be new work, and now and then in any
/// case. Deciding does not wait for merchants that are slow.
///
/// # Errors
/// [`StoreError`] when the store is broken; while it is only busy, it is asked again.
pub async fn forever(
    journey: &Journey,
    queues: &[Queue],
    stop: &mut Stop,
) -> Result<(), StoreError> {
    // Files are looked for beside this: see `looks`.
    let (deciding, delivering) = (among(DECIDING, queues), among(DELIVERING, queues));
    if deciding.is_empty() && delivering.is_empty() {
        let _ = stop.wait_for(|stop| *stop).await;
    }
    // Where one side cannot go on, the other is told to stop as by an operator: it ends what it began.
    let (end, ended) = watch::channel(false);
    let sides = async {
        let (decided, delivered) = tokio::join!(
            one_side(journey, &deciding, &end, &ended),
            one_side(journey, &delivering, &end, &ended)
        );
        decided.and(delivered)
    };
    tokio::pin!(sides);
    match unless_stopped(stop, &mut sides).await {
        Some(done) => done,
        None => {
            end.send_replace(true);
            sides.await
        }
    }
}

/// Works on some queues until told to stop; tells the other side to when the store is broken.
async fn one_side(
    journey: &Journey,
    queues: &[Queue],
    end: &watch::Sender<bool>,
    ended: &Stop,
) -> Result<(), StoreError> {
    while !queues.is_empty() && !*ended.borrow() {
        match until_idle(journey, queues, ended).await {
            Err(StoreError::Broken(error)) => {
                end.send_replace(true);
                return Err(StoreError::Broken(error));
            }
            Err(StoreError::Busy(error)) => tracing::warn!(error, "the store is busy"),
            Ok(_) => {}
        }
        let _ = unless_stopped(ended, journey.signals.woken(queues)).await;
    }
    Ok(())
}

/// Those of some queues that are among others, in the order of the former.
fn among(all: &[Queue], queues: &[Queue]) -> Vec<Queue> {
    let all = all.iter().copied();
    all.filter(|queue| queues.contains(queue)).collect()
}

/// A batch whose commit is under way while the next is decided and the one after that is loaded.
struct InFlight {
    job: Job,
    under_way: UnderWay,
    commit: JoinHandle<Result<Committed, CommitError>>,
}

/// A job whose turn comes next.
struct Next {
    job: Job,
    /// Its batch, which is loaded while the job before it is decided.
    loading: Option<JoinHandle<Result<Loaded, MatchingError>>>,
    /// The payments of the commit that was under way when loading began: it may not have been seen.
    unseen: HashSet<PaymentId>,
}

/// Claims the job whose turn comes next, and begins to load its batch.
async fn follow(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
    in_flight: Option<&InFlight>,
) -> Result<Option<Next>, StoreError> {
    let Some(job) = claim(journey, queues, stop).await? else {
        return Ok(None);
    };
    let loading = matching::may_overlap(&job.work).map(|span| {
        let (journey, span) = (journey.clone(), span.clone());
        tokio::spawn(async move { matching::load(&journey, &span).await })
    });
    let unseen = in_flight.map(|before| before.under_way.payments.clone());
    Ok(Some(Next {
        job,
        loading,
        unseen: unseen.unwrap_or_default(),
    }))
}

async fn decide_all(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<Worked, StoreError> {
    let mut worked = Worked::default();
    let mut in_flight: Option<InFlight> = None;
    let mut turn = follow(journey, queues, stop, None).await;
    // Where the store could not be asked for more, what was begun is done first.
    while let Ok(Some(Next {
        job,
        loading,
        unseen,
    })) = turn
    {
        worked.steps += 1;
        let prepared = if let Some(loading) = loading {
            let loaded = loading.await;
            // To claim is to write: where there is one writer, that waits for the commit under way, and
            // deciding need not.
            let (next, prepared) = tokio::join!(
                follow(journey, queues, stop, in_flight.as_ref()),
                decide(journey, loaded, &unseen, in_flight.as_ref())
            );
            turn = next;
            let committed = settle(journey, in_flight.take(), stop).await;
            worked.failed += u64::from(!committed);
            match prepared {
                // It was decided against a commit that did not happen, or needs to see it.
                _ if !committed => matching::prepare(journey, &job).await,
                Ok(Prepared::AfterCommit) => matching::prepare(journey, &job).await,
                prepared => prepared,
            }
        } else {
            worked.failed += u64::from(!settle(journey, in_flight.take(), stop).await);
            let prepared = matching::prepare(journey, &job).await;
            turn = follow(journey, queues, stop, None).await;
            prepared
        };
        journey.check_in(Part::Matching).await;
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
    }
    worked.failed += u64::from(!settle(journey, in_flight, stop).await);
    turn.map(|_| worked)
}

/// Decides a batch that was loaded, as if the commit under way were made; unless it is about payments
/// that this commit is about, or the one before it, which may not have been seen.
async fn decide(
    journey: &Journey,
    loaded: Result<Result<Loaded, MatchingError>, JoinError>,
    unseen: &HashSet<PaymentId>,
    in_flight: Option<&InFlight>,
) -> Result<Prepared, MatchingError> {
    let loaded = loaded.map_err(|panic| StoreError::Broken(panic.to_string()))??;
    if loaded.is_about(unseen) {
        return Ok(Prepared::AfterCommit);
    }
    let nothing = UnderWay::default();
    let under_way = in_flight.map_or(&nothing, |before| &before.under_way);
    matching::decide_loaded(journey, loaded, under_way).await
}

fn start_commit(journey: &Journey, job: Job, changes: Changes) -> InFlight {
    let under_way = UnderWay::of(&changes);
    let (journey, lease) = (journey.clone(), job.lease);
    let commit = tokio::spawn(async move { journey.commit(lease, changes).await });
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

/// Delivers what is due, to many merchants at a time: one that is slow, or does not answer, holds only its
/// own task. Jobs of one merchant are of one lane, of which the store hands out one at a time. While some
/// are being told, work that is added meanwhile is taken up, too. Told to stop, or where the store cannot
/// be asked for more, what was begun is done first.
async fn deliver_all(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<Worked, StoreError> {
    let mut worked = Worked::default();
    let mut under_way = JoinSet::new();
    let mut claimed = Ok(());
    // A merchant is told by one task at a time, in the order of its jobs: its other jobs stay where they
    // are, and those of others are taken up.
    let mut in_hand: HashMap<tokio::task::Id, Option<Lane>> = HashMap::new();
    loop {
        while claimed.is_ok() && under_way.len() < MERCHANTS_AT_ONCE {
            let lanes: Vec<Lane> = in_hand.values().copied().flatten().collect();
            match claim_beside(journey, &lanes, queues, stop).await {
                Ok(Some(job)) => {
                    worked.steps += 1;
                    let (lane, journey, stop) = (job.lane, journey.clone(), stop.clone());
                    let task =
                        under_way.spawn(async move { deliver_one(&journey, &job, &stop).await });
                    in_hand.insert(task.id(), lane);
                }
                Ok(None) => break,
                Err(error) => claimed = Err(error),
            }
        }
        let may_take_more =
            claimed.is_ok() && under_way.len() < MERCHANTS_AT_ONCE && !*stop.borrow();
        tokio::select! {
            biased;
            done = under_way.join_next_with_id() => match done {
                None => return claimed.map(|()| worked),
                Some(Ok((task, is_done))) => {
                    in_hand.remove(&task);
                    worked.failed += u64::from(!is_done);
                }
                Some(Err(panic)) => {
                    // Its lease runs out by itself, and the job is taken up then.
                    in_hand.remove(&panic.id());
                    tracing::error!(%panic, "a delivery broke off");
                    worked.failed += 1;
                }
            },
            () = journey.signals.woken(queues), if may_take_more => {}
        }
    }
}

/// Runs the step of one delivery. Returns whether it was done; otherwise its job was given back.
async fn deliver_one(journey: &Journey, job: &Job, stop: &Stop) -> bool {
    let error = match deliver::step(journey, job).await {
        Ok(()) => {
            journey.check_in(Part::Export).await;
            return true;
        }
        Err(deliver::DeliverError::Commit(CommitError::StaleLease)) => {
            tracing::warn!(?job.lease, "lost the lease of a delivery: another worker has it");
            return true;
        }
        Err(deliver::DeliverError::Commit(CommitError::Store(error))) => error,
        Err(error) => StoreError::Broken(error.to_string()),
    };
    give_back(journey, job, &error, stop).await;
    false
}

async fn claim(
    journey: &Journey,
    queues: &[Queue],
    stop: &Stop,
) -> Result<Option<Job>, StoreError> {
    claim_beside(journey, &[], queues, stop).await
}

/// Claims the job whose turn comes next, in none of these lanes; none when told to stop.
async fn claim_beside(
    journey: &Journey,
    in_hand: &[Lane],
    queues: &[Queue],
    stop: &Stop,
) -> Result<Option<Job>, StoreError> {
    if *stop.borrow() {
        return Ok(None);
    }
    let (holder, now) = (&journey.holder, journey.now());
    let store = &journey.store;
    store.claim_beside(in_hand, queues, holder, now).await
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
        let error = match journey.commit(job.lease, changes).await {
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
