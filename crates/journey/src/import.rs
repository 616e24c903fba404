//! Import: a file's bytes become raw and typed rows, each record once for ever.
//!
//! A file is read twice: once for its hash and to see that it is whole, once for its records. A
//! second thread reads and maps while the store writes; what lies between them is a few batches,
//! so memory is bounded by the batch and not by the file. Each batch is one commit that also says
//! how far the file is read, so that an import that is cut short goes on where it stopped.

use crate::Journey;
use crate::ports::{
    CommitError, FileArrival, FileClaim, ImportOutcome, Lease, Readable, StoreError,
};
use harmonia_core::changes::{
    Changes, Imported, ImportedBody, ImportedRecord, JobEnd, Lane, NewJob, NewWork, Queue,
};
use harmonia_core::feed::{Feed, FeedReader, Outcome, RawRecord, ReadError};
use harmonia_core::identify::MidDirectory;
use harmonia_core::ids::{FileId, SchemeId};
use harmonia_core::problem::{FileRefusal, Reject, RejectReason};
use harmonia_core::state::FileState;
use hashbrown::HashMap;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Batches that wait between the reading thread and the store.
const BATCHES_AHEAD: usize = 2;
/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportReport {
    /// It was read to its end; what of it this import did.
    Imported(ImportOutcome),
    /// Nothing of it was taken, and why.
    Refused(String),
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

/// Imports a file through a feed. `progress` is told how many records have been read so far.
///
/// # Errors
/// [`ImportError`]; everything committed before it stays, and the next import of the file goes on.
pub async fn import_file(
    journey: &Journey,
    feed: &Feed,
    file: Arc<dyn Readable>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<ImportReport, ImportError> {
    let (arrival, refusal) = inspect(feed, Arc::clone(&file)).await?;
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
    step.run(file, arrival.source, records_read, progress).await
}

/// Reads the file once: its size, its hash, and whether it is whole.
async fn inspect(
    feed: &Feed,
    file: Arc<dyn Readable>,
) -> Result<(FileArrival, Result<(), FileRefusal>), ImportError> {
    let mut inspector = feed.inspect();
    let path = file.source();
    let pass = tokio::task::spawn_blocking(move || {
        let mut bytes = file.open()?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut size = 0_u64;
        loop {
            match bytes.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hash.update(&buffer[..count]);
                    inspector.feed(&buffer[..count]);
                    size += count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((size, hex(&hash.finalize()), inspector.finish()))
    });
    let (size_bytes, sha256, whole) = flatten(pass.await).map_err(|error| ImportError::Read {
        path: path.clone(),
        error,
    })?;
    let arrival = FileArrival {
        provider: feed.provider_slug.clone(),
        feed_type: feed.feed_type,
        feed_name: feed.name.clone(),
        source: path,
        size_bytes,
        sha256,
    };
    Ok((arrival, whole))
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
        path: String,
        records_read: u64,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<ImportReport, ImportError> {
        let (sender, mut batches) = mpsc::channel(BATCHES_AHEAD);
        let reading = self.start_reading(file, records_read, sender)?;
        let mut outcome = ImportOutcome::default();
        let mut refusal = None;
        while let Some(batch) = batches.recv().await {
            match batch {
                Batch::Refused(reason) => refusal = Some(reason),
                Batch::Records(imported) => {
                    let read = imported.records_read;
                    outcome.add(self.commit(*imported).await?);
                    progress(read);
                }
            }
        }
        flatten(reading.await).map_err(|error| ImportError::Read { path, error })?;
        match refusal {
            Some(refusal) => self.refuse(&refusal).await,
            None => Ok(ImportReport::Imported(outcome)),
        }
    }

    /// Reads and maps on a thread of its own.
    fn start_reading(
        &self,
        file: Arc<dyn Readable>,
        records_read: u64,
        sender: mpsc::Sender<Batch>,
    ) -> Result<tokio::task::JoinHandle<std::io::Result<()>>, ImportError> {
        let agents = Arc::clone(&self.journey.agents);
        let scheme = if self.feed.feed_type.is_payment() {
            None
        } else {
            let known = agents.scheme(&self.feed.provider_slug);
            Some(known.ok_or_else(|| ImportError::NoScheme(self.feed.name.to_string()))?)
        };
        let mut reading = Reading {
            feed: self.feed.clone(),
            scheme,
            file: self.file_id,
            directory: Directory {
                journey: self.journey.clone(),
                runtime: Handle::current(),
            },
            batch: self.journey.batch,
            sender,
            fingerprints: HashMap::new(),
        };
        Ok(tokio::task::spawn_blocking(move || {
            let mut bytes = file.open()?;
            reading.run(&mut bytes, records_read)
        }))
    }

    async fn commit(&self, imported: Imported) -> Result<ImportOutcome, CommitError> {
        let mut changes = Changes::none(self.journey.now());
        if imported.state != FileState::Importing {
            changes.job = JobEnd::Done;
        }
        changes.jobs.push(NewJob {
            queue: Queue::Matching,
            lane: Some(Lane::MATCHING),
            ready_at: changes.at,
            work: NewWork::Imported,
        });
        changes.imported = Some(imported);
        Ok(self
            .journey
            .store
            .commit(self.lease, changes)
            .await?
            .imported)
    }

    async fn refuse(&self, refusal: &FileRefusal) -> Result<ImportReport, ImportError> {
        let reason = refusal.to_string();
        self.commit(Imported {
            file: self.file_id,
            provider: self.feed.provider_slug.clone(),
            records: Vec::new(),
            records_read: 0,
            skipped: 0,
            state: FileState::Refused,
            refusal: Some(reason.clone().into()),
        })
        .await?;
        Ok(ImportReport::Refused(reason))
    }
}

/// What the reading thread hands over.
enum Batch {
    /// Records to commit.
    Records(Box<Imported>),
    /// The file turned out not to be one of its feed.
    Refused(FileRefusal),
}

/// The identifiers in force, asked for anew with each batch: what is onboarded while a long file is
/// read counts from the next batch on.
struct Directory {
    journey: Journey,
    runtime: Handle,
}

impl Directory {
    fn now(&self) -> std::io::Result<Arc<MidDirectory>> {
        self.runtime
            .block_on(self.journey.store.mid_directory())
            .map_err(|error| std::io::Error::other(error.to_string()))
    }
}

/// The reading thread's work.
struct Reading {
    feed: Feed,
    scheme: Option<SchemeId>,
    file: FileId,
    directory: Directory,
    batch: usize,
    sender: mpsc::Sender<Batch>,
    /// How often each refused record has come in this file.
    fingerprints: HashMap<[u8; 16], u32>,
}

impl Reading {
    fn run(&mut self, bytes: &mut dyn Read, records_read: u64) -> std::io::Result<()> {
        let mut reader = match self.feed.reader(bytes) {
            Ok(reader) => reader,
            Err(error) => return self.stop(error),
        };
        let mut raw = RawRecord::default();
        let mut number = 0;
        loop {
            let (imported, more) =
                match self.read_batch(&mut reader, &mut raw, &mut number, records_read) {
                    Ok(batch) => batch,
                    Err(error) => return self.stop(error),
                };
            if let Some(refusal) = nothing_readable(&imported, number) {
                return self.send(Batch::Refused(refusal));
            }
            // A resumed import has nothing to say of the batches that are in already.
            if number > records_read || !more {
                self.send(Batch::Records(Box::new(imported)))?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Reads up to a batch of records; says whether there may be more.
    fn read_batch(
        &mut self,
        reader: &mut FeedReader<&mut dyn Read>,
        raw: &mut RawRecord,
        number: &mut u64,
        records_read: u64,
    ) -> Result<(Imported, bool), ReadError> {
        let directory = self.directory.now().map_err(ReadError::Io)?;
        let mut records = Vec::with_capacity(self.batch.min(10_000));
        let mut skipped = 0;
        let mut more = true;
        let mut taken = 0;
        while taken < self.batch {
            if !reader.next(raw)? {
                more = false;
                break;
            }
            taken += 1;
            *number += 1;
            let done_before = *number <= records_read;
            match self.read_record(raw, &directory) {
                None if !done_before => skipped += 1,
                Some(record) if !done_before => records.push(record),
                _ => {}
            }
        }
        let state = if more {
            FileState::Importing
        } else {
            FileState::Imported
        };
        let imported = Imported {
            file: self.file,
            provider: self.feed.provider_slug.clone(),
            records,
            records_read: *number,
            skipped,
            state,
            refusal: None,
        };
        Ok((imported, more))
    }

    /// What a record is; `None` when the feed's rules skip it.
    fn read_record(&mut self, raw: &RawRecord, directory: &MidDirectory) -> Option<ImportedRecord> {
        let outcome = self.feed.read(raw);
        if matches!(outcome, Outcome::Skipped) {
            return None;
        }
        let mut json = String::with_capacity(192);
        self.feed.raw_json(raw, &mut json);
        let body = match self.place(outcome, raw, directory) {
            Ok(body) => body,
            Err(reject) => {
                let fingerprint = self.fingerprint(&json);
                ImportedBody::Refused {
                    reject,
                    fingerprint,
                }
            }
        };
        Some(ImportedRecord {
            number: raw.number(),
            raw: json.into(),
            body,
        })
    }

    /// Finds the scheme of a payment, the MIDs of a sale.
    fn place(
        &self,
        outcome: Outcome,
        raw: &RawRecord,
        directory: &MidDirectory,
    ) -> Result<ImportedBody, Reject> {
        match (outcome, self.scheme) {
            (Outcome::Payment(mut record), _) => {
                let found = directory.scheme_of(&self.feed.provider_slug, &record.identifiers)?;
                if self.feed.has_zones_of_schemes()
                    && let Some(agent) = self.directory.journey.agents.of_scheme(found.scheme)
                    && let Some(when) = self.feed.moment_for_scheme(raw, &agent.slug)
                {
                    record.when = when;
                }
                let record = Box::new(record);
                Ok(ImportedBody::Payment {
                    scheme: found.scheme,
                    mid: found.mid,
                    record,
                })
            }
            (Outcome::Sale(mut record), Some(scheme)) => {
                let mids = directory.mids_of(scheme, std::mem::take(&mut record.place))?;
                Ok(ImportedBody::Sale {
                    scheme,
                    mids,
                    record: Box::new(record),
                })
            }
            (Outcome::Rejected(reject), _) => Err(reject),
            (Outcome::Sale(_) | Outcome::Skipped, _) => Err(Reject::record(
                RejectReason::UnknownValue,
                "a sale in a feed of payments: the agent file's feed type is wrong",
            )),
        }
    }

    /// The hash of a refused record and of how often it has come: the same file again gives the
    /// same ones.
    fn fingerprint(&mut self, json: &str) -> [u8; 32] {
        let hash: [u8; 32] = Sha256::digest(json.as_bytes()).into();
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        let count = self.fingerprints.entry(short).or_insert(0);
        *count += 1;
        let mut numbered = Sha256::new();
        numbered.update(hash);
        numbered.update(count.to_be_bytes());
        numbered.finalize().into()
    }

    fn stop(&self, error: ReadError) -> std::io::Result<()> {
        match error {
            ReadError::Refused(refusal) => self.send(Batch::Refused(refusal)),
            ReadError::Io(error) => Err(error),
        }
    }

    fn send(&self, batch: Batch) -> std::io::Result<()> {
        // Nobody receives any more when a commit failed: that error is the one to tell.
        self.sender.blocking_send(batch).or(Ok(()))
    }
}

/// Whether a file's first batch holds nothing but records that are not even records: then it is no
/// file of this feed, and is refused whole instead of filling the rejects.
fn nothing_readable(imported: &Imported, number: u64) -> Option<FileRefusal> {
    let is_first = number == imported.records.len() as u64;
    if !is_first || imported.skipped > 0 {
        return None;
    }
    let first = is_no_record(imported.records.first()?)?;
    let all = imported
        .records
        .iter()
        .all(|record| is_no_record(record).is_some());
    all.then(|| FileRefusal::NothingReadable {
        records: number,
        first: first.detail.to_string(),
    })
}

/// What is wrong with a record that is not even one.
fn is_no_record(record: &ImportedRecord) -> Option<&Reject> {
    let ImportedBody::Refused { reject, .. } = &record.body else {
        return None;
    };
    let no_record = matches!(
        reject.reason,
        RejectReason::NotUtf8
            | RejectReason::TooLong
            | RejectReason::WrongShape
            | RejectReason::NotJson
    );
    no_record.then_some(reject)
}

fn flatten<T>(joined: Result<std::io::Result<T>, tokio::task::JoinError>) -> std::io::Result<T> {
    joined.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
