//! What a generated world promises: the same bytes for the same options, a summary that counts what
//! is there, and a truth that the scheme's own rule finds again.

#![cfg(test)]

use harmonia_sim::{Counts, Fault, FaultRates, IdStyle, Options, Score, Summary, Truth, generate};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

struct Generated {
    summary: Summary,
    _folder: TempDir,
}

fn generated(options: &Options) -> Generated {
    let folder = tempfile::tempdir().unwrap();
    let summary = generate(options, folder.path(), &mut |_| ()).unwrap();
    Generated {
        summary,
        _folder: folder,
    }
}

/// One record of either feed.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Record {
    mid: String,
    transaction_id: String,
    at: Timestamp,
    amount_minor: i64,
    last_field: String,
}

/// Reads a feed by the letter of its description.
fn records(path: &Path) -> Vec<Record> {
    let text = fs::read_to_string(path).unwrap();
    let records = text.split('\u{1e}').filter(|_| !text.is_empty());
    records
        .map(|record| {
            let fields: Vec<&str> = record.split('\u{1f}').collect();
            let [mid, transaction_id, date, amount, last_field] = fields[..] else {
                panic!("five fields, not {record:?}");
            };
            Record {
                mid: mid.into(),
                transaction_id: transaction_id.into(),
                at: date.parse().unwrap(),
                amount_minor: amount.parse().unwrap(),
                last_field: last_field.into(),
            }
        })
        .collect()
}

/// The records of a feed as an importer keeps them: each id once.
fn imported(path: &Path) -> BTreeMap<String, Record> {
    let mut kept = BTreeMap::new();
    for record in records(path) {
        kept.entry(record.transaction_id.clone()).or_insert(record);
    }
    kept
}

fn rows(path: &Path, has_header: bool) -> Vec<csv::StringRecord> {
    let mut table = csv::ReaderBuilder::new()
        .has_headers(has_header)
        .from_path(path)
        .unwrap();
    table.records().map(Result::unwrap).collect()
}

fn column(rows: &[csv::StringRecord], column: usize) -> HashSet<String> {
    rows.iter().map(|row| row[column].to_owned()).collect()
}

/// The scheme's rule, plainly: an onboarded MID, an identified card, and exactly one sale of the
/// same MID, amount and instant.
fn exact_time_matches(summary: &Summary) -> Vec<(String, String)> {
    let mids = column(&rows(&summary.files.mids, false), 1);
    let cards = column(&rows(&summary.files.cards, true), 0);
    let sales = imported(&summary.files.sales);
    let mut candidates: HashMap<(&str, i64, Timestamp), Vec<&str>> = HashMap::new();
    for sale in sales.values() {
        let key = (sale.mid.as_str(), sale.amount_minor, sale.at);
        candidates
            .entry(key)
            .or_default()
            .push(&sale.transaction_id);
    }
    let mut matches = Vec::new();
    for payment in imported(&summary.files.payments).into_values() {
        if !mids.contains(&payment.mid) || !cards.contains(&payment.last_field) {
            continue;
        }
        let key = (payment.mid.as_str(), payment.amount_minor, payment.at);
        if let Some([sale]) = candidates.get(&key).map(Vec::as_slice) {
            matches.push((payment.transaction_id, (*sale).to_owned()));
        }
    }
    matches
}

/// All that must hold of any world.
fn check(options: &Options) {
    let Generated { summary, _folder } = generated(options);
    let payments = imported(&summary.files.payments);
    let sales = imported(&summary.files.sales);
    let truth_rows = rows(&summary.files.truth, true);

    // The summary counts what is there.
    assert_eq!(summary.purchases, options.purchases);
    assert_eq!(summary.purchases, truth_rows.len() as u64);
    assert_eq!(summary.payments, payments.len() as u64);
    assert_eq!(summary.sales, sales.len() as u64);
    assert_eq!(
        summary.payment_records,
        records(&summary.files.payments).len() as u64
    );
    assert_eq!(
        summary.sale_records,
        records(&summary.files.sales).len() as u64
    );
    assert_eq!(summary.mids, rows(&summary.files.mids, false).len() as u64);
    assert_eq!(summary.cards, rows(&summary.files.cards, true).len() as u64);
    assert_eq!(summary.faults, faults_in(&truth_rows));

    // The truth and the feeds know the same ids, each once.
    let named = |column: usize| -> Vec<String> {
        let ids = truth_rows.iter().map(|row| row[column].to_owned());
        let mut ids: Vec<String> = ids.filter(|id| !id.is_empty()).collect();
        ids.sort();
        ids
    };
    assert_eq!(named(0), payments.into_keys().collect::<Vec<_>>());
    assert_eq!(named(1), sales.into_keys().collect::<Vec<_>>());

    // The rule finds every pair that it can decide, and no other.
    let score = Truth::load(&summary.files.truth)
        .unwrap()
        .score(exact_time_matches(&summary));
    let right = |true_positives, false_negatives| Counts {
        true_positives,
        false_positives: 0,
        false_negatives,
    };
    let Summary {
        true_pairs,
        decidable_pairs,
        ..
    } = summary;
    let expected = Score {
        all: right(decidable_pairs, true_pairs - decidable_pairs),
        decidable: right(decidable_pairs, 0),
    };
    assert_eq!(score, expected);
}

