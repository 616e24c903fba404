//! More than may wait to be matched: pushes are told to come again, files lie, until there is room.

use crate::serving::{JSON, Serving, open_town, payment, sale, stored};
use crate::signal::terminate;
use crate::support::{Answer, Place};
use crate::town::{PROVIDER, SCHEME};
use std::process::Child;
use std::time::{Duration, Instant};

/// What a process knows of the room there is, it knows for a second.
const KNOWN: Duration = Duration::from_millis(1100);

/// The file of sales that arrives.
const FILE: &str = "files/imports/example-loyalty-scheme/sales.dat";
/// The jobs that are in hand.
const HELD: &str = "SELECT id || '' FROM job WHERE leased_until > unixepoch('subsec') * 1000000";

/// Processes that find a file of one sale, and the feeds they look for.
fn look_for_a_file(place: &Place) -> [Child; 2] {
    place.write(FILE, crate::town::sale("s1", "10:00:00", 1099));
    let start = |arguments: &[&str]| place.command(arguments).spawn().unwrap();
    [
        start(&["worker", "--queues", "import"]),
        start(&["scheduler"]),
    ]
}

/// The town, of which one job may wait, and one does.
fn full_town() -> Place {
    let place = open_town().with("TXM_LEASE_SECONDS", "1");
    place.ok(&["config", "set", "queue-limit", "1"]);
    let file = place.write("one.jsonl", payment("p1").to_string());
    place.ok(&["import", PROVIDER, &file, "--format", "canonical"]);
    place
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not yet");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn stopped(process: Child) -> Answer {
    terminate(&process);
    let answer = Answer::of(&process.wait_with_output().unwrap());
    assert_eq!(answer.code, Some(0), "{answer:?}");
    answer
}

#[test]
fn a_push_is_told_to_come_again_until_matching_has_caught_up() {
    let place = full_town();
    let serving = Serving::start(&place);
    let push = || serving.push(SCHEME, &[JSON], sale("s1").to_string());
    let refused = push();
    refused.is_problem(503, &["queue-full", "1 jobs or more wait to be matched"]);
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(stored(&place), [0, 1]);
    // A person's command is not kept waiting.
    let file = place.write("two.jsonl", payment("p2").to_string());
    place.ok(&["import", PROVIDER, &file, "--format", "canonical"]);
    place.ok(&["drain"]);
    std::thread::sleep(KNOWN);
    assert_eq!(push().status, 200);
    // A limit that is raised counts as well.
    std::thread::sleep(KNOWN);
    push().is_problem(503, &["queue-full"]);
    place.ok(&["config", "set", "queue-limit", "10"]);
    std::thread::sleep(KNOWN);
    assert_eq!(push().status, 200);
    let log = serving.stop().err;
    assert_eq!(log.matches("importing pauses").count(), 2, "{log}");
    assert_eq!(log.matches("importing goes on").count(), 2, "{log}");
}

#[test]
fn a_file_waits_in_hand_and_is_imported_when_there_is_room() {
    let place = full_town();
    let [worker, scheduler] = look_for_a_file(&place);
    let claimed = "SELECT state FROM import_file_log WHERE source LIKE '%sales.dat'";
    until("it is in hand", || place.texts(claimed) == ["IMPORTING"]);
    // Longer than a lease: nobody else may take it meanwhile.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(place.texts(claimed), ["IMPORTING"]);
    assert_eq!(stored(&place), [0, 1]);
    // The look and the file.
    assert_eq!(place.texts(HELD).len(), 2);
    place.ok(&["drain"]);
    until("it is imported", || place.texts(claimed) == ["IMPORTED"]);
    assert_eq!(stored(&place), [1, 1]);
    let log = stopped(worker).err;
    assert!(
        log.contains("importing pauses") && log.contains("importing goes on"),
        "{log}"
    );
    stopped(scheduler);
}

#[test]
fn a_file_that_waits_is_let_go_when_told_to_stop() {
    let place = full_town();
    let [worker, scheduler] = look_for_a_file(&place);
    let claimed = "SELECT state FROM import_file_log WHERE source LIKE '%sales.dat'";
    until("it is in hand", || place.texts(claimed) == ["IMPORTING"]);
    let began = Instant::now();
    stopped(worker);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    stopped(scheduler);
    assert_eq!(place.texts(HELD), [""; 0]);
    assert!(place.path(FILE).is_file());
}
