//! What merchants and card networks really send, and what must be read from it, field by field,
//! through the real binary into the database.
//!
//! `fixtures/samples/<agent>.<provider>/` holds the input as the feed brings it and `expected.jsonl`,
//! a line for each record that must be imported, in order: `mids` are the primary MIDs, `""` stands
//! for no value. Location `store_<n>` has the MIDs `mid-<n>a` and `mid-<n>b` at every network.

use crate::support::Place;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A scheme by whose clock the networks' own zone holds, for payments.
const ANY_SCHEME: &str = "iceland-bonus-card";
const NETWORKS: [&str; 3] = ["visa", "mastercard", "amex"];
const STORES: usize = 60;

/// One sample: its agent, its network, and what must come of it.
struct Sample {
    name: String,
    input: PathBuf,
    expected: Vec<Map<String, Value>>,
}

impl Sample {
    fn read(folder: &Path) -> Self {
        let files = std::fs::read_dir(folder).unwrap();
        let input = files
            .map(|file| file.unwrap().path())
            .find(|path| path.file_stem().is_some_and(|stem| stem == "input"));
        let expected = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            input: input.unwrap(),
            expected: expected
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    fn agent(&self) -> &str {
        self.name.rsplit_once('.').unwrap().0
    }

    fn brings_sales(&self) -> bool {
        self.expected[0]["feed_type"] == "MERCHANT"
    }

    /// The identifiers that must be onboarded for it.
    fn mids(&self) -> String {
        if self.brings_sales() {
            return stores(self.agent());
        }
        let network = self.expected[0]["payment_provider"].as_str().unwrap();
        let mut rows: Vec<String> = self
            .expected
            .iter()
            .map(|record| {
                let (kind, identifier) = best_identifier(record);
                format!("{network},{identifier},{kind},{ANY_SCHEME},,,,,,A\n")
            })
            .collect();
        rows.sort();
        rows.dedup();
        rows.concat()
    }

    fn check(&self) {
        let place = Place::new();
        place.ok(&["mids", "import", &place.write("mids.csv", self.mids())]);
        let input = self.input.display().to_string();
        let told = &place.json(&["import", self.agent(), &input])[0][0];
        assert_eq!(told["rejected"], 0, "{}: {told}", self.name);
        assert_eq!(told["quarantined"], 0, "{}: {told}", self.name);
        let found = stored(&place, self.brings_sales());
        assert_eq!(found.len(), self.expected.len(), "{}: {told}", self.name);
        for (found, expected) in found.iter().zip(&self.expected) {
            for (name, value) in found {
                let wanted = match &expected[name] {
                    Value::Null => Value::from(""),
                    value => value.clone(),
                };
                assert_eq!(value, &wanted, "{}: {name} of {expected:?}", self.name);
            }
        }
    }
}

/// What tells the scheme of a payment.
fn best_identifier(record: &Map<String, Value>) -> (&'static str, &str) {
    let text = |value: &'_ Value| value.as_str().is_some_and(|text| !text.is_empty());
    if text(&record["mids"][0]) {
        ("PRIMARY", record["mids"][0].as_str().unwrap())
    } else if text(&record["secondary"]) {
        ("SECONDARY", record["secondary"].as_str().unwrap())
    } else {
        ("PSIMI", record["psimi"].as_str().unwrap())
    }
}

/// Every store of a scheme, at every network.
fn stores(scheme: &str) -> String {
    let mut rows = String::new();
    for store in 0..STORES {
        for network in NETWORKS {
            for terminal in ["a", "b"] {
                writeln!(
                    rows,
                    "{network},mid-{store}{terminal},PRIMARY,{scheme},store_{store},,,,,A"
                )
                .unwrap();
            }
        }
    }
    rows
}

/// What is stored of each record, under the names of the expected fields.
fn stored(place: &Place, sales: bool) -> Vec<Map<String, Value>> {
    let (table, mids, of_payments) = if sales {
        ("scheme_transaction", "json(mids)", "")
    } else {
        (
            "payment_transaction",
            "json_array(mid)",
            ", 'card_token', card_token, 'settlement_key', settlement_key,
               'approval_code', coalesce(approval_code, '')",
        )
    };
    let query = format!(
        "SELECT json_object('transaction_id', transaction_id, 'feed_type', feed_type,
            'payment_provider', payment_provider_slug, 'amount', spend_amount,
            'currency', spend_currency, 'auth_code', coalesce(auth_code, ''),
            'first_six', coalesce(first_six, ''), 'last_four', coalesce(last_four, ''),
            'has_time', json(iif(has_time, 'true', 'false')), 'mids', {mids},
            'date', strftime('%Y-%m-%dT%H:%M:%SZ', transaction_date / 1000000, 'unixepoch')
            {of_payments}) FROM {table} ORDER BY id"
    );
    let rows = place.texts(&query);
    rows.iter()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect()
}

#[test]
fn every_sample_is_read_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert!(folders.len() >= 23, "{}", folders.len());
    for folder in folders {
        Sample::read(&folder).check();
    }
}
