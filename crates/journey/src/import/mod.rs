//! Import: a file's bytes become raw and typed rows, each record once for ever.
//!
//! A file is read twice: once for its hash and to see that it is whole, once for its records. A
//! second thread reads and maps while the store writes; what lies between them is a few batches,
//! so memory is bounded by the batch and not by the file. Each batch is one commit that also says
//! how far the file is read, so that an import that is cut short goes on where it stopped. Two of them
//! are under way at a time (`import/committing.rs`).

mod body;
mod committing;
mod messages;
mod placing;
mod preview;
mod reading;

pub use body::{BodyError, read_body};
pub use messages::{PushedRecords, import_messages, import_requests};
pub use placing::Placing;
pub use preview::{Fate, Preview, PreviewRecord, Seen, preview};

use crate::Journey;
use crate::drive::{Stop, unless_stopped};
use crate::ports::{
    CommitError, FileArrival, FileClaim, ImportOutcome, Lease, Part, Readable, StoreError,
};
use committing::Committing;
use harmonia_core::changes::{Changes, Imported, JobEnd, NewJob, NewWork, Queue};
use harmonia_core::config::Config;
use harmonia_core::feed::Feed;
use harmonia_core::ids::{FileId, SchemeId};
use harmonia_core::problem::FileRefusal;
use harmonia_core::state::FileState;
use harmonia_core::time::Instant;
use reading::{Batch, Batches};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportReport {
    /// It was read to its end; what of it this import did.
    Imported(ImportOutcome),
    /// Nothing of it was taken, and why.
    Refused(String),
    /// It was told to stop before the end; what this import did until then. The next one goes on.
    Stopped(ImportOutcome),
    /// Another process is importing it.
    Busy {
        /// Which.
        holder: String,
    },
}

/// Why an import stopped before the file's end. What was committed stays; it goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The store cannot write.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The scheme of the feed has no row.
    #[error("the scheme of feed {0} is not registered")]
    NoScheme(String),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

