//! Agent files and the feeds they describe, from the outside.
//!
//! Each folder `fixtures/feeds/<feed>/<case>/` holds an `input.*` as the feed receives it and an
//! `expected.jsonl` with what must come of it: one line for each record, in order, with the fields
//! that matter (`line` is where a person finds the record), or one line `{"refused": "…"}` with
//! part of the reason why the whole file is. A feed named `<feed>.canonical` is read in the
//! canonical format. With `HARMONIA_UPDATE_FIXTURES=1` the expected files are written anew, to be
//! looked over and committed.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

use harmonia_core::agent::Agent;
use harmonia_core::feed::{Feed, Outcome, RawRecord, ReadError};
use harmonia_core::ids::Slug;
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

fn folder(path: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let entries = std::fs::read_dir(root).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Name and text of each file in `agents/`.
fn agent_files() -> Vec<(String, String)> {
    let read = |path: PathBuf| {
        let name = format!("agents/{}", name_of(&path));
        (name, std::fs::read_to_string(&path).unwrap())
    };
    folder("../../agents").into_iter().map(read).collect()
}

fn agents() -> Vec<Agent> {
    let parse = |(name, text): (String, String)| Agent::parse(&name, &text).unwrap();
    agent_files().into_iter().map(parse).collect()
}

fn feed(agents: &[Agent], name: &str) -> Feed {
    let (name, canonical) = match name.strip_suffix(".canonical") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let feed = agents.iter().find_map(|agent| agent.feed(name)).unwrap();
    if canonical {
        feed.canonical()
    } else {
        feed.clone()
    }
}

fn inspect(feed: &Feed, bytes: &[u8], step: usize) -> Result<(), ReadError> {
    let mut inspector = feed.inspect();
    bytes.chunks(step).for_each(|chunk| inspector.feed(chunk));
    Ok(inspector.finish()?)
}

/// What becomes of each record: its line and its fields.
fn read(feed: &Feed, bytes: &[u8]) -> Result<Vec<Map<String, Value>>, ReadError> {
    let mut reader = feed.reader(bytes)?;
    let mut raw = RawRecord::default();
    let mut records = Vec::new();
    while reader.next(&mut raw)? {
        let outcome = feed.read(&raw);
        check_raw_json(feed, &raw, &outcome);
        let mut fields = outcome.fields();
        fields.insert("line".into(), raw.number().into());
        records.push(fields);
    }
    Ok(records)
}

/// What becomes of each record of one message in memory.
fn read_message(feed: &Feed, bytes: &[u8]) -> Result<Vec<Map<String, Value>>, ReadError> {
    let mut reader = feed.message(bytes)?;
    let mut raw = RawRecord::default();
    let mut records = Vec::new();
    while reader.next(&mut raw)? {
        let mut fields = feed.read(&raw).fields();
        fields.insert("line".into(), raw.number().into());
        records.push(fields);
    }
    Ok(records)
}

/// A message says what a file of the same bytes says.
fn check_message(feed: &Feed, bytes: &[u8]) {
    let as_file = read(feed, bytes).map_err(|error| error.to_string());
    let as_message = read_message(feed, bytes).map_err(|error| error.to_string());
    assert_eq!(as_message, as_file, "{}", feed.name);
}

/// What is stored of a record is JSON, and means the same when it is read again.
fn check_raw_json(feed: &Feed, raw: &RawRecord, outcome: &Outcome) {
    let mut json = String::new();
    feed.raw_json(raw, true, &mut json);
    assert!(
        serde_json::from_str::<Map<String, Value>>(&json).is_ok(),
        "{json}"
    );
    assert!(!json.contains("4111111111111111"), "{json}");
    let again = feed.read(&feed.recall(&json, raw.number(), raw.occurrence()));
    if matches!(outcome, Outcome::Payment(_) | Outcome::Sale(_)) && !json.contains("******1111") {
        assert_eq!(&again, outcome, "{json}");
    }
}

fn outcome_of_file(feed: &Feed, bytes: &[u8]) -> Vec<Map<String, Value>> {
    let result = inspect(feed, bytes, 64).and_then(|()| read(feed, bytes));
    result.unwrap_or_else(|error| {
        let refused = serde_json::json!({ "refused": error.to_string() });
        vec![refused.as_object().unwrap().clone()]
    })
}

fn check(agents: &[Agent], feed_name: &str, case: &Path) {
    let files = std::fs::read_dir(case)
        .unwrap()
        .map(|file| file.unwrap().path());
    let input = files
        .into_iter()
        .find(|path| name_of(path).starts_with("input."))
        .unwrap();
    let found = outcome_of_file(&feed(agents, feed_name), &std::fs::read(input).unwrap());
    let expected_path = case.join("expected.jsonl");
    if std::env::var_os("HARMONIA_UPDATE_FIXTURES").is_some() {
        let present = |fields: &Map<String, Value>| {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let fields: Map<_, _> = fields
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            serde_json::to_string(&fields).unwrap() + "\n"
        };
        std::fs::write(
            &expected_path,
            found.iter().map(present).collect::<String>(),
        )
        .unwrap();
    }
    let text = std::fs::read_to_string(&expected_path).unwrap();
    let expected: Vec<Map<String, Value>> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        found.len(),
        expected.len(),
        "{}: {found:#?}",
        case.display()
    );
    for (found, expected) in found.iter().zip(&expected) {
        for (key, wanted) in expected {
            assert_eq!(
                found.get(key),
                Some(wanted),
                "{}: {key} of {found:?}",
                case.display()
            );
        }
    }
}

