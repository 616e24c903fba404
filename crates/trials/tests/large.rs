//! Memory on large inputs: never above twice the input and the floor that [`FLOOR_BYTES`] explains,
//! whatever a record is made of. One test in one process, as the count is of the whole process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_core::agent::Agent;
use harmonia_core::feed::{Feed, Outcome, RawRecord};
use harmonia_trials::AGENT_FILES;
use harmonia_trials::memory::{FLOOR_BYTES, peak_of};

const MIB: usize = 1 << 20;

#[test]
fn large_inputs_need_no_more_than_twice_their_size() {
    let mut wrong = Vec::new();
    for (feed, what, bytes) in inputs() {
        let feed = named(feed);
        let mut kept = 0;
        let peak = peak_of(|| kept = read(&feed, &bytes));
        let limit = 2 * bytes.len() + FLOOR_BYTES + kept;
        let line = format!(
            "{} {what}: {peak} bytes for {}, {:.2} times",
            feed.name,
            bytes.len(),
            peak as f64 / bytes.len() as f64
        );
        println!("{line}");
        if peak > limit {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Reads all records; gives the length of the longest extra field, which is no working memory but
/// what is kept.
fn read(feed: &Feed, bytes: &[u8]) -> usize {
    let Ok(mut reader) = feed.reader(bytes) else {
        return 0;
    };
    let mut raw = RawRecord::default();
    let mut longest = 0;
    while let Ok(true) = reader.next(&mut raw) {
        let extra = match feed.read(&raw) {
            Outcome::Payment(payment) => payment.extra,
            Outcome::Sale(sale) => sale.extra,
            Outcome::Answer(_) | Outcome::Skipped | Outcome::Rejected(_) => None,
        };
        longest = longest.max(extra.map_or(0, |extra| extra.len()));
    }
    longest
}

fn named(name: &str) -> Feed {
    let agents = AGENT_FILES.iter();
    let mut agents = agents.map(|(file, text)| Agent::parse(file, text).unwrap());
    let (name, canonical) = match name.strip_suffix(".canonical") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let feed = agents.find_map(|agent| agent.feed(name).cloned()).unwrap();
    if canonical { feed.canonical() } else { feed }
}

/// Feed, what is large, and the bytes.
fn inputs() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let header = "TransactionCardFirst6,TransactionCardLast4,TransactionCardScheme,\
                  TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,\
                  TransactionAmountUnit,TransactionId,TransactionAuthCode";
    let csv = |record: &str| format!("{header}\n{record}\n").into_bytes();
    let long = |text: &str, bytes: usize| text.repeat(bytes / text.len());
    let canonical = |value: &str| {
        format!(
            "{{\"transaction_id\": {value}, \"location_id\": {value}, \"date\": {value}, \
             \"amount\": {value}, \"extra\": {{\"a\": {value}}}, \"currency\": \"GBP\"}}"
        )
        .into_bytes()
    };
    let visa = |value: &str| {
        let keys = [
            "VipTransactionId",
            "TransactionAmount",
            "SettlementAmount",
            "AuthCode",
        ];
        let pair = |key| format!("{{\"Key\": \"Transaction.{key}\", \"Value\": {value}}}");
        let pairs = keys.map(pair).join(", ");
        format!("{{\"MessageElementsCollection\": [{pairs}]}}").into_bytes()
    };
    vec![
        (
            "iceland-bonus-card",
            "separators alone",
            csv(&long(",", MIB - 10)),
        ),
        (
            "iceland-bonus-card",
            "a header of separators",
            long(",", MIB - 10).into_bytes(),
        ),
        ("iceland-bonus-card", "one field", csv(&long("x", MIB - 10))),
        (
            "iceland-bonus-card",
            "one date",
            csv(&format!("1,2,Visa,3,{},5,GBP,7,8", long("\u{1}", MIB / 2))),
        ),
        (
            "iceland-bonus-card",
            "a quote that stays open",
            csv(&format!("\"{}", long("x\n", 3 * MIB))),
        ),
        (
            "iceland-bonus-card",
            "a record that is too long",
            csv(&long("x", 5 * MIB)),
        ),
        (
            "iceland-bonus-card",
            "short lines",
            csv(&long("1,2\n", MIB / 4)),
        ),
        (
            "iceland-bonus-card",
            "no UTF-8",
            [csv("x"), vec![0xFF; MIB - 10]].concat(),
        ),
        (
            "example-loyalty-scheme",
            "separators alone",
            long("\u{1f}", MIB - 10).into_bytes(),
        ),
        (
            "example-loyalty-scheme",
            "records of a byte",
            long("x\u{1e}", MIB / 4).into_bytes(),
        ),
        (
            "mastercard-settled",
            "one line",
            format!("H\nD{}\nT\n", long(" ", MIB - 10)).into_bytes(),
        ),
        (
            "costa",
            "a text",
            format!("{{\"metadata\": \"{}\"}}", long("x", MIB - 100)).into_bytes(),
        ),
        (
            "costa",
            "escapes",
            format!("{{\"date\": \"{}\"}}", long("\\n", MIB - 100)).into_bytes(),
        ),
        ("costa", "brackets", long("[", MIB - 10).into_bytes()),
        (
            "costa",
            "a list",
            format!("{{\"items_ordered\": [{}1]}}", long("1,", MIB - 100)).into_bytes(),
        ),
        (
            "costa",
            "one key again and again",
            format!(
                "{{{}\"date\":\"\\n\"}}",
                long("\"date\":\"\\n\",", MIB - 100)
            )
            .into_bytes(),
        ),
        (
            "visa-settlement",
            "pairs",
            visa(&format!("\"{}\"", long("9", MIB / 5))),
        ),
        (
            "visa-settlement",
            "pairs of escapes",
            visa(&format!("\"{}\"", long("\\u00e9", MIB / 5))),
        ),
        (
            "harvey-nichols",
            "one element",
            format!("{{\"transactions\": [\"{}\"]}}", long("x", MIB - 100)).into_bytes(),
        ),
        (
            "harvey-nichols",
            "small elements",
            format!("{{\"transactions\": [{}1]}}", long("1,", MIB / 4)).into_bytes(),
        ),
        (
            "iceland-bonus-card.canonical",
            "a large extra",
            format!(
                "{{\"transaction_id\": \"1\", \"location_id\": \"1\", \"date\": \"2026-06-02\", \
                 \"amount\": 1, \"currency\": \"GBP\", \"extra\": {{\"a\": \"{}\"}}}}",
                long("x", MIB - 300)
            )
            .into_bytes(),
        ),
        (
            "iceland-bonus-card.canonical",
            "texts",
            canonical(&format!("\"{}\"", long("x", MIB / 6))),
        ),
        (
            "iceland-bonus-card.canonical",
            "escapes",
            canonical(&format!("\"{}\"", long("\\t", MIB / 6))),
        ),
    ]
}
