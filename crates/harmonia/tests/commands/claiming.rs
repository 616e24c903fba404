//! What `harmonia claim` answers, for a purchase that got stuck at each stage of the journey.

use crate::life_shop::{Shop, own_key, payment, sale, with};
use crate::support::Place;
use crate::town::{PROVIDER, SCHEME, import, payment as payment_line, sale as sale_line, town};
use crate::{assert_has, assert_says};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SETTLED: &str = "visa-settlement";
/// What a customer of the shop knows.
const ASKED: [&str; 4] = ["--amount", "10.00", "--date", "2026-06-02"];

fn claim(shop: &Shop, options: &[&str]) -> Value {
    shop.place.json(&[&["claim"][..], &ASKED, options].concat())[0].clone()
}

fn verdict(shop: &Shop, options: &[&str]) -> String {
    claim(shop, options)["verdict"].as_str().unwrap().to_owned()
}

/// Imports records of which none may be new.
fn bring_in_vain(shop: &Shop, feed: &str, records: &[Value]) {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let file = shop.place.write("records.jsonl", lines);
    let told = &shop
        .place
        .json(&["import", feed, &file, "--format", "canonical"])[0][0];
    assert_eq!(told["new"], 0, "{told}");
}

#[test]
fn a_purchase_says_how_far_it_got_from_nothing_to_its_delivery() {
    let place = town();
    let asked = |options: &[&str]| -> Value {
        let words = ["claim", "--amount", "10.99", "--date", "2026-06-02"];
        place.json(&[&words[..], options].concat())[0].clone()
    };
    let by_card = ["--card", "token-1", "--scheme", SCHEME];
    let nothing = asked(&by_card);
    assert_eq!(nothing["verdict"], "NOT_RECEIVED_PAYMENT");
    let rests_on = nothing["rests_on"].as_array().unwrap();
    let feed = |name: &str| {
        rests_on
            .iter()
            .any(|row| row["kind"] == "feed" && row["id"] == name)
    };
    assert!(feed("visa-auth") && feed(PROVIDER), "{nothing}");
    assert_has(
        &nothing["next_step"].to_string(),
        &["nothing of Tue 2 Jun 2026 has come by", PROVIDER],
    );

    import(&place, SCHEME, &[sale_line("sale-1", "12:00:00", 1099)]);
    let unpaid = asked(&by_card);
    assert_eq!(unpaid["verdict"], "NOT_RECEIVED_PAYMENT");
    assert_has(
        &unpaid["notes"].to_string(),
        &["the shop has told of 1 sale"],
    );

    import(
        &place,
        PROVIDER,
        &[payment_line("pay-1", "12:00:00", 1099, "token-1")],
    );
    assert_eq!(asked(&by_card)["verdict"], "WAITING");
    assert_eq!(asked(&by_card)["command"], "harmonia drain");

    let exports = place.path("files/exports");
    std::fs::create_dir_all(exports.parent().unwrap()).unwrap();
    std::fs::write(&exports, "in the way").unwrap();
    place.run(&["drain", "--timeout", "2s"]);
    assert_eq!(asked(&by_card)["verdict"], "MATCHED_NOT_DELIVERED");

    std::fs::remove_file(&exports).unwrap();
    place.ok(&["drain"]);
    for options in [
        &by_card[..],
        &[],
        &["--loyalty-id", "member-1"],
        &["--last-four", "6789"],
        &["--location", "place-1"],
        &["--mid", "shop-1", "--within", "5m"],
    ] {
        assert_eq!(asked(options)["verdict"], "DELIVERED", "{options:?}");
    }
    let kinds: Vec<Value> = asked(&[])["rests_on"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["kind"], row["id"]]))
        .collect();
    assert_eq!(kinds[0], json!(["payment", "pay-1"]));
    assert_eq!(kinds[1], json!(["match", "sale-1"]));
    assert_eq!(kinds[2][0], "export");
    assert_eq!(kinds.len(), 3, "the sale is told with its payment");
    for options in [
        ["--loyalty-id", "member-2"],
        ["--card", "token-2"],
        ["--last-four", "0000"],
        ["--scheme", "costa"],
    ] {
        let verdict = &asked(&options)["verdict"];
        assert_eq!(verdict, "NOT_RECEIVED_PAYMENT", "{options:?}");
    }
    let text = place.ok(&[
        "claim",
        "--amount",
        "10.99",
        "--date",
        "2026-06-02T13:00",
        "--card",
        "token-1",
        "--scheme",
        SCHEME,
    ]);
    assert_has(
        &text,
        &[
            "looked for  GBP 10.99 at Tue 2 Jun 2026 13:00:00 Europe/London, give or take 1 h, card \
             token-1, Example Loyalty Scheme",
            "DELIVERED",
            "told to reward member member-1",
            "its transaction sale-1",
            "harmonia lifecycle pay-1",
        ],
    );
}

