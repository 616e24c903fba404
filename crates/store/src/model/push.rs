//! What senders push: the row of the import log, the records, and what each sender is told.

use super::commit::Added;
use super::world::World;
use harmonia_core::changes::Imported;
use harmonia_core::ids::{MatchGroup, Slug};
use harmonia_core::push::{KEPT_US, Pushed, Receipt, RequestKey};
use harmonia_core::state::FileState;
use harmonia_core::time::{Day, Instant};
use harmonia_journey::ports::{AnsweredBefore, CommitError};

impl World {
    /// Adds the records of requests, and makes and keeps what each sender is told.
    pub fn push(
        &mut self,
        pushed: Pushed,
        at: Instant,
        kept_from: Option<Day>,
        added: &mut Added,
    ) -> Result<(Vec<Receipt>, Option<MatchGroup>), CommitError> {
        let file = self.message_log(&pushed.arrival, at);
        let requests = &pushed.requests;
        let records = requests.iter().flat_map(|request| &request.records);
        let records: Vec<_> = records.cloned().collect();
        let skipped = requests.iter().map(|request| request.skipped).sum();
        let imported = Imported {
            file,
            provider: pushed.arrival.provider.clone(),
            records_read: records.len() as u64 + skipped,
            records,
            skipped,
            more_bytes: pushed.arrival.size_bytes,
            state: FileState::Imported,
            refusal: None,
        };
        let mut fates = Vec::new();
        let (_, match_group) = self.import_telling(imported, at, kept_from, added, &mut fates)?;
        let mut fates = fates.into_iter();
        let mut receipts = Vec::new();
        for request in &pushed.requests {
            let of_request = fates.by_ref().take(request.records.len());
            let receipt = Receipt::new(file.0, request, of_request);
            if let Some(key) = request.key {
                self.keep_answer(&pushed.arrival.feed_name, key, &receipt, at)?;
            }
            receipts.push(receipt);
        }
        Ok((receipts, match_group))
    }

    fn keep_answer(
        &mut self,
        feed: &Slug,
        key: RequestKey,
        receipt: &Receipt,
        at: Instant,
    ) -> Result<(), CommitError> {
        self.told
            .retain(|_, (_, told_at)| *told_at >= at.plus(-KEPT_US));
        let answer = AnsweredBefore {
            body: key.body,
            receipt: receipt.clone(),
        };
        let before = self.told.insert((feed.clone(), key.key), (answer, at));
        before.map_or(Ok(()), |_| Err(CommitError::Conflict))
    }

    /// What was answered to each of these requests of a feed, if they came before.
    pub fn answered_before(&self, feed: &Slug, keys: &[RequestKey]) -> Vec<Option<AnsweredBefore>> {
        let find = |key: &RequestKey| self.told.get(&(feed.clone(), key.key));
        keys.iter()
            .map(|key| find(key).map(|(answer, _)| answer.clone()))
            .collect()
    }
}
