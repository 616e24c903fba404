//! Records of a file, raw and typed, each once for ever.

use super::commit::Added;
use super::world::{
    FeedKey, MidSetRow, PaymentRow, Raw, RejectedRecord, SaleRow, TransactionKey, World,
    next_number,
};
use crate::told::fingerprint;
use compact_str::CompactString;
use harmonia_core::changes::{Imported, ImportedBody, ImportedRecord, Placed};
use harmonia_core::ids::{FileId, MatchGroup, MidId, MidSetId, RawId, SchemeId};
use harmonia_core::money::Money;
use harmonia_core::problem::{Reject, RejectReason};
use harmonia_core::push::Fate;
use harmonia_core::retention::{is_too_old, too_old};
use harmonia_core::state::{FileState, RejectState};
use harmonia_core::time::{Day, Instant, Precision};
use harmonia_core::transaction::{PaymentRecord, SaleRecord, Told};
use harmonia_journey::ports::{ImportOutcome, RecordKey, StoreError};

/// When and how much: what a record says of a transaction that is known already.
pub type Said = (Instant, Money);

/// One commit's stretch of a file.
struct Stretch<'a> {
    world: &'a mut World,
    added: &'a mut Added,
    feed: FeedKey,
    file: FileId,
    match_group: MatchGroup,
    at: Instant,
    kept_from: Option<Day>,
    /// Of the record in hand.
    occurrence: u32,
    /// What became of the record in hand.
    fate: Fate,
    outcome: ImportOutcome,
    amount_minor: i64,
}

impl World {
    /// Adds a stretch of a file's records. Returns what became of them, and the match group of
    /// those that were new.
    pub fn import(
        &mut self,
        imported: Imported,
        at: Instant,
        kept_from: Option<Day>,
        added: &mut Added,
    ) -> Result<(ImportOutcome, Option<MatchGroup>), StoreError> {
        self.import_telling(imported, at, kept_from, added, &mut Vec::new())
    }

    /// The same, and tells what became of each record.
    pub fn import_telling(
        &mut self,
        imported: Imported,
        at: Instant,
        kept_from: Option<Day>,
        added: &mut Added,
        fates: &mut Vec<Fate>,
    ) -> Result<(ImportOutcome, Option<MatchGroup>), StoreError> {
        let match_group = MatchGroup(self.next_raw().0);
        let before = added.payments.len() + added.sales.len();
        let arrival = self.file(imported.file)?.arrival.clone();
        let mut stretch = Stretch {
            world: &mut *self,
            added,
            feed: (arrival.provider, arrival.feed_type),
            file: imported.file,
            match_group,
            at,
            kept_from,
            occurrence: 0,
            fate: Fate::New,
            outcome: ImportOutcome {
                read: imported.records.len() as u64 + imported.skipped,
                skipped: imported.skipped,
                ..ImportOutcome::default()
            },
            amount_minor: 0,
        };
        for record in imported.records {
            stretch.fate = Fate::New;
            stretch.add(record);
            fates.push(stretch.fate.clone());
        }
        let (outcome, amount_minor) = (stretch.outcome, stretch.amount_minor);
        let log = self.file(imported.file)?;
        let read_before = log.counts.read;
        log.counts.add(outcome);
        log.counts.read = imported.records_read;
        if log.is_of_messages {
            log.counts.read += read_before;
        }
        log.arrival.size_bytes += imported.more_bytes;
        log.finished_at = (imported.state != FileState::Importing).then_some(at);
        log.amount_minor += amount_minor;
        log.state = imported.state;
        log.refusal = imported.refusal;
        refuse_wrong_sum(log.state, log.counts)?;
        let has_typed = added.payments.len() + added.sales.len() > before;
        Ok((outcome, has_typed.then_some(match_group)))
    }

    pub fn file(&mut self, id: FileId) -> Result<&mut super::world::FileLog, StoreError> {
        let unknown = || StoreError::Broken(format!("there is no file {id}"));
        self.files.get_mut(&id).ok_or_else(unknown)
    }

    pub fn next_raw(&self) -> RawId {
        let next = next_number(&self.raws, |id| id.0);
        RawId(next.max(self.last_raw + 1))
    }

