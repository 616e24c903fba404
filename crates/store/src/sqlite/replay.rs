//! Records that were kept, taken up again.

use super::import::{Rows, Said, file_feed, kept_state};
use super::rows::{invalid, slug, text};
use super::sql;
use super::writer::{Failure, Given, Known, next_id};
use harmonia_core::changes::{ImportedBody, Placed, Replayed};
use harmonia_core::ids::RejectId;
use harmonia_core::money::Money;
use harmonia_core::problem::Reject;
use harmonia_core::state::RejectState;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{ImportOutcome, KeptRecord};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Takes up kept records. One that was taken up meanwhile is passed over.
pub fn apply(
    transaction: &Transaction<'_>,
    known: &mut Known,
    replayed: &[Replayed],
    at: Instant,
    given: &mut Given,
) -> Result<ImportOutcome, Failure> {
    let mut outcome = ImportOutcome::default();
    for record in replayed {
        if let Some(kept) = Kept::find(transaction, record.reject)? {
            outcome.add(kept.replay(transaction, known, record, at, given)?);
        }
    }
    Ok(outcome)
}

/// A kept record as it stands.
struct Kept {
    file: i64,
    number: i64,
    state: RejectState,
    /// The raw row of one that was sound once.
    raw: Option<i64>,
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
        at: Instant,
        given: &mut Given,
    ) -> Result<ImportOutcome, Failure> {
        let feed = file_feed(transaction, self.file)?;
        let next = next_id(transaction, "import_transaction")?;
        let id = self.raw.unwrap_or(next);
        let mut rows = Rows::prepare(transaction, known, self.file, feed, next, at)?;
        let (added, said) = match &record.body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => (
                rows.add_payment(id, *scheme, *mid, record)?,
                Said::of_payment(record),
            ),
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => (
                rows.add_sale(id, *scheme, mids, record)?,
                Said::of_sale(record),
            ),
            ImportedBody::Refused { reject, .. } => {
                return self.keep(transaction, record, next, reject, at);
            }
        };
        drop(rows);
        if added {
            given_back(&record.body, id, given);
            self.store_raw(transaction, id, record, true, at)?;
            let (date, amount) = (said.date(), said.amount());
            return self.settled(transaction, record, Some(id), at, Some((date, amount)));
        }
        match said.conflict(transaction, feed)? {
            None => self.settled(transaction, record, self.raw, at, None),
            Some(reject) => self.keep(transaction, record, next, &reject, at),
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

    /// It is in, now or since before: `new` has the date and amount of one that is new.
    fn settled(
        &self,
        transaction: &Transaction<'_>,
        record: &Replayed,
        raw: Option<i64>,
        at: Instant,
        new: Option<(Instant, Money)>,
    ) -> Result<ImportOutcome, Failure> {
        transaction
            .prepare_cached(sql::reject::replay)?
            .execute(params![record.reject.0, raw, at.0])?;
        let outcome = ImportOutcome {
            read: 1,
            new: u64::from(new.is_some()),
            duplicate: u64::from(new.is_none()),
            ..ImportOutcome::default()
        };
        self.recount(transaction, outcome, new)?;
        Ok(outcome)
    }

    /// It cannot be taken now either.
    fn keep(
        &self,
        transaction: &Transaction<'_>,
        record: &Replayed,
        next: i64,
        reject: &Reject,
        at: Instant,
    ) -> Result<ImportOutcome, Failure> {
        let state = kept_state(reject.reason);
        let raw = match state {
            RejectState::Quarantined => Some(self.raw.unwrap_or(next)),
            _ => self.raw,
        };
        if let Some(raw) = raw {
            self.store_raw(transaction, raw, record, false, at)?;
        }
        transaction
            .prepare_cached(sql::reject::keep)?
            .execute(params![
                record.reject.0,
                state.as_str(),
                reject.reason.as_str(),
                reject.field.as_deref(),
                &*reject.detail,
                raw
            ])?;
        let outcome = ImportOutcome {
            read: 1,
            rejected: u64::from(state == RejectState::Rejected),
            quarantined: u64::from(state == RejectState::Quarantined),
            ..ImportOutcome::default()
        };
        self.recount(transaction, outcome, None)?;
        Ok(outcome)
    }

    /// The file's counts say what became of its records.
    fn recount(
        &self,
        transaction: &Transaction<'_>,
        outcome: ImportOutcome,
        new: Option<(Instant, Money)>,
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
                new.map_or(0, |(_, amount)| amount.minor),
                new.map(|(date, _)| date.0),
            ])?;
        Ok(())
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
        ImportedBody::Refused { .. } => {}
    }
}
