//! Records of a file, raw and typed, each once for ever.
//!
//! What becomes of each record is planned in memory, with what is known at hand, and then written by
//! COPY straight into the tables. Usually everything is new: so it is planned as if it were, and the
//! unique keys say when it is not; then the commit is made anew, and what is known is looked up first.

use super::copy::Rows;
use super::failure::Failure;
use super::plan::{self, Answers, Keyed, Plan};
use super::rows::{Date, Time, feed_type, get, instant, limit, money, storable, text};
use super::sweep::export_of;
use super::work::Work;
use super::{lock, sql};
use compact_str::CompactString;
use harmonia_core::changes::{Imported, ImportedBody, ImportedRecord, Placed};
use harmonia_core::ids::{FileId, MatchGroup, MidId, SchemeId, Slug};
use harmonia_core::money::{MINOR_UNITS, Money};
use harmonia_core::problem::Reject;
use harmonia_core::state::FileState;
use harmonia_core::time::{Day, Instant, Precision};
use harmonia_core::transaction::{AnswerRecord, FeedType, PaymentRecord, SaleRecord};
use harmonia_journey::ports::ImportOutcome;
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;

/// The row of a provider's or scheme's feed of a type, made where there is none.
pub async fn feed_id(
    work: &mut Work<'_>,
    provider: &Slug,
    feed_type: FeedType,
) -> Result<i64, Failure> {
    let key = (provider.clone(), feed_type);
    let known = lock(&work.shared.known).feeds.get(&key).copied();
    if let Some(id) = known.or_else(|| work.learnt.feeds.get(&key).copied()) {
        return Ok(id);
    }
    let (slug, kind) = (provider.as_str(), feed_type.as_str());
    let values: [&(dyn ToSql + Sync); 2] = [&slug, &kind];
    if work
        .session
        .maybe(sql::feed::find, &values)
        .await?
        .is_none()
    {
        work.session.execute(sql::feed::insert, &values).await?;
    }
    let id = work.session.value(sql::feed::find, &values).await?;
    work.learnt.feeds.insert(key, id);
    Ok(id)
}

/// A feed, and whether its transactions are sales.
#[derive(Clone, Copy)]
pub struct Feed {
    pub id: i64,
    pub sells: bool,
}

/// The feed of a file of the log.
pub async fn file_feed(work: &Work<'_>, file: FileId) -> Result<Feed, Failure> {
    let found = work.session.maybe(sql::file::feed, &[&file.0]).await?;
    let row = found
        .ok_or_else(|| Failure::Invalid(format!("file {} of the log is not there", file.0)))?;
    Ok(Feed {
        id: get(&row, 0)?,
        sells: feed_type(&row, 1)? == FeedType::Merchant,
    })
}

/// Adds a stretch of a file's records.
pub async fn apply(
    work: &mut Work<'_>,
    imported: &Imported,
    kept_from: Option<Day>,
) -> Result<ImportOutcome, Failure> {
    let feed = file_feed(work, imported.file).await?;
    let records: Vec<&ImportedRecord> = imported.records.iter().collect();
    let plan = add(work, imported.file, feed, &records, kept_from).await?;
    let outcome = ImportOutcome {
        read: imported.records.len() as u64 + imported.skipped,
        skipped: imported.skipped,
        ..plan.outcome
    };
    let progressed = Progress {
        outcome,
        records_read: imported.records_read,
        more_bytes: imported.more_bytes,
        amount_minor: plan.amount_minor,
        dates: plan.dates,
        state: (imported.state, imported.refusal.as_deref()),
    };
    work.come().await?;
    progress(work, imported.file, &progressed).await?;
    Ok(outcome)
}

