//! Rows as a person reads them.

use super::world::{Export, FileLog, Outcome, World};
use harmonia_core::ids::{ExportId, FileId, MatchId, PaymentId, RawId, SaleId};
use harmonia_core::time::Precision;
use harmonia_journey::ports::{
    EndRow, ExportRow, FileRow, MatchRow, RejectRow, SaleStory, Side, TransactionRow,
};

impl World {
    /// A file of the log.
    pub fn file_row(&self, id: FileId) -> Option<FileRow> {
        let FileLog {
            arrival,
            state,
            refusal,
            counts,
            created_at,
            ..
        } = self.files.get(&id)?;
        Some(FileRow {
            id: id.0,
            feed: arrival.feed_name.to_string(),
            source: arrival.source.clone(),
            size_bytes: signed(arrival.size_bytes),
            sha256: arrival.sha256.clone(),
            state: state.to_string(),
            refusal: refusal.as_deref().map(str::to_owned),
            records: [
                counts.read,
                counts.new,
                counts.duplicate,
                counts.skipped,
                counts.rejected,
                counts.quarantined,
            ]
            .map(signed),
            created_at: *created_at,
        })
    }

    /// A raw record, its number in its file, and the file.
    pub fn raw_row(&self, id: i64) -> Option<(String, i64, FileRow)> {
        let raw = self.raws.get(&RawId(id))?;
        let file = self.file_row(raw.file)?;
        Some((raw.data.to_string(), signed(raw.number), file))
    }

    /// A payment or a sale.
    pub fn transaction_row(&self, side: Side, id: i64) -> Option<TransactionRow> {
        match side {
            Side::Payment => self.payment_row(PaymentId(id)),
            Side::Sale => self.sale_row(SaleId(id)),
        }
    }

    fn payment_row(&self, id: PaymentId) -> Option<TransactionRow> {
        let row = self.payments.get(&id)?;
        let record = &row.record;
        Some(TransactionRow {
            id: id.0,
            side: Side::Payment,
            transaction_id: record.transaction_id.to_string(),
            provider_slug: row.feed.0.to_string(),
            scheme_slug: self.scheme_slug(row.scheme),
            feed_type: row.feed.1.to_string(),
            transaction_date: record.when.start,
            precision: precision_name(record.when.precision),
            spend_amount: record.amount.minor,
            spend_currency: record.amount.currency.to_string(),
            mids: vec![row.carried_mid().to_string()],
            payment_provider_slug: None,
            auth_code: record.auth_code.as_ref().map(ToString::to_string),
            digits: record.digits,
            status: match self.of_payment(id).map(|(_, made)| made.kind) {
                None => status_name(false),
                Some(Outcome::Matched(_)) => status_name(true),
                Some(Outcome::Ended(kind)) => kind.as_str().to_owned(),
            },
            pending_reason: self.open.get(&id).map(|open| open.reason.to_string()),
            contested_scheme_transaction_id: self.open.get(&id).and_then(|open| Some(open.sale?.0)),
            match_group: row.match_group.0,
            created_at: row.imported_at,
        })
    }

    fn sale_row(&self, id: SaleId) -> Option<TransactionRow> {
        let row = self.sales.get(&id)?;
        let record = &row.record;
        let mids = &self.mid_sets.get(&row.mid_set)?.mids;
        Some(TransactionRow {
            id: id.0,
            side: Side::Sale,
            transaction_id: record.transaction_id.to_string(),
            provider_slug: row.feed.0.to_string(),
            scheme_slug: self.scheme_slug(row.scheme),
            feed_type: row.feed.1.to_string(),
            transaction_date: record.when.start,
            precision: precision_name(record.when.precision),
            spend_amount: record.amount.minor,
            spend_currency: record.amount.currency.to_string(),
            mids: mids.iter().map(ToString::to_string).collect(),
            payment_provider_slug: record.payment_provider.as_ref().map(ToString::to_string),
            auth_code: record.auth_code.as_ref().map(ToString::to_string),
            digits: record.digits,
            status: status_name(self.of_sale(id).is_some()),
            pending_reason: None,
            contested_scheme_transaction_id: None,
            match_group: row.match_group.0,
            created_at: row.imported_at,
        })
    }