#[test]
fn a_time_is_by_the_clock_of_the_shop_and_may_be_off_by_so_much() {
    let shop = Shop::of("wasabi-club");
    shop.bring(SETTLED, &[own_key("late", "22:30:00", 1000)]);
    shop.drain();
    let ask = |date: &str, within: &str| {
        let words = [
            "claim", "--amount", "10.00", "--date", date, "--within", within,
        ];
        let told = shop
            .place
            .json(&[&words[..], &["--scheme", "wasabi-club"]].concat());
        told[0]["verdict"].as_str().unwrap().to_owned()
    };
    // It was 23:30 in London.
    for (date, within, verdict) in [
        ("2026-06-02", "0s", "NOT_RECEIVED_SALE"),
        ("2026-06-03", "29m", "NOT_RECEIVED_PAYMENT"),
        ("2026-06-03", "30m", "NOT_RECEIVED_SALE"),
        ("2026-06-02T23:00", "30m", "NOT_RECEIVED_SALE"),
        ("2026-06-02T22:59", "30m", "NOT_RECEIVED_PAYMENT"),
        ("2026-06-02T22:30:00Z", "0s", "NOT_RECEIVED_SALE"),
        ("2026-06-02T23:30:00Z", "59m", "NOT_RECEIVED_PAYMENT"),
    ] {
        assert_eq!(ask(date, within), verdict, "{date} {within}");
    }
}

#[test]
fn a_payment_known_only_by_its_day_is_found_by_a_time_of_that_day() {
    let shop = Shop::of("wasabi-club");
    let day = with(
        own_key("day", "12:00:00", 1000),
        json!({"date": "2026-06-02"}),
    );
    shop.bring(SETTLED, &[day]);
    shop.drain();
    let words = ["claim", "--amount", "10.00", "--date", "2026-06-02T18:00"];
    let told = &shop.place.json(&words)[0];
    assert_eq!(told["verdict"], "NOT_RECEIVED_SALE", "{told}");
}

