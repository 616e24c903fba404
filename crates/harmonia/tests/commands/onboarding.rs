//! Onboarding: MIDs and cards, taken whole or not at all.

use crate::support::Place;
use crate::town::{CARD, CARDS, MIDS, town};
use crate::{assert_has, assert_says};

#[test]
fn mids_are_onboarded_listed_and_removed() {
    let place = Place::new();
    let file = place.write("mids.csv", MIDS);
    assert_eq!(
        place.json(&["mids", "import", &file])[0],
        serde_json::json!({"total": 1, "changed": 1})
    );
    assert_eq!(
        place.ok(&["mids", "import", &file]),
        "1 rows read, 0 identifiers changed\n"
    );
    let listed = &place.json(&["mids", "list"])[0];
    assert_eq!(listed[0]["identifier"], "shop-1");
    assert_eq!(listed[0]["identifier_type"], "PRIMARY");
    assert_has(
        &place.ok(&["mids", "list"]),
        &["shop-1", "example-loyalty-scheme", "place-1"],
    );

    let remove = [
        "mids",
        "remove",
        "example-payment-provider",
        "primary",
        "shop-1",
    ];
    assert_has(&place.ok(&remove), &["shop-1 is no longer in force"]);
    assert_eq!(place.json(&["mids", "list"])[0], serde_json::json!([]));
    assert_says(
        &place.run(&remove),
        1,
        &["shop-1 is not in force: see `harmonia mids list`"],
    );

    place.ok(&["mids", "import", &file]);
    let deletion = place.write("mids.csv", MIDS.replace(",a\n", ",D\n"));
    place.ok(&["mids", "import", &deletion]);
    assert_eq!(place.json(&["mids", "list"])[0], serde_json::json!([]));
}

#[test]
fn a_bad_row_of_mids_is_named_and_nothing_is_loaded() {
    let place = Place::new();
    let rows: &[(&[u8], &str)] = &[
        (
            b"visa,shop-2,PRIMARY,itsu,,,,,A",
            "row 2: it has 9 columns, not 10",
        ),
        (
            b"visa,shop-2,PRIMARY,itsu,,,,,,A,",
            "row 2: it has 11 columns, not 10",
        ),
        (
            b"visa,shop-2,TERTIARY,itsu,,,,,,A",
            "row 2: \"TERTIARY\" is not an identifier type",
        ),
        (
            b"visa,shop-2,PRIMARY,itsu,,,,,,X",
            "row 2: \"X\" is not an action: use A (add) or D",
        ),
        (
            b"visa,,PRIMARY,itsu,,,,,,A",
            "row 2: the identifier is empty",
        ),
        (
            b"Visa Inc,shop-2,PRIMARY,itsu,,,,,,A",
            "row 2: \"Visa Inc\" is not a slug",
        ),
        (
            b"visa,shop-2,PRIMARY,It's U,,,,,,A",
            "row 2: \"It's U\" is not a slug",
        ),
        (b"visa,caf\xE9,PRIMARY,itsu,,,,,,A", "row 2: "),
        (
            b"example-payment-provider,shop-1,PRIMARY,itsu,,,,,,A",
            "row 2: example-payment-provider \
            PRIMARY shop-1 belongs to the scheme example-loyalty-scheme already",
        ),
    ];
    for (row, words) in rows {
        let file = place.write("mids.csv", [MIDS.as_bytes(), row, b"\n"].concat());
        let answer = place.run(&["mids", "import", &file]);
        assert_says(&answer, 1, &["mids.csv: ", words, "Nothing was loaded"]);
        assert_eq!(
            place.json(&["mids", "list"])[0],
            serde_json::json!([]),
            "{words}"
        );
    }
    let file = place.write("mids.csv", format!("\u{feff}{MIDS}"));
    assert_says(
        &place.run(&["mids", "import", &file]),
        1,
        &["row 1: ", "byte order mark (BOM)"],
    );
    let missing = place.run(&["mids", "import", "nowhere.csv"]);
    assert_says(&missing, 1, &["nowhere.csv: cannot be read"]);
}

