//! Records of a file, raw and typed, each once for ever.

use super::sql;
use super::writer::{Failure, Given, Known, extend, next_id, revise};
use compact_str::CompactString;
use harmonia_core::changes::{FileArrival, Imported, ImportedBody, ImportedRecord};
use harmonia_core::ids::{FileId, MatchGroup, MidId, SchemeId, Slug};
use harmonia_core::money::{MINOR_UNITS, Money};
use harmonia_core::problem::{Reject, RejectReason};
use harmonia_core::push::Fate;
use harmonia_core::state::{FileState, RejectState};
use harmonia_core::time::{Instant, Moment, Precision};
use harmonia_core::transaction::{FeedType, PaymentRecord, SaleRecord};
use harmonia_journey::ports::ImportOutcome;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

/// At most so many MID lists are remembered between commits.
const REMEMBERED_SETS: usize = 100_000;

/// The row of a provider's or scheme's feed of a type, made where there is none.
pub fn feed_id(
    connection: &Connection,
    known: &mut Known,
    provider: &Slug,
    feed_type: FeedType,
) -> rusqlite::Result<i64> {
    let key = (provider.clone(), feed_type);
    if let Some(id) = known.feeds.get(&key) {
        return Ok(*id);
    }
    let values = params![provider.as_str(), feed_type.as_str()];
    let found = connection
        .prepare_cached(sql::feed::find)?
        .query_row(values, |row| row.get(0))
        .optional()?;
    let id = match found {
        Some(id) => id,
        None => {
            connection
                .prepare_cached(sql::feed::insert)?
                .execute(values)?;
            connection.last_insert_rowid()
        }
    };
    known.feeds.insert(key, id);
    Ok(id)
}

/// Adds a stretch of a file's records.
pub fn apply(
    transaction: &Transaction<'_>,
    known: &mut Known,
    imported: &Imported,
    at: Instant,
    given: &mut Given,
) -> Result<ImportOutcome, Failure> {
    let feed_type = |record: &ImportedRecord| match &record.body {
        ImportedBody::Payment { .. } => Some(true),
        ImportedBody::Sale { .. } => Some(false),
        ImportedBody::Refused { .. } => None,
    };
    debug_assert!(
        imported
            .records
            .iter()
            .filter_map(feed_type)
            .all(|kind| { Some(kind) == imported.records.iter().find_map(feed_type) }),
        "a file is of one feed, and a feed of one type"
    );
    let feed = file_feed(transaction, imported.file.0)?;
    let first = next_id(transaction, "import_transaction")?;
    let mut rows = Rows::prepare(transaction, known, imported.file.0, feed, first, at)?;
    for record in &imported.records {
        rows.add(record, given)?;
    }
    let outcome = ImportOutcome {
        read: imported.records.len() as u64 + imported.skipped,
        skipped: imported.skipped,
        ..rows.outcome
    };
    let sums = rows.sums();
    given.match_group = (outcome.new > 0).then_some(MatchGroup(first));
    progress(
        transaction,
        imported.file,
        outcome,
        imported.records_read,
        sums,
        (imported.state, imported.refusal.as_deref()),
        at,
    )?;
    Ok(outcome)
}

/// Begins the row of a file of the log.
pub fn begin_file(
    transaction: &Transaction<'_>,
    arrival: &FileArrival,
    feed: i64,
    at: Instant,
) -> rusqlite::Result<FileId> {
    transaction
        .prepare_cached(sql::file::insert)?
        .execute(params![
            feed,
            arrival.feed_name.as_str(),
            arrival.canonical,
            arrival.source,
            arrival.size_bytes,
            arrival.sha256,
            at.0
        ])?;
    Ok(FileId(transaction.last_insert_rowid()))
}

/// Writes to the row of a file of the log what a stretch of it added, how many of its records are
/// read by now, and where it stands.
pub fn progress(
    transaction: &Transaction<'_>,
    file: FileId,
    outcome: ImportOutcome,
    records_read: u64,
    (amount_minor, dates): Sums,
    (state, refusal): (FileState, Option<&str>),
    at: Instant,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(sql::file::progress)?
        .execute(params![
            file.0,
            records_read,
            outcome.new,
            outcome.duplicate,
            outcome.skipped,
            outcome.rejected,
            outcome.quarantined,
            amount_minor,
            dates.map(|dates| dates.0.0),
            dates.map(|dates| dates.1.0),
            state.as_str(),
            refusal,
            at.0,
        ])?;
    Ok(())
}

/// The feed of a file of the log.
pub fn file_feed(transaction: &Transaction<'_>, file: i64) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached("SELECT feed_id FROM import_file_log WHERE id = ?1")?
        .query_row([file], |row| row.get(0))
}

/// The amounts of a stretch added up, and its first and last date.
pub type Sums = (i64, Option<(Instant, Instant)>);

