//! What becomes of the records of an import: pure, with what is known given.

use crate::told::fingerprint;
use compact_str::CompactString;
use harmonia_core::changes::{ImportedBody, ImportedRecord};
use harmonia_core::ids::{MidId, SchemeId};
use harmonia_core::money::Money;
use harmonia_core::problem::{Reject, RejectReason};
use harmonia_core::push::Fate;
use harmonia_core::retention::{is_too_old, too_old};
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant, Precision};
use harmonia_core::transaction::{PaymentRecord, SaleRecord, Told};
use harmonia_journey::ports::ImportOutcome;
use hashbrown::{HashMap, HashSet};

/// By what a transaction of a feed is known.
pub type Keyed = (Day, CompactString);

/// A record that is not taken, to be kept with its reason.
pub struct Refused<'a> {
    pub record: &'a ImportedRecord,
    pub reject: Reject,
    pub fingerprint: [u8; 32],
    /// Where its raw record is among those of the plan: a quarantined one goes on under its number.
    pub raw: Option<i64>,
    /// By what it will be known, where it waits.
    pub told: Option<Told>,
}

/// What became of the answers among records, by their places.
#[derive(Clone, Default)]
pub struct Answers {
    /// Those that are new to their exports.
    pub new: HashSet<usize>,
    /// Those that are to no export, and why.
    pub refused: HashMap<usize, Reject>,
}

