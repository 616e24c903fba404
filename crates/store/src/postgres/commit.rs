//! The one place where anything is written: a step's changes, in one transaction, fenced.

use super::connection::Session;
use super::copy::Rows;
use super::failure::Failure;
use super::rows::Time;
use super::work::{Block, Pending, Traces, Work};
use super::{
    Shared, config, import, keys, ledger, lock, months, onboard, outbox, purge, push, replay,
    schedule, sql,
};
use crate::seal::identity_place;
use harmonia_core::audit;
use harmonia_core::changes::{
    AuditEntry, Changes, JobEnd, Lane, NewEnd, NewIdentity, NewJob, NewMatch, NewWork, Part,
    Proposal, ProposalChange, Queue, Redress, Span, StillOpen, Void, Work as Task,
};
use harmonia_core::ids::{PaymentId, SaleId, SchemeId};
use harmonia_core::time::Instant;
use harmonia_journey::ports::{Before, CommitError, Committed, Lease, Turn};
use hashbrown::HashSet;
use std::mem;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// How often a commit is made anew because somebody else wrote the same at the same time.
const TRIES: u32 = 8;

/// Applies changes, all or nothing, and not before the turn for it has come.
pub async fn commit(
    shared: &Shared,
    lease: Lease,
    changes: &Changes,
    turn: &Turn,
) -> Result<Committed, CommitError> {
    Ok(tried(shared, lease, changes, turn).await?.0)
}

/// Applies changes in their turn, and tells whoever comes next.
pub async fn in_turn(
    shared: &Shared,
    lease: Lease,
    changes: &Changes,
    turn: Turn,
) -> Result<Committed, CommitError> {
    let (committed, how) = tried(shared, lease, changes, &turn).await?;
    turn.made(how);
    Ok(committed)
}

/// Makes the commit, at as many tries as it takes, and says what that means for whoever comes next.
async fn tried(
    shared: &Shared,
    lease: Lease,
    changes: &Changes,
    turn: &Turn,
) -> Result<(Committed, Before), Failure> {
    let mut careful = false;
    let mut tries = 0;
    loop {
        tries += 1;
        if tries > 1 && turn.to_commit().await == Before::Undone {
            return Err(Failure::NotBefore);
        }
        match once(shared, lease, changes, turn, careful).await {
            Ok((committed, all_new)) => {
                let how = match tries {
                    1 => Before::Made { all_new },
                    _ => Before::MadeAnew,
                };
                return Ok((committed, how));
            }
            Err(failure) if failure.is_passing() && tries < TRIES => careful = true,
            Err(failure) if failure.lacks_a_table() && tries < TRIES => {}
            Err(failure) => return Err(failure),
        }
    }
}

/// Makes the commit once; says whether all of the records it brought in were new.
async fn once(
    shared: &Shared,
    lease: Lease,
    changes: &Changes,
    turn: &Turn,
    careful: bool,
) -> Result<(Committed, bool), Failure> {
    let mut client = shared.pool.get().await?;
    let token = Uuid::new_v4();
    if writes_months(changes) {
        months::make(shared, &client, changes.at).await;
    }
    let forgotten = mem::take(&mut *lock(&shared.answered));
    let (
        ended,
        Traces {
            taken,
            learnt,
            feeds,
        },
    ) = {
        let session = match &changes.purge {
            // What may go is found first and taken out then: nobody may need it in between.
            Some(_) => Session::write_isolated(&mut client).await?,
            None => Session::write(&mut client).await?,
        };
        let mut work = Work::new(shared, session, changes.at, turn);
        work.careful = careful;
        work.pending = Some(Pending {
            lease,
            end: changes.job,
            token,
        });
        let result = work.whole(changes, &forgotten).await;
        let (session, traces) = work.part();
        (end(session, result).await, traces)
    };
    let ended = match ended {
        Ended::Lost(committed, failure) => {
            tracing::warn!("the answer to a commit was lost: asking what became of it");
            drop(client);
            resolve(shared, token, failure).await.map(|()| committed)
        }
        Ended::Made(committed) => Ok(committed),
        Ended::Undone(failure) if failure.lacks_a_table() => {
            // Somebody took the part of a month away: it is made anew. When a COPY cannot begin, the
            // driver falls out of step with the server: this connection is of no use any more.
            lock(&shared.known).months.clear();
            drop(deadpool_postgres::Client::take(client));
            Err(failure)
        }
        Ended::Undone(failure) => {
            if !failure.is_lost() {
                give_back(&client, &taken).await?;
            }
            Err(failure)
        }
    };
    let all_new = !feeds.iter().any(|(_, had_known)| *had_known);
    match &ended {
        Ok(_) => {
            lock(&shared.known).learn(learnt);
            let mut expected = lock(&shared.expected);
            for (feed, had_known) in feeds {
                match had_known {
                    true => expected.insert(feed),
                    false => expected.remove(&feed),
                };
            }
            lock(&shared.answered).push(token);
        }
        Err(_) => lock(&shared.answered).extend(forgotten),
    }
    ended.map(|committed| (committed, all_new))
}

