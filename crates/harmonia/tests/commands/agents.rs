//! Agent files: checked, with their examples; and the bodies they make.

use crate::support::Place;
use crate::{assert_has, assert_says};

const EXPORT_TRANSACTION: &str = r#"{"transaction_id": "sale-\"1\"", "feed_type": "SETTLED",
 "provider_slug": "example-loyalty-scheme", "transaction_date": "2026-06-02T14:46:12Z",
 "spend_amount": 1234, "spend_currency": "GBP", "loyalty_id": "member-1"}"#;

#[test]
fn every_agent_of_this_repository_is_sound() {
    let place = Place::new();
    let checked = &place.json(&["check"])[0];
    let files = checked.as_array().unwrap();
    assert!(files.len() >= 17, "{}", files.len());
    assert!(
        files
            .iter()
            .all(|file| file["complaints"] == serde_json::json!([])),
        "{checked}"
    );
    assert_has(&place.ok(&["check"]), &["itsu.toml: ok, ", " examples"]);
    assert!(!place.path("data").exists(), "checking needs no database");
}

#[test]
fn what_is_wrong_in_an_agent_file_is_named_by_file_line_and_key() {
    let place = Place::new();
    let file = place.write(
        "broken.toml",
        "slug = \"A B\"\nname = \"x\"\nrole = \"loyalty-scheme\"\n\
        timezone = \"Europe/Atlantis\"\ncolour = \"red\"\n",
    );
    let answer = place.run(&["check", &file]);
    assert_eq!(answer.code, Some(1));
    let at = |line: u32, key: &str| format!("{file}:{line}: {key}: ");
    assert_has(
        &answer.out,
        &[&at(1, "slug"), &at(4, "timezone"), &at(5, "colour")],
    );
    let json = place.run(&["check", &file, "--json"]);
    assert_eq!(json.code, Some(1));
    assert_eq!(
        crate::support::documents(&json.out)[0][0]["complaints"]
            .as_array()
            .unwrap()
            .len(),
        3
    );

    let file = place.write("syntax.toml", "slug = \"x\"\nname = \n");
    let answer = place.run(&["check", &file]);
    assert_has(&answer.out, &[&format!("{file}:2: ")]);
    assert_eq!(answer.code, Some(1));
    assert_says(
        &place.run(&["check", "nowhere.toml"]),
        1,
        &["cannot read nowhere.toml"],
    );
}

#[test]
fn a_file_that_is_no_agent_file_is_told_whatever_its_size() {
    let place = Place::new();
    for (name, bytes, said) in [
        (
            "long.toml",
            "é".repeat(1 << 20).into_bytes(),
            "at most 256 KiB",
        ),
        ("bytes.toml", vec![b'#', 0xff, b'\n'], "not UTF-8"),
    ] {
        let file = place.write(name, bytes);
        let answer = place.run(&["check", &file]);
        assert_eq!(answer.code, Some(1), "{name}");
        let told = format!("{}{}", answer.out, answer.err);
        assert_has(&told, &[&file, said]);
    }
}

#[test]
fn an_example_that_does_not_come_out_is_a_complaint() {
    let place = Place::new();
    let agents = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    let text = std::fs::read_to_string(agents.join("example-loyalty-scheme.toml")).unwrap();
    let file = place.write(
        "example-loyalty-scheme.toml",
        text.replace("amount = 250", "amount = 251"),
    );
    let answer = place.run(&["check", &file]);
    assert_eq!(answer.code, Some(1), "{answer:#?}");
    assert_has(&answer.out, &[&file, "examples", "251", "250"]);
}

#[test]
fn nothing_works_with_a_broken_agent_file_in_the_folder() {
    let place = Place::new();
    place.write("agents/broken.toml", "slug = 1\n");
    let folder = place.path("agents");
    let place = place.with("TXM_AGENTS_DIR", folder.display());
    for arguments in [&["drain"][..], &["run"], &["import", "broken"]] {
        assert_says(&place.run(arguments), 1, &["broken.toml:1: slug: "]);
    }
}

#[test]
fn bodies_are_rendered_without_sending_and_without_a_database() {
    let place = Place::new();
    let transaction = EXPORT_TRANSACTION.replace('\n', "");
    let file = place.write("exports.jsonl", format!("{transaction}\n\n{transaction}\n"));
    let render = ["exports", "render", "example-loyalty-scheme", &file];
    let body = serde_json::json!({"transaction_id": "sale-\"1\"", "value": "GBP 12.34",
        "loyalty_card_number": "member-1"});
    assert_eq!(
        crate::support::documents(&place.ok(&render)),
        [body.clone(), body]
    );
    assert_eq!(place.ok(&render).lines().count(), 2, "one document a line");
    assert!(!place.path("data").exists());

    let file = place.write(
        "exports.jsonl",
        format!("{{\"transaction_id\": 7}}\n{transaction}\n"),
    );
    let answer = place.run(&["exports", "render", "example-loyalty-scheme", &file]);
    assert_says(&answer, 1, &["line 1: "]);
    assert_eq!(answer.out.lines().count(), 1, "the good one is rendered");

    let none = place.run(&["exports", "render", "example-payment-provider", &file]);
    assert_says(&none, 1, &["has no [export]"]);
    assert_says(
        &place.run(&["exports", "render", "../x", &file]),
        2,
        &["../x"],
    );
    assert_says(
        &place.run(&["exports", "render", "nobody", &file]),
        1,
        &["nobody.toml"],
    );
}

