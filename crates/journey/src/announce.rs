//! Announce: what was done about exports is told to others, out of the outbox.
//!
//! What is told is written in the commit of what it tells, together with a job. Its worker has the first
//! of the outbox told, takes them out in a commit of its own, and goes on until nothing is left. Killed in
//! between, the same is told once more, under the same id. No export waits for it: a broker that is away
//! keeps this job waiting and nothing else.

use crate::Journey;
use crate::ports::{AnnounceError, CommitError, Job, StoreError};
use harmonia_core::announce::{Announcement, Topic};
use harmonia_core::changes::{Attempt, Changes, Delivery, JobEnd, Lane, NewJob, NewWork, Queue};
use harmonia_core::export::ExportTransaction;
use harmonia_core::ids::{ExportId, Slug};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// At most so many are told at a time.
const AT_ONCE: usize = 500;
/// At most so many transactions are told of in one announcement.
const TRANSACTIONS: usize = 1_000;

/// Why others could not be told now. It stays in the outbox; the job is taken up again.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The store does not answer, or the lease was lost.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Others cannot be told.
    #[error("what waits in the outbox cannot be announced: {0}")]
    Announce(#[from] AnnounceError),
}

impl From<StoreError> for TellError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// Announces what lies in the outbox, until nothing is left.
///
/// # Errors
/// [`TellError`] when something stays there.
pub async fn step(journey: &Journey, job: &Job) -> Result<(), TellError> {
    loop {
        let waiting = journey.store.announcements(AT_ONCE).await?;
        if waiting.is_empty() {
            journey
                .commit(job.lease, Changes::done(journey.now()))
                .await?;
            return Ok(());
        }
        let Some(announcer) = &journey.announcer else {
            let lacking = "no message broker is named: set TXM_AMQP_DSN";
            return Err(AnnounceError(lacking.to_owned()).into());
        };
        let ids = waiting.iter().map(|(id, ..)| *id).collect();
        let told = waiting.into_iter().map(|(_, topic, told)| (topic, told));
        let told: Vec<(Topic, Announcement)> = told.collect();
        announcer.announce(&told).await?;
        let mut changes = Changes::done(journey.now());
        changes.job = JobEnd::Keep;
        changes.announced = ids;
        journey.commit(job.lease, changes).await?;
    }
}

/// What is told of a try, whatever came of it. Secrets are masked in the request and in the answer.
#[derive(Debug, Serialize)]
pub struct Tried<'a> {
    /// The merchant.
    pub provider_slug: &'a Slug,
    /// What the merchant was to be told of, without the credentials of its accounts.
    #[serde(serialize_with = "without_credentials")]
    pub transactions: &'a [&'a ExportTransaction],
    /// Where it was sent, and what.
    pub request: TriedRequest<'a>,
    /// What was answered; nothing where there was no answer.
    pub response: Option<&'a str>,
    /// Why it went wrong, where it did.
    pub error: Option<&'a str>,
    /// How often it had been tried before.
    pub retry_count: u32,
}

/// What was sent.
#[derive(Debug, Serialize)]
pub struct TriedRequest<'a> {
    /// The address, or the file.
    pub url: &'a str,
    /// The body.
    pub body: &'a str,
}

/// Adds to a commit that a try is to be announced, where tries are announced at all: of many transactions
/// in several pieces.
pub fn tried(journey: &Journey, changes: &mut Changes, tried: &Tried<'_>) {
    let mut rest = tried.transactions;
    loop {
        let (now, later) = rest.split_at(rest.len().min(TRANSACTIONS));
        let piece = Tried {
            transactions: now,
            request: TriedRequest { ..tried.request },
            ..*tried
        };
        announce(
            journey,
            changes,
            Topic::ExportAttempt,
            tried.provider_slug,
            &piece,
        );
        rest = later;
        if rest.is_empty() {
            return;
        }
    }
}

/// Adds to a commit that an attempt is to be announced, which tried several exports: those that it
/// delivered together, and the others by what was in their way. The attempt's deliveries are those of
/// `exports`, in their order.
pub fn attempted(
    journey: &Journey,
    changes: &mut Changes,
    provider: &Slug,
    attempt: &Attempt,
    exports: &[(ExportId, ExportTransaction)],
    tried_before: u32,
) {
    if journey.announcer.is_none() {
        return;
    }
    let mut by_reason = BTreeMap::<Option<&str>, Vec<&ExportTransaction>>::new();
    for (Delivery { reason, .. }, (_, transaction)) in attempt.deliveries.iter().zip(exports) {
        let alike = by_reason.entry(reason.as_deref()).or_default();
        alike.push(transaction);
    }
    for (reason, transactions) in by_reason {
        let one = Tried {
            provider_slug: provider,
            transactions: &transactions,
            request: TriedRequest {
                url: &attempt.destination,
                body: &attempt.body,
            },
            response: attempt.response.as_deref().filter(|_| reason.is_none()),
            error: reason,
            retry_count: tried_before,
        };
        tried(journey, changes, &one);
    }
}

/// What is told of an export that is no try.
#[derive(Debug, Serialize)]
pub struct Event<'a> {
    /// What happened.
    pub event_type: &'static str,
    /// The merchant.
    pub provider_slug: &'a Slug,
    /// The exports it happened to, without the credentials of their accounts.
    #[serde(serialize_with = "without_credentials")]
    pub transactions: &'a [&'a ExportTransaction],
    /// Why.
    pub reason: &'a str,
}

/// That the merchant has it already, and is not told.
pub const DUPLICATE: &str = "transaction.duplicate";
/// That a merchant is no longer told: nothing but failures came back for long.
pub const DISABLED: &str = "merchant.disabled";

/// Adds to a commit that an event is to be announced, where anything is.
pub fn happened(journey: &Journey, changes: &mut Changes, event: &Event<'_>) {
    announce(
        journey,
        changes,
        Topic::ExportEvent,
        event.provider_slug,
        event,
    );
}

fn without_credentials<S: Serializer>(
    transactions: &[&ExportTransaction],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let told = transactions.iter().map(|transaction| ExportTransaction {
        credentials: None,
        ..(*transaction).clone()
    });
    serializer.collect_seq(told)
}

fn announce(
    journey: &Journey,
    changes: &mut Changes,
    topic: Topic,
    provider: &Slug,
    told: &impl Serialize,
) {
    if journey.announcer.is_none() {
        return;
    }
    let body = match serde_json::to_string(told) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%provider, %error, "an announcement cannot be written");
            return;
        }
    };
    if changes.announcements.is_empty() {
        changes.jobs.push(NewJob {
            queue: Queue::Export,
            lane: Some(Lane::outbox()),
            ready_at: changes.at,
            work: NewWork::Announce,
        });
    }
    let announcement = Announcement {
        uid: journey.uids.next(),
        provider: provider.clone(),
        body,
    };
    changes.announcements.push((topic, announcement));
}
