//! Records of a file, raw and typed, each once for ever.

use super::rows::{instant, money};
use super::sql;
use super::sweep::export_of;
use super::writer::{Failure, Given, Known, next_id, revise};
use crate::told::fingerprint;
use compact_str::CompactString;
use harmonia_core::changes::{Imported, ImportedBody, ImportedRecord, Placed};
use harmonia_core::ids::{FileId, MatchGroup, MidId, SchemeId, Slug};
use harmonia_core::money::{MINOR_UNITS, Money};
use harmonia_core::problem::{Reject, RejectReason};
use harmonia_core::push::Fate;
use harmonia_core::retention::{is_too_old, too_old};
use harmonia_core::state::{FileState, RejectState};
use harmonia_core::time::{Day, Instant, Precision};
use harmonia_core::transaction::{AnswerRecord, FeedType, PaymentRecord, SaleRecord, Told};
use harmonia_journey::ports::ImportOutcome;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};

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

/// A stretch of a file's records, to be added.
pub struct Stretch<'a> {
    /// The records.
    pub imported: &'a Imported,
    /// When.
    pub at: Instant,
    /// What is of an earlier day and not known is too old.
    pub kept_from: Option<Day>,
}

/// Adds a stretch of a file's records.
pub fn apply(
    transaction: &Transaction<'_>,
    known: &mut Known,
    stretch: &Stretch<'_>,
    given: &mut Given,
) -> Result<ImportOutcome, Failure> {
    let Stretch {
        imported,
        at,
        kept_from,
    } = *stretch;
    let feed_type = |record: &ImportedRecord| match &record.body {
        ImportedBody::Payment { .. } => Some(true),
        ImportedBody::Sale { .. } => Some(false),
        ImportedBody::Answer { .. } | ImportedBody::Refused { .. } => None,
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
    rows.kept_from = kept_from;
    for record in &imported.records {
        rows.add(record, given)?;
    }
    let outcome = ImportOutcome {
        read: imported.records.len() as u64 + imported.skipped,
        skipped: imported.skipped,
        ..rows.outcome
    };
    let sums = rows.sums();
    given.match_group = sums.1.is_some().then_some(MatchGroup(first));
    let progressed = Progress {
        outcome,
        records_read: imported.records_read,
        more_bytes: imported.more_bytes,
        sums,
        state: (imported.state, imported.refusal.as_deref()),
    };
    progress(transaction, imported.file, &progressed, at)?;
    Ok(outcome)
}

/// What a stretch adds to the row of its file in the log.
pub struct Progress<'a> {
    /// What became of its records.
    pub outcome: ImportOutcome,
    /// How many records of the file are read by now; of a row of messages, how many more.
    pub records_read: u64,
    /// How many bytes more the row is of.
    pub more_bytes: u64,
    /// The amounts and dates of what was new.
    pub sums: Sums,
    /// Where the file stands, and why where it is refused.
    pub state: (FileState, Option<&'a str>),
}

/// Writes to the row of a file of the log what a stretch of it added.
pub fn progress(
    transaction: &Transaction<'_>,
    file: FileId,
    progress: &Progress<'_>,
    at: Instant,
) -> rusqlite::Result<()> {
    let Progress {
        outcome,
        records_read,
        more_bytes,
        sums: (amount_minor, dates),
        state: (state, refusal),
    } = progress;
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
            more_bytes,
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
    /// What is of an earlier day and not known is too old.
    pub kept_from: Option<Day>,
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
            kept_from: None,
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
            ImportedBody::Payment { record, .. } if self.is_too_old(record.when.start) => {
                Ok(self.too_old(row, &record.told(), SameKey::PAYMENT)?)
            }
            ImportedBody::Sale { record, .. } if self.is_too_old(record.when.start) => {
                Ok(self.too_old(row, &record.told(), SameKey::SALE)?)
            }
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => {
                if self.add_payment(self.next, *scheme, *mid, record)? {
                    given.payments.push(Placed {
                        id: self.next,
                        scheme: *scheme,
                        amount: record.amount,
                    });
                    self.taken(row, record.when.start, record.amount)?;
                    Ok(Fate::New)
                } else {
                    Ok(self.known_already(row, &record.told(), SameKey::PAYMENT)?)
                }
            }
            ImportedBody::Sale {
                scheme,
                mids,
                record,
            } => {
                if self.add_sale(self.next, *scheme, mids, record)? {
                    given.sales.push(Placed {
                        id: self.next,
                        scheme: *scheme,
                        amount: record.amount,
                    });
                    self.taken(row, record.when.start, record.amount)?;
                    Ok(Fate::New)
                } else {
                    Ok(self.known_already(row, &record.told(), SameKey::SALE)?)
                }
            }
            ImportedBody::Answer {
                scheme,
                record,
                fingerprint,
            } => match self.add_answer(number(row), &row.raw, *scheme, record)? {
                Ok(true) => {
                    self.outcome.new += 1;
                    Ok(Fate::New)
                }
                Ok(false) => {
                    self.outcome.duplicate += 1;
                    Ok(Fate::Duplicate)
                }
                Err(reject) => Ok(self.refuse(row, &reject, fingerprint, None)?),
            },
            ImportedBody::Refused {
                reject,
                fingerprint,
                told,
            } => Ok(self.refused(row, reject, fingerprint, told.as_deref())?),
        }
    }

    fn is_too_old(&self, date: Instant) -> bool {
        is_too_old(date.day(), self.kept_from)
    }

    /// Of a day that may be purged: what is known is known, and nothing else is taken.
    fn too_old(
        &mut self,
        row: &ImportedRecord,
        told: &Told,
        same_key: SameKey,
    ) -> rusqlite::Result<Fate> {
        if same_key.find(self.transaction, self.feed, told)?.is_some() {
            return self.known_already(row, told, same_key);
        }
        let kept_from = self.kept_from.unwrap_or(told.day());
        let reject = too_old(&told.transaction_id, told.day(), kept_from);
        self.refuse(row, &reject, &fingerprint(reject.reason, told), None)
    }

    /// A record that was refused before it came here: unless only its MID or location is not known,
    /// and the transaction is.
    fn refused(
        &mut self,
        row: &ImportedRecord,
        reject: &Reject,
        fingerprint: &[u8; 32],
        told: Option<&Told>,
    ) -> rusqlite::Result<Fate> {
        let Some(told) = told else {
            return self.refuse(row, reject, fingerprint, None);
        };
        let same_key = SameKey::of_feed(self.transaction, self.feed)?;
        if self.is_too_old(told.date) {
            return self.too_old(row, told, same_key);
        }
        if same_key.find(self.transaction, self.feed, told)?.is_some() {
            return self.known_already(row, told, same_key);
        }
        self.refuse(row, reject, fingerprint, Some(told))
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

    /// Whether an answer is new to its export, or why it is to none.
    pub fn add_answer(
        &mut self,
        number: i64,
        raw: &str,
        scheme: SchemeId,
        record: &AnswerRecord,
    ) -> rusqlite::Result<Result<bool, Reject>> {
        let export = match export_of(self.transaction, scheme, record)? {
            Ok(export) => export,
            Err(reject) => return Ok(Err(reject)),
        };
        let inserted = self
            .transaction
            .prepare_cached(sql::answer::insert)?
            .execute(params![
                export.0,
                record.result.as_str(),
                self.file,
                number,
                raw,
                self.at.0
            ])?;
        Ok(Ok(inserted == 1))
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
    fn known_already(
        &mut self,
        row: &ImportedRecord,
        told: &Told,
        same_key: SameKey,
    ) -> rusqlite::Result<Fate> {
        match same_key.conflict(self.transaction, self.feed, told)? {
            None => {
                self.outcome.duplicate += 1;
                Ok(Fate::Duplicate)
            }
            Some(reject) => self.refuse(row, &reject, &fingerprint(reject.reason, told), None),
        }
    }

    /// Keeps a record that was not taken, with its reason. Quarantined ones keep their raw record
    /// too, and go on when their MID is onboarded; `told` says what they will be known by.
    fn refuse(
        &mut self,
        row: &ImportedRecord,
        reject: &Reject,
        fingerprint: &[u8; 32],
        told: Option<&Told>,
    ) -> rusqlite::Result<Fate> {
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
            told.map(|told| told.day().0),
            told.map(|told| told.transaction_id.as_str()),
        ])?;
        if quarantined && inserted == 1 {
            self.insert_raw(row, false)?;
        }
        match quarantined {
            true => self.outcome.quarantined += 1,
            false => self.outcome.rejected += 1,
        }
        Ok(Fate::Refused(reject.clone()))
    }
}

