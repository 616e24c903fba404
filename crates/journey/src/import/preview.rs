//! Preview: what importing a file would do, record by record, with nothing written.

use super::placing::Placing;
use super::reading::says_no_record;
use super::{ImportError, flatten, inspect};
use crate::Journey;
use crate::drive::never;
use crate::ports::{Answered, ImportOutcome, Readable, RecordKey};
use compact_str::CompactString;
use harmonia_core::answer::unknown_export;
use harmonia_core::changes::ImportedBody;
use harmonia_core::feed::{Feed, RawRecord, ReadError};
use harmonia_core::identify::MidDirectory;
use harmonia_core::ids::ExportId;
use harmonia_core::money::Money;
use harmonia_core::problem::{FileRefusal, Reject, RejectReason};
use harmonia_core::retention::{is_too_old, too_old};
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::{AnswerRecord, Told};
use hashbrown::{HashMap, HashSet};
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What a record would become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fate {
    /// It would be taken.
    New,
    /// It is known already, or came before in the file.
    Duplicate,
    /// The feed's rules leave it out.
    Skipped,
    /// It would be kept as a reject.
    Rejected,
    /// It would wait until its MID or location is onboarded.
    Quarantined,
}

/// One record of a previewed file.
#[derive(Clone, Debug, Serialize)]
pub struct PreviewRecord {
    /// Its line or record number.
    pub number: u64,
    /// What it would become.
    pub outcome: Fate,
    /// Its id, where it has one.
    pub transaction_id: Option<CompactString>,
    /// Why it would not be taken.
    pub reason: Option<&'static str>,
    /// The column to blame.
    pub field: Option<Box<str>>,
    /// What was found, and what would be right.
    pub detail: Option<Box<str>>,
}

/// A whole file, previewed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Preview {
    /// What would become of its records.
    #[serde(flatten)]
    pub outcome: ImportOutcome,
    /// Why it would be refused as a whole.
    pub problem: Option<String>,
    /// Its columns that the agent file does not use.
    pub unused_columns: Vec<String>,
}

/// Says what importing a file would do, now, after the files that were `seen` before it. `told` hears
/// of its records, batch by batch.
///
/// # Errors
/// [`ImportError`] when the file cannot be read or the store not asked.
pub async fn preview(
    journey: &Journey,
    feed: &Feed,
    file: Arc<dyn Readable>,
    seen: &mut Seen,
    told: &mut (dyn FnMut(&[PreviewRecord]) + Send),
) -> Result<Preview, ImportError> {
    let inspected = inspect(feed, Arc::clone(&file), &never()).await?;
    if let Some((_, Err(refusal))) = inspected {
        return Ok(Preview {
            problem: Some(refusal.to_string()),
            ..Preview::default()
        });
    }
    let path = file.source();
    let (sender, mut batches) = mpsc::channel(1);
    let mut looking = Looking {
        placing: Placing::new(journey, feed)?,
        directory: journey.store.mid_directory().await?,
        batch: journey.batch,
        unused: BTreeSet::new(),
    };
    let looking = tokio::task::spawn_blocking(move || {
        let mut bytes = file.open()?;
        let refused = looking.run(&mut bytes, &sender)?;
        Ok((refused, looking.unused))
    });
    let mut preview = Preview::default();
    while let Some(batch) = batches.recv().await {
        let is_first = preview.outcome.read == 0;
        preview.problem = nothing_readable(&batch).filter(|_| is_first);
        let records = decide(journey, feed, batch, seen).await?;
        for record in &records {
            count(record.outcome, &mut preview.outcome);
        }
        told(&records);
    }
    let looked = flatten(looking.await);
    let (refused, unused) = looked.map_err(|error| ImportError::Read { path, error })?;
    preview.problem = refused.or(preview.problem);
    if preview.problem.is_some() {
        preview.outcome = ImportOutcome::default();
    }
    preview.unused_columns = unused.into_iter().collect();
    Ok(preview)
}