    /// A match: its id, date and amount are the sale's, where it has one.
    pub fn match_row(&self, id: MatchId) -> Option<MatchRow> {
        let made = self.matches.get(&id)?;
        let Outcome::Matched(kind) = made.kind else {
            return None;
        };
        let payment = self.payments.get(&made.payment)?;
        let sale = made.sale.and_then(|sale| self.sales.get(&sale));
        let sale = sale.map(|row| &row.record);
        let amount = sale.map_or(payment.record.amount, |sale| sale.amount);
        let when = sale.map_or(payment.record.when, |sale| sale.when);
        Some(MatchRow {
            id: id.0,
            payment_transaction_id: made.payment.0,
            scheme_transaction_id: made.sale.map(|sale| sale.0),
            payment: payment.record.transaction_id.to_string(),
            sale: sale.map(|sale| sale.transaction_id.to_string()),
            scheme_slug: self.scheme_slug(made.scheme),
            payment_provider_slug: payment.feed.0.to_string(),
            matching_type: kind.as_str().to_owned(),
            spend_amount: amount.minor,
            spend_currency: amount.currency.to_string(),
            transaction_date: when.start,
            evidence: made.evidence.as_ref()?.to_json(),
            status: match made.voided {
                None => status_name(true),
                Some(_) => "VOIDED".to_owned(),
            },
            created_at: made.created_at,
            operator: made.redress.as_ref().map(|by| by.operator.to_string()),
            reason: made.redress.as_ref().map(|by| by.reason.to_string()),
            voided_at: made.voided.as_ref().map(|(at, _)| *at),
            voided_by: made.voided.as_ref().map(|(_, by)| by.operator.to_string()),
            void_reason: made.voided.as_ref().map(|(_, by)| by.reason.to_string()),
        })
    }

    /// How a payment ended without a match.
    pub fn end_row(&self, payment: PaymentId) -> Option<EndRow> {
        let (id, made) = self.of_payment(payment)?;
        let Outcome::Ended(kind) = made.kind else {
            return None;
        };
        let other = made.other.and_then(|other| self.payments.get(&other));
        Some(EndRow {
            id: id.0,
            kind: kind.as_str().to_owned(),
            other_payment_transaction_id: made.other.map(|other| other.0),
            other: other.map(|row| row.record.transaction_id.to_string()),
            other_feed_type: other.map(|row| row.feed.1.to_string()),
            difference_minor: made.difference,
            created_at: made.created_at,
        })
    }

    /// An export, and what came of its last attempt.
    pub fn export_row(&self, id: ExportId) -> Option<ExportRow> {
        let export: &Export = self.exports.get(&id)?;
        let told = self.told(export)?;
        let identity = self.identities.get(&export.payment);
        let loyalty_id = identity.and_then(|found| found.link.loyalty_id.as_ref());
        let delivery = self.deliveries.get(&id);
        let attempt = delivery.and_then(|delivery| self.attempts.get(&delivery.attempt?));
        let attempt = attempt.map(|row| &row.attempt);
        Some(ExportRow {
            id: id.0,
            provider_slug: self.scheme_slug(export.scheme),
            transaction_id: told.transaction_id.to_string(),
            loyalty_id: loyalty_id.map(ToString::to_string),
            spend_amount: told.spend_amount,
            spend_currency: told
                .spend_currency
                .map(|it| it.to_string())
                .unwrap_or_default(),
            export_uid: export.export_uid.to_string(),
            status: self.export_state(id).to_string(),
            status_reason: delivery.and_then(|delivery| delivery.reason.clone()),
            tries: delivery.map_or(0, |delivery| delivery.tries),
            destination: attempt.map(|attempt| attempt.destination.clone()),
            response: attempt.and_then(|attempt| attempt.response.clone()),
            matched_transaction_id: Some(export.match_id.0),
            result: self.answer_to(id).map(|answer| answer.result.to_string()),
            result_at: self.answer_to(id).map(|answer| answer.at),
            created_at: export.created_at,
        })
    }

    /// A bad record.
    pub fn reject_row(&self, id: i64) -> Option<RejectRow> {
        let row = self.rejects.get(&id)?;
        let file = self.files.get(&row.file)?;
        Some(RejectRow {
            id,
            feed: file.arrival.feed_name.to_string(),
            source: file.arrival.source.clone(),
            number: signed(row.number),
            state: row.state.to_string(),
            reason: row.reject.reason.to_string(),
            field: row.reject.field.as_deref().map(str::to_owned),
            detail: row.reject.detail.to_string(),
            data: row.data.to_string(),
            created_at: row.created_at,
        })
    }

    /// A sale, and the payment it is matched to.
    pub fn sale_story(&self, id: SaleId) -> Option<SaleStory> {
        let row = self.sales.get(&id)?;
        let found = self.of_sale(id);
        let payment = found.and_then(|(_, made)| self.payments.get(&made.payment));
        Some(SaleStory {
            sale: super::load::sale(id, row),
            transaction_id: row.record.transaction_id.to_string(),
            matched_to: payment.map(|payment| payment.record.transaction_id.to_string()),
            matched_to_row: found.map(|(_, made)| made.payment),
        })
    }
}

fn precision_name(precision: Precision) -> String {
    let name = match precision {
        Precision::Microsecond => "microsecond",
        Precision::Second => "second",
        Precision::Minute => "minute",
        Precision::Day => "day",
    };
    name.to_owned()
}

fn status_name(matched: bool) -> String {
    let name = if matched { "MATCHED" } else { "PENDING" };
    name.to_owned()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
