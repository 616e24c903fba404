//! What the stages of the journey read, found by looking at every row there is.

use super::world::{Export, OpenRow, Outcome, PaymentRow, SaleRow, World, holds};
use harmonia_core::card::CardDigits;
use harmonia_core::changes::{CardInScheme, Placed, Span};
use harmonia_core::export::ExportTransaction;
use harmonia_core::identify::CardLink;
use harmonia_core::ids::{ExportId, PaymentId, SaleId, SchemeId};
use harmonia_core::matching::{MidSet, OpenReason, Payment, Reach, Sale};
use harmonia_core::purchase::{self, EndKind, Stage};
use harmonia_core::state::ExportState::{self, InFlight, Pending, Retrying, Uncertain};
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{AmountProbe, Probe, Undecided, UndecidedPayment, Unsettled};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

impl World {
    /// The payments of a span that have no match, in the order they came.
    pub fn undecided(&self, span: &Span) -> Undecided {
        let open = |id: &&PaymentId| holds(span, id.0) && self.of_payment(**id).is_none();
        let payments = self.payments.keys().filter(open);
        Undecided {
            payments: payments.filter_map(|id| self.explained(*id)).collect(),
            seen: self.raws.last_key_value().map_or(0, |(id, _)| id.0),
        }
    }

    /// The AUTHs and SETTLEDs of a payment's purchase, in the order they came.
    fn parts(&self, payment: &PaymentRow) -> Vec<purchase::Part> {
        let is_of_purchase = |feed_type| matches!(feed_type, FeedType::Auth | FeedType::Settled);
        let key = &payment.record.settlement_key;
        if key.is_none() || !is_of_purchase(payment.feed.1) {
            return Vec::new();
        }
        let rows = self.payments.iter().filter(|(_, row)| {
            row.record.settlement_key == *key
                && row.feed.0 == payment.feed.0
                && is_of_purchase(row.feed.1)
        });
        rows.map(|(id, row)| purchase::Part {
            id: *id,
            feed_type: row.feed.1,
            scheme: row.scheme,
            amount: row.record.amount,
            auth_code: row.record.auth_code.clone(),
            digits: row.record.digits,
            stage: match self.of_payment(*id).map(|(_, made)| made.kind) {
                None => Stage::Open,
                Some(Outcome::Matched(_)) => Stage::Matched,
                Some(Outcome::Ended(kind)) => Stage::Ended(kind),
            },
        })
        .collect()
    }

    /// The sales that people have parted from a payment, or from another of its purchase.
    fn barred(&self, payment: PaymentId, parts: &[purchase::Part]) -> Vec<SaleId> {
        let is_of_purchase =
            |id: PaymentId| id == payment || parts.iter().any(|part| part.id == id);
        let voided = self.matches.values().filter(|made| made.voided.is_some());
        let parted = voided.filter(|made| is_of_purchase(made.payment));
        let sales: BTreeSet<SaleId> = parted.filter_map(|made| made.sale).collect();
        sales.into_iter().collect()
    }

    /// All that is known of whose card a payment was.
    pub fn identity(&self, payment: PaymentId) -> Option<CardLink> {
        Some(self.identities.get(&payment)?.link.clone())
    }

    /// The open sales of amounts and times that any probe asks for, each once.
    pub fn sales_between(&self, probes: &[AmountProbe]) -> Vec<Sale> {
        let asks = |probe: &AmountProbe, sale: &Sale| {
            probe.mid_set == sale.mid_set
                && probe.currency == sale.amount.currency
                && (probe.minor.0..=probe.minor.1).contains(&sale.amount.minor)
                && (probe.reach.from..=probe.reach.to).contains(&sale.when.start)
        };
        let open = self.open_sale_rows().map(|(id, row)| sale(id, row));
        open.filter(|sale| probes.iter().any(|probe| asks(probe, sale)))
            .collect()
    }

    /// The newest payments of a scheme that found no sale, in the order they came.
    pub fn newest_without_sale(&self, scheme: SchemeId, limit: usize) -> Vec<PaymentId> {
        let is_of = |id: &PaymentId| {
            self.payments
                .get(id)
                .is_some_and(|row| row.scheme == scheme)
        };
        let open = self.open.iter().rev();
        let found = open.filter(|(id, open)| open.reason == OpenReason::NoSale && is_of(id));
        let mut found: Vec<PaymentId> = found.map(|(id, _)| *id).take(limit).collect();
        found.reverse();
        found
    }

    /// The matched sales that any probe asks for, each once, with the payment that has it.
    pub fn taken(&self, probes: &[Probe]) -> Vec<(Sale, PaymentId)> {
        let taken = self.sales.iter().filter_map(|(id, row)| {
            let (_, made) = self.of_sale(*id)?;
            Some((sale(*id, row), made.payment))
        });
        taken
            .filter(|(sale, _)| probes.iter().any(|probe| asks_for(probe, sale)))
            .collect()
    }

