//! Feeds that go quiet: late, missing, with a gap, or with a volume far from the usual.

use crate::support::Place;
use crate::town::{PROVIDER, SCHEME, payment, town};
use crate::{assert_has, assert_says};

/// The town, whose network is expected as told.
fn expecting(expected: &str) -> Place {
    let place = town();
    for agent in [SCHEME, PROVIDER] {
        let path = format!("{}/../../agents/{agent}.toml", env!("CARGO_MANIFEST_DIR"));
        let mut text = std::fs::read_to_string(path).unwrap();
        if agent == PROVIDER {
            let source = text.find("source").unwrap();
            text.insert_str(source, &format!("expected = {expected}\n"));
        }
        place.write(&format!("agents/{agent}.toml"), text);
    }
    let folder = place.path("agents").display().to_string();
    place.with("TXM_AGENTS_DIR", folder)
}

fn standing(place: &Place) -> serde_json::Value {
    let status = &place.json(&["status"])[0];
    let feeds = status["feeds"].as_array().unwrap();
    let feed = feeds.iter().find(|feed| feed["feed"] == PROVIDER);
    feed.unwrap().clone()
}

/// Makes the imports so far look as old as that.
fn make_older(place: &Place, hours: i64) {
    let database = rusqlite::Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    let older = "UPDATE import_file_log SET created_at = created_at - ?1 * 3600000000,
                 finished_at = finished_at - ?1 * 3600000000";
    database.execute(older, [hours]).unwrap();
}

fn import(place: &Place, name: &str, id: &str) {
    let file = place.write(name, payment(id, "10:00:00", 1099, "token-1"));
    place.ok(&["import", PROVIDER, &file]);
}

#[test]
fn a_feed_is_on_time_late_and_missing() {
    let place = expecting("{ every = \"2h\" }");
    assert_eq!(standing(&place)["standing"], "MISSING");
    import(&place, "a.dat", "p1");
    assert_eq!(standing(&place)["standing"], "ON_TIME");
    assert_eq!(standing(&place)["expected"], "every 2 h");
    make_older(&place, 3);
    assert_eq!(standing(&place)["standing"], "LATE");
    assert_has(&place.ok(&["status"]), &["LATE", "every 2 h"]);
    make_older(&place, 3);
    assert_eq!(standing(&place)["standing"], "MISSING");
}

#[test]
fn a_number_that_did_not_come_is_said() {
    let place = expecting("{ every = \"2h\", numbered = true }");
    for number in [7, 8, 10] {
        import(
            &place,
            &format!("pay-{number:04}.dat"),
            &format!("p{number}"),
        );
    }
    assert_eq!(standing(&place)["gaps"], serde_json::json!([9]));
    assert_has(&place.ok(&["status"]), &["did not come: 9"]);
}

#[test]
fn a_volume_far_from_the_usual_is_said() {
    let place = expecting("{ every = \"48h\" }");
    for (day, records) in [(1, 9), (2, 9), (3, 9), (4, 2)] {
        let records: Vec<String> = (0..records)
            .map(|at| payment(&format!("p{day}-{at}"), "10:00:00", 1099, "token-1"))
            .collect();
        let file = place.write("pay.dat", records.join("\u{1e}"));
        place.ok(&["import", PROVIDER, &file]);
        make_older(&place, 24);
    }
    let volume = standing(&place)["volume"].clone();
    assert_eq!(volume, "2 records on its last day, usually about 9");
}

#[test]
fn what_cannot_be_expected_is_named() {
    let place = expecting("{ daily = \"7 o'clock\", days = [\"someday\"] }");
    let answer = place.run(&["check"]);
    assert_has(
        &answer.out,
        &[
            "\"7 o'clock\" is not a time of day",
            "\"someday\" is not a day",
        ],
    );
    assert_says(&answer, 1, &[]);
}