/// Whether something of a commit is kept by month.
fn writes_months(changes: &Changes) -> bool {
    changes.imported.is_some()
        || changes.pushed.is_some()
        || !changes.replayed.is_empty()
        || !changes.attempts.is_empty()
}

/// How a transaction ended.
enum Ended {
    /// It is durable.
    Made(Committed),
    /// Nothing of it was written.
    Undone(Failure),
    /// Nobody knows.
    Lost(Committed, Failure),
}

/// Commits what went well, and undoes what did not.
async fn end(session: Session<'_>, result: Result<Committed, Failure>) -> Ended {
    let committed = match result {
        Ok(committed) => committed,
        Err(failure) => {
            // What cannot be rolled back any more is so already.
            let _ = session.roll_back().await;
            return Ended::Undone(failure);
        }
    };
    match session.commit().await {
        Ok(()) => Ended::Made(committed),
        Err(failure) if failure.is_lost() => Ended::Lost(committed, failure),
        Err(failure) => Ended::Undone(failure),
    }
}

/// Gives back the numbers of a commit that was not made.
async fn give_back(client: &deadpool_postgres::Client, taken: &[Block]) -> Result<(), Failure> {
    // The last taken first, or those before it would seem to be followed by others.
    for block in taken.iter().rev() {
        let values: [&(dyn ToSql + Sync); 3] = [&block.kind, &block.first, &block.count];
        let statement = client.prepare_cached(sql::numbers::give_back).await?;
        client.query(&statement, &values).await?;
    }
    Ok(())
}

/// Whether a commit was made whose answer was lost: the server is asked until it answers.
async fn resolve(shared: &Shared, token: Uuid, lost: Failure) -> Result<(), Failure> {
    let written = shared
        .until_answered(|client| async move {
            let statement = client.prepare_cached(sql::commit::resolve).await?;
            Ok(client.execute(&statement, &[&token]).await?)
        })
        .await?;
    match written {
        Some(0) => Ok(()),
        Some(_) | None => Err(lost),
    }
}

