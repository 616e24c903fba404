//! Dates, amounts, codes: one word each, in the patterns of every feed.

use crate::feed::Input;
use crate::house::feed;
use harmonia_core::feed::{Outcome, RawRecord};
use harmonia_core::money::{MAX_AMOUNT_MINOR, Major, parse_major, parse_minor};
use harmonia_core::time::Moment;
use serde_json::json;

/// A date and an amount, parted by a line end, as values of a sale and of a payment.
pub(crate) fn words(bytes: &[u8]) {
    let input = Input::of(bytes);
    let Ok(text) = std::str::from_utf8(input.bytes) else {
        return;
    };
    let (date, amount) = text.split_once('\n').unwrap_or((text, text));
    check_amount(amount);
    check_amount(date);
    for (name, message) in [
        ("iceland-bonus-card", canonical_sale(date, amount)),
        ("amex-settlement", amex_settlement(date, amount)),
        ("visa-refund", visa_refund(date, amount)),
        ("mastercard-auth", mastercard_auth(date, amount)),
    ] {
        let feed = match name {
            "iceland-bonus-card" => feed(name).canonical(),
            name => feed(name).clone(),
        };
        let Ok(mut reader) = feed.message(message.as_bytes()) else {
            panic!("{name}: {message}");
        };
        let mut raw = RawRecord::default();
        assert!(matches!(reader.next(&mut raw), Ok(true)), "{message}");
        check_outcome(&feed.read(&raw));
        assert!(matches!(reader.next(&mut raw), Ok(false)), "{message}");
    }
}

fn check_outcome(outcome: &Outcome) {
    let (when, minor) = match outcome {
        Outcome::Payment(payment) => (payment.when, payment.amount.minor),
        Outcome::Sale(sale) => (sale.when, sale.amount.minor),
        Outcome::Answer(_) | Outcome::Rejected(_) | Outcome::Skipped => return,
    };
    assert!(
        (-MAX_AMOUNT_MINOR..=MAX_AMOUNT_MINOR).contains(&minor),
        "{minor}"
    );
    assert_eq!(again(when), Some(when.start), "{when:?}");
}

/// The instant that a moment's own text means.
fn again(when: Moment) -> Option<harmonia_core::time::Instant> {
    let text = when.start.to_string();
    let message = canonical_sale(&text, "1");
    let feed = feed("iceland-bonus-card").canonical();
    let mut reader = feed.message(message.as_bytes()).ok()?;
    let mut raw = RawRecord::default();
    reader.next(&mut raw).ok()?;
    match feed.read(&raw) {
        Outcome::Sale(sale) => Some(sale.when.start),
        _ => None,
    }
}

/// What is read of an amount is what is written of it again, and what arithmetic says.
fn check_amount(text: &str) {
    if let Ok(minor) = parse_major(text) {
        assert_eq!(parse_major(&Major(minor).to_string()), Ok(minor), "{text}");
        assert_eq!(reference(text, 2), Some(i128::from(minor)), "{text}");
    }
    if let Ok(minor) = parse_minor(text) {
        assert_eq!(parse_minor(&minor.to_string()), Ok(minor), "{text}");
        assert_eq!(reference(text, 0), Some(i128::from(minor)), "{text}");
    }
}

/// A decimal with so many places as a whole number, the slow way.
fn reference(text: &str, places: usize) -> Option<i128> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let padding = places.checked_sub(fraction.len())?;
    let zeros = "0".repeat(padding);
    let digits = format!("0{whole}{fraction}{zeros}");
    let digits = digits.trim_start_matches('0');
    let size: i128 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    Some(if text.starts_with('-') { -size } else { size })
}

fn canonical_sale(date: &str, amount: &str) -> String {
    json!({
        "transaction_id": "1", "location_id": "1", "date": date, "amount": amount,
        "currency": "GBP", "auth_code": amount,
    })
    .to_string()
}

fn amex_settlement(date: &str, amount: &str) -> String {
    json!({
        "transactionId": "1", "transactionDate": date, "transactionAmount": amount,
        "cardToken": "t", "merchantNumber": "m", "approvalCode": date, "dpan": amount,
    })
    .to_string()
}

fn visa_refund(date: &str, amount: &str) -> String {
    let pair =
        |key: &str, value: &str| json!({"Key": format!("ReturnTransaction.{key}"), "Value": value});
    let pairs = [
        pair("VipTransactionId", "1"),
        pair("CardAcceptorIdCode", "m"),
        pair("DateTime", date),
        pair("Amount", amount),
    ];
    json!({"ExternalUserId": "t", "MessageElementsCollection": pairs}).to_string()
}

fn mastercard_auth(date: &str, amount: &str) -> String {
    json!({
        "third_party_id": "1", "time": date, "amount": amount, "currency_code": "GBP",
        "payment_card_token": "t", "mid": "m",
    })
    .to_string()
}