#[test]
fn a_batch_is_one_document_and_shows_a_secret_only_as_what_is_computed_from_it() {
    let place = Place::new();
    let line = |id: usize| {
        format!(
            r#"{{"transaction_id": "sale-{id}", "transaction_date": "2026-06-02T14:46:12", "spend_amount": 5, "user_id": 1, "scheme_account_id": 2, "credentials": {{"merchant_identifier": "m"}}}}"#
        )
    };
    let lines: Vec<String> = (0..201).map(line).collect();
    let file = place.write("exports.jsonl", lines.join("\n"));
    let render = ["exports", "render", "iceland-bonus-card", &file];
    let documents = crate::support::documents(&place.ok(&render));
    let sizes: Vec<usize> = documents
        .iter()
        .map(|document| document["transactions"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(sizes, [200, 1]);
    assert_ne!(documents[0]["message_uid"], documents[1]["message_uid"]);
    let first = &documents[0]["transactions"][0];
    assert_eq!(first["record_uid"], "<secret:iceland-bonus-card-salt>");

    let salted = place.with("TXM_SECRET_ICELAND_BONUS_CARD_SALT", "salt-and-pepper");
    let printed = salted.ok(&render);
    assert!(!printed.contains("salt-and-pepper"), "{printed}");
    let documents = crate::support::documents(&printed);
    let id = documents[0]["transactions"][0]["record_uid"].as_str();
    assert_eq!(id.map(str::len), Some(32), "{id:?}");
}

#[test]
fn what_would_not_be_sent_is_rendered_and_said() {
    let place = Place::new();
    let line = r#"{"transaction_id": "r-1", "transaction_date": "2026-06-02T14:46:12", "spend_amount": 749, "location_id": "l", "credentials": CREDENTIALS}"#;
    let lines = ["null", r#"{"email": "a@example.com", "password": "p"}"#]
        .map(|credentials| line.replace("CREDENTIALS", credentials));
    let file = place.write("exports.jsonl", lines.join("\n"));
    let answer = place.run(&["exports", "render", "slim-chickens", &file]);
    assert_says(
        &answer,
        0,
        &[
            "line 1: it would be held: there is no credentials.email",
            "line 2: it would not be sent: below the spend threshold",
        ],
    );
    let bodies = crate::support::documents(&answer.out);
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["token"], "<lookup:token>");
}

#[test]
fn agents_that_are_right_alone_and_wrong_together_are_told() {
    let place = Place::new();
    let agents = concat!(env!("CARGO_MANIFEST_DIR"), "/../../agents/wasabi-club.toml");
    let wasabi = std::fs::read_to_string(agents).unwrap();
    place.write("agents/wasabi-club.toml", &wasabi);
    let twin = wasabi.replace("slug     = \"wasabi-club\"", "slug     = \"wasabi-two\"");
    place.write("agents/wasabi-two.toml", twin);
    let folder = place.path("agents").display().to_string();
    let place = place.with("TXM_AGENTS_DIR", folder);
    let answer = place.run(&["check"]);
    assert_eq!(answer.code, Some(1));
    assert_has(
        &answer.out,
        &[
            "agents/wasabi-club.toml and agents/wasabi-two.toml",
            "one place",
        ],
    );
    assert_says(&place.run(&["status"]), 0, &[]);
    assert_says(&place.run(&["drain"]), 1, &["give one another `source`"]);
}

#[test]
fn an_authorisation_waits_for_its_settlement_where_the_scheme_spots() {
    let place = Place::new();
    let mids = "amex,spot-1,PRIMARY,bpl-trenette,,,,,,A\namex,shop-1,PRIMARY,wasabi-club,,,,,,A\n";
    place.ok(&["mids", "import", &place.write("mids.csv", mids)]);
    let auth = |id: &str, mid: &str| {
        format!(
            "{{\"transaction_id\":\"{id}\",\"offer_id\":\"1\",\"transaction_time\":\"2026-06-02 \
             10:00:00\",\"transaction_amount\":\"5.00\",\"cm_alias\":\"t-1\",\"merchant_number\":\
             \"{mid}\",\"approval_code\":\"1\"}}\n"
        )
    };
    // An id of fifteen digits that passes a card number's check is an id all the same.
    let file = auth("a-1", "spot-1") + &auth("378282246310005", "shop-1");
    let told = place.json(&["import", "amex-auth", &place.write("auth.jsonl", file)]);
    assert_eq!(
        (&told[0][0]["skipped"], &told[0][0]["new"]),
        (&1.into(), &1.into())
    );
    let story = place.ok(&["lifecycle", "378282246310005"]);
    assert_has(&story, &["\"transaction_id\":\"378282246310005\""]);
}
