//! Watched folders: files that arrive are read and put away, by `import` and by `run`.

use crate::signal::terminate;
use crate::support::{Answer, Place};
use crate::town::{PROVIDER, SCHEME, pairs, payment, sale, town};
use crate::{assert_has, assert_says, only_file_in};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn arrive(place: &Place, feed: &str, name: &str, bytes: impl AsRef<[u8]>) {
    place.write(&format!("files/imports/{feed}/{name}"), bytes);
}

/// The name of the only day there is an archive of.
fn archive_of(place: &Place, feed: &str) -> String {
    let day = only_file_in(place, "files/archives");
    let day = day.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(day.len() == 10 && day.starts_with("20"), "{day}");
    format!("files/archives/{day}/{feed}")
}

fn wait_until_empty(place: &Place, feed: &str) {
    let folder = place.path(&format!("files/imports/{feed}"));
    let deadline = Instant::now() + PATIENCE;
    while std::fs::read_dir(&folder).unwrap().next().is_some() {
        assert!(Instant::now() < deadline, "the file lies there still");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_file_that_was_read_is_archived_and_one_that_comes_again_is_too() {
    let place = town();
    for copy in ["a.dat", "a.dat.2"] {
        arrive(&place, SCHEME, "a.dat", sale("sale-1", "12:00:00", 100));
        let outcome = place.json(&["import", SCHEME, "--once"])[0][0].clone();
        assert_eq!(outcome["state"], "IMPORTED");
        let archive = place.path(&archive_of(&place, SCHEME)).join(copy);
        assert!(archive.exists(), "{} is missing", archive.display());
    }
    assert_eq!(
        place.texts("SELECT transaction_id FROM scheme_transaction"),
        ["sale-1"]
    );
    assert_eq!(
        place.json(&["import", SCHEME, "--once"])[0],
        serde_json::json!([])
    );
}

#[test]
fn a_file_that_was_refused_is_set_aside_and_the_next_is_read() {
    let place = town();
    arrive(&place, SCHEME, "a.dat", "");
    arrive(&place, SCHEME, "b.dat", sale("sale-1", "12:00:00", 100));
    let answer = place.run(&["import", SCHEME, "--once"]);
    assert_eq!(answer.code, Some(1), "one was refused: {answer:#?}");
    assert_has(&answer.out, &["REFUSED", "the file is empty", "IMPORTED"]);
    assert!(only_file_in(&place, "files/refused/example-loyalty-scheme").ends_with("a.dat"));
    assert!(only_file_in(&place, &archive_of(&place, SCHEME)).ends_with("b.dat"));
    assert_has(
        &place.ok(&["status"]),
        &["files REFUSED", "the file is empty"],
    );
}

#[test]
fn a_file_that_is_still_written_is_left_alone() {
    let place = town();
    for name in ["a.dat.part", ".hidden", "b.tmp"] {
        arrive(&place, SCHEME, name, sale("sale-1", "12:00:00", 100));
    }
    assert_eq!(
        place.json(&["import", SCHEME, "--once"])[0],
        serde_json::json!([])
    );
}

#[test]
fn a_missing_import_folder_is_an_error_that_names_its_setting() {
    let place = town();
    let answer = place.run(&["import", SCHEME, "--once"]);
    let words = [
        "imports/example-loyalty-scheme",
        "Create the folder, or set TXM_LOCAL_IMPORT_BASE_PATH",
    ];
    assert_says(&answer, 1, &words);
    let answer = place.run(&["import", SCHEME, "nowhere.dat"]);
    assert_says(&answer, 1, &["cannot read nowhere.dat"]);
    assert_eq!(answer.out, "nothing was imported\n");
}

#[test]
fn one_missing_file_does_not_keep_the_others_from_being_read() {
    let place = town();
    let good = place.write("good.dat", sale("sale-1", "12:00:00", 100));
    let answer = place.run(&["import", SCHEME, "nowhere.dat", &good, "--json"]);
    assert_says(&answer, 1, &["cannot read nowhere.dat"]);
    assert_eq!(crate::support::documents(&answer.out)[0][0]["new"], 1);
    assert!(
        place.path("good.dat").exists(),
        "a file that was named is not moved"
    );
}

#[test]
fn run_reads_matches_and_delivers_and_stops_cleanly_when_it_is_asked_to() {
    let place = town();
    arrive(&place, SCHEME, "s.dat", sale("sale-1", "12:00:00", 100));
    arrive(
        &place,
        PROVIDER,
        "p.dat",
        payment("pay-1", "12:00:00", 100, "token-1"),
    );
    let process = place.command(&["run"]).spawn().unwrap();
    wait_until_empty(&place, SCHEME);
    wait_until_empty(&place, PROVIDER);
    let deadline = Instant::now() + PATIENCE;
    while !place.path("files/exports/example-loyalty-scheme").exists() {
        assert!(Instant::now() < deadline, "nothing is delivered");
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = Instant::now();
    terminate(&process);
    let answer = Answer::of(&process.wait_with_output().unwrap());
    assert_says(&answer, 0, &["stopping: finishing what is in hand"]);
    assert_has(&answer.out, &["stopped; nothing is left in hand"]);
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    let held = "SELECT queue FROM job WHERE lease_holder IS NOT NULL";
    assert_eq!(place.texts(held), [""; 0]);
    assert_eq!(pairs(&place), [("pay-1".into(), "sale-1".into())]);
    assert!(
        place.path("files/imports/iceland-bonus-card").is_dir(),
        "every feed has its folder"
    );
}

#[test]
fn a_watch_over_one_feed_stops_when_it_is_asked_to() {
    let place = town();
    arrive(&place, SCHEME, "s.dat", sale("sale-1", "12:00:00", 100));
    let process = place.command(&["import", SCHEME]).spawn().unwrap();
    wait_until_empty(&place, SCHEME);
    terminate(&process);
    assert_says(
        &Answer::of(&process.wait_with_output().unwrap()),
        0,
        &["imported"],
    );
}
