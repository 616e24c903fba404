//! What mangling begins from: the fixtures of `core`, the samples of what networks and merchants
//! really send, the agent files; and words that parsers are sensitive to.

use crate::canary::{BETWEEN, CANARIES, grouped};
use crate::house::AGENT_FILES;
use std::io;
use std::path::{Path, PathBuf};

/// Which trial a feed's files are for, and with which choice.
const FEEDS: [(&str, &str, u8); 22] = [
    ("iceland-bonus-card", "csv", 0),
    ("wasabi-club", "csv", 1),
    ("itsu", "csv", 2),
    ("tgi-fridays", "csv", 3),
    ("example-loyalty-scheme", "delimited", 0),
    ("example-payment-provider", "delimited", 1),
    ("mastercard-settled", "fixed_width", 0),
    ("mastercard-refund", "fixed_width", 1),
    ("amex-file", "amex_file", 0),
    ("harvey-nichols", "json_document", 0),
    ("visa-settlement", "json_messages", 0),
    ("costa", "json_messages", 1),
    ("stonegate", "json_messages", 2),
    ("amex-settlement", "json_messages", 3),
    ("visa-refund", "json_messages", 4),
    ("slim-chickens", "json_messages", 5),
    ("visa-auth", "json_messages", 0),
    ("amex-auth", "json_messages", 3),
    ("mastercard-auth", "json_messages", 3),
    ("iceland-bonus-card.canonical", "canonical_merchant", 0),
    ("visa-refund.canonical", "canonical_payment", 0),
    ("visa-settlement.canonical", "canonical_payment", 0),
];

/// Words to put into inputs: what parts records and fields, opens and closes, what numbers, dates
/// and card numbers are made of.
pub const WORDS: [&str; 40] = [
    "\n",
    "\r\n",
    "\r",
    "\u{1e}",
    "\u{1f}",
    ",",
    ";",
    "|",
    "\"",
    "\"\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    "\\",
    "\\u0034",
    "\\ud800",
    "\\u00a0",
    "\u{feff}",
    "\0",
    "null",
    "true",
    "1e1",
    "-",
    "0.1",
    "99999999999999999999",
    "2026-10-25 01:19:45",
    "2026-06-02T15:46:12+01:00",
    "GBP",
    "4111111111111111",
    "4111 1111 1111 1111",
    "3782-822463-10005",
    "5555.5555.5555.4444",
    "{\"__type__\": \"datetime\", \"__value__\": \"2026-01-02\"}",
    "{\"__type__\": \"pendulum.DateTime\", \"epoch\": 1767323045.25}",
    "\"Key\"",
    "\"Value\"",
    "\u{a0}",
    "é",
];

/// The inputs that a trial begins with.
///
/// # Errors
/// The fixtures cannot be read.
pub fn seeds(trial: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = match trial {
        "agent_file" => agent_files(),
        "words" => words(),
        "mask" => masks(),
        _ => files(trial)?,
    };
    seeds.sort();
    seeds.dedup();
    Ok(seeds)
}

/// The input that a trial reads as `bytes`, in pieces of `step` bytes, of the feed with this number.
fn input(bytes: &[u8], step: u8, choice: u8) -> Vec<u8> {
    [bytes, &[step, choice]].concat()
}

fn agent_files() -> Vec<Vec<u8>> {
    let numbered = AGENT_FILES.iter().zip(0_u8..);
    let seed = |((_, text), choice): (&(&str, &str), u8)| input(text.as_bytes(), 0, choice);
    numbered.map(seed).collect()
}

