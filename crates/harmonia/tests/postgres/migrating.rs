//! Migrations, where many processes are started at once.

use crate::database::Database;
use crate::sql::Sql;
use crate::support::{Answer, Place};
use std::process::Child;

fn place(database: &Database) -> Place {
    Place::new().with("TXM_POSTGRES_URI", database.uri())
}

#[track_caller]
fn ended(process: Child) -> Answer {
    let answer = Answer::of(&process.wait_with_output().unwrap());
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    answer
}

#[test]
fn of_several_that_migrate_at_once_one_does_it() {
    let Some(database) = Database::of_tests() else {
        return;
    };
    // Each on a machine of its own.
    let places: Vec<Place> = (0..4).map(|_| place(&database)).collect();
    let started: Vec<Child> = places
        .iter()
        .map(|place| place.command(&["migrate"]).spawn().unwrap())
        .collect();
    let answers: Vec<Answer> = started.into_iter().map(ended).collect();
    let did = answers
        .iter()
        .filter(|answer| answer.err.contains("schema brought up to date"));
    assert_eq!(did.count(), 1, "{answers:#?}");
    for answer in &answers {
        assert!(answer.out.contains("months"), "{answer:#?}");
        assert!(!answer.out.contains("pending"), "{answer:#?}");
    }
}

#[test]
fn the_status_of_a_schema_is_told_and_nothing_is_changed() {
    let Some(database) = Database::of_tests() else {
        return;
    };
    let place = place(&database);
    let told = &place.json(&["migrate", "--status"])[0];
    let rows = told.as_array().unwrap();
    assert!(rows.iter().all(|row| row["state"] == "pending"), "{told}");
    let sql = Sql::on(&database);
    let made = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(sql.number(made), 0);
    let applied = place.json(&["migrate"]);
    let status = place.json(&["migrate", "--status"]);
    assert_eq!(applied, status);
    assert_eq!(applied[0].as_array().unwrap().len(), rows.len());
}

#[test]
fn who_is_started_while_another_migrates_waits_and_says_so() {
    let Some(database) = Database::of_tests() else {
        return;
    };
    let sql = Sql::on(&database);
    sql.run("BEGIN; SELECT pg_advisory_xact_lock(x'484d0000'::int, 0)");
    let place = place(&database);
    let mut started = place.command(&["status"]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(started.try_wait().unwrap().is_none(), "it waits");
    sql.run("COMMIT");
    let answer = ended(started);
    assert!(
        answer.err.contains("another process migrates"),
        "{answer:#?}"
    );
}

#[test]
fn a_schema_of_a_newer_release_is_refused_with_both_named() {
    let Some(database) = Database::of_tests() else {
        return;
    };
    let place = place(&database);
    let applied = place.json(&["migrate"]);
    let known = &applied[0].as_array().unwrap().last().unwrap()["number"];
    let sql = Sql::on(&database);
    sql.run("INSERT INTO schema_migration VALUES (999, 'later', '', '')");
    for command in [&["status"][..], &["migrate"], &["migrate", "--status"]] {
        let answer = place.run(command);
        assert_eq!(answer.code, Some(1), "{answer:#?}");
        let both = ["migration 999 \"later\"", &format!("up to {known}")];
        for said in both {
            assert!(answer.err.contains(said), "{answer:#?}");
        }
    }
}
