//! Records of a file, raw and typed, each once for ever.

use super::commit::Added;
use super::world::{
    FeedKey, MidSetRow, PaymentRow, Raw, RejectedRecord, SaleRow, TransactionKey, World,
    next_number,
};
use compact_str::CompactString;
use harmonia_core::changes::{Imported, ImportedBody, ImportedRecord};
use harmonia_core::ids::{FileId, MatchGroup, MidId, MidSetId, RawId, SchemeId};
use harmonia_core::money::Money;
use harmonia_core::problem::{Reject, RejectReason};
use harmonia_core::push::Fate;
use harmonia_core::state::{FileState, RejectState};
use harmonia_core::time::{Instant, Moment, Precision};
use harmonia_core::transaction::{PaymentRecord, SaleRecord};
use harmonia_journey::ports::{ImportOutcome, RecordKey, StoreError};
use sha2::{Digest, Sha256};

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
        added: &mut Added,
    ) -> Result<(ImportOutcome, Option<MatchGroup>), StoreError> {
        self.import_telling(imported, at, added, &mut Vec::new())
    }

    /// The same, and tells what became of each record.
    pub fn import_telling(
        &mut self,
        imported: Imported,
        at: Instant,
        added: &mut Added,
        fates: &mut Vec<Fate>,
    ) -> Result<(ImportOutcome, Option<MatchGroup>), StoreError> {
        let match_group = MatchGroup(self.next_raw().0);
        let arrival = self.file(imported.file)?.arrival.clone();
        let mut stretch = Stretch {
            world: &mut *self,
            added,
            feed: (arrival.provider, arrival.feed_type),
            file: imported.file,
            match_group,
            at,
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
        log.counts.add(outcome);
        log.counts.read = imported.records_read;
        log.amount_minor += amount_minor;
        log.state = imported.state;
        log.refusal = imported.refusal;
        refuse_wrong_sum(log.state, log.counts)?;
        Ok((outcome, (outcome.new > 0).then_some(match_group)))
    }

    pub fn file(&mut self, id: FileId) -> Result<&mut super::world::FileLog, StoreError> {
        let unknown = || StoreError::Broken(format!("there is no file {id}"));
        self.files.get_mut(&id).ok_or_else(unknown)
    }

    pub fn next_raw(&self) -> RawId {
        RawId(next_number(&self.raws, |id| id.0))
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
        match body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => {
                let key = self.key(record.when, &record.transaction_id);
                let said = (record.when.start, record.amount);
                match self.world.keys.get(&key).copied() {
                    Some(known) => self.known_already(known, number, raw, &key, said),
                    None => self.add_payment(key, number, raw, scheme, mid, *record),
                }
            }
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => {
                let day_only = record.when.precision == Precision::Day;
                let mid_set = self.world.mid_set(scheme, &mids, day_only);
                let key = self.key(record.when, &record.transaction_id);
                let said = (record.when.start, record.amount);
                match self.world.keys.get(&key).copied() {
                    Some(known) => self.known_already(known, number, raw, &key, said),
                    None => self.add_sale(key, number, raw, scheme, mid_set, *record),
                }
            }
            ImportedBody::Refused {
                reject,
                fingerprint,
            } => self.refuse(number, raw, reject, fingerprint),
        }
    }

    fn key(&self, when: Moment, transaction_id: &CompactString) -> TransactionKey {
        TransactionKey {
            feed: self.feed.clone(),
            day: when.start.day(),
            transaction_id: transaction_id.clone(),
        }
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
        self.added.payments.push(id.0);
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
        self.added.sales.push(id.0);
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

    /// The same id on the same day came before: a duplicate, unless it says something else now.
    fn known_already(
        &mut self,
        known: RawId,
        number: u64,
        raw: Box<str>,
        key: &TransactionKey,
        now: Said,
    ) {
        let Some(reject) = self.world.conflict(known, key, now) else {
            self.outcome.duplicate += 1;
            self.fate = Fate::Duplicate;
            return;
        };
        let fingerprint = Sha256::digest(raw.as_bytes()).into();
        self.refuse(number, raw, reject, fingerprint);
    }

    /// Keeps a record that was not taken, with its reason, once. Quarantined ones keep their raw
    /// record too, and go on when their MID is onboarded.
    fn refuse(&mut self, number: u64, raw: Box<str>, reject: Reject, fingerprint: [u8; 32]) {
        self.fate = Fate::Refused(reject.clone());
        let quarantined = reject.reason.is_quarantine();
        match quarantined {
            true => self.outcome.quarantined += 1,
            false => self.outcome.rejected += 1,
        }
        let fingerprint = (self.feed.clone(), fingerprint);
        if !self.world.fingerprints.insert(fingerprint) {
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
            created_at: self.at,
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

impl World {
    /// What is wrong with a record that says something else of a transaction than what is known of
    /// it; `None` when it says the same.
    pub fn conflict(&self, known: RawId, key: &TransactionKey, now: Said) -> Option<Reject> {
        let before = self.said(known).filter(|before| *before != now)?;
        Some(Reject::record(
            RejectReason::Conflict,
            format_args!(
                "transaction {} is known already with {} at {}, and comes now with {} at {}: ask \
                 its sender which is right",
                key.transaction_id, before.1, before.0, now.1, now.0
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
