//! What another process changes counts in one that runs, within five seconds: nobody restarts anything.

use crate::serving::{Serving, counts, open_town, payment};
use crate::support::Place;
use crate::town::{MIDS, PROVIDER};
use serde_json::Value;
use std::time::{Duration, Instant};

const PROMISED: Duration = Duration::from_secs(5);
/// How long a test waits before it says that something never came: a slow machine is no reason to.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so, looking again and again; gives how long that took since `changed`.
#[track_caller]
fn until(changed: Instant, what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    while !is_so() {
        assert!(changed.elapsed() < PATIENCE, "{what}: not yet");
        std::thread::sleep(Duration::from_millis(10));
    }
    changed.elapsed()
}

#[track_caller]
fn in_time(took: Duration, what: &str) {
    assert!(took < PROMISED, "{what} took {took:?}");
}

/// Pushes one payment at a MID, and gives what became of it: [`counts`].
fn pushed(serving: &Serving, number: u32, mid: &str) -> [u64; 5] {
    let mut record = payment(&format!("{mid}-{number}"));
    record["mid"] = mid.into();
    counts(&serving.taken(PROVIDER, &[record]))
}

const NEW: [u64; 5] = [1, 0, 0, 0, 0];
const REJECTED: [u64; 5] = [0, 0, 0, 1, 0];
const QUARANTINED: [u64; 5] = [0, 0, 0, 0, 1];

/// The MIDs of the payments that are in.
fn payments_at(place: &Place, mid: &str) -> usize {
    let query = format!("SELECT transaction_id FROM payment_transaction WHERE mid = '{mid}'");
    place.texts(&query).len()
}

#[test]
fn a_mid_that_another_process_onboards_or_removes_counts_within_five_seconds() {
    let place = open_town();
    let serving = Serving::start_as(&place, "run");
    assert_eq!(pushed(&serving, 0, "shop-9"), QUARANTINED);
    let mids = place.write("more.csv", MIDS.replace("shop-1", "shop-9"));
    let changed = Instant::now();
    place.ok(&["mids", "import", &mids]);
    // What comes now is taken, and what waited for the MID goes on by itself.
    let mut number = 0;
    let taken = until(changed, "the MID is known", || {
        number += 1;
        pushed(&serving, number, "shop-9") == NEW
    });
    let replayed = until(changed, "what waited is in", || {
        payments_at(&place, "shop-9") > usize::try_from(number).unwrap()
    });
    in_time(taken, "mids import");
    in_time(replayed, "taking up what waited");

    let remove = ["mids", "remove", PROVIDER, "PRIMARY", "shop-9", "--from"];
    let changed = Instant::now();
    place.ok(&[&remove[..], &["2026-06-01T00:00:00Z"]].concat());
    let refused = until(changed, "the MID is out of force", || {
        number += 1;
        pushed(&serving, number, "shop-9") == QUARANTINED
    });
    in_time(refused, "mids remove");
    assert_eq!(serving.stop().code, Some(0));
}

#[test]
fn what_another_process_configures_counts_within_five_seconds() {
    let place = open_town();
    let serving = Serving::start_as(&place, "run");
    let mut number = 0;
    let mut push = || {
        number += 1;
        pushed(&serving, number, "shop-1")
    };
    assert_eq!(push(), NEW);
    let changed = Instant::now();
    place.ok(&["config", "set", "retention-days", "60"]);
    let set = until(changed, "it is too old", || push() == REJECTED);
    in_time(set, "config set");
    let reasons = place.texts("SELECT DISTINCT reason FROM rejected_record");
    assert_eq!(reasons, ["TOO_OLD"]);
    let changed = Instant::now();
    place.ok(&["config", "unset", "retention-days"]);
    let unset = until(changed, "it is young enough", || push() == NEW);
    in_time(unset, "config unset");
    let value = &place.json(&["config", "get", "retention-days"])[0]["value"];
    assert_eq!(*value, Value::Null);
    assert_eq!(serving.stop().code, Some(0));
}