fn words() -> Vec<Vec<u8>> {
    let dates = [
        "2026-06-02",
        "2026-06-02T15:46",
        "2026-06-02T15:46:12",
        "2026-06-02 15:46:12.123456",
        "2026-06-02T15:46:12.123456789+01:00",
        "2026-10-25 01:19:45",
        "2026-03-29 01:30:00",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+14",
        "6/2/2026 3:46:12 PM",
        "12/31/2026 12:00:00 am",
        "20260602 1546",
    ];
    let amounts = [
        "12.34",
        "-5",
        "+.5",
        "1.",
        "0.001",
        "1e3",
        "1,000.00",
        "1000000000000",
        "007",
    ];
    let pairs = dates
        .iter()
        .flat_map(|date| amounts.map(|amount| format!("{date}\n{amount}")));
    pairs.map(|pair| input(pair.as_bytes(), 0, 0)).collect()
}

fn masks() -> Vec<Vec<u8>> {
    let mut texts: Vec<String> = [
        "12.34",
        "2026-06-02 15:46:12.123456",
        "2d76ca4b-4111-1111-1111-1111ac0a38f8",
        "a4111111111111111bda3131fe14a789",
        "4111111111111112",
        "0000A00129914990914",
    ]
    .map(str::to_owned)
    .into();
    for (number, lengths) in CANARIES {
        texts.push(number.to_owned());
        texts.push(format!("pan={number}; \"{number}\""));
        for between in BETWEEN {
            let grouped = grouped(number, lengths, between);
            texts.push(format!("card {grouped} 12/28"));
            texts.push(grouped);
        }
    }
    texts
        .iter()
        .map(|text| input(text.as_bytes(), 0, 0))
        .collect()
}

fn files(trial: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for (feed, _, choice) in FEEDS.iter().filter(|(_, of, _)| *of == trial) {
        for path in inputs(feed)? {
            let bytes = std::fs::read(path)?;
            let steps: &[u8] = if seeds.is_empty() { &[0, 6, 255] } else { &[6] };
            seeds.extend(steps.iter().map(|step| input(&bytes, *step, *choice)));
        }
    }
    if trial.starts_with("canonical") {
        seeds.extend(canonical().map(|text| input(text.as_bytes(), 6, 0)));
    }
    Ok(seeds)
}

/// The inputs of a feed: its fixtures, and the samples of what really comes.
fn inputs(feed: &str) -> io::Result<Vec<PathBuf>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    let fixtures = crates.join("core/tests/fixtures/feeds").join(feed);
    if fixtures.exists() {
        for case in std::fs::read_dir(fixtures)? {
            add_inputs(&case?.path(), &mut found)?;
        }
    }
    for case in std::fs::read_dir(crates.join("harmonia/tests/fixtures/samples"))? {
        let case = case?.path();
        let name = case.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.split('.').next() == Some(feed)) {
            add_inputs(&case, &mut found)?;
        }
    }
    found.sort();
    Ok(found)
}

fn add_inputs(case: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for file in std::fs::read_dir(case)? {
        let path = file?.path();
        if path.file_stem().is_some_and(|stem| stem == "input") {
            found.push(path);
        }
    }
    Ok(())
}

fn canonical() -> [&'static str; 4] {
    [
        "[{\"transaction_id\": \"a\", \"mids\": [\"m\", \"n\"], \"payment_provider\": null, \
         \"date\": \"2026-06-02\", \"amount\": 1099, \"currency\": \"GBP\", \
         \"extra\": {\"note\": \"n\"}}, {}]",
        "{\n  \"transaction_id\": \"a\",\n  \"location_id\": \"p\",\n  \"date\": \
         \"2026-06-02T15:46\",\n  \"amount\": \"1099\", \"currency\": \"gbp\"}",
        "{\"transaction_id\": \"a\", \"mid\": {\"primary\": \"m\", \"secondary\": null, \
         \"psimi\": \"0\"}, \"date\": \"2026-06-02T15:46:12Z\", \"amount\": -5, \"currency\": \
         \"GBP\", \"card_token\": \"t\", \"first_six\": \"411111\", \"last_four\": \"1111\"}",
        "{\"mid\": \"m\", \"date\": {\"__type__\": \"datetime\", \"__value__\": \"2026-06-02\"}, \
         \"amount\": 5, \"currency\": \"GBP\", \"card_token\": \"t\"}\n\n{}\n",
    ]
}
