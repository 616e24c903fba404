//! Canaries: full card numbers in every place of every feed, and none of them anywhere after.

use crate::onboarded;
use crate::support::{Answer, Place};
use rusqlite::types::ValueRef;
use serde_json::json;
use std::fmt::Write;

/// One number of each network that issues any, all sound by the Luhn check.
const NUMBERS: [&str; 6] = [
    "4111111111111111",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "4222222222222",
];

#[test]
fn a_full_card_number_is_nowhere_after_it_came() {
    let place = onboarded().with("TXM_LOG_LEVEL", "trace");
    let mut said = String::new();
    let mut files = 0;
    for number in NUMBERS {
        for (feed, format, text) in feeds_with(number) {
            files += 1;
            let file = place.write(&format!("arrived/{files}.dat"), text);
            let format = format.then_some(["--format", "canonical"]);
            let options = format.as_slice().as_flattened();
            said += &hear(&place, &[&["import", feed, &file], options].concat());
            said += &hear(&place, &["import", feed, &file, "--json"]);
        }
        let cards = place.write("cards.csv", cards_with(number));
        said += &hear(&place, &["cards", "import", &cards]);
    }
    for command in [
        &["drain"][..],
        &["rejects", "list"],
        &["rejects", "list", "--json"],
        &["status"],
        &["lifecycle", "pay-1"],
        &["lifecycle", "sale-1", "--json"],
        &["why", "payment", "pay-1"],
        &["why", "sale", "sale-1", "--json"],
        &["review"],
        &["claim", "--amount", "10.99", "--date", "2026-06-02"],
        &[
            "claim",
            "--amount",
            "10.99",
            "--date",
            "2026-06-02",
            "--json",
        ],
        &["exports", "list"],
        &["cards", "list"],
        &["matches", "--json"],
        &["audit"],
    ] {
        said += &hear(&place, command);
    }
    for number in NUMBERS {
        let asked = ["claim", "--amount", "10.99", "--date", "2026-06-02"];
        for option in ["--card", "--loyalty-id"] {
            said += &hear(&place, &[&asked[..], &[option, number]].concat());
            said += &hear(&place, &[&asked[..], &[option, number, "--json"]].concat());
        }
        let wrong = place.run(&[&asked[..], &["--last-four", number]].concat());
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        said += &(wrong.out + &wrong.err);
    }
    let kept = place.texts("SELECT count(*) || '' FROM rejected_record");
    assert!(
        kept[0].parse::<u64>().unwrap() > 50,
        "the canaries did not arrive: {kept:?}"
    );
    assert_silent(&said, "what was said");
    assert_silent(&dump(&place), "the database");
}

/// Whatever a command says, masked or not.
fn hear(place: &Place, arguments: &[&str]) -> String {
    let answer = Answer::of(&place.command(arguments).output().unwrap());
    assert!(
        answer.code.is_some_and(|code| code < 2),
        "{arguments:?}: {answer:#?}"
    );
    answer.out + &answer.err
}

fn assert_silent(text: &str, whose: &str) {
    for number in NUMBERS {
        // Blanks and hyphens hide nothing.
        let grouped = spaced(number);
        for written in [number, &grouped, &grouped.replace(' ', "-")] {
            let Some(place) = text.find(written) else {
                continue;
            };
            let near = &text[place.saturating_sub(200)..text.len().min(place + 200)];
            panic!("{whose} holds a full card number: …{near}…");
        }
    }
}

fn spaced(number: &str) -> String {
    let groups: Vec<&str> = (0..number.len())
        .step_by(4)
        .map(|start| &number[start..number.len().min(start + 4)])
        .collect();
    groups.join(" ")
}

/// Files of every feed, with the number in each field of a record of its own. The `bool` says that
/// the file is canonical.
fn feeds_with(number: &str) -> Vec<(&'static str, bool, String)> {
    let mut feeds = Vec::new();
    for number in [number.to_owned(), spaced(number), format!("pan={number};")] {
        let when = "2026-06-02T15:46:12+01:00";
        let payment = ["test-mid-1", "pay-1", when, "1099", "token-1"];
        feeds.push((
            "example-payment-provider",
            false,
            delimited(&payment, &number),
        ));
        let sale = ["test-mid-1", "sale-1", when, "1099", "10"];
        feeds.push(("example-loyalty-scheme", false, delimited(&sale, &number)));
        feeds.push(("iceland-bonus-card", false, csv(&number)));
        feeds.push(("mastercard-settled", false, fixed_width(&number)));
        feeds.push((
            "example-payment-provider",
            true,
            canonical("mid", "test-mid-1", &number),
        ));
        feeds.push((
            "example-loyalty-scheme",
            true,
            canonical("location_id", "place-1", &number),
        ));
    }
    feeds
}