/// What becomes of each record, and what there is to be written.
#[derive(Default)]
pub struct Plan<'a> {
    /// Raw records in the order of their numbers, and whether each is a payment or a sale.
    pub raws: Vec<(&'a ImportedRecord, bool)>,
    /// Payments, each with its place among the raw records.
    pub payments: Vec<(i64, SchemeId, MidId, &'a PaymentRecord)>,
    /// Sales, each with its place among the raw records and that of its list of MIDs.
    pub sales: Vec<(i64, SchemeId, usize, &'a SaleRecord)>,
    /// The lists of MIDs of sales, and whether one of each is known only to the day.
    pub lists: Vec<(SchemeId, &'a [CompactString], bool)>,
    /// What is kept with its reason.
    pub rejects: Vec<Refused<'a>>,
    /// What became of each record.
    pub fates: Vec<Fate>,
    pub outcome: ImportOutcome,
    /// The amounts of what is new, added up.
    pub amount_minor: i64,
    /// The first and the last date of what is new.
    pub dates: Option<(Instant, Instant)>,
    /// Whether any of the records was known, or of a day that may be purged: what became of them is not
    /// to be told by the batch alone.
    pub had_known: bool,
    kept_from: Option<Day>,
    known: HashMap<Keyed, (Instant, Money)>,
    /// What comes in with this batch, or with the one before that is being committed.
    coming: HashMap<Keyed, (Instant, Money)>,
    kept: HashSet<Vec<u8>>,
    answers: Answers,
    places: HashMap<(SchemeId, &'a [CompactString], bool), usize>,
}

/// The keys that a plan must know of before it is made: all of them where anything may be known; else
/// those of records whose fate depends on it whatever is new.
pub fn asked(records: &[&ImportedRecord], kept_from: Option<Day>, careful: bool) -> Vec<Keyed> {
    let mut keys = Vec::new();
    for record in records {
        let (date, id) = match &record.body {
            ImportedBody::Payment { record, .. } => (record.when.start, &record.transaction_id),
            ImportedBody::Sale { record, .. } => (record.when.start, &record.transaction_id),
            ImportedBody::Refused {
                told: Some(told), ..
            } => {
                keys.push((told.day(), told.transaction_id.clone()));
                continue;
            }
            ImportedBody::Answer { .. } | ImportedBody::Refused { told: None, .. } => continue,
        };
        if careful || is_too_old(date.day(), kept_from) {
            keys.push((date.day(), id.clone()));
        }
    }
    keys
}

/// Where a record that is not taken for a reason stands.
pub fn kept_state(reason: RejectReason) -> RejectState {
    if reason.is_quarantine() {
        RejectState::Quarantined
    } else {
        RejectState::Rejected
    }
}

/// What is wrong when a record says something else than what is known; `None` when it says the same.
pub fn conflict(told: &Told, before: (Instant, Money)) -> Option<Reject> {
    (before != (told.date, told.amount)).then(|| {
        Reject::record(
            RejectReason::Conflict,
            format_args!(
                "transaction {} is known already with {} at {}, and comes now with {} at {}: ask \
                 its sender which is right",
                told.transaction_id, before.1, before.0, told.amount, told.date
            ),
        )
    })
}

impl<'a> Plan<'a> {
    /// For records in their order: `known` is what is known of the keys that were asked about, `again` what
    /// of it comes in with the batch before, `kept` the fingerprints of what is kept as a reject, `answers`
    /// what became of the answers.
    pub fn of(
        records: &[&'a ImportedRecord],
        kept_from: Option<Day>,
        known: HashMap<Keyed, (Instant, Money)>,
        again: &HashMap<CompactString, (Instant, Money)>,
        kept: HashSet<Vec<u8>>,
        answers: Answers,
    ) -> Self {
        let again = again.iter();
        let mut plan = Self {
            kept_from,
            known,
            coming: again
                .map(|(id, told)| ((told.0.day(), id.clone()), *told))
                .collect(),
            kept,
            answers,
            ..Self::default()
        };
        for (place, record) in records.iter().enumerate() {
            let fate = plan.add(place, record);
            plan.fates.push(fate);
        }
        plan
    }

    /// By what the rejects to be written would be known as kept already.
    pub fn fingerprints(&self) -> Vec<&[u8]> {
        let rejects = self.rejects.iter();
        rejects.map(|refused| &refused.fingerprint[..]).collect()
    }

    fn add(&mut self, place: usize, row: &'a ImportedRecord) -> Fate {
        match &row.body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => match self.taken(
                row,
                record.when.start,
                &record.transaction_id,
                record.amount,
            ) {
                Ok(offset) => {
                    self.payments.push((offset, *scheme, *mid, record));
                    Fate::New
                }
                Err(known) => self.not_new(row, &record.told(), known),
            },
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => {
                if is_too_old(record.when.start.day(), self.kept_from) {
                    let known = self.find(&record.told());
                    return self.not_new(row, &record.told(), known);
                }
                let list = self.list(*scheme, mids, record.when.precision == Precision::Day);
                match self.taken(
                    row,
                    record.when.start,
                    &record.transaction_id,
                    record.amount,
                ) {
                    Ok(offset) => {
                        self.sales.push((offset, *scheme, list, record));
                        Fate::New
                    }
                    Err(known) => self.not_new(row, &record.told(), known),
                }
            }
            ImportedBody::Answer { fingerprint, .. } => self.answer(place, row, fingerprint),
            ImportedBody::Refused {
                reject,
                fingerprint,
                told,
            } => self.refused(row, reject, fingerprint, told.as_deref()),
        }
    }

    /// An answer, which is in already if it is to an export.
    fn answer(&mut self, place: usize, row: &'a ImportedRecord, fingerprint: &[u8; 32]) -> Fate {
        if let Some(reject) = self.answers.refused.get(&place).cloned() {
            return self.refuse(row, &reject, fingerprint, None);
        }
        if self.answers.new.contains(&place) {
            self.outcome.new += 1;
            return Fate::New;
        }
        self.outcome.duplicate += 1;
        Fate::Duplicate
    }

    fn find(&self, told: &Told) -> Option<(Instant, Money)> {
        let key = (told.day(), told.transaction_id.clone());
        self.of_key(&key)
    }

    fn of_key(&self, key: &Keyed) -> Option<(Instant, Money)> {
        let coming = self.coming.get(key);
        coming.or_else(|| self.known.get(key)).copied()
    }

    /// Takes a record that is new: gives its place among the raw records. Else what is known of it.
    fn taken(
        &mut self,
        row: &'a ImportedRecord,
        date: Instant,
        transaction_id: &CompactString,
        amount: Money,
    ) -> Result<i64, Option<(Instant, Money)>> {
        let key = (date.day(), transaction_id.clone());
        if let Some(known) = self.of_key(&key) {
            return Err(Some(known));
        }
        if is_too_old(key.0, self.kept_from) {
            return Err(None);
        }
        self.coming.insert(key, (date, amount));
        self.outcome.new += 1;
        self.amount_minor += amount.minor;
        let (first, last) = self.dates.unwrap_or((date, date));
        self.dates = Some((first.min(date), last.max(date)));
        Ok(self.raw(row, true))
    }

    fn raw(&mut self, row: &'a ImportedRecord, identified: bool) -> i64 {
        let offset = i64::try_from(self.raws.len()).unwrap_or(i64::MAX);
        self.raws.push((row, identified));
        offset
    }

    fn list(&mut self, scheme: SchemeId, mids: &'a [CompactString], day_only: bool) -> usize {
        let lists = &mut self.lists;
        *self
            .places
            .entry((scheme, mids, day_only))
            .or_insert_with(|| {
                lists.push((scheme, mids, day_only));
                lists.len() - 1
            })
    }

    /// A record that is known, or of a day that may be purged and not known.
    fn not_new(
        &mut self,
        row: &'a ImportedRecord,
        told: &Told,
        known: Option<(Instant, Money)>,
    ) -> Fate {
        let key = (told.day(), told.transaction_id.clone());
        self.had_known |= !self.coming.contains_key(&key);
        let Some(known) = known else {
            let kept_from = self.kept_from.unwrap_or(told.day());
            let reject = too_old(&told.transaction_id, told.day(), kept_from);
            return self.refuse(row, &reject, &fingerprint(reject.reason, told), None);
        };
        match conflict(told, known) {
            None => {
                self.outcome.duplicate += 1;
                Fate::Duplicate
            }
            Some(reject) => self.refuse(row, &reject, &fingerprint(reject.reason, told), None),
        }
    }

    /// A record that was refused before it came here: unless only its MID or location is not known,
    /// and the transaction is.
    fn refused(
        &mut self,
        row: &'a ImportedRecord,
        reject: &Reject,
        fingerprint: &[u8; 32],
        told: Option<&Told>,
    ) -> Fate {
        let known = told.and_then(|told| self.find(told));
        match told {
            Some(told) if known.is_some() || is_too_old(told.day(), self.kept_from) => {
                self.not_new(row, told, known)
            }
            told => self.refuse(row, reject, fingerprint, told),
        }
    }

    /// Keeps a record that is not taken, with its reason; the same one again adds nothing. Quarantined
    /// ones keep their raw record too, and go on when their MID is onboarded.
    fn refuse(
        &mut self,
        row: &'a ImportedRecord,
        reject: &Reject,
        fingerprint: &[u8; 32],
        told: Option<&Told>,
    ) -> Fate {
        let quarantined = reject.reason.is_quarantine();
        if self.kept.insert(fingerprint.to_vec()) {
            let raw = quarantined.then(|| self.raw(row, false));
            self.rejects.push(Refused {
                record: row,
                reject: reject.clone(),
                fingerprint: *fingerprint,
                raw,
                told: told.cloned(),
            });
        }
        match quarantined {
            true => self.outcome.quarantined += 1,
            false => self.outcome.rejected += 1,
        }
        Fate::Refused(reject.clone())
    }
}
