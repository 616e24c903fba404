//! The ledger of deliveries: what is about to be sent, what came of it, and what people decide.

use super::world::{AttemptRow, DeliveryRow, World, holds, next_number};
use harmonia_core::changes::{Attempt, Handled, Lane, Sending, Span};
use harmonia_core::ids::{ExportId, SchemeId};
use harmonia_core::state::ExportState::{InFlight, Pending, Retrying, Uncertain};
use harmonia_core::time::Instant;
use harmonia_journey::ports::{CommitError, SentBefore, StoreError};

impl World {
    /// Puts exports in flight, and freezes their requests.
    pub fn send(&mut self, sending: Vec<Sending>, at: Instant) -> Result<(), CommitError> {
        for Sending { export, request } in sending {
            let row = self.deliveries.entry(export).or_default();
            if !matches!(row.state, Pending | InFlight | Retrying | Uncertain) {
                return Err(CommitError::Conflict);
            }
            row.state = InFlight;
            row.due_at = None;
            row.first_sent_at.get_or_insert(at);
            row.request.get_or_insert(request);
        }
        Ok(())
    }

    /// Notes one try, and where its exports stand since. What is settled stays so.
    pub fn deliver(&mut self, attempt: Attempt, made_at: Instant) -> Result<(), CommitError> {
        let id = next_number(&self.attempts, |id| id);
        for delivery in &attempt.deliveries {
            let before = self.deliveries.get(&delivery.export);
            let before = before.cloned().unwrap_or_default();
            let is_settled = before.state.is_settled();
            let mut row = DeliveryRow {
                state: delivery.state,
                reason: delivery.reason.clone(),
                tries: before.tries + 1,
                attempt: Some(id),
                due_at: delivery.due_at,
                ..before
            };
            refuse_unlawful(&row)?;
            if attempt.file.is_none() && row.state.is_settled() {
                row.request = None;
            }
            if !is_settled {
                self.deliveries.insert(delivery.export, row);
            }
        }
        if let Some(file) = &attempt.file {
            let written = (file.length, made_at);
            self.export_files.insert(file.name.clone(), written);
        }
        self.attempts.insert(id, AttemptRow { attempt, made_at });
        Ok(())
    }

    /// Does what a person decided, unless an export has moved on since it was looked at.
    pub fn handle(&mut self, handled: Vec<Handled>, at: Instant) -> Result<(), CommitError> {
        for one in handled {
            let is_held = one
                .unless_held
                .is_some_and(|lane| self.lane_is_held(lane, at));
            let is_there = self.exports.contains_key(&one.export);
            if is_held || !is_there || self.export_state(one.export) != one.from {
                return Err(CommitError::Conflict);
            }
            let row = self.deliveries.entry(one.export).or_default();
            row.state = one.to;
            row.reason = Some(one.reason);
            row.due_at = None;
            if row.state.is_settled() {
                row.request = None;
            }
            refuse_unlawful(row)?;
        }
        Ok(())
    }

    /// A scheme's exports of a span that were sent before and are not settled.
    pub fn sent_before(&self, scheme: SchemeId, span: &Span) -> Vec<SentBefore> {
        let is_asked_for = |id: &ExportId| {
            let export = self.exports.get(id);
            holds(span, id.0) && export.is_some_and(|export| export.scheme == scheme)
        };
        let rows = self.deliveries.iter();
        rows.filter(|(id, row)| is_asked_for(id) && !row.state.is_settled())
            .map(|(id, row)| SentBefore {
                export: *id,
                state: row.state,
                tries: row.tries,
                first_sent_at: row.first_sent_at,
                due_at: row.due_at,
                request: row.request.clone(),
            })
            .collect()
    }

    /// Whether somebody is working on a lane.
    pub fn lane_is_held(&self, lane: Lane, at: Instant) -> bool {
        let mut in_lane = self.jobs.values().filter(|job| job.lane == Some(lane));
        in_lane.any(|job| job.leased_until().is_some_and(|until| until > at))
    }
}

/// What the checks of the other stores' schemas refuse.
fn refuse_unlawful(row: &DeliveryRow) -> Result<(), StoreError> {
    let may_be_due = matches!(row.state, Retrying | Uncertain);
    let may_be_out = matches!(row.state, InFlight | Uncertain);
    if row.due_at.is_some() && !may_be_due || row.first_sent_at.is_none() && may_be_out {
        return Err(StoreError::Broken(format!(
            "no delivery may be {} like this",
            row.state
        )));
    }
    Ok(())
}
