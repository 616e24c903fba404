//! What merchants are still to be told.

use super::connection::Session;
use super::failure::Failure;
use super::load::{ranges, unseal};
use super::rows::{get, instant, optional_slug, optional_text, text};
use super::{Shared, sql};
use crate::seal::identity_place;
use harmonia_core::changes::Span;
use harmonia_core::export::ExportTransaction;
use harmonia_core::ids::{ExportId, PaymentId, SchemeId};
use harmonia_core::money::Currency;
use harmonia_journey::ports::Unsettled;
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// One scheme's exports of a span that are still to be sent; with those that may be out, if asked for.
pub async fn undelivered(
    shared: &Shared,
    session: &Session<'_>,
    scheme: SchemeId,
    span: &Span,
    may_be_out: bool,
) -> Result<Vec<Unsettled>, Failure> {
    let (first, last) = ranges(span);
    let values: [&(dyn ToSql + Sync); 4] = [&first, &last, &scheme.0, &may_be_out];
    let row = |row: &Row| {
        Ok(Unsettled {
            export: ExportId(get(row, 0)?),
            made_at: instant(row, 28)?,
            transaction: export(shared, row)?,
        })
    };
    session.list(sql::export::undelivered, &values, row).await
}

fn export(shared: &Shared, row: &Row) -> Result<ExportTransaction, Failure> {
    let payment = PaymentId(get(row, 26)?);
    let credentials = match get::<Option<&[u8]>>(row, 25)? {
        Some(sealed) => {
            let opened = unseal(shared, &identity_place(payment), sealed)?;
            Some(serde_json::from_str(&opened)?)
        }
        None => None,
    };
    Ok(ExportTransaction {
        transaction_id: text(row, 1)?,
        feed_type: optional_text(row, 2)?,
        provider_slug: optional_slug(row, 3)?,
        transaction_date: compact_str::format_compact!("{}", instant(row, 4)?),
        spend_amount: get(row, 5)?,
        spend_currency: Currency::new(get(row, 6)?),
        loyalty_id: optional_text(row, 7)?,
        mid: optional_text(row, 8)?,
        primary_identifier: optional_text(row, 9)?,
        location_id: optional_text(row, 10)?,
        merchant_internal_id: optional_text(row, 11)?,
        user_id: get(row, 12)?,
        scheme_account_id: get(row, 13)?,
        payment_card_account_id: get(row, 14)?,
        auth_code: optional_text(row, 15)?,
        approval_code: optional_text(row, 16)?,
        settlement_key: optional_text(row, 17)?,
        last_four: optional_text(row, 18)?,
        expiry_month: get(row, 19)?,
        expiry_year: get(row, 20)?,
        payment_provider_slug: optional_text(row, 21)?,
        export_uid: get(row, 22)?,
        extra_fields: Some(overlaid(get(row, 23)?, get(row, 24)?)?),
        credentials,
        correction: get(row, 27)?,
    })
}

/// A payment's extra fields, and its sale's laid over them.
fn overlaid(payment: Option<&str>, sale: Option<&str>) -> Result<Value, Failure> {
    let mut value = Value::Object(Map::new());
    for text in [payment, sale].into_iter().flatten() {
        overlay(&mut value, serde_json::from_str(text)?);
    }
    Ok(value)
}

/// Lays one JSON value over another, as RFC 7396 says: what is null in it is taken away.
fn overlay(under: &mut Value, over: Value) {
    let Value::Object(over) = over else {
        *under = over;
        return;
    };
    if !under.is_object() {
        *under = Value::Object(Map::new());
    }
    let Some(fields) = under.as_object_mut() else {
        return;
    };
    for (name, value) in over {
        if value.is_null() {
            fields.shift_remove(&name);
        } else {
            overlay(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sales_fields_lie_over_the_payments() {
        let laid = overlaid(
            Some(r#"{"a":1,"b":{"c":2,"d":3},"e":5}"#),
            Some(r#"{"b":{"c":null,"f":4},"e":[6]}"#),
        );
        assert_eq!(
            laid.unwrap().to_string(),
            r#"{"a":1,"b":{"d":3,"f":4},"e":[6]}"#
        );
        assert_eq!(overlaid(None, None).unwrap().to_string(), "{}");
    }
}
