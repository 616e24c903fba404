//! What the journey on PostgreSQL is compared with: the SQL that a skilled engineer would write by
//! hand, one statement for each step over all rows; and a bare COPY of those rows, which is as fast as
//! rows can go in at all.

use crate::database::Database;
use crate::measure::Took;
use futures_util::SinkExt;
use harmonia_core::feed::{Feed, Outcome, RawRecord};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use tokio_postgres::Client;

/// Files of one feed each, made into what COPY takes: no part of what is measured.
pub struct Rows {
    sales: PathBuf,
    payments: PathBuf,
}

impl Rows {
    /// Makes them from the bytes that Harmonia reads, in a folder. A record that is not read is left
    /// out, and so is one that comes again, which the key would refuse.
    pub fn make(folder: &Path, sales: (&Feed, &Path), payments: (&Feed, &Path)) -> Self {
        let rows = Self {
            sales: folder.join("sales.copy"),
            payments: folder.join("payments.copy"),
        };
        make(&rows.sales, sales);
        make(&rows.payments, payments);
        rows
    }
}

fn make(to: &Path, (feed, from): (&Feed, &Path)) {
    let mut to = BufWriter::new(File::create(to).unwrap());
    let mut reader = feed.reader(File::open(from).unwrap()).unwrap();
    let mut raw = RawRecord::default();
    let mut seen = HashSet::new();
    while reader.next(&mut raw).unwrap() {
        let (kind, id, mid, when, amount, token) = match feed.read(&raw) {
            Outcome::Sale(sale) => {
                let mid = sale.place.mids.first().cloned().unwrap_or_default();
                (0, sale.transaction_id, mid, sale.when, sale.amount, None)
            }
            Outcome::Payment(paid) => {
                let mid = paid.identifiers.primary.unwrap_or_default();
                let token = Some(paid.card_token.0);
                (1, paid.transaction_id, mid, paid.when, paid.amount, token)
            }
            _ => continue,
        };
        if !seen.insert(id.clone()) {
            continue;
        }
        let (token, currency) = (token.as_deref().unwrap_or("\\N"), amount.currency.as_str());
        writeln!(
            to,
            "{kind}\t0\t{id}\t1\t{mid}\t\\N\t{}\t{}\t{}\t{currency}\t\\N\t\\N\t\\N\t\\N\t{token}\t1",
            when.start,
            when.has_time(),
            amount.minor
        )
        .unwrap();
    }
    to.flush().unwrap();
}

/// Each step of the set-based SQL, and how many pairs it found.
pub async fn set_based(database: &Database, rows: &Rows) -> (Vec<(&'static str, Took)>, u64) {
    let client = database.client().await;
    client
        .batch_execute("SET work_mem = '512MB'")
        .await
        .unwrap();
    client
        .batch_execute(include_str!("tables.sql"))
        .await
        .unwrap();
    let mut steps = Vec::new();
    let copied = database.measure(copy(&client, &rows.sales)).await.0;
    steps.push(("copy sales", copied));
    let copied = database.measure(copy(&client, &rows.payments)).await.0;
    steps.push(("copy payments", copied));
    let statements = [
        ("analyze", "ANALYZE txn; BEGIN"),
        ("match", include_str!("match.sql")),
        ("update", include_str!("update.sql")),
        ("matched", include_str!("matched.sql")),
        ("export", include_str!("export.sql")),
        ("commit", "COMMIT"),
    ];
    for (name, sql) in statements {
        let (took, done) = database.measure(client.batch_execute(sql)).await;
        done.unwrap();
        steps.push((name, took));
    }
    let matched = client.query_one("SELECT count(*) FROM matched_txn", &[]);
    let matched: i64 = matched.await.unwrap().get(0);
    (steps, u64::try_from(matched).unwrap())
}

/// The same rows by COPY into a table without any index.
pub async fn bare(database: &Database, rows: &Rows) -> Took {
    let client = database.client().await;
    client
        .batch_execute(include_str!("bare.sql"))
        .await
        .unwrap();
    let copied = async {
        copy(&client, &rows.sales).await;
        copy(&client, &rows.payments).await;
    };
    database.measure(copied).await.0
}

async fn copy(client: &Client, from: &Path) {
    let sink = client.copy_in::<_, bytes::Bytes>(include_str!("copy.sql"));
    let mut sink = std::pin::pin!(sink.await.unwrap());
    let mut from = File::open(from).unwrap();
    loop {
        let mut stretch = Vec::with_capacity(256 * 1024);
        if (&mut from)
            .take(256 * 1024)
            .read_to_end(&mut stretch)
            .unwrap()
            == 0
        {
            break;
        }
        sink.send(stretch.into()).await.unwrap();
    }
    sink.finish().await.unwrap();
}
