//! Which payments are given up, what waits to be told of them, and to which export an answer is.

use super::world::{Answer, World};
use harmonia_core::answer::{ambiguous, other_transaction, unknown_export};
use harmonia_core::changes::{Lane, Queue, Span, Work};
use harmonia_core::ids::{ExportId, PaymentId, SchemeId};
use harmonia_core::problem::Reject;
use harmonia_core::sweep::SweepScope;
use harmonia_core::time::Instant;
use harmonia_core::transaction::AnswerRecord;
use harmonia_journey::ports::Answered;

impl World {
    /// The payments that a run of a sweep gives up.
    pub fn to_sweep(&self, scope: &SweepScope) -> Vec<PaymentId> {
        let is_known = |id: PaymentId| {
            let link = self.identities.get(&id).map(|identity| &identity.link);
            let loyalty_id = link.and_then(|link| link.loyalty_id.as_deref());
            loyalty_id.is_some_and(|loyalty_id| !loyalty_id.is_empty())
        };
        let is_meant = |id: PaymentId| {
            self.payments.get(&id).is_some_and(|row| {
                row.scheme == scope.scheme
                    && row.imported_at <= scope.imported_until
                    && scope.feeds.contains(&row.feed)
            })
        };
        let open = self.open.iter();
        open.filter(|(_, open)| !open.reason.waits_for_identity())
            .map(|(id, _)| *id)
            .filter(|id| is_meant(*id) && is_known(*id))
            .take(scope.limit)
            .collect()
    }

    /// The exports that wait to be delivered in a lane, as its jobs name them.
    pub fn waiting_exports(&self, scheme: SchemeId) -> Vec<Span> {
        let lane = Some(Lane::delivery(scheme));
        let jobs = self.jobs.values();
        let in_lane = jobs.filter(|job| job.queue == Queue::Export && job.lane == lane);
        let spans = in_lane.filter_map(|job| match &job.work {
            Work::Exports { exports, .. } => Some(exports.clone()),
            _ => None,
        });
        spans.collect()
    }

    /// To which export of an agent each answer is.
    pub fn answered(&self, scheme: SchemeId, answers: &[AnswerRecord]) -> Vec<Answered> {
        let one = |record: &AnswerRecord| match self.export_of(scheme, record) {
            Err(reject) => Answered::ToNone(reject),
            Ok(export) => Answered::To {
                export,
                is_known: self.has_answer(export, &record.result),
            },
        };
        answers.iter().map(one).collect()
    }

    /// Whether an answer is new to its export, or why it is to none.
    pub fn add_answer(
        &mut self,
        scheme: SchemeId,
        record: &AnswerRecord,
        file: harmonia_core::ids::FileId,
        at: Instant,
    ) -> Result<bool, Reject> {
        let export = self.export_of(scheme, record)?;
        let is_new = !self.has_answer(export, &record.result);
        if is_new {
            self.answers.push(Answer {
                export,
                result: record.result.clone(),
                file,
                at,
            });
        }
        Ok(is_new)
    }

    fn has_answer(&self, export: ExportId, result: &str) -> bool {
        let mut answers = self.answers.iter();
        answers.any(|answer| answer.export == export && answer.result == result)
    }

    fn export_of(&self, scheme: SchemeId, record: &AnswerRecord) -> Result<ExportId, Reject> {
        let told = |payment: PaymentId| {
            let payment = self.payments.get(&payment);
            payment.map(|row| row.record.transaction_id.clone())
        };
        let exports = self.exports.iter();
        let answered = exports.filter(|(_, export)| export.scheme == scheme && export.is_answered);
        if let Some(uid) = record.export_uid {
            let mut answered = answered;
            let found = answered.find(|(_, export)| export.export_uid == uid);
            let (id, export) = found.ok_or_else(|| unknown_export(record))?;
            let told = told(export.payment).unwrap_or_default();
            return other_transaction(record, &told).map_or(Ok(*id), Err);
        }
        let named = answered.filter(|(_, export)| told(export.payment) == record.transaction_id);
        let in_force = named.filter(|(_, export)| {
            let made = self.matches.get(&export.match_id);
            made.is_some_and(|made| made.voided.is_none())
        });
        let found: Vec<ExportId> = in_force.map(|(id, _)| *id).collect();
        match found.as_slice() {
            [] => Err(unknown_export(record)),
            [one] => Ok(*one),
            _ => Err(ambiguous(record)),
        }
    }

    /// The newest answer to an export.
    pub fn answer_to(&self, export: ExportId) -> Option<&Answer> {
        let mut answers = self.answers.iter().rev();
        answers.find(|answer| answer.export == export)
    }
}