    /// One payment as deciding sees it, matched or not. Its user's credentials are left out:
    /// deciding has no use for them.
    pub fn explained(&self, id: PaymentId) -> Option<UndecidedPayment> {
        let row = self.payments.get(&id)?;
        let identity = self.identities.get(&id).map(|identity| CardLink {
            credentials: None,
            ..identity.link.clone()
        });
        let user_card = identity.as_ref().map(|link| link.digits);
        let parts = self.parts(row);
        Some(UndecidedPayment {
            payment: self.payment(id, row, user_card.unwrap_or_default()),
            card_token: row.record.card_token.clone(),
            identity,
            open: self.open.get(&id).map(|open| open.reason),
            feed_type: row.feed.1,
            barred: self.barred(id, &parts),
            parts,
        })
    }

    fn payment(&self, id: PaymentId, row: &PaymentRow, user_card: CardDigits) -> Payment {
        Payment {
            id,
            scheme: row.scheme,
            provider: row.feed.0.clone(),
            mid_sets: self.mid_sets_of(row).into(),
            when: row.record.when,
            amount: row.record.amount,
            auth_code: row.record.auth_code.clone(),
            digits: row.record.digits,
            user_card,
            imported_at: row.imported_at,
        }
    }

    /// Every MID list of the payment's scheme that holds its MID.
    fn mid_sets_of(&self, payment: &PaymentRow) -> Vec<MidSet> {
        let mid = payment.carried_mid();
        let sets = self.mid_sets.iter();
        sets.filter(|(_, set)| set.scheme == payment.scheme && set.mids.contains(&mid))
            .map(|(id, set)| MidSet {
                id: *id,
                has_days: set.has_days,
            })
            .collect()
    }

    /// What the card-link table knows of a card.
    pub fn card_link(&self, card: &CardInScheme) -> Option<CardLink> {
        let mut cards = self.cards.values();
        let row =
            cards.find(|row| row.card_token == card.card_token && row.scheme == card.scheme)?;
        Some(row.link.clone())
    }

    /// The open sales that any probe asks for, each once.
    pub fn candidates(&self, probes: &[Probe]) -> Vec<Sale> {
        let open = self.open_sale_rows().map(|(id, row)| sale(id, row));
        open.filter(|sale| probes.iter().any(|probe| asks_for(probe, sale)))
            .collect()
    }

    /// The open sales of a span, each with its scheme.
    pub fn open_sales(&self, span: &Span) -> Vec<(SchemeId, Sale)> {
        let open = self.open_sale_rows().filter(|(id, _)| holds(span, id.0));
        open.map(|(id, row)| (row.scheme, sale(id, row))).collect()
    }

    pub fn open_sale_rows(&self) -> impl Iterator<Item = (SaleId, &SaleRow)> {
        let sales = self.sales.iter().map(|(id, row)| (*id, row));
        sales.filter(|(id, _)| self.of_sale(*id).is_none())
    }

    /// The payments open for want of a sale which one of these sales may be.
    pub fn reopened(&self, sales: &[(SchemeId, Sale, Reach)]) -> Vec<PaymentId> {
        let waited_for = |id: PaymentId, open: &OpenRow, sale: &(SchemeId, Sale, Reach)| {
            let is_news = match open.reason {
                OpenReason::NoSale | OpenReason::Contested | OpenReason::Undone => true,
                OpenReason::Ambiguous => open.seen < sale.1.id.0,
                _ => false,
            };
            is_news && self.may_have_waited_for(id, sale)
        };
        let open = self.open.iter();
        open.filter(|(id, open)| sales.iter().any(|sale| waited_for(**id, open, sale)))
            .map(|(id, _)| *id)
            .collect()
    }

    fn may_have_waited_for(
        &self,
        payment: PaymentId,
        (scheme, sale, reach): &(SchemeId, Sale, Reach),
    ) -> bool {
        let (Some(row), Some(set)) = (
            self.payments.get(&payment),
            self.mid_sets.get(&sale.mid_set),
        ) else {
            return false;
        };
        let start = row.record.when.start;
        row.scheme == *scheme
            && set.mids.contains(&row.carried_mid())
            && row.record.amount == sale.amount
            && (reach.from..=reach.to).contains(&start)
    }

    /// The first payments after one that wait for their card.
    pub fn unidentified(&self, after: PaymentId, limit: usize) -> Vec<Placed> {
        let open = self.open.iter().filter(|(id, _)| **id > after);
        let waiting = open.filter(|(_, open)| open.reason.waits_for_identity());
        let placed = |id: PaymentId| {
            let row = self.payments.get(&id)?;
            Some(Placed {
                id: id.0,
                scheme: row.scheme,
                amount: row.record.amount,
            })
        };
        waiting
            .filter_map(|(id, _)| placed(*id))
            .take(limit)
            .collect()
    }

    /// One scheme's exports of a span that are still to be sent.
    pub fn undelivered(&self, scheme: SchemeId, span: &Span) -> Vec<(ExportId, ExportTransaction)> {
        let found = self.of_states(scheme, span, &[Pending, Retrying]);
        found.into_iter().map(Into::into).collect()
    }

