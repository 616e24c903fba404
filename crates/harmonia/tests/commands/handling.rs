//! What people do to exports: keep them back, let them go, give them up; and the log of it.

use crate::town::{payment, sale, town, work};
use crate::{assert_has, assert_says};

const WHY: [&str; 4] = ["--reason", "the shop is closed", "--operator", "ann"];

fn with_why<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &WHY].concat()
}

/// A match that a person made, of which its merchant is not told yet.
fn matched() -> crate::support::Place {
    let place = town();
    work(
        &place,
        &[sale("sale-1", "12:00:05", 1099)],
        &[payment("pay-1", "12:00:00", 1099, "token-1")],
    );
    let force = ["match", "force", "--payment", "pay-1", "--sale", "sale-1"];
    place.ok(&with_why(&force));
    place
}

fn states(place: &crate::support::Place) -> Vec<String> {
    let rows = place.json(&["exports", "list"]);
    let state = |row: &serde_json::Value| row["status"].as_str().unwrap().to_owned();
    rows.iter().map(state).collect()
}

#[test]
fn an_export_is_kept_back_until_it_is_let_go() {
    let place = matched();
    // The count comes first, and nobody is there to say yes.
    let hold = with_why(&["exports", "hold", "--status", "PENDING"]);
    assert_says(&place.run(&hold), 2, &["exports.hold: 1 PENDING", "--yes"]);
    assert_eq!(states(&place), ["PENDING"]);
    place.ok(&[&hold[..], &["--yes"]].concat());
    place.ok(&["drain"]);
    assert_eq!(states(&place), ["HELD"]);
    let held = &place.json(&["exports", "list", "--status", "held"])[0];
    assert_eq!(held["status_reason"], "ann: the shop is closed");
    let number = held["id"].to_string();
    let release = with_why(&["exports", "release", &number, "--yes"]);
    place.ok(&release);
    place.ok(&["drain"]);
    assert_eq!(states(&place), ["DELIVERED"]);
    let log = place.ok(&["audit", "--log"]);
    assert_has(&log, &["ann", "exports.hold", "exports.release"]);
    place.ok(&["audit"]);

    // What the merchant was told stays told.
    for verb in ["hold", "release", "cancel", "retry", "delivered"] {
        let again = with_why(&["exports", verb, &number, "--yes"]);
        assert_says(
            &place.run(&again),
            1,
            &["export", "is DELIVERED", "only what is"],
        );
    }
}

#[test]
fn what_is_given_up_is_never_told() {
    let place = matched();
    let cancel = with_why(&["exports", "cancel", "--since", "2020-01-01", "--yes"]);
    place.ok(&cancel);
    place.ok(&["drain"]);
    assert_eq!(states(&place), ["CANCELLED"]);
    place.ok(&["audit"]);
    let none = with_why(&["exports", "retry", "--status", "CANCELLED", "--yes"]);
    assert_has(&place.ok(&none), &["none of these"]);
}

#[test]
fn which_exports_are_meant_has_to_be_said() {
    let place = matched();
    let all = with_why(&["exports", "hold", "--yes"]);
    assert_says(&place.run(&all), 2, &["which exports?"]);
    let unknown = with_why(&["exports", "hold", "99", "--yes"]);
    assert_says(&place.run(&unknown), 2, &["no export 99", "exports list"]);
    let state = with_why(&["exports", "hold", "--status", "LOST", "--yes"]);
    assert_says(&place.run(&state), 2, &["LOST is not a state", "UNCERTAIN"]);
    assert_eq!(states(&place), ["PENDING"]);
}
