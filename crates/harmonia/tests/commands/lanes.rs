//! The same input gives the same matches, whatever the size of batches, the number of lanes and the
//! number of workers.

use crate::support::{Answer, Place};
use serde_json::Value;
use std::process::Child;

/// Batch size, lanes, and how many processes work at a time.
const WAYS: [(usize, u16, usize); 7] = [
    (10_000, 1, 1),
    (1, 1, 1),
    (7, 1, 1),
    (1000, 1, 1),
    (1000, 16, 1),
    (200, 16, 2),
    (50, 64, 8),
];

/// A world in which much goes wrong and much looks alike, as arguments of `generate`.
const WORLD: [&str; 16] = [
    "generate",
    "-n",
    "400",
    "--seed",
    "5",
    "--scheme",
    "iceland-bonus-card",
    "--fault",
    "ambiguous=200000",
    "--fault",
    "clock-skew=100000",
    "--fault",
    "tips=100000",
    "--days",
    "1",
    "--out",
];

/// What became of each payment: its feed type and id, its status, why it is open, its sale.
const OUTCOME: &str = "
    SELECT p.feed_type || ' ' || p.transaction_id || ' ' || p.status || ' '
        || coalesce(p.pending_reason, '') || ' ' || coalesce(m.transaction_id, '')
    FROM payment_transaction p
    LEFT JOIN matched_transaction m ON m.payment_transaction_id = p.id AND m.status = 'MATCHED'
    ORDER BY p.id";

fn outcome((batch, lanes, workers): (usize, u16, usize), world: &Place) -> Vec<String> {
    let place = Place::new()
        .with("TXM_BATCH_SIZE", batch)
        .with("TXM_MATCHING_LANES", lanes);
    let out = world.path("world").display().to_string();
    let file = |name: &str| format!("{out}/{name}");
    place.ok(&["mids", "import", &file("mids.csv")]);
    place.ok(&["cards", "import", &file("cards.csv")]);
    for (feed, path) in feeds(world) {
        place.ok(&["import", &feed, &path]);
    }
    let working: Vec<Child> = (0..workers)
        .map(|_| place.command(&["drain"]).spawn().unwrap())
        .collect();
    for worker in working {
        let answer = Answer::of(&worker.wait_with_output().unwrap());
        assert_eq!(answer.code, Some(0), "{answer:#?}");
    }
    place.ok(&["audit"]);
    place.texts(OUTCOME)
}

/// The feeds of the world, sales first, in the order of their names: each feed and its file.
fn feeds(world: &Place) -> Vec<(String, String)> {
    let summary: Value =
        serde_json::from_slice(&std::fs::read(world.path("summary.json")).unwrap()).unwrap();
    let mut files: Vec<(String, String)> = summary["feeds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let text = |name: &str| file[name].as_str().unwrap().to_owned();
            (text("feed"), text("path"))
        })
        .collect();
    files.sort_by_key(|(feed, path)| (feed != "iceland-bonus-card", path.clone()));
    files
}

#[test]
fn batches_lanes_and_workers_change_nothing() {
    let world = Place::new();
    let out = world.path("world").display().to_string();
    let summary = &world.json(&[&WORLD[..], &[&out]].concat())[0];
    world.write("summary.json", summary.to_string());
    let expected = outcome(WAYS[0], &world);
    let of = |status: &str| expected.iter().filter(|row| row.contains(status)).count();
    for status in ["MATCHED", "AMBIGUOUS", "SUPERSEDED", "NO_SALE"] {
        assert!(of(status) > 1, "{status}: {}", of(status));
    }
    for way in &WAYS[1..] {
        let found = outcome(*way, &world);
        assert_eq!(found.len(), expected.len());
        let differ: Vec<_> = expected
            .iter()
            .zip(&found)
            .filter(|(a, b)| a != b)
            .collect();
        assert!(differ.is_empty(), "{way:?}: {differ:#?}");
    }
}

#[test]
fn the_number_of_lanes_is_the_same_for_all_while_work_waits() {
    let place = crate::town::town();
    let sale = crate::town::sale("sale-1", "12:00:00", 1099);
    crate::town::import(&place, crate::town::SCHEME, &[sale]);
    let place = place.with("TXM_MATCHING_LANES", 4);
    let refused = place.run(&["drain"]);
    crate::assert_says(&refused, 1, &["1 lanes here", "TXM_MATCHING_LANES=1"]);
    let place = place.with("TXM_MATCHING_LANES", 1);
    place.ok(&["drain"]);
    place.with("TXM_MATCHING_LANES", 4).ok(&["drain"]);
}
