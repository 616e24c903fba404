//! Purging: what is older than what is kept, and finished, goes. The model takes it all out at once.

use super::world::{FeedKey, RejectedRecord, World};
use harmonia_core::ids::{ExportId, FileId, PaymentId, RawId, SaleId};
use harmonia_core::problem::RejectReason;
use harmonia_core::retention::{Purge, Purged, begin_of};
use harmonia_core::state::RejectState;
use harmonia_core::time::{Day, Instant};

impl World {
    /// Takes out what may go, of days that are made known as purged.
    pub fn purge(&mut self, purge: &Purge) -> Purged {
        match self.kept_from {
            Some(known) => self.purge_before(purge.before.min(known)),
            None => Purged::default(),
        }
    }

    /// How many transactions would go, were they purged, with their matches and exports.
    pub fn purgeable(&self, before: Day) -> Purged {
        let gone = self.clone().purge_before(before);
        Purged {
            rejects: 0,
            attempts: 0,
            ..gone
        }
    }

    fn purge_before(&mut self, before: Day) -> Purged {
        self.last_raw = self.next_raw().0 - 1;
        self.last_match = self.next_match().0 - 1;
        self.last_export = self.next_export().0 - 1;
        let mut purged = Purged::default();
        let payments: Vec<PaymentId> = self.payments.keys().copied().collect();
        for id in payments {
            if self.may_payment_go(id, before) == Some(true) {
                self.take_payment(id, &mut purged);
            }
        }
        let sales: Vec<SaleId> = self.sales.keys().copied().collect();
        for id in sales {
            if self.of_sale(id).is_none() && self.may_sale_go(id, before) == Some(true) {
                self.take_sale(id, &mut purged);
            }
        }
        self.purge_rejects(before, &mut purged);
        self.purge_attempts(before, &mut purged);
        purged
    }

    fn may_payment_go(&self, id: PaymentId, before: Day) -> Option<bool> {
        let row = self.payments.get(&id)?;
        let (match_id, made) = self.of_payment(id)?;
        let day = row.record.when.start.day();
        let is_old = is_old(day, row.imported_at, before) && made.created_at < begin_of(before);
        let waits = self.waits(&row.feed, day, &row.record.transaction_id);
        let may_sale_go = match made.sale {
            Some(sale) => self.may_sale_go(sale, before)?,
            None => true,
        };
        let is_done = |other| match self.payments.contains_key(&other) {
            true => self.of_payment(other).is_some() && self.is_told(other),
            false => true,
        };
        let pays_alone = self
            .in_force()
            .all(|(id, other)| id == match_id || made.sale.is_none() || other.sale != made.sale);
        let is_over = self.is_told(id) && made.other.is_none_or(is_done) && pays_alone;
        Some(is_old && !waits && may_sale_go && is_over)
    }

    fn may_sale_go(&self, id: SaleId, before: Day) -> Option<bool> {
        let row = self.sales.get(&id)?;
        let day = row.record.when.start.day();
        let waits = self.waits(&row.feed, day, &row.record.transaction_id);
        Some(is_old(day, row.imported_at, before) && !waits)
    }

    /// Whether a record waits that may turn out to be this transaction.
    fn waits(&self, feed: &FeedKey, day: Day, transaction_id: &str) -> bool {
        self.rejects.values().any(|row| {
            let of = self.files.get(&row.file).map(|log| &log.arrival);
            row.state == RejectState::Quarantined
                && of.is_some_and(|of| (&of.provider, of.feed_type) == (&feed.0, feed.1))
                && row
                    .waits_for
                    .as_ref()
                    .is_some_and(|key| key.0 == day && key.1 == transaction_id)
        })
    }

    /// Whether the merchant has been told all there is of a payment.
    fn is_told(&self, payment: PaymentId) -> bool {
        let exports = self.exports.iter();
        let mut of_payment = exports.filter(|(_, export)| export.payment == payment);
        of_payment.all(|(id, _)| {
            let state = self.export_state(*id);
            state.is_settled()
        })
    }