    /// The same, and those that may be out.
    pub fn unsettled(&self, scheme: SchemeId, span: &Span) -> Vec<Unsettled> {
        self.of_states(scheme, span, &[Pending, Retrying, InFlight, Uncertain])
    }

    fn of_states(&self, scheme: SchemeId, span: &Span, states: &[ExportState]) -> Vec<Unsettled> {
        let exports = self.exports.iter();
        exports
            .filter(|(id, export)| export.scheme == scheme && holds(span, id.0))
            .filter(|(id, _)| states.contains(&self.export_state(**id)))
            .filter_map(|(id, export)| {
                Some(Unsettled {
                    export: *id,
                    made_at: export.created_at,
                    transaction: self.told(export)?,
                })
            })
            .collect()
    }

    /// Where an export stands.
    pub fn export_state(&self, id: ExportId) -> ExportState {
        self.deliveries
            .get(&id)
            .map_or(ExportState::Pending, |delivery| delivery.state)
    }

    /// Everything an export can tell of.
    pub fn told(&self, export: &Export) -> Option<ExportTransaction> {
        let payment = self.payments.get(&export.payment)?;
        let record = &payment.record;
        let made = self.matches.get(&export.match_id)?;
        let is_correction = made.kind == Outcome::Ended(EndKind::Settlement);
        let told_before = made.other.filter(|_| is_correction);
        let before = told_before.and_then(|auth| self.of_payment(auth)?.1.sale);
        let sale = made.sale.or(before).and_then(|id| self.sales.get(&id));
        let auth = self.superseded_by(export.payment);
        let sale = sale.map(|row| &row.record);
        let mid = self.mids.get(&payment.mid)?;
        let identity = self.identities.get(&export.payment);
        let link = identity.map(|found| found.link.clone()).unwrap_or_default();
        let transaction_id = &sale.map_or(&record.transaction_id, |sale| &sale.transaction_id);
        let when = sale.map_or(record.when, |sale| sale.when);
        let amount = sale.filter(|_| !is_correction);
        let amount = amount.map_or(record.amount, |sale| sale.amount);
        let extra = sale.and_then(|sale| sale.extra.as_deref());
        Some(ExportTransaction {
            transaction_id: (*transaction_id).clone(),
            feed_type: Some(payment.feed.1.as_str().into()),
            provider_slug: self.schemes.get(&export.scheme).cloned(),
            transaction_date: when.start.to_string().into(),
            spend_amount: amount.minor,
            spend_currency: Some(amount.currency),
            loyalty_id: link.loyalty_id,
            mid: Some(payment.carried_mid()),
            primary_identifier: Some(mid.told.identifier.clone()),
            location_id: mid.told.location_id.clone(),
            merchant_internal_id: mid.told.merchant_internal_id.clone(),
            user_id: link.user_id,
            scheme_account_id: link.scheme_account_id,
            payment_card_account_id: link.payment_card_account_id,
            auth_code: record
                .auth_code
                .clone()
                .or_else(|| auth?.record.auth_code.clone()),
            approval_code: record.approval_code.clone(),
            settlement_key: record
                .settlement_key
                .clone()
                .or_else(|| Some(record.transaction_id.clone())),
            last_four: link.digits.last_four.map(|digits| digits.as_str().into()),
            expiry_month: link.expiry_month,
            expiry_year: link.expiry_year,
            payment_provider_slug: Some(payment.feed.0.as_str().into()),
            export_uid: Some(export.export_uid),
            extra_fields: Some(overlaid(record.extra.as_deref(), extra)),
            credentials: link
                .credentials
                .and_then(|text| serde_json::from_str(&text).ok()),
            correction: made.difference.filter(|_| is_correction),
        })
    }

    /// The authorisation that a settlement took over from.
    fn superseded_by(&self, payment: PaymentId) -> Option<&PaymentRow> {
        let superseded = Outcome::Ended(EndKind::Superseded);
        let (_, made) = self
            .in_force()
            .find(|(_, made)| made.other == Some(payment) && made.kind == superseded)?;
        self.payments.get(&made.payment)
    }
}

/// A sale as deciding sees it.
pub fn sale(id: SaleId, row: &SaleRow) -> Sale {
    Sale {
        id,
        mid_set: row.mid_set,
        provider: row.record.payment_provider.clone(),
        when: row.record.when,
        amount: row.record.amount,
        auth_code: row.record.auth_code.clone(),
        digits: row.record.digits,
        imported_at: row.imported_at,
    }
}

fn asks_for(probe: &Probe, sale: &Sale) -> bool {
    sale.mid_set == probe.mid_set
        && sale.amount == probe.amount
        && (probe.reach.from..=probe.reach.to).contains(&sale.when.start)
}

/// The payment's further fields, overlaid by the sale's.
fn overlaid(payment: Option<&str>, sale: Option<&str>) -> Value {
    let fields = |text: Option<&str>| -> Map<String, Value> {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    };
    let mut all = fields(payment);
    all.extend(fields(sale));
    Value::Object(all)
}
