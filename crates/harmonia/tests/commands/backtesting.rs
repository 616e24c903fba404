//! `harmonia backtest`: what a changed agent file would have made of the past.

use crate::support::Place;
use crate::town::{SCHEME, payment, sale, town, work};
use crate::{assert_has, assert_says};
use serde_json::{Value, json};
use std::path::Path;

/// The scheme's agent file with another `[matching]`; gives its path.
fn changed(place: &Place, matching: &str) -> String {
    write_agent(place, "changed", matching)
}

fn write_agent(place: &Place, folder: &str, matching: &str) -> String {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    let file = format!("{SCHEME}.toml");
    let text = std::fs::read_to_string(own.join(&file)).unwrap();
    let (before, rest) = text.split_once("[matching]").unwrap();
    let (_, after) = rest.split_once("[export]").unwrap();
    place.write(
        &format!("{folder}/{file}"),
        format!("{before}{matching}\n[export]{after}"),
    )
}

const IN_FORCE: &str =
    "[matching]\nkind = \"loyalty\"\n[matching.default]\nkeep = [\"exact_time\"]\n";

fn within(seconds: u32) -> String {
    format!("[matching]\ntolerance = \"{seconds}s\"\n[matching.default]\nkeep = [\"time\"]\n")
}

/// Runs it, wants the database to be, byte for byte, what it was, and gives what it said.
#[track_caller]
fn backtest(place: &Place, file: &str, more: &[&str]) -> Value {
    let database = || std::fs::read(place.path("data/harmonia.sqlite3")).unwrap();
    let before = database();
    let said = place.json(&[&["backtest", "--agent", file], more].concat());
    assert!(before == database(), "a backtest has written");
    said[0].clone()
}

/// Won, lost, changed, same, open.
fn counts(comparison: &Value) -> [u64; 5] {
    ["won", "lost", "changed", "same", "open"]
        .map(|kind| comparison[kind]["count"].as_u64().unwrap())
}

/// Two purchases that match by the rule in force, and one payment that is five seconds off.
fn past() -> Place {
    let place = town();
    let sales = [
        sale("s1", "12:00:00", 1099),
        sale("s2", "13:00:00", 500),
        sale("s3", "14:00:05", 250),
    ];
    let payments = [
        payment("p1", "12:00:00", 1099, "token-1"),
        payment("p2", "13:00:00", 500, "token-1"),
        payment("p3", "14:00:00", 250, "token-1"),
        payment("p4", "15:00:00", 250, "token-2"),
    ];
    work(&place, &sales, &payments);
    place
}

#[test]
fn the_rules_in_force_change_nothing() {
    let place = past();
    let file = changed(&place, IN_FORCE);
    let said = backtest(&place, &file, &[]);
    for comparison in ["against_history", "against_in_force"] {
        assert_eq!(counts(&said[comparison]), [0, 0, 0, 2, 1], "{said:#}");
    }
    assert_eq!(
        said["against_history"]["same"]["amount_minor"],
        json!({"GBP": 1599})
    );
    assert_eq!(
        said["unidentified"],
        json!({"count": 1, "amount_minor": {"GBP": 250}})
    );
    assert_eq!(
        (&said["sales"], &said["differences"]),
        (&json!(3), &json!([]))
    );
    let text = place.ok(&["backtest", "--agent", &file]);
    assert_has(
        &text,
        &[
            "example-loyalty-scheme: 3 payments (GBP 18.49) against 3 sales",
            "left out: 1 payments (GBP 2.50) whose card is not known",
            "no match was made by a person",
        ],
    );
}