fn faults_in(truth_rows: &[csv::StringRecord]) -> BTreeMap<Fault, u64> {
    let mut faults = BTreeMap::new();
    for row in truth_rows.iter().filter(|row| !row[2].is_empty()) {
        *faults
            .entry(Fault::from_name(&row[2]).unwrap())
            .or_default() += 1;
    }
    faults
}

fn bytes(options: &Options) -> [Vec<u8>; 5] {
    let Generated { summary, _folder } = generated(options);
    let files = summary.files;
    [
        files.payments,
        files.sales,
        files.mids,
        files.cards,
        files.truth,
    ]
    .map(|path| fs::read(path).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_rule_finds_the_truth_again(
        purchases in 0_u64..400,
        seed: u64,
        days in 1_u32..5,
        random_ids: bool,
        rates in proptest::array::uniform8(0_u32..120_000),
    ) {
        let mut faults = FaultRates::NONE;
        for (fault, rate) in Fault::OF_THE_EXAMPLE.into_iter().zip(rates) {
            faults = faults.with(fault, rate);
        }
        let ids = if random_ids { IdStyle::Random } else { IdStyle::Counter };
        check(&Options { days, ids, faults, ..Options::new(purchases, seed) });
    }
}

#[test]
fn a_crowded_world_of_every_fault_is_still_true() {
    check(&Options {
        days: 1,
        ..Options::new(30_000, 11)
    });
}

#[test]
fn the_same_options_give_the_same_bytes_and_another_seed_another_world() {
    let options = Options::new(3_000, 42);
    assert_eq!(bytes(&options), bytes(&options));
    let other = bytes(&Options {
        seed: 43,
        ..options.clone()
    });
    for (one, other) in bytes(&options).iter().zip(&other) {
        assert_ne!(one, other);
    }
}

#[test]
fn the_bytes_of_a_seed_are_the_same_for_ever() {
    let Generated { summary, _folder } = generated(&Options::new(2, 42));
    let shown = |path| {
        let text = fs::read_to_string(path).unwrap();
        text.replace('\u{1e}', "\n").replace('\u{1f}', "|")
    };
    assert_eq!(
        shown(&summary.files.payments),
        "M42.00007|P42.000000001|2026-06-02T15:50:00+01:00|399|T42.00000011\n\
         M42.00004|P42.000000002|2026-06-03T22:57:32+01:00|964|T42.00000002"
    );
    assert_eq!(
        shown(&summary.files.sales),
        "M42.00007|S42.000000501|2026-06-02T15:50:00+01:00|399|300\n\
         M42.00004|S42.000000502|2026-06-03T22:57:32+01:00|964|900"
    );
}

#[test]
fn the_style_of_ids_changes_nothing_else() {
    let counted = Options::new(2_000, 42);
    let random = Options {
        ids: IdStyle::Random,
        ..counted.clone()
    };
    let without_ids = |options: &Options| -> Vec<(String, Timestamp, i64, String)> {
        let Generated { summary, _folder } = generated(options);
        let records = records(&summary.files.payments).into_iter();
        records
            .map(|each| (each.mid, each.at, each.amount_minor, each.last_field))
            .collect()
    };
    assert_eq!(without_ids(&counted), without_ids(&random));
}

#[test]
fn worlds_of_two_seeds_share_nothing() {
    let [one, other] = [1, 2].map(|seed| generated(&Options::new(500, seed)));
    let names = |world: &Generated| -> HashSet<String> {
        let payments = records(&world.summary.files.payments).into_iter();
        payments
            .flat_map(|each| [each.mid, each.transaction_id, each.last_field])
            .collect()
    };
    assert!(names(&one).is_disjoint(&names(&other)));
}

#[test]
fn feeds_are_in_order_of_their_own_time_but_for_what_is_sent_again() {
    let Generated { summary, _folder } = generated(&Options::new(20_000, 7));
    for path in [&summary.files.payments, &summary.files.sales] {
        let mut met = BTreeSet::new();
        let first = records(path)
            .into_iter()
            .filter(|each| met.insert(each.transaction_id.clone()));
        let times: Vec<Timestamp> = first.map(|each| each.at).collect();
        assert!(times.is_sorted());
    }
}

#[test]
fn a_record_that_is_sent_again_is_the_same_to_the_byte() {
    let faults = FaultRates::NONE.with(Fault::Duplicate, 500_000);
    let Generated { summary, _folder } = generated(&Options {
        faults,
        ..Options::new(500, 7)
    });
    let mut again = 0;
    for path in [&summary.files.payments, &summary.files.sales] {
        let text = fs::read_to_string(path).unwrap();
        let distinct: HashSet<&str> = text.split('\u{1e}').collect();
        assert_eq!(distinct.len(), imported(path).len());
        again += records(path).len() - distinct.len();
    }
    assert_eq!(again as u64, summary.faults[&Fault::Duplicate]);
}

#[test]
fn faults_are_as_frequent_as_they_are_asked_to_be() {
    let Generated { summary, _folder } = generated(&Options::new(100_000, 3));
    let rates = FaultRates::default();
    for fault in Fault::OF_THE_EXAMPLE {
        let asked = u64::from(rates.per_million(fault)) / 10;
        let made = summary.faults[&fault];
        assert!(
            (asked * 4 / 5..=asked * 6 / 5).contains(&made),
            "{fault}: {made} for {asked}"
        );
    }
    assert!(summary.decidable_pairs * 100 >= summary.payments * 95);
}
