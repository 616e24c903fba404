//! Worlds of real schemes through the real binary: generated, imported, matched, and held against
//! their truth.

use crate::assert_says;
use crate::support::Place;
use harmonia_sim::{Score, Truth};
use serde_json::Value;

/// Schemes and networks whose feeds all come: authorisations, settlements, refunds and sales.
const WORLDS: [(&str, &str); 2] = [
    ("wasabi-club", "mastercard"),
    ("iceland-bonus-card", "visa"),
];

#[test]
fn what_was_generated_of_a_scheme_is_matched_as_the_truth_says() {
    for (scheme, provider) in WORLDS {
        let place = Place::new();
        let score = score(&place, scheme, provider);
        let (all, decidable) = (score.all, score.decidable);
        assert!(all.true_positives > 1_500, "{scheme}: {score:?}");
        assert_eq!(all.false_positives, 0, "{scheme}: {score:?}");
        assert!(decidable.recall() >= 0.98, "{scheme}: {score:?}");
        place.ok(&["audit"]);
        // Each authorisation and its settlement are one purchase.
        let ended = "SELECT DISTINCT status FROM payment_transaction WHERE status NOT IN \
                     ('PENDING', 'MATCHED') ORDER BY status";
        assert_eq!(place.texts(ended), ["SETTLEMENT", "SUPERSEDED"], "{scheme}");
    }
}

/// Generates, imports and matches the world of a scheme, and holds it against the truth.
fn score(place: &Place, scheme: &str, provider: &str) -> Score {
    let out = place.path("world").display().to_string();
    let options = ["--scheme", scheme, "--providers", provider, "--out", &out];
    let summary = place.json(&[&["generate", "-n", "2000", "--seed", "9"][..], &options].concat());
    let summary = &summary[0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    place.ok(&["mids", "import", &text(&summary["mids_file"])]);
    place.ok(&["cards", "import", &text(&summary["cards_file"])]);
    let mut files: Vec<&Value> = summary["feeds"].as_array().unwrap().iter().collect();
    // Authorisations and sales of the day, then settlements and refunds, at last what tills report
    // late.
    files.sort_by_key(|file| match (text(&file["feed"]), text(&file["path"])) {
        (_, path) if path.contains("-late.") => 2,
        (feed, _) if feed == scheme || feed.ends_with("-auth") => 0,
        _ => 1,
    });
    for file in files {
        let feed = text(&file["feed"]);
        let said = place.json(&["import", &feed, &text(&file["path"])]);
        assert_eq!(said[0][0]["read"], file["records"], "{feed}");
        assert_eq!(said[0][0]["rejected"], 0, "{feed}");
        place.ok(&["drain"]);
    }
    let truth = Truth::load(&std::path::PathBuf::from(text(&summary["truth_file"]))).unwrap();
    let score = truth.score(pairs(place));
    assert!(
        summary["decidable_pairs"].as_u64() > Some(1_500),
        "{summary}"
    );
    score
}

/// All matches, by the ids of their feeds.
fn pairs(place: &Place) -> Vec<(String, String)> {
    let database = place.database();
    let mut statement = database
        .prepare(
            "SELECT p.transaction_id, s.transaction_id FROM matched_transaction m
             JOIN payment_transaction p ON p.id = m.payment_transaction_id
             JOIN scheme_transaction s ON s.id = m.scheme_transaction_id",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn faults_days_and_networks_can_be_chosen() {
    let place = Place::new();
    let out = place.path("world").display().to_string();
    let generate = |options: &[&str]| {
        let fixed = ["generate", "-n", "300", "--out", &out];
        place.json(&[&fixed[..], options].concat())[0].clone()
    };
    let faults = |summary: &Value| -> Vec<String> {
        let faults = summary["faults"].as_object().unwrap();
        faults.keys().cloned().collect()
    };
    let chosen = generate(&[
        "--scheme",
        "itsu",
        "--providers",
        "visa,amex",
        "--faults",
        "tips,clock-skew",
        "--fault",
        "tips=200000",
        "--fault",
        "clock_skew=200000",
        "--first-day",
        "2026-10-24",
        "--days",
        "2",
    ]);
    assert_eq!(faults(&chosen), ["clock_skew", "tips"]);
    assert_eq!(chosen["providers"], serde_json::json!(["visa", "amex"]));
    assert_eq!(
        (chosen["first_day"].as_i64(), chosen["last_day"].as_i64()),
        (Some(20_750), Some(20_751))
    );
    let without = generate(&["--scheme", "itsu", "--faults", "none"]);
    assert!(faults(&without).is_empty() && without["feeds"].as_array().unwrap().len() == 7);
    let example = generate(&[
        "--faults",
        "none",
        "--fault",
        "no-sale=200000",
        "--days",
        "1",
    ]);
    assert_eq!(faults(&example), ["no_sale"]);
    assert!(
        place
            .ok(&["generate", "--scheme", "costa", "--out", &out])
            .contains("visa-auth")
    );
}

#[test]
fn what_there_is_not_is_wrong_usage() {
    let place = Place::new();
    let refused = |options: &[&str], code: i32, words: &[&str]| {
        let answer = place.run(&[&["generate", "--out", "world"], options].concat());
        assert_says(&answer, code, words);
        assert!(!place.path("world").exists());
    };
    refused(
        &["--scheme", "harrods"],
        2,
        &["no scheme \"harrods\"", "wasabi-club"],
    );
    refused(
        &["--scheme", "costa", "--providers", "diners"],
        2,
        &["\"diners\"", "mastercard"],
    );
    refused(
        &["--providers", "visa"],
        2,
        &["example-payment-provider only, not by visa"],
    );
    refused(
        &["--faults", "bad-luck"],
        2,
        &["\"bad-luck\" is not a fault", "late-feed"],
    );
    refused(&["--fault", "tips"], 2, &["write tips=20000"]);
    refused(&["--first-day", "2026-02-30"], 2, &["is not a day"]);
    refused(
        &["--faults", "tips"],
        1,
        &["tips is none of the example scheme's"],
    );
    refused(
        &["--fault", "no-sale=2000000"],
        1,
        &["of a million purchases"],
    );
}
