//! Messages and pushed requests: a batch of them as one commit, its row of the import log included.

use super::placing::Placing;
use super::{ImportError, hex, matching_job};
use crate::Journey;
use crate::ports::{ImportOutcome, Lease};
use harmonia_core::changes::{Changes, FileArrival, ImportedRecord};
use harmonia_core::feed::{Feed, RawRecord, ReadError};
use harmonia_core::identify::MidDirectory;
use harmonia_core::push::{Pushed, Receipt, Request, RequestKey};
use sha2::{Digest, Sha256};
use std::sync::Arc;

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
    let directory = journey.store.mid_directory().await?;
    let mut placing = Placing::new(journey, feed)?;
    let mut taken = Taken::default();
    for (message, number) in messages.iter().zip(1..) {
        taken.read(&mut placing, message.as_ref(), number, &directory);
    }
    let mut hash = Hash::default();
    for message in messages {
        hash.add(message.as_ref());
    }
    let receipts = commit(journey, hash.arrival(feed, source), vec![taken.request]).await?;
    let mut outcome = ImportOutcome::default();
    for receipt in &receipts {
        outcome.add(receipt.into());
    }
    Ok(outcome)
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
    let mut hash = Hash::default();
    for request in &requests {
        hash.add_hashed(request.size_bytes, &request.sha256);
    }
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
    commit(journey, hash.arrival(feed, source), placed).await
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
    arrival: FileArrival,
    requests: Vec<Request>,
) -> Result<Vec<Receipt>, ImportError> {
    let mut changes = Changes::none(journey.now());
    changes.kept_from = journey.kept_from().await?;
    changes.jobs.push(matching_job(journey, changes.at));
    changes.pushed = Some(Pushed { arrival, requests });
    // Nothing was leased: that nothing is taken twice is for the unique keys to see to.
    let committed = journey.store.commit(Lease::Operator, changes).await?;
    Ok(committed.receipts)
}

/// The bytes of a batch as the import log knows them. The hash tells where one message ends and the
/// next begins.
#[derive(Default)]
struct Hash {
    hash: Sha256,
    size_bytes: u64,
}

impl Hash {
    fn add(&mut self, message: &[u8]) {
        self.hash.update((message.len() as u64).to_be_bytes());
        self.hash.update(message);
        self.size_bytes += message.len() as u64;
    }

    fn add_hashed(&mut self, size_bytes: u64, sha256: &[u8; 32]) {
        self.hash.update(size_bytes.to_be_bytes());
        self.hash.update(sha256);
        self.size_bytes += size_bytes;
    }

    fn arrival(self, feed: &Feed, source: &str) -> FileArrival {
        FileArrival {
            provider: feed.provider_slug.clone(),
            feed_type: feed.feed_type,
            feed_name: feed.name.clone(),
            canonical: feed.is_canonical(),
            source: source.to_owned(),
            size_bytes: self.size_bytes,
            sha256: hex(&self.hash.finalize()),
        }
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
