//! Messages: what a queue or a push brings, a batch of them as one commit.

use super::placing::Placing;
use super::{ImportError, READ_BYTES, Step};
use crate::Journey;
use crate::ports::{FileArrival, ImportOutcome, Lease};
use harmonia_core::changes::{Imported, ImportedRecord};
use harmonia_core::feed::{Feed, RawRecord, ReadError};
use harmonia_core::identify::MidDirectory;
use harmonia_core::state::FileState;
use tokio::runtime::{Handle, RuntimeFlavor};

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
        .message_log(&log_of(feed, source), journey.now())
        .await?;
    let directory = journey.store.mid_directory().await?;
    let mut placing = Placing::new(journey, feed)?;
    let size_bytes = messages.iter().map(|message| message.as_ref().len()).sum();
    let taken = without_holding_up_others(size_bytes, || {
        let mut taken = Taken::default();
        for (message, number) in messages.iter().zip(1..) {
            taken.read(&mut placing, message.as_ref(), number, &directory);
        }
        taken
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
        records_read: taken.records.len() as u64 + taken.skipped,
        more_bytes: size_bytes as u64,
        records: taken.records,
        skipped: taken.skipped,
        state: FileState::Imported,
        refusal: None,
    };
    Ok(step.commit(imported).await?)
}

/// The row of the log to which the batch adds: one for a feed, a source and a day.
fn log_of(feed: &Feed, source: &str) -> FileArrival {
    FileArrival {
        provider: feed.provider_slug.clone(),
        feed_type: feed.feed_type,
        feed_name: feed.name.clone(),
        canonical: feed.is_canonical(),
        source: source.to_owned(),
        size_bytes: 0,
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

/// What has been read of a batch.
#[derive(Default)]
struct Taken {
    records: Vec<ImportedRecord>,
    skipped: u64,
    raw: RawRecord,
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
                Ok(true) => self.take(placing, number, directory),
                Ok(false) => return,
                Err(error) => return self.unreadable(placing, message, number, &error, directory),
            }
        }
    }

    fn take(&mut self, placing: &mut Placing, number: u64, directory: &MidDirectory) {
        match placing.read_record(&self.raw, directory) {
            Some(record) => self.records.push(ImportedRecord { number, ..record }),
            None => self.skipped += 1,
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
        self.take(placing, number, directory);
    }
}
