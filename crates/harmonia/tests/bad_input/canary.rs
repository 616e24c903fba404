//! Canaries: full card numbers in every place of every feed, written in every way people write them,
//! and none of them anywhere after: not in what any command says or logs, in no value of the
//! database, in no byte of its files, in no file that merchants are told by.

use crate::onboarded;
use crate::support::{Answer, Place};
use rusqlite::types::ValueRef;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// One number of each network that issues any, all sound by the Luhn check.
const NUMBERS: [&str; 6] = [
    "4111111111111111",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "4222222222222",
];

/// What may stand between the groups of a number.
const BETWEEN: [&str; 9] = [
    " ", "-", ".", "_", "/", "\u{a0}", "\u{2009}", "\u{202f}", "\u{2013}",
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
            if files % 5 == 0 {
                said += &hear(
                    &place,
                    &[&["import", feed, &file, "--preview"], options].concat(),
                );
            }
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
    let mut searched = Vec::new();
    for folder in ["data", "files"] {
        search(&place.path(folder), &mut searched);
    }
    let found = |ending: &str| searched.iter().any(|name| name.ends_with(ending));
    assert!(found(".sqlite3") && found(".jsonl"), "{searched:?}");
}

/// Looks through the bytes of every file below a folder, and notes what it was called.
fn search(folder: &Path, searched: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, searched);
            continue;
        }
        let name = path.display().to_string();
        assert_silent(
            &String::from_utf8_lossy(&std::fs::read(&path).unwrap()),
            &name,
        );
        searched.push(name);
    }
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
        let grouped = BETWEEN.map(|between| grouped(number, between));
        let full_width = full_width(number);
        for written in grouped
            .iter()
            .map(String::as_str)
            .chain([number, &full_width])
        {
            let Some(place) = text.find(written) else {
                continue;
            };
            let (before, after) = text.split_at(place);
            let before: String = before.chars().rev().take(100).collect();
            let before: String = before.chars().rev().collect();
            let after: String = after.chars().take(200).collect();
            panic!("{whose} holds a full card number: …{before}{after}…");
        }
    }
}

fn grouped(number: &str, between: &str) -> String {
    let groups: Vec<&str> = (0..number.len())
        .step_by(4)
        .map(|start| &number[start..number.len().min(start + 4)])
        .collect();
    groups.join(between)
}

fn full_width(number: &str) -> String {
    let wide = |digit: char| char::from_u32(u32::from(digit) - u32::from('0') + 0xFF10);
    number.chars().filter_map(wide).collect()
}

/// A number as people and programs write it. All of the ways for one number; for the others, in turn.
fn ways(number: &str) -> Vec<String> {
    let mut ways = vec![
        number.to_owned(),
        grouped(number, " "),
        format!("pan={number};"),
    ];
    let mut others: Vec<String> = BETWEEN[1..]
        .iter()
        .map(|between| grouped(number, between))
        .collect();
    others.push(full_width(number));
    others.push(format!("card {} 12/28", grouped(number, " ")));
    if number == NUMBERS[0] {
        ways.extend(others);
    } else {
        let turn = NUMBERS
            .iter()
            .position(|other| *other == number)
            .unwrap_or(0);
        ways.push(others.swap_remove(turn % others.len()));
    }
    ways
}

/// Files of every feed, with the number in each field of a record of its own. The `bool` says that
/// the file is canonical.
fn feeds_with(number: &str) -> Vec<(&'static str, bool, String)> {
    let mut feeds = Vec::new();
    for number in ways(number) {
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
        feeds.push(("visa-settlement", false, visa(&number)));
        feeds.push(("amex-settlement", false, amex(&number)));
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

/// Messages of `visa-settlement` with the number in each pair but that of the id, which may look like
/// one, and beside them.
fn visa(number: &str) -> String {
    let sound = [
        ("VipTransactionId", "visa-1"),
        ("MerchantCardAcceptorId", "shop-8"),
        ("SettlementAmount", "10.99"),
        ("MerchantDateTimeGMT", "2026-06-02T15:46:12"),
        ("AuthCode", "666666"),
        ("VisaMerchantName", "The Shop"),
    ];
    let mut lines = String::new();
    for place in 1..sound.len() {
        let mut pairs = sound;
        pairs[place].1 = number;
        let pairs =
            pairs.map(|(key, value)| json!({"Key": format!("Transaction.{key}"), "Value": value}));
        let message = json!({"ExternalUserId": number, "MessageElementsCollection": pairs});
        writeln!(lines, "{message}").unwrap();
        // As senders write it who escape what is not ASCII.
        let escaped = |c: char| match c {
            c if c.is_ascii() => c.to_string(),
            c => format!("\\u{:04x}", u32::from(c)),
        };
        let message: String = message.to_string().chars().map(escaped).collect();
        writeln!(lines, "{message}").unwrap();
    }
    lines
}

/// Messages of `amex-settlement` with the number in each value but the id.
fn amex(number: &str) -> String {
    let sound = json!({
        "offerId": "o", "transactionDate": "2026-06-02 15:46:12", "transactionAmount": "10.99",
        "cardToken": "token-1", "merchantNumber": "shop-9", "approvalCode": "666666",
        "dpan": "371234XXXXX6781", "partnerId": "p", "recordId": "r", "currencyCode": "840",
    });
    let mut lines = String::new();
    for key in sound.as_object().unwrap().keys() {
        let mut changed = sound.clone();
        changed["transactionId"] = json!("amex-1");
        changed[key] = json!(number);
        writeln!(lines, "{changed}").unwrap();
        changed[key] = json!(format!("\n{number}\t"));
        writeln!(lines, "{changed}").unwrap();
    }
    lines
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
