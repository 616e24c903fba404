//! Who may: keys, their scopes, their end.

use crate::serving::{JSON, Serving, sale, stored};
use crate::support::Place;
use crate::town::{SCHEME, town};

fn create(place: &Place, name: &str, scopes: &str) -> String {
    let made = &place.json(&["keys", "create", "--name", name, "--scopes", scopes])[0];
    made["key"].as_str().unwrap().to_owned()
}

fn push(serving: &Serving, authorization: &str) -> crate::client::Reply {
    let body = sale("s1").to_string();
    serving.push(SCHEME, &[JSON, ("Authorization", authorization)], body)
}

#[test]
fn only_a_key_with_its_scope_opens() {
    let place = town();
    let writer = create(&place, "till server", "feeds:write,config:read");
    let reader = create(&place, "reader", "config:read");
    let serving = Serving::start(&place);
    let none = serving.push(SCHEME, &[JSON], sale("s1").to_string());
    none.is_problem(401, &["Authorization: Token"]);
    assert_eq!(
        none.header("www-authenticate"),
        Some("Token realm=\"harmonia\"")
    );
    let wrong = "txm_00000000000000000000000000000000";
    for (authorization, words) in [
        ("Token nonsense", "is not a key"),
        (&format!("Token {wrong}"), "no such key"),
        (&format!("Bearer {writer}"), "another kind"),
        (&writer, "another kind"),
        ("", "another kind"),
    ] {
        let reply = push(&serving, authorization);
        reply.is_problem(401, &[words]);
        assert!(!reply.body.contains(&writer[..10]), "{reply:?}");
    }
    let forbidden = push(&serving, &format!("Token {reader}"));
    forbidden.is_problem(403, &["feeds:write", "has config:read"]);
    let challenge = forbidden.header("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    assert_eq!(push(&serving, &format!("Token {writer}")).status, 200);
    assert_eq!(push(&serving, &format!("token  {writer}")).status, 200);
    // Any key may see the status; nobody else may. Health and metrics are for everybody.
    let key = format!("Token {reader}");
    let status = |headers: &[(&str, &str)]| serving.ask("GET", "/txm/status", headers, b"").status;
    assert_eq!(
        (status(&[]), status(&[("Authorization", &key)])),
        (401, 200)
    );
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(serving.ask("GET", path, &[], b"").status, 200, "{path}");
    }
    let said = serving.stop();
    for text in [said.out, said.err] {
        assert!(!text.contains(&writer), "{text}");
    }
    assert_eq!(stored(&place), [1, 0]);
    // The import log says whose key it was, and the list when it was used; the key is nowhere.
    let sources = place.texts("SELECT DISTINCT source FROM import_file_log");
    assert_eq!(sources, ["push by till server"]);
    let keys = &place.json(&["keys", "list"])[0];
    assert!(
        keys[0]["last_used_at"].is_i64() && keys[1]["last_used_at"].is_i64(),
        "{keys}"
    );
    assert!(!keys.to_string().contains(&writer));
    let database = std::fs::read(place.path("data/harmonia.sqlite3")).unwrap();
    assert!(
        !database
            .windows(writer.len())
            .any(|bytes| bytes == writer.as_bytes())
    );
}

#[test]
fn a_key_that_was_revoked_or_expired_opens_nothing() {
    let place = town();
    let key = format!("Token {}", create(&place, "till", "feeds:write"));
    let serving = Serving::start(&place);
    assert_eq!(push(&serving, &key).status, 200);
    place.ok(&["keys", "revoke", "till"]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    push(&serving, &key).is_problem(401, &["was revoked"]);

    let other = [
        "keys",
        "create",
        "--name",
        "till",
        "--scopes",
        "feeds:write",
        "--expires",
        "1h",
    ];
    let made = &place.json(&other)[0];
    let key = format!("Token {}", made["key"].as_str().unwrap());
    assert_eq!(push(&serving, &key).status, 200);
    // An hour later.
    let database = rusqlite::Connection::open(place.path("data/harmonia.sqlite3")).unwrap();
    let later = "UPDATE api_key SET created_at = created_at - 3600000000,
        expires_at = expires_at - 3600000000 WHERE revoked_at IS NULL";
    database.execute(later, []).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    push(&serving, &key).is_problem(401, &["has expired"]);
    let list = place.ok(&["keys", "list"]);
    assert!(
        list.contains("REVOKED") && list.contains("EXPIRED"),
        "{list}"
    );
}

#[test]
fn keys_are_made_with_care() {
    let place = town();
    create(&place, "till", "feeds:write");
    for (arguments, code, words) in [
        (
            &["create", "--name", "till", "--scopes", "feeds:write"][..],
            1,
            "there is a key \"till\"",
        ),
        (
            &["create", "--name", "7", "--scopes", "feeds:write"],
            2,
            "a name has",
        ),
        (
            &["create", "--name", "a", "--scopes", "everything"],
            2,
            "is not a scope: take of",
        ),
        (
            &[
                "create",
                "--name",
                "a",
                "--scopes",
                "feeds:write",
                "--expires",
                "soon",
            ],
            2,
            "12h, 90d",
        ),
        (
            &[
                "create",
                "--name",
                "a",
                "--scopes",
                "feeds:write",
                "--expires",
                "0d",
            ],
            2,
            "12h, 90d",
        ),
        (&["revoke", "nobody"], 1, "there is no key \"nobody\""),
    ] {
        let answer = place.run(&[&["keys"], arguments].concat());
        assert_eq!(answer.code, Some(code), "{answer:?}");
        assert!(answer.err.contains(words), "{words}: {answer:?}");
    }
    place.ok(&["keys", "revoke", "1"]);
    let answer = place.run(&["keys", "revoke", "till"]);
    assert!(answer.err.contains("was revoked before"), "{answer:?}");
}
