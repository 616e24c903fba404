//! Records that were kept, taken up again.

use super::commit::Added;
use super::import::kept_state;
use super::world::{FeedKey, PaymentRow, Raw, RejectedRecord, SaleRow, TransactionKey, World};
use harmonia_core::changes::{ImportedBody, Placed, Replayed};
use harmonia_core::ids::{FileId, MatchGroup, RawId, RejectId};
use harmonia_core::money::Money;
use harmonia_core::problem::Reject;
use harmonia_core::state::RejectState;
use harmonia_core::time::{Instant, Moment, Precision};
use harmonia_journey::ports::{ImportOutcome, KeptRecord, StoreError};

impl World {
    /// Takes up kept records. One that was taken up meanwhile is passed over.
    pub fn replay(
        &mut self,
        replayed: Vec<Replayed>,
        at: Instant,
        added: &mut Added,
    ) -> Result<ImportOutcome, StoreError> {
        let mut outcome = ImportOutcome::default();
        for Replayed { reject, raw, body } in replayed {
            let kept = self.rejects.get(&reject.0).cloned();
            if let Some(kept) = kept.filter(|kept| kept.state != RejectState::Replayed) {
                outcome.add(self.replay_one(reject, &kept, raw, body, at, added)?);
            }
        }
        Ok(outcome)
    }

    fn replay_one(
        &mut self,
        reject: RejectId,
        kept: &RejectedRecord,
        data: Box<str>,
        body: ImportedBody,
        at: Instant,
        added: &mut Added,
    ) -> Result<ImportOutcome, StoreError> {
        let match_group = MatchGroup(self.next_raw().0);
        let id = kept.raw.unwrap_or(RawId(match_group.0));
        let arrival = &self.file(kept.file)?.arrival;
        let feed = (arrival.provider.clone(), arrival.feed_type);
        let (when, amount) = match &body {
            ImportedBody::Payment { record, .. } => (record.when, record.amount),
            ImportedBody::Sale { record, .. } => (record.when, record.amount),
            ImportedBody::Refused { reject: why, .. } => {
                return self.keep_again(reject, kept, data, why.clone());
            }
        };
        if let ImportedBody::Sale { scheme, mids, .. } = &body {
            // Its list of MIDs is made known whether it is taken or not, as in an import.
            self.mid_set(*scheme, mids, when.precision == Precision::Day);
        }
        let key = key(&feed, &body, when);
        if let Some(known) = self.keys.get(&key).copied() {
            return match self.conflict(known, &key, (when.start, amount)) {
                None => self.settle(reject, kept, kept.raw, None),
                Some(why) => self.keep_again(reject, kept, data, why),
            };
        }
        self.keys.insert(key, id);
        self.store_raw(id, kept, data, true);
        self.add_typed(id, feed, body, (match_group, at), added);
        self.settle(reject, kept, Some(id), Some(amount))
    }

