//! Records that were kept, taken up again.

use super::import::{Rows, SameKey, file_feed, kept_state};
use super::rows::{invalid, optional_text, slug, text};
use super::sql;
use super::writer::{Failure, Given, Known, next_id};
use crate::told::fingerprint;
use compact_str::CompactString;
use harmonia_core::changes::{ImportedBody, Placed, Replayed};
use harmonia_core::ids::RejectId;
use harmonia_core::problem::Reject;
use harmonia_core::retention::{is_too_old, too_old};
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant};
use harmonia_core::transaction::Told;
use harmonia_journey::ports::{ImportOutcome, KeptRecord};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Taking kept records up.
#[derive(Clone, Copy)]
pub struct TakingUp {
    /// When.
    pub at: Instant,
    /// What is of an earlier day and not known is too old.
    pub kept_from: Option<Day>,
}

impl TakingUp {
    /// Takes up kept records. One that was taken up meanwhile is passed over.
    pub fn apply(
        self,
        transaction: &Transaction<'_>,
        known: &mut Known,
        replayed: &[Replayed],
        given: &mut Given,
    ) -> Result<ImportOutcome, Failure> {
        let mut outcome = ImportOutcome::default();
        for record in replayed {
            if let Some(kept) = Kept::find(transaction, record.reject)? {
                outcome.add(kept.replay(transaction, known, record, self, given)?);
            }
        }
        Ok(outcome)
    }
}

/// A kept record as it stands.
struct Kept {
    file: i64,
    number: i64,
    state: RejectState,
    /// The raw row of one that was sound once.
    raw: Option<i64>,
    /// By what one that waits will be known.
    waits_for: Option<(Day, CompactString)>,
}

impl Kept {
    fn find(transaction: &Transaction<'_>, id: RejectId) -> rusqlite::Result<Option<Self>> {
        let found = transaction
            .prepare_cached(sql::reject::find)?
            .query_row([id.0], |row| {
                Ok(Self {
                    file: row.get(0)?,
                    number: row.get(1)?,
                    state: state(row, 2)?,
                    raw: row.get(3)?,
                    waits_for: match (row.get(4)?, optional_text(row, 5)?) {
                        (Some(day), Some(id)) => Some((Day(day), id)),
                        _ => None,
                    },
                })
            })
            .optional()?;
        Ok(found.filter(|kept| kept.state != RejectState::Replayed))
    }

