//! The binary on PostgreSQL: the same as on SQLite. Without a server (`s/services start`), each test
//! says `LEFT OUT` and passes.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/cluster.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod cluster;
#[path = "../support/database.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod database;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with tests that look at more")]
mod support;

mod migrating;
mod purging;
mod sql;
mod tls;

use database::Database;
use support::Place;

#[test]
fn the_demo_runs_on_postgres_as_it_does_on_sqlite() {
    let Some(database) = Database::of_tests() else {
        return;
    };
    let place = Place::new().with("TXM_POSTGRES_URI", database.uri());
    let first = place.json(&["demo", "-n", "2000"])[0].clone();
    let again = place.json(&["demo", "-n", "2000"])[0].clone();
    place.ok(&["audit"]);
    let migrated = place.json(&["migrate"]);
    let states = migrated[0].as_array().unwrap().iter();
    assert!(
        states
            .map(|row| &row["state"])
            .all(|state| state == "applied")
    );
    let sqlite = Place::new().json(&["demo", "-n", "2000"])[0].clone();
    for what in [
        "imported",
        "newly_matched",
        "newly_delivered",
        "status",
        "score",
    ] {
        assert_eq!(first[what], sqlite[what], "{what}");
    }
    assert_eq!(again["imported"]["new"], 0);
    assert_eq!(
        (&again["newly_matched"], &again["newly_delivered"]),
        (&0.into(), &0.into())
    );
    let delivered = "SELECT count(*)::text FROM export_transaction WHERE status = 'DELIVERED'";
    assert_eq!(
        database.texts(delivered),
        [first["newly_delivered"].to_string()]
    );
    assert!(!place.path("data/harmonia.sqlite3").exists());
}

#[test]
fn a_server_that_is_not_there_is_told_of_without_the_password() {
    let uri = "postgres://harmonia:canary-9@127.0.0.1:1/harmonia";
    let place = Place::new().with("TXM_POSTGRES_URI", uri);
    let answer = place.run(&["status"]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.err.contains("127.0.0.1"), "{}", answer.err);
    assert!(answer.err.contains("TXM_POSTGRES_URI"), "{}", answer.err);
    assert!(!answer.err.contains("canary-9"), "{}", answer.err);
}
