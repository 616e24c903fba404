//! The one place where anything is written: a step's changes, in one transaction, fenced.

use super::connection::store_error;
use super::writer::{Failure, Given, Known, Writer, extend, next_id};
use super::{Shared, import, keys, onboard, push, replay, sql};
use crate::seal::identity_place;
use harmonia_core::changes::{
    Attempt, Changes, JobEnd, NewIdentity, NewJob, NewMatch, NewWork, Queue, Span, StillOpen, Work,
};
use harmonia_core::ids::SchemeId;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{CommitError, Committed, Lease, StoreError};
use rusqlite::{Transaction, TransactionBehavior, params};
use std::ops::RangeInclusive;

/// Applies changes, all or nothing.
pub fn commit(
    shared: &Shared,
    writer: &mut Writer,
    lease: Lease,
    changes: &Changes,
) -> Result<Committed, CommitError> {
    let Writer { connection, known } = writer;
    let mut run = || -> Result<Committed, Failure> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Fence first: a stale worker must not even read what it would write next to.
        end_job(
            &transaction,
            lease,
            changes.at.plus(shared.lease_us),
            changes.job,
        )?;
        let committed = apply(shared, &transaction, known, changes)?;
        transaction.commit()?;
        Ok(committed)
    };
    let result = run();
    if result.is_err() {
        // What was remembered may have been rolled back.
        *known = Known::default();
    }
    result.map_err(|failure| match failure {
        Failure::Stale => CommitError::StaleLease,
        Failure::Conflict => CommitError::Conflict,
        Failure::Sqlite(error) => CommitError::Store(store_error(&error)),
    })
}

fn apply(
    shared: &Shared,
    transaction: &Transaction<'_>,
    known: &mut Known,
    changes: &Changes,
) -> Result<Committed, Failure> {
    let mut committed = Committed::default();
    let mut given = Given::default();
    committed.onboarded += onboard::mids(transaction, &changes.mids, changes.at)?;
    committed.onboarded += onboard::cards(shared, transaction, &changes.cards, changes.at)?;
    if let Some(imported) = &changes.imported {
        committed.imported = import::apply(transaction, known, imported, changes.at, &mut given)?;
        committed.match_group = given.match_group;
    }
    if let Some(pushed) = &changes.pushed {
        committed.receipts = push::apply(transaction, known, pushed, changes.at, &mut given)?;
        for receipt in &committed.receipts {
            committed.imported.add(receipt.into());
        }
        committed.match_group = given.match_group;
    }
    let replayed = replay::apply(
        transaction,
        known,
        &changes.replayed,
        changes.at,
        &mut given,
    )?;
    committed.imported.add(replayed);
    identities(shared, transaction, &changes.identities, changes.at)?;
    matches(transaction, &changes.matches, changes.at, &mut given)?;
    open(transaction, &changes.open, changes.at)?;
    if let Some(attempt) = &changes.attempt {
        deliveries(transaction, attempt, changes.at)?;
    }
    keys::apply(transaction, &changes.keys, changes.at)?;
    jobs(transaction, &changes.jobs, changes.at, &given)?;
    Ok(committed)
}

/// Proves the lease and says what becomes of its job, in one statement that matches no row when
/// the lease is another's.
fn end_job(
    transaction: &Transaction<'_>,
    lease: Lease,
    until: Instant,
    end: JobEnd,
) -> Result<(), Failure> {
    let Lease::Job { job, token } = lease else {
        return Ok(());
    };
    let changed = match end {
        JobEnd::Keep => transaction
            .prepare_cached(sql::job::prolong)?
            .execute(params![job.0, token, until.0])?,
        JobEnd::Again { ready_at } => transaction
            .prepare_cached(sql::job::give_back)?
            .execute(params![job.0, token, ready_at.0])?,
        JobEnd::Done => transaction
            .prepare_cached(sql::job::done)?
            .execute(params![job.0, token])?,
    };
    if changed == 1 {
        Ok(())
    } else {
        Err(Failure::Stale)
    }
}

fn identities(
    shared: &Shared,
    transaction: &Transaction<'_>,
    identities: &[NewIdentity],
    at: Instant,
) -> rusqlite::Result<()> {
    if identities.is_empty() {
        return Ok(());
    }
    let first = next_id(transaction, "user_identity")?;
    let mut insert = transaction.prepare_cached(sql::identity::insert)?;
    for (id, NewIdentity { payment, link }) in (first..).zip(identities) {
        let credentials = link
            .credentials
            .as_ref()
            .map(|text| shared.sealer.seal(&identity_place(*payment), text));
        insert.execute(params![
            id,
            payment.0,
            link.loyalty_id.as_deref(),
            link.user_id,
            link.scheme_account_id,
            link.payment_card_account_id,
            link.digits.first_six.as_ref().map(|digits| digits.as_str()),
            link.digits.last_four.as_ref().map(|digits| digits.as_str()),
            link.expiry_month,
            link.expiry_year,
            credentials,
            at.0,
        ])?;
    }
    Ok(())
}