    fn replay(
        &self,
        transaction: &Transaction<'_>,
        known: &mut Known,
        record: &Replayed,
        TakingUp { at, kept_from }: TakingUp,
        given: &mut Given,
    ) -> Result<ImportOutcome, Failure> {
        let feed = file_feed(transaction, self.file)?;
        let keeping = Keeping {
            transaction,
            feed,
            record,
            at,
        };
        let (told, same_key) = match &record.body {
            ImportedBody::Payment { record, .. } => (Some(record.told()), SameKey::PAYMENT),
            ImportedBody::Sale { record, .. } => (Some(record.told()), SameKey::SALE),
            ImportedBody::Answer { .. } => (None, SameKey::PAYMENT),
            ImportedBody::Refused { told, .. } => (
                told.as_deref().cloned(),
                SameKey::of_feed(transaction, feed)?,
            ),
        };
        if let Some(told) = &told
            && let Some(kept_from) = kept_from.filter(|first| is_too_old(told.day(), Some(*first)))
            && !self.waited_as(told)
            && same_key.find(transaction, feed, told)?.is_none()
        {
            let reject = too_old(&told.transaction_id, told.day(), kept_from);
            return self.keep(keeping, &reject, Some(told));
        }
        let next = next_id(transaction, "import_transaction")?;
        let id = self.raw.unwrap_or(next);
        let mut rows = Rows::prepare(transaction, known, self.file, feed, next, at)?;
        let added = match &record.body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => rows.add_payment(id, *scheme, *mid, record)?,
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => rows.add_sale(id, *scheme, mids, record)?,
            ImportedBody::Answer {
                scheme,
                record: answer,
                ..
            } => {
                let added = rows.add_answer(self.number, &record.raw, *scheme, answer)?;
                drop(rows);
                return match added {
                    Ok(is_new) => self.settled(transaction, record, None, at, is_new, None),
                    Err(reject) => self.keep(keeping, &reject, None),
                };
            }
            ImportedBody::Refused { reject, .. } => {
                drop(rows);
                let is_known = |told| same_key.find(transaction, feed, told);
                if told.as_ref().map(is_known).transpose()?.flatten().is_none() {
                    return self.keep(keeping, reject, told.as_ref());
                }
                return self.known_already(keeping, told.as_ref(), same_key);
            }
        };
        drop(rows);
        if added {
            given_back(&record.body, id, given);
            self.store_raw(transaction, id, record, true, at)?;
            return self.settled(transaction, record, Some(id), at, true, told);
        }
        self.known_already(keeping, told.as_ref(), same_key)
    }

    /// Whether it was sound when it was kept, but for its MID, and is what it was: nothing of that
    /// key was purged while it waited.
    fn waited_as(&self, told: &Told) -> bool {
        let key = self.waits_for.as_ref();
        self.state == RejectState::Quarantined
            && key.is_some_and(|(day, id)| *day == told.day() && *id == told.transaction_id)
    }

    /// The same transaction is in: a duplicate, unless it says something else.
    fn known_already(
        &self,
        keeping: Keeping<'_>,
        told: Option<&Told>,
        same_key: SameKey,
    ) -> Result<ImportOutcome, Failure> {
        let Keeping {
            transaction,
            feed,
            record,
            at,
        } = keeping;
        let conflict = told.map(|told| same_key.conflict(transaction, feed, told));
        match conflict.transpose()?.flatten() {
            None => self.settled(transaction, record, self.raw, at, false, None),
            Some(reject) => self.keep(keeping, &reject, told),
        }
    }

    /// The raw row, made or as it is read now.
    fn store_raw(
        &self,
        transaction: &Transaction<'_>,
        id: i64,
        record: &Replayed,
        identified: bool,
        at: Instant,
    ) -> rusqlite::Result<()> {
        if self.raw.is_some() {
            transaction
                .prepare_cached(sql::raw::take_up)?
                .execute(params![id, identified, &*record.raw])?;
        } else {
            transaction
                .prepare_cached(sql::raw::insert)?
                .execute(params![
                    id,
                    self.file,
                    self.number,
                    identified,
                    &*record.raw,
                    at.0
                ])?;
        }
        Ok(())
    }

    /// It is in, now or since before: `new` is what a transaction that is new says.
    fn settled(
        &self,
        transaction: &Transaction<'_>,
        record: &Replayed,
        raw: Option<i64>,
        at: Instant,
        is_new: bool,
        new: Option<Told>,
    ) -> Result<ImportOutcome, Failure> {
        transaction
            .prepare_cached(sql::reject::replay)?
            .execute(params![record.reject.0, raw, at.0])?;
        let outcome = ImportOutcome {
            read: 1,
            new: u64::from(is_new),
            duplicate: u64::from(!is_new),
            ..ImportOutcome::default()
        };
        self.recount(transaction, outcome, new.as_ref())?;
        Ok(outcome)
    }

    /// It cannot be taken now either.
    fn keep(
        &self,
        keeping: Keeping<'_>,
        reject: &Reject,
        told: Option<&Told>,
    ) -> Result<ImportOutcome, Failure> {
        let Keeping {
            transaction,
            feed,
            record,
            at,
        } = keeping;
        let state = kept_state(reject.reason);
        let raw = match (state, self.raw) {
            (RejectState::Quarantined, None) => Some(next_id(transaction, "import_transaction")?),
            (_, raw) => raw,
        };
        // One that says what another says of the same transaction is listed once.
        let mark = told
            .filter(|_| state == RejectState::Rejected)
            .map(|told| fingerprint(reject.reason, told));
        if let Some(mark) = &mark
            && is_listed(transaction, feed, mark, record.reject)?
        {
            transaction
                .prepare_cached(sql::reject::replay)?
                .execute(params![record.reject.0, self.raw, at.0])?;
            let outcome = kept_outcome(state);
            self.recount(transaction, outcome, None)?;
            return Ok(outcome);
        }
        if let Some(raw) = raw {
            self.store_raw(transaction, raw, record, false, at)?;
        }
        let waits = told.filter(|_| state == RejectState::Quarantined);
        transaction
            .prepare_cached(sql::reject::keep)?
            .execute(params![
                record.reject.0,
                state.as_str(),
                reject.reason.as_str(),
                reject.field.as_deref(),
                &*reject.detail,
                raw,
                waits.map(|told| told.day().0),
                waits.map(|told| told.transaction_id.as_str()),
                mark.as_ref().map(<[u8; 32]>::as_slice)
            ])?;
        let outcome = kept_outcome(state);
        self.recount(transaction, outcome, None)?;
        Ok(outcome)
    }

    /// The file's counts say what became of its records.
    fn recount(
        &self,
        transaction: &Transaction<'_>,
        outcome: ImportOutcome,
        new: Option<&Told>,
    ) -> rusqlite::Result<()> {
        let less = |state| i64::from(self.state == state);
        let more = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        transaction
            .prepare_cached(sql::file::recount)?
            .execute(params![
                self.file,
                outcome.new,
                outcome.duplicate,
                more(outcome.rejected) - less(RejectState::Rejected),
                more(outcome.quarantined) - less(RejectState::Quarantined),
                new.map_or(0, |told| told.amount.minor),
                new.map(|told| told.date.0),
            ])?;
        Ok(())
    }
}

