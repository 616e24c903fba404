//! Records that were kept, taken up again, one after the other: there are few.

use super::connection::Session;
use super::copy::Rows;
use super::failure::Failure;
use super::import::{Feed, add_answer, file_feed, known, mid_set, put_payment, put_sale};
use super::plan::{conflict, kept_state};
use super::rows::{Date, Time, count, get, invalid, limit, optional_text, slug, text};
use super::sql;
use super::work::Work;
use crate::told::fingerprint;
use compact_str::CompactString;
use harmonia_core::changes::{ImportedBody, Placed, Replayed};
use harmonia_core::ids::{FileId, RejectId};
use harmonia_core::money::Money;
use harmonia_core::problem::Reject;
use harmonia_core::retention::{is_too_old, too_old};
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant, Precision};
use harmonia_core::transaction::Told;
use harmonia_journey::ports::{ImportOutcome, KeptRecord};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Takes up kept records. One that was taken up meanwhile is passed over.
pub async fn apply(
    work: &mut Work<'_>,
    replayed: &[Replayed],
    kept_from: Option<Day>,
) -> Result<ImportOutcome, Failure> {
    let mut outcome = ImportOutcome::default();
    for record in replayed {
        if let Some(kept) = Kept::find(&work.session, record).await? {
            outcome.add(kept.replay(work, kept_from).await?);
        }
    }
    Ok(outcome)
}

/// A kept record as it stands, and as it is read again.
struct Kept<'a> {
    record: &'a Replayed,
    file: FileId,
    number: i64,
    state: RejectState,
    /// The raw row of one that was sound once.
    raw: Option<i64>,
    /// By what one that waits will be known.
    waits_for: Option<(Day, CompactString)>,
}

impl<'a> Kept<'a> {
    /// The record, which nobody else takes up until this commit is over.
    async fn find(session: &Session<'_>, record: &'a Replayed) -> Result<Option<Self>, Failure> {
        let Some(row) = session
            .maybe(sql::reject::find, &[&record.reject.0])
            .await?
        else {
            return Ok(None);
        };
        let day = get::<Option<Date>>(&row, 4)?.map(|day| day.0);
        let kept = Self {
            record,
            file: FileId(get(&row, 0)?),
            number: get(&row, 1)?,
            state: state(&row, 2)?,
            raw: get(&row, 3)?,
            waits_for: day.zip(optional_text(&row, 5)?),
        };
        Ok(Some(kept).filter(|kept| kept.state != RejectState::Replayed))
    }

    async fn replay(
        &self,
        work: &mut Work<'_>,
        kept_from: Option<Day>,
    ) -> Result<ImportOutcome, Failure> {
        let feed = file_feed(work, self.file).await?;
        let told = match &self.record.body {
            ImportedBody::Payment { record, .. } => Some(record.told()),
            ImportedBody::Sale { record, .. } => Some(record.told()),
            ImportedBody::Answer { .. } => None,
            ImportedBody::Refused { told, .. } => told.as_deref().cloned(),
        };
        let before = match &told {
            Some(told) => find(work, feed, told).await?,
            None => None,
        };
        if let Some(told) = &told
            && let Some(kept_from) = kept_from.filter(|first| is_too_old(told.day(), Some(*first)))
            && !self.waited_as(told)
            && before.is_none()
        {
            let reject = too_old(&told.transaction_id, told.day(), kept_from);
            return self.keep(work, feed, &reject, Some(told)).await;
        }
        if let (Some(told), Some(before)) = (&told, before) {
            self.list_mids(work).await?;
            return match conflict(told, before) {
                None => self.settled(work, self.raw, false, None).await,
                Some(reject) => self.keep(work, feed, &reject, Some(told)).await,
            };
        }
        if let ImportedBody::Refused { reject, .. } = &self.record.body {
            return self.keep(work, feed, reject, told.as_ref()).await;
        }
        if let ImportedBody::Answer { scheme, record, .. } = &self.record.body {
            let place = (self.file, self.number);
            let added = add_answer(work, place, &self.record.raw, *scheme, record).await?;
            return match added {
                Ok(is_new) => self.settled(work, None, is_new, None).await,
                Err(reject) => self.keep(work, feed, &reject, None).await,
            };
        }
        let id = match self.raw {
            Some(raw) => raw,
            None => work.take("import_transaction", 1).await?,
        };
        self.take_up(work, feed, id).await?;
        self.store_raw(work, id, true).await?;
        self.settled(work, Some(id), true, told).await
    }

