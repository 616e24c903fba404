//! The life of a payment: the authorisation and the settlement of one purchase, in either order and
//! at any time; payments that are sent on as they come; a sale that two payments want.

use crate::assert_has;
use crate::life_shop::{Shop, payment, sale, with};
use serde_json::{Value, json};

const AUTH: &str = "visa-auth";
const SETTLED: &str = "visa-settlement";
const REFUND: &str = "visa-refund";

#[test]
fn a_settlement_takes_over_from_its_authorisation_in_either_order_and_in_one_batch() {
    // Each with the drains that come between what arrives.
    for order in [
        &[AUTH, SETTLED, "drain"][..],
        &[SETTLED, AUTH, "drain"],
        &[AUTH, "drain", SETTLED, "drain"],
        &[SETTLED, "drain", AUTH, "drain"],
    ] {
        let shop = Shop::of("wasabi-club");
        for step in order {
            match *step {
                "drain" => shop.drain(),
                AUTH => shop.bring(AUTH, &[payment("auth", "12:00:00", 1000)]),
                feed => shop.bring(feed, &[payment("settled", "12:00:00", 1150)]),
            }
        }
        // The sale is of the amount that was settled, with the tip.
        shop.sell(&[sale("sale-1", "12:00:30", 1150)]);
        shop.drain();
        assert_eq!(shop.pairs(), ["settled SETTLED sale-1"], "{order:?}");
        let mut statuses = shop.statuses();
        statuses.sort();
        assert_eq!(
            statuses,
            ["auth AUTH SUPERSEDED", "settled SETTLED MATCHED"],
            "{order:?}"
        );
        assert_eq!(shop.place.json(&["exports", "list"]).len(), 1);
    }
}

#[test]
fn a_settlement_of_a_matched_authorisation_is_recorded_with_what_it_differs() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[
        sale("sale-1", "12:00:30", 1000),
        sale("sale-2", "12:00:30", 1150),
    ]);
    shop.bring(AUTH, &[payment("auth", "12:00:00", 1000)]);
    shop.drain();
    assert_eq!(shop.pairs(), ["auth AUTH sale-1"]);
    shop.bring(SETTLED, &[payment("settled", "12:00:00", 1150)]);
    shop.drain();
    assert_eq!(shop.pairs(), ["auth AUTH sale-1"]);
    assert_eq!(
        shop.statuses(),
        ["auth AUTH MATCHED", "settled SETTLED SETTLEMENT"]
    );
    let story = &shop.place.json(&["lifecycle", "settled"])[0][0];
    assert_eq!(
        (&story["end"]["kind"], &story["end"]["difference_minor"]),
        (&json!("SETTLEMENT"), &json!(150))
    );
    assert_has(
        &shop.place.ok(&["lifecycle", "settled"]),
        &["settlement", "auth", "1.50"],
    );
    // It is rewarded once: the scheme did not ask for corrections.
    assert_eq!(shop.place.json(&["exports", "list"]).len(), 1);
}

#[test]
fn a_scheme_that_wants_corrections_is_told_of_the_difference_once() {
    let shop = shop_changed(|text| {
        let rules = text.split("[export]").next().unwrap();
        format!(
            "{rules}\n[export]\nkind = \"single\"\ncorrections = true\n\
             destination = {{ kind = \"file\", path = \"wasabi-club/\" }}\n\
             body = '{{\"id\": {{{{ transaction_id | tojson }}}}, \"amount\": {{{{ spend_amount }}}}, \
             \"correction\": {{{{ correction | tojson }}}}, \"member\": {{{{ loyalty_id | tojson }}}}}}'\n"
        )
    });
    shop.sell(&[sale("sale-1", "12:00:30", 1000)]);
    shop.bring(AUTH, &[payment("auth", "12:00:00", 1000)]);
    shop.drain();
    shop.bring(SETTLED, &[payment("settled", "12:00:00", 1150)]);
    shop.drain();
    let file = crate::only_file_in(&shop.place, "files/exports/wasabi-club");
    let told: Vec<Value> = std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        told,
        [
            json!({"id": "sale-1", "amount": 1000, "correction": null, "member": "member-token-1"}),
            json!({"id": "sale-1", "amount": 1150, "correction": 150, "member": "member-token-1"}),
        ]
    );
}