/// The statements of an import and what has been counted so far.
pub struct Rows<'a> {
    transaction: &'a Transaction<'a>,
    known: &'a mut Known,
    file: i64,
    feed: i64,
    match_group: i64,
    next: i64,
    at: Instant,
    raw: CachedStatement<'a>,
    payment: CachedStatement<'a>,
    sale: CachedStatement<'a>,
    reject: CachedStatement<'a>,
    outcome: ImportOutcome,
    amount_minor: i64,
    dates: Option<(Instant, Instant)>,
}

impl<'a> Rows<'a> {
    /// For the records of a file of a feed; new rows are numbered from `first` on.
    pub fn prepare(
        transaction: &'a Transaction<'a>,
        known: &'a mut Known,
        file: i64,
        feed: i64,
        first: i64,
        at: Instant,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            raw: transaction.prepare_cached(sql::raw::insert)?,
            payment: transaction.prepare_cached(sql::payment::insert)?,
            sale: transaction.prepare_cached(sql::sale::insert)?,
            reject: transaction.prepare_cached(sql::reject::insert)?,
            transaction,
            known,
            file,
            feed,
            match_group: first,
            next: first,
            at,
            outcome: ImportOutcome::default(),
            amount_minor: 0,
            dates: None,
        })
    }

    /// The amounts and dates of what was new so far.
    pub fn sums(&self) -> Sums {
        (self.amount_minor, self.dates)
    }

    /// Adds a record, and says what became of it.
    pub fn add(&mut self, row: &ImportedRecord, given: &mut Given) -> Result<Fate, Failure> {
        match &row.body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => {
                if self.add_payment(self.next, *scheme, *mid, record)? {
                    given.payments = extend(given.payments.take(), self.next);
                    self.taken(row, record.when.start, record.amount)?;
                    Ok(Fate::New)
                } else {
                    Ok(self.known_already(row, Said::of_payment(record))?)
                }
            }
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => {
                if self.add_sale(self.next, *scheme, mids, record)? {
                    given.sales = extend(given.sales.take(), self.next);
                    self.taken(row, record.when.start, record.amount)?;
                    Ok(Fate::New)
                } else {
                    Ok(self.known_already(row, Said::of_sale(record))?)
                }
            }
            ImportedBody::Refused {
                reject,
                fingerprint,
            } => {
                self.refuse(row, reject, fingerprint)?;
                Ok(Fate::Refused(reject.clone()))
            }
        }
    }

    pub fn add_payment(
        &mut self,
        id: i64,
        scheme: SchemeId,
        mid: MidId,
        record: &PaymentRecord,
    ) -> rusqlite::Result<bool> {
        let identifiers = &record.identifiers;
        let carried = identifiers
            .primary
            .as_deref()
            .or(identifiers.secondary.as_deref())
            .or(identifiers.psimi.as_deref());
        let inserted = self.payment.execute(params![
            id,
            self.feed,
            scheme.0,
            mid.0,
            record.when.start.day().0,
            record.transaction_id.as_str(),
            carried,
            record.when.start.0,
            record.when.precision.code(),
            record.amount.minor,
            MINOR_UNITS,
            record.amount.currency.as_str(),
            record.card_token.0.as_str(),
            record
                .digits
                .first_six
                .as_ref()
                .map(|digits| digits.as_str()),
            record
                .digits
                .last_four
                .as_ref()
                .map(|digits| digits.as_str()),
            record.auth_code.as_deref(),
            record.approval_code.as_deref(),
            record.settlement_key.as_deref(),
            record.extra.as_deref(),
            self.match_group,
            self.at.0,
        ])?;
        Ok(inserted == 1)
    }

    pub fn add_sale(
        &mut self,
        id: i64,
        scheme: SchemeId,
        mids: &[CompactString],
        record: &SaleRecord,
    ) -> rusqlite::Result<bool> {
        let day_only = record.when.precision == Precision::Day;
        let set = mid_set(self.transaction, self.known, scheme, mids, day_only)?;
        let inserted = self.sale.execute(params![
            id,
            self.feed,
            scheme.0,
            set,
            record.when.start.day().0,
            record.transaction_id.as_str(),
            record.payment_provider.as_ref().map(Slug::as_str),
            record.when.start.0,
            record.when.precision.code(),
            record.amount.minor,
            MINOR_UNITS,
            record.amount.currency.as_str(),
            record
                .digits
                .first_six
                .as_ref()
                .map(|digits| digits.as_str()),
            record
                .digits
                .last_four
                .as_ref()
                .map(|digits| digits.as_str()),
            record.auth_code.as_deref(),
            record.extra.as_deref(),
            self.match_group,
            self.at.0,
        ])?;
        Ok(inserted == 1)
    }

    /// The typed row is in: so is the raw one, under the same number.
    fn taken(
        &mut self,
        row: &ImportedRecord,
        date: Instant,
        amount: Money,
    ) -> rusqlite::Result<()> {
        self.insert_raw(row, true)?;
        self.outcome.new += 1;
        self.amount_minor += amount.minor;
        let (first, last) = self.dates.unwrap_or((date, date));
        self.dates = Some((first.min(date), last.max(date)));
        Ok(())
    }

    fn insert_raw(&mut self, row: &ImportedRecord, identified: bool) -> rusqlite::Result<()> {
        self.raw.execute(params![
            self.next, self.file, row.number, identified, &*row.raw, self.at.0
        ])?;
        self.next += 1;
        Ok(())
    }

    /// The same id on the same day came before: a duplicate, unless it says something else now.
    fn known_already(&mut self, row: &ImportedRecord, said: Said<'_>) -> rusqlite::Result<Fate> {
        match said.conflict(self.transaction, self.feed)? {
            None => {
                self.outcome.duplicate += 1;
                Ok(Fate::Duplicate)
            }
            Some(reject) => {
                let fingerprint: [u8; 32] = Sha256::digest(row.raw.as_bytes()).into();
                self.refuse(row, &reject, &fingerprint)?;
                Ok(Fate::Refused(reject))
            }
        }
    }

    /// Keeps a record that was not taken, with its reason. Quarantined ones keep their raw record
    /// too, and go on when their MID is onboarded.
    fn refuse(
        &mut self,
        row: &ImportedRecord,
        reject: &Reject,
        fingerprint: &[u8; 32],
    ) -> rusqlite::Result<()> {
        let quarantined = reject.reason.is_quarantine();
        let state = kept_state(reject.reason).as_str();
        let inserted = self.reject.execute(params![
            self.feed,
            self.file,
            row.number,
            row.occurrence,
            state,
            reject.reason.as_str(),
            reject.field.as_deref(),
            &*reject.detail,
            &*row.raw,
            quarantined.then_some(self.next),
            fingerprint.as_slice(),
            self.at.0,
        ])?;
        if quarantined && inserted == 1 {
            self.insert_raw(row, false)?;
        }
        match quarantined {
            true => self.outcome.quarantined += 1,
            false => self.outcome.rejected += 1,
        }
        Ok(())
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

/// What a record says of a transaction whose key is known already.
pub struct Said<'a> {
    same_key: &'static str,
    transaction_id: &'a str,
    when: Moment,
    amount: Money,
}