#[test]
fn cards_are_linked_and_listed_without_their_secrets() {
    let place = town();
    let file = place.write("cards.csv", format!("{CARDS}{CARD}"));
    assert_eq!(
        place.json(&["cards", "import", &file])[0],
        serde_json::json!({"linked": 1})
    );
    assert_eq!(place.ok(&["cards", "import", &file]), "1 cards linked\n");
    let text = place.ok(&["cards", "list"]);
    assert_has(
        &text,
        &["token-1", "example-loyalty-scheme", "member-1", "6789"],
    );
    assert_eq!(
        place.json(&["cards", "list"]).len(),
        1,
        "linked again, it is the same card"
    );
    assert_eq!(place.ok(&["cards", "list", "--limit", "0"]), "");
    let sealed = "SELECT typeof(credentials) FROM card_link WHERE instr(credentials, '\"a\"') = 0";
    assert_eq!(place.texts(sealed), ["blob"]);
}

#[test]
fn a_bad_row_of_cards_is_named_and_nothing_is_loaded() {
    let place = Place::new();
    let card = |token: &str, scheme: &str, four: &str, month: &str, credentials: &str| {
        format!("{token},{scheme},member-1,1,1,1,412345,{four},{month},2030,{credentials}\n")
    };
    let scheme = "example-loyalty-scheme";
    let rows = [
        (card("", scheme, "6789", "12", ""), "card_token is empty"),
        (
            card("4111111111111111", scheme, "6789", "12", ""),
            "card_token is a full card number",
        ),
        (
            card("t", "nobody", "6789", "12", ""),
            "there is no scheme nobody: it needs an agent file",
        ),
        (
            card("t", scheme, "789", "12", ""),
            "last_four has not that many digits",
        ),
        (
            card("t", scheme, "6789", "13", ""),
            "expiry_month is not a month from 1 to 12",
        ),
        (
            card("t", scheme, "6789", "12", "secret"),
            "credentials is not a JSON object",
        ),
        (
            card("t", scheme, "6789", "12", "[1]"),
            "credentials is not a JSON object",
        ),
        ("t,example-loyalty-scheme\n".to_owned(), "row 3: "),
    ];
    for (row, words) in rows {
        let file = place.write("cards.csv", format!("{CARDS}{CARD}{row}"));
        let answer = place.run(&["cards", "import", &file]);
        assert_says(
            &answer,
            1,
            &["cards.csv: row 3: ", words, "Nothing was loaded"],
        );
        let secret = answer.err.contains("4111111111111111") || answer.err.contains("secret");
        assert!(!secret, "{}", answer.err);
        assert_eq!(
            place.json(&["cards", "list"]),
            [] as [serde_json::Value; 0],
            "{words}"
        );
    }
    let file = place.write("cards.csv", "card_token,loyalty_id\nt,member-1\n");
    assert_says(
        &place.run(&["cards", "import", &file]),
        1,
        &["row 1: there is no column scheme_slug", "scheme_slug"],
    );
}

/// A sale of another scheme of the same shop, which reads Harmonia's own format.
fn canonical_payment(id: &str, date: &str) -> String {
    format!(
        r#"{{"transaction_id": "{id}", "mid": "shop-1", "date": "{date}", "amount": 100, "currency": "GBP", "card_token": "token-1"}}"#
    )
}

/// Whose each payment is, by the scheme's slug.
fn schemes(place: &Place) -> Vec<String> {
    place.texts("SELECT transaction_id || ' ' || scheme_slug FROM payment_transaction ORDER BY 1")
}

fn import_payments(place: &Place, payments: &[(&str, &str)]) -> serde_json::Value {
    let lines: Vec<String> = payments
        .iter()
        .map(|(id, date)| canonical_payment(id, date))
        .collect();
    let file = place.write("payments.jsonl", lines.join("\n"));
    let arguments = [
        "import",
        crate::town::PROVIDER,
        &file,
        "--format",
        "canonical",
    ];
    place.json(&arguments)[0][0].clone()
}