#[test]
fn a_looser_rule_wins_matches_and_says_which_step_let_them_in() {
    let place = past();
    let file = changed(&place, &within(5));
    let said = backtest(&place, &file, &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [1, 0, 0, 2, 0],
        "{said:#}"
    );
    assert_eq!(
        counts(&said["against_in_force"]),
        [1, 0, 0, 2, 0],
        "{said:#}"
    );
    let won = &said["differences"][0];
    assert_eq!(
        (
            &won["change"],
            &won["payment"]["transaction_id"],
            &won["new_sale"]["transaction_id"]
        ),
        (&json!("won"), &json!("p3"), &json!("s3"))
    );
    assert_eq!(
        (&won["before"], &won["old_sale"]),
        (&json!("open, NO_SALE"), &json!(null))
    );
    assert_eq!(won["evidence"]["gap_us"], 5_000_000);
    assert_eq!(won["in_force_too"], false);
    assert_has(
        won["because"][0].as_str().unwrap(),
        &[
            "the rules in force keep the new sale away: keep \"exact_time\"",
            "too far by 5 s",
        ],
    );
    let four = changed(&place, &within(4));
    assert_eq!(
        counts(&backtest(&place, &four, &[])["against_history"]),
        [0, 0, 0, 2, 1]
    );
}

#[test]
fn a_tighter_rule_loses_matches_and_says_which_step_they_fail() {
    let place = past();
    let matching = IN_FORCE.replace("[\"exact_time\"]", "[\"exact_time\", \"last_four\"]");
    let file = changed(&place, &matching);
    let said = backtest(&place, &file, &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [0, 2, 0, 0, 1],
        "{said:#}"
    );
    assert_eq!(
        said["against_history"]["lost"]["amount_minor"],
        json!({"GBP": 1599})
    );
    let text = place.ok(&["backtest", "--agent", &file, "--limit", "1"]);
    assert_has(
        &text,
        &[
            "lost p1 (",
            "matched with s1 (",
            "→ open, NO_SALE",
            "the changed rules keep the old sale away: keep \"last_four\": last_four differs",
        ],
    );
    assert!(!text.contains("lost p2"), "one of a kind is shown:\n{text}");
}

#[test]
fn a_payment_may_get_another_sale_because_an_earlier_one_takes_its_own() {
    let place = town();
    let sales = [sale("s1", "12:00:00", 1099), sale("s2", "12:00:40", 1099)];
    let payments = [
        payment("early", "11:59:40", 1099, "token-1"),
        payment("p1", "12:00:00", 1099, "token-1"),
    ];
    work(&place, &sales, &payments);
    let said = backtest(&place, &changed(&place, &within(40)), &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [1, 0, 1, 0, 0],
        "{said:#}"
    );
    let other = &said["differences"][1];
    assert_eq!(
        [
            &other["change"],
            &other["old_sale"]["transaction_id"],
            &other["new_sale"]["transaction_id"]
        ],
        ["changed", "s1", "s2"]
    );
    assert_eq!(other["rival"]["transaction_id"], "early");
    assert_has(
        &other["because"].to_string(),
        &["give the old sale to a payment that came earlier"],
    );
}

#[test]
fn what_becomes_ambiguous_is_lost_and_counted() {
    let place = town();
    let sales = [sale("s1", "12:00:00", 1099), sale("s2", "12:00:40", 1099)];
    work(
        &place,
        &sales,
        &[payment("p1", "12:00:00", 1099, "token-1")],
    );
    let said = backtest(&place, &changed(&place, &within(60)), &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [0, 1, 0, 0, 0],
        "{said:#}"
    );
    let ambiguous = ["ambiguous_before", "ambiguous_after"]
        .map(|name| said["against_history"][name]["count"].as_u64());
    assert_eq!(ambiguous, [Some(0), Some(1)]);
    assert_has(
        &said["differences"][0]["because"].to_string(),
        &["nothing tells them apart"],
    );
}

#[test]
fn what_history_alone_explains_is_not_put_down_to_the_change() {
    let place = town();
    work(
        &place,
        &[sale("s1", "12:00:00", 1099)],
        &[payment("p1", "12:00:00", 1099, "token-1")],
    );
    work(&place, &[sale("twin", "12:00:00", 1099)], &[]);
    let said = backtest(&place, &changed(&place, IN_FORCE), &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [0, 1, 0, 0, 0],
        "{said:#}"
    );
    assert_eq!(
        counts(&said["against_in_force"]),
        [0, 0, 0, 0, 1],
        "{said:#}"
    );
    assert_eq!(said["differences"][0]["in_force_too"], true);
    let text = place.ok(&["backtest", "--agent", &changed(&place, IN_FORCE)]);
    assert_has(
        &text,
        &["not by the change: the rules in force would decide so today as well"],
    );
}

