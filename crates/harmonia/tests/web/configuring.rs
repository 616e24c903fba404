//! What can be set while Harmonia runs: `/config/keys`.

use crate::serving::{JSON, Serving, open_town};
use crate::support::Place;
use crate::town::town;
use serde_json::{Value, json};

const RETENTION: &str = "txmatch:config:retention-days";

/// The item of a key in the list.
fn listed(serving: &Serving, key: &str, headers: &[(&str, &str)]) -> Value {
    let reply = serving.ask("GET", "/txm/config/keys", headers, b"");
    assert_eq!(reply.status, 200, "{reply:?}");
    let list = reply.json();
    let mut keys = list["keys"].as_array().unwrap().iter();
    keys.find(|item| item["key"] == key).unwrap().clone()
}

fn create(place: &Place, name: &str, scopes: &str) -> String {
    let made = &place.json(&["keys", "create", "--name", name, "--scopes", scopes])[0];
    format!("Token {}", made["key"].as_str().unwrap())
}

#[test]
fn keys_are_listed_set_and_unset() {
    let place = open_town();
    let serving = Serving::start(&place);
    let put = |key: &str, body: Value| {
        let path = format!("/txm/config/keys/{key}");
        serving.ask("PUT", &path, &[JSON], body.to_string().as_bytes())
    };
    let before = listed(&serving, RETENTION, &[]);
    assert_eq!(before["value"], Value::Null);
    assert_eq!(before["default"], "keep everything");
    assert!(
        before["doc"]
            .as_str()
            .unwrap()
            .contains("For how many days")
    );
    // By its whole name or the short one, as a text or a number.
    for (key, given, value) in [
        (RETENTION, json!("60"), "60"),
        ("retention-days", json!(61), "61"),
    ] {
        let reply = put(key, json!({ "value": given }));
        assert_eq!(reply.status, 200, "{reply:?}");
        let item = reply.json();
        assert_eq!(
            (&item["key"], &item["value"]),
            (&RETENTION.into(), &value.into())
        );
        assert_eq!(listed(&serving, RETENTION, &[])["value"], value);
        let told = &place.json(&["config", "get", "retention-days"])[0]["value"];
        assert_eq!(told, value);
    }
    let schedule = put(
        "schedule:look:example-loyalty-scheme",
        json!({ "value": "never" }),
    );
    assert_eq!(schedule.status, 200, "{schedule:?}");
    let key = "txmatch:config:schedule:look:example-loyalty-scheme";
    assert_eq!(listed(&serving, key, &[])["value"], "never");
    let unset = put("retention-days", json!({ "value": null }));
    assert_eq!((unset.status, &unset.json()["value"]), (200, &Value::Null));
    assert_eq!(listed(&serving, RETENTION, &[])["value"], Value::Null);
    let log = "SELECT action || ' ' || operator FROM audit_log WHERE action LIKE 'config.%'";
    let logged = ["set", "set", "set", "unset"].map(|action| format!("config.{action} api"));
    assert_eq!(place.texts(log), logged);
}

#[test]
fn what_will_not_do_is_refused_with_what_would() {
    let place = open_town();
    let serving = Serving::start(&place);
    let put = |key: &str, body: &str| {
        let path = format!("/txm/config/keys/{key}");
        serving.ask("PUT", &path, &[JSON], body.as_bytes())
    };
    put("nothing", r#"{"value": "1"}"#).is_problem(404, &["no configuration key", "nothing"]);
    put("%FF", r#"{"value": "1"}"#).is_problem(404, &[]);
    put("retention-days", "{").is_problem(400, &["line", "not-json"]);
    for (body, words) in [
        ("[]", "write an object"),
        ("{}", "it is missing"),
        (r#"{"value": "1"}"#, "from 2 to 36500"),
        (r#"{"value": 1}"#, "from 2 to 36500"),
        (r#"{"value": true}"#, "write a text"),
        (r#"{"value": "60", "until": "monday"}"#, "until"),
    ] {
        put("retention-days", body).is_problem(422, &[words, "bad-value"]);
    }
    assert_eq!(listed(&serving, RETENTION, &[])["value"], Value::Null);
    let logged = place.texts("SELECT action FROM audit_log WHERE action LIKE 'config.%'");
    assert_eq!(logged, [""; 0]);
}

#[test]
fn only_who_may_sees_and_changes_it() {
    let place = town();
    let reader = create(&place, "reader", "config:read");
    let writer = create(&place, "the desk", "config:write");
    let serving = Serving::start(&place);
    let put = |headers: &[(&str, &str)]| {
        let body = br#"{"value": "60"}"#;
        serving.ask("PUT", "/txm/config/keys/retention-days", headers, body)
    };
    let get = |headers: &[(&str, &str)]| serving.ask("GET", "/txm/config/keys", headers, b"");
    let (reads, writes) = (("Authorization", &*reader), ("Authorization", &*writer));
    get(&[]).is_problem(401, &[]);
    put(&[JSON]).is_problem(401, &[]);
    get(&[writes]).is_problem(403, &["config:read"]);
    put(&[JSON, reads]).is_problem(403, &["config:write"]);
    assert_eq!(listed(&serving, RETENTION, &[reads])["value"], Value::Null);
    assert_eq!(put(&[JSON, writes]).status, 200);
    assert_eq!(listed(&serving, RETENTION, &[reads])["value"], "60");
    let log = "SELECT operator FROM audit_log WHERE action = 'config.set'";
    assert_eq!(place.texts(log), ["the desk"]);
}
