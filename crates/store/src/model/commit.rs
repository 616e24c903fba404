//! The one place where anything is written: a step's changes, on a copy of the world, fenced.

use super::world::{DeliveryRow, Export, Identity, Match, World, next_number};
use harmonia_core::changes::{
    Attempt, Changes, NewIdentity, NewJob, NewMatch, NewWork, Span, StillOpen, Work,
};
use harmonia_core::ids::{ExportId, MatchId};
use harmonia_core::matching::MatchKind;
use harmonia_core::state::ExportState;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{CommitError, Committed, Lease, StoreError};

/// The rows that a commit added, each kind in order.
#[derive(Default)]
pub struct Added {
    pub payments: Vec<i64>,
    pub sales: Vec<i64>,
    /// Rows whose numbers were given out when their records were kept.
    pub replayed_payments: Vec<i64>,
    pub replayed_sales: Vec<i64>,
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
        committed.onboarded += self.onboard(changes.mids, at);
        committed.onboarded += self.link_cards(changes.cards);
        if let Some(imported) = changes.imported {
            let (outcome, match_group) = self.import(imported, at, &mut added)?;
            committed.imported = outcome;
            committed.match_group = match_group;
        }
        if let Some(pushed) = changes.pushed {
            let (receipts, match_group) = self.push(pushed, at, &mut added)?;
            for receipt in &receipts {
                committed.imported.add(receipt.into());
            }
            committed.receipts = receipts;
            committed.match_group = match_group;
        }
        let replayed = self.replay(changes.replayed, at, &mut added)?;
        committed.imported.add(replayed);
        self.identify(changes.identities, at);
        self.add_matches(changes.matches, at, &mut added)?;
        self.keep_open(changes.open);
        if let Some(attempt) = changes.attempt {
            self.deliver(attempt);
        }
        self.change_keys(changes.keys, at)?;
        for job in changes.jobs {
            self.add_jobs(&job, &added);
        }
        Ok(committed)
    }

    /// What is known of whose card a payment was is not changed by hearing it again.
    fn identify(&mut self, identities: Vec<NewIdentity>, found_at: Instant) {
        for NewIdentity { payment, link } in identities {
            let identity = Identity { link, found_at };
            self.identities.entry(payment).or_insert(identity);
        }
    }

    fn add_matches(
        &mut self,
        matches: Vec<NewMatch>,
        created_at: Instant,
        added: &mut Added,
    ) -> Result<(), CommitError> {
        for new in matches {
            refuse_unlawful(&new)?;
            let id = MatchId(next_number(&self.matches, |id| id.0));
            let payment_before = self.payment_matches.insert(new.payment, id);
            let sale_before = new.sale.and_then(|sale| self.sale_matches.insert(sale, id));
            if payment_before.is_some() || sale_before.is_some() {
                return Err(CommitError::Conflict);
            }
            self.open.remove(&new.payment);
            let export_id = ExportId(next_number(&self.exports, |id| id.0));
            let export = Export {
                scheme: new.scheme,
                match_id: id,
                payment: new.payment,
                export_uid: new.export_uid,
                created_at,
            };
            self.exports.insert(export_id, export);
            added.exports.push(export_id.0);
            let made = Match {
                payment: new.payment,
                sale: new.sale,
                scheme: new.scheme,
                kind: new.kind,
                evidence: new.evidence,
                created_at,
            };
            self.matches.insert(id, made);
        }
        Ok(())
    }

    /// A payment that somebody matched meanwhile is not open any more, whatever was decided.
    fn keep_open(&mut self, open: Vec<StillOpen>) {
        for StillOpen { payment, reason } in open {
            let known = self.payments.contains_key(&payment);
            if known && !self.payment_matches.contains_key(&payment) {
                self.open.insert(payment, reason);
            }
        }
    }

    /// What is delivered stays delivered.
    fn deliver(&mut self, attempt: Attempt) {
        for delivery in &attempt.deliveries {
            let before = self.deliveries.get(&delivery.export);
            if before.is_some_and(|before| before.state == ExportState::Delivered) {
                continue;
            }
            let row = DeliveryRow {
                state: delivery.state,
                reason: delivery.reason.clone(),
                tries: before.map_or(0, |before| before.tries) + 1,
                attempt: self.attempts.len(),
            };
            self.deliveries.insert(delivery.export, row);
        }
        if let Some(file) = &attempt.file {
            self.export_files.insert(file.name.clone(), file.length);
        }
        self.attempts.push(attempt);
    }

    /// The job, or the jobs, that a new job stands for; none where there is nothing to do.
    fn add_jobs(&mut self, job: &NewJob, added: &Added) {
        let works = match &job.work {
            NewWork::Known(work) => vec![Some(work.clone())],
            NewWork::Imported => vec![
                span(&added.payments).map(Work::Payments),
                span(&added.sales).map(Work::Sales),
                these(&added.replayed_payments).map(Work::Payments),
                these(&added.replayed_sales).map(Work::Sales),
            ],
            NewWork::Exports(scheme) => vec![span(&added.exports).map(|exports| Work::Exports {
                scheme: *scheme,
                exports,
            })],
        };
        for work in works.into_iter().flatten() {
            self.add_job(job.queue, job.lane, work, job.ready_at);
        }
    }
}

/// From the first to the last of rows that one commit added.
fn span(added: &[i64]) -> Option<Span> {
    Some(Span::Range(*added.first()?, *added.last()?))
}

/// These very rows.
fn these(added: &[i64]) -> Option<Span> {
    (!added.is_empty()).then(|| Span::Ids(added.to_vec()))
}

/// A match has a sale unless it is spotted, and a person's name if it is forced.
fn refuse_unlawful(new: &NewMatch) -> Result<(), StoreError> {
    let is_spotted = new.kind == MatchKind::Spotted;
    if is_spotted != new.sale.is_none() || new.kind == MatchKind::Forced {
        return Err(StoreError::Broken(format!(
            "no {} match may be made like this",
            new.kind.as_str()
        )));
    }
    Ok(())
}