#[test]
fn rules_may_come_and_go_and_sight_may_be_enough() {
    let place = past();
    let on_sight = changed(&place, "[matching]\nkind = \"spotted\"\n");
    let said = backtest(&place, &on_sight, &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [1, 0, 2, 0, 0],
        "{said:#}"
    );
    let won = &said["differences"][0];
    assert_has(
        &won["because"].to_string(),
        &["the changed rules accept payments on sight"],
    );
    let other = &said["differences"][1];
    assert_eq!(
        [&other["before"], &other["after"]],
        ["matched", "accepted on sight"]
    );
    assert_has(
        &other["because"].to_string(),
        &["payments are accepted on sight, without a sale"],
    );
    let none = changed(&place, "");
    let said = backtest(&place, &none, &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [0, 2, 0, 0, 1],
        "{said:#}"
    );
    assert_has(
        &said["differences"][0]["because"].to_string(),
        &["has no [matching] section"],
    );

    let place = town();
    write_agent(&place, "agents", "[matching]\nkind = \"spotted\"\n");
    let provider =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/example-payment-provider.toml");
    place.write(
        "agents/example-payment-provider.toml",
        std::fs::read(provider).unwrap(),
    );
    let agents = place.path("agents").display().to_string();
    let place = place.with("TXM_AGENTS_DIR", agents);
    let payments = [
        payment("p1", "12:00:00", 1099, "token-1"),
        payment("p2", "13:00:00", 500, "token-1"),
    ];
    work(&place, &[sale("s1", "12:00:00", 1099)], &payments);
    let said = backtest(&place, &changed(&place, IN_FORCE), &[]);
    assert_eq!(
        counts(&said["against_history"]),
        [0, 1, 1, 0, 0],
        "{said:#}"
    );
}

#[test]
fn a_range_of_time_leaves_other_payments_their_sales() {
    let place = town();
    let sales = [sale("s1", "12:00:00", 1099)];
    let payments = [
        payment("p1", "12:00:00", 1099, "token-1"),
        payment("p2", "12:00:01", 1099, "token-1"),
    ];
    work(&place, &sales, &payments);
    let file = changed(&place, &within(1));
    let late = backtest(&place, &file, &["--since", "2026-06-02T12:00:01Z"]);
    assert_eq!(
        counts(&late["against_history"]),
        [0, 0, 0, 0, 1],
        "{late:#}"
    );
    let early = backtest(&place, &file, &["--until", "2026-06-02T12:00:01Z"]);
    assert_eq!(
        counts(&early["against_history"]),
        [0, 0, 0, 1, 0],
        "{early:#}"
    );
    let none = backtest(&place, &file, &["--since", "2027-01-01"]);
    assert_eq!(counts(&none["against_history"]), [0; 5], "{none:#}");
}

