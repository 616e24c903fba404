//! The one place where anything is written: a step's changes, in one transaction, fenced.

use super::connection::store_error;
use super::writer::{Failure, Given, Known, Writer, conflict, extend, next_id};
use super::{
    Shared, config, import, keys, ledger, onboard, outbox, purge, push, replay, schedule, sql,
};
use crate::seal::identity_place;
use harmonia_core::audit;
use harmonia_core::changes::{
    AuditEntry, Changes, JobEnd, Lane, NewEnd, NewIdentity, NewJob, NewMatch, NewWork, Part,
    Proposal, ProposalChange, Queue, Redress, Span, StillOpen, Void, Work,
};
use harmonia_core::ids::{PaymentId, SaleId, SchemeId};
use harmonia_core::time::Instant;
use harmonia_journey::ports::{CommitError, Committed, Lease, StoreError};
use rusqlite::{CachedStatement, OptionalExtension, Transaction, TransactionBehavior, params};
use uuid::Uuid;

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
    let changed = (!changes.mids.is_empty()).then_some(committed.onboarded);
    committed.onboarded += onboard::cards(shared, transaction, &changes.cards, changes.at)?;
    config::apply(transaction, &changes.config, changes.at)?;
    purge::keep_from(transaction, changes.purged_before, changes.at)?;
    // Nothing before the later of the two days may come in unknown.
    let kept_from = changes.kept_from.max(purge::kept_from(transaction)?);
    if let Some(imported) = &changes.imported {
        let stretch = import::Stretch {
            imported,
            at: changes.at,
            kept_from,
        };
        committed.imported = import::apply(transaction, known, &stretch, &mut given)?;
        committed.match_group = given.match_group;
    }
    if let Some(pushed) = &changes.pushed {
        let stretch = push::Stretch {
            pushed,
            at: changes.at,
            kept_from,
        };
        committed.receipts = push::apply(transaction, known, &stretch, &mut given)?;
        for receipt in &committed.receipts {
            committed.imported.add(receipt.into());
        }
        committed.match_group = given.match_group;
    }
    let taking_up = replay::TakingUp {
        at: changes.at,
        kept_from,
    };
    let replayed = taking_up.apply(transaction, known, &changes.replayed, &mut given)?;
    committed.imported.add(replayed);
    identities(shared, transaction, &changes.identities, changes.at)?;
    voids(transaction, &changes.voids, changes.at)?;
    ends(transaction, changes, &mut given)?;
    open(transaction, &changes.open, changes.at)?;
    proposals(transaction, &changes.proposals, changes.at)?;
    log(transaction, &changes.audit, changed, changes.at)?;
    ledger::send(shared, transaction, &changes.sending, changes.at)?;
    for attempt in &changes.attempts {
        ledger::deliver(transaction, attempt, changes.at)?;
    }
    ledger::handle(transaction, &changes.handled, changes.at)?;
    outbox::apply(transaction, changes)?;
    if let Some(stretch) = &changes.purge {
        (committed.purged, committed.purge_from) = purge::apply(transaction, stretch)?;
    }
    keys::apply(transaction, &changes.keys, changes.at)?;
    schedule::tick(transaction, &changes.ticks)?;
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
    let (job, token) = match lease {
        Lease::Job { job, token } => (job, token),
        Lease::Leader { token } => {
            schedule::is_leader(transaction, token)?;
            if end == JobEnd::Done {
                schedule::resign(transaction, token)?;
            }
            return Ok(());
        }
        Lease::Operator => return Ok(()),
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
    let mut insert = transaction.prepare_cached(sql::identity::insert)?;
    for NewIdentity { payment, link } in identities {
        let credentials = link
            .credentials
            .as_ref()
            .map(|text| shared.sealer.seal(&identity_place(*payment), text));
        insert.execute(params![
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

/// What becomes of payments: their matches, and their ends without one.
fn ends(
    transaction: &Transaction<'_>,
    changes: &Changes,
    given: &mut Given,
) -> Result<(), Failure> {
    if changes.matches.is_empty() && changes.ends.is_empty() {
        return Ok(());
    }
    let first = next_id(transaction, "pairing")?;
    let mut rows = Pairings {
        insert: transaction.prepare_cached(sql::pairing::insert)?,
        export: transaction.prepare_cached(sql::export::insert)?,
        close: transaction.prepare_cached(sql::payment::close)?,
        group: first,
        next: first,
        next_export: next_id(transaction, "export")?,
        at: changes.at,
        given,
    };
    for new in &changes.matches {
        rows.add(&Pairing::of_match(new))?;
    }
    for new in &changes.ends {
        rows.add(&Pairing::of_end(new))?;
    }
    Ok(())
}

/// A row to be added, whichever way the payment ended.
struct Pairing<'a> {
    payment: PaymentId,
    sale: Option<SaleId>,
    other: Option<PaymentId>,
    scheme: SchemeId,
    kind: &'static str,
    evidence: String,
    difference: Option<i64>,
    part: Part,
    redress: Option<&'a Redress>,
    export_as: Option<SchemeId>,
    export_uid: Option<Uuid>,
    was_open: bool,
}

impl<'a> Pairing<'a> {
    fn of_match(new: &'a NewMatch) -> Self {
        Self {
            payment: new.payment,
            sale: new.sale,
            other: None,
            scheme: new.scheme,
            kind: new.kind.as_str(),
            evidence: new.evidence.to_json(),
            difference: None,
            part: new.part,
            redress: new.redress.as_ref(),
            export_as: None,
            // The merchant is told once of each sale, however many payments paid it.
            export_uid: (new.part.of_sale == 0).then_some(new.export_uid),
            was_open: new.was_open,
        }
    }

    fn of_end(new: &'a NewEnd) -> Self {
        Self {
            payment: new.payment,
            sale: None,
            other: new.other,
            scheme: new.scheme,
            kind: new.kind.as_str(),
            evidence: "{}".to_owned(),
            difference: new.difference_minor,
            part: Part::default(),
            redress: None,
            export_as: new.export_as,
            export_uid: new.export_uid,
            was_open: new.was_open,
        }
    }
}

/// The statements that add them, and the numbers they are given.
struct Pairings<'a> {
    insert: CachedStatement<'a>,
    export: CachedStatement<'a>,
    close: CachedStatement<'a>,
    group: i64,
    next: i64,
    next_export: i64,
    at: Instant,
    given: &'a mut Given,
}

impl Pairings<'_> {
    fn add(&mut self, new: &Pairing<'_>) -> Result<(), Failure> {
        self.insert
            .execute(params![
                self.next,
                new.payment.0,
                new.sale.map(|sale| sale.0),
                new.other.map(|other| other.0),
                new.scheme.0,
                new.kind,
                new.evidence,
                new.difference,
                new.part.of_payment,
                new.part.of_sale,
                self.group,
                new.redress.map(|redress| &*redress.operator),
                new.redress.map(|redress| &*redress.reason),
                self.at.0,
            ])
            .map_err(conflict)?;
        if let Some(uid) = new.export_uid {
            self.export.execute(params![
                self.next_export,
                new.export_as.unwrap_or(new.scheme).0,
                self.next,
                new.payment.0,
                uid.as_bytes().as_slice(),
                new.export_as.is_some(),
                self.at.0,
            ])?;
            self.given.exports = extend(self.given.exports.take(), self.next_export);
            self.next_export += 1;
        }
        if new.was_open {
            self.close.execute([new.payment.0])?;
        }
        self.next += 1;
        Ok(())
    }
}

/// Undoes matches whose merchant was not told yet and is not being told now.
fn voids(transaction: &Transaction<'_>, voids: &[Void], at: Instant) -> Result<(), Failure> {
    for Void { id, redress } in voids {
        let scheme: Option<i64> = transaction
            .prepare_cached(sql::pairing::void)?
            .query_row(
                params![id.0, at.0, &*redress.operator, &*redress.reason],
                |row| row.get(0),
            )
            .optional()?;
        let scheme = SchemeId(scheme.ok_or(Failure::Conflict)?);
        let is_told: bool = transaction
            .prepare_cached(sql::export::of_pairing)?
            .query_row([id.0], |row| row.get(0))?;
        if !is_told {
            continue;
        }
        let is_being_told: bool = transaction
            .prepare_cached(sql::job::lane_is_held)?
            .query_row(params![Lane::delivery(scheme).0, at.0], |row| row.get(0))?;
        let reason = format!("undone by {}: {}", redress.operator, redress.reason);
        let cancelled = transaction
            .prepare_cached(sql::export::cancel)?
            .execute(params![id.0, reason, at.0])?;
        if is_being_told || cancelled != 1 {
            return Err(Failure::Conflict);
        }
    }
    Ok(())
}

fn proposals(
    transaction: &Transaction<'_>,
    changes: &[ProposalChange],
    at: Instant,
) -> rusqlite::Result<()> {
    for change in changes {
        let Proposal {
            action,
            payment,
            sale,
        } = match change {
            ProposalChange::Made { proposal, .. } | ProposalChange::Closed(proposal) => proposal,
        };
        let (action, sale) = (action.as_str(), sale.map(|sale| sale.0));
        match change {
            ProposalChange::Made { redress, .. } => transaction
                .prepare_cached(sql::redress::propose)?
                .execute(params![
                    action,
                    payment.0,
                    sale,
                    &*redress.operator,
                    &*redress.reason,
                    at.0
                ])?,
            ProposalChange::Closed(_) => transaction
                .prepare_cached(sql::redress::close)?
                .execute(params![action, payment.0, sale, at.0])?,
        };
    }
    Ok(())
}

/// Chains what people did to what was done before; `changed` is how many identifiers were.
fn log(
    transaction: &Transaction<'_>,
    entries: &[AuditEntry],
    changed: Option<u64>,
    at: Instant,
) -> rusqlite::Result<()> {
    for entry in entries {
        let (operator, action) = (&entry.operator, entry.action);
        let last: Option<Vec<u8>> = transaction
            .prepare_cached(sql::audit_log::last)?
            .query_row([], |row| row.get(0))
            .optional()?;
        let previous = last.as_deref().unwrap_or(&audit::BEGINNING);
        let detail = entry.stored_detail(changed);
        let hash = audit::link(previous, at, operator, action, &detail);
        transaction
            .prepare_cached(sql::audit_log::insert)?
            .execute(params![at.0, &**operator, action, detail, hash.as_slice()])?;
    }
    Ok(())
}

fn open(transaction: &Transaction<'_>, open: &[StillOpen], at: Instant) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(sql::payment::open)?;
    for StillOpen {
        payment,
        reason,
        sale,
        seen,
    } in open
    {
        let sale = sale.map(|sale| sale.0);
        insert.execute(params![payment.0, reason.as_str(), sale, seen, at.0])?;
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
        match &job.work {
            NewWork::Known(work) => {
                insert_job(transaction, (job.queue, job.lane), work, (job.ready_at, at))?
            }
            NewWork::Imported(routes) => {
                for (queue, lane, work) in routes.works(job.queue, &given.payments, &given.sales) {
                    insert_job(transaction, (queue, Some(lane)), &work, (job.ready_at, at))?;
                }
            }
            NewWork::Exports(scheme) => {
                if let Some(range) = &given.exports {
                    let exports = Span::Range(*range.start(), *range.end());
                    let scheme = *scheme;
                    let work = Work::Exports { scheme, exports };
                    insert_job(
                        transaction,
                        (job.queue, job.lane),
                        &work,
                        (job.ready_at, at),
                    )?;
                }
            }
            NewWork::Several(scheme) => {
                let work = Work::Several { scheme: *scheme };
                insert_once(transaction, job, Lane::several(*scheme), &work, at)?;
            }
            NewWork::Announce => {
                insert_once(transaction, job, Lane::outbox(), &Work::Announce, at)?;
            }
            NewWork::Look(feed) => {
                let work = Work::Look { feed: feed.clone() };
                insert_once(transaction, job, Lane::looks(feed), &work, at)?;
            }
        }
    }
    Ok(())
}

/// Adds a job to a lane, unless one waits there that nobody has begun.
fn insert_once(
    transaction: &Transaction<'_>,
    job: &NewJob,
    lane: Lane,
    work: &Work,
    at: Instant,
) -> Result<(), Failure> {
    let waits: bool = transaction
        .prepare_cached(sql::job::waits_in_lane)?
        .query_row(params![lane.0, at.0], |row| row.get(0))?;
    if waits {
        return Ok(());
    }
    insert_job(
        transaction,
        (job.queue, Some(lane)),
        work,
        (job.ready_at, at),
    )
}

fn insert_job(
    transaction: &Transaction<'_>,
    (queue, lane): (Queue, Option<Lane>),
    work: &Work,
    (ready_at, at): (Instant, Instant),
) -> Result<(), Failure> {
    let work = serde_json::to_string(work)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction
        .prepare_cached(sql::job::insert)?
        .execute(params![
            queue.as_str(),
            lane.map(|lane| lane.0),
            work,
            ready_at.0,
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
