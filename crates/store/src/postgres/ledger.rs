//! The ledger of deliveries: what is about to be sent, what came of it, and what people decide.

use super::connection::Session;
use super::failure::Failure;
use super::load::{ranges, unseal};
use super::rows::{Time, get};
use super::work::Work;
use super::{Shared, sql};
use crate::seal::request_place;
use harmonia_core::changes::{Attempt, Delivery, Handled, Sending, Span};
use harmonia_core::ids::{ExportId, SchemeId};
use harmonia_core::state::ExportState;
use harmonia_journey::ports::SentBefore;
use hashbrown::HashSet;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Puts exports in flight, and freezes their requests.
pub async fn send(work: &Work<'_>, sending: &[Sending]) -> Result<(), Failure> {
    let at = Time(work.at);
    if !sending.is_empty() {
        let ids: Vec<i64> = sending.iter().map(|one| one.export.0).collect();
        let seal = |one: &Sending| {
            let place = request_place(one.export);
            work.shared.sealer.seal(&place, &one.request)
        };
        let sealed: Vec<Vec<u8>> = sending.iter().map(seal).collect();
        let values: [&(dyn ToSql + Sync); 3] = [&ids, &sealed, &at];
        work.session.execute(sql::export::freeze, &values).await?;
        let values: [&(dyn ToSql + Sync); 2] = [&ids, &at];
        let sent = work.session.execute(sql::export::send, &values).await?;
        if sent != ids.len() as u64 {
            return Err(Failure::Conflict);
        }
    }
    Ok(())
}

/// Notes one try, and where its exports stand since.
pub async fn deliver(work: &Work<'_>, attempt: &Attempt) -> Result<(), Failure> {
    let at = Time(work.at);
    let values: [&(dyn ToSql + Sync); 8] = [
        &attempt.scheme.0,
        &attempt.destination,
        &attempt.body,
        &attempt.response,
        &attempt.error,
        &attempt.duration_us,
        &at,
        &work.month.stored(),
    ];
    let attempt_id: i64 = work.session.value(sql::export::attempt, &values).await?;
    for deliveries in rounds(&attempt.deliveries) {
        let ids: Vec<i64> = deliveries.iter().map(|one| one.export.0).collect();
        let states: Vec<&str> = deliveries.iter().map(|one| one.state.as_str()).collect();
        let reasons: Vec<Option<&str>> =
            deliveries.iter().map(|one| one.reason.as_deref()).collect();
        let dues: Vec<Option<Time>> = deliveries.iter().map(|one| one.due_at.map(Time)).collect();
        let values: [&(dyn ToSql + Sync); 6] = [&ids, &states, &reasons, &attempt_id, &at, &dues];
        work.session.execute(sql::export::deliver, &values).await?;
    }
    match &attempt.file {
        Some(file) => {
            let length = i64::try_from(file.length).unwrap_or(i64::MAX);
            let values: [&(dyn ToSql + Sync); 3] = [&file.name, &length, &at];
            work.session
                .execute(sql::export::extend_file, &values)
                .await?;
        }
        // What leaves by a file has no request.
        None => {
            let settled = attempt
                .deliveries
                .iter()
                .filter(|one| one.state.is_settled());
            let settled: Vec<i64> = settled.map(|one| one.export.0).collect();
            if !settled.is_empty() {
                work.session.execute(sql::export::thaw, &[&settled]).await?;
            }
        }
    }
    Ok(())
}

/// Does what a person decided, unless an export has moved on since it was looked at.
pub async fn handle(work: &Work<'_>, handled: &[Handled]) -> Result<(), Failure> {
    let (session, at) = (&work.session, Time(work.at));
    for one in handled {
        if let Some(lane) = one.unless_held {
            // Until this is committed, nobody begins to tell this merchant.
            session.execute(sql::job::lock_lane, &[&lane.0]).await?;
            let values: [&(dyn ToSql + Sync); 2] = [&lane.0, &at];
            if session.value(sql::job::lane_is_held, &values).await? {
                return Err(Failure::Conflict);
            }
        }
        let (from, to) = (one.from.as_str(), one.to.as_str());
        let values: [&(dyn ToSql + Sync); 5] = [&one.export.0, &from, &to, &one.reason, &at];
        if session.execute(sql::export::handle, &values).await? != 1 {
            return Err(Failure::Conflict);
        }
        if one.to.is_settled() {
            session
                .execute(sql::export::thaw, &[&vec![one.export.0]])
                .await?;
        }
    }
    Ok(())
}

/// A scheme's exports of a span that were sent before and are not settled.
pub async fn sent_before(
    shared: &Shared,
    session: &Session<'_>,
    scheme: SchemeId,
    span: &Span,
) -> Result<Vec<SentBefore>, Failure> {
    let (first, last) = ranges(span);
    let values: [&(dyn ToSql + Sync); 3] = [&first, &last, &scheme.0];
    let row = |row: &Row| {
        let export = ExportId(get(row, 0)?);
        let state: &str = get(row, 1)?;
        let state = ExportState::from_name(state)
            .ok_or_else(|| Failure::Invalid(format!("{state} is not a state of exports")))?;
        let request = get::<Option<&[u8]>>(row, 5)?
            .map(|sealed| unseal(shared, &request_place(export), sealed))
            .transpose()?;
        Ok(SentBefore {
            export,
            state,
            tries: get(row, 2)?,
            first_sent_at: get::<Option<Time>>(row, 3)?.map(|time| time.0),
            due_at: get::<Option<Time>>(row, 4)?.map(|time| time.0),
            request: request.map(String::from),
        })
    };
    session.list(sql::export::sent_before, &values, row).await
}

/// Deliveries in stretches in which no export comes twice: a statement touches no row twice.
fn rounds(deliveries: &[Delivery]) -> Vec<&[Delivery]> {
    let mut rounds = Vec::new();
    let (mut begin, mut said) = (0, HashSet::new());
    for (at, one) in deliveries.iter().enumerate() {
        if !said.insert(one.export) {
            rounds.push(&deliveries[begin..at]);
            begin = at;
            said.clear();
            said.insert(one.export);
        }
    }
    rounds.push(&deliveries[begin..]);
    rounds
}
