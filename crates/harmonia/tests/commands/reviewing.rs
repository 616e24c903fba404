//! The list of what people should look at: what is in it, in what order, and how an item goes.

use crate::life_shop::{Shop, own_key, sale, with};
use crate::{assert_has, assert_says};
use serde_json::{Value, json};

const SETTLED: &str = "visa-settlement";

fn review(shop: &Shop, options: &[&str]) -> Value {
    shop.place.json(&[&["review"][..], options].concat())[0].clone()
}

/// Each item: its topic, its payment, the sale suggested.
fn told(page: &Value) -> Vec<(String, String, Option<i64>)> {
    let items = page["items"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items
        .iter()
        .map(|item| {
            (
                text(&item["topic"]),
                text(&item["payment"]["transaction_id"]),
                item["suggested"].as_i64(),
            )
        })
        .collect()
}

fn row(topic: &str, payment: &str, suggested: Option<i64>) -> (String, String, Option<i64>) {
    (topic.to_owned(), payment.to_owned(), suggested)
}

fn sale_row(shop: &Shop, id: &str) -> i64 {
    shop.place.json(&["why", "sale", id])[0][0]["transaction"]["id"]
        .as_i64()
        .unwrap()
}

#[test]
fn near_misses_say_what_differs_and_by_how_much() {
    let shop = Shop::of("wasabi-club");
    let code = |code: &str| json!({"auth_code": code});
    shop.sell(&[
        sale("late", "12:10:00", 1000),
        sale("later", "12:20:00", 1000),
        with(sale("other-code", "13:00:10", 2000), code("222222")),
        sale("without-tip", "14:00:10", 3000),
        sale("too-late", "15:33:01", 4000),
        sale("too-dear", "16:00:00", 6300),
    ]);
    shop.bring(
        SETTLED,
        &[
            own_key("by-time", "12:00:00", 1000),
            with(own_key("by-code", "13:00:00", 2000), code("111111")),
            own_key("by-tip", "14:00:00", 3450),
            own_key("far-off", "15:00:00", 4000),
            own_key("another", "16:00:00", 5000),
        ],
    );
    shop.drain();
    let page = review(&shop, &[]);
    assert_eq!(
        told(&page),
        [
            row("near-miss", "by-time", Some(sale_row(&shop, "late"))),
            row("near-miss", "by-code", Some(sale_row(&shop, "other-code"))),
            row("near-miss", "by-tip", Some(sale_row(&shop, "without-tip"))),
        ]
    );
    assert_eq!(page["next"], Value::Null);
    assert_has(
        &shop.place.ok(&["review"]),
        &[
            "near-miss: payment by-time (row 7), GBP 10.00 at Tue 2 Jun 2026 13:00:00 Europe/London",
            "visa SETTLED of wasabi-club, here for ",
            "sale late: the times are 7 min further apart than the rule allows",
            "sale later: the times are 17 min further apart",
            "the authorisation codes differ: 111111 and 222222",
            "the payment is GBP 4.50 more than the sale: 34.50 and 30.00",
            "suggested: sale late (row 1)",
            "harmonia match force --payment 7 --sale 1 --reason",
        ],
    );
}

#[test]
fn an_item_closes_by_itself_after_a_match_by_hand_or_a_late_arrival() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[
        sale("one", "12:00:30", 1000),
        sale("other", "12:01:00", 1000),
        sale("late", "13:10:00", 2000),
    ]);
    shop.bring(
        SETTLED,
        &[
            own_key("paid", "12:00:00", 1000),
            own_key("by-time", "13:00:00", 2000),
        ],
    );
    shop.drain();
    let page = review(&shop, &[]);
    assert_eq!(
        told(&page),
        [
            row("ambiguous", "paid", Some(1)),
            row("near-miss", "by-time", Some(3)),
        ]
    );
    let item = &page["items"][0];
    let kept = item["candidates"].as_array().unwrap().iter();
    let sales: Vec<&str> = kept.map(|one| one["sale"].as_str().unwrap()).collect();
    assert_eq!(sales, ["one", "other"], "the nearest is suggested");
    assert_has(
        &shop.place.ok(&["review", "--reason", "ambiguous"]),
        &[
            "more than one sale fits",
            "2 sales fit it",
            "sale other (row 2): fits",
        ],
    );
    // What is told to be typed settles it.
    let by = ["--reason", "the receipt says so", "--operator", "ann"];
    let force = ["match", "force", "--payment", "4", "--sale", "1"];
    shop.place.ok(&[&force[..], &by].concat());
    assert_eq!(
        told(&review(&shop, &[])),
        [row("near-miss", "by-time", Some(3))]
    );
    shop.sell(&[sale("its-own", "13:00:10", 2000)]);
    shop.drain();
    assert_eq!(told(&review(&shop, &[])), []);
    assert_eq!(shop.place.ok(&["review"]), "nothing to look at\n");
}

