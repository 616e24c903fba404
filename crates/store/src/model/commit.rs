//! The one place where anything is written: a step's changes, on a copy of the world, fenced.

use super::world::{
    DeliveryRow, Export, Identity, JobRow, LogEntry, Match, OpenRow, Outcome, Proposed, World,
    next_number,
};
use harmonia_core::audit;
use harmonia_core::changes::{
    AuditEntry, Changes, Lane, NewEnd, NewIdentity, NewJob, NewMatch, NewWork, Part, Placed,
    ProposalChange, Span, StillOpen, Void, Work,
};
use harmonia_core::config::ConfigChange;
use harmonia_core::ids::{ExportId, MatchId, SchemeId};
use harmonia_core::matching::MatchKind;
use harmonia_core::state::ExportState;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{CommitError, Committed, Lease, StoreError};
use uuid::Uuid;

/// The rows that a commit added, each kind in order.
#[derive(Default)]
pub struct Added {
    pub payments: Vec<Placed>,
    pub sales: Vec<Placed>,
    pub exports: Vec<i64>,
}

impl World {
    /// Applies changes. After an error this world is half changed and must be thrown away.
    pub fn commit(
        &mut self,
        lease: Lease,
        changes: Changes,
        lease_us: i64,
    ) -> Result<Committed, CommitError> {
        self.end_job(lease, &changes, lease_us)?;
        let at = changes.at;
        let mut committed = Committed::default();
        let mut added = Added::default();
        let has_mids = !changes.mids.is_empty();
        committed.onboarded += self.onboard(changes.mids, at);
        let changed = has_mids.then_some(committed.onboarded);
        committed.onboarded += self.link_cards(changes.cards);
        for ConfigChange { key, value } in changes.config {
            match value {
                Some(value) => self.config.insert(key, value),
                None => self.config.remove(&key),
            };
        }
        self.kept_from = self.kept_from.max(changes.purged_before);
        // Nothing before the later of the two days may come in unknown.
        let kept_from = self.kept_from.max(changes.kept_from);
        if let Some(imported) = changes.imported {
            let (outcome, match_group) = self.import(imported, at, kept_from, &mut added)?;
            committed.imported = outcome;
            committed.match_group = match_group;
        }
        if let Some(pushed) = changes.pushed {
            let (receipts, match_group) = self.push(pushed, at, kept_from, &mut added)?;
            for receipt in &receipts {
                committed.imported.add(receipt.into());
            }
            committed.receipts = receipts;
            committed.match_group = match_group;
        }
        let replayed = self.replay(changes.replayed, at, kept_from, &mut added)?;
        committed.imported.add(replayed);
        self.identify(changes.identities, at);
        for void in changes.voids {
            self.void(void, at)?;
        }
        for new in changes.matches {
            self.add_match(new, at, &mut added)?;
        }
        for new in &changes.ends {
            self.add_end(new, at, &mut added)?;
        }
        self.keep_open(changes.open);
        for change in changes.proposals {
            self.propose(change, at);
        }
        for entry in changes.audit {
            self.log(entry, changed, at);
        }
        self.send(changes.sending, at)?;
        for attempt in changes.attempts {
            self.deliver(attempt, at)?;
        }
        self.handle(changes.handled, at)?;
        self.announce(changes.announcements, &changes.announced);
        if let Some(stretch) = &changes.purge {
            committed.purged = self.purge(stretch);
        }
        self.change_keys(changes.keys, at)?;
        self.tick(changes.ticks)?;
        for job in changes.jobs {
            self.add_jobs(&job, &added, at);
        }
        Ok(committed)
    }

    pub fn next_match(&self) -> MatchId {
        let next = next_number(&self.matches, |id| id.0);
        MatchId(next.max(self.last_match + 1))
    }

    pub fn next_export(&self) -> ExportId {
        let next = next_number(&self.exports, |id| id.0);
        ExportId(next.max(self.last_export + 1))
    }

