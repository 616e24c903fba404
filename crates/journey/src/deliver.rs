//! Deliver: the merchant is told, and what came of it is written down.
//!
//! For an export file the store remembers how long it is, durably. A batch is written from there
//! on, replacing whatever stands beyond: if a crash came between writing and committing, the same
//! bodies are written to the same place again, and each is in the file exactly once. From the question
//! where the file ends until the commit, the file is held: one that was frozen in between, and whose lease
//! another took, would write over what the other has delivered since. What leaves in
//! batches has a file each, as `deliver/batch.rs` says; what is told over HTTP, as `deliver/telling.rs`.

mod batch;
mod merchants;
mod sending;
mod telling;

pub use merchants::Merchants;

use crate::Journey;
use crate::announce::{self, TellError};
use crate::ports::{AnnounceError, AppendError, CommitError, Job, StoreError};
use harmonia_core::changes::{Attempt, Changes, Delivery, FileEnd, JobEnd, Span, Work};
use harmonia_core::export::{Destination, ExportTransaction, Plan, no_secrets};
use harmonia_core::ids::{ExportId, SchemeId};
use harmonia_core::state::ExportState;
use harmonia_core::time::Instant;

/// Why exports could not be delivered now. They stay pending; the job is taken up again.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The store does not answer, or the lease was lost.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The file cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The agent file's plan gives no file.
    #[error("the [export] of the agent file makes no file: {0}")]
    Plan(String),
    /// Others cannot be told of it.
    #[error(transparent)]
    Announce(#[from] AnnounceError),
    /// The work is not of this version.
    #[error("{}", Work::NOT_OF_THIS_VERSION)]
    OfAnotherVersion,
}

impl From<TellError> for DeliverError {
    fn from(error: TellError) -> Self {
        match error {
            TellError::Commit(error) => Self::Commit(error),
            TellError::Announce(error) => Self::Announce(error),
        }
    }
}

impl From<StoreError> for DeliverError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// Delivers a job's exports.
///
/// # Errors
/// [`DeliverError`] when they stay pending.
pub async fn step(journey: &Journey, job: &Job) -> Result<(), DeliverError> {
    let (scheme, exports) = match &job.work {
        Work::Exports { scheme, exports } => (scheme, exports),
        Work::Publish { draft, name, .. } => {
            return batch::publish(journey, job, draft, name).await;
        }
        Work::Announce => return Ok(announce::step(journey, job).await?),
        Work::OfAnotherVersion => return Err(DeliverError::OfAnotherVersion),
        _ => {
            let done = Changes::done(journey.now());
            journey.commit(job.lease, done).await?;
            return Ok(());
        }
    };
    if let Some(plan) = journey.agents.plan(*scheme)
        && let Some(batch) = plan.batch()
        && let Destination::File { .. } = &plan.destination
    {
        return batch::step(journey, job, *scheme, plan, batch).await;
    }
    if let Some(plan) = journey.agents.plan(*scheme)
        && let Some(http) = &plan.http
        && plan.batch().is_none()
    {
        return telling::step(journey, job, *scheme, plan, http).await;
    }
    let mut changes = Changes::done(journey.now());
    let (now, rest) = split(exports, journey.batch);
    let undelivered = journey.store.undelivered(*scheme, &now).await?;
    if rest.is_some() {
        // The job stays leased; its span is gone through batch by batch, and what is delivered is
        // not found again.
        changes.job = JobEnd::Keep;
    }
    let mut hold = None;
    if !undelivered.is_empty() {
        let attempt = match journey.agents.plan(*scheme) {
            None => held(
                *scheme,
                &undelivered,
                "the scheme's agent file has no [export]",
            ),
            Some(plan) => match file_name(plan, changes.at) {
                None => held(
                    *scheme,
                    &undelivered,
                    "its destination is no folder: nothing is sent there yet",
                ),
                Some(name) => {
                    hold = Some((journey.courier.hold(&name).await?, name.clone()));
                    to_file(journey, *scheme, plan, name, &undelivered).await?
                }
            },
        };
        announce(journey, &mut changes, job, &attempt, &undelivered);
        changes.attempts.push(attempt);
    }
    let committed = journey.commit(job.lease, changes).await;
    if let (Err(CommitError::StaleLease), Some((_, name))) = (&committed, &hold) {
        take_back(journey, name).await?;
    }
    drop(hold);
    committed?;
    match rest {
        None => Ok(()),
        Some(rest) => {
            let work = Work::Exports {
                scheme: *scheme,
                exports: rest,
            };
            Box::pin(step(
                journey,
                &Job {
                    work,
                    ..job.clone()
                },
            ))
            .await
        }
    }
}