    /// The row of a list of MIDs, made where there is none.
    pub fn mid_set(
        &mut self,
        scheme: SchemeId,
        mids: &[CompactString],
        day_only: bool,
    ) -> MidSetId {
        let is_it = |row: &MidSetRow| row.scheme == scheme && row.mids == mids;
        if let Some((id, row)) = self.mid_sets.iter_mut().find(|(_, row)| is_it(row)) {
            row.has_days |= day_only;
            return *id;
        }
        let id = MidSetId(next_number(&self.mid_sets, |id| id.0));
        let row = MidSetRow {
            scheme,
            mids: mids.to_vec(),
            has_days: day_only,
        };
        self.mid_sets.insert(id, row);
        id
    }
}

/// Every record read is accounted for once the file is done.
fn refuse_wrong_sum(state: FileState, counts: ImportOutcome) -> Result<(), StoreError> {
    let told =
        counts.new + counts.duplicate + counts.skipped + counts.rejected + counts.quarantined;
    if state == FileState::Imported && told != counts.read {
        return Err(StoreError::Broken(format!(
            "of {} records read {told} are accounted for",
            counts.read
        )));
    }
    Ok(())
}

impl Stretch<'_> {
    fn add(&mut self, record: ImportedRecord) {
        let ImportedRecord {
            number,
            occurrence,
            raw,
            body,
        } = record;
        self.occurrence = occurrence;
        let told = match &body {
            ImportedBody::Payment { record, .. } => Some(record.told()),
            ImportedBody::Sale { record, .. } => Some(record.told()),
            ImportedBody::Answer { .. } => None,
            ImportedBody::Refused { told, .. } => told.as_deref().cloned(),
        };
        if let Some(told) = &told
            && self.is_settled(number, &raw, told, &body)
        {
            return;
        }
        match body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => {
                let key = key(&self.feed, &record.told());
                self.add_payment(key, number, raw, scheme, mid, *record);
            }
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => {
                let day_only = record.when.precision == Precision::Day;
                let mid_set = self.world.mid_set(scheme, &mids, day_only);
                let key = key(&self.feed, &record.told());
                self.add_sale(key, number, raw, scheme, mid_set, *record);
            }
            ImportedBody::Answer {
                scheme,
                record,
                fingerprint,
            } => match self.world.add_answer(scheme, &record, self.file, self.at) {
                Ok(true) => self.outcome.new += 1,
                Ok(false) => {
                    self.outcome.duplicate += 1;
                    self.fate = Fate::Duplicate;
                }
                Err(reject) => self.refuse(number, raw, reject, fingerprint, None),
            },
            ImportedBody::Refused {
                reject,
                fingerprint,
                ..
            } => self.refuse(number, raw, reject, fingerprint, told.as_ref()),
        }
    }

    /// Whether a record is known, or too old to be taken unknown: then nothing more becomes of it.
    fn is_settled(&mut self, number: u64, raw: &str, told: &Told, body: &ImportedBody) -> bool {
        let known = self.world.keys.get(&key(&self.feed, told)).copied();
        let is_too_old = is_too_old(told.day(), self.kept_from);
        if let (
            Some(_),
            false,
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            },
        ) = (known, is_too_old, body)
        {
            // Its list of MIDs is made known all the same.
            let day_only = record.when.precision == Precision::Day;
            self.world.mid_set(*scheme, mids, day_only);
        }
        let reject = match known {
            Some(known) => self.world.conflict(known, told),
            None if is_too_old => {
                let kept_from = self.kept_from.unwrap_or(told.day());
                Some(too_old(&told.transaction_id, told.day(), kept_from))
            }
            None => return false,
        };
        match reject {
            None => {
                self.outcome.duplicate += 1;
                self.fate = Fate::Duplicate;
            }
            Some(reject) => {
                let fingerprint = fingerprint(reject.reason, told);
                self.refuse(number, raw.into(), reject, fingerprint, None);
            }
        }
        true
    }

    fn add_payment(
        &mut self,
        key: TransactionKey,
        number: u64,
        raw: Box<str>,
        scheme: SchemeId,
        mid: MidId,
        record: PaymentRecord,
    ) {
        let id = self.taken(key, number, raw, record.amount);
        self.added.payments.push(Placed {
            id: id.0,
            scheme,
            amount: record.amount,
        });
        let row = PaymentRow {
            feed: self.feed.clone(),
            scheme,
            mid,
            record,
            match_group: self.match_group,
            imported_at: self.at,
        };
        self.world.payments.insert(id.payment(), row);
    }

    fn add_sale(
        &mut self,
        key: TransactionKey,
        number: u64,
        raw: Box<str>,
        scheme: SchemeId,
        mid_set: MidSetId,
        record: SaleRecord,
    ) {
        let id = self.taken(key, number, raw, record.amount);
        self.added.sales.push(Placed {
            id: id.0,
            scheme,
            amount: record.amount,
        });
        let row = SaleRow {
            feed: self.feed.clone(),
            scheme,
            mid_set,
            record,
            match_group: self.match_group,
            imported_at: self.at,
        };
        self.world.sales.insert(id.sale(), row);
    }

    /// A record that is new: its raw row, under the number that its typed row will have.
    fn taken(&mut self, key: TransactionKey, number: u64, raw: Box<str>, amount: Money) -> RawId {
        let id = self.keep_raw(number, raw, true);
        self.world.keys.insert(key, id);
        self.outcome.new += 1;
        self.amount_minor += amount.minor;
        id
    }

    fn keep_raw(&mut self, number: u64, data: Box<str>, identified: bool) -> RawId {
        let id = self.world.next_raw();
        let raw = Raw {
            file: self.file,
            number,
            data,
            identified,
        };
        self.world.raws.insert(id, raw);
        id
    }

    /// Keeps a record that was not taken, with its reason, once. Quarantined ones keep their raw
    /// record too, and go on when their MID is onboarded.
    fn refuse(
        &mut self,
        number: u64,
        raw: Box<str>,
        reject: Reject,
        fingerprint: [u8; 32],
        told: Option<&Told>,
    ) {
        self.fate = Fate::Refused(reject.clone());
        let quarantined = reject.reason.is_quarantine();
        match quarantined {
            true => self.outcome.quarantined += 1,
            false => self.outcome.rejected += 1,
        }
        if self.world.is_listed(&self.feed, &fingerprint, None) {
            return;
        }
        let raw_id = quarantined.then(|| self.keep_raw(number, raw.clone(), false));
        let row = RejectedRecord {
            file: self.file,
            number,
            occurrence: self.occurrence,
            state: kept_state(reject.reason),
            reject,
            data: raw,
            raw: raw_id,
            fingerprint,
            waits_for: told.map(|told| (told.day(), told.transaction_id.clone())),
            created_at: self.at,
            replayed_at: None,
        };
        let id = next_number(&self.world.rejects, |id| id);
        self.world.rejects.insert(id, row);
    }
}