/// One kept record, read again.
#[derive(Clone, Copy)]
struct Keeping<'a> {
    transaction: &'a Transaction<'a>,
    feed: i64,
    record: &'a Replayed,
    at: Instant,
}

/// Whether another record is kept under a fingerprint.
fn is_listed(
    transaction: &Transaction<'_>,
    feed: i64,
    mark: &[u8; 32],
    but: RejectId,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached(sql::reject::listed)?
        .query_row(params![feed, mark.as_slice(), but.0], |row| row.get(0))
}

/// What became of a record that stays kept.
fn kept_outcome(state: RejectState) -> ImportOutcome {
    ImportOutcome {
        read: 1,
        rejected: u64::from(state == RejectState::Rejected),
        quarantined: u64::from(state == RejectState::Quarantined),
        ..ImportOutcome::default()
    }
}

/// The first quarantined records after a row.
pub fn quarantined(
    connection: &Connection,
    after: RejectId,
    limit: usize,
) -> rusqlite::Result<Vec<KeptRecord>> {
    connection
        .prepare_cached(sql::reject::quarantined)?
        .query_map(params![after.0, limit], kept_record)?
        .collect()
}

/// The kept record of a row.
pub fn find(connection: &Connection, id: RejectId) -> rusqlite::Result<Option<KeptRecord>> {
    connection
        .prepare_cached(sql::reject::kept)?
        .query_row([id.0], kept_record)
        .optional()
}

fn kept_record(row: &Row<'_>) -> rusqlite::Result<KeptRecord> {
    Ok(KeptRecord {
        id: RejectId(row.get(0)?),
        feed_name: slug(row, 1)?,
        canonical: row.get(2)?,
        number: row.get(3)?,
        occurrence: row.get(4)?,
        data: text(row, 5)?.as_str().into(),
        state: state(row, 6)?,
    })
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<RejectState> {
    RejectState::from_name(row.get_ref(column)?.as_str()?)
        .ok_or_else(|| invalid(column, "not a state of a kept record"))
}

/// Notes a row whose number was given out when its record was kept.
fn given_back(body: &ImportedBody, id: i64, given: &mut Given) {
    match body {
        ImportedBody::Payment { scheme, record, .. } => given.payments.push(Placed {
            id,
            scheme: *scheme,
            amount: record.amount,
        }),
        ImportedBody::Sale { scheme, record, .. } => given.sales.push(Placed {
            id,
            scheme: *scheme,
            amount: record.amount,
        }),
        ImportedBody::Answer { .. } | ImportedBody::Refused { .. } => {}
    }
}