/// What people matched, written as the store keeps it.
#[test]
fn matches_that_people_made_are_the_truth() {
    let place = town();
    let sales = [
        sale("s1", "12:00:00", 1099),
        sale("s2", "13:00:05", 500),
        sale("s3", "14:00:00", 250),
        sale("s4", "15:00:30", 250),
        sale("s5", "16:00:03", 100),
    ];
    let payments = [
        payment("p1", "12:00:00", 1099, "token-1"),
        payment("p2", "13:00:00", 500, "token-1"),
        payment("p3", "14:00:03", 250, "token-1"),
        payment("p4", "15:00:00", 250, "token-1"),
        payment("p5", "16:00:00", 100, "token-1"),
    ];
    work(&place, &sales, &payments);
    // Within five seconds p2 gets s2 as the person has it, p3 gets s3 against the person, p4 none.
    let database = rusqlite::Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    for (payment, sale, voided) in [("p2", "s2", false), ("p3", "s4", false), ("p5", "s5", true)] {
        let row = format!(
            "INSERT INTO pairing (payment_transaction_id, scheme_transaction_id, scheme_id, \
             matching_type, evidence, match_group, operator, reason, voided_at, voided_by, created_at) \
             SELECT p.id, s.id, p.scheme_id, 'FORCED', '{{}}', p.match_group, 'ann', 'a receipt', \
             {}, p.created_at FROM payment p, sale s \
             WHERE p.transaction_id = '{payment}' AND s.transaction_id = '{sale}'",
            if voided {
                "p.created_at, 'ben'"
            } else {
                "NULL, NULL"
            }
        );
        assert_eq!(database.execute(&row, []).unwrap(), 1);
        if !voided {
            let open = format!(
                "DELETE FROM open_payment WHERE payment_transaction_id = \
                 (SELECT id FROM payment WHERE transaction_id = '{payment}')"
            );
            assert_eq!(database.execute(&open, []).unwrap(), 1);
        }
    }
    drop(database);
    let said = backtest(&place, &changed(&place, &within(5)), &[]);
    assert_eq!(
        said["forced"],
        json!({"count": 2, "amount_minor": {"GBP": 750}})
    );
    let truth = |reproduced: u64, contradicted: u64, missed: u64, precision: Value, recall: f64| {
        json!({"reproduced": reproduced, "contradicted": contradicted, "missed": missed,
            "precision": precision, "recall": recall})
    };
    assert_eq!(
        said["truth_in_force"],
        truth(0, 0, 2, Value::Null, 0.0),
        "{said:#}"
    );
    assert_eq!(
        said["truth_changed"],
        truth(1, 1, 0, json!(0.5), 0.5),
        "{said:#}"
    );
    // p1 as it was; p5, whose match was taken back, is open and would be matched.
    assert_eq!(
        counts(&said["against_history"]),
        [1, 0, 0, 1, 1],
        "{said:#}"
    );
    let miss = &said["misses"][0];
    assert_eq!(
        [&miss["payment"], &miss["sale"], &miss["new_sale"]].map(|row| &row["transaction_id"]),
        ["p3", "s4", "s3"]
    );
    assert_has(
        &miss["because"].to_string(),
        &["keep \\\"time\\\"", "too far by"],
    );
    let text = place.ok(&["backtest", "--agent", &changed(&place, &within(5))]);
    assert_has(
        &text,
        &[
            "by the 2 matches that people made (GBP 7.50)",
            "rules in force: 0 reproduced, 0 contradicted, 2 missed; precision –, recall 0.0000",
            "changed rules: 1 reproduced, 1 contradicted, 0 missed; precision 0.5000, recall 0.5000",
            "a person matched p3 (",
        ],
    );
}

#[test]
fn what_cannot_be_tested_says_why() {
    let place = past();
    let nobody = std::fs::read_to_string(changed(&place, IN_FORCE)).unwrap();
    let nobody = place.write(
        "other/nobody.toml",
        nobody.replace(&format!("\"{SCHEME}\""), "\"nobody\""),
    );
    let wrong = changed(&place, &IN_FORCE.replace("exact_time", "exact"));
    let provider = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/visa.toml");
    for (file, words) in [
        (
            nobody.as_str(),
            ["the scheme nobody is not registered", "TXM_DATA_DIR"],
        ),
        (
            &wrong,
            ["matching.default.keep", "\"exact\" is not a filter"],
        ),
        ("missing.toml", ["cannot read missing.toml", "No such file"]),
        (
            provider.to_str().unwrap(),
            ["a payment provider's file", "name a loyalty scheme's"],
        ),
    ] {
        assert_says(&place.run(&["backtest", "--agent", file]), 1, &words);
    }
    let file = changed(&place, IN_FORCE);
    let range = ["--since", "2026-06-02", "--until", "2026-06-02"];
    let answer = place.run(&[&["backtest", "--agent", &file][..], &range].concat());
    assert_says(&answer, 2, &["no time between --since and --until"]);
}