/// Plans what becomes of records, and writes it.
pub async fn add<'a>(
    work: &mut Work<'_>,
    file: FileId,
    feed: Feed,
    records: &[&'a ImportedRecord],
    kept_from: Option<Day>,
) -> Result<Plan<'a>, Failure> {
    let expected = lock(&work.shared.expected).contains(&feed.id);
    let looks_up_again = (work.careful || expected) && !work.turn.again.is_empty();
    if looks_up_again || !records.iter().all(|record| may_go_ahead(record)) {
        work.come().await?;
    }
    let careful = work.careful || expected;
    let keys = plan::asked(records, kept_from, careful);
    let known = known(work, feed, &keys).await?;
    let nothing = HashMap::new();
    let again = match careful {
        true => &nothing,
        false => &work.turn.again,
    };
    let answers = answers(work, file, records).await?;
    let mut plan = Plan::of(
        records,
        kept_from,
        known.clone(),
        again,
        HashSet::new(),
        answers.clone(),
    );
    let kept = kept(work, feed, plan.fingerprints()).await?;
    if !kept.is_empty() {
        plan = Plan::of(records, kept_from, known, again, kept, answers);
    }
    let first = work.take_raw(plan.raws.len()).await?;
    let sets = mid_sets(work, &plan).await?;
    write(work, file, feed, &plan, first, &sets).await?;
    rejects(work, file, feed, &plan, first).await?;
    if plan.dates.is_some() {
        work.given.match_group = Some(MatchGroup(first));
    }
    work.feeds.push((feed.id, plan.had_known));
    Ok(plan)
}

/// Whether a record may be written while the batch before it is committed: not what changes another row,
/// nor what is stored under another id than the one by which the two batches were held apart.
fn may_go_ahead(record: &ImportedRecord) -> bool {
    let id = match &record.body {
        ImportedBody::Payment { record, .. } => &record.transaction_id,
        ImportedBody::Sale { record, .. } => &record.transaction_id,
        ImportedBody::Refused { .. } => return true,
        ImportedBody::Answer { .. } => return false,
    };
    !id.contains('\0')
}

/// Adds the answers among records to their exports.
async fn answers(
    work: &Work<'_>,
    file: FileId,
    records: &[&ImportedRecord],
) -> Result<Answers, Failure> {
    let mut answers = Answers::default();
    for (place, row) in records.iter().enumerate() {
        let ImportedBody::Answer { scheme, record, .. } = &row.body else {
            continue;
        };
        let number = i64::try_from(row.number).unwrap_or(i64::MAX);
        match add_answer(work, (file, number), &row.raw, *scheme, record).await? {
            Ok(true) => {
                answers.new.insert(place);
            }
            Ok(false) => {}
            Err(reject) => {
                answers.refused.insert(place, reject);
            }
        }
    }
    Ok(answers)
}

/// Adds an answer, which came as a record of a file: whether it is new to its export, or why it is to
/// none.
pub async fn add_answer(
    work: &Work<'_>,
    (file, number): (FileId, i64),
    raw: &str,
    scheme: SchemeId,
    record: &AnswerRecord,
) -> Result<Result<bool, Reject>, Failure> {
    let export = match export_of(&work.session, scheme, record).await? {
        Ok(export) => export,
        Err(reject) => return Ok(Err(reject)),
    };
    let result = storable(&record.result);
    let values: [&(dyn ToSql + Sync); 6] = [
        &export.0,
        &result.as_str(),
        &file.0,
        &number,
        &raw,
        &Time(work.at),
    ];
    let inserted = work.session.execute(sql::answer::insert, &values).await?;
    Ok(Ok(inserted == 1))
}

/// What is known of transactions of a feed: when each was and how much.
pub async fn known(
    work: &Work<'_>,
    feed: Feed,
    keys: &[Keyed],
) -> Result<HashMap<Keyed, (Instant, Money)>, Failure> {
    let mut known = HashMap::new();
    if keys.is_empty() {
        return Ok(known);
    }
    let ids: Vec<CompactString> = keys.iter().map(|key| storable(&key.1)).collect();
    if let Some(known) = known_between(work, feed, keys, &ids).await? {
        return Ok(known);
    }
    let days: Vec<Date> = keys.iter().map(|key| Date(key.0)).collect();
    let ids: Vec<&str> = ids.iter().map(CompactString::as_str).collect();
    let values: [&(dyn ToSql + Sync); 3] = [&days, &ids, &feed.id];
    let statement = match feed.sells {
        true => sql::sale::known,
        false => sql::payment::known,
    };
    for row in work.session.rows(statement, &values).await? {
        let place = usize::try_from(get::<i64>(&row, 0)? - 1).unwrap_or(usize::MAX);
        if let Some(key) = keys.get(place) {
            known.insert(key.clone(), (instant(&row, 1)?, money(&row, 2)?));
        }
    }
    Ok(known)
}