#[test]
fn a_settlement_keeps_what_its_authorisation_knew() {
    let shop = Shop::of("wasabi-club");
    // Only the authorisation has the auth code, which alone tells the two sales apart.
    shop.sell(&[
        with(
            sale("sale-1", "12:00:30", 1000),
            json!({"auth_code": "111111"}),
        ),
        with(
            sale("sale-2", "12:00:30", 1000),
            json!({"auth_code": "222222"}),
        ),
    ]);
    let auth = json!({"auth_code": "222222", "first_six": "498765", "last_four": "4321"});
    shop.bring(AUTH, &[with(payment("auth", "12:00:00", 900), auth)]);
    shop.drain();
    // The card is not linked any more when the settlement comes; whose it was is known.
    let unlinked = shop.place.path("data/harmonia.sqlite3");
    let unlinked = rusqlite::Connection::open(unlinked).unwrap();
    unlinked.execute("DELETE FROM card_link", []).unwrap();
    drop(unlinked);
    shop.bring(SETTLED, &[payment("settled", "12:00:00", 1000)]);
    shop.drain();
    assert_eq!(shop.pairs(), ["settled SETTLED sale-2"]);
    let told = "SELECT auth_code || ' ' || loyalty_id FROM export_transaction";
    assert_eq!(shop.place.texts(told), ["222222 member-token-1"]);
    let digits = "SELECT first_six || last_four FROM matched_transaction";
    assert_eq!(shop.place.texts(digits), ["4987654321"]);
}

#[test]
fn a_second_of_a_type_is_a_duplicate_and_a_refund_is_another_purchase() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[
        sale("sale-1", "12:00:00", 1000),
        sale("sale-2", "12:00:00", 1000),
        sale("back", "13:00:00", -1000),
    ]);
    shop.bring(
        SETTLED,
        &[
            with(payment("first", "12:00:00", 1000), json!({"auth_code": ""})),
            payment("second", "12:00:01", 1000),
        ],
    );
    shop.bring(REFUND, &[payment("refund", "13:00:00", -1000)]);
    shop.drain();
    assert_eq!(
        shop.statuses(),
        [
            "first SETTLED PENDING AMBIGUOUS",
            "second SETTLED DUPLICATE",
            "refund REFUND MATCHED",
        ]
    );
    assert_eq!(shop.pairs(), ["refund REFUND back"]);
}

#[test]
fn a_scheme_is_sent_the_payments_it_wants_as_they_come() {
    let shop = Shop::of("squaremeal");
    shop.bring(AUTH, &[payment("auth", "12:00:00", 1000)]);
    shop.bring(SETTLED, &[payment("settled", "12:00:00", 1150)]);
    shop.bring(REFUND, &[payment("refund", "13:00:00", -1150)]);
    let unknown = with(
        payment("stranger", "12:00:00", 700),
        json!({"card_token": "token-9", "settlement_key": "key-9"}),
    );
    shop.bring(AUTH, &[unknown]);
    shop.drain();
    let stranger = "stranger AUTH PENDING UNIDENTIFIED";
    assert_eq!(
        shop.statuses(),
        [
            "auth AUTH STREAMED",
            "settled SETTLED STREAMED",
            "refund REFUND STREAMED",
            stranger,
        ]
    );
    let told = "SELECT transaction_id || ' ' || feed_type || ' ' || spend_amount \
                FROM export_transaction ORDER BY id";
    assert_eq!(
        shop.place.texts(told),
        [
            "auth AUTH 1000",
            "settled SETTLED 1150",
            "refund REFUND -1150"
        ]
    );
    // An authorisation of amex waits for its settlement.
    let file = shop
        .place
        .write("amex.jsonl", payment("amex", "12:00:00", 1).to_string());
    let told = &shop
        .place
        .json(&["import", "amex-auth", &file, "--format", "canonical"])[0][0];
    assert_eq!((&told["new"], &told["skipped"]), (&json!(0), &json!(1)));

    let shop = Shop::of("the-works");
    shop.bring(SETTLED, &[payment("settled", "12:00:00", 1150)]);
    shop.bring(REFUND, &[payment("refund", "13:00:00", -1150)]);
    shop.drain();
    assert_eq!(
        shop.statuses(),
        ["settled SETTLED MATCHED", "refund REFUND STREAMED"]
    );
}