#[test]
fn every_fixture_is_read_as_expected() {
    let agents = agents();
    for feed in folder("tests/fixtures/feeds") {
        for case in folder(feed.to_str().unwrap()) {
            check(&agents, name_of(&feed), &case);
        }
    }
}

#[test]
fn every_agent_file_is_sound_and_its_examples_hold() {
    for (name, text) in agent_files() {
        let complaints = match Agent::parse(&name, &text) {
            Ok(agent) => agent.run_examples(),
            Err(complaints) => complaints,
        };
        let lines: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}

#[test]
fn every_mistake_in_an_agent_file_is_told_with_its_line_and_key() {
    let text = r#"
slug     = "shop"
name     = "Shop"
role     = "loyalty-scheme"
timezone = "Europe/Lundon"
colour   = "red"

[feeds.merchant]
source = { kind = "files", path = "../etc" }
format = { kind = "csv", header = false, columns = ["id", "when"] }
skip   = [ { field = "id", equals = "x", in = ["y"] } ]

[feeds.merchant.fields]
transaction_id = "id"
date           = { from = "when", format = "%Y-%m-%d %Q" }
amount         = { from = "spent", unit = "pounds" }

[[examples]]
input   = "x"
rejects = ["WORSE"]
"#;
    let complaints = Agent::parse("agents/store.toml", text).unwrap_err();
    let told: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    let expected = [
        r#"agents/store.toml:2: slug: is "shop", and the file's name says "store""#,
        r#"agents/store.toml:5: timezone: "Europe/Lundon" is not a time zone"#,
        "agents/store.toml:6: colour: there is no such key here: use `examples`",
        r#"agents/store.toml:9: feeds.merchant.source.path: "../etc" leads out"#,
        "agents/store.toml:11: feeds.merchant.skip[0]: needs one of `equals`",
        "agents/store.toml:13: feeds.merchant.fields: the field `currency` is missing",
        "agents/store.toml:13: feeds.merchant.fields: one of `mid`, `mids`, `location_id` must",
        "agents/store.toml:15: feeds.merchant.fields.date.format: %Q is not part of a date",
        r#"agents/store.toml:16: feeds.merchant.fields.amount.from: "spent" is not a column"#,
        r#"agents/store.toml:16: feeds.merchant.fields.amount.unit: "pounds" is not a unit"#,
        r#"agents/store.toml:20: examples[0].rejects: "WORSE" is not a reason"#,
    ];
    for start in expected {
        assert!(
            told.iter().any(|line| line.starts_with(start)),
            "{start}\n{told:#?}"
        );
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn a_payment_provider_may_not_have_two_feeds_of_one_name() {
    let (_, text) = agent_files()
        .into_iter()
        .find(|(name, _)| name.ends_with("amex.toml"))
        .unwrap();
    let text = text.replace(r#"name   = "amex-file""#, r#"name   = "amex-auth""#);
    let complaints = Agent::parse("agents/amex.toml", &text).unwrap_err();
    let told = complaints
        .iter()
        .any(|one| one.message.contains("two feeds are named amex-auth"));
    assert!(told, "{complaints:?}");
}

#[test]
fn an_example_that_does_not_hold_names_its_line_and_field() {
    let name = "agents/example-loyalty-scheme.toml";
    let (_, text) = agent_files()
        .into_iter()
        .find(|(file, _)| file == name)
        .unwrap();
    let text = text.replace("amount = 1099", "amount = 1100");
    let complaints = Agent::parse(name, &text).unwrap().run_examples();
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert_eq!(complaints[0].key, "examples[0].expect[0].amount");
    assert_eq!(complaints[0].message, "is 1100, and the feed reads 1099");
    let line = text
        .lines()
        .position(|line| line.contains("amount = 1100"))
        .unwrap()
        + 1;
    assert_eq!(complaints[0].line, line);
}

#[test]
fn a_scheme_can_have_a_clock_of_its_own_in_a_payment_feed() {
    let feed = feed(&agents(), "visa-auth");
    assert!(feed.has_zones_of_schemes());
    let message = |date: &str| {
        format!(
            r#"{{"ExternalUserId": "t", "MessageElementsCollection": [
                {{"Key": "Transaction.VipTransactionId", "Value": "1"}},
                {{"Key": "Transaction.MerchantCardAcceptorId", "Value": "m"}},
                {{"Key": "Transaction.TransactionAmount", "Value": "1"}},
                {{"Key": "Transaction.TimeStampYYMMDD", "Value": "{date}"}}]}}"#
        )
        .replace('\n', " ")
    };
    for (date, scheme, expected) in [
        ("2026-06-02T15:46:12", "itsu", Some("2026-06-02T14:46:12Z")),
        ("2026-06-02T15:46:12Z", "itsu", Some("2026-06-02T15:46:12Z")),
        ("2026-06-02T15:46:12", "costa", None),
    ] {
        let message = message(date);
        let mut reader = feed.reader(message.as_bytes()).unwrap();
        let mut raw = RawRecord::default();
        assert!(reader.next(&mut raw).unwrap());
        let moment = feed.moment_for_scheme(&raw, &Slug::new(scheme).unwrap());
        let found = moment.map(|moment| moment.start.to_string());
        assert_eq!(found.as_deref(), expected, "{date} {scheme}");
    }
}

/// Reads bytes as every feed would, own format and canonical, and asks nothing of what comes.
fn read_with_all(agents: &[Agent], bytes: &[u8]) {
    for feed in agents.iter().flat_map(|agent| &agent.feeds) {
        for feed in [feed.clone(), feed.canonical()] {
            let _ = inspect(&feed, bytes, 7);
            let _ = read(&feed, bytes);
        }
    }
}

/// Every input there is that is not empty: what follows mangles them.
fn inputs() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for feed in folder("tests/fixtures/feeds") {
        for case in folder(feed.to_str().unwrap()) {
            let files = std::fs::read_dir(&case)
                .unwrap()
                .map(|file| file.unwrap().path());
            for path in files.filter(|path| name_of(path).starts_with("input.")) {
                inputs.push((name_of(&feed).to_owned(), std::fs::read(path).unwrap()));
            }
        }
    }
    inputs.retain(|(_, bytes)| !bytes.is_empty());
    inputs
}

