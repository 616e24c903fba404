//! Messages and pushed requests: a batch of them as one commit, its row of the import log included.

use super::placing::Placing;
use super::{ImportError, READ_BYTES, Step, matching_job};
use crate::Journey;
use crate::ports::{ImportOutcome, Lease, Part};
use harmonia_core::changes::{Changes, FileArrival, Imported, ImportedRecord};
use harmonia_core::feed::{Feed, RawRecord, ReadError};
use harmonia_core::identify::MidDirectory;
use harmonia_core::push::{Pushed, Receipt, Request, RequestKey};
use harmonia_core::state::FileState;
use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Records that are placed where they are; more of them would keep other tasks waiting, and go to a
/// thread of their own.
const PLACED_AT_ONCE: usize = 200;

/// A request whose body was read into raw records: see [`super::read_body`].
#[derive(Debug)]
pub struct PushedRecords {
    /// By what it is known when it comes again, where its sender wants that.
    pub key: Option<RequestKey>,
    /// What it holds.
    pub raws: Vec<RawRecord>,
    /// The length of its body in bytes.
    pub size_bytes: u64,
    /// The SHA-256 of its body.
    pub sha256: [u8; 32],
}

/// Imports messages, each of which holds one record of the feed or a few. All of them are durable
/// when this returns: typed, quarantined or rejected, as each deserves. Messages that come again
/// add nothing.
///
/// `source` says where they came from; a record's number is that of its message in the batch.
///
/// # Errors
/// [`ImportError`]: nothing of the batch counts as taken, and it may be given again.
pub async fn import_messages(
    journey: &Journey,
    feed: &Feed,
    source: &str,
    messages: &[impl AsRef<[u8]>],
) -> Result<ImportOutcome, ImportError> {
    let file = journey
        .store
        .message_log(&log_of(feed, source, 0), journey.now())
        .await?;
    let directory = journey.store.mid_directory().await?;
    let mut placing = Placing::new(journey, feed)?;
    let size_bytes = messages.iter().map(|message| message.as_ref().len()).sum();
    let request = without_holding_up_others(size_bytes, || {
        let mut taken = Taken::default();
        for (message, number) in messages.iter().zip(1..) {
            taken.read(&mut placing, message.as_ref(), number, &directory);
        }
        taken.request
    });
    // Whoever else has the same messages adds nothing with them: the keys see to that, no lease.
    let step = Step {
        journey,
        feed,
        file_id: file,
        lease: Lease::Operator,
    };
    let imported = Imported {
        file,
        provider: feed.provider_slug.clone(),
        records_read: request.records.len() as u64 + request.skipped,
        more_bytes: size_bytes as u64,
        records: request.records,
        skipped: request.skipped,
        state: FileState::Imported,
        refusal: None,
    };
    Ok(step.commit(imported).await?)
}

/// Imports requests of one feed in one commit, and gives what each sender is told, in their order.
///
/// # Errors
/// [`ImportError`]: nothing of them counts as taken. A conflict says that one of their keys was
/// used meanwhile.
pub async fn import_requests(
    journey: &Journey,
    feed: &Feed,
    source: &str,
    requests: Vec<Arc<PushedRecords>>,
) -> Result<Vec<Receipt>, ImportError> {
    let directory = journey.store.mid_directory().await?;
    let size_bytes = requests.iter().map(|request| request.size_bytes).sum();
    let records: usize = requests.iter().map(|request| request.raws.len()).sum();
    let placed = if records <= PLACED_AT_ONCE {
        place(journey, feed, &directory, &requests)?
    } else {
        let (journey, feed) = (journey.clone(), feed.clone());
        let placing =
            tokio::task::spawn_blocking(move || place(&journey, &feed, &directory, &requests));
        placing.await.map_err(|error| ImportError::Read {
            path: source.to_owned(),
            error: std::io::Error::other(error),
        })??
    };
    let arrival = log_of(feed, source, size_bytes);
    commit(journey, feed, arrival, placed).await
}

fn place(
    journey: &Journey,
    feed: &Feed,
    directory: &MidDirectory,
    requests: &[Arc<PushedRecords>],
) -> Result<Vec<Request>, ImportError> {
    let mut placed = Vec::with_capacity(requests.len());
    for request in requests {
        // How often a refused record came is counted within its request, as within a file.
        let mut placing = Placing::new(journey, feed)?;
        let mut taken = Taken::default();
        for raw in &request.raws {
            taken.take(placing.read_record(raw, directory), raw.number());
        }
        taken.request.key = request.key;
        placed.push(taken.request);
    }
    Ok(placed)
}

async fn commit(
    journey: &Journey,
    feed: &Feed,
    arrival: FileArrival,
    requests: Vec<Request>,
) -> Result<Vec<Receipt>, ImportError> {
    let mut changes = Changes::none(journey.now());
    let config = journey.config().await?;
    changes.kept_from = journey.kept_from_of(&config)?;
    changes
        .jobs
        .push(matching_job(journey, feed, &config, changes.at)?);
    // Nothing was leased: that nothing is taken twice is for the unique keys to see to.
    let part = Part::import_of(arrival.feed_type);
    changes.pushed = Some(Pushed { arrival, requests });
    let committed = journey.commit(Lease::Operator, changes).await?;
    journey.check_in(part).await;
    Ok(committed.receipts)
}

/// The row of the log to which a batch adds so many bytes: one for a feed, a source and a day.
fn log_of(feed: &Feed, source: &str, size_bytes: u64) -> FileArrival {
    FileArrival {
        provider: feed.provider_slug.clone(),
        feed_type: feed.feed_type,
        feed_name: feed.name.clone(),
        canonical: feed.is_canonical(),
        source: source.to_owned(),
        size_bytes,
        sha256: String::new(),
    }
}

/// Does what takes a while where tasks that wait for this thread go on with another.
fn without_holding_up_others<T>(size_bytes: usize, work: impl FnOnce() -> T) -> T {
    let takes_a_while = size_bytes > READ_BYTES;
    let flavor = Handle::current().runtime_flavor();
    if takes_a_while && flavor == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// What has been read of a batch, or of a request.
struct Taken {
    request: Request,
    raw: RawRecord,
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            request: Request {
                key: None,
                records: Vec::new(),
                skipped: 0,
            },
            raw: RawRecord::default(),
        }
    }
}

impl Taken {
    fn read(
        &mut self,
        placing: &mut Placing,
        message: &[u8],
        number: u64,
        directory: &MidDirectory,
    ) {
        let feed = placing.feed.clone();
        let mut reader = match feed.message(message) {
            Ok(reader) => reader,
            Err(error) => return self.unreadable(placing, message, number, &error, directory),
        };
        loop {
            match reader.next(&mut self.raw) {
                Ok(true) => self.take(placing.read_record(&self.raw, directory), number),
                Ok(false) => return,
                Err(error) => return self.unreadable(placing, message, number, &error, directory),
            }
        }
    }

    fn take(&mut self, record: Option<ImportedRecord>, number: u64) {
        match record {
            Some(record) => self
                .request
                .records
                .push(ImportedRecord { number, ..record }),
            None => self.request.skipped += 1,
        }
    }

    /// A message that is not even a record is kept as a reject: it must not come round and round.
    fn unreadable(
        &mut self,
        placing: &mut Placing,
        message: &[u8],
        number: u64,
        error: &ReadError,
        directory: &MidDirectory,
    ) {
        self.raw = RawRecord::unreadable(message, &error.to_string());
        self.take(placing.read_record(&self.raw, directory), number);
    }
}