/// Of so many keys and more, what is known between the first and the last of each day is looked at
/// first.
const MANY_KEYS: usize = 64;

/// What is known between the first and the last key of each day, where that is little: most feeds count
/// their transactions, and what is new lies beyond what is known. `None` where each key has to be looked
/// up.
async fn known_between(
    work: &Work<'_>,
    feed: Feed,
    keys: &[Keyed],
    ids: &[CompactString],
) -> Result<Option<HashMap<Keyed, (Instant, Money)>>, Failure> {
    // What is not stored as it came is not found by what is stored.
    let as_came = keys.iter().zip(ids).all(|(key, id)| key.1 == *id);
    if keys.len() < MANY_KEYS || !as_came {
        return Ok(None);
    }
    let mut between: BTreeMap<Day, (&str, &str)> = BTreeMap::new();
    for (day, id) in keys {
        let (first, last) = between.entry(*day).or_insert((id, id));
        *first = (*first).min(id);
        *last = (*last).max(id);
    }
    let days: Vec<Date> = between.keys().map(|day| Date(*day)).collect();
    let (first, last): (Vec<&str>, Vec<&str>) = between.into_values().unzip();
    // An eighth of them read for nothing costs little beside looking up all.
    let most = keys.len() / 8;
    let asked = limit(most + 1);
    let values: [&(dyn ToSql + Sync); 5] = [&days, &first, &last, &feed.id, &asked];
    let statement = match feed.sells {
        true => sql::sale::known_between,
        false => sql::payment::known_between,
    };
    let rows = work.session.rows(statement, &values).await?;
    if rows.len() > most {
        return Ok(None);
    }
    let row = |row: &tokio_postgres::Row| {
        let key = (get::<Date>(row, 0)?.0, text(row, 1)?);
        Ok((key, (instant(row, 2)?, money(row, 3)?)))
    };
    rows.iter().map(row).collect::<Result<_, _>>().map(Some)
}

/// Which of these records are kept as rejects already.
async fn kept(
    work: &Work<'_>,
    feed: Feed,
    fingerprints: Vec<&[u8]>,
) -> Result<HashSet<Vec<u8>>, Failure> {
    if fingerprints.is_empty() {
        return Ok(HashSet::new());
    }
    let values: [&(dyn ToSql + Sync); 2] = [&feed.id, &fingerprints];
    let row = |row: &tokio_postgres::Row| get(row, 0);
    let kept = work.session.list(sql::reject::known, &values, row).await?;
    Ok(kept.into_iter().collect())
}

/// Writes what is planned: raw and typed, under the same numbers.
async fn write(
    work: &mut Work<'_>,
    file: FileId,
    feed: Feed,
    plan: &Plan<'_>,
    first: i64,
    sets: &[i64],
) -> Result<(), Failure> {
    let at = work.at;
    let mut rows = Rows::new(21);
    for (offset, scheme, mid, record) in &plan.payments {
        let id = first + *offset;
        put_payment(&mut rows, id, feed, (*scheme, *mid), record, first, at);
        let (scheme, amount) = (*scheme, record.amount);
        work.given.payments.push(Placed { id, scheme, amount });
    }
    work.send(sql::payment::copy, rows).await?;
    let mut rows = Rows::new(18);
    for (offset, scheme, list, record) in &plan.sales {
        let id = first + *offset;
        put_sale(
            &mut rows,
            id,
            feed,
            (*scheme, sets[*list]),
            record,
            first,
            at,
        );
        let (scheme, amount) = (*scheme, record.amount);
        work.given.sales.push(Placed { id, scheme, amount });
    }
    work.send(sql::sale::copy, rows).await?;
    let mut rows = Rows::new(7);
    for (id, (record, identified)) in (first..).zip(&plan.raws) {
        rows.row()
            .int(id)
            .int(file.0)
            .number(record.number)
            .time(at)
            .day(work.month.first())
            .bool(*identified)
            .text(&record.raw);
    }
    work.send(&work.month.within(sql::raw::copy), rows).await
}

