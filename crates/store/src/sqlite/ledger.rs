//! The ledger of deliveries: what is about to be sent, what came of it, and what people decide.

use super::load::{ranges, unseal};
use super::rows::invalid;
use super::writer::Failure;
use super::{Shared, sql};
use crate::seal::request_place;
use harmonia_core::changes::{Attempt, Handled, Sending, Span};
use harmonia_core::ids::{ExportId, SchemeId};
use harmonia_core::state::ExportState;
use harmonia_core::time::Instant;
use harmonia_journey::ports::SentBefore;
use rusqlite::{Connection, Transaction, params};

/// Puts exports in flight, and freezes their requests.
pub fn send(
    shared: &Shared,
    transaction: &Transaction<'_>,
    sending: &[Sending],
    at: Instant,
) -> Result<(), Failure> {
    if sending.is_empty() {
        return Ok(());
    }
    let mut freeze = transaction.prepare_cached(sql::export::freeze)?;
    let mut send = transaction.prepare_cached(sql::export::send)?;
    for Sending { export, request } in sending {
        let sealed = shared.sealer.seal(&request_place(*export), request);
        freeze.execute(params![export.0, sealed, at.0])?;
        if send.execute([export.0, at.0])? != 1 {
            return Err(Failure::Conflict);
        }
    }
    Ok(())
}

/// Notes one try, and where its exports stand since.
pub fn deliver(
    transaction: &Transaction<'_>,
    attempt: &Attempt,
    at: Instant,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(sql::export::attempt)?
        .execute(params![
            attempt.scheme.0,
            attempt.destination,
            attempt.body,
            attempt.response,
            attempt.error,
            attempt.duration_us,
            at.0,
        ])?;
    let attempt_id = transaction.last_insert_rowid();
    let mut deliver = transaction.prepare_cached(sql::export::deliver)?;
    let mut thaw = transaction.prepare_cached(sql::export::thaw)?;
    for delivery in &attempt.deliveries {
        deliver.execute(params![
            delivery.export.0,
            delivery.state.as_str(),
            delivery.reason,
            attempt_id,
            delivery.due_at.map(|due| due.0),
            at.0,
        ])?;
        // What leaves by a file has no request.
        if attempt.file.is_none() && delivery.state.is_settled() {
            thaw.execute([delivery.export.0])?;
        }
    }
    if let Some(file) = &attempt.file {
        transaction
            .prepare_cached(sql::export::extend_file)?
            .execute(params![file.name, file.length, at.0])?;
    }
    Ok(())
}

/// Does what a person decided, unless an export has moved on since it was looked at.
pub fn handle(
    transaction: &Transaction<'_>,
    handled: &[Handled],
    at: Instant,
) -> Result<(), Failure> {
    for one in handled {
        if let Some(lane) = one.unless_held {
            let is_held: bool = transaction
                .prepare_cached(sql::job::lane_is_held)?
                .query_row(params![lane.0, at.0], |row| row.get(0))?;
            if is_held {
                return Err(Failure::Conflict);
            }
        }
        let (from, to) = (one.from.as_str(), one.to.as_str());
        let changed = transaction
            .prepare_cached(sql::export::handle)?
            .execute(params![one.export.0, from, to, one.reason, at.0])?;
        if changed != 1 {
            return Err(Failure::Conflict);
        }
        if one.to.is_settled() {
            transaction
                .prepare_cached(sql::export::thaw)?
                .execute([one.export.0])?;
        }
    }
    Ok(())
}

/// A scheme's exports of a span that were sent before and are not settled.
pub fn sent_before(
    shared: &Shared,
    connection: &Connection,
    scheme: SchemeId,
    span: &Span,
) -> rusqlite::Result<Vec<SentBefore>> {
    let mut statement = connection.prepare_cached(sql::export::sent_before)?;
    let mut found = Vec::new();
    for (first, last) in ranges(span) {
        let mut rows = statement.query([first, last, scheme.0])?;
        while let Some(row) = rows.next()? {
            let export = ExportId(row.get(0)?);
            let state = ExportState::from_name(row.get_ref(1)?.as_str()?);
            let sealed = row.get_ref(5)?.as_blob_or_null()?;
            let request = unseal(shared, &request_place(export), sealed)?;
            found.push(SentBefore {
                export,
                state: state.ok_or_else(|| invalid(1, "a state of exports that there is not"))?,
                tries: row.get(2)?,
                first_sent_at: row.get::<_, Option<i64>>(3)?.map(Instant),
                due_at: row.get::<_, Option<i64>>(4)?.map(Instant),
                request: request.map(String::from),
            });
        }
    }
    Ok(found)
}
