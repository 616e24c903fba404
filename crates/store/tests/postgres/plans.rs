//! How PostgreSQL answers the questions that are asked all the time: each through an index, as the
//! golden files say. They are of one release of PostgreSQL; another may tell of the same plan otherwise.
//!
//! `HARMONIA_REWRITE_GOLDEN=1 cargo test -p harmonia-store --features postgres plans` writes them anew;
//! read the difference before it is committed.

use super::bench;
use crate::support::connect;
use std::path::{Path, PathBuf};
use tokio_postgres::Client;

/// The release whose plans the golden files are.
const RELEASE: &str = "15";

/// The statements on the path of every transaction, and those that a person waits for.
const HOT: &[&str] = &[
    "answer/by_payment",
    "answer/by_uid",
    "answer/is_known",
    "api_key/find",
    "card/find",
    "card/known",
    "card/of_token",
    "export/deliver",
    "export/of_match",
    "export/undelivered",
    "identity/find",
    "identity/known",
    "identity/of_payment",
    "job/claim",
    "job/is_first",
    "job/next_due",
    "job/take_lane",
    "job/waiting",
    "pairing/barred",
    "pairing/of_payment",
    "pairing/of_sale",
    "payment/by_key",
    "payment/explain",
    "payment/is_touched",
    "payment/known",
    "payment/known_between",
    "payment/near",
    "payment/of_day",
    "payment/open",
    "payment/open_after",
    "payment/paid",
    "payment/reopened",
    "payment/review",
    "payment/row",
    "payment/same_purchase",
    "payment/to_sweep",
    "payment/undecided",
    "payment/unidentified",
    "payment/untouched",
    "push/find",
    "push/prune",
    "raw/find",
    "raw/newest",
    "reject/known",
    "reject/newest",
    "reject/quarantined",
    "sale/between",
    "sale/by_key",
    "sale/candidates",
    "sale/days",
    "sale/explain",
    "sale/known",
    "sale/known_between",
    "sale/near",
    "sale/nearly",
    "sale/of_day",
    "sale/open",
    "sale/row",
    "sale/sold",
    "sale/taken",
];

#[tokio::test]
async fn every_statement_is_lawful_sql() {
    let Some(bench) = bench() else { return };
    let client = connect(&bench.database().await.0).await;
    for noun in std::fs::read_dir(root().join("sql/postgres")).unwrap() {
        let noun = noun.unwrap().path();
        if noun.ends_with("migrations") {
            continue;
        }
        for file in std::fs::read_dir(noun).unwrap() {
            let file = file.unwrap().path();
            let sql = std::fs::read_to_string(&file).unwrap();
            let prepared = client.prepare(&sql).await;
            assert!(prepared.is_ok(), "{}: {:?}", file.display(), prepared.err());
        }
    }
}

#[tokio::test]
async fn every_hot_statement_keeps_its_plan() {
    let Some(bench) = bench() else { return };
    let client = connect(&bench.database().await.0).await;
    // As many months as there may be at a time.
    for month in ["2026-03-01", "2026-05-01"] {
        let make = format!("SELECT make_months('{month}')");
        client.batch_execute(&make).await.unwrap();
    }
    let version = client.query_one("SHOW server_version", &[]).await.unwrap();
    let version: String = version.get(0);
    let client = prepared(client).await;
    let rewrite = std::env::var_os("HARMONIA_REWRITE_GOLDEN").is_some();
    let mut changed = Vec::new();
    for name in HOT {
        let plan = plan(&client, name).await;
        // Whatever the release: what grows with history is never read from end to end.
        assert!(!plan.contains("Seq Scan"), "{name}:\n{plan}");
        if !version.starts_with(RELEASE) {
            continue;
        }
        let golden = golden_file(name);
        if rewrite {
            std::fs::create_dir_all(golden_folder()).unwrap();
            std::fs::write(&golden, &plan).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if plan != expected {
            changed.push(format!("{name} was:\n{expected}and is:\n{plan}"));
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
    if !version.starts_with(RELEASE) {
        eprintln!(
            "LEFT OUT: the golden plans: they are of PostgreSQL {RELEASE}, this is {version}"
        );
    }
}

#[tokio::test]
async fn a_raw_record_is_looked_for_in_its_month_and_among_the_rest_alone() {
    let Some(bench) = bench() else { return };
    let client = connect(&bench.database().await.0).await;
    for year in 2020..2026 {
        let make = format!("SELECT make_months('{year}-05-01')");
        client.batch_execute(&make).await.unwrap();
    }
    let client = prepared(client).await;
    let sql = std::fs::read_to_string(root().join("sql/postgres/raw/find.sql")).unwrap();
    let explain =
        format!("PREPARE hot AS {sql}; EXPLAIN (COSTS OFF) EXECUTE hot(7, '2024-06-30T23:59:59Z')");
    let told = client.simple_query(&explain).await.unwrap();
    let lines = told.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan: Vec<&str> = lines.collect();
    let scans: Vec<&&str> = plan.iter().filter(|line| line.contains("Scan")).collect();
    assert_eq!(scans.len(), 2, "{plan:#?}");
    assert!(scans[0].contains("import_transaction_rest"), "{plan:#?}");
    assert!(scans[1].contains("import_transaction_2024_06"), "{plan:#?}");
    let removed = "Subplans Removed: 11";
    assert!(plan.iter().any(|line| line.contains(removed)), "{plan:#?}");
}

#[test]
fn every_golden_file_is_of_a_statement() {
    for entry in std::fs::read_dir(golden_folder()).unwrap() {
        let path = entry.unwrap().path();
        let is_known = HOT.iter().any(|name| golden_file(name) == path);
        assert!(is_known, "{} is nobody's", path.display());
    }
}

/// A connection that plans as those of the store do.
async fn prepared(client: Client) -> Client {
    let settings = harmonia_store::postgres::SETTINGS;
    client.batch_execute(settings).await.unwrap();
    client
}

/// The plan of a statement, whatever its values.
async fn plan(client: &Client, name: &str) -> String {
    let file = root().join("sql/postgres").join(format!("{name}.sql"));
    let sql = std::fs::read_to_string(file).unwrap();
    let count = client.prepare(&sql).await.unwrap().params().len();
    client
        .batch_execute(&format!("PREPARE hot AS {sql}"))
        .await
        .unwrap();
    let values = match count {
        0 => String::new(),
        count => format!("({})", vec!["NULL"; count].join(", ")),
    };
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE hot{values}");
    let rows = client.query(&explain, &[]).await.unwrap();
    client.batch_execute("DEALLOCATE hot").await.unwrap();
    let lines = rows.iter().map(|row| row.get::<_, String>(0) + "\n");
    lines.collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden_folder() -> PathBuf {
    root().join("tests/golden_postgres")
}

fn golden_file(name: &str) -> PathBuf {
    golden_folder().join(format!("{}.txt", name.replace('/', ".")))
}
