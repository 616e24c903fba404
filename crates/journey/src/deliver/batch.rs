//! A batch: many exports of a scheme in one file.
//!
//! Its rows are drawn from all that waits in the scheme's lane, not only from the job in hand, so that
//! what was made one by one leaves together. The file is written whole under a name that no merchant
//! looks for, and is on disk before the one commit that says its exports are delivered; that commit
//! adds the job that gives the file its name, and that job is done once the name is given. Killed before
//! the commit, the exports still wait, and the draft is written anew; killed after it, the job remains,
//! and the file gets its name. So a row is in a file exactly once, and no merchant sees half a file.

use super::DeliverError;
use crate::Journey;
use crate::ports::Job;
use harmonia_core::changes::{
    Attempt, Changes, Delivery, FileEnd, JobEnd, Lane, NewJob, NewWork, Queue, Span, Work,
};
use harmonia_core::export::batch::{About, Batch, Row, uid_of};
use harmonia_core::export::{Destination, ExportTransaction, Plan, no_secrets};
use harmonia_core::ids::{ExportId, SchemeId};
use harmonia_core::state::ExportState;
use harmonia_core::time::SECOND_US;
use std::collections::{BTreeMap, VecDeque};

/// Writes files until nothing of a scheme waits that did when this began.
pub(super) async fn step(
    journey: &Journey,
    job: &Job,
    scheme: SchemeId,
    plan: &Plan,
    batch: &Batch,
) -> Result<(), DeliverError> {
    let mut waiting = Waiting::of(journey, scheme).await?;
    loop {
        let rows = waiting.next(journey, scheme, batch.size).await?;
        let is_last = rows.len() < batch.size;
        let mut changes = Changes::none(journey.now());
        changes.job = if is_last { JobEnd::Done } else { JobEnd::Keep };
        if !rows.is_empty() {
            let written = write(journey, scheme, plan, batch, &rows).await?;
            changes.jobs.extend(written.publish);
            super::announce(journey, &mut changes, job, &written.attempt, &rows);
            changes.attempts.push(written.attempt);
        }
        journey.commit(job.lease, changes).await?;
        if is_last {
            return Ok(());
        }
    }
}

/// Gives a delivered file its name.
pub(super) async fn publish(
    journey: &Journey,
    job: &Job,
    draft: &str,
    name: &str,
) -> Result<(), DeliverError> {
    journey.courier.publish(draft, name).await?;
    let done = Changes::done(journey.now());
    journey.commit(job.lease, done).await?;
    Ok(())
}

/// What waits for a scheme's merchant: what is loaded of it, and where the rest is to be looked for.
struct Waiting {
    loaded: BTreeMap<ExportId, ExportTransaction>,
    pieces: VecDeque<Span>,
}

impl Waiting {
    async fn of(journey: &Journey, scheme: SchemeId) -> Result<Self, DeliverError> {
        let mut pieces = VecDeque::new();
        for span in journey.store.waiting_exports(scheme).await? {
            let mut rest = Some(span);
            while let Some(span) = rest {
                let (piece, more) = super::split(&span, journey.batch);
                pieces.push_back(piece);
                rest = more;
            }
        }
        Ok(Self {
            loaded: BTreeMap::new(),
            pieces,
        })
    }

    /// The first of it, at most so many.
    async fn next(
        &mut self,
        journey: &Journey,
        scheme: SchemeId,
        size: usize,
    ) -> Result<Vec<(ExportId, ExportTransaction)>, DeliverError> {
        while self.loaded.len() < size
            && let Some(piece) = self.pieces.pop_front()
        {
            let found = journey.store.undelivered(scheme, &piece).await?;
            self.loaded.extend(found);
        }
        let first = std::iter::from_fn(|| self.loaded.pop_first());
        Ok(first.take(size).collect())
    }
}

/// A file that was written, and the job that gives it its name.
struct Written {
    attempt: Attempt,
    publish: Option<NewJob>,
}

async fn write(
    journey: &Journey,
    scheme: SchemeId,
    plan: &Plan,
    batch: &Batch,
    exports: &[(ExportId, ExportTransaction)],
) -> Result<Written, DeliverError> {
    let started = journey.now();
    let (rows, deliveries) = rows(plan, exports);
    let mut attempt = Attempt {
        scheme,
        destination: "nowhere".to_owned(),
        body: String::new(),
        response: None,
        error: Some("no row could be made".to_owned()),
        duration_us: 0,
        deliveries,
        file: None,
    };
    let Some((first, told)) = exports.first().filter(|_| !rows.is_empty()) else {
        return Ok(Written {
            attempt,
            publish: None,
        });
    };
    let Destination::File { path } = &plan.destination else {
        return Err(DeliverError::Plan(
            "its destination is no folder".to_owned(),
        ));
    };
    let folder = path.trim_end_matches('/');
    // A try that is made again after it was cut short begins with the same export, and so takes the
    // place of what that left.
    let draft = format!("{folder}/.batch-{first}.part");
    let about = About {
        now: started,
        uid: uid_of(told),
        sequence: None,
    };
    let bytes = batch.document(&rows, &about).map_err(DeliverError::Plan)?;
    let name = free_name(journey, batch, folder, about, rows.len()).await?;
    let length = bytes.len() as u64;
    journey.courier.draft(&draft, bytes).await?;
    attempt.body = format!("{} rows, {length} bytes", rows.len());
    attempt.destination.clone_from(&name);
    attempt.response = Some(format!("{} written", rows.len()));
    attempt.error = None;
    attempt.duration_us = journey.now().0 - started.0;
    attempt.file = Some(FileEnd {
        name: name.clone(),
        length,
    });
    Ok(Written {
        attempt,
        publish: Some(NewJob {
            queue: Queue::Export,
            lane: Some(Lane::delivery(scheme)),
            ready_at: started,
            work: NewWork::Known(Work::Publish {
                scheme,
                draft,
                name,
            }),
        }),
    })
}

/// A name that no file of ours ever had: two batches of one second would have the same.
async fn free_name(
    journey: &Journey,
    batch: &Batch,
    folder: &str,
    mut about: About,
    rows: usize,
) -> Result<String, DeliverError> {
    loop {
        let name = batch.file_name(rows, &about).map_err(DeliverError::Plan)?;
        let name = format!("{folder}/{name}");
        if journey.store.export_file(&name).await?.is_none() {
            return Ok(name);
        }
        about.now = about.now.plus(SECOND_US);
    }
}

/// The rows of the file, and what becomes of each export: one whose row cannot be made is held.
fn rows(plan: &Plan, exports: &[(ExportId, ExportTransaction)]) -> (Vec<Row>, Vec<Delivery>) {
    let made = plan.rows(
        exports.iter().map(|(_, transaction)| transaction),
        &no_secrets,
    );
    let mut rows = Vec::with_capacity(exports.len());
    let deliveries = exports
        .iter()
        .zip(made)
        .map(|((export, transaction), row)| {
            let (state, reason) = match plan.lacks(transaction).map_or(row, Err) {
                Ok(row) => {
                    rows.push(row);
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
        });
    let deliveries = deliveries.collect();
    (rows, deliveries)
}