    /// The typed row of a record that is not known, under its number.
    async fn take_up(&self, work: &mut Work<'_>, feed: Feed, id: i64) -> Result<(), Failure> {
        let at = work.at;
        let group = match self.raw {
            // What was numbered before is of the group of those that come now.
            Some(_) => work.next_raw().await?,
            None => id,
        };
        match &self.record.body {
            ImportedBody::Payment {
                scheme,
                mid,
                record,
            } => {
                let mut rows = Rows::new(21);
                put_payment(&mut rows, id, feed, (*scheme, *mid), record, group, at);
                work.send(sql::payment::copy, rows).await?;
                let (scheme, amount) = (*scheme, record.amount);
                work.given.payments.push(Placed { id, scheme, amount });
            }
            ImportedBody::Sale { scheme, record, .. } => {
                let set = self.list_mids(work).await?.unwrap_or_default();
                let mut rows = Rows::new(18);
                put_sale(&mut rows, id, feed, (*scheme, set), record, group, at);
                work.send(sql::sale::copy, rows).await?;
                let (scheme, amount) = (*scheme, record.amount);
                work.given.sales.push(Placed { id, scheme, amount });
            }
            ImportedBody::Answer { .. } | ImportedBody::Refused { .. } => {}
        }
        Ok(())
    }

    /// The row of a sale's list of MIDs.
    async fn list_mids(&self, work: &mut Work<'_>) -> Result<Option<i64>, Failure> {
        let ImportedBody::Sale {
            scheme,
            mids,
            record,
        } = &self.record.body
        else {
            return Ok(None);
        };
        let day_only = record.when.precision == Precision::Day;
        Ok(Some(mid_set(work, *scheme, mids, day_only).await?))
    }

    /// Whether it was sound when it was kept, but for its MID, and is what it was: nothing of that
    /// key was purged while it waited.
    fn waited_as(&self, told: &Told) -> bool {
        let key = self.waits_for.as_ref();
        self.state == RejectState::Quarantined
            && key.is_some_and(|(day, id)| *day == told.day() && *id == told.transaction_id)
    }

    /// The raw row, made or as it is read now.
    async fn store_raw(&self, work: &Work<'_>, id: i64, identified: bool) -> Result<(), Failure> {
        let raw: &str = &self.record.raw;
        if self.raw.is_some() {
            let values: [&(dyn ToSql + Sync); 4] = [&id, &identified, &raw, &work.month.stored()];
            work.session.execute(sql::raw::take_up, &values).await?;
        } else {
            let values: [&(dyn ToSql + Sync); 7] = [
                &id,
                &self.file.0,
                &self.number,
                &identified,
                &raw,
                &Time(work.at),
                &work.month.stored(),
            ];
            work.session.execute(sql::raw::insert, &values).await?;
        }
        Ok(())
    }

    /// It is in, now or since before: `new` is what a transaction that is new says.
    async fn settled(
        &self,
        work: &Work<'_>,
        raw: Option<i64>,
        is_new: bool,
        new: Option<Told>,
    ) -> Result<ImportOutcome, Failure> {
        self.close(work, raw).await?;
        let outcome = ImportOutcome {
            read: 1,
            new: u64::from(is_new),
            duplicate: u64::from(!is_new),
            ..ImportOutcome::default()
        };
        self.recount(work, outcome, new.as_ref()).await?;
        Ok(outcome)
    }

    async fn close(&self, work: &Work<'_>, raw: Option<i64>) -> Result<(), Failure> {
        let values: [&(dyn ToSql + Sync); 3] = [&self.record.reject.0, &raw, &Time(work.at)];
        work.session.execute(sql::reject::replay, &values).await?;
        Ok(())
    }

