//! What senders push: the row of the import log, the records, and what each sender is told.

use super::connection::Session;
use super::failure::Failure;
use super::import::Feed;
use super::rows::{Time, get, invalid};
use super::work::Work;
use super::{claim, import, sql};
use harmonia_core::changes::ImportedRecord;
use harmonia_core::ids::Slug;
use harmonia_core::push::{KEPT_US, Pushed, Receipt, Request, RequestKey};
use harmonia_core::state::FileState;
use harmonia_core::time::Day;
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{AnsweredBefore, ImportOutcome};
use tokio_postgres::types::ToSql;

/// For each answer that is kept, so many that are too old are forgotten.
const FORGOTTEN_FOR_ONE: i64 = 4;

/// Adds the records of requests, and makes and keeps what each sender is told.
pub async fn apply(
    work: &mut Work<'_>,
    pushed: &Pushed,
    kept_from: Option<Day>,
) -> Result<Vec<Receipt>, Failure> {
    let arrival = &pushed.arrival;
    let feed = Feed {
        id: import::feed_id(work, &arrival.provider, arrival.feed_type).await?,
        sells: arrival.feed_type == FeedType::Merchant,
    };
    let file = claim::message_row(work, arrival, feed.id).await?;
    let records = pushed.requests.iter().flat_map(|request| &request.records);
    let records: Vec<&ImportedRecord> = records.collect();
    let plan = import::add(work, file, feed, &records, kept_from).await?;
    let mut fates = plan.fates.into_iter();
    let mut receipts = Vec::with_capacity(pushed.requests.len());
    for request in &pushed.requests {
        let told = fates.by_ref().take(request.records.len());
        receipts.push(Receipt::new(file.0, request, told));
    }
    let mut outcome = ImportOutcome::default();
    for receipt in &receipts {
        outcome.add(receipt.into());
    }
    let progressed = import::Progress {
        outcome,
        records_read: outcome.read,
        more_bytes: arrival.size_bytes,
        amount_minor: plan.amount_minor,
        dates: plan.dates,
        state: (FileState::Imported, None),
    };
    import::progress(work, file, &progressed).await?;
    for (request, receipt) in pushed.requests.iter().zip(&receipts) {
        keep(work, &arrival.feed_name, request, receipt).await?;
    }
    Ok(receipts)
}

async fn keep(
    work: &Work<'_>,
    feed: &Slug,
    request: &Request,
    receipt: &Receipt,
) -> Result<(), Failure> {
    let Some(RequestKey { key, body }) = &request.key else {
        return Ok(());
    };
    let told = serde_json::to_string(receipt)?;
    let oldest = Time(work.at.plus(-KEPT_US));
    let values: [&(dyn ToSql + Sync); 2] = [&oldest, &FORGOTTEN_FOR_ONE];
    work.session.execute(sql::push::prune, &values).await?;
    let (key, body) = (key.as_slice(), body.as_slice());
    let values: [&(dyn ToSql + Sync); 6] = [
        &feed.as_str(),
        &key,
        &body,
        &receipt.import,
        &told,
        &Time(work.at),
    ];
    work.session.execute(sql::push::insert, &values).await?;
    Ok(())
}

/// What was answered to each of these requests of a feed, if they came before.
pub async fn answered_before(
    session: &Session<'_>,
    feed: &Slug,
    keys: &[RequestKey],
) -> Result<Vec<Option<AnsweredBefore>>, Failure> {
    let hashes: Vec<&[u8]> = keys.iter().map(|key| key.key.as_slice()).collect();
    let mut found = vec![None; keys.len()];
    for row in session
        .rows(sql::push::find, &[&feed.as_str(), &hashes])
        .await?
    {
        let place = usize::try_from(get::<i64>(&row, 0)? - 1).unwrap_or(usize::MAX);
        let body: &[u8] = get(&row, 1)?;
        let before = AnsweredBefore {
            body: body.try_into().map_err(|_| invalid(1, "not 32 bytes"))?,
            receipt: serde_json::from_str(get(&row, 2)?)?,
        };
        if let Some(place) = found.get_mut(place) {
            *place = Some(before);
        }
    }
    Ok(found)
}
