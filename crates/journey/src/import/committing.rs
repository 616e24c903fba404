//! Committing: while one batch of a file becomes durable, the rows of the next are written already.

use crate::Journey;
use crate::ports::{CommitError, Committed, ImportOutcome, Lease, StoreError, Turn};
use compact_str::CompactString;
use harmonia_core::changes::{Changes, Imported, ImportedBody};
use harmonia_core::money::Money;
use harmonia_core::time::Instant;
use hashbrown::{HashMap, HashSet};
use tokio::task::JoinHandle;

/// The commits of one file, in their order. Two are under way at a time; one that fails takes the one
/// after it with it.
pub struct Committing<'a> {
    journey: &'a Journey,
    lease: Lease,
    progress: &'a (dyn Fn(u64) + Sync),
    under_way: Option<UnderWay>,
    turn: Turn,
    outcome: ImportOutcome,
}

struct UnderWay {
    commit: JoinHandle<Result<Committed, CommitError>>,
    /// How many records of the file are read when it is made.
    read: u64,
    about: About,
}

/// The transactions of a batch, by their ids.
#[derive(Default)]
struct About {
    /// Those that become rows: when each was, and how much.
    taken: HashMap<CompactString, (Instant, Money)>,
    /// Those that are not taken, or not yet.
    refused: HashSet<CompactString>,
}

impl<'a> Committing<'a> {
    /// For a file under its lease. `progress` is told how many records are in.
    pub fn new(journey: &'a Journey, lease: Lease, progress: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self {
            journey,
            lease,
            progress,
            under_way: None,
            turn: Turn::first(),
            outcome: ImportOutcome::default(),
        }
    }

    /// Begins to commit the next batch, and waits for the one before.
    ///
    /// # Errors
    /// [`CommitError`] of the one before; the one that was begun is not made either.
    pub async fn begin(&mut self, changes: Changes) -> Result<(), CommitError> {
        let imported = changes.imported.as_ref();
        let read = imported.map_or(0, |imported| imported.records_read);
        let about = imported.map(About::of).unwrap_or_default();
        let before = self.under_way.as_ref();
        let again = before.map(|before| about.again_after(&before.about));
        if again == Some(None) {
            self.settle().await?;
        }
        let following = self.turn.next();
        let mut turn = std::mem::replace(&mut self.turn, following);
        turn.again = again.flatten().unwrap_or_default();
        let (journey, lease) = (self.journey.clone(), self.lease);
        let commit =
            tokio::spawn(async move { journey.commit_in_turn(lease, changes, turn).await });
        let begun = UnderWay {
            commit,
            read,
            about,
        };
        let before = self.settle().await;
        self.under_way = Some(begun);
        if before.is_err() {
            // It learns of that by its turn, and must be over before anybody else has the file.
            let _ = self.settle().await;
        }
        before
    }

    /// Waits until all is durable; returns what became of the records.
    ///
    /// # Errors
    /// [`CommitError`]: what was committed before it stays.
    pub async fn finish(mut self) -> Result<ImportOutcome, CommitError> {
        self.settle().await?;
        Ok(self.outcome)
    }

    async fn settle(&mut self) -> Result<(), CommitError> {
        let Some(UnderWay { commit, read, .. }) = self.under_way.take() else {
            return Ok(());
        };
        let committed = commit.await;
        let committed = committed.map_err(|panic| StoreError::Broken(panic.to_string()))??;
        self.outcome.add(committed.imported);
        (self.progress)(read);
        Ok(())
    }
}

impl About {
    fn of(imported: &Imported) -> Self {
        let mut about = Self::default();
        for record in &imported.records {
            let (id, told) = match &record.body {
                ImportedBody::Payment { record, .. } => {
                    (&record.transaction_id, (record.when.start, record.amount))
                }
                ImportedBody::Sale { record, .. } => {
                    (&record.transaction_id, (record.when.start, record.amount))
                }
                ImportedBody::Refused { told, .. } => {
                    let id = told.as_ref().map(|told| told.transaction_id.clone());
                    about.refused.extend(id);
                    continue;
                }
                ImportedBody::Answer { .. } => continue,
            };
            about.taken.entry(id.clone()).or_insert(told);
        }
        about
    }

    /// The transactions of the batch before that come again in this one. `None` where only the store can
    /// say what became of one of them: then the batch before has to be made first.
    fn again_after(&self, before: &Self) -> Option<HashMap<CompactString, (Instant, Money)>> {
        let is_of_before =
            |id: &CompactString| before.taken.contains_key(id) || before.refused.contains(id);
        let is_refused = |id: &CompactString| before.refused.contains(id);
        if self.refused.iter().any(is_of_before) || self.taken.keys().any(is_refused) {
            return None;
        }
        let again = before
            .taken
            .iter()
            .filter(|(id, _)| self.taken.contains_key(*id));
        Some(again.map(|(id, told)| (id.clone(), *told)).collect())
    }
}