    /// It cannot be taken now either.
    async fn keep(
        &self,
        work: &mut Work<'_>,
        feed: Feed,
        reject: &Reject,
        told: Option<&Told>,
    ) -> Result<ImportOutcome, Failure> {
        let state = kept_state(reject.reason);
        let outcome = ImportOutcome {
            read: 1,
            rejected: u64::from(state == RejectState::Rejected),
            quarantined: u64::from(state == RejectState::Quarantined),
            ..ImportOutcome::default()
        };
        // One that says what another says of the same transaction is listed once.
        let mark = told
            .filter(|_| state == RejectState::Rejected)
            .map(|told| fingerprint(reject.reason, told).to_vec());
        if let Some(mark) = &mark {
            let values: [&(dyn ToSql + Sync); 3] = [&feed.id, mark, &self.record.reject.0];
            if work.session.value(sql::reject::listed, &values).await? {
                self.close(work, self.raw).await?;
                self.recount(work, outcome, None).await?;
                return Ok(outcome);
            }
        }
        let raw = match (state, self.raw) {
            (RejectState::Quarantined, None) => Some(work.take("import_transaction", 1).await?),
            (_, raw) => raw,
        };
        if let Some(raw) = raw {
            self.store_raw(work, raw, false).await?;
        }
        let waits = told.filter(|_| state == RejectState::Quarantined);
        let id = waits.map(|told| super::rows::storable(&told.transaction_id));
        let values: [&(dyn ToSql + Sync); 9] = [
            &self.record.reject.0,
            &state.as_str(),
            &reject.reason.as_str(),
            &reject.field.as_deref(),
            &&*reject.detail,
            &raw,
            &waits.map(|told| Date(told.day())),
            &id.as_deref(),
            &mark,
        ];
        work.session.execute(sql::reject::keep, &values).await?;
        self.recount(work, outcome, None).await?;
        Ok(outcome)
    }

    /// The file's counts say what became of its records.
    async fn recount(
        &self,
        work: &Work<'_>,
        outcome: ImportOutcome,
        new: Option<&Told>,
    ) -> Result<(), Failure> {
        let less = |state| i64::from(self.state == state);
        let more = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let values: [&(dyn ToSql + Sync); 7] = [
            &self.file.0,
            &more(outcome.new),
            &more(outcome.duplicate),
            &(more(outcome.rejected) - less(RejectState::Rejected)),
            &(more(outcome.quarantined) - less(RejectState::Quarantined)),
            &new.map_or(0, |told| told.amount.minor),
            &new.map(|told| Time(told.date)),
        ];
        work.session.execute(sql::file::recount, &values).await?;
        Ok(())
    }
}

/// When and how much the transaction of this key was, as it is known.
async fn find(
    work: &Work<'_>,
    feed: Feed,
    told: &Told,
) -> Result<Option<(Instant, Money)>, Failure> {
    let key = (told.day(), told.transaction_id.clone());
    let known = known(work, feed, std::slice::from_ref(&key)).await?;
    Ok(known.get(&key).copied())
}

/// The first quarantined records after a row.
pub async fn quarantined(
    session: &Session<'_>,
    after: RejectId,
    most: usize,
) -> Result<Vec<KeptRecord>, Failure> {
    let values: [&(dyn ToSql + Sync); 2] = [&after.0, &limit(most)];
    session
        .list(sql::reject::quarantined, &values, kept_record)
        .await
}

/// The kept record of a row.
pub async fn kept(session: &Session<'_>, id: RejectId) -> Result<Option<KeptRecord>, Failure> {
    let row = session.maybe(sql::reject::kept, &[&id.0]).await?;
    row.map(|row| kept_record(&row)).transpose()
}

fn kept_record(row: &Row) -> Result<KeptRecord, Failure> {
    Ok(KeptRecord {
        id: RejectId(get(row, 0)?),
        feed_name: slug(row, 1)?,
        canonical: get(row, 2)?,
        number: count(row, 3)?,
        occurrence: u32::try_from(count(row, 4)?).map_err(|_| invalid(4, "too large"))?,
        data: text(row, 5)?.as_str().into(),
        state: state(row, 6)?,
    })
}

fn state(row: &Row, column: usize) -> Result<RejectState, Failure> {
    RejectState::from_name(get(row, column)?)
        .ok_or_else(|| invalid(column, "not a state of a kept record"))
}
