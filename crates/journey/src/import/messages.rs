//! Messages: what a queue or a push brings, a batch of them as one commit.

use super::placing::Placing;
use super::{ImportError, Step, hex};
use crate::Journey;
use crate::ports::{FileArrival, FileClaim, ImportOutcome};
use harmonia_core::changes::{Imported, ImportedRecord};
use harmonia_core::feed::{Feed, RawRecord, ReadError};
use harmonia_core::identify::MidDirectory;
use harmonia_core::state::FileState;
use sha2::{Digest, Sha256};

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
    let arrival = arrival(feed, source, messages);
    let claim = journey
        .store
        .claim_file(&arrival, &journey.holder, journey.now())
        .await?;
    let (file_id, lease) = match claim {
        FileClaim::Yours { file, lease, .. } => (file, lease),
        FileClaim::Busy { holder } => return Err(ImportError::Busy { holder }),
    };
    let directory = journey.store.mid_directory().await?;
    let mut placing = Placing::new(journey, feed)?;
    let mut taken = Taken::default();
    for (message, number) in messages.iter().zip(1..) {
        taken.read(&mut placing, message.as_ref(), number, &directory);
    }
    let step = Step {
        journey,
        feed,
        file_id,
        lease,
    };
    let imported = Imported {
        file: file_id,
        provider: feed.provider_slug.clone(),
        records_read: taken.records.len() as u64 + taken.skipped,
        records: taken.records,
        skipped: taken.skipped,
        state: FileState::Imported,
        refusal: None,
    };
    Ok(step.commit(imported).await?)
}

/// The batch as the import log knows it. The hash tells where one message ends and the next begins.
fn arrival(feed: &Feed, source: &str, messages: &[impl AsRef<[u8]>]) -> FileArrival {
    let mut hash = Sha256::new();
    let mut size_bytes = 0;
    for message in messages {
        let message = message.as_ref();
        hash.update((message.len() as u64).to_be_bytes());
        hash.update(message);
        size_bytes += message.len() as u64;
    }
    FileArrival {
        provider: feed.provider_slug.clone(),
        feed_type: feed.feed_type,
        feed_name: feed.name.clone(),
        canonical: feed.is_canonical(),
        source: source.to_owned(),
        size_bytes,
        sha256: hex(&hash.finalize()),
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