    fn add_typed(
        &mut self,
        id: RawId,
        feed: FeedKey,
        body: ImportedBody,
        (match_group, imported_at): (MatchGroup, Instant),
        added: &mut Added,
    ) {
        match body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => {
                let row = PaymentRow {
                    feed,
                    scheme,
                    mid,
                    record: *record,
                    match_group,
                    imported_at,
                };
                added.payments.push(Placed {
                    id: id.0,
                    scheme,
                    amount: row.record.amount,
                });
                self.payments.insert(id.payment(), row);
            }
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => {
                let day_only = record.when.precision == Precision::Day;
                let row = SaleRow {
                    feed,
                    scheme,
                    mid_set: self.mid_set(scheme, &mids, day_only),
                    record: *record,
                    match_group,
                    imported_at,
                };
                added.sales.push(Placed {
                    id: id.0,
                    scheme,
                    amount: row.record.amount,
                });
                self.sales.insert(id.sale(), row);
            }
            ImportedBody::Refused { .. } => {}
        }
    }

    fn store_raw(&mut self, id: RawId, kept: &RejectedRecord, data: Box<str>, identified: bool) {
        let raw = Raw {
            file: kept.file,
            number: kept.number,
            data,
            identified,
        };
        self.raws.insert(id, raw);
    }

    /// It is in, now or since before: `new` has the amount of one that is new.
    fn settle(
        &mut self,
        reject: RejectId,
        kept: &RejectedRecord,
        raw: Option<RawId>,
        new: Option<Money>,
    ) -> Result<ImportOutcome, StoreError> {
        let row = RejectedRecord {
            state: RejectState::Replayed,
            raw,
            ..kept.clone()
        };
        self.rejects.insert(reject.0, row);
        let outcome = ImportOutcome {
            read: 1,
            new: u64::from(new.is_some()),
            duplicate: u64::from(new.is_none()),
            ..ImportOutcome::default()
        };
        self.recount(kept.file, kept.state, outcome, new)?;
        Ok(outcome)
    }

    /// It cannot be taken now either.
    fn keep_again(
        &mut self,
        reject: RejectId,
        kept: &RejectedRecord,
        data: Box<str>,
        why: Reject,
    ) -> Result<ImportOutcome, StoreError> {
        let state = kept_state(why.reason);
        let raw = match state {
            RejectState::Quarantined => Some(kept.raw.unwrap_or_else(|| self.next_raw())),
            _ => kept.raw,
        };
        if let Some(raw) = raw {
            self.store_raw(raw, kept, data, false);
        }
        let row = RejectedRecord {
            state,
            reject: why,
            raw,
            ..kept.clone()
        };
        self.rejects.insert(reject.0, row);
        let outcome = ImportOutcome {
            read: 1,
            rejected: u64::from(state == RejectState::Rejected),
            quarantined: u64::from(state == RejectState::Quarantined),
            ..ImportOutcome::default()
        };
        self.recount(kept.file, kept.state, outcome, None)?;
        Ok(outcome)
    }

    /// The file's counts say what became of its records.
    fn recount(
        &mut self,
        file: FileId,
        before: RejectState,
        outcome: ImportOutcome,
        new: Option<Money>,
    ) -> Result<(), StoreError> {
        let log = self.file(file)?;
        match before {
            RejectState::Quarantined => log.counts.quarantined -= 1,
            _ => log.counts.rejected -= 1,
        }
        log.counts.add(ImportOutcome { read: 0, ..outcome });
        log.amount_minor += new.map_or(0, |amount| amount.minor);
        Ok(())
    }

    /// The first quarantined records after a row.
    pub fn quarantined(&self, after: RejectId, limit: usize) -> Vec<KeptRecord> {
        let later = self.rejects.range(after.0 + 1..);
        later
            .filter(|(_, row)| row.state == RejectState::Quarantined)
            .filter_map(|(id, _)| self.kept_record(RejectId(*id)))
            .take(limit)
            .collect()
    }

    /// The kept record of a row.
    pub fn kept_record(&self, id: RejectId) -> Option<KeptRecord> {
        let row = self.rejects.get(&id.0)?;
        let arrival = &self.files.get(&row.file)?.arrival;
        let raw = row.raw.and_then(|raw| self.raws.get(&raw));
        Some(KeptRecord {
            id,
            feed_name: arrival.feed_name.clone(),
            canonical: arrival.canonical,
            number: row.number,
            occurrence: row.occurrence,
            data: raw.map_or_else(|| row.data.clone(), |raw| raw.data.clone()),
            state: row.state,
        })
    }
}

fn key(feed: &FeedKey, body: &ImportedBody, when: Moment) -> TransactionKey {
    let transaction_id = match body {
        ImportedBody::Payment { record, .. } => record.transaction_id.clone(),
        ImportedBody::Sale { record, .. } => record.transaction_id.clone(),
        ImportedBody::Refused { .. } => Default::default(),
    };
    TransactionKey {
        feed: feed.clone(),
        day: when.start.day(),
        transaction_id,
    }
}
