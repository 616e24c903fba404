//! The journey of single transactions, and what the commands that ask say of it.

use crate::town::{CARD, CARDS, PROVIDER, SCHEME, import, pairs, payment, sale, town, work};
use crate::{assert_has, assert_says, only_file_in};
use serde_json::json;

#[test]
fn a_purchase_is_matched_told_and_explained() {
    let place = town();
    let sales = [sale("sale-1", "12:00:00", 1099)];
    work(
        &place,
        &sales,
        &[payment("pay-1", "12:00:00", 1099, "token-1")],
    );

    assert_eq!(pairs(&place), [("pay-1".into(), "sale-1".into())]);
    assert_has(
        &place.ok(&["matches"]),
        &["pay-1", "sale-1", "LOYALTY", "GBP 10.99"],
    );
    let file = only_file_in(&place, "files/exports/example-loyalty-scheme");
    let body: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let told = json!({"transaction_id": "sale-1", "value": "GBP 10.99", "loyalty_card_number": "member-1"});
    assert_eq!(body, told);
    assert_eq!(
        place
            .json(&["exports", "list", "--status", "delivered"])
            .len(),
        1
    );
    assert_eq!(
        place.json(&["exports", "list", "--status", "HELD"]).len(),
        0
    );
    assert_has(
        &place.ok(&["exports", "list"]),
        &["sale-1", "member-1", "DELIVERED"],
    );

    let why = &place.json(&["why", "payment", "pay-1"])[0][0];
    assert_eq!(why["verdict"], json!(["matched"]));
    assert_eq!(why["candidates"][0]["sale"], "sale-1");
    assert_eq!(why["candidates"][0]["kept"], true);
    assert_has(
        &place.ok(&["why", "payment", "pay-1"]),
        &["matched", "exact_time", "passes", "fits"],
    );
    assert_has(
        &place.ok(&["why", "sale", "sale-1"]),
        &["matched", "pay-1", "exact_time"],
    );

    let story = &place.json(&["lifecycle", "pay-1"])[0][0];
    assert_eq!(story["transaction"]["status"], "MATCHED");
    assert_eq!(story["loyalty_id"], "member-1");
    assert_eq!(story["exports"][0]["status"], "DELIVERED");
    let steps = [
        "received",
        "imported",
        "identified",
        "as member member-1",
        "matched",
        "export",
        "DELIVERED",
    ];
    assert_has(&place.ok(&["lifecycle", "pay-1"]), &steps);
    assert_has(&place.ok(&["lifecycle", "sale-1"]), &steps);

    let status = &place.json(&["status"])[0]["status"];
    assert_eq!(
        status["matched"],
        json!({"count": 1, "amount_minor": [["GBP", 1099]]})
    );
    assert_has(
        &place.ok(&["status"]),
        &["matched", "GBP 10.99", "exports DELIVERED", "IMPORTED"],
    );
    assert_eq!(place.ok(&["audit"]), "every invariant holds\n");
    assert_eq!(place.json(&["audit"])[0], json!([]));
}

#[test]
fn what_waits_for_its_turn_or_its_other_half_says_so() {
    let place = town();
    import(&place, SCHEME, &[sale("sale-1", "12:00:00", 1)]);
    import(
        &place,
        PROVIDER,
        &[payment("pay-1", "12:00:01", 1, "token-1")],
    );
    for (kind, id, waits_for) in [
        ("payment", "pay-1", "its turn has not come yet"),
        ("sale", "sale-1", "no payment has been found for it yet"),
    ] {
        assert_has(&place.ok(&["why", kind, id]), &[waits_for]);
        assert_has(
            &place.ok(&["lifecycle", id]),
            &["open       PENDING: ", waits_for],
        );
    }
    assert_has(&place.ok(&["status"]), &["jobs matching", "open: WAITING"]);
}