impl Work<'_> {
    async fn whole(&mut self, changes: &Changes, forgotten: &[Uuid]) -> Result<Committed, Failure> {
        // Fence first: a stale worker must not even read what it would write next to. A batch of a file
        // that is written while the one before is committed cannot: that one has the job until then.
        if self.turn.has_come() || changes.imported.is_none() {
            self.come().await?;
        }
        if !forgotten.is_empty() {
            self.session
                .execute(sql::commit::forget, &[&forgotten])
                .await?;
        }
        let committed = self.apply(changes).await?;
        self.come().await?;
        Ok(committed)
    }

    /// Waits for the turn of this commit, if it has not come, and fences it. What is written before may be
    /// new rows alone, of which no other commit has the keys: whoever waited for one would wait for ever.
    pub async fn come(&mut self) -> Result<(), Failure> {
        let Some(Pending { lease, end, token }) = self.pending.take() else {
            return Ok(());
        };
        match self.turn.to_commit().await {
            Before::Made { all_new } if all_new || self.turn.again.is_empty() => {}
            // What was taken for known may be known otherwise; numbers may be out of order.
            Before::Made { .. } | Before::MadeAnew if !self.taken.is_empty() => {
                return Err(Failure::OutOfTurn);
            }
            Before::Made { .. } | Before::MadeAnew => self.careful = true,
            Before::Undone => return Err(Failure::NotBefore),
        }
        let session = &self.session;
        let until = self.at.plus(self.shared.lease_us);
        let fence = end_job(session, lease, until, end);
        let token: [&(dyn ToSql + Sync); 1] = [&token];
        let mark = session.execute(sql::commit::token, &token);
        let (fenced, marked) = tokio::join!(fence, mark);
        fenced?;
        marked?;
        Ok(())
    }

    async fn apply(&mut self, changes: &Changes) -> Result<Committed, Failure> {
        let mut committed = Committed::default();
        committed.onboarded += onboard::mids(self, &changes.mids).await?;
        let changed = (!changes.mids.is_empty()).then_some(committed.onboarded);
        committed.onboarded += onboard::cards(self, &changes.cards).await?;
        config::apply(self, &changes.config).await?;
        purge::keep_from(self, changes.purged_before).await?;
        let known_from = match writes_months(changes) {
            true => purge::shared_day(&self.session).await?,
            false => None,
        };
        self.month = months::writable(self.shared, changes.at, known_from);
        // Nothing before the later of the two days may come in unknown.
        let kept_from = changes.kept_from.max(known_from);
        if let Some(imported) = &changes.imported {
            committed.imported = import::apply(self, imported, kept_from).await?;
        }
        if let Some(pushed) = &changes.pushed {
            committed.receipts = push::apply(self, pushed, kept_from).await?;
            for receipt in &committed.receipts {
                committed.imported.add(receipt.into());
            }
        }
        committed.match_group = self.given.match_group;
        let replayed = replay::apply(self, &changes.replayed, kept_from).await?;
        committed.imported.add(replayed);
        self.identities(&changes.identities).await?;
        self.voids(&changes.voids).await?;
        self.ends(changes).await?;
        self.open(&changes.open).await?;
        self.proposals(&changes.proposals).await?;
        self.log(&changes.audit, changed).await?;
        ledger::send(self, &changes.sending).await?;
        for attempt in &changes.attempts {
            ledger::deliver(self, attempt).await?;
        }
        ledger::handle(self, &changes.handled).await?;
        outbox::apply(self, changes).await?;
        if let Some(stretch) = &changes.purge {
            (committed.purged, committed.purge_from) = purge::apply(&self.session, stretch).await?;
        }
        keys::apply(self, &changes.keys).await?;
        schedule::tick(&self.session, &changes.ticks).await?;
        self.jobs(&changes.jobs).await?;
        Ok(committed)
    }

    async fn identities(&self, identities: &[NewIdentity]) -> Result<(), Failure> {
        if identities.is_empty() {
            return Ok(());
        }
        let mut known: HashSet<PaymentId> = HashSet::new();
        if self.careful {
            let asked: Vec<i64> = identities.iter().map(|new| new.payment.0).collect();
            for row in self.session.rows(sql::identity::known, &[&asked]).await? {
                known.insert(PaymentId(row.try_get(0)?));
            }
        }
        let mut rows = Rows::new(11);
        for NewIdentity { payment, link } in identities {
            // Known before, or a moment ago: the first stays.
            if !known.insert(*payment) {
                continue;
            }
            let sealed = link.credentials.as_ref();
            let sealed =
                sealed.map(|text| self.shared.sealer.seal(&identity_place(*payment), text));
            rows.row()
                .int(payment.0)
                .optional_text(link.loyalty_id.as_deref())
                .optional_int(link.user_id)
                .optional_int(link.scheme_account_id)
                .optional_int(link.payment_card_account_id)
                .optional_text(link.digits.first_six.as_ref().map(|digits| digits.as_str()))
                .optional_text(link.digits.last_four.as_ref().map(|digits| digits.as_str()))
                .optional_int(link.expiry_month)
                .optional_int(link.expiry_year)
                .optional(sealed, |rows, sealed| rows.bytes(&sealed))
                .time(self.at);
        }
        self.send(sql::identity::copy, rows).await
    }

    /// Sends rows to a COPY, if there are any.
    pub async fn send(&self, sql: &str, rows: Rows) -> Result<(), Failure> {
        if rows.count() > 0 {
            self.session.copy(sql, rows.finish()).await?;
        }
        Ok(())
    }

    /// What becomes of payments: their matches, and their ends without one.
    async fn ends(&mut self, changes: &Changes) -> Result<(), Failure> {
        let matches = changes.matches.iter().map(Pairing::of_match);
        let ends = changes.ends.iter().map(Pairing::of_end);
        let pairings: Vec<Pairing<'_>> = matches.chain(ends).collect();
        if pairings.is_empty() {
            return Ok(());
        }
        let told = pairings.iter().filter(|new| new.export_uid.is_some());
        let told = told.count();
        let group = self.take("pairing", pairings.len()).await?;
        let mut next_export = match told {
            0 => 0,
            told => self.take("export", told).await?,
        };
        let (mut rows, mut exports) = (Rows::new(14), Rows::new(7));
        let mut closed = Vec::new();
        for (id, new) in (group..).zip(&pairings) {
            new.put(&mut rows, id, group, self.at);
            if let Some(uid) = new.export_uid {
                exports
                    .row()
                    .int(next_export)
                    .int(new.export_as.unwrap_or(new.scheme).0)
                    .int(id)
                    .int(new.payment.0)
                    .uuid(uid)
                    .bool(new.export_as.is_some())
                    .time(self.at);
                let first = self.given.exports.as_ref().map(|range| *range.start());
                self.given.exports = Some(first.unwrap_or(next_export)..=next_export);
                next_export += 1;
            }
            if new.was_open {
                closed.push(new.payment.0);
            }
        }
        self.send(sql::pairing::copy, rows).await?;
        self.send(sql::export::copy, exports).await?;
        if !closed.is_empty() {
            self.session
                .execute(sql::payment::close, &[&closed])
                .await?;
        }
        Ok(())
    }

    /// Undoes matches whose merchant was not told yet and is not being told now.
    async fn voids(&self, voids: &[Void]) -> Result<(), Failure> {
        let session = &self.session;
        for Void { id, redress } in voids {
            let (operator, reason) = (&*redress.operator, &*redress.reason);
            let values: [&(dyn ToSql + Sync); 4] = [&id.0, &Time(self.at), &operator, &reason];
            let row = session.maybe(sql::pairing::void, &values).await?;
            let scheme = SchemeId(row.ok_or(Failure::Conflict)?.try_get(0)?);
            if !session
                .value::<bool>(sql::export::of_pairing, &[&id.0])
                .await?
            {
                continue;
            }
            // Until this is committed, nobody begins to tell this merchant.
            let lane = Lane::delivery(scheme).0;
            session.execute(sql::job::lock_lane, &[&lane]).await?;
            let values: [&(dyn ToSql + Sync); 2] = [&lane, &Time(self.at)];
            let is_being_told: bool = session.value(sql::job::lane_is_held, &values).await?;
            let told = format!("undone by {operator}: {reason}");
            let values: [&(dyn ToSql + Sync); 3] = [&id.0, &told, &Time(self.at)];
            let cancelled = session.execute(sql::export::cancel, &values).await?;
            if is_being_told || cancelled != 1 {
                return Err(Failure::Conflict);
            }
        }
        Ok(())
    }

    async fn proposals(&self, changes: &[ProposalChange]) -> Result<(), Failure> {
        for change in changes {
            let Proposal {
                action,
                payment,
                sale,
            } = match change {
                ProposalChange::Made { proposal, .. } | ProposalChange::Closed(proposal) => {
                    proposal
                }
            };
            let (action, sale, at) = (action.as_str(), sale.map(|sale| sale.0), Time(self.at));
            match change {
                ProposalChange::Made { redress, .. } => {
                    let (operator, reason) = (&*redress.operator, &*redress.reason);
                    let values: [&(dyn ToSql + Sync); 6] =
                        [&action, &payment.0, &sale, &operator, &reason, &at];
                    self.session.execute(sql::redress::propose, &values).await?;
                }
                ProposalChange::Closed(_) => {
                    let values: [&(dyn ToSql + Sync); 4] = [&action, &payment.0, &sale, &at];
                    self.session.execute(sql::redress::close, &values).await?;
                }
            }
        }
        Ok(())
    }

    /// Chains what people did to what was done before; `changed` is how many identifiers were.
    async fn log(&self, entries: &[AuditEntry], changed: Option<u64>) -> Result<(), Failure> {
        if entries.is_empty() {
            return Ok(());
        }
        let session = &self.session;
        session.run(sql::audit_log::lock).await?;
        let last = session.maybe(sql::audit_log::last, &[]).await?;
        let (mut id, mut previous) = match last {
            Some(row) => (row.try_get::<_, i64>(0)?, row.try_get::<_, Vec<u8>>(1)?),
            None => (0, audit::BEGINNING.to_vec()),
        };
        for entry in entries {
            let (operator, action) = (&*entry.operator, entry.action);
            let detail = entry.stored_detail(changed);
            let hash = audit::link(&previous, self.at, operator, action, &detail);
            id += 1;
            let hash = hash.to_vec();
            let values: [&(dyn ToSql + Sync); 6] =
                [&id, &Time(self.at), &operator, &action, &detail, &hash];
            session.execute(sql::audit_log::insert, &values).await?;
            previous = hash;
        }
        Ok(())
    }

    async fn open(&self, open: &[StillOpen]) -> Result<(), Failure> {
        // A statement touches no row twice: what is said later of the same payment counts.
        let mut said = HashSet::new();
        let (mut ids, mut reasons) = (Vec::new(), Vec::new());
        let (mut sales, mut seen) = (Vec::new(), Vec::new());
        for one in open.iter().rev().filter(|one| said.insert(one.payment)) {
            ids.push(one.payment.0);
            reasons.push(one.reason.as_str());
            sales.push(one.sale.map(|sale| sale.0));
            seen.push(one.seen);
        }
        if ids.is_empty() {
            return Ok(());
        }
        let values: [&(dyn ToSql + Sync); 5] = [&ids, &reasons, &sales, &seen, &Time(self.at)];
        self.session.execute(sql::payment::open, &values).await?;
        Ok(())
    }

    async fn jobs(&self, jobs: &[NewJob]) -> Result<(), Failure> {
        for job in jobs {
            match &job.work {
                NewWork::Known(work) => self.job((job.queue, job.lane), work, job.ready_at).await?,
                NewWork::Imported(routes) => {
                    for (queue, lane, work) in
                        routes.works(job.queue, &self.given.payments, &self.given.sales)
                    {
                        self.job((queue, Some(lane)), &work, job.ready_at).await?;
                    }
                }
                NewWork::Exports(scheme) => {
                    if let Some(range) = &self.given.exports {
                        let exports = Span::Range(*range.start(), *range.end());
                        let scheme = *scheme;
                        let work = Task::Exports { scheme, exports };
                        self.job((job.queue, job.lane), &work, job.ready_at).await?;
                    }
                }
                NewWork::Several(scheme) => {
                    let work = Task::Several { scheme: *scheme };
                    self.job_once(job, Lane::several(*scheme), &work).await?;
                }
                NewWork::Announce => {
                    self.job_once(job, Lane::outbox(), &Task::Announce).await?;
                }
                NewWork::Look(feed) => {
                    let work = Task::Look { feed: feed.clone() };
                    self.job_once(job, Lane::looks(feed), &work).await?;
                }
            }
        }
        Ok(())
    }

    /// Adds a job to a lane, unless one waits there that nobody has begun.
    async fn job_once(&self, job: &NewJob, lane: Lane, work: &Task) -> Result<(), Failure> {
        // Two that want the same at once ask one after the other.
        self.session
            .execute(sql::job::lock_lane, &[&lane.0])
            .await?;
        let values: [&(dyn ToSql + Sync); 2] = [&lane.0, &Time(self.at)];
        if self.session.value(sql::job::waits_in_lane, &values).await? {
            return Ok(());
        }
        self.job((job.queue, Some(lane)), work, job.ready_at).await
    }

    async fn job(
        &self,
        (queue, lane): (Queue, Option<Lane>),
        work: &Task,
        ready_at: Instant,
    ) -> Result<(), Failure> {
        let (queue, lane) = (queue.as_str(), lane.map(|lane| lane.0));
        let work = serde_json::to_string(work)?;
        let values: [&(dyn ToSql + Sync); 5] =
            [&queue, &lane, &work, &Time(ready_at), &Time(self.at)];
        self.session.execute(sql::job::insert, &values).await?;
        Ok(())
    }
}