#[test]
fn a_contested_sale_names_both_payments() {
    let shop = Shop::of("wasabi-club");
    let code = json!({"auth_code": "111111"});
    shop.sell(&[with(sale("sale-1", "12:00:00", 1000), code.clone())]);
    shop.bring(SETTLED, &[own_key("first", "12:01:00", 1000)]);
    shop.drain();
    shop.bring(SETTLED, &[with(own_key("second", "12:00:10", 1000), code)]);
    shop.drain();
    let page = review(&shop, &["--reason", "contested"]);
    assert_eq!(told(&page), [row("contested", "second", Some(1))]);
    assert_eq!(page["items"][0]["holder"]["transaction_id"], "first");
    assert_has(
        &shop.place.ok(&["review"]),
        &[
            "contested: payment second",
            "sale sale-1 fits it better than payment first, which came first and has it",
            "has the sale: payment first (row 2)",
            "harmonia match undo --payment 2 --reason",
        ],
    );
    for reason in ["ambiguous", "undone", "near-miss", "proposal"] {
        assert_eq!(told(&review(&shop, &["--reason", reason])), [], "{reason}");
    }
}

#[test]
fn what_was_undone_and_what_waits_for_a_second_person_are_in_the_list() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[
        sale("sale-1", "12:00:00", 1000),
        sale("far", "18:00:00", 5000),
    ]);
    shop.bring(
        SETTLED,
        &[
            own_key("paid", "12:00:00", 1000),
            own_key("dear", "14:00:00", 5000),
        ],
    );
    let exports = shop.place.path("files/exports");
    std::fs::create_dir_all(exports.parent().unwrap()).unwrap();
    std::fs::write(&exports, "in the way").unwrap();
    shop.place.run(&["drain", "--timeout", "2s"]);
    let by = ["--reason", "another's card", "--operator", "ann"];
    shop.place
        .ok(&[&["match", "undo", "--payment", "paid"][..], &by].concat());
    std::fs::remove_file(&exports).unwrap();
    shop.drain();
    shop.place
        .ok(&["config", "set", "two-people-above", "4000"]);
    let force = ["match", "force", "--payment", "dear", "--sale", "far"];
    shop.place.ok(&[&force[..], &by].concat());
    let page = review(&shop, &[]);
    assert_eq!(
        told(&page),
        [
            row("proposal", "dear", Some(2)),
            row("undone", "paid", None),
        ],
        "the sale that was parted from it is not suggested again"
    );
    assert_has(
        &shop.place.ok(&["review"]),
        &[
            "ann asked for match.force",
            "was undone by ann",
            "another's card",
        ],
    );
}

#[test]
fn the_list_comes_in_pages_of_one_scheme_and_reason() {
    let shop = Shop::of("wasabi-club");
    let mut sales = Vec::new();
    let mut payments = Vec::new();
    for at in 0..3 {
        let (pence, time) = (1000 + at, format!("1{at}:00:00"));
        sales.push(sale(&format!("a{at}"), &time, pence));
        sales.push(sale(&format!("b{at}"), &time, pence));
        payments.push(own_key(&format!("ambiguous-{at}"), &time, pence));
        let pence = 5000 * (at + 1);
        sales.push(sale(&format!("c{at}"), &format!("1{at}:10:00"), pence));
        payments.push(own_key(&format!("near-{at}"), &time, pence));
    }
    shop.sell(&sales);
    shop.bring(SETTLED, &payments);
    shop.drain();
    let mut seen = Vec::new();
    let mut options = vec!["--limit".to_owned(), "2".to_owned()];
    for _ in 0..10 {
        let asked: Vec<&str> = options.iter().map(String::as_str).collect();
        let page = review(&shop, &asked);
        let items = told(&page);
        assert!(items.len() <= 2, "{items:?}");
        seen.extend(items.into_iter().map(|item| item.1));
        let next = &page["next"];
        if next.is_null() {
            break;
        }
        options.truncate(2);
        options.extend(["--after".to_owned(), next["after"].to_string()]);
        if let Some(reason) = next["reason"].as_str() {
            options.extend(["--reason".to_owned(), reason.to_owned()]);
        }
    }
    assert_eq!(
        seen,
        [
            "ambiguous-0",
            "ambiguous-1",
            "ambiguous-2",
            "near-0",
            "near-1",
            "near-2"
        ]
    );
    assert_eq!(told(&review(&shop, &["--scheme", "costa"])), []);
    assert_eq!(told(&review(&shop, &["--scheme", "wasabi-club"])).len(), 6);
    assert_has(
        &shop.place.ok(&["review", "--limit", "1"]),
        &["there may be more: harmonia review --limit 1 --after "],
    );
    for (options, words) in [
        (
            ["--reason", "odd"],
            "\"odd\" is not a reason: use proposal, ambiguous",
        ),
        (
            ["--scheme", "nobody"],
            "\"nobody\" is no scheme with an agent file",
        ),
        (["--limit", "0"], "write a number from 1 to 1000"),
    ] {
        assert_says(
            &shop.place.run(&[&["review"][..], &options].concat()),
            2,
            &[words],
        );
    }
}