fn number(row: &ImportedRecord) -> i64 {
    i64::try_from(row.number).unwrap_or(i64::MAX)
}

/// Where a record that is not taken for a reason stands.
pub fn kept_state(reason: RejectReason) -> RejectState {
    if reason.is_quarantine() {
        RejectState::Quarantined
    } else {
        RejectState::Rejected
    }
}

/// How what is known under a key is found: among the payments, or among the sales.
#[derive(Clone, Copy)]
pub struct SameKey(&'static str);

impl SameKey {
    pub const PAYMENT: Self = Self(sql::payment::same_key);
    pub const SALE: Self = Self(sql::sale::same_key);

    /// For the records of a feed.
    pub fn of_feed(connection: &Connection, feed: i64) -> rusqlite::Result<Self> {
        let is_sale: bool = connection
            .prepare_cached("SELECT feed_type = 'MERCHANT' FROM feed WHERE id = ?1")?
            .query_row([feed], |row| row.get(0))?;
        Ok(if is_sale { Self::SALE } else { Self::PAYMENT })
    }

    /// When and how much the transaction of this key was, as it is known.
    pub fn find(
        self,
        connection: &Connection,
        feed: i64,
        told: &Told,
    ) -> rusqlite::Result<Option<(Instant, Money)>> {
        let key = params![told.day().0, feed, told.transaction_id.as_str()];
        connection
            .prepare_cached(self.0)?
            .query_row(key, |row| Ok((instant(row, 0)?, money(row, 1)?)))
            .optional()
    }

    /// What is wrong when a record says something else than what is known; `None` when it says the
    /// same.
    pub fn conflict(
        self,
        connection: &Connection,
        feed: i64,
        told: &Told,
    ) -> rusqlite::Result<Option<Reject>> {
        let before = self.find(connection, feed, told)?;
        let Some(before) = before.filter(|before| *before != (told.date, told.amount)) else {
            return Ok(None);
        };
        Ok(Some(Reject::record(
            RejectReason::Conflict,
            format_args!(
                "transaction {} is known already with {} at {}, and comes now with {} at {}: ask \
                 its sender which is right",
                told.transaction_id, before.1, before.0, told.amount, told.date
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