#[test]
fn a_payment_without_its_sale_says_what_each_sale_lacks() {
    let place = town();
    let sales = [
        sale("dearer", "12:00:00", 1100),
        sale("later", "12:00:01", 1099),
    ];
    work(
        &place,
        &sales,
        &[payment("pay-1", "12:00:00", 1099, "token-1")],
    );
    assert_eq!(pairs(&place), []);
    let text = place.ok(&["why", "payment", "pay-1"]);
    assert_has(
        &text,
        &[
            "open, NO_SALE",
            "the amounts differ: GBP 10.99 and GBP 11.00",
            "fails",
        ],
    );
    let why = &place.json(&["why", "payment", "pay-1"])[0][0];
    let candidates = why["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2);
    assert!(candidates.iter().all(|one| one["kept"] == false), "{why}");
    assert_has(
        &place.ok(&["why", "sale", "later"]),
        &["no payment has been found", "pay-1", "fails"],
    );
    assert_has(&place.ok(&["lifecycle", "pay-1"]), &["open       NO_SALE"]);
    assert_has(
        &place.ok(&["status"]),
        &["open: NO_SALE", "sales without a payment"],
    );
}

#[test]
fn what_two_sales_fit_is_left_to_people() {
    let place = town();
    let sales = [
        sale("one", "12:00:00", 1099),
        sale("other", "12:00:00", 1099),
    ];
    work(
        &place,
        &sales,
        &[payment("pay-1", "12:00:00", 1099, "token-1")],
    );
    assert_eq!(pairs(&place), []);
    let why = &place.json(&["why", "payment", "pay-1"])[0][0];
    let kept = why["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kept"] == true);
    assert_eq!(kept.count(), 2);
    let words = ["open, AMBIGUOUS: more than one sale fits", "one", "other"];
    assert_has(&place.ok(&["why", "payment", "pay-1"]), &words);
}

#[test]
fn what_nobody_knows_is_said_to_be_unknown() {
    let place = town();
    import(
        &place,
        SCHEME,
        &[
            sale("sale-0", "12:00:00", 1),
            sale("sale-1", "12:00:00", 1).replace("-02T", "-31T"),
        ],
    );
    for kind in ["payment", "sale"] {
        let words = ["there is no", kind, "\"nothing\"", "harmonia lifecycle"];
        assert_says(&place.run(&["why", kind, "nothing"]), 1, &words);
    }
    assert_says(
        &place.run(&["lifecycle", "nothing"]),
        1,
        &["\"nothing\"", "was its file imported?"],
    );
    let answer = place.run(&["lifecycle", "sale-1"]);
    assert_says(
        &answer,
        1,
        &["sale-1 was not taken: reject 1 from line 2", "BAD_DATE"],
    );
}

#[test]
fn a_late_sale_reopens_the_payment_that_waits_for_it() {
    let place = town();
    work(
        &place,
        &[],
        &[payment("pay-1", "12:00:00", 1099, "token-1")],
    );
    assert_has(&place.ok(&["status"]), &["open: NO_SALE"]);
    work(&place, &[sale("sale-1", "12:00:00", 1099)], &[]);
    assert_eq!(pairs(&place), [("pay-1".into(), "sale-1".into())]);
    assert_eq!(
        place
            .json(&["exports", "list", "--status", "DELIVERED"])
            .len(),
        1
    );
}

#[test]
fn a_card_that_is_linked_late_lets_its_payments_go_on() {
    let place = town();
    let sales = [
        sale("sale-1", "12:00:00", 1099),
        sale("sale-2", "13:00:00", 500),
    ];
    let payments = [
        payment("pay-1", "12:00:00", 1099, "token-2"),
        payment("pay-2", "13:00:00", 500, "token-3"),
    ];
    work(&place, &sales, &payments);
    assert_has(
        &place.ok(&["why", "payment", "pay-1"]),
        &["open, UNIDENTIFIED: nobody has linked"],
    );
    let card = CARD
        .replace("token-1", "token-2")
        .replace("member-1", "member-2");
    place.ok(&[
        "cards",
        "import",
        &place.write("more.csv", format!("{CARDS}{card}")),
    ]);
    place.ok(&["drain"]);
    assert_eq!(pairs(&place), [("pay-1".into(), "sale-1".into())]);
    assert_has(
        &place.ok(&["lifecycle", "pay-1"]),
        &["as member member-2", "DELIVERED"],
    );
    assert_has(
        &place.ok(&["lifecycle", "pay-2"]),
        &["identified not yet", "UNIDENTIFIED"],
    );
}

#[test]
fn every_feed_takes_the_canonical_format() {
    let place = town();
    let canonical = |feed: &str, text: String| {
        let file = place.write("canonical.jsonl", text);
        place.json(&["import", feed, &file, "--format", "canonical"])[0][0]["new"].clone()
    };
    let sale = json!({"transaction_id": "sale-1", "mids": ["shop-1"], "amount": 1099,
        "date": "2026-06-02T12:00:00Z", "currency": "GBP"});
    let payment = json!({"transaction_id": "pay-1", "mid": "shop-1", "amount": 1099,
        "date": "2026-06-02T13:00:00+01:00", "currency": "GBP", "card_token": "token-1"});
    assert_eq!(canonical(SCHEME, format!("{sale}\n")), 1);
    assert_eq!(canonical(PROVIDER, format!("[{payment}]")), 1);
    place.ok(&["drain"]);
    assert_eq!(pairs(&place), [("pay-1".into(), "sale-1".into())]);
    assert_eq!(
        canonical(SCHEME, json!([sale]).to_string()),
        0,
        "as lines or as a list, it is one"
    );
}