fn matches(
    transaction: &Transaction<'_>,
    matches: &[NewMatch],
    at: Instant,
    given: &mut Given,
) -> Result<(), Failure> {
    if matches.is_empty() {
        return Ok(());
    }
    let first_match = next_id(transaction, "pairing")?;
    let first_export = next_id(transaction, "export")?;
    let mut insert_pairing = transaction.prepare_cached(sql::pairing::insert)?;
    let mut insert_export = transaction.prepare_cached(sql::export::insert)?;
    let mut close = transaction.prepare_cached(sql::payment::close)?;
    for ((id, export_id), new) in (first_match..).zip(first_export..).zip(matches) {
        insert_pairing
            .execute(params![
                id,
                new.payment.0,
                new.sale.map(|sale| sale.0),
                new.scheme.0,
                new.kind.as_str(),
                new.evidence.to_json(),
                first_match,
                at.0,
            ])
            .map_err(conflict)?;
        insert_export.execute(params![
            export_id,
            new.scheme.0,
            id,
            new.payment.0,
            new.export_uid.as_bytes().as_slice(),
            at.0,
        ])?;
        if new.was_open {
            close.execute([new.payment.0])?;
        }
        given.exports = extend(given.exports.take(), export_id);
    }
    Ok(())
}

/// A second match for a payment or a sale is what the unique keys are there to refuse; so is a second
/// answer to one request. What a check refuses is no conflict: deciding again would not help.
pub fn conflict(error: rusqlite::Error) -> Failure {
    let code = error.sqlite_error().map(|error| error.extended_code);
    match code {
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE) => Failure::Conflict,
        _ => Failure::Sqlite(error),
    }
}

fn open(transaction: &Transaction<'_>, open: &[StillOpen], at: Instant) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(sql::payment::open)?;
    for StillOpen { payment, reason } in open {
        insert.execute(params![payment.0, reason.as_str(), at.0])?;
    }
    Ok(())
}

fn deliveries(
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
    for delivery in &attempt.deliveries {
        deliver.execute(params![
            delivery.export.0,
            delivery.state.as_str(),
            delivery.reason,
            attempt_id,
            at.0,
        ])?;
    }
    if let Some(file) = &attempt.file {
        transaction
            .prepare_cached(sql::export::extend_file)?
            .execute(params![file.name, file.length, at.0])?;
    }
    Ok(())
}

fn jobs(
    transaction: &Transaction<'_>,
    jobs: &[NewJob],
    at: Instant,
    given: &Given,
) -> Result<(), Failure> {
    for job in jobs {
        for work in works(&job.work, given) {
            insert_job(transaction, job.queue, job, &work, at)?;
        }
    }
    Ok(())
}

fn works(work: &NewWork, given: &Given) -> Vec<Work> {
    let span = |range: &RangeInclusive<i64>| Span::Range(*range.start(), *range.end());
    match work {
        NewWork::Known(work) => vec![work.clone()],
        NewWork::Imported => {
            let payments = given
                .payments
                .as_ref()
                .map(|range| Work::Payments(span(range)));
            let sales = given.sales.as_ref().map(|range| Work::Sales(span(range)));
            let ids = |ids: &Vec<i64>| (!ids.is_empty()).then(|| Span::Ids(ids.clone()));
            let replayed_payments = ids(&given.replayed_payments).map(Work::Payments);
            let replayed_sales = ids(&given.replayed_sales).map(Work::Sales);
            [payments, sales, replayed_payments, replayed_sales]
                .into_iter()
                .flatten()
                .collect()
        }
        NewWork::Exports(scheme) => {
            let exports = |range| Work::Exports {
                scheme: SchemeId(scheme.0),
                exports: span(range),
            };
            given.exports.as_ref().map(exports).into_iter().collect()
        }
    }
}

fn insert_job(
    transaction: &Transaction<'_>,
    queue: Queue,
    job: &NewJob,
    work: &Work,
    at: Instant,
) -> Result<(), Failure> {
    let work = serde_json::to_string(work)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction
        .prepare_cached(sql::job::insert)?
        .execute(params![
            queue.as_str(),
            job.lane.map(|lane| lane.0),
            work,
            job.ready_at.0,
            at.0,
        ])?;
    Ok(())
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Sqlite(error) => store_error(&error),
            Failure::Stale | Failure::Conflict => Self::Broken("unexpected conflict".to_owned()),
        }
    }
}
