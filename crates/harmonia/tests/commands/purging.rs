//! Configuration while Harmonia runs, and purging: asked first, for ever, and nothing twice.

use crate::support::Place;
use crate::town::{PROVIDER, SCHEME, import, payment, sale, town, work};
use crate::{assert_has, assert_says};
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// Makes everything that was done seem done so many days earlier.
fn age(place: &Place, days: i64) {
    let database = Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    let us = days * 86_400_000_000;
    for table in [
        "payment",
        "sale",
        "pairing",
        "import_transaction",
        "export_attempt",
    ] {
        let older = format!("UPDATE {table} SET created_at = created_at - {us}");
        database.execute_batch(&older).unwrap();
    }
}

fn count(place: &Place, table: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {table}");
    place
        .database()
        .query_row(&query, [], |row| row.get(0))
        .unwrap()
}

/// A town with a pair that is matched and told, an open payment and an unpaid sale.
fn lived_in() -> (Place, Vec<String>, Vec<String>) {
    let place = town();
    let sales = [sale("s1", "10:00:00", 1099), sale("s2", "11:00:00", 500)];
    let payments = [
        payment("p1", "10:00:00", 1099, "token-1"),
        payment("p2", "12:00:00", 700, "token-9"),
    ];
    work(&place, &sales, &payments);
    (place, sales.to_vec(), payments.to_vec())
}

#[test]
fn purging_asks_first() {
    let (place, ..) = lived_in();
    age(&place, 300);
    let answer = place.run(&["purge", "--days", "60"]);
    assert_says(
        &answer,
        2,
        &["1 payments, 2 sales, 1 matches, 1 exports", "say --yes"],
    );
    assert_eq!((count(&place, "payment"), count(&place, "sale")), (2, 2));
    assert_says(
        &place.run(&["purge", "--yes"]),
        2,
        &["--days 60", "retention-days"],
    );
    assert_says(
        &place.run(&["purge", "--days", "0", "--yes"]),
        2,
        &["--days"],
    );
    assert_eq!(count(&place, "retention"), 0, "nothing was made known");
}

#[test]
fn what_is_purged_is_gone_and_never_comes_in_again() {
    let (place, sales, payments) = lived_in();
    // Imported today: nothing goes, but what is new and old is too old from now on.
    let told = &place.json(&["purge", "--days", "60", "--yes"])[0];
    assert_eq!(
        (&told["purged"]["payments"], &told["purged"]["sales"]),
        (&0.into(), &0.into())
    );
    let known = import(&place, PROVIDER, &payments);
    assert_eq!(
        (&known["duplicate"], &known["rejected"]),
        (&2.into(), &0.into())
    );
    age(&place, 300);
    let told = &place.json(&["purge", "--days", "60", "--yes"])[0];
    assert_eq!(
        told["purged"],
        serde_json::json!({"payments": 1, "sales": 2, "matches": 1, "exports": 1,
                           "rejects": 0, "attempts": 0})
    );
    place.ok(&["audit"]);
    assert_eq!((count(&place, "payment"), count(&place, "sale")), (1, 0));
    for table in ["pairing", "export", "delivery", "user_identity"] {
        assert_eq!(count(&place, table), 0, "{table}");
    }
    assert_eq!(count(&place, "import_transaction"), 1);

    let preview = place.write("again.dat", payments.join("\u{1e}"));
    let told = &place.json(&["import", PROVIDER, &preview, "--preview"])[0][0];
    assert_eq!(
        (&told["duplicate"], &told["rejected"]),
        (&1.into(), &1.into())
    );
    let again = import(&place, PROVIDER, &payments);
    assert_eq!(
        (&again["duplicate"], &again["rejected"]),
        (&1.into(), &1.into())
    );
    let again = import(&place, SCHEME, &sales);
    assert_eq!((&again["new"], &again["rejected"]), (&0.into(), &2.into()));
    assert_has(
        &place.ok(&["rejects", "list"]),
        &["TOO_OLD", "p1", "s1", "is not taken again"],
    );
    place.ok(&["drain"]);
    place.ok(&["audit"]);
    assert_eq!((count(&place, "payment"), count(&place, "sale")), (1, 0));
}

#[test]
fn purging_that_was_killed_is_begun_again() {
    let place = Place::new();
    place.ok(&["demo", "-n", "4000"]);
    age(&place, 300);
    let before = count(&place, "pairing");
    let mut purging = place
        .command(&["purge", "--days", "60", "--yes"])
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while count(&place, "pairing") == before && purging.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "nothing goes");
        std::thread::sleep(Duration::from_millis(1));
    }
    purging.kill().unwrap();
    purging.wait().unwrap();
    place.ok(&["audit"]);
    place.ok(&["purge", "--days", "60", "--yes"]);
    place.ok(&["audit"]);
    assert_eq!((count(&place, "pairing"), count(&place, "sale")), (0, 0));
    assert_eq!(count(&place, "payment"), count(&place, "open_payment"));
    let again = place.json(&["purge", "--days", "60", "--yes"]);
    assert_eq!(again[0]["purged"]["payments"], 0);
}

#[test]
fn configuration_is_listed_set_and_unset() {
    let place = Place::new();
    let key = "txmatch:config:retention-days";
    assert_has(&place.ok(&["config", "list"]), &[key, "keep everything"]);
    assert_eq!(place.ok(&["config", "get", key]), "\n");
    assert_has(
        &place.ok(&["config", "set", "retention-days", "60"]),
        &[key, "= 60"],
    );
    assert_eq!(place.ok(&["config", "get", "retention-days"]), "60\n");
    assert_eq!(place.json(&["config", "list"])[0][0]["value"], "60");
    assert_says(
        &place.run(&["config", "set", key, "soon"]),
        2,
        &["txmatch:config:retention-days=\"soon\": write a whole number of days"],
    );
    assert_says(&place.run(&["config", "set", key, "-1"]), 2, &["from 2 to"]);
    for action in ["get", "unset"] {
        let answer = place.run(&["config", action, "retention"]);
        assert_says(
            &answer,
            2,
            &["there is no configuration key \"retention\"", key],
        );
    }
    assert_eq!(place.ok(&["config", "get", key]), "60\n");
    place.ok(&["config", "unset", key]);
    assert_eq!(
        place.json(&["config", "get", key])[0]["value"],
        serde_json::Value::Null
    );
}
