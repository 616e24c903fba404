//! A town of one shop and one card, and records of its feeds.

use crate::support::Place;
use serde_json::Value;

/// The merchant.
pub const SCHEME: &str = "example-loyalty-scheme";
/// The card network.
pub const PROVIDER: &str = "example-payment-provider";
/// The shop's MID, as `mids import` takes it.
pub const MIDS: &str =
    "example-payment-provider,shop-1,primary,example-loyalty-scheme,place-1,,Example,,,a\n";
/// The header of a file of cards.
pub const CARDS: &str = "card_token,scheme_slug,loyalty_id,user_id,scheme_account_id,\
    payment_card_account_id,first_six,last_four,expiry_month,expiry_year,credentials\n";
/// The one card.
pub const CARD: &str =
    "token-1,example-loyalty-scheme,member-1,1,2,3,412345,6789,12,2030,\"{\"\"a\"\": 1}\"\n";

/// The town, with its shop onboarded and its card linked.
pub fn town() -> Place {
    let place = Place::new();
    place.ok(&["mids", "import", &place.write("mids.csv", MIDS)]);
    place.ok(&[
        "cards",
        "import",
        &place.write("cards.csv", format!("{CARDS}{CARD}")),
    ]);
    place
}

/// A sale of the shop at a time of the second of June.
pub fn sale(id: &str, time: &str, pence: u32) -> String {
    format!("shop-1\u{1f}{id}\u{1f}2026-06-02T{time}Z\u{1f}{pence}\u{1f}10")
}

/// A payment there, by a card.
pub fn payment(id: &str, time: &str, pence: u32, token: &str) -> String {
    format!("shop-1\u{1f}{id}\u{1f}2026-06-02T{time}Z\u{1f}{pence}\u{1f}{token}")
}

/// Imports records through a feed, and gives what is said of their file.
#[track_caller]
pub fn import(place: &Place, feed: &str, records: &[String]) -> Value {
    let file = place.write("arrived.dat", records.join("\u{1e}"));
    place.json(&["import", feed, &file])[0][0].clone()
}

/// Imports sales and payments, in this order, and works until nothing is due.
#[track_caller]
pub fn work(place: &Place, sales: &[String], payments: &[String]) {
    for (feed, records) in [(SCHEME, sales), (PROVIDER, payments)] {
        if !records.is_empty() {
            assert_eq!(import(place, feed, records)["new"], records.len(), "{feed}");
        }
    }
    place.ok(&["drain"]);
}

/// All pairs, by the ids of their feeds.
pub fn pairs(place: &Place) -> Vec<(String, String)> {
    let matches = place.json(&["matches"]).into_iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    matches
        .map(|row| (text(&row["payment"]), text(&row["sale"])))
        .collect()
}