#[test]
fn a_record_that_is_nested_too_deep_is_rejected_and_the_others_go_on() {
    let place = town();
    let told = |feed: &str, records: &[String], shape: &dyn Fn(&[String]) -> String| {
        let file = place.write("canonical.jsonl", shape(records));
        place.json(&["import", feed, &file, "--format", "canonical"])[0][0].clone()
    };
    let lines = |records: &[String]| records.join("\n");
    let list = |records: &[String]| format!("[{}]", records.join(",\n"));
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    // The record and its `extra` are two levels; what is in it is the rest.
    let with = |id: &str, levels: usize| {
        let party = if id.starts_with("sale") {
            r#""mids": ["shop-1"]"#
        } else {
            r#""mid": "shop-1", "card_token": "token-1""#
        };
        format!(
            r#"{{"transaction_id": "{id}", {party}, "amount": {}, "currency": "GBP",
                "date": "2026-06-02T12:00:00Z", "extra": {{"a": {}}}}}"#,
            id.len(),
            nested(levels)
        )
        .replace('\n', "")
    };
    let sales = [
        with("sale-1", 62),
        with("sale-22", 2_000),
        with("sale-333", 63),
        with("sale-4444", 1),
    ];
    let payments = [
        with("p--1", 2_000),
        with("pay--1", 62),
        with("pay--4444", 1),
    ];
    let sold = told(SCHEME, &sales, &lines);
    assert_eq!(
        (&sold["new"], &sold["rejected"]),
        (&json!(2), &json!(2)),
        "{sold}"
    );
    let paid = told(PROVIDER, &payments, &list);
    assert_eq!(
        (&paid["new"], &paid["rejected"]),
        (&json!(2), &json!(1)),
        "{paid}"
    );
    let rejects = place.ok(&["rejects", "list"]);
    assert_has(
        &rejects,
        &["NOT_JSON", "nested deeper than 64 levels at byte "],
    );
    place.ok(&["drain"]);
    // The views merge what both sides kept.
    for view in ["matched_transaction", "export_transaction"] {
        let read = format!("SELECT transaction_id FROM {view} WHERE json_valid(extra_fields)");
        let mut ids = place.texts(&read);
        ids.sort();
        assert_eq!(ids, ["sale-1", "sale-4444"], "{view}");
    }
    place.ok(&["audit"]);
}

#[test]
fn lists_can_be_limited_and_begin_where_they_are_told() {
    let place = town();
    let times = ["12:00:00", "12:00:01", "12:00:02"];
    let sales: Vec<_> = times
        .iter()
        .map(|time| sale(&format!("s{time}"), time, 1))
        .collect();
    let payments: Vec<_> = times
        .iter()
        .map(|time| payment(&format!("p{time}"), time, 1, "token-1"))
        .collect();
    work(&place, &sales, &payments);
    assert_eq!(place.json(&["matches"]).len(), 3);
    assert_eq!(place.json(&["matches", "--limit", "2"]).len(), 2);
    assert_eq!(place.json(&["matches", "--since", "2020-01-01"]).len(), 3);
    assert_eq!(
        place
            .json(&["matches", "--since", "2999-01-01T00:00:00Z"])
            .len(),
        0
    );
    assert_eq!(place.json(&["exports", "list", "--limit", "1"]).len(), 1);
}

#[test]
fn a_drain_that_runs_out_of_time_says_so_and_the_next_goes_on() {
    let place = town().with("TXM_BATCH_SIZE", 10);
    let numbers = 0..3000;
    let time = |n: u32| format!("{:02}:{:02}:{:02}", n / 3600, n / 60 % 60, n % 60);
    let sales: Vec<_> = numbers
        .clone()
        .map(|n| sale(&format!("s{n}"), &time(n), 1))
        .collect();
    let payments: Vec<_> = numbers
        .map(|n| payment(&format!("p{n}"), &time(n), 1, "token-1"))
        .collect();
    import(&place, SCHEME, &sales);
    import(&place, PROVIDER, &payments);
    let answer = place.run(&["drain", "--timeout", "50ms", "--json"]);
    assert_says(
        &answer,
        1,
        &["there was still work at the time-out: run it again"],
    );
    let matched = |document: &serde_json::Value| document["matched"]["count"].as_u64().unwrap();
    assert!(matched(&crate::support::documents(&answer.out)[0]) < 3000);
    assert_eq!(matched(&place.json(&["drain", "--timeout", "5m"])[0]), 3000);
    assert_has(
        &place.ok(&["drain"]),
        &["matched", "3 000", "exports DELIVERED"],
    );
}