    /// What is known of whose card a payment was is not changed by hearing it again.
    fn identify(&mut self, identities: Vec<NewIdentity>, found_at: Instant) {
        for NewIdentity { payment, link } in identities {
            let identity = Identity { link, found_at };
            self.identities.entry(payment).or_insert(identity);
        }
    }

    fn add_match(
        &mut self,
        new: NewMatch,
        at: Instant,
        added: &mut Added,
    ) -> Result<(), CommitError> {
        refuse_unlawful(&new)?;
        let export_uid = (new.part.of_sale == 0).then_some(new.export_uid);
        let made = Match {
            payment: new.payment,
            sale: new.sale,
            other: None,
            scheme: new.scheme,
            kind: Outcome::Matched(new.kind),
            evidence: Some(new.evidence),
            difference: None,
            part: new.part,
            redress: new.redress,
            voided: None,
            created_at: at,
        };
        self.add_outcome(made, export_uid, None, added)
    }

    fn add_end(&mut self, new: &NewEnd, at: Instant, added: &mut Added) -> Result<(), CommitError> {
        let made = Match {
            payment: new.payment,
            sale: None,
            other: new.other,
            scheme: new.scheme,
            kind: Outcome::Ended(new.kind),
            evidence: None,
            difference: new.difference_minor,
            part: Part::default(),
            redress: None,
            voided: None,
            created_at: at,
        };
        self.add_outcome(made, new.export_uid, new.export_as, added)
    }

    /// Each side is in one row in force, or in parts that are numbered differently.
    fn add_outcome(
        &mut self,
        made: Match,
        export_uid: Option<Uuid>,
        export_as: Option<SchemeId>,
        added: &mut Added,
    ) -> Result<(), CommitError> {
        let takes_the_same = |other: &Match| {
            let payment =
                other.payment == made.payment && other.part.of_payment == made.part.of_payment;
            let sale = made.sale.is_some()
                && other.sale == made.sale
                && other.part.of_sale == made.part.of_sale;
            payment || sale
        };
        if self.in_force().any(|(_, other)| takes_the_same(other)) {
            return Err(CommitError::Conflict);
        }
        let id = self.next_match();
        self.open.remove(&made.payment);
        if let Some(export_uid) = export_uid {
            let export_id = self.next_export();
            let export = Export {
                scheme: export_as.unwrap_or(made.scheme),
                match_id: id,
                payment: made.payment,
                export_uid,
                is_answered: export_as.is_some(),
                created_at: made.created_at,
            };
            self.exports.insert(export_id, export);
            added.exports.push(export_id.0);
        }
        self.matches.insert(id, made);
        Ok(())
    }

    /// Undoes a match whose merchant was not told yet and is not being told now.
    fn void(&mut self, void: Void, at: Instant) -> Result<(), CommitError> {
        let made = self.matches.get_mut(&void.id);
        let made = made.filter(|made| made.voided.is_none());
        let made = made.ok_or(CommitError::Conflict)?;
        let scheme = made.scheme;
        let reason = format!(
            "undone by {}: {}",
            void.redress.operator, void.redress.reason
        );
        made.voided = Some((at, void.redress));
        let export = self
            .exports
            .iter()
            .find(|(_, export)| export.match_id == void.id);
        let Some((export, _)) = export else {
            return Ok(());
        };
        let export = *export;
        let is_being_told = self.lane_is_held(Lane::delivery(scheme), at);
        let before = self.deliveries.get(&export);
        let was_sent = before.is_some_and(|row| row.first_sent_at.is_some());
        let state = self.export_state(export);
        let is_untold = state.is_surely_untold() && !was_sent || state == ExportState::Cancelled;
        if is_being_told || !is_untold {
            return Err(CommitError::Conflict);
        }
        let row = DeliveryRow {
            state: ExportState::Cancelled,
            reason: Some(reason),
            due_at: None,
            ..before.cloned().unwrap_or_default()
        };
        self.deliveries.insert(export, row);
        Ok(())
    }