/// The record as it is, then with the number instead of each field, then with one field more.
fn variants(record: &[&str], number: &str) -> Vec<Vec<String>> {
    let sound: Vec<String> = record.iter().map(|field| (*field).to_owned()).collect();
    let with = |place: usize| {
        let mut record = sound.clone();
        record[place] = number.to_owned();
        record
    };
    let changed = (0..record.len()).map(with);
    let longer = [sound.clone(), vec![number.to_owned()]].concat();
    [sound.clone()]
        .into_iter()
        .chain(changed)
        .chain([longer])
        .collect()
}

fn delimited(record: &[&str], number: &str) -> String {
    let records = variants(record, number).into_iter();
    records
        .map(|record| record.join("\u{1f}"))
        .collect::<Vec<_>>()
        .join("\u{1e}")
}

fn csv(number: &str) -> String {
    let mut text =
        "TransactionId,TransactionStore_Id,TransactionAmountValue,TransactionAmountUnit,\
                    TransactionTimestamp,TransactionCardFirst6,TransactionCardLast4,\
                    TransactionCardScheme,TransactionAuthCode,Note\n"
            .to_owned();
    let date = "2026-06-02 15:46:12";
    let record = [
        "sale-1", "shop-7", "10.99", "GBP", date, "412345", "6789", "Visa", "666666", "",
    ];
    for record in variants(&record, number) {
        writeln!(text, "{}", record.join(",")).unwrap();
    }
    text
}

fn fixed_width(number: &str) -> String {
    let mut lines = String::from("H\n");
    for start in [21, 102, 451, 500, 512, 518, 563, 567, 700, 761] {
        let mut line = format!("{:850}", "D");
        for (start, text) in [
            (21, "token-1"),
            (102, "20260602"),
            (451, "shop-7"),
            (518, "000000001099"),
            (563, "1546"),
            (761, "a1b2c3d4e"),
            (start, number),
        ] {
            line.replace_range(start..start + text.len(), text);
        }
        lines += &(line + "\n");
    }
    lines + "D " + number + "\nT\n"
}

fn canonical(place_key: &str, place: &str, number: &str) -> String {
    let sound = json!({
        "transaction_id": format!("canonical-{place}"), place_key: place, "amount": 1099,
        "date": "2026-06-02T15:46:12Z", "currency": "GBP", "card_token": "token-1",
        "auth_code": "666666", "first_six": "412345", "last_four": "6789",
        "extra": {"note": "none"},
    });
    let mut lines = format!("{sound}\n");
    for key in sound.as_object().unwrap().keys() {
        let mut changed = sound.clone();
        changed[key] = json!(number);
        writeln!(lines, "{changed}").unwrap();
        changed[key] = json!({"deep": [number, number.parse::<u64>().unwrap_or(1)]});
        writeln!(lines, "{changed}").unwrap();
    }
    lines + "{\"no\": \"json, and " + number
}

fn cards_with(number: &str) -> String {
    let header = "card_token,scheme_slug,loyalty_id,user_id,scheme_account_id,\
                  payment_card_account_id,first_six,last_four,expiry_month,expiry_year,credentials";
    format!("{header}\n{number},iceland-bonus-card,member-1,1,1,1,412345,6789,12,2030,{{}}\n")
}

/// Every value of every table, as text.
fn dump(place: &Place) -> String {
    let database = place.database();
    let mut text = String::new();
    for table in place.texts("SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let mut statement = database
            .prepare(&format!("SELECT * FROM \"{table}\""))
            .unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                        text += &String::from_utf8_lossy(bytes);
                    }
                    ValueRef::Integer(number) => write!(text, "{number}").unwrap(),
                    ValueRef::Real(number) => write!(text, "{number}").unwrap(),
                    ValueRef::Null => {}
                }
                text.push('\n');
            }
        }
    }
    text
}