#[test]
fn a_mid_passes_from_one_scheme_to_another_on_a_day() {
    let place = town();
    let to_itsu = place.write(
        "itsu.csv",
        "example-payment-provider,shop-1,PRIMARY,itsu,place-9,,itsu,,,A\n",
    );
    let two = place.run(&["mids", "import", &to_itsu, "--from", "2026-06-10"]);
    assert_says(
        &two,
        1,
        &[
            "row 1: example-payment-provider PRIMARY shop-1 belongs to the scheme \
             example-loyalty-scheme already (always) and cannot belong to itsu too",
            "mids remove --from",
        ],
    );
    let remove = [
        "mids",
        "remove",
        "example-payment-provider",
        "PRIMARY",
        "shop-1",
    ];
    let told = place.ok(&[&remove[..], &["--from", "2026-06-10"]].concat());
    assert_has(
        &told,
        &["shop-1 is example-loyalty-scheme's until 2026-06-09T23:00:00Z"],
    );
    // Even a day too early is refused, and nothing is changed.
    let early = place.run(&["mids", "import", &to_itsu, "--from", "2026-06-09"]);
    assert_says(&early, 1, &["(until 2026-06-09T23:00:00Z)"]);
    place.ok(&["mids", "import", &to_itsu, "--from", "2026-06-10"]);
    assert_has(
        &place.ok(&["mids", "list", "--all"]),
        &["2026-06-09T23:00:00Z", "itsu", "example-loyalty-scheme"],
    );
    let listed = &place.json(&["mids", "list"])[0];
    assert_eq!(
        listed[0]["scheme_slug"], "itsu",
        "the other is over: {listed}"
    );

    // What comes late finds whose it was, on both sides of midnight in London.
    let outcome = import_payments(
        &place,
        &[
            ("late", "2026-06-01T12:00:00Z"),
            ("last", "2026-06-09T22:59:59Z"),
            ("first", "2026-06-09T23:00:00Z"),
        ],
    );
    assert_eq!(outcome["new"], 3, "{outcome}");
    let whose = [
        "first itsu",
        "last example-loyalty-scheme",
        "late example-loyalty-scheme",
    ];
    assert_eq!(schemes(&place), whose);
    // An identifier with an end.
    let remove = [
        "mids",
        "remove",
        "example-payment-provider",
        "PRIMARY",
        "shop-1",
    ];
    place.ok(&[&remove[..], &["--from", "2026-06-20T00:00:00Z"]].concat());
    let outcome = import_payments(&place, &[("after", "2026-06-20T00:00:00Z")]);
    assert_eq!(outcome["quarantined"], 1);
    assert_has(
        &place.ok(&["rejects", "list"]),
        &["no MID of example-payment-provider was in force as shop-1 at 2026-06-20T00:00:00Z"],
    );
    // Put in force for then, it goes on.
    place.ok(&[
        "mids",
        "import",
        &to_itsu,
        "--from",
        "2026-06-20",
        "--until",
        "2026-07-01",
    ]);
    place.ok(&["drain"]);
    assert_eq!(schemes(&place)[0], "after itsu");
}

#[test]
fn dates_of_mids_that_will_not_do_are_refused() {
    let place = town();
    let file = place.write("mids.csv", MIDS);
    for (dates, code, words) in [
        (
            &["--from", "soon"][..],
            2,
            "\"soon\" is not a date: write 2026-06-01",
        ),
        (&["--from", "2026-02-30"], 2, "is not a date"),
        (
            &["--from", "2026-06-02", "--until", "2026-06-01"],
            1,
            "row 1: it would be out of force before it is in force",
        ),
    ] {
        let answer = place.run(&[&["mids", "import", &file], dates].concat());
        assert_says(&answer, code, &[words]);
    }
    let deletion = place.write("deletion.csv", MIDS.replace(",a\n", ",D\n"));
    let answer = place.run(&["mids", "import", &deletion, "--until", "2026-06-01"]);
    assert_says(&answer, 1, &["row 1: what is deleted (action D)"]);
    assert_eq!(
        place.ok(&["mids", "import", &deletion, "--from", "2026-06-01"]),
        "1 rows read, 1 identifiers changed\n"
    );
}

#[test]
fn what_was_taken_is_a_duplicate_though_its_mid_was_removed() {
    let place = town();
    let payments = [
        ("p1", "2026-06-02T10:00:00Z"),
        ("p2", "2036-06-02T10:00:00Z"),
    ];
    assert_eq!(import_payments(&place, &payments)["new"], 2);
    place.ok(&[
        "mids",
        "remove",
        "example-payment-provider",
        "PRIMARY",
        "shop-1",
    ]);
    let again = import_payments(&place, &payments);
    assert_eq!(
        (&again["duplicate"], &again["quarantined"]),
        (&2.into(), &0.into())
    );
    // New ones of before its removal are its own; later ones wait.
    let late = [
        ("p3", "2026-06-02T10:00:00Z"),
        ("p4", "2036-06-02T10:00:00Z"),
    ];
    let outcome = import_payments(&place, &late);
    assert_eq!(
        (&outcome["new"], &outcome["quarantined"]),
        (&1.into(), &1.into())
    );
}
