//! Reading: a thread of its own turns a file's bytes into batches of placed records.

use super::placing::Placing;
use super::{ImportError, flatten};
use crate::Journey;
use crate::ports::Readable;
use harmonia_core::changes::{Imported, ImportedBody, ImportedRecord};
use harmonia_core::feed::{Feed, FeedReader, RawRecord, ReadError};
use harmonia_core::identify::MidDirectory;
use harmonia_core::ids::FileId;
use harmonia_core::problem::{FileRefusal, Reject, RejectReason};
use harmonia_core::state::FileState;
use std::io::Read;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Batches that wait between the reading thread and the store.
const BATCHES_AHEAD: usize = 2;

/// A file that is being read: its batches, in order.
pub struct Batches {
    receiver: mpsc::Receiver<Batch>,
    reading: JoinHandle<std::io::Result<()>>,
    path: String,
}

impl Batches {
    /// Starts to read a file, whose first `records_read` records are passed over. What comes of it
    /// is of the log row `file_id`.
    ///
    /// # Errors
    /// [`ImportError::NoScheme`].
    pub fn read(
        journey: &Journey,
        feed: &Feed,
        file_id: FileId,
        file: Arc<dyn Readable>,
        records_read: u64,
    ) -> Result<Self, ImportError> {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let mut reading = Reading {
            placing: Placing::new(journey, feed)?,
            file: file_id,
            directory: Directory {
                journey: journey.clone(),
                runtime: Handle::current(),
            },
            batch: journey.batch,
            sender,
        };
        let path = file.source();
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = file.open()?;
            reading.run(&mut bytes, records_read)
        });
        Ok(Self {
            receiver,
            reading,
            path,
        })
    }

    /// The next batch; `None` when there is no more, or nothing more can be read.
    pub async fn next(&mut self) -> Option<Batch> {
        self.receiver.recv().await
    }

    /// Whether all was read.
    ///
    /// # Errors
    /// [`ImportError::Read`] when the file could not be read to its end.
    pub async fn finish(self) -> Result<(), ImportError> {
        let path = self.path;
        flatten(self.reading.await).map_err(|error| ImportError::Read { path, error })
    }
}

/// What the reading thread hands over.
pub enum Batch {
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
    placing: Placing,
    file: FileId,
    directory: Directory,
    batch: usize,
    sender: mpsc::Sender<Batch>,
}

impl Reading {
    fn run(&mut self, bytes: &mut dyn Read, records_read: u64) -> std::io::Result<()> {
        let mut reader = match self.placing.feed.reader(bytes) {
            Ok(reader) => reader,
            Err(error) => return self.stop(error),
        };
        let mut raw = RawRecord::default();
        let mut number = 0;
        while !self.sender.is_closed() {
            let (imported, more) =
                match self.read_batch(&mut reader, &mut raw, &mut number, records_read) {
                    Ok(batch) => batch,
                    Err(error) => return self.stop(error),
                };
            if !more && let Some(refusal) = nothing_readable(&imported, number) {
                return self.send(Batch::Refused(refusal));
            }
            // A resumed import has nothing to say of the batches that are in already.
            if number > records_read || !more {
                self.send(Batch::Records(Box::new(imported)))?;
            }
            if !more {
                break;
            }
        }
        Ok(())
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
            match self.placing.read_record(raw, &directory) {
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
            provider: self.placing.feed.provider_slug.clone(),
            records,
            records_read: *number,
            more_bytes: 0,
            skipped,
            state,
            refusal: None,
        };
        Ok((imported, more))
    }

    fn stop(&self, error: ReadError) -> std::io::Result<()> {
        match error {
            ReadError::Refused(refusal) => self.send(Batch::Refused(refusal)),
            ReadError::Io(error) => Err(error),
        }
    }

    fn send(&self, batch: Batch) -> std::io::Result<()> {
        // Nobody receives any more when a commit failed, and that error is the one to tell; or when
        // the import was told to stop.
        self.sender.blocking_send(batch).or(Ok(()))
    }
}

/// Whether a file that is no longer than its first batch holds nothing but records that are not even
/// records: then it is no file of this feed, and is refused whole instead of filling the rejects.
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
    says_no_record(reject.reason).then_some(reject)
}

/// Whether a reason says that something is not even a record of its feed.
pub fn says_no_record(reason: RejectReason) -> bool {
    matches!(
        reason,
        RejectReason::NotUtf8
            | RejectReason::TooLong
            | RejectReason::WrongShape
            | RejectReason::NotJson
    )
}
