//! What people do by hand: make a match, undo one, confirm what another asked for; and the log of it.

use crate::town::{PROVIDER, SCHEME, import, pairs, payment, sale, town, work};
use crate::{assert_has, assert_says};
use serde_json::json;

/// A payment and a sale that no rule puts together.
fn apart() -> crate::support::Place {
    let place = town();
    work(
        &place,
        &[sale("sale-1", "12:00:05", 1099)],
        &[payment("pay-1", "12:00:00", 1099, "token-1")],
    );
    assert_eq!(pairs(&place), []);
    place
}

const WHY: [&str; 4] = ["--reason", "the till's clock", "--operator", "ann"];

#[test]
fn a_person_makes_a_match_which_is_told_like_any() {
    let place = apart();
    let force = [
        &["match", "force", "--payment", "pay-1", "--sale", "sale-1"][..],
        &WHY,
    ]
    .concat();
    let told = &place.json(&force)[0];
    assert_eq!(told["outcome"], "done");
    place.ok(&["drain"]);
    assert_eq!(pairs(&place), [("pay-1".into(), "sale-1".into())]);
    let row = &place.json(&["matches"])[0];
    assert_eq!(
        (&row["matching_type"], &row["operator"], &row["reason"]),
        (&json!("FORCED"), &json!("ann"), &json!("the till's clock"))
    );
    assert_eq!(
        place
            .json(&["exports", "list", "--status", "DELIVERED"])
            .len(),
        1
    );
    assert_has(
        &place.ok(&["audit", "--log"]),
        &["ann", "match.force", "pay-1", "sale-1"],
    );
    place.ok(&["audit"]);

    // Once is once, and what the merchant was told stays told.
    let again = place.run(&force);
    assert_says(
        &again,
        1,
        &["payment pay-1", "not pending", "MATCHED", "undo"],
    );
    let undo = [&["match", "undo", "--payment", "pay-1"][..], &WHY].concat();
    assert_says(&place.run(&undo), 1, &["cannot be undone", "DELIVERED"]);
}

#[test]
fn what_stands_in_the_way_of_a_match_is_named_and_nothing_changes() {
    let place = apart();
    import(
        &place,
        PROVIDER,
        &[payment("stranger", "12:00:00", 5, "token-9")],
    );
    place.ok(&["drain"]);
    let force = |payment: &str, sale: &str| {
        let words = ["match", "force", "--payment", payment, "--sale", sale];
        place.run(&[&words[..], &WHY].concat())
    };
    assert_says(&force("pay-9", "sale-1"), 1, &["no payment pay-9"]);
    assert_says(&force("pay-1", "sale-9"), 1, &["no sale sale-9"]);
    assert_says(&force("stranger", "sale-1"), 1, &["UNIDENTIFIED", "linked"]);
    let nameless = [
        "match",
        "force",
        "--payment",
        "pay-1",
        "--sale",
        "sale-1",
        "--reason",
        " ",
    ];
    assert_says(&place.run(&nameless), 2, &["--reason"]);
    assert_eq!(pairs(&place), []);
    let log = place.ok(&["audit", "--log"]);
    assert!(!log.contains("match."), "{log}");
    place.ok(&["audit"]);
}

#[test]
fn an_undone_match_frees_both_sides_and_no_rule_makes_it_again() {
    let place = town();
    import(&place, SCHEME, &[sale("sale-1", "12:00:00", 1099)]);
    import(
        &place,
        PROVIDER,
        &[payment("pay-1", "12:00:00", 1099, "token-1")],
    );
    // Matched, but not told: the merchant's folder cannot be written.
    let exports = place.path("files/exports");
    std::fs::create_dir_all(exports.parent().unwrap()).unwrap();
    std::fs::write(&exports, "in the way").unwrap();
    place.run(&["drain", "--timeout", "2s"]);
    assert_eq!(pairs(&place), [("pay-1".into(), "sale-1".into())]);

    let undo = [&["match", "undo", "--payment", "pay-1"][..], &WHY].concat();
    assert_eq!(place.json(&undo)[0]["outcome"], "done");
    std::fs::remove_file(&exports).unwrap();
    place.ok(&["drain"]);
    let open = "SELECT status || ' ' || pending_reason FROM payment_transaction";
    assert_eq!(place.texts(open), ["PENDING UNDONE"]);
    assert_eq!(
        place.texts("SELECT status FROM scheme_transaction"),
        ["PENDING"]
    );
    assert_eq!(
        place.texts("SELECT status FROM export_transaction"),
        ["CANCELLED"]
    );
    assert!(!exports.join("example-loyalty-scheme").exists());
    assert_has(
        &place.ok(&["lifecycle", "pay-1"]),
        &["undone", "ann", "the till's clock"],
    );

    // Another payment may have the sale, another sale the payment.
    import(
        &place,
        PROVIDER,
        &[payment("pay-2", "12:00:00", 1099, "token-1")],
    );
    place.ok(&["drain"]);
    import(&place, SCHEME, &[sale("sale-2", "12:00:00", 1099)]);
    place.ok(&["drain"]);
    let mut found = pairs(&place);
    found.retain(|(payment, sale)| (&**payment, &**sale) != ("pay-1", "sale-1"));
    found.sort();
    let expected = [("pay-1", "sale-2"), ("pay-2", "sale-1")];
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    place.ok(&["audit"]);
}

#[test]
fn above_the_limit_two_people_are_needed() {
    let place = apart();
    place.ok(&["config", "set", "two-people-above", "1000"]);
    let force = |who: &'static str| {
        let words = ["match", "force", "--payment", "pay-1", "--sale", "sale-1"];
        let why = ["--reason", "it is right", "--operator", who];
        [&words[..], &why].concat()
    };
    assert_has(&place.ok(&force("ann")), &["a second"]);
    assert_has(&place.ok(&["match", "proposals"]), &["match.force", "ann"]);
    assert_says(&place.run(&force("ann")), 1, &["ann", "second person"]);
    assert_eq!(pairs(&place), []);
    assert_has(&place.ok(&force("bob")), &["matched"]);
    assert_eq!(pairs(&place).len(), 1);
    assert_eq!(
        place.ok(&["match", "proposals"]),
        "nothing waits for a second person\n"
    );
    assert_has(
        &place.ok(&["audit", "--log"]),
        &[
            "match.force.propose",
            "ann",
            "match.force",
            "bob",
            "proposed_by",
        ],
    );
    place.ok(&["audit"]);
}

#[test]
fn a_log_that_was_changed_is_found_out() {
    let place = apart();
    let force = ["match", "force", "--payment", "pay-1", "--sale", "sale-1"];
    place.ok(&[&force[..], &WHY].concat());
    place.ok(&["audit"]);
    let database = rusqlite::Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    database
        .execute("UPDATE audit_log SET operator = 'eve'", [])
        .unwrap();
    drop(database);
    let audit = place.run(&["audit"]);
    assert_eq!(audit.code, Some(1));
    assert_has(&audit.out, &["follows from the one before it"]);
}