    fn propose(&mut self, change: ProposalChange, created_at: Instant) {
        let (ProposalChange::Made { proposal, .. } | ProposalChange::Closed(proposal)) = &change;
        let known = self.proposals.iter_mut().find(|one| one.what == *proposal);
        match (known, change) {
            (Some(known), ProposalChange::Made { redress, .. }) => {
                known.redress = redress;
                known.created_at = created_at;
            }
            (None, ProposalChange::Made { proposal, redress }) => self.proposals.push(Proposed {
                what: proposal,
                redress,
                created_at,
            }),
            (_, ProposalChange::Closed(proposal)) => {
                self.proposals.retain(|one| one.what != proposal);
            }
        }
    }

    fn log(&mut self, entry: AuditEntry, changed: Option<u64>, at: Instant) {
        let previous = self.log.last().map_or(audit::BEGINNING, |last| last.hash);
        let detail = entry.stored_detail(changed);
        let hash = audit::link(&previous, at, &entry.operator, entry.action, &detail);
        self.log.push(LogEntry {
            at,
            operator: entry.operator.into(),
            action: entry.action.to_owned(),
            detail,
            hash,
        });
    }

    /// A payment that somebody matched meanwhile is not open any more, whatever was decided.
    fn keep_open(&mut self, open: Vec<StillOpen>) {
        for StillOpen {
            payment,
            reason,
            sale,
            seen,
        } in open
        {
            let known = self.payments.contains_key(&payment);
            if known && self.of_payment(payment).is_none() {
                self.open.insert(payment, OpenRow { reason, sale, seen });
            }
        }
    }

    /// The job, or the jobs, that a new job stands for; none where there is nothing to do.
    fn add_jobs(&mut self, job: &NewJob, added: &Added, at: Instant) {
        let works: Vec<(Option<Lane>, Work)> = match &job.work {
            NewWork::Known(work) => vec![(job.lane, work.clone())],
            NewWork::Imported(routes) => {
                let works = routes.works(job.queue, &added.payments, &added.sales);
                for (queue, lane, work) in works {
                    self.add_job(queue, Some(lane), work, job.ready_at);
                }
                return;
            }
            NewWork::Exports(scheme) => {
                let exports = span(&added.exports);
                let scheme = *scheme;
                let work = exports.map(|exports| (job.lane, Work::Exports { scheme, exports }));
                work.into_iter().collect()
            }
            NewWork::Several(scheme) => {
                let work = Work::Several { scheme: *scheme };
                self.unless_waiting(Lane::several(*scheme), work, at)
            }
            NewWork::Announce => self.unless_waiting(Lane::outbox(), Work::Announce, at),
            NewWork::Look(feed) => {
                let work = Work::Look { feed: feed.clone() };
                self.unless_waiting(Lane::looks(feed), work, at)
            }
        };
        for (lane, work) in works {
            self.add_job(job.queue, lane, work, job.ready_at);
        }
    }
}

impl World {
    /// Work for a lane; none where a job waits there that nobody has begun.
    fn unless_waiting(&self, lane: Lane, work: Work, at: Instant) -> Vec<(Option<Lane>, Work)> {
        let waits = |job: &JobRow| {
            job.lane == Some(lane) && job.leased_until().is_none_or(|until| until <= at)
        };
        match self.jobs.values().any(waits) {
            true => Vec::new(),
            false => vec![(Some(lane), work)],
        }
    }
}

/// From the first to the last of rows that one commit added.
fn span(added: &[i64]) -> Option<Span> {
    Some(Span::Range(*added.first()?, *added.last()?))
}

/// A match has a sale unless it is spotted, and a person's name if it is forced.
fn refuse_unlawful(new: &NewMatch) -> Result<(), StoreError> {
    let is_spotted = new.kind == MatchKind::Spotted;
    let is_nobodys = new.kind == MatchKind::Forced && new.redress.is_none();
    if is_spotted != new.sale.is_none() || is_nobodys {
        return Err(StoreError::Broken(format!(
            "no {} match may be made like this",
            new.kind.as_str()
        )));
    }
    Ok(())
}
