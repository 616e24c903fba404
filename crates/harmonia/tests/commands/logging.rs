//! The log of what people did: who, what, and to what, for every command that changes what Harmonia
//! knows or keeps.

use crate::support::{Answer, Place};
use crate::town::{CARD, CARDS, MIDS};
use crate::{assert_has, assert_says};
use serde_json::{Value, json};

const ANN: [&str; 2] = ["--operator", "ann"];

/// The log: who did what, and the details.
fn log(place: &Place) -> Vec<(String, String, Value)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = place.json(&["audit", "--log"]).into_iter();
    rows.map(|row| {
        let detail = serde_json::from_str(row["detail"].as_str().unwrap()).unwrap();
        (text(&row["operator"]), text(&row["action"]), detail)
    })
    .collect()
}

/// Wants one command to add these entries to the log, all by ann, and nothing else.
#[track_caller]
fn logs(place: &Place, arguments: &[&str], expected: &[(&str, Value)]) -> Answer {
    let before = log(place).len();
    let answer = place.run(&[arguments, &ANN].concat());
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    let after = log(place);
    let expected: Vec<_> = expected
        .iter()
        .map(|(action, detail)| ("ann".to_owned(), (*action).to_owned(), detail.clone()))
        .collect();
    assert_eq!(after[before..], expected, "{arguments:?}");
    answer
}

#[test]
fn what_is_onboarded_is_logged_with_the_file_and_how_much_it_changed() {
    let place = Place::new();
    let mids = place.write(
        "folder/mids.csv",
        format!("{MIDS}{}", MIDS.replace("shop-1", "shop-2")),
    );
    let told = |changed: u64| json!({"file": "mids.csv", "rows": 2, "from": null, "until": null, "changed": changed});
    logs(
        &place,
        &["mids", "import", &mids],
        &[("mids.import", told(2))],
    );
    logs(
        &place,
        &["mids", "import", &mids],
        &[("mids.import", told(0))],
    );
    let removed = json!({"provider": "example-payment-provider", "type": "PRIMARY",
        "identifier": "shop-2", "scheme": "example-loyalty-scheme",
        "from": "2026-06-01T00:00:00Z", "changed": 1});
    let remove = [
        "mids",
        "remove",
        "example-payment-provider",
        "primary",
        "shop-2",
        "--from",
    ];
    let remove = [&remove[..], &["2026-06-01T00:00:00Z"]].concat();
    logs(&place, &remove, &[("mids.remove", removed)]);
    let cards = place.write("cards.csv", format!("{CARDS}{CARD}"));
    let linked = json!({"file": "cards.csv", "rows": 1});
    logs(
        &place,
        &["cards", "import", &cards],
        &[("cards.import", linked)],
    );
    place.ok(&["audit"]);

    // Nothing was done, so nothing is logged.
    let before = log(&place).len();
    let wrong = place.write("wrong.csv", "a,b\n");
    assert_eq!(place.run(&["mids", "import", &wrong]).code, Some(1));
    assert_eq!(place.run(&["cards", "import", &wrong]).code, Some(1));
    assert_eq!(log(&place).len(), before);
}

#[test]
fn configuration_is_logged_with_what_it_was_before() {
    let place = Place::new();
    let key = "txmatch:config:retention-days";
    let entry = |old: Value, new: Value| json!({"key": key, "old": old, "new": new});
    let set = |days| ["config", "set", "retention-days", days];
    logs(
        &place,
        &set("90"),
        &[("config.set", entry(Value::Null, json!("90")))],
    );
    logs(
        &place,
        &set("60"),
        &[("config.set", entry(json!("90"), json!("60")))],
    );
    let unset = ["config", "unset", "retention-days"];
    logs(
        &place,
        &unset,
        &[("config.unset", entry(json!("60"), Value::Null))],
    );
    let before = log(&place).len();
    assert_eq!(place.run(&set("never")).code, Some(2));
    assert_eq!(log(&place).len(), before);
}

#[test]
fn purging_is_logged_before_anything_goes_and_with_how_much_went() {
    let place = Place::new();
    place.ok(&["config", "list"]);
    let answer = place.run(&["purge", "--days", "60", "--yes", "--operator", "ann"]);
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    let log = log(&place);
    let [(who, begin, day), (also, done, counts)] = log.as_slice() else {
        panic!("{log:?}");
    };
    assert_eq!((&**who, &**also), ("ann", "ann"));
    assert_eq!((&**begin, &**done), ("purge.begin", "purge"));
    assert_eq!(day["before"], counts["before"]);
    assert_has(&answer.out, &[day["before"].as_str().unwrap()]);
    assert_eq!(counts["purged"]["payments"], 0);
}

#[test]
fn keys_are_logged_and_never_what_they_are() {
    let place = Place::new();
    let create = [
        "keys",
        "create",
        "--name",
        "till",
        "--scopes",
        "feeds:write",
    ];
    let made = json!({"name": "till", "scopes": ["feeds:write"], "expires_at": null});
    let answer = logs(&place, &create, &[("keys.create", made)]);
    let key = answer.out.lines().next().unwrap();
    assert!(key.len() > 20, "{answer:#?}");
    let revoked = json!({"key": 1, "name": "till"});
    logs(
        &place,
        &["keys", "revoke", "till"],
        &[("keys.revoke", revoked)],
    );
    let log = place.ok(&["audit", "--log"]);
    assert!(!log.contains(&key[..12]), "{log}");
}

#[test]
fn without_a_name_it_is_that_of_the_login_and_an_empty_one_is_refused() {
    let place = Place::new();
    let set = ["config", "set", "retention-days", "90"];
    let mut command = place.command(&set);
    let answer = Answer::of(&command.env("USER", "bob").output().unwrap());
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    assert_eq!(log(&place)[0].0, "bob");
    let nobody = place.run(&[&set[..], &["--operator", " "]].concat());
    assert_says(&nobody, 2, &["--operator is empty"]);
    assert_eq!(log(&place).len(), 1);
}
