//! How SQLite answers the questions that are asked all the time: each through an index, as the
//! golden files say.
//!
//! `HARMONIA_REWRITE_GOLDEN=1 cargo test -p harmonia-store plans` writes them anew; read the
//! difference before it is committed.

use super::Folder;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The statements on the path of every transaction, and those that a person waits for.
const HOT: &[&str] = &[
    "reject/newest",
    "reject/quarantined",
    "answer/by_payment",
    "answer/by_uid",
    "answer/is_known",
    "api_key/find",
    "card/find",
    "card/of_token",
    "export/of_match",
    "export/undelivered",
    "identity/find",
    "job/claim",
    "job/next_due",
    "job/take_lane",
    "job/waiting",
    "pairing/of_payment",
    "pairing/of_sale",
    "payment/by_key",
    "payment/explain",
    "payment/near",
    "payment/next_day",
    "payment/of_day",
    "payment/open",
    "payment/open_after",
    "payment/paid",
    "payment/reopened",
    "payment/review",
    "payment/row",
    "payment/same_key",
    "payment/to_sweep",
    "payment/undecided",
    "payment/unidentified",
    "push/find",
    "push/prune",
    "sale/by_key",
    "sale/candidates",
    "sale/days",
    "sale/explain",
    "sale/near",
    "sale/nearly",
    "sale/next_day",
    "sale/of_day",
    "sale/open",
    "sale/row",
    "sale/same_key",
    "sale/sold",
];

/// Tables that grow with history: none of them may be read from end to end.
const GROWING: &[&str] = &[
    "payment",
    "sale",
    "pairing",
    "export",
    "delivery",
    "user_identity",
    "import_transaction",
    "card_link",
    "api_key",
    "push_log",
    "p",
    "s",
    "m",
    "t",
    "e",
    "d",
    "u",
    "r",
    "o",
    "c",
];

#[test]
fn every_hot_statement_keeps_its_plan() {
    let folder = Folder::with_database();
    let connection = folder.connect();
    let rewrite = std::env::var_os("HARMONIA_REWRITE_GOLDEN").is_some();
    let mut changed = Vec::new();
    for name in HOT {
        let plan = plan(&connection, name);
        let golden = golden_file(name);
        if rewrite {
            std::fs::write(&golden, &plan).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if plan != expected {
            changed.push(format!("{name} was:\n{expected}and is:\n{plan}"));
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
fn no_hot_statement_reads_a_growing_table_from_end_to_end() {
    let folder = Folder::with_database();
    let connection = folder.connect();
    for name in HOT {
        let plan = plan(&connection, name);
        for line in plan.lines().map(str::trim) {
            let scanned = line.strip_prefix("SCAN ").unwrap_or_default();
            let table = scanned.split(' ').next().unwrap_or_default();
            assert!(!GROWING.contains(&table), "{name} scans {table}:\n{plan}");
        }
    }
}

#[test]
fn every_golden_file_is_of_a_statement() {
    for entry in std::fs::read_dir(golden_folder()).unwrap() {
        let path = entry.unwrap().path();
        let is_known = HOT.iter().any(|name| golden_file(name) == path);
        assert!(is_known, "{} is nobody's", path.display());
    }
}

/// The plan of a statement, steps within steps indented.
fn plan(connection: &Connection, name: &str) -> String {
    let file = root().join("sql/sqlite").join(format!("{name}.sql"));
    let sql = std::fs::read_to_string(file).unwrap();
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let mut statement = connection.prepare(&sql).unwrap();
    let mut rows = statement.raw_query();
    let mut depths: BTreeMap<i64, usize> = BTreeMap::new();
    let mut plan = String::new();
    while let Some(row) = rows.next().unwrap() {
        let (id, parent): (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let detail: String = row.get(3).unwrap();
        let depth = depths.get(&parent).map_or(0, |depth| depth + 1);
        depths.insert(id, depth);
        plan.push_str(&format!("{}{detail}\n", "  ".repeat(depth)));
    }
    plan
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden_folder() -> PathBuf {
    root().join("tests/golden")
}

fn golden_file(name: &str) -> PathBuf {
    golden_folder().join(format!("{}.txt", name.replace('/', ".")))
}