#[test]
fn a_better_payment_that_came_too_late_contests_the_sale() {
    let shop = Shop::of("wasabi-club");
    let own = |id: &str, time: &str, code: &str| {
        with(
            payment(id, time, 1000),
            json!({"settlement_key": id, "auth_code": code}),
        )
    };
    shop.sell(&[with(
        sale("sale-1", "12:00:00", 1000),
        json!({"auth_code": "111111"}),
    )]);
    // The first has no auth code and is near; the second has the sale's own.
    shop.bring(SETTLED, &[own("first", "12:01:00", "")]);
    shop.drain();
    assert_eq!(shop.pairs(), ["first SETTLED sale-1"]);
    shop.bring(
        SETTLED,
        &[
            own("second", "12:00:10", "111111"),
            own("third", "12:02:30", ""),
        ],
    );
    shop.drain();
    assert_eq!(
        shop.statuses(),
        [
            "first SETTLED MATCHED",
            "second SETTLED PENDING CONTESTED",
            "third SETTLED PENDING NO_SALE",
        ]
    );
    // Its own sale comes late: nothing is contested any more.
    shop.sell(&[with(
        sale("sale-2", "12:00:12", 1000),
        json!({"auth_code": "111111"}),
    )]);
    shop.drain();
    assert_eq!(
        shop.pairs(),
        ["first SETTLED sale-1", "second SETTLED sale-2"]
    );
}

#[test]
fn what_finds_too_many_sales_is_looked_at_again_when_a_better_one_comes() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[
        sale("sale-1", "12:00:30", 1000),
        sale("sale-2", "12:01:00", 1000),
    ]);
    shop.bring(SETTLED, &[payment("paid", "12:00:00", 1000)]);
    shop.drain();
    assert_eq!(shop.statuses(), ["paid SETTLED PENDING AMBIGUOUS"]);
    let digits = json!({"first_six": "412345", "last_four": "6789"});
    shop.sell(&[with(sale("sale-3", "12:01:30", 1000), digits)]);
    shop.drain();
    assert_eq!(shop.pairs(), ["paid SETTLED sale-3"]);
}

/// A shop whose rules are those of wasabi-club with something added for visa.
fn shop_with(option: &str) -> Shop {
    shop_changed(|text| text.replacen("[matching.visa]", &format!("[matching.visa]\n{option}"), 1))
}

/// A shop of wasabi-club with another agent file.
fn shop_changed(change: impl Fn(&str) -> String) -> Shop {
    let shop = Shop::of("wasabi-club");
    let agents = shop.place.path("agents");
    std::fs::create_dir_all(&agents).unwrap();
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    for file in std::fs::read_dir(own).unwrap() {
        let file = file.unwrap();
        let mut text = std::fs::read_to_string(file.path()).unwrap();
        if file.file_name() == "wasabi-club.toml" {
            text = change(&text);
        }
        std::fs::write(agents.join(file.file_name()), text).unwrap();
    }
    Shop {
        place: shop.place.with("TXM_AGENTS_DIR", agents.display()),
        ..shop
    }
}

fn alone(id: &str, time: &str, pence: i64, card: &str) -> Value {
    let own = json!({"settlement_key": id, "card_token": card});
    with(payment(id, time, pence), own)
}

