//! What a record means, as fields with names: for the examples of agent files, for previews of an
//! import, and for tests. What is absent is null.

use super::Outcome;
use crate::transaction::{PaymentRecord, SaleRecord};
use serde_json::{Map, Value, json};

/// The fields of a transaction; of any other outcome, what became of the record and why.
pub(crate) fn fields(outcome: &Outcome) -> Map<String, Value> {
    let fields = match outcome {
        Outcome::Payment(payment) => payment_fields(payment),
        Outcome::Sale(sale) => sale_fields(sale),
        Outcome::Answer(answer) => json!({
            "export_uid": answer.export_uid,
            "transaction_id": answer.transaction_id,
            "result": answer.result,
        }),
        Outcome::Skipped => json!({ "skipped": true }),
        Outcome::Rejected(reject) => json!({
            "rejected": reject.reason,
            "field": reject.field,
            "detail": reject.detail,
        }),
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn payment_fields(payment: &PaymentRecord) -> Value {
    json!({
        "transaction_id": payment.transaction_id,
        "settlement_key": payment.settlement_key.as_ref().unwrap_or(&payment.transaction_id),
        "mids": payment.identifiers.primary.iter().collect::<Vec<_>>(),
        "mid": payment.identifiers.primary,
        "secondary_mid": payment.identifiers.secondary,
        "psimi": payment.identifiers.psimi,
        "date": payment.when.start.to_string(),
        "precision": payment.when.precision,
        "has_time": payment.when.has_time(),
        "amount": payment.amount.minor,
        "currency": payment.amount.currency,
        "card_token": payment.card_token,
        "auth_code": payment.auth_code,
        "approval_code": payment.approval_code,
        "first_six": payment.digits.first_six,
        "last_four": payment.digits.last_four,
        "extra": extra(payment.extra.as_deref()),
    })
}

fn sale_fields(sale: &SaleRecord) -> Value {
    json!({
        "transaction_id": sale.transaction_id,
        "location_id": sale.place.location,
        "mids": sale.place.mids,
        "mid": sale.place.mids.first(),
        "payment_provider": sale.payment_provider,
        "date": sale.when.start.to_string(),
        "precision": sale.when.precision,
        "has_time": sale.when.has_time(),
        "amount": sale.amount.minor,
        "currency": sale.amount.currency,
        "auth_code": sale.auth_code,
        "first_six": sale.digits.first_six,
        "last_four": sale.digits.last_four,
        "extra": extra(sale.extra.as_deref()),
    })
}

fn extra(json: Option<&str>) -> Value {
    json.and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or(Value::Null)
}