#[test]
fn a_file_cut_at_any_byte_never_panics_and_gives_no_record_that_the_whole_does_not() {
    let agents = agents();
    for (name, bytes) in inputs() {
        let feed = feed(&agents, &name);
        let whole = read(&feed, &bytes).unwrap_or_default();
        for end in 0..bytes.len() {
            let _ = inspect(&feed, &bytes[..end], 1000);
            let Ok(records) = read(&feed, &bytes[..end]) else {
                continue;
            };
            // All but the last, which may have been cut, and what follows an open quote.
            let sound = records.len().saturating_sub(1).min(whole.len());
            let quotes = bytes.contains(&b'"') && !feed.name.as_str().contains("visa");
            if !quotes {
                assert_eq!(records[..sound], whole[..sound], "{name} cut at {end}");
            }
        }
    }
}

#[test]
fn a_message_says_what_a_file_of_the_same_bytes_says() {
    let agents = agents();
    for (name, mut bytes) in inputs() {
        let feed = feed(&agents, &name);
        check_message(&feed, &bytes);
        check_message(&feed.canonical(), &bytes);
        bytes.splice(0..0, *b"\xEF\xBB\xBF");
        bytes.extend(*b"\n \n");
        check_message(&feed, &bytes);
    }
}

#[test]
fn a_tgx2_file_cut_before_its_trailer_is_refused() {
    let feed = feed(&agents(), "mastercard-settled");
    let (_, bytes) = inputs()
        .into_iter()
        .find(|(name, _)| name == "mastercard-settled")
        .unwrap();
    let trailer = bytes.windows(2).rposition(|pair| pair == b"\nT").unwrap() + 1;
    for end in 0..=trailer {
        assert!(inspect(&feed, &bytes[..end], 100).is_err(), "cut at {end}");
    }
    assert!(inspect(&feed, &bytes, 1).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_any_feed(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_with_all(&agents(), &bytes);
    }

    #[test]
    fn no_mangled_input_panics_its_feed(
        choice in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let inputs = inputs();
        let (name, mut bytes) = choice.get(&inputs).clone();
        for (place, byte) in edits {
            *place.get_mut(&mut bytes) = byte;
        }
        let feed = feed(&agents(), &name);
        let _ = inspect(&feed, &bytes, 9);
        check_message(&feed, &bytes);
        check_message(&feed.canonical(), &bytes);
    }

    #[test]
    fn no_mangled_agent_file_panics(
        choice in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..9, ".{0,3}"), 1..4),
    ) {
        let files = agent_files();
        let (name, text) = choice.get(&files);
        let mut characters: Vec<char> = text.chars().collect();
        for (place, length, insert) in cuts {
            let start = place.index(characters.len());
            let end = (start + length).min(characters.len());
            characters.splice(start..end, insert.chars());
        }
        let mangled: String = characters.into_iter().collect();
        if let Ok(agent) = Agent::parse(name, &mangled) {
            let _ = agent.run_examples();
        }
    }
}