#[test]
fn a_sale_that_was_settled_in_parts_is_told_once() {
    let shop = shop_with(r#"split = { payments = 3, within = "2d" }"#);
    shop.sell(&[
        sale("order", "09:00:00", 3000),
        sale("other", "09:00:00", 999),
    ]);
    shop.bring(
        SETTLED,
        &[
            alone("part-1", "10:00:00", 1000, "token-1"),
            alone("strange", "10:00:00", 2000, "token-2"),
            alone("part-2", "15:00:00", 1500, "token-1"),
            alone("too-much", "16:00:00", 700, "token-1"),
        ],
    );
    shop.drain();
    assert_eq!(shop.pairs(), [] as [&str; 0]);
    // The last part comes late. Nothing else of this card adds up.
    shop.bring(SETTLED, &[alone("part-3", "18:00:00", 500, "token-1")]);
    shop.drain();
    assert_eq!(
        shop.pairs(),
        [
            "part-1 SETTLED order",
            "part-2 SETTLED order",
            "part-3 SETTLED order"
        ]
    );
    let told = "SELECT transaction_id || ' ' || spend_amount FROM export_transaction";
    assert_eq!(shop.place.texts(told), ["order 3000"]);
    let status = &shop.place.json(&["status"])[0]["status"];
    assert_eq!(status["open_sales"], 1);
}

#[test]
fn one_payment_for_several_sales_tells_of_each() {
    let shop = shop_with(r#"combine = { sales = 2, within = "1h" }"#);
    shop.sell(&[
        sale("basket-1", "11:50:00", 400),
        sale("basket-2", "11:55:00", 600),
        sale("hours-ago", "09:00:00", 250),
    ]);
    shop.bring(SETTLED, &[alone("paid", "12:00:00", 1000, "token-1")]);
    shop.drain();
    assert_eq!(
        shop.pairs(),
        ["paid SETTLED basket-1", "paid SETTLED basket-2"]
    );
    let told = "SELECT transaction_id || ' ' || spend_amount FROM export_transaction ORDER BY id";
    assert_eq!(shop.place.texts(told), ["basket-1 400", "basket-2 600"]);
}

#[test]
fn where_two_sums_fit_nothing_is_guessed() {
    let shop = shop_with(r#"split = { payments = 3, within = "2d" }"#);
    shop.sell(&[sale("order", "09:00:00", 3000)]);
    shop.bring(
        SETTLED,
        &[
            alone("one", "10:00:00", 1000, "token-1"),
            alone("two", "10:10:00", 2000, "token-1"),
            alone("three", "10:20:00", 2000, "token-1"),
        ],
    );
    shop.drain();
    assert_eq!(shop.pairs(), [] as [&str; 0]);
}

#[test]
fn the_window_is_fourteen_days_of_imports_to_the_microsecond() {
    const FOURTEEN_DAYS_US: i64 = 14 * 24 * 3_600_000_000;
    for (apart, status) in [
        (FOURTEEN_DAYS_US, "paid SETTLED MATCHED"),
        (FOURTEEN_DAYS_US + 1, "paid SETTLED PENDING NO_SALE"),
        (-FOURTEEN_DAYS_US, "paid SETTLED MATCHED"),
        (-FOURTEEN_DAYS_US - 1, "paid SETTLED PENDING NO_SALE"),
    ] {
        let shop = Shop::of("wasabi-club");
        shop.sell(&[sale("sale-1", "12:00:30", 1000)]);
        shop.bring(SETTLED, &[payment("paid", "12:00:00", 1000)]);
        let database = rusqlite::Connection::open(shop.place.path("data/harmonia.sqlite3"));
        let earlier = "UPDATE sale SET created_at = (SELECT created_at FROM payment) - ?1";
        database.unwrap().execute(earlier, [apart]).unwrap();
        shop.drain();
        assert_eq!(shop.statuses(), [status], "{apart}");
    }
}