/// Writes the records that are not taken.
async fn rejects(
    work: &mut Work<'_>,
    file: FileId,
    feed: Feed,
    plan: &Plan<'_>,
    first_raw: i64,
) -> Result<(), Failure> {
    if plan.rejects.is_empty() {
        return Ok(());
    }
    // The batch before may have brought the same.
    work.come().await?;
    let first = work.take("rejected_record", plan.rejects.len()).await?;
    let mut rows = Rows::new(15);
    for (id, refused) in (first..).zip(&plan.rejects) {
        let told = refused.told.as_ref();
        rows.row()
            .int(id)
            .int(feed.id)
            .int(file.0)
            .number(refused.record.number)
            .int(refused.record.occurrence.into())
            .text(plan::kept_state(refused.reject.reason).as_str())
            .text(refused.reject.reason.as_str())
            .optional_text(refused.reject.field.as_deref())
            .text(&refused.reject.detail)
            .text(&refused.record.raw)
            .optional_int(refused.raw.map(|offset| first_raw + offset))
            .bytes(&refused.fingerprint)
            .time(work.at)
            .optional(told.map(|told| told.day()), Rows::day)
            .optional_text(told.map(|told| told.transaction_id.as_str()));
    }
    work.send(sql::reject::copy, rows).await
}

/// A payment, in the columns of `payment/copy`.
pub fn put_payment(
    rows: &mut Rows,
    id: i64,
    feed: Feed,
    (scheme, mid): (SchemeId, MidId),
    record: &PaymentRecord,
    match_group: i64,
    at: Instant,
) {
    let identifiers = &record.identifiers;
    let carried = identifiers
        .primary
        .as_deref()
        .or(identifiers.secondary.as_deref())
        .or(identifiers.psimi.as_deref());
    let digits = &record.digits;
    rows.row()
        .int(id)
        .int(feed.id)
        .int(scheme.0)
        .int(mid.0)
        .day(record.when.start.day())
        .text(&record.transaction_id)
        .optional_text(carried)
        .time(record.when.start)
        .int2(precision(record.when.precision))
        .int(record.amount.minor)
        .int(MINOR_UNITS)
        .text(record.amount.currency.as_str())
        .text(&record.card_token.0)
        .optional_text(digits.first_six.as_ref().map(|digits| digits.as_str()))
        .optional_text(digits.last_four.as_ref().map(|digits| digits.as_str()))
        .optional_text(record.auth_code.as_deref())
        .optional_text(record.approval_code.as_deref())
        .optional_text(record.settlement_key.as_deref())
        .optional_text(record.extra.as_deref())
        .int(match_group)
        .time(at);
}

/// A sale, in the columns of `sale/copy`.
pub fn put_sale(
    rows: &mut Rows,
    id: i64,
    feed: Feed,
    (scheme, set): (SchemeId, i64),
    record: &SaleRecord,
    match_group: i64,
    at: Instant,
) {
    let digits = &record.digits;
    rows.row()
        .int(id)
        .int(feed.id)
        .int(scheme.0)
        .int(set)
        .day(record.when.start.day())
        .text(&record.transaction_id)
        .optional_text(record.payment_provider.as_ref().map(Slug::as_str))
        .time(record.when.start)
        .int2(precision(record.when.precision))
        .int(record.amount.minor)
        .int(MINOR_UNITS)
        .text(record.amount.currency.as_str())
        .optional_text(digits.first_six.as_ref().map(|digits| digits.as_str()))
        .optional_text(digits.last_four.as_ref().map(|digits| digits.as_str()))
        .optional_text(record.auth_code.as_deref())
        .optional_text(record.extra.as_deref())
        .int(match_group)
        .time(at);
}