/// Adds to a commit that an attempt with files is to be announced. A merchant without an agent file has no
/// name by which others could be told.
fn announce(
    journey: &Journey,
    changes: &mut Changes,
    job: &Job,
    attempt: &Attempt,
    exports: &[(ExportId, ExportTransaction)],
) {
    if let Some(agent) = journey.agents.of_scheme(attempt.scheme) {
        // A file that cannot be written is no attempt: its job is taken up again.
        announce::attempted(journey, changes, &agent.slug, attempt, exports, job.tries);
    }
}

/// The first batch of a span, and what is left of it.
fn split(span: &Span, batch: usize) -> (Span, Option<Span>) {
    let size = i64::try_from(batch).unwrap_or(i64::MAX);
    match span {
        Span::Range(first, last) if *last - *first >= size => (
            Span::Range(*first, first + size - 1),
            Some(Span::Range(first + size, *last)),
        ),
        Span::Ids(ids) if ids.len() > batch => {
            let (now, rest) = ids.split_at(batch);
            (Span::Ids(now.to_vec()), Some(Span::Ids(rest.to_vec())))
        }
        whole => (whole.clone(), None),
    }
}

/// Exports that can go nowhere wait for a person.
fn held(scheme: SchemeId, exports: &[(ExportId, ExportTransaction)], reason: &str) -> Attempt {
    let hold = |(export, _): &(ExportId, ExportTransaction)| Delivery {
        export: *export,
        state: ExportState::Held,
        reason: Some(reason.to_owned()),
        due_at: None,
    };
    Attempt {
        scheme,
        destination: "nowhere".to_owned(),
        body: String::new(),
        response: None,
        error: Some(reason.to_owned()),
        duration_us: 0,
        deliveries: exports.iter().map(hold).collect(),
        file: None,
    }
}

async fn to_file(
    journey: &Journey,
    scheme: SchemeId,
    plan: &Plan,
    name: String,
    exports: &[(ExportId, ExportTransaction)],
) -> Result<Attempt, DeliverError> {
    let started = journey.now();
    let (bytes, deliveries) = bodies(plan, exports);
    let offset = journey
        .store
        .export_file(&name)
        .await?
        .map_or(0, |end| end.length);
    let count = deliveries
        .iter()
        .filter(|one| one.state == ExportState::Delivered)
        .count();
    let size = bytes.len() as u64;
    let length = journey.courier.append(&name, offset, bytes).await?;
    Ok(Attempt {
        scheme,
        body: format!("bytes {} to {length} of the file", length - size),
        destination: name.clone(),
        response: Some(format!("{count} written")),
        error: None,
        duration_us: journey.now().0 - started.0,
        deliveries,
        file: Some(FileEnd { name, length }),
    })
}

/// Takes out what was written by one whose lease was another's by then: the other delivers it, and what
/// is of the other's stays. The file must be held.
async fn take_back(journey: &Journey, name: &str) -> Result<(), DeliverError> {
    let end = journey.store.export_file(name).await?;
    let delivered = end.map_or(0, |end| end.length);
    journey.courier.append(name, delivered, Vec::new()).await?;
    Ok(())
}

/// A new file each UTC day, `<path>/<YYYY-MM-DD>.jsonl`, where exports go to a folder.
fn file_name(plan: &Plan, now: Instant) -> Option<String> {
    let Destination::File { path } = &plan.destination else {
        return None;
    };
    Some(format!(
        "{}/{}.jsonl",
        path.trim_end_matches('/'),
        now.day()
    ))
}

/// The body of an export that can be told whole.
fn rendered(plan: &Plan, transaction: &ExportTransaction) -> Result<String, String> {
    match plan.lacks(transaction) {
        Some(lacking) => Err(lacking),
        None => plan.render(transaction, &no_secrets),
    }
}

/// The lines of the file, and what becomes of each export: one whose body cannot be made is held.
fn bodies(plan: &Plan, exports: &[(ExportId, ExportTransaction)]) -> (Vec<u8>, Vec<Delivery>) {
    let mut bytes = Vec::new();
    let deliver = |(export, transaction): &(ExportId, ExportTransaction)| {
        let (state, reason) = match rendered(plan, transaction) {
            Ok(body) => {
                bytes.extend_from_slice(body.as_bytes());
                bytes.push(b'\n');
                (ExportState::Delivered, None)
            }
            Err(reason) => (ExportState::Held, Some(reason)),
        };
        Delivery {
            export: *export,
            state,
            reason,
            due_at: None,
        }
    };
    let deliveries = exports.iter().map(deliver).collect();
    (bytes, deliveries)
}
