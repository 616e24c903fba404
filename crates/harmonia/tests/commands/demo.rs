//! The demonstration and the generator; and a reader that goes away.

use crate::support::Place;
use crate::town::pairs;
use crate::{assert_has, assert_says};
use std::io::{BufRead, BufReader};
use std::time::Duration;

#[test]
fn the_demo_matches_nine_in_ten_and_adds_nothing_when_it_runs_again() {
    let place = Place::new();
    let first = place.json(&["demo", "-n", "2000"])[0].clone();
    let count = |report: &serde_json::Value, what: &str| report["status"][what]["count"].as_u64();
    let (payments, matched) = (
        count(&first, "payments").unwrap(),
        count(&first, "matched").unwrap(),
    );
    assert!(matched * 10 >= payments * 9, "{matched} of {payments}");
    assert_eq!(first["newly_delivered"], matched);
    assert_eq!(
        first["score"]["decidable"]["wrong"].as_u64().unwrap_or(0),
        0,
        "{}",
        first["score"]
    );

    let again = place.json(&["demo", "-n", "2000"])[0].clone();
    assert_eq!(again["imported"]["new"], 0);
    assert_eq!(again["imported"]["read"], first["imported"]["read"]);
    assert_eq!(
        (&again["newly_matched"], &again["newly_delivered"]),
        (&0.into(), &0.into())
    );
    assert_eq!(count(&again, "matched"), Some(matched));
    place.ok(&["audit"]);

    let text = place.ok(&["demo", "-n", "2000"]);
    assert_has(
        &text,
        &[
            "records read",
            "duplicate",
            "precision 1.000000",
            "pairs a second",
            "harmonia why",
        ],
    );
    for options in [
        &["-n", "2001"][..],
        &["-n", "2000", "--seed", "2"],
        &["-n", "2000", "--ids", "random"],
    ] {
        let answer = place.run(&[&["demo"], options].concat());
        assert_says(
            &answer,
            1,
            &[
                "holds a demo of 2000 pairs, seed 1, counter ids",
                "the same options",
            ],
        );
    }
}

#[test]
fn the_demo_in_processes_of_their_own_comes_to_the_same() {
    let (one, apart) = (Place::new(), Place::new());
    let together = one.json(&["demo", "-n", "500"])[0].clone();
    let apart = apart.with("TXM_MATCHING_LANES", 4);
    let report = apart.json(&["demo", "-n", "500", "--apart"])[0].clone();
    for what in ["payments", "sales", "matched"] {
        assert_eq!(report["status"][what], together["status"][what], "{what}");
    }
    for what in ["imported", "newly_delivered", "score"] {
        assert_eq!(report[what], together[what], "{what}");
    }
    let again = apart.json(&["demo", "-n", "500", "--apart"])[0].clone();
    assert_eq!(
        (&again["imported"]["new"], &again["newly_matched"]),
        (&0.into(), &0.into())
    );
    apart.ok(&["audit"]);
    let log = std::fs::read_to_string(apart.path("data/logs/import.log")).unwrap();
    assert_has(&log, &["imported", "stopping"]);
}

#[test]
fn a_demo_that_was_cut_off_goes_on_when_it_is_started_again() {
    let whole = Place::new();
    whole.ok(&["demo", "-n", "1000"]);
    let place = Place::new();
    for milliseconds in [5, 60, 120, 180, 240, 300] {
        let mut process = place.command(&["demo", "-n", "1000"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    place.ok(&["demo", "-n", "1000"]);
    place.ok(&["audit"]);
    assert_eq!(pairs(&place), pairs(&whole));
    let delivered = ["exports", "list", "--status", "delivered"];
    assert_eq!(place.json(&delivered).len(), pairs(&whole).len());
}

#[test]
fn the_demo_never_mixes_with_anybody_s_own_data() {
    let place = Place::new();
    place.write("data/letter.txt", "to my grandmother");
    assert_says(
        &place.run(&["demo"]),
        1,
        &["is not empty", "set TXM_DATA_DIR to an empty folder"],
    );
    assert_eq!(std::fs::read_dir(place.path("data")).unwrap().count(), 1);

    let place = crate::town::town();
    assert_says(
        &place.run(&["demo"]),
        1,
        &["is not empty", "set TXM_DATA_DIR to an empty folder"],
    );
}

#[test]
fn the_same_seed_generates_the_same_files_and_another_seed_others() {
    let place = Place::new();
    let generate = |seed: &str, out: &str| {
        let out = place.path(out).display().to_string();
        let files =
            &place.json(&["generate", "-n", "500", "--seed", seed, "--out", &out])[0]["files"];
        ["payments", "sales", "mids", "cards", "truth"]
            .map(|name| std::fs::read(files[name].as_str().unwrap()).unwrap())
    };
    let first = generate("7", "a");
    assert!(first == generate("7", "b"));
    assert!(first != generate("8", "c"));
    assert!(first[4].starts_with(b"payment_transaction_id,scheme_transaction_id,fault\n"));
    let text = place.ok(&[
        "generate",
        "-n",
        "500",
        "--out",
        place.path("d").to_str().unwrap(),
    ]);
    assert_has(
        &text,
        &["payments", "true pairs", "unlinked_card", "truth.csv"],
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    place.ok(&["demo", "-n", "3000"]);
    for arguments in [
        &["matches"][..],
        &["matches", "--json"],
        &["exports", "list", "--json"],
    ] {
        let mut process = place.command(arguments).spawn().unwrap();
        let mut line = String::new();
        let out = process.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        let output = process.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{arguments:?}: {} {said}",
            output.status
        );
    }
}