impl<'a> Said<'a> {
    /// Of a payment.
    pub fn of_payment(record: &'a PaymentRecord) -> Self {
        Self {
            same_key: sql::payment::same_key,
            transaction_id: &record.transaction_id,
            when: record.when,
            amount: record.amount,
        }
    }

    /// Of a sale.
    pub fn of_sale(record: &'a SaleRecord) -> Self {
        Self {
            same_key: sql::sale::same_key,
            transaction_id: &record.transaction_id,
            when: record.when,
            amount: record.amount,
        }
    }

    /// When it was, as it says.
    pub fn date(&self) -> Instant {
        self.when.start
    }

    /// How much it was, as it says.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// What is wrong when it says something else than what is known; `None` when it says the same.
    pub fn conflict(&self, connection: &Connection, feed: i64) -> rusqlite::Result<Option<Reject>> {
        let Self {
            transaction_id,
            when,
            amount,
            ..
        } = self;
        let key = params![when.start.day().0, feed, transaction_id];
        let before: (i64, i64, String) = connection
            .prepare_cached(self.same_key)?
            .query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if before.0 == when.start.0
            && before.1 == amount.minor
            && before.2 == amount.currency.as_str()
        {
            return Ok(None);
        }
        Ok(Some(Reject::record(
            RejectReason::Conflict,
            format_args!(
                "transaction {transaction_id} is known already with {} {} at {}, and comes now with \
                 {amount} at {}: ask its sender which is right",
                before.2,
                harmonia_core::money::Major(before.1),
                Instant(before.0),
                when.start
            ),
        )))
    }
}

/// The row of a list of MIDs, made where there is none.
fn mid_set(
    transaction: &Transaction<'_>,
    known: &mut Known,
    scheme: SchemeId,
    mids: &[CompactString],
    day_only: bool,
) -> rusqlite::Result<i64> {
    let list = serde_json::to_string(mids)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let key = (scheme, list);
    if let Some((id, has_days)) = known.mid_sets.get(&key)
        && (*has_days || !day_only)
    {
        return Ok(*id);
    }
    let found: Option<(i64, bool)> = transaction
        .prepare_cached(sql::mid::find_set)?
        .query_row(params![scheme.0, key.1], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let id = match found {
        Some((id, has_days)) if has_days || !day_only => id,
        Some((id, _)) => {
            transaction
                .prepare_cached(sql::mid::set_has_days)?
                .execute([id])?;
            revise(transaction, "mid_set")?;
            id
        }
        None => {
            transaction
                .prepare_cached(sql::mid::insert_set)?
                .execute(params![scheme.0, key.1, day_only])?;
            let id = transaction.last_insert_rowid();
            revise(transaction, "mid_set")?;
            id
        }
    };
    if known.mid_sets.len() >= REMEMBERED_SETS {
        known.mid_sets.clear();
    }
    let has_days = day_only || found.is_some_and(|found| found.1);
    known.mid_sets.insert(key, (id, has_days));
    Ok(id)
}