/// A record as it was read.
enum Looked {
    Skipped,
    Placed(Told),
    Answer(Box<AnswerRecord>),
    Kept(Reject, Option<Box<Told>>),
}

type Batch = Vec<(u64, Looked)>;

/// The reading thread's work.
struct Looking {
    placing: Placing,
    directory: Arc<MidDirectory>,
    batch: usize,
    unused: BTreeSet<String>,
}

impl Looking {
    /// Reads to the end; gives the reason where the file would be refused.
    fn run(
        &mut self,
        bytes: &mut dyn Read,
        sender: &mpsc::Sender<Batch>,
    ) -> std::io::Result<Option<String>> {
        match self.read(bytes, sender) {
            Ok(()) => Ok(None),
            Err(ReadError::Io(error)) => Err(error),
            Err(ReadError::Refused(refusal)) => Ok(Some(refusal.to_string())),
        }
    }

    fn read(
        &mut self,
        bytes: &mut dyn Read,
        sender: &mpsc::Sender<Batch>,
    ) -> Result<(), ReadError> {
        // Nobody receives any more when the store failed: that error is the one to tell.
        let send = |batch| drop(sender.blocking_send(batch));
        let feed = self.placing.feed.clone();
        let mut reader = feed.reader(bytes)?;
        let mut raw = RawRecord::default();
        let mut batch = Vec::with_capacity(self.batch);
        while reader.next(&mut raw)? {
            batch.push((raw.number(), self.look(&raw)));
            if batch.len() == self.batch {
                send(std::mem::take(&mut batch));
            }
        }
        send(batch);
        Ok(())
    }

    fn look(&mut self, raw: &RawRecord) -> Looked {
        self.placing.feed.add_unused(raw, &mut self.unused);
        let Some(record) = self.placing.read_record(raw, &self.directory) else {
            return Looked::Skipped;
        };
        match record.body {
            ImportedBody::Payment { record, .. } => Looked::Placed(record.told()),
            ImportedBody::Sale { record, .. } => Looked::Placed(record.told()),
            ImportedBody::Answer { record, .. } => Looked::Answer(record),
            ImportedBody::Refused { reject, told, .. } => Looked::Kept(reject, told),
        }
    }
}

/// Why a file is refused that has only records which are not even records.
fn nothing_readable(batch: &Batch) -> Option<String> {
    let is_none = |(_, looked): &(u64, Looked)| match looked {
        Looked::Kept(reject, _) => says_no_record(reject.reason),
        _ => false,
    };
    let Some((_, Looked::Kept(first, _))) = batch.first() else {
        return None;
    };
    let refusal = FileRefusal::NothingReadable {
        records: batch.len() as u64,
        first: first.detail.to_string(),
    };
    batch.iter().all(is_none).then(|| refusal.to_string())
}

/// What was said earlier in the file, or in one before it.
#[derive(Debug, Default)]
pub struct Seen {
    /// Of each transaction.
    transactions: HashMap<(Day, CompactString), (Instant, Money)>,
    /// The results of exports.
    answers: HashSet<(ExportId, CompactString)>,
}

/// What is new and what is known, in the store or from earlier in the file.
async fn decide(
    journey: &Journey,
    feed: &Feed,
    batch: Batch,
    seen: &mut Seen,
) -> Result<Vec<PreviewRecord>, ImportError> {
    let key = |(_, looked): &(u64, Looked)| {
        let told = match looked {
            Looked::Placed(told) => told,
            Looked::Kept(_, told) => told.as_deref()?,
            Looked::Skipped | Looked::Answer(_) => return None,
        };
        Some(RecordKey {
            day: told.day(),
            transaction_id: told.transaction_id.clone(),
        })
    };
    let keys: Vec<RecordKey> = batch.iter().filter_map(key).collect();
    let store = &journey.store;
    let known = store.known(&feed.provider_slug, feed.feed_type, &keys);
    let mut known = known.await?.into_iter();
    let kept_from = journey.kept_from().await?.max(store.kept_from().await?);
    let answers = batch.iter().filter_map(|(_, looked)| match looked {
        Looked::Answer(record) => Some((**record).clone()),
        _ => None,
    });
    let answers: Vec<AnswerRecord> = answers.collect();
    let mut asked = match journey.agents.export(&feed.provider_slug) {
        Some(scheme) => store.answered(scheme, &answers).await?.into_iter(),
        None => Vec::new().into_iter(),
    };
    let record = |(number, looked)| match looked {
        Looked::Skipped => shown(number, Fate::Skipped, None),
        Looked::Answer(record) => answered(number, *record, asked.next(), seen),
        Looked::Kept(reject, None) => kept(number, reject),
        Looked::Placed(told) => {
            let before = known.next().flatten();
            decided(number, told, before, kept_from, seen, None)
        }
        Looked::Kept(reject, Some(told)) => {
            let before = known.next().flatten();
            decided(number, *told, before, kept_from, seen, Some(reject))
        }
    };
    Ok(batch.into_iter().map(record).collect())
}