/// Imports a file through a feed. `progress` is told how many records have been read so far. Told to
/// `stop`, it finishes the batch in hand and lets the file go.
///
/// # Errors
/// [`ImportError`]; everything committed before it stays, and the next import of the file goes on.
pub async fn import_file(
    journey: &Journey,
    feed: &Feed,
    file: Arc<dyn Readable>,
    stop: &Stop,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<ImportReport, ImportError> {
    let Some((arrival, refusal)) = inspect(feed, Arc::clone(&file), stop).await? else {
        return Ok(ImportReport::Stopped(ImportOutcome::default()));
    };
    let claim = journey
        .store
        .claim_file(&arrival, &journey.holder, journey.now())
        .await?;
    let (file_id, lease, records_read) = match claim {
        FileClaim::Yours {
            file,
            lease,
            records_read,
        } => (file, lease, records_read),
        FileClaim::Busy { holder } => return Ok(ImportReport::Busy { holder }),
    };
    let step = Step {
        journey,
        feed,
        file_id,
        lease,
    };
    if let Err(refusal) = refusal {
        return step.refuse(&refusal).await;
    }
    step.run(file, records_read, stop, progress).await
}

/// A file as it is looked over: what the log will say of it, and why it is to be refused.
type Inspected = (FileArrival, Result<(), FileRefusal>);

/// Reads the file once: its size, its hash, and whether it is whole; `None` when told to stop.
async fn inspect(
    feed: &Feed,
    file: Arc<dyn Readable>,
    stop: &Stop,
) -> Result<Option<Inspected>, ImportError> {
    let stop = stop.clone();
    let mut inspector = feed.inspect();
    let path = file.source();
    let refusal = file.refusal();
    let pass = tokio::task::spawn_blocking(move || {
        let mut bytes = file.open()?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut size = 0_u64;
        while !*stop.borrow() {
            match bytes.read(&mut buffer) {
                Ok(0) => return Ok(Some((size, hex(&hash.finalize()), inspector.finish()))),
                Ok(count) => {
                    hash.update(&buffer[..count]);
                    inspector.feed(&buffer[..count]);
                    size += count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    });
    let passed = flatten(pass.await).map_err(|error| ImportError::Read {
        path: path.clone(),
        error,
    })?;
    let Some((size_bytes, sha256, whole)) = passed else {
        return Ok(None);
    };
    let arrival = FileArrival {
        provider: feed.provider_slug.clone(),
        feed_type: feed.feed_type,
        feed_name: feed.name.clone(),
        canonical: feed.is_canonical(),
        source: path,
        size_bytes,
        sha256,
    };
    Ok(Some((arrival, refusal.map_or(whole, Err))))
}

/// One file's import under its lease.
struct Step<'a> {
    journey: &'a Journey,
    feed: &'a Feed,
    file_id: FileId,
    lease: Lease,
}

impl Step<'_> {
    async fn run(
        &self,
        file: Arc<dyn Readable>,
        records_read: u64,
        stop: &Stop,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<ImportReport, ImportError> {
        let mut batches = Batches::read(self.journey, self.feed, self.file_id, file, records_read)?;
        let mut committing = Committing::new(self.journey, self.lease, progress);
        let mut refusal = None;
        loop {
            self.wait_for_room(stop).await?;
            let Some(next) = unless_stopped(stop, batches.next()).await else {
                let outcome = self.finish(committing).await?;
                self.give_back().await?;
                return Ok(ImportReport::Stopped(outcome));
            };
            match next {
                None => break,
                Some(Batch::Refused(reason)) => refusal = Some(reason),
                Some(Batch::Records(imported)) => {
                    let is_last = imported.state != FileState::Importing;
                    let changes = self.changes(*imported).await?;
                    committing.begin(changes).await?;
                    if is_last {
                        // Its lease is over with it: there is nothing to be let go.
                        break;
                    }
                }
            }
        }
        let outcome = self.finish(committing).await?;
        batches.finish().await?;
        match refusal {
            Some(refusal) => self.refuse(&refusal).await,
            None => Ok(ImportReport::Imported(outcome)),
        }
    }

    /// Waits for the commits that are under way.
    async fn finish(&self, committing: Committing<'_>) -> Result<ImportOutcome, CommitError> {
        let outcome = committing.finish().await?;
        if outcome.read > 0 {
            self.check_in().await;
        }
        Ok(outcome)
    }

    /// Commits by itself.
    async fn commit(&self, imported: Imported) -> Result<ImportOutcome, CommitError> {
        let changes = self.changes(imported).await?;
        Ok(self.journey.commit(self.lease, changes).await?.imported)
    }

    async fn check_in(&self) {
        let part = Part::import_of(self.feed.feed_type);
        self.journey.check_in(part).await;
    }

    /// What a batch changes: its records, and the job that takes them up.
    async fn changes(&self, imported: Imported) -> Result<Changes, CommitError> {
        self.check_in().await;
        let mut changes = Changes::none(self.journey.now());
        let config = self.journey.config().await?;
        changes.kept_from = self.journey.kept_from_of(&config)?;
        if imported.state != FileState::Importing {
            changes.job = JobEnd::Done;
        }
        changes
            .jobs
            .push(matching_job(self.journey, self.feed, &config, changes.at)?);
        changes.imported = Some(imported);
        Ok(changes)
    }

    /// Waits while matching has to catch up first, and keeps the file meanwhile.
    async fn wait_for_room(&self, stop: &Stop) -> Result<(), CommitError> {
        let keep = self.journey.lease / 3;
        let room = self.journey.wait_for_room(stop);
        let mut room = std::pin::pin!(room);
        while tokio::time::timeout(keep, &mut room).await.is_err() {
            let changes = Changes::none(self.journey.now());
            self.journey.commit(self.lease, changes).await?;
        }
        Ok(())
    }

    /// Lets the file go: whoever imports it next goes on after what is in.
    async fn give_back(&self) -> Result<(), CommitError> {
        let mut changes = Changes::none(self.journey.now());
        changes.job = JobEnd::Again {
            ready_at: changes.at,
        };
        self.journey.commit(self.lease, changes).await?;
        Ok(())
    }

    async fn refuse(&self, refusal: &FileRefusal) -> Result<ImportReport, ImportError> {
        let reason = refusal.to_string();
        let refused = Imported {
            file: self.file_id,
            provider: self.feed.provider_slug.clone(),
            records: Vec::new(),
            records_read: 0,
            more_bytes: 0,
            skipped: 0,
            state: FileState::Refused,
            refusal: Some(reason.clone().into()),
        };
        self.commit(refused).await?;
        Ok(ImportReport::Refused(reason))
    }
}

/// The job that takes up what a commit adds of a feed.
fn matching_job(
    journey: &Journey,
    feed: &Feed,
    config: &Config,
    ready_at: Instant,
) -> Result<NewJob, StoreError> {
    let streams = |scheme: &SchemeId| journey.agents.streams(*scheme, feed.feed_type);
    let schemes = journey.agents.schemes().map(|(_, scheme)| scheme);
    let routes = journey
        .routes_of(config)?
        .streaming(schemes.filter(streams));
    Ok(NewJob {
        queue: Queue::Matching,
        lane: None,
        ready_at,
        work: NewWork::Imported(routes),
    })
}

fn flatten<T>(joined: Result<std::io::Result<T>, tokio::task::JoinError>) -> std::io::Result<T> {
    joined.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