/// Where a record that is not taken for a reason stands.
pub fn kept_state(reason: RejectReason) -> RejectState {
    if reason.is_quarantine() {
        RejectState::Quarantined
    } else {
        RejectState::Rejected
    }
}

/// What makes a transaction of a feed the same transaction.
pub fn key(feed: &FeedKey, told: &Told) -> TransactionKey {
    TransactionKey {
        feed: feed.clone(),
        day: told.day(),
        transaction_id: told.transaction_id.clone(),
    }
}

impl World {
    /// Whether a record, but for one, is kept under a fingerprint of a feed.
    pub fn is_listed(&self, feed: &FeedKey, fingerprint: &[u8; 32], but: Option<i64>) -> bool {
        self.rejects.iter().any(|(id, row)| {
            let of = self.files.get(&row.file).map(|log| &log.arrival);
            Some(*id) != but
                && row.fingerprint == *fingerprint
                && of.is_some_and(|of| (&of.provider, of.feed_type) == (&feed.0, feed.1))
        })
    }

    /// What is wrong with a record that says something else of a transaction than what is known of
    /// it; `None` when it says the same.
    pub fn conflict(&self, known: RawId, told: &Told) -> Option<Reject> {
        let now = (told.date, told.amount);
        let before = self.said(known).filter(|before| *before != now)?;
        Some(Reject::record(
            RejectReason::Conflict,
            format_args!(
                "transaction {} is known already with {} at {}, and comes now with {} at {}: ask \
                 its sender which is right",
                told.transaction_id, before.1, before.0, now.1, now.0
            ),
        ))
    }

    /// What is known of a transaction of a feed.
    pub fn known(&self, feed: &FeedKey, key: &RecordKey) -> Option<Said> {
        let key = TransactionKey {
            feed: feed.clone(),
            day: key.day,
            transaction_id: key.transaction_id.clone(),
        };
        self.said(*self.keys.get(&key)?)
    }

    /// What two records of one key must agree in to be the same transaction.
    fn said(&self, id: RawId) -> Option<Said> {
        let payment = self.payments.get(&id.payment());
        let sale = self.sales.get(&id.sale());
        let payment = payment.map(|row| (row.record.when, row.record.amount));
        let (when, amount) = payment.or(sale.map(|row| (row.record.when, row.record.amount)))?;
        Some((when.start, amount))
    }
}
