//! What `harmonia why` says where something stops everything, or one thing stands between two halves.

use crate::life_shop::{Shop, own_key, payment, sale, with};
use crate::{assert_has, assert_says};
use serde_json::{Value, json};

fn why(shop: &Shop, kind: &str, id: &str) -> Value {
    shop.place.json(&["why", kind, id])[0][0].clone()
}

#[test]
fn times_are_those_of_the_shop_and_a_miss_is_told_in_words() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[sale("late", "12:04:00", 1000)]);
    shop.bring("visa-settlement", &[own_key("paid", "12:00:00", 1000)]);
    shop.drain();
    // It is summer in London: an hour later than UTC.
    let text = shop.place.ok(&["why", "payment", "paid"]);
    assert_has(
        &text,
        &[
            "payment paid (row 2), GBP 10.00 at Tue 2 Jun 2026 13:00:00 Europe/London",
            "open, NO_SALE",
            "the nearest sale is late: the times are 1 min further apart than the rule allows",
            "Tue 2 Jun 2026 13:04:00 Europe/London",
            "fails by 1 min",
        ],
    );
    let told = why(&shop, "payment", "paid");
    assert_eq!(
        (&told["zone"], &told["stops"]),
        (&json!("Europe/London"), &json!([]))
    );
    let filters = told["candidates"][0]["filters"].as_array().unwrap();
    let time = filters.iter().find(|one| one["filter"] == "time").unwrap();
    assert_eq!(
        (&time["passes"], &time["missed_by_us"]),
        (&json!(false), &json!(60_000_000))
    );
}

#[test]
fn what_stops_everything_is_said_before_the_candidates() {
    let shop = Shop::of("itsu");
    shop.sell(&[
        sale("sale-1", "12:00:00", 1000),
        sale("sale-2", "12:00:00", 1000),
    ]);
    shop.bring("visa-settlement", &[own_key("stranger", "12:00:00", 1000)]);
    let token = json!({"card_token": "token-9", "settlement_key": "k9"});
    shop.bring(
        "visa-settlement",
        &[with(payment("unlinked", "12:00:00", 1000), token)],
    );
    shop.bring("amex-settlement", &[own_key("by-amex", "12:00:00", 1000)]);
    let elsewhere = json!({"mid": "shop-9", "settlement_key": "k8"});
    let file = shop.place.write(
        "records.jsonl",
        with(payment("nowhere", "12:00:00", 1000), elsewhere).to_string(),
    );
    shop.place
        .ok(&["import", "visa-settlement", &file, "--format", "canonical"]);
    shop.drain();
    let stops = |id: &str| -> Vec<String> {
        let told = why(&shop, "payment", id);
        let stops = told["stops"].as_array().unwrap();
        let reason = |stop: &Value| stop["reason"].as_str().unwrap().to_owned();
        stops.iter().map(reason).collect()
    };
    assert_eq!(stops("unlinked"), ["UNIDENTIFIED"]);
    assert_eq!(stops("by-amex"), ["NO_RULE"]);
    assert!(stops("stranger").is_empty());
    assert_eq!(stops("nowhere"), ["UNKNOWN_MID"]);
    let nowhere = why(&shop, "payment", "nowhere");
    assert_eq!(nowhere["transaction"], Value::Null);
    assert_eq!(nowhere["reject"]["state"], "QUARANTINED");
    assert_has(
        &shop.place.ok(&["why", "payment", "nowhere"]),
        &[
            "payment nowhere",
            "UNKNOWN_MID",
            "shop-9",
            "goes on by itself",
        ],
    );
    assert_says(
        &shop.place.run(&["why", "sale", "nowhere"]),
        1,
        &["there is no sale", "harmonia claim"],
    );
}

#[test]
fn what_has_a_match_says_which_and_others_say_that_it_is_taken() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[with(
        sale("sale-1", "12:00:00", 1000),
        json!({"auth_code": "111111"}),
    )]);
    shop.bring(
        "visa-settlement",
        &[with(
            own_key("first", "12:01:00", 1000),
            json!({"auth_code": ""}),
        )],
    );
    shop.drain();
    let code = json!({"auth_code": "111111"});
    shop.bring(
        "visa-settlement",
        &[with(own_key("second", "12:00:10", 1000), code)],
    );
    shop.drain();
    let first = why(&shop, "payment", "first");
    assert_eq!(first["verdict"], json!(["matched"]));
    assert_eq!(first["stops"][0]["reason"], "MATCHED");
    assert_has(
        &shop.place.ok(&["why", "payment", "first"]),
        &[
            "payment first and sale sale-1 are match 1, made by rule",
            "fits",
        ],
    );
    assert_has(
        &shop.place.ok(&["why", "payment", "second"]),
        &[
            "open, CONTESTED",
            "sale sale-1 fits it better than payment first, which came first and has it",
            "the sale is matched to payment first",
        ],
    );
    assert_has(
        &shop.place.ok(&["why", "sale", "sale-1"]),
        &[
            "matched",
            "payment first and sale sale-1",
            "second",
            "the sale is matched to",
        ],
    );
}

#[test]
fn a_match_that_was_undone_says_by_whom_and_that_no_rule_makes_it_again() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[sale("sale-1", "12:00:00", 1000)]);
    shop.bring("visa-settlement", &[own_key("paid", "12:00:00", 1000)]);
    let exports = shop.place.path("files/exports");
    std::fs::create_dir_all(exports.parent().unwrap()).unwrap();
    std::fs::write(&exports, "in the way").unwrap();
    shop.place.run(&["drain", "--timeout", "2s"]);
    let by = ["--reason", "another's card", "--operator", "ann"];
    let undo = [&["match", "undo", "--payment", "paid"][..], &by].concat();
    shop.place.ok(&undo);
    for (kind, id) in [("payment", "paid"), ("sale", "sale-1")] {
        assert_has(
            &shop.place.ok(&["why", kind, id]),
            &[
                "UNDONE",
                "was undone by ann",
                "another's card",
                "a person undid this very match",
            ],
        );
    }
}

#[test]
fn an_authorisation_says_which_settlement_counts() {
    let shop = Shop::of("wasabi-club");
    shop.bring("visa-auth", &[payment("auth", "12:00:00", 1000)]);
    shop.bring("visa-settlement", &[payment("settled", "12:00:00", 1150)]);
    shop.drain();
    assert_has(
        &shop.place.ok(&["why", "payment", "auth"]),
        &[
            "ended, SUPERSEDED",
            "SETTLED settled (row 2) counts instead",
        ],
    );
}