fn precision(precision: Precision) -> i16 {
    i16::try_from(precision.code()).unwrap_or(i16::MAX)
}

/// What a stretch adds to the row of its file in the log.
pub struct Progress<'a> {
    /// What became of its records.
    pub outcome: ImportOutcome,
    /// How many records of the file are read by now; of a row of messages, how many more.
    pub records_read: u64,
    /// How many bytes more the row is of.
    pub more_bytes: u64,
    /// The amounts of what was new, added up.
    pub amount_minor: i64,
    /// The first and the last date of what was new.
    pub dates: Option<(Instant, Instant)>,
    /// Where the file stands, and why where it is refused.
    pub state: (FileState, Option<&'a str>),
}

/// Writes to the row of a file of the log what a stretch of it added.
pub async fn progress(
    work: &Work<'_>,
    file: FileId,
    progress: &Progress<'_>,
) -> Result<(), Failure> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let outcome = &progress.outcome;
    let (state, refusal) = (progress.state.0.as_str(), progress.state.1);
    let values: [&(dyn ToSql + Sync); 14] = [
        &file.0,
        &count(progress.records_read),
        &count(outcome.new),
        &count(outcome.duplicate),
        &count(outcome.skipped),
        &count(outcome.rejected),
        &count(outcome.quarantined),
        &progress.amount_minor,
        &progress.dates.map(|dates| Time(dates.0)),
        &progress.dates.map(|dates| Time(dates.1)),
        &state,
        &refusal,
        &Time(work.at),
        &count(progress.more_bytes),
    ];
    work.session.execute(sql::file::progress, &values).await?;
    Ok(())
}

/// The rows of the lists of MIDs of a plan, in its order, made where there are none.
async fn mid_sets(work: &mut Work<'_>, plan: &Plan<'_>) -> Result<Vec<i64>, Failure> {
    let mut sets = Vec::with_capacity(plan.lists.len());
    for (scheme, mids, day_only) in &plan.lists {
        sets.push(mid_set(work, *scheme, mids, *day_only).await?);
    }
    Ok(sets)
}

/// The row of a list of MIDs, made where there is none.
pub async fn mid_set(
    work: &mut Work<'_>,
    scheme: SchemeId,
    mids: &[CompactString],
    day_only: bool,
) -> Result<i64, Failure> {
    let remembered = {
        let known = lock(&work.shared.known);
        let of = |known: &super::work::Known| known.mid_sets.get(&scheme)?.get(mids).copied();
        of(&work.learnt).or_else(|| of(&known))
    };
    if let Some((id, has_days)) = remembered
        && (has_days || !day_only)
    {
        return Ok(id);
    }
    let list: Vec<CompactString> = mids.iter().map(|mid| storable(mid)).collect();
    let list: Vec<&str> = list.iter().map(CompactString::as_str).collect();
    let values: [&(dyn ToSql + Sync); 2] = [&scheme.0, &list];
    let found = match work.session.maybe(sql::mid::find_set, &values).await? {
        Some(row) => Some((get::<i64>(&row, 0)?, get::<bool>(&row, 1)?)),
        None => None,
    };
    // Another commit that needs the list waits until this one is over.
    work.come().await?;
    let id = match found {
        Some((id, has_days)) if has_days || !day_only => id,
        Some((id, _)) => {
            work.session.execute(sql::mid::set_has_days, &[&id]).await?;
            work.revise("mid_set").await?;
            id
        }
        None => {
            let id = work.take("mid_set", 1).await?;
            let values: [&(dyn ToSql + Sync); 4] = [&id, &scheme.0, &list, &day_only];
            work.session.execute(sql::mid::insert_set, &values).await?;
            work.revise("mid_set").await?;
            id
        }
    };
    let has_days = day_only || found.is_some_and(|found| found.1);
    let lists = work.learnt.mid_sets.entry(scheme).or_default();
    lists.insert(mids.to_vec(), (id, has_days));
    Ok(id)
}