/// What becomes of a sound record: one that is neither known nor too old is new, unless its MID or
/// location is not known, as `waits` says then.
fn decided(
    number: u64,
    told: Told,
    known: Option<(Instant, Money)>,
    kept_from: Option<Day>,
    seen: &mut Seen,
    waits: Option<Reject>,
) -> PreviewRecord {
    let said = (told.date, told.amount);
    let place = (told.day(), told.transaction_id.clone());
    let id = Some(told.transaction_id.clone());
    match known.or_else(|| seen.transactions.get(&place).copied()) {
        None if is_too_old(told.day(), kept_from) => {
            let first = kept_from.unwrap_or(told.day());
            kept(number, too_old(&told.transaction_id, told.day(), first))
        }
        None => match waits {
            Some(reject) => kept(number, reject),
            None => {
                seen.transactions.insert(place, said);
                shown(number, Fate::New, id)
            }
        },
        Some(before) if before == said => shown(number, Fate::Duplicate, id),
        Some((date, amount)) => PreviewRecord {
            reason: Some(RejectReason::Conflict.as_str()),
            detail: Some(
                format!(
                    "it is known already with {amount} at {date}, and comes now with {} at {}: ask \
                     its sender which is right",
                    said.1, said.0
                )
                .into(),
            ),
            ..shown(number, Fate::Rejected, id)
        },
    }
}

/// What becomes of an answer: to which export it is, and whether that had it before.
fn answered(
    number: u64,
    record: AnswerRecord,
    found: Option<Answered>,
    seen: &mut Seen,
) -> PreviewRecord {
    match found {
        Some(Answered::To { export, is_known }) => {
            let is_first = seen.answers.insert((export, record.result));
            let fate = if is_known || !is_first {
                Fate::Duplicate
            } else {
                Fate::New
            };
            shown(number, fate, record.transaction_id)
        }
        Some(Answered::ToNone(reject)) => kept(number, reject),
        None => kept(number, unknown_export(&record)),
    }
}

fn kept(number: u64, reject: Reject) -> PreviewRecord {
    let outcome = if reject.reason.is_quarantine() {
        Fate::Quarantined
    } else {
        Fate::Rejected
    };
    PreviewRecord {
        reason: Some(reject.reason.as_str()),
        field: reject.field,
        detail: Some(reject.detail),
        ..shown(number, outcome, None)
    }
}

fn shown(number: u64, outcome: Fate, transaction_id: Option<CompactString>) -> PreviewRecord {
    PreviewRecord {
        number,
        outcome,
        transaction_id,
        reason: None,
        field: None,
        detail: None,
    }
}

fn count(fate: Fate, outcome: &mut ImportOutcome) {
    outcome.read += 1;
    let one = match fate {
        Fate::New => &mut outcome.new,
        Fate::Duplicate => &mut outcome.duplicate,
        Fate::Skipped => &mut outcome.skipped,
        Fate::Rejected => &mut outcome.rejected,
        Fate::Quarantined => &mut outcome.quarantined,
    };
    *one += 1;
}
