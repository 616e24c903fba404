//! Records that were kept, taken up again.

use super::commit::Added;
use super::import::{kept_state, key};
use super::world::{FeedKey, PaymentRow, Raw, RejectedRecord, SaleRow, World};
use crate::told::fingerprint;
use harmonia_core::changes::{ImportedBody, Placed, Replayed};
use harmonia_core::ids::{FileId, MatchGroup, RawId, RejectId};
use harmonia_core::money::Money;
use harmonia_core::problem::Reject;
use harmonia_core::retention::{is_too_old, too_old};
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant, Precision};
use harmonia_core::transaction::Told;
use harmonia_journey::ports::{ImportOutcome, KeptRecord, StoreError};

/// One kept record, read again.
struct Keeping<'a> {
    reject: RejectId,
    kept: &'a RejectedRecord,
    data: Box<str>,
    at: Instant,
}

impl World {
    /// Takes up kept records. One that was taken up meanwhile is passed over.
    pub fn replay(
        &mut self,
        replayed: Vec<Replayed>,
        at: Instant,
        kept_from: Option<Day>,
        added: &mut Added,
    ) -> Result<ImportOutcome, StoreError> {
        let mut outcome = ImportOutcome::default();
        for Replayed { reject, raw, body } in replayed {
            let kept = self.rejects.get(&reject.0).cloned();
            if let Some(kept) = kept.filter(|kept| kept.state != RejectState::Replayed) {
                let keeping = Keeping {
                    reject,
                    kept: &kept,
                    data: raw,
                    at,
                };
                outcome.add(self.replay_one(keeping, body, kept_from, added)?);
            }
        }
        Ok(outcome)
    }

    fn replay_one(
        &mut self,
        keeping: Keeping<'_>,
        body: ImportedBody,
        kept_from: Option<Day>,
        added: &mut Added,
    ) -> Result<ImportOutcome, StoreError> {
        let kept = keeping.kept;
        let match_group = MatchGroup(self.next_raw().0);
        let id = kept.raw.unwrap_or(RawId(match_group.0));
        let arrival = &self.file(kept.file)?.arrival;
        let feed = (arrival.provider.clone(), arrival.feed_type);
        let (told, refused) = match &body {
            ImportedBody::Payment { record, .. } => (record.told(), None),
            ImportedBody::Sale { record, .. } => (record.told(), None),
            ImportedBody::Answer { scheme, record, .. } => {
                return match self.add_answer(*scheme, record, kept.file, keeping.at) {
                    Ok(is_new) => self.settle(&keeping, None, is_new, None),
                    Err(why) => self.keep_again(keeping, &feed, why, None),
                };
            }
            ImportedBody::Refused { reject, told, .. } => match told {
                Some(told) => ((**told).clone(), Some(reject.clone())),
                None => return self.keep_again(keeping, &feed, reject.clone(), None),
            },
        };
        let key = key(&feed, &told);
        let known = self.keys.get(&key).copied();
        if let Some(kept_from) = kept_from.filter(|first| is_too_old(told.day(), Some(*first)))
            && known.is_none()
            && !waited_as(kept, &told)
        {
            let why = too_old(&told.transaction_id, told.day(), kept_from);
            return self.keep_again(keeping, &feed, why, Some(&told));
        }
        if let ImportedBody::Sale {
            scheme,
            mids,
            record,
        } = &body
        {
            // Its list of MIDs is made known whether it is taken or not, as in an import.
            self.mid_set(*scheme, mids, record.when.precision == Precision::Day);
        }
        if let Some(known) = known {
            return match self.conflict(known, &told) {
                None => self.settle(&keeping, kept.raw, false, None),
                Some(why) => self.keep_again(keeping, &feed, why, Some(&told)),
            };
        }
        if let Some(why) = refused {
            return self.keep_again(keeping, &feed, why, Some(&told));
        }
        self.keys.insert(key, id);
        self.store_raw(id, kept, keeping.data.clone(), true);
        self.add_typed(id, feed, body, (match_group, keeping.at), added);
        self.settle(&keeping, Some(id), true, Some(told.amount))
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
            ImportedBody::Answer { .. } | ImportedBody::Refused { .. } => {}
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

    /// It is in, now or since before: `new` has the amount of a transaction that is new.
    fn settle(
        &mut self,
        keeping: &Keeping<'_>,
        raw: Option<RawId>,
        is_new: bool,
        new: Option<Money>,
    ) -> Result<ImportOutcome, StoreError> {
        let kept = keeping.kept;
        self.end(keeping, raw);
        let outcome = ImportOutcome {
            read: 1,
            new: u64::from(is_new),
            duplicate: u64::from(!is_new),
            ..ImportOutcome::default()
        };
        self.recount(kept.file, kept.state, outcome, new)?;
        Ok(outcome)
    }

    /// It waits no more.
    fn end(&mut self, keeping: &Keeping<'_>, raw: Option<RawId>) {
        let row = RejectedRecord {
            state: RejectState::Replayed,
            raw,
            replayed_at: Some(keeping.at),
            ..keeping.kept.clone()
        };
        self.rejects.insert(keeping.reject.0, row);
    }

    /// It cannot be taken now either.
    fn keep_again(
        &mut self,
        keeping: Keeping<'_>,
        feed: &FeedKey,
        why: Reject,
        told: Option<&Told>,
    ) -> Result<ImportOutcome, StoreError> {
        let kept = keeping.kept;
        let reject = keeping.reject;
        let state = kept_state(why.reason);
        let outcome = ImportOutcome {
            read: 1,
            rejected: u64::from(state == RejectState::Rejected),
            quarantined: u64::from(state == RejectState::Quarantined),
            ..ImportOutcome::default()
        };
        // One that says what another says of the same transaction is listed once.
        let told_mark = told
            .filter(|_| state == RejectState::Rejected)
            .map(|told| fingerprint(why.reason, told));
        if let Some(mark) = &told_mark
            && self.is_listed(feed, mark, Some(reject.0))
        {
            self.end(&keeping, kept.raw);
            self.recount(kept.file, kept.state, outcome, None)?;
            return Ok(outcome);
        }
        let waits = told.filter(|_| state == RejectState::Quarantined);
        let raw = match state {
            RejectState::Quarantined => Some(kept.raw.unwrap_or_else(|| self.next_raw())),
            _ => kept.raw,
        };
        if let Some(raw) = raw {
            self.store_raw(raw, kept, keeping.data, false);
        }
        let row = RejectedRecord {
            state,
            reject: why,
            raw,
            fingerprint: told_mark.unwrap_or(kept.fingerprint),
            waits_for: waits.map(|told| (told.day(), told.transaction_id.clone())),
            ..kept.clone()
        };
        self.rejects.insert(reject.0, row);
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

/// Whether a record was sound when it was kept, but for its MID, and is what it was: nothing of that
/// key was purged while it waited.
fn waited_as(kept: &RejectedRecord, told: &Told) -> bool {
    let key = kept.waits_for.as_ref();
    kept.state == RejectState::Quarantined
        && key.is_some_and(|(day, id)| *day == told.day() && *id == told.transaction_id)
}
