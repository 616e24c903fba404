//! Which payments are given up, what waits to be told of them, and to which export an answer is.

use super::inquiry::rows_of;
use super::rows::text;
use super::sql;
use compact_str::CompactString;
use harmonia_core::answer::{ambiguous, other_transaction, unknown_export};
use harmonia_core::changes::{Lane, Span, Work};
use harmonia_core::ids::{ExportId, PaymentId, SchemeId};
use harmonia_core::problem::Reject;
use harmonia_core::sweep::SweepScope;
use harmonia_core::transaction::AnswerRecord;
use harmonia_journey::ports::{Answered, Side};
use rusqlite::{Connection, OptionalExtension, params};

/// The payments that a run of a sweep gives up.
pub fn payments(connection: &Connection, scope: &SweepScope) -> rusqlite::Result<Vec<PaymentId>> {
    let mut find = connection.prepare_cached(sql::feed::find)?;
    let mut feeds: Vec<i64> = Vec::with_capacity(scope.feeds.len());
    for (provider, feed_type) in &scope.feeds {
        let values = [provider.as_str(), feed_type.as_str()];
        feeds.extend(
            find.query_row(values, |row| row.get::<_, i64>(0))
                .optional()?,
        );
    }
    let feeds = serde_json::to_string(&feeds)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection
        .prepare_cached(sql::payment::to_sweep)?
        .query_map(
            params![scope.scheme.0, scope.imported_until.0, feeds, scope.limit],
            |row| row.get(0).map(PaymentId),
        )?
        .collect()
}

/// The exports that wait to be delivered in a lane, as its jobs name them.
pub fn waiting(connection: &Connection, scheme: SchemeId) -> rusqlite::Result<Vec<Span>> {
    let works: Vec<Work> = connection
        .prepare_cached(sql::export::waiting)?
        .query_map([Lane::delivery(scheme).0], |row| {
            Ok(Work::read(row.get_ref(0)?.as_str()?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let spans = works.into_iter().filter_map(|work| match work {
        Work::Exports { exports, .. } => Some(exports),
        _ => None,
    });
    Ok(spans.collect())
}

/// To which export of an agent each answer is.
pub fn answered(
    connection: &Connection,
    scheme: SchemeId,
    answers: &[AnswerRecord],
) -> rusqlite::Result<Vec<Answered>> {
    let one = |record: &AnswerRecord| match export_of(connection, scheme, record)? {
        Err(reject) => Ok(Answered::ToNone(reject)),
        Ok(export) => {
            let is_known = connection
                .prepare_cached(sql::answer::is_known)?
                .query_row(params![export.0, record.result.as_str()], |row| row.get(0))?;
            Ok(Answered::To { export, is_known })
        }
    };
    answers.iter().map(one).collect()
}

/// The export that an answer is to, or why it is to none.
pub fn export_of(
    connection: &Connection,
    scheme: SchemeId,
    record: &AnswerRecord,
) -> rusqlite::Result<Result<ExportId, Reject>> {
    let Some(uid) = &record.export_uid else {
        return by_transaction(connection, scheme, record);
    };
    let found: Option<(i64, CompactString)> = connection
        .prepare_cached(sql::answer::by_uid)?
        .query_row(params![uid.as_bytes().as_slice(), scheme.0], |row| {
            Ok((row.get(0)?, text(row, 1)?))
        })
        .optional()?;
    let Some((export, told)) = found else {
        return Ok(Err(unknown_export(record)));
    };
    Ok(other_transaction(record, &told).map_or(Ok(ExportId(export)), Err))
}

fn by_transaction(
    connection: &Connection,
    scheme: SchemeId,
    record: &AnswerRecord,
) -> rusqlite::Result<Result<ExportId, Reject>> {
    let id = record.transaction_id.as_deref().unwrap_or_default();
    let mut exports = connection.prepare_cached(sql::answer::by_payment)?;
    let mut found = Vec::new();
    for payment in rows_of(connection, Side::Payment, id)? {
        let mut rows = exports.query(params![payment, scheme.0])?;
        while let Some(row) = rows.next()? {
            found.push(ExportId(row.get(0)?));
        }
    }
    Ok(match found.as_slice() {
        [] => Err(unknown_export(record)),
        [one] => Ok(*one),
        _ => Err(ambiguous(record)),
    })
}
