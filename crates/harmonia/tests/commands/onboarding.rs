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
