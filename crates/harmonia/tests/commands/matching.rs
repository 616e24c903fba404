//! Which payment belongs to which sale, as it must come out for real schemes, through the real
//! binary: import, identify, match.
//!
//! `fixtures/matching/<scheme>.<provider>/transactions.jsonl` holds sales (`kind` is `scheme`) and
//! payments, in `order`; `case` says what each was made to test, `has_time: false` that only its day
//! in London is known. `expected.json` gives each payment its sale, or null.

use crate::support::Place;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The feed by which a network's payments are given here, in Harmonia's own format.
fn payment_feed(provider: &str) -> &'static str {
    match provider {
        "visa" => "visa-settlement",
        "mastercard" => "mastercard-settled",
        "amex" => "amex-settlement",
        other => panic!("no such network: {other}"),
    }
}

type Record = Map<String, Value>;

fn text<'a>(record: &'a Record, name: &str) -> &'a str {
    record[name].as_str().unwrap()
}

/// The date as far as it is known.
fn date(record: &Record) -> Value {
    let date = text(record, "date");
    if record["has_time"] == true {
        return date.into();
    }
    let instant: jiff::Timestamp = date.parse().unwrap();
    let london = instant.in_tz("Europe/London").unwrap();
    london.date().to_string().into()
}

/// The member's card, by its digits: members are told apart by nothing else here.
fn card_token(record: &Record) -> String {
    let digits = ["user_first_six", "user_last_four"].map(|name| text(record, name));
    format!("card-{}-{}", digits[0], digits[1])
}

fn sale(record: &Record) -> Value {
    json!({
        "transaction_id": record["transaction_id"], "mids": record["mids"], "date": date(record),
        "payment_provider": record["payment_provider"], "amount": record["amount"],
        "currency": record["currency"], "auth_code": record["auth_code"],
        "first_six": record["first_six"], "last_four": record["last_four"],
    })
}

fn payment(record: &Record) -> Value {
    json!({
        "transaction_id": record["transaction_id"], "mid": record["mid"], "date": date(record),
        "amount": record["amount"], "currency": record["currency"],
        "card_token": card_token(record), "auth_code": record["auth_code"],
        "first_six": record["first_six"], "last_four": record["last_four"],
    })
}

fn lines(records: impl Iterator<Item = Value>) -> String {
    records.map(|record| format!("{record}\n")).collect()
}

fn check(folder: &Path) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let (scheme, provider) = name.rsplit_once('.').unwrap();
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let mut records: Vec<Record> = read("transactions.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    records.sort_by_key(|record| record["order"].as_i64());
    let expected: BTreeMap<String, Option<String>> =
        serde_json::from_str(&read("expected.json")).unwrap();
    let sales = || records.iter().filter(|record| record["kind"] == "scheme");
    let payments = || records.iter().filter(|record| record["kind"] == "payment");

    let place = Place::new();
    let mids: BTreeSet<&str> = payments().map(|record| text(record, "mid")).collect();
    let mids: String = mids
        .into_iter()
        .map(|mid| format!("{provider},{mid},PRIMARY,{scheme},,,,,,A\n"))
        .collect();
    place.ok(&["mids", "import", &place.write("mids.csv", mids)]);
    let cards: BTreeSet<String> = payments()
        .map(|record| {
            let digits = ["user_first_six", "user_last_four"].map(|name| text(record, name));
            let token = card_token(record);
            format!(
                "{token},{scheme},member-{token},{},{}\n",
                digits[0], digits[1]
            )
        })
        .collect();
    let header = "card_token,scheme_slug,loyalty_id,first_six,last_four\n";
    let cards = header.to_owned() + &cards.into_iter().collect::<String>();
    place.ok(&["cards", "import", &place.write("cards.csv", cards)]);
    for (feed, records) in [
        (scheme, lines(sales().map(sale))),
        (payment_feed(provider), lines(payments().map(payment))),
    ] {
        let file = place.write("records.jsonl", records);
        let told = &place.json(&["import", feed, &file, "--format", "canonical"])[0][0];
        assert_eq!(told["new"], told["read"], "{name}: {told}");
    }
    place.ok(&["drain"]);

    let matched: BTreeMap<String, String> = place
        .json(&["matches"])
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("payment"), text("sale"))
        })
        .collect();
    for record in payments() {
        let id = text(record, "transaction_id");
        let case = text(record, "case");
        assert_eq!(
            matched.get(id),
            expected[id].as_ref(),
            "{name}: {case}: {id}"
        );
    }
    place.ok(&["audit"]);
}

#[test]
fn every_payment_gets_the_sale_it_must_have() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/matching");
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&entry.unwrap().path());
    }
}