#[test]
fn what_came_and_was_not_taken_is_found_by_what_it_says() {
    let shop = Shop::of("wasabi-club");
    let nowhere = |id: &str| with(own_key(id, "12:00:00", 1000), json!({"mid": "shop-9"}));
    bring_in_vain(&shop, SETTLED, &[nowhere("paid")]);
    let told = claim(&shop, &["--card", "token-1"]);
    assert_eq!(told["verdict"], "UNKNOWN_MID");
    assert_eq!(told["command"], "harmonia mids import FILE.csv");
    assert_has(
        &told["next_step"].to_string(),
        &["shop-9", "goes on by itself"],
    );
    assert_eq!(verdict(&shop, &["--mid", "shop-9"]), "UNKNOWN_MID");
    assert_eq!(
        verdict(&shop, &["--card", "token-2"]),
        "NOT_RECEIVED_PAYMENT"
    );
    assert_eq!(verdict(&shop, &["--mid", "shop-1"]), "NOT_RECEIVED_PAYMENT");
    // A terminal that nobody onboarded, and nothing of it.
    assert_eq!(verdict(&shop, &["--location", "place-9"]), "UNKNOWN_MID");

    let broken = |id: &str| with(own_key(id, "12:00:00", 1000), json!({"date": "2026-06-31"}));
    bring_in_vain(
        &shop,
        SETTLED,
        &[with(broken("bad"), json!({"card_token": "token-2"}))],
    );
    let told = claim(&shop, &["--card", "token-2"]);
    assert_eq!(told["verdict"], "REJECTED");
    assert_has(
        told["command"].as_str().unwrap(),
        &["harmonia rejects replay 2 --record"],
    );
    assert_has(&told["rests_on"].to_string(), &["BAD_DATE"]);

    // Once its terminal is onboarded it goes on.
    let mids = "visa,shop-9,PRIMARY,wasabi-club,place-9,,,,,A\n";
    shop.place
        .ok(&["mids", "import", &shop.place.write("more.csv", mids)]);
    shop.drain();
    assert_eq!(verdict(&shop, &["--card", "token-1"]), "NOT_RECEIVED_SALE");
    // The sale came, and its place is unknown.
    let mut lost = sale("sale-1", "12:00:00", 1000);
    lost.as_object_mut().unwrap().remove("mids");
    let lost = with(lost, json!({"location_id": "place-7"}));
    bring_in_vain(&shop, "wasabi-club", &[lost]);
    let told = claim(&shop, &["--card", "token-1"]);
    assert_eq!(told["verdict"], "UNKNOWN_LOCATION", "{told}");
    assert_has(&told["next_step"].to_string(), &["place-7"]);
}

#[test]
fn what_is_open_says_why_and_what_to_do() {
    let shop = Shop::of("itsu");
    let pence = |pence: i64| format!("{}.{:02}", pence / 100, pence % 100);
    let token = |token: &str| json!({"card_token": token});
    shop.sell(&[
        sale("late", "12:10:00", 1000),
        sale("one", "13:00:00", 2000),
        sale("other", "13:00:00", 2000),
        with(
            sale("wanted", "14:00:00", 3000),
            json!({"auth_code": "111111"}),
        ),
    ]);
    shop.bring(
        SETTLED,
        &[
            own_key("near", "12:00:00", 1000),
            own_key("either", "13:00:00", 2000),
            own_key("first", "14:01:00", 3000),
            own_key("alone", "15:00:00", 4000),
            with(own_key("stranger", "16:00:00", 5000), token("token-9")),
        ],
    );
    shop.bring("amex-settlement", &[own_key("amex", "17:00:00", 6000)]);
    shop.drain();
    let second = with(
        own_key("second", "14:00:10", 3000),
        json!({"auth_code": "111111"}),
    );
    shop.bring(SETTLED, &[with(second, token("token-2"))]);
    shop.drain();
    let ask = |minor: i64, options: &[&str]| -> Value {
        let amount = pence(minor);
        let words = ["claim", "--amount", &amount, "--date", "2026-06-02"];
        shop.place.json(&[&words[..], options].concat())[0].clone()
    };
    for (minor, options, verdict, command) in [
        (
            1000,
            &[][..],
            "OPEN_NEAR_MISS",
            "match force --payment 5 --sale 1",
        ),
        (
            2000,
            &[],
            "OPEN_AMBIGUOUS",
            "review --reason ambiguous --limit 1 --after 5",
        ),
        (
            3000,
            &["--card", "token-2"],
            "OPEN_CONTESTED",
            "review --reason contested",
        ),
        (5000, &[], "CARD_NOT_LINKED", "cards import"),
        (6000, &[], "NO_RULE", "why payment amex"),
    ] {
        let told = ask(minor, options);
        assert_eq!(told["verdict"], verdict, "{told}");
        assert_has(told["command"].as_str().unwrap(), &[command]);
        assert_ne!(told["meaning"], told["next_step"]);
    }
    let told = ask(4000, &[]);
    assert_eq!(told["verdict"], "NOT_RECEIVED_SALE");
    assert_has(
        &told["rests_on"].to_string(),
        &["itsu", "4 records of that day"],
    );
    assert_has(
        &ask(1000, &[])["meaning"].to_string(),
        &["sale late: the times are 7 min further apart"],
    );
    // The command that is told shows the very item.
    let review = &shop.place.json(&[
        "review",
        "--reason",
        "ambiguous",
        "--limit",
        "1",
        "--after",
        "5",
    ]);
    assert_eq!(review[0]["items"][0]["payment"]["transaction_id"], "either");
    // A member whose card is not linked is told so; by the token it is no other's either.
    let told = ask(5000, &["--loyalty-id", "member-token-1"]);
    assert_eq!(told["verdict"], "CARD_NOT_LINKED", "{told}");
    let told = ask(5000, &["--card", "token-8"]);
    assert_eq!(told["verdict"], "NOT_RECEIVED_PAYMENT");
    assert_has(
        &told["notes"].to_string(),
        &[
            "1 payment of that amount and time by other cards",
            "token-8 is not linked",
        ],
    );

    // One asks for a match by hand and another has to confirm it.
    shop.place.ok(&["config", "set", "two-people-above", "500"]);
    let by = ["--reason", "the receipt", "--operator", "ann"];
    let force = ["match", "force", "--payment", "near", "--sale", "late"];
    shop.place.ok(&[&force[..], &by].concat());
    assert_eq!(ask(1000, &[])["verdict"], "WAITING_FOR_SECOND_PERSON");
}

