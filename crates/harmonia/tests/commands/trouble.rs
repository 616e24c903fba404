//! What may be in the way of the database: an error that says what to do, never a panic, and
//! nothing written.

use crate::support::Place;
use crate::town::{MIDS, town};
use crate::{assert_has, assert_says};
use rusqlite::Connection;

#[test]
fn the_schema_is_told_brought_up_to_date_and_left_alone() {
    let place = Place::new();
    let pending = place.json(&["migrate", "--status"]);
    assert_eq!(pending[0][0]["state"], "pending");
    assert!(!place.path("data").exists(), "asking creates nothing");
    let applied = place.json(&["migrate"]);
    assert_eq!(applied[0][0]["state"], "applied");
    assert_eq!(place.json(&["migrate"]), applied);
    assert_has(
        &place.ok(&["migrate", "--status"]),
        &["migration", "journey", "applied"],
    );
}

#[test]
fn a_data_folder_that_cannot_be_written_is_an_error_that_names_its_setting() {
    // Below a regular file nobody can make a folder, root neither.
    let place = Place::new();
    let file = place.write("file", "");
    let data = format!("{file}/data");
    let place = place.with("TXM_DATA_DIR", &data);
    for arguments in [
        &["status"][..],
        &["drain"],
        &["mids", "list"],
        &["demo"],
        &["migrate"],
    ] {
        assert_says(
            &place.run(arguments),
            1,
            &[&data, "Set TXM_DATA_DIR to a folder"],
        );
    }
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let place = Place::new();
    let text = "this is a letter to my grandmother, and no database at all";
    place.write("data/harmonia.sqlite3", text);
    for arguments in [
        &["status"][..],
        &["drain"],
        &["migrate"],
        &["migrate", "--status"],
    ] {
        let answer = place.run(arguments);
        assert_says(
            &answer,
            1,
            &["harmonia.sqlite3 is not an SQLite database: move it away"],
        );
    }
    assert_eq!(
        std::fs::read_to_string(place.path("data/harmonia.sqlite3")).unwrap(),
        text
    );
}

#[test]
fn a_schema_that_is_not_ours_is_refused() {
    let place = town();
    let database = Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    database.execute_batch("DROP INDEX pairing_sale").unwrap();
    assert_says(
        &place.run(&["status"]),
        1,
        &["was changed by hand: \"pairing_sale\" is missing"],
    );
    database
        .execute_batch("INSERT INTO schema_migration (number, name, checksum) VALUES (99, 'x', '')")
        .unwrap();
    assert_says(&place.run(&["drain"]), 1, &["was made by a newer Harmonia"]);
    assert_says(
        &place.run(&["migrate", "--status"]),
        1,
        &["was made by a newer Harmonia"],
    );
}

#[test]
fn a_locked_database_can_be_read_and_says_who_must_let_go_before_it_is_written() {
    let place = town();
    let other = Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    place.ok(&["status"]);
    place.ok(&["audit"]);
    let started = std::time::Instant::now();
    let words = ["the database is locked by another program: close what else has it open"];
    assert_says(
        &place.run(&["mids", "import", &place.write("m.csv", more_mids())]),
        1,
        &words,
    );
    assert!(started.elapsed().as_secs() < 30, "it gives up in a while");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(
        place.json(&["mids", "list"])[0].as_array().unwrap().len(),
        1
    );
}

#[test]
fn a_database_that_is_locked_for_a_moment_is_waited_for() {
    let place = town();
    let other = Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let file = place.write("m.csv", more_mids());
    let waiting = place.command(&["mids", "import", &file]).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    other.execute_batch("ROLLBACK").unwrap();
    assert!(waiting.wait_with_output().unwrap().status.success());
    assert_eq!(
        place.json(&["mids", "list"])[0].as_array().unwrap().len(),
        2
    );
}

fn more_mids() -> String {
    MIDS.replace("shop-1", "shop-2")
}

#[test]
fn a_key_that_is_gone_or_another_is_refused_once_something_is_sealed() {
    let place = crate::town::town();
    let key = place.path("data/encryption.key");
    let sound = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert_says(
        &place.run(&["status"]),
        1,
        &["encryption.key", "restore it from a backup"],
    );
    assert!(!key.exists(), "no new key may take its place");
    std::fs::write(&key, [7; 32]).unwrap();
    assert_says(&place.run(&["status"]), 1, &["is not the one that sealed"]);
    std::fs::write(&key, sound).unwrap();
    place.ok(&["status"]);
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("data")).unwrap();
    let path = place.path("data/harmonia.sqlite3");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE songs (id)").unwrap();
    assert_says(
        &place.run(&["status"]),
        1,
        &["another program", "songs", "TXM_DATA_DIR"],
    );
    let tables = "SELECT count(*) FROM sqlite_schema";
    let count: i64 = other.query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1);
}