/// Proves the lease and says what becomes of its job, in one statement that matches no row when the
/// lease is another's.
async fn end_job(
    session: &Session<'_>,
    lease: Lease,
    until: Instant,
    end: JobEnd,
) -> Result<(), Failure> {
    let (job, token) = match lease {
        Lease::Job { job, token } => (job, token),
        Lease::Leader { token } => {
            schedule::is_leader(session, token).await?;
            if end == JobEnd::Done {
                schedule::resign(session, token).await?;
            }
            return Ok(());
        }
        Lease::Operator => return Ok(()),
    };
    let changed = match end {
        JobEnd::Keep => {
            let values: [&(dyn ToSql + Sync); 3] = [&job.0, &token, &Time(until)];
            session.execute(sql::job::prolong, &values).await?
        }
        JobEnd::Again { ready_at } => {
            let values: [&(dyn ToSql + Sync); 3] = [&job.0, &token, &Time(ready_at)];
            session.execute(sql::job::give_back, &values).await?
        }
        JobEnd::Done => session.execute(sql::job::done, &[&job.0, &token]).await?,
    };
    match changed {
        1 => Ok(()),
        _ => Err(Failure::Stale),
    }
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

    fn put(&self, rows: &mut Rows, id: i64, group: i64, at: Instant) {
        rows.row()
            .int(id)
            .int(self.payment.0)
            .optional_int(self.sale.map(|sale| sale.0))
            .optional_int(self.other.map(|other| other.0))
            .int(self.scheme.0)
            .text(self.kind)
            .text(&self.evidence)
            .optional_int(self.difference)
            .int4(self.part.of_payment.into())
            .int4(self.part.of_sale.into())
            .int(group)
            .optional_text(self.redress.map(|redress| &*redress.operator))
            .optional_text(self.redress.map(|redress| &*redress.reason))
            .time(at);
    }
}
