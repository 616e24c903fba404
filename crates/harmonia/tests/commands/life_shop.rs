//! A shop of a real scheme, and records of its feeds in Harmonia's own format.

use crate::support::Place;
use serde_json::{Value, json};

/// A shop of a real scheme whose rules ask for an auth code, or else for three minutes.
pub struct Shop {
    /// Where it is.
    pub place: Place,
    /// The merchant.
    pub scheme: &'static str,
}

impl Shop {
    /// With its till onboarded for each network, and two cards linked.
    pub fn of(scheme: &'static str) -> Self {
        let place = Place::new();
        let mid = |network: &str| format!("{network},shop-1,PRIMARY,{scheme},place-1,,,,,A\n");
        let mids: String = ["visa", "mastercard", "amex"].map(mid).concat();
        place.ok(&["mids", "import", &place.write("mids.csv", mids)]);
        let card = |token: &str| format!("{token},{scheme},member-{token},412345,6789\n");
        let cards = ["token-1", "token-2"].map(card).concat();
        let cards = format!("card_token,scheme_slug,loyalty_id,first_six,last_four\n{cards}");
        place.ok(&["cards", "import", &place.write("cards.csv", cards)]);
        Self { place, scheme }
    }

    /// Imports records in Harmonia's own format.
    pub fn bring(&self, feed: &str, records: &[Value]) {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        let file = self.place.write("records.jsonl", lines);
        let told = &self
            .place
            .json(&["import", feed, &file, "--format", "canonical"])[0][0];
        assert_eq!(told["new"], records.len(), "{feed}: {told}");
    }

    /// Imports sales.
    pub fn sell(&self, sales: &[Value]) {
        self.bring(self.scheme, sales);
    }

    /// Works until nothing is due, and looks whether all is well.
    pub fn drain(&self) {
        self.place.ok(&["drain"]);
        self.place.ok(&["audit"]);
    }

    /// Each payment: its own id, its feed type and its status, in the order they came.
    pub fn statuses(&self) -> Vec<String> {
        self.place.texts(
            "SELECT transaction_id || ' ' || feed_type || ' ' || status || coalesce(' ' || \
             pending_reason, '') FROM payment_transaction ORDER BY id",
        )
    }

    /// Each match in force: payment, its feed type, sale.
    pub fn pairs(&self) -> Vec<String> {
        self.place.texts(
            "SELECT p.transaction_id || ' ' || p.feed_type || ' ' || m.transaction_id \
             FROM matched_transaction m JOIN payment_transaction p \
             ON p.id = m.payment_transaction_id WHERE m.status = 'MATCHED' ORDER BY m.id",
        )
    }
}

/// A sale of the second of June.
pub fn sale(id: &str, time: &str, pence: i64) -> Value {
    json!({"transaction_id": id, "mids": ["shop-1"], "payment_provider": "visa", "currency": "GBP",
           "date": format!("2026-06-02T{time}Z"), "amount": pence})
}

/// A payment of that day, by a linked card.
pub fn payment(id: &str, time: &str, pence: i64) -> Value {
    json!({"transaction_id": id, "settlement_key": "key-1", "mid": "shop-1", "currency": "GBP",
           "date": format!("2026-06-02T{time}Z"), "amount": pence, "card_token": "token-1"})
}

/// A record with other fields.
pub fn with(mut record: Value, fields: Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    record.as_object_mut().unwrap().extend(fields);
    record
}

/// A payment whose settlement key is its own id.
pub fn own_key(id: &str, time: &str, pence: i64) -> Value {
    with(payment(id, time, pence), json!({"settlement_key": id}))
}
