//! Which payments are given up, what waits to be told of them, and to which export an answer is.

use super::connection::Session;
use super::failure::Failure;
use super::inquiry::rows_of;
use super::rows::{Time, get, limit, storable, text};
use super::sql;
use harmonia_core::answer::{ambiguous, other_transaction, unknown_export};
use harmonia_core::changes::{Lane, Span, Work};
use harmonia_core::ids::{ExportId, PaymentId, SchemeId};
use harmonia_core::problem::Reject;
use harmonia_core::sweep::SweepScope;
use harmonia_core::transaction::AnswerRecord;
use harmonia_journey::ports::{Answered, Side};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// The payments that a run of a sweep gives up.
pub async fn payments(
    session: &Session<'_>,
    scope: &SweepScope,
) -> Result<Vec<PaymentId>, Failure> {
    let mut feeds: Vec<i64> = Vec::with_capacity(scope.feeds.len());
    for (provider, feed_type) in &scope.feeds {
        let values: [&(dyn ToSql + Sync); 2] = [&provider.as_str(), &feed_type.as_str()];
        if let Some(row) = session.maybe(sql::feed::find, &values).await? {
            feeds.push(get(&row, 0)?);
        }
    }
    let values: [&(dyn ToSql + Sync); 4] = [
        &scope.scheme.0,
        &Time(scope.imported_until),
        &feeds,
        &limit(scope.limit),
    ];
    let row = |row: &Row| get(row, 0).map(PaymentId);
    session.list(sql::payment::to_sweep, &values, row).await
}

/// The exports that wait to be delivered in a lane, as its jobs name them.
pub async fn waiting(session: &Session<'_>, scheme: SchemeId) -> Result<Vec<Span>, Failure> {
    let row = |row: &Row| get(row, 0).map(Work::read);
    let lane = Lane::delivery(scheme).0;
    let works: Vec<Work> = session.list(sql::export::waiting, &[&lane], row).await?;
    let spans = works.into_iter().filter_map(|work| match work {
        Work::Exports { exports, .. } => Some(exports),
        _ => None,
    });
    Ok(spans.collect())
}

/// To which export of an agent each answer is.
pub async fn answered(
    session: &Session<'_>,
    scheme: SchemeId,
    answers: &[AnswerRecord],
) -> Result<Vec<Answered>, Failure> {
    let mut found = Vec::with_capacity(answers.len());
    for record in answers {
        found.push(match export_of(session, scheme, record).await? {
            Err(reject) => Answered::ToNone(reject),
            Ok(export) => {
                let result = storable(&record.result);
                let values: [&(dyn ToSql + Sync); 2] = [&export.0, &result.as_str()];
                let is_known = session.value(sql::answer::is_known, &values).await?;
                Answered::To { export, is_known }
            }
        });
    }
    Ok(found)
}

/// The export that an answer is to, or why it is to none.
pub async fn export_of(
    session: &Session<'_>,
    scheme: SchemeId,
    record: &AnswerRecord,
) -> Result<Result<ExportId, Reject>, Failure> {
    let Some(uid) = &record.export_uid else {
        return by_transaction(session, scheme, record).await;
    };
    let found = session
        .maybe(sql::answer::by_uid, &[uid, &scheme.0])
        .await?;
    let Some(row) = found else {
        return Ok(Err(unknown_export(record)));
    };
    let (export, told) = (ExportId(get(&row, 0)?), text(&row, 1)?);
    Ok(other_transaction(record, &told).map_or(Ok(export), Err))
}

async fn by_transaction(
    session: &Session<'_>,
    scheme: SchemeId,
    record: &AnswerRecord,
) -> Result<Result<ExportId, Reject>, Failure> {
    let id = record.transaction_id.as_deref().unwrap_or_default();
    let payments = rows_of(session, Side::Payment, id).await?;
    let row = |row: &Row| get(row, 0).map(ExportId);
    let values: [&(dyn ToSql + Sync); 2] = [&payments, &scheme.0];
    let found = session.list(sql::answer::by_payment, &values, row).await?;
    Ok(match found.as_slice() {
        [] => Err(unknown_export(record)),
        [one] => Ok(*one),
        _ => Err(ambiguous(record)),
    })
}