#[test]
fn several_that_may_be_meant_are_told_apart_by_more() {
    let shop = Shop::of("wasabi-club");
    let token = json!({"card_token": "token-2"});
    shop.bring(
        SETTLED,
        &[
            own_key("first", "10:00:00", 1000),
            with(own_key("second", "12:00:00", 1000), token),
            own_key("third", "16:00:00", 1000),
        ],
    );
    shop.drain();
    let told = claim(&shop, &[]);
    assert_eq!(told["verdict"], "SEVERAL");
    assert_has(
        &told["ask_for"].to_string(),
        &["time of day", "--loyalty-id", "--last-four"],
    );
    assert_eq!(told["rests_on"].as_array().unwrap().len(), 3);
    assert_eq!(verdict(&shop, &["--card", "token-1"]), "SEVERAL");
    assert_eq!(verdict(&shop, &["--card", "token-2"]), "NOT_RECEIVED_SALE");
    let at = ["claim", "--amount", "10.00", "--date", "2026-06-02T17:00"];
    let told = &shop.place.json(&at)[0];
    assert_eq!(told["verdict"], "NOT_RECEIVED_SALE");
    assert_eq!(told["rests_on"][0]["id"], "third");
}

#[test]
fn an_authorisation_and_its_settlement_are_one_purchase() {
    let shop = Shop::of("wasabi-club");
    shop.bring("visa-auth", &[payment("auth", "12:00:00", 1000)]);
    shop.bring(SETTLED, &[payment("settled", "12:00:00", 1000)]);
    shop.drain();
    let told = claim(&shop, &[]);
    assert_eq!(told["verdict"], "NOT_RECEIVED_SALE", "{told}");
    assert_eq!(told["rests_on"][0]["id"], "settled");
    // The customer knows what was authorised, and the tip came on top.
    let shop = Shop::of("wasabi-club");
    shop.bring("visa-auth", &[payment("auth", "12:00:00", 1000)]);
    shop.bring(SETTLED, &[payment("settled", "12:00:00", 1150)]);
    shop.drain();
    let told = claim(&shop, &[]);
    assert_eq!(told["rests_on"][0]["id"], "settled", "{told}");
}

