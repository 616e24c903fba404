//! What senders push: the row of the import log, the records, and what each sender is told.

use super::import::Rows;
use super::writer::{Failure, Given, Known, next_id};
use super::{claim, import, sql};
use harmonia_core::ids::{MatchGroup, Slug};
use harmonia_core::push::{KEPT_US, Pushed, Receipt, Request, RequestKey};
use harmonia_core::state::FileState;
use harmonia_core::time::{Day, Instant};
use harmonia_journey::ports::{AnsweredBefore, ImportOutcome};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// For each answer that is kept, so many that are too old are forgotten.
const FORGOTTEN_FOR_ONE: i64 = 4;

/// What was pushed, to be added.
pub struct Stretch<'a> {
    /// The requests.
    pub pushed: &'a Pushed,
    /// When.
    pub at: Instant,
    /// What is of an earlier day and not known is too old.
    pub kept_from: Option<Day>,
}

/// Adds the records of requests, and makes and keeps what each sender is told.
pub fn apply(
    transaction: &Transaction<'_>,
    known: &mut Known,
    stretch: &Stretch<'_>,
    given: &mut Given,
) -> Result<Vec<Receipt>, Failure> {
    let Stretch {
        pushed,
        at,
        kept_from,
    } = *stretch;
    let arrival = &pushed.arrival;
    let feed = import::feed_id(transaction, known, &arrival.provider, arrival.feed_type)?;
    let file = claim::message_row(transaction, known, arrival, at)?;
    let first = next_id(transaction, "import_transaction")?;
    let mut rows = Rows::prepare(transaction, known, file.0, feed, first, at)?;
    rows.kept_from = kept_from;
    let mut receipts = Vec::with_capacity(pushed.requests.len());
    for request in &pushed.requests {
        let mut fates = Vec::with_capacity(request.records.len());
        for record in &request.records {
            fates.push(rows.add(record, given)?);
        }
        receipts.push(Receipt::new(file.0, request, fates));
    }
    let mut outcome = ImportOutcome::default();
    for receipt in &receipts {
        outcome.add(receipt.into());
    }
    given.match_group = (outcome.new > 0).then_some(MatchGroup(first));
    let sums = rows.sums();
    let progressed = import::Progress {
        outcome,
        records_read: outcome.read,
        more_bytes: arrival.size_bytes,
        sums,
        state: (FileState::Imported, None),
    };
    import::progress(transaction, file, &progressed, at)?;
    for (request, receipt) in pushed.requests.iter().zip(&receipts) {
        keep(transaction, &arrival.feed_name, request, receipt, at)?;
    }
    Ok(receipts)
}

fn keep(
    transaction: &Transaction<'_>,
    feed: &Slug,
    request: &Request,
    receipt: &Receipt,
    at: Instant,
) -> Result<(), Failure> {
    let Some(RequestKey { key, body }) = &request.key else {
        return Ok(());
    };
    let told = serde_json::to_string(receipt)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction
        .prepare_cached(sql::push::prune)?
        .execute(params![at.plus(-KEPT_US).0, FORGOTTEN_FOR_ONE])?;
    transaction
        .prepare_cached(sql::push::insert)?
        .execute(params![
            feed.as_str(),
            key.as_slice(),
            body.as_slice(),
            receipt.import,
            told,
            at.0,
        ])
        .map_err(super::writer::conflict)?;
    Ok(())
}

/// What was answered to each of these requests of a feed, if they came before.
pub fn answered_before(
    connection: &Connection,
    feed: &Slug,
    keys: &[RequestKey],
) -> rusqlite::Result<Vec<Option<AnsweredBefore>>> {
    let mut find = connection.prepare_cached(sql::push::find)?;
    let mut found = Vec::with_capacity(keys.len());
    for RequestKey { key, .. } in keys {
        let before = find
            .query_row(params![feed.as_str(), key.as_slice()], |row| {
                let told: String = row.get(1)?;
                let receipt = serde_json::from_str(&told)
                    .map_err(|_| super::rows::invalid(1, "not a receipt"))?;
                Ok(AnsweredBefore {
                    body: row.get(0)?,
                    receipt,
                })
            })
            .optional()?;
        found.push(before);
    }
    Ok(found)
}
