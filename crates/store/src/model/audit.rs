//! The invariants, checked by looking at every row.

use super::world::{DeliveryRow, LogEntry, Match, Outcome, World, holds};
use harmonia_core::audit;
use harmonia_core::changes::{Span, Work};
use harmonia_core::ids::{ExportId, MatchId, PaymentId, RawId, SchemeId};
use harmonia_core::matching::MatchKind;
use harmonia_core::money::Money;
use harmonia_core::purchase::EndKind;
use harmonia_core::state::ExportState;
use harmonia_journey::ports::AuditFinding;
use std::collections::BTreeMap;

/// How many rows that break an invariant are named.
const EXAMPLES: usize = 5;

impl World {
    /// Checks every invariant. No findings: all hold.
    pub fn audit(&self) -> Vec<AuditFinding> {
        let checks: [(&str, Vec<i64>); 13] = [
            (
                "a payment is in one match at most",
                self.matched_twice(|made| Some((made.payment.0, made.part.of_payment))),
            ),
            (
                "a sale is in one match at most",
                self.matched_twice(|made| Some((made.sale?.0, made.part.of_sale))),
            ),
            (
                "both sides of a match agree in scheme, MID, amount and currency",
                self.matches_where(|made| !self.is_same_purchase(made)),
            ),
            (
                "a matched payment is identified",
                self.matches_where(|made| {
                    made.kind.is_told() && !self.identities.contains_key(&made.payment)
                }),
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
            (
                "what ended with another payment is of that payment's purchase",
                self.matches_where(|made| !self.follows(made)),
            ),
            (
                "every entry of the log of what people did follows from the one before it",
                self.broken_links(),
            ),
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

    /// Sides that are in the same part twice, or in parts that do not begin at the first.
    fn matched_twice(&self, side: impl Fn(&Match) -> Option<(i64, u16)>) -> Vec<i64> {
        let mut parts: BTreeMap<i64, Vec<u16>> = BTreeMap::new();
        for (id, part) in self.in_force().filter_map(|(_, made)| side(made)) {
            parts.entry(id).or_default().push(part);
        }
        let are_numbered = |parts: &mut Vec<u16>| {
            parts.sort_unstable();
            (0..).zip(parts.iter()).all(|(at, part)| at == *part)
        };
        parts.retain(|_, parts| !are_numbered(parts));
        parts.into_keys().collect()
    }

    fn matches_where(&self, is_broken: impl Fn(&Match) -> bool) -> Vec<i64> {
        let broken = self.matches.iter().filter(|(_, made)| is_broken(made));
        broken.map(|(id, _)| id.0).collect()
    }

    fn is_same_purchase(&self, made: &Match) -> bool {
        if made.kind != Outcome::Matched(MatchKind::Loyalty) || made.voided.is_some() {
            return true;
        }
        let payment = self.payments.get(&made.payment);
        let sale = made.sale.and_then(|sale| self.sales.get(&sale));
        let (Some(payment), Some(sale)) = (payment, sale) else {
            return false;
        };
        let set = self.mid_sets.get(&sale.mid_set);
        payment.scheme == sale.scheme
            && self.adds_up(made, payment.record.amount, sale.record.amount)
            && set.is_some_and(|set| set.mids.contains(&payment.carried_mid()))
    }

    /// Whether the two amounts are equal, or the parts of one add up to the other.
    fn adds_up(&self, made: &Match, payment: Money, sale: Money) -> bool {
        let all = |wanted: &dyn Fn(&Match) -> bool, amount: &dyn Fn(&Match) -> Option<Money>| {
            let parts = self.in_force().map(|(_, other)| other);
            let amounts = parts.filter(|other| wanted(other)).filter_map(amount);
            amounts.map(|amount| amount.minor).sum::<i64>()
        };
        let payments = all(&|other| other.sale == made.sale, &|other| {
            Some(self.payments.get(&other.payment)?.record.amount)
        });
        let sales = all(&|other| other.payment == made.payment, &|other| {
            Some(self.sales.get(&other.sale?)?.record.amount)
        });
        payment.currency == sale.currency
            && (payment == sale || payments == sale.minor || sales == payment.minor)
    }

    /// Whether a payment that ended because of another is of that one's purchase.
    fn follows(&self, made: &Match) -> bool {
        let row = |id| self.payments.get(&id);
        let key = |id| Some(&row(id)?.record.settlement_key);
        let Some(other) = made.other.filter(|_| made.voided.is_none()) else {
            return true;
        };
        if row(other).is_none() {
            let day = row(made.payment).map(|row| row.record.when.start.day());
            return day < self.kept_from;
        }
        let counts = self.of_payment(other).map(|(_, made)| made.kind);
        let is_matched = matches!(
            counts,
            Some(Outcome::Matched(_) | Outcome::Ended(EndKind::Unmatched))
        );
        key(made.payment) == key(other)
            && (made.kind != Outcome::Ended(EndKind::Settlement) || is_matched)
    }

    fn broken_links(&self) -> Vec<i64> {
        let mut previous = audit::BEGINNING;
        let mut broken = Vec::new();
        for (id, entry) in (1..).zip(&self.log) {
            let LogEntry {
                at,
                operator,
                action,
                detail,
                hash,
            } = entry;
            if audit::link(&previous, *at, operator, action, detail) != *hash {
                broken.push(id);
            }
            previous = *hash;
        }
        broken
    }

    fn matched_and_open(&self) -> Vec<i64> {
        let open = self.open.keys();
        open.filter(|id| self.of_payment(**id).is_some())
            .map(|id| id.0)
            .collect()
    }

    fn matched_not_exported(&self) -> Vec<i64> {
        let is_exported = |id: &MatchId| self.exports.values().any(|one| one.match_id == *id);
        let told = self
            .in_force()
            .filter(|(_, made)| made.kind.is_told() && made.part.of_sale == 0);
        told.filter(|(id, _)| !is_exported(id))
            .map(|(id, _)| id.0)
            .collect()
    }

    fn delivered_not_sent(&self) -> Vec<i64> {
        let is_sound = |id: &ExportId, row: &DeliveryRow| {
            let was_sent = row
                .attempt
                .is_some_and(|at| self.attempts.contains_key(&at));
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
            let answers = self.answers.iter().filter(|answer| answer.file == *file);
            let rows = (taken.len() + answers.count()) as u64 + log.purged;
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
            .filter(|id| self.of_payment(**id).is_none() && !self.open.contains_key(id))
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
            let due_at = self.deliveries.get(id).and_then(|row| row.due_at);
            let state = self.export_state(*id);
            matches!(
                state,
                ExportState::Pending | ExportState::InFlight | ExportState::Retrying
            ) || due_at.is_some()
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