#[test]
fn a_match_that_was_undone_says_so() {
    let shop = Shop::of("wasabi-club");
    shop.sell(&[sale("sale-1", "12:00:00", 1000)]);
    shop.bring(SETTLED, &[own_key("paid", "12:00:00", 1000)]);
    let exports = shop.place.path("files/exports");
    std::fs::create_dir_all(exports.parent().unwrap()).unwrap();
    std::fs::write(&exports, "in the way").unwrap();
    shop.place.run(&["drain", "--timeout", "2s"]);
    let by = ["--reason", "another's card", "--operator", "ann"];
    shop.place
        .ok(&[&["match", "undo", "--payment", "paid"][..], &by].concat());
    assert_eq!(verdict(&shop, &[]), "OPEN_UNDONE");
}

#[test]
fn wrong_usage_is_named() {
    let shop = Shop::of("wasabi-club");
    for (options, words) in [
        (&["--amount", "10.00"][..], "--date"),
        (&["--date", "2026-06-02"], "--amount"),
        (
            &["--amount", "ten", "--date", "2026-06-02"],
            "write it as on the receipt",
        ),
        (
            &["--amount", "1", "--date", "June"],
            "write 2026-06-02, 2026-06-02T15:46",
        ),
        (
            &[
                "--amount",
                "1",
                "--date",
                "2026-06-02",
                "--last-four",
                "41234",
            ],
            "exactly four digits",
        ),
        (
            &["--amount", "1", "--date", "2026-06-02", "--within", "25h"],
            "at most 24h",
        ),
        (
            &[
                "--amount",
                "1",
                "--date",
                "2026-06-02",
                "--currency",
                "pounds",
            ],
            "GBP",
        ),
        (
            &[
                "--amount",
                "1",
                "--date",
                "2026-06-02",
                "--scheme",
                "nobody",
            ],
            "no scheme",
        ),
        (
            &["--amount", "1", "--date", "2026-06-02", "--card", " "],
            "--card is empty",
        ),
        (
            &[
                "--amount",
                "1",
                "--date",
                "2026-06-02",
                "--card",
                "x",
                "--loyalty-id",
                "y",
            ],
            "cannot be used with",
        ),
    ] {
        let answer = shop.place.run(&[&["claim"][..], options].concat());
        assert_says(&answer, 2, &[words]);
        assert!(!answer.err.contains("41234"), "{}", answer.err);
    }
}

/// A generated world, of which it is known what went wrong with each payment.
#[test]
fn payments_of_a_generated_world_are_answered_as_its_truth_has_it() {
    let place = Place::new();
    place.ok(&["demo", "-n", "3000"]);
    let truth = std::fs::read_to_string(place.path("data/demo/truth.csv")).unwrap();
    let database = place.database();
    let mut asked: BTreeMap<&str, u32> = BTreeMap::new();
    for line in truth.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let verdicts: &[&str] = match fields[2] {
            "" | "duplicate" => &["DELIVERED"],
            "unlinked_card" => &["CARD_NOT_LINKED"],
            "ambiguous" => &["OPEN_AMBIGUOUS"],
            "clock_skew" => &["OPEN_NEAR_MISS"],
            "wrong_amount" | "no_sale" => &["NOT_RECEIVED_SALE", "OPEN_NEAR_MISS"],
            _ => continue,
        };
        let count = asked.entry(fields[2]).or_default();
        if fields[0].is_empty() || *count >= 6 {
            continue;
        }
        *count += 1;
        let found = "SELECT amount, date, card_token FROM payment WHERE transaction_id = ?1";
        let (minor, date, token): (i64, i64, String) = database
            .query_row(found, [fields[0]], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        let amount = format!("{}.{:02}", minor / 100, minor % 100);
        let date = jiff::Timestamp::from_microsecond(date).unwrap().to_string();
        let told = place.json(&[
            "claim", "--amount", &amount, "--date", &date, "--within", "10m", "--card", &token,
        ]);
        let verdict = told[0]["verdict"].as_str().unwrap();
        assert!(verdicts.contains(&verdict), "{line}: {}", told[0]);
    }
    assert_eq!(asked.len(), 7, "{asked:?}");
    assert!(asked.values().all(|count| *count >= 5), "{asked:?}");
}
