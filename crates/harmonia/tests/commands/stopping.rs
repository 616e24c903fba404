//! Told to stop within a big file: the batch in hand is finished, the file is let go, and the next
//! import goes on with exact counts.

use crate::signal::terminate;
use crate::support::{Answer, Place};
use crate::town::{SCHEME, sale, town};
use crate::{assert_has, assert_says};
use std::process::Child;
use std::time::{Duration, Instant};

/// More than can be read before anybody looks.
const RECORDS: usize = 60_000;
/// How long a stop may take.
const SOON: Duration = Duration::from_secs(5);

fn big_file() -> String {
    let records = (0..RECORDS).map(|number| sale(&format!("sale-{number}"), "12:00:00", 100));
    records.collect::<Vec<_>>().join("\u{1e}")
}

fn count(place: &Place, query: &str) -> usize {
    let database = place.database();
    database.query_row(query, [], |row| row.get(0)).unwrap()
}

fn taken(place: &Place) -> usize {
    count(place, "SELECT count(*) FROM import_transaction")
}

/// Stops a process as soon as some of the file is in, and wants it to end soon.
fn stop_within(place: &Place, process: Child) -> Answer {
    let before = taken(place);
    let deadline = Instant::now() + Duration::from_secs(60);
    while taken(place) == before {
        assert!(Instant::now() < deadline, "nothing is imported");
        std::thread::sleep(Duration::from_millis(2));
    }
    let asked = Instant::now();
    terminate(&process);
    let answer = Answer::of(&process.wait_with_output().unwrap());
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    let held = "SELECT queue FROM job WHERE lease_holder IS NOT NULL OR leased_until <> 0";
    assert_eq!(place.texts(held), [""; 0]);
    let states = "SELECT state || ' ' || (records_read = new) FROM import_file_log";
    assert_eq!(place.texts(states), ["IMPORTING 1"]);
    let now = taken(place);
    assert!(before < now && now < RECORDS, "{now} of {RECORDS}");
    place.ok(&["audit"]);
    answer
}

fn expect_whole(place: &Place, done: &serde_json::Value, before: usize) {
    assert_eq!(done["state"], "IMPORTED");
    assert_eq!(done["new"], RECORDS - before, "{done}");
    let log = "SELECT state || ' ' || new || ' ' || duplicate || ' ' || records_read
               FROM import_file_log";
    assert_eq!(
        place.texts(log),
        [format!("IMPORTED {RECORDS} 0 {RECORDS}")]
    );
    assert_eq!(taken(place), RECORDS);
    place.ok(&["audit"]);
}

#[test]
fn an_import_that_is_stopped_goes_on_where_it_was() {
    let place = town().with("TXM_BATCH_SIZE", 200);
    let file = place.write("big.dat", big_file());
    let import = ["import", SCHEME, &file, "nowhere.dat"];
    let answer = stop_within(&place, place.command(&import).spawn().unwrap());
    assert_says(
        &answer,
        1,
        &["nowhere.dat: it was told to stop before this file"],
    );
    assert_has(&answer.out, &["STOPPED", "it goes on from here"]);
    stop_within(&place, place.command(&import).spawn().unwrap());
    let before = taken(&place);
    let done = &place.json(&["import", SCHEME, &file])[0][0];
    expect_whole(&place, done, before);
}

#[test]
fn everything_in_one_process_stops_within_a_file() {
    let place = town().with("TXM_BATCH_SIZE", 200);
    place.write(&format!("files/imports/{SCHEME}/big.dat"), big_file());
    let answer = stop_within(&place, place.command(&["run"]).spawn().unwrap());
    assert_says(
        &answer,
        0,
        &[
            "stopping: finishing what is in hand",
            "stopped within a file",
        ],
    );
    assert_has(&answer.out, &["stopped; nothing is left in hand"]);
    assert!(
        place
            .path(&format!("files/imports/{SCHEME}/big.dat"))
            .exists()
    );
    let before = taken(&place);
    let done = &place.json(&["import", SCHEME, "--once"])[0][0];
    expect_whole(&place, done, before);
}
