//! The invariants, checked by looking at every row.

use super::world::{DeliveryRow, Match, World, holds};
use harmonia_core::changes::{Span, Work};
use harmonia_core::ids::{ExportId, MatchId, PaymentId, RawId, SchemeId};
use harmonia_core::matching::MatchKind;
use harmonia_core::state::ExportState;
use harmonia_journey::ports::AuditFinding;
use std::collections::BTreeMap;

/// How many rows that break an invariant are named.
const EXAMPLES: usize = 5;

impl World {
    /// Checks every invariant. No findings: all hold.
    pub fn audit(&self) -> Vec<AuditFinding> {
        let checks: [(&str, Vec<i64>); 11] = [
            (
                "a payment is in one match at most",
                self.matched_twice(|made| Some(made.payment.0)),
            ),
            (
                "a sale is in one match at most",
                self.matched_twice(|made| made.sale.map(|sale| sale.0)),
            ),
            (
                "both sides of a match agree in scheme, MID, amount and currency",
                self.matches_where(|made| !self.is_same_purchase(made)),
            ),
            (
                "a matched payment is identified",
                self.matches_where(|made| !self.identities.contains_key(&made.payment)),
            ),
            ("a matched payment is not open", self.matched_and_open()),
            ("every match has its export", self.matched_not_exported()),
            ("what was delivered was sent", self.delivered_not_sent()),
            (
                "every raw record taken is one payment or one sale",
                self.raw_not_typed(),
            ),
            (
                "a file's counts and sums are those of its rows",
                self.files_that_do_not_add_up(),
            ),
            (
                "every payment is matched, open with a reason, or due",
                self.forgotten(),
            ),
            ("every pending export is due", self.exports_not_due()),
        ];
        let broken = checks.into_iter().filter(|(_, rows)| !rows.is_empty());
        broken
            .map(|(invariant, rows)| AuditFinding {
                invariant: invariant.to_owned(),
                count: rows.len() as u64,
                examples: rows.into_iter().take(EXAMPLES).collect(),
            })
            .collect()
    }

    fn matched_twice(&self, side: impl Fn(&Match) -> Option<i64>) -> Vec<i64> {
        let mut times: BTreeMap<i64, u32> = BTreeMap::new();
        for id in self.matches.values().filter_map(side) {
            *times.entry(id).or_default() += 1;
        }
        times.retain(|_, times| *times > 1);
        times.into_keys().collect()
    }

    fn matches_where(&self, is_broken: impl Fn(&Match) -> bool) -> Vec<i64> {
        let broken = self.matches.iter().filter(|(_, made)| is_broken(made));
        broken.map(|(id, _)| id.0).collect()
    }

    fn is_same_purchase(&self, made: &Match) -> bool {
        if made.kind != MatchKind::Loyalty {
            return true;
        }
        let payment = self.payments.get(&made.payment);
        let sale = made.sale.and_then(|sale| self.sales.get(&sale));
        let (Some(payment), Some(sale)) = (payment, sale) else {
            return false;
        };
        let set = self.mid_sets.get(&sale.mid_set);
        payment.scheme == sale.scheme
            && payment.record.amount == sale.record.amount
            && set.is_some_and(|set| set.mids.contains(&payment.carried_mid()))
    }

    fn matched_and_open(&self) -> Vec<i64> {
        let open = self.open.keys();
        open.filter(|id| self.payment_matches.contains_key(id))
            .map(|id| id.0)
            .collect()
    }

    fn matched_not_exported(&self) -> Vec<i64> {
        let is_exported = |id: &MatchId| self.exports.values().any(|one| one.match_id == *id);
        let matches = self.matches.keys().filter(|id| !is_exported(id));
        matches.map(|id| id.0).collect()
    }

    fn delivered_not_sent(&self) -> Vec<i64> {
        let is_sound = |id: &ExportId, row: &DeliveryRow| {
            let was_sent = self.attempts.contains_key(&row.attempt);
            self.exports.contains_key(id) && (row.state != ExportState::Delivered || was_sent)
        };
        let unsound = self
            .deliveries
            .iter()
            .filter(|(id, row)| !is_sound(id, row));
        unsound.map(|(id, _)| id.0).collect()
    }

    fn raw_not_typed(&self) -> Vec<i64> {
        let typed = |id: RawId| {
            usize::from(self.payments.contains_key(&id.payment()))
                + usize::from(self.sales.contains_key(&id.sale()))
        };
        let raws = self.raws.iter();
        let wrong = raws.filter(|(id, raw)| typed(**id) != usize::from(raw.identified));
        let payments = self.payments.keys().map(|id| RawId(id.0));
        let sales = self.sales.keys().map(|id| RawId(id.0));
        let without_raw = payments
            .chain(sales)
            .filter(|id| !self.raws.contains_key(id));
        wrong
            .map(|(id, _)| *id)
            .chain(without_raw)
            .map(|id| id.0)
            .collect()
    }

    fn files_that_do_not_add_up(&self) -> Vec<i64> {
        let amount = |id: RawId| {
            let payment = self.payments.get(&id.payment());
            let sale = self.sales.get(&id.sale());
            payment
                .map(|row| row.record.amount.minor)
                .or_else(|| sale.map(|row| row.record.amount.minor))
                .unwrap_or_default()
        };
        let mut files = Vec::new();
        for (file, log) in &self.files {
            let raws = self.raws.iter();
            let taken: Vec<RawId> = raws
                .filter(|(_, raw)| raw.file == *file && raw.identified)
                .map(|(id, _)| *id)
                .collect();
            let sum: i64 = taken.iter().map(|id| amount(*id)).sum();
            let rows = taken.len() as u64 + log.purged;
            if log.counts.new != rows || log.amount_minor != sum + log.purged_amount_minor {
                files.push(file.0);
            }
        }
        files
    }

    fn forgotten(&self) -> Vec<i64> {
        let is_due = |id: &PaymentId| self.jobs.values().any(|job| decides(&job.work, *id));
        let payments = self.payments.keys();
        payments
            .filter(|id| !self.payment_matches.contains_key(id) && !self.open.contains_key(id))
            .filter(|id| !is_due(id))
            .map(|id| id.0)
            .collect()
    }

    fn exports_not_due(&self) -> Vec<i64> {
        let is_due = |id: &ExportId, scheme: SchemeId| {
            let mut jobs = self.jobs.values();
            jobs.any(|job| delivers(&job.work, *id, scheme))
        };
        let is_waiting = |id: &ExportId| {
            let state = self.export_state(*id);
            matches!(state, ExportState::Pending | ExportState::Retrying)
        };
        let exports = self.exports.iter();
        exports
            .filter(|(id, export)| is_waiting(id) && !is_due(id, export.scheme))
            .map(|(id, _)| id.0)
            .collect()
    }
}

fn decides(work: &Work, payment: PaymentId) -> bool {
    matches!(work, Work::Payments(span) if holds(span, payment.0))
}

fn delivers(work: &Work, export: ExportId, scheme: SchemeId) -> bool {
    let (span, of): (&Span, SchemeId) = match work {
        Work::Exports { scheme, exports } => (exports, *scheme),
        _ => return false,
    };
    of == scheme && holds(span, export.0)
}