    fn take_payment(&mut self, id: PaymentId, purged: &mut Purged) {
        let exports: Vec<ExportId> = self
            .exports
            .iter()
            .filter(|(_, export)| export.payment == id)
            .map(|(id, _)| *id)
            .collect();
        for export in exports {
            self.exports.remove(&export);
            self.deliveries.remove(&export);
            self.take_answers(export);
            purged.exports += 1;
        }
        let sale = self.of_payment(id).and_then(|(_, made)| made.sale);
        let before = self.matches.len();
        self.matches.retain(|_, made| made.payment != id);
        purged.matches += (before - self.matches.len()) as u64;
        self.identities.remove(&id);
        if let Some(row) = self.payments.remove(&id) {
            purged.payments += 1;
            self.take_raw(RawId(id.0), row.record.amount.minor);
        }
        if let Some(sale) = sale {
            self.take_sale(sale, purged);
        }
    }

    fn take_answers(&mut self, export: ExportId) {
        let gone = self.answers.iter().filter(|answer| answer.export == export);
        for answer in gone {
            if let Some(log) = self.files.get_mut(&answer.file) {
                log.purged += 1;
            }
        }
        self.answers.retain(|answer| answer.export != export);
    }

    fn take_sale(&mut self, id: SaleId, purged: &mut Purged) {
        if let Some(row) = self.sales.remove(&id) {
            purged.sales += 1;
            self.take_raw(RawId(id.0), row.record.amount.minor);
        }
    }

    /// The raw record of a transaction, and its key: nobody can tell any more that it was in.
    fn take_raw(&mut self, id: RawId, amount_minor: i64) {
        self.keys.retain(|_, raw| *raw != id);
        let file: Option<FileId> = self.raws.remove(&id).map(|raw| raw.file);
        if let Some(log) = file.and_then(|file| self.files.get_mut(&file)) {
            log.purged += 1;
            log.purged_amount_minor += amount_minor;
        }
    }

    fn purge_rejects(&mut self, before: Day, purged: &mut Purged) {
        let newest = self.rejects.last_key_value().map(|(id, _)| *id);
        let may_go = |id: i64, row: &RejectedRecord| {
            let is_typed = row.raw.is_some_and(|raw| {
                self.payments.contains_key(&raw.payment()) || self.sales.contains_key(&raw.sale())
            });
            let is_over = match row.state {
                RejectState::Replayed => row.replayed_at.is_some_and(|at| at < begin_of(before)),
                _ => row.reject.reason == RejectReason::TooOld,
            };
            Some(id) != newest && row.created_at < begin_of(before) && is_over && !is_typed
        };
        let rows = self.rejects.iter();
        let going: Vec<i64> = rows
            .filter(|(id, row)| may_go(**id, row))
            .map(|(id, _)| *id)
            .collect();
        for id in going {
            let Some(row) = self.rejects.remove(&id) else {
                continue;
            };
            if let Some(raw) = row.raw {
                self.raws.remove(&raw);
            }
            purged.rejects += 1;
        }
    }

    fn purge_attempts(&mut self, before: Day, purged: &mut Purged) {
        let newest = self.attempts.last_key_value().map(|(id, _)| *id);
        let needed: Vec<i64> = self
            .deliveries
            .values()
            .filter_map(|row| row.attempt)
            .collect();
        let count = self.attempts.len();
        self.attempts.retain(|id, row| {
            Some(*id) == newest || row.made_at >= begin_of(before) || needed.contains(id)
        });
        purged.attempts += (count - self.attempts.len()) as u64;
    }
}

/// Whether it is of an earlier day, and came before that too.
fn is_old(day: Day, imported_at: Instant, before: Day) -> bool {
    day < before && imported_at < begin_of(before)
}
