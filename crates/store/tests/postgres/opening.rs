//! Opening: what is made, what is refused, and that two who come at once do not collide.

use super::bench;
use crate::support::{LEASE_US, connect};
use harmonia_journey::ports::{Inquiry, Side};
use harmonia_store::PostgresStore;
use std::path::Path;

async fn open(uri: &str, folder: &Path) -> Result<PostgresStore, String> {
    let store = PostgresStore::open(uri, folder, LEASE_US).await;
    store.map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_empty_database_is_made_ready_and_tells_of_it() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.empty_database().await;
    let before = PostgresStore::schema_status(&uri).await.unwrap();
    assert_eq!(before.applied, []);
    open(&uri, &folder).await.unwrap();
    let after = PostgresStore::schema_status(&uri).await.unwrap();
    assert_eq!(after.pending, []);
    assert_eq!(after.applied, before.pending);
}

#[tokio::test]
async fn migrators_that_come_at_once_do_not_collide() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.empty_database().await;
    let opened = (0..4).map(|_| {
        let (uri, folder) = (uri.clone(), folder.clone());
        tokio::spawn(async move { open(&uri, &folder).await.map(|_| ()) })
    });
    for one in opened.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.database().await;
    let status = PostgresStore::schema_status(&uri).await.unwrap();
    let known = status.applied.last().unwrap().0;
    let newer = "INSERT INTO schema_migration VALUES (999, 'later', '', '')";
    connect(&uri).await.batch_execute(newer).await.unwrap();
    let why = open(&uri, &folder).await.err().unwrap();
    assert!(why.contains("a newer Harmonia"), "{why}");
    assert!(why.contains("999 \"later\""), "{why}");
    assert!(why.contains(&format!("knows those up to {known}")), "{why}");
}

#[tokio::test]
async fn another_builds_schema_is_refused() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.database().await;
    let other = "UPDATE schema_migration SET checksum = 'x' WHERE number = 2";
    connect(&uri).await.batch_execute(other).await.unwrap();
    let why = open(&uri, &folder).await.err().unwrap();
    assert!(why.contains("another build of Harmonia"), "{why}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.empty_database().await;
    let foreign = "CREATE TABLE theirs (id int)";
    connect(&uri).await.batch_execute(foreign).await.unwrap();
    let why = open(&uri, &folder).await.err().unwrap();
    assert!(why.contains("another program"), "{why}");
    assert!(why.contains("theirs"), "{why}");
}

#[tokio::test]
async fn what_was_changed_by_hand_is_refused() {
    let Some(bench) = bench() else { return };
    for change in [
        "DROP INDEX pairing_sale",
        "ALTER TABLE payment DROP CONSTRAINT payment_precision_check",
        "DROP VIEW export_transaction",
        "ALTER TABLE sale ALTER COLUMN transaction_id DROP NOT NULL",
    ] {
        let (uri, folder) = bench.database().await;
        connect(&uri).await.batch_execute(change).await.unwrap();
        let why = open(&uri, &folder).await.err().unwrap();
        assert!(why.contains("changed by hand"), "{change}: {why}");
    }
}

#[tokio::test]
async fn what_cannot_be_reached_says_so_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let uri = "postgres://someone:canary-7@127.0.0.1:1/nothing?connect_timeout=2";
    let why = open(uri, folder.path()).await.err().unwrap();
    assert!(why.contains("database nothing at 127.0.0.1"), "{why}");
    assert!(!why.contains("canary-7"), "{why}");
    let why = open("postgres://u:canary-7@h:port/x", folder.path()).await;
    let why = why.err().unwrap();
    assert!(why.contains("TXM_POSTGRES_URI"), "{why}");
    assert!(!why.contains("canary-7"), "{why}");
}

#[tokio::test]
async fn the_key_that_sealed_is_asked_for_on_every_machine() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.database().await;
    let store = open(&uri, &folder).await.unwrap();
    let town = crate::support::Town::in_store(std::sync::Arc::new(store)).await;
    let mut changes = harmonia_core::changes::Changes::none(crate::support::NOON);
    changes.cards = vec![town.linked("card-1", crate::support::card_link("member-1"))];
    town.commit(changes).await;
    let other = tempfile::tempdir().unwrap();
    let why = open(&uri, other.path()).await.err().unwrap();
    assert!(why.contains("encryption key"), "{why}");
    std::fs::copy(
        folder.join("encryption.key"),
        other.path().join("encryption.key"),
    )
    .unwrap();
    open(&uri, other.path()).await.unwrap();
}

/// A database with the schema of a release that knows of no months, and a row of each kind that is kept
/// by month now.
async fn before_months(uri: &str) -> tokio_postgres::Client {
    let client = connect(uri).await;
    let applied = PostgresStore::schema_status(uri).await.unwrap().pending;
    let note = "CREATE TABLE schema_migration (number bigint PRIMARY KEY, name text NOT NULL,
        checksum text NOT NULL, shape text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";
    client.batch_execute(note).await.unwrap();
    for (number, name) in applied.iter().filter(|(number, _)| *number < 8) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/postgres/migrations");
        let sql = std::fs::read_to_string(folder.join(format!("{number:04}_{name}.sql"))).unwrap();
        client.batch_execute(&sql).await.unwrap();
        let note = "INSERT INTO schema_migration
            VALUES ($1, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'), '')";
        client.execute(note, &[number, name, &sql]).await.unwrap();
    }
    let rows = "
        INSERT INTO loyalty_scheme VALUES (1, 'bakery', 'The bakery');
        INSERT INTO payment_provider VALUES (1, 'visa', 'Visa');
        INSERT INTO feed VALUES (1, 'visa', 'SETTLED');
        INSERT INTO merchant_identifier (id, payment_provider_slug, identifier, identifier_type,
                                         loyalty_scheme_id, valid_from)
            VALUES (1, 'visa', 'm-1', 'PRIMARY', 1, '-infinity');
        INSERT INTO import_file_log (id, feed_id, feed_name, canonical, source, size_bytes, sha256, state,
                                     records_read, new, amount_minor, created_at)
            VALUES (1, 1, 'visa-settled', false, 'a.csv', 1, 'x', 'IMPORTED', 1, 1, 1099, '2026-06-02');
        INSERT INTO import_transaction VALUES (1, 1, 1, true, '{\"as\": \"it came\"}', '2026-06-02');
        INSERT INTO payment (id, feed_id, scheme_id, merchant_identifier_id, day, transaction_id, mid, date,
                             precision, amount, multiplier, currency, card_token, match_group, created_at)
            VALUES (1, 1, 1, 1, '2026-06-02', 'p-1', 'm-1', '2026-06-02T12:00Z', 0, 1099, 100, 'GBP',
                    'card-1', 1, '2026-06-02');
        INSERT INTO open_payment VALUES (1, 'NO_SALE', NULL, 0, 1, 'm-1', 1099, '2026-06-02T12:00Z', now());
        INSERT INTO export_attempt (scheme_id, destination, body, duration_us, created_at)
            VALUES (1, 'a.jsonl', '{}', 1, '2026-06-02'), (1, 'b.jsonl', '{}', 1, '2026-06-02');
        DELETE FROM export_attempt WHERE destination = 'b.jsonl';
        SELECT nextval('import_transaction_number'), nextval('import_file_log_number')";
    client.batch_execute(rows).await.unwrap();
    client
}

#[tokio::test]
async fn what_was_there_before_there_were_months_is_carried_over() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.empty_database().await;
    let client = before_months(&uri).await;
    let store = open(&uri, &folder).await.unwrap();
    let story = store.story(Side::Payment, 1).await.unwrap().unwrap();
    assert_eq!(story.raw.unwrap().0, r#"{"as": "it came"}"#);
    assert_eq!(store.audit().await.unwrap(), []);
    let kept = "SELECT string_agg(destination, ',') FROM export_attempt WHERE month = '-infinity'";
    let kept: String = client.query_one(kept, &[]).await.unwrap().get(0);
    assert_eq!(kept, "a.jsonl");
    // A number that was given is not given again, though its row is gone.
    let next = "INSERT INTO export_attempt (scheme_id, destination, body, duration_us, created_at)
        VALUES (1, 'c.jsonl', '{}', 1, now()) RETURNING id";
    let next: i64 = client.query_one(next, &[]).await.unwrap().get(0);
    assert_eq!(next, 3);
    // What a release sends that knows of no months is taken.
    let copy =
        "COPY import_transaction (id, file_id, number, identified, data, created_at) FROM STDIN";
    assert!(client.prepare(copy).await.is_ok());
    let old = "INSERT INTO import_transaction (id, file_id, number, identified, data, created_at)
        VALUES (2, 1, 2, false, '{}', now())";
    client.batch_execute(old).await.unwrap();
    assert!(open(&uri, &folder).await.is_ok());
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_half_done() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.empty_database().await;
    let client = before_months(&uri).await;
    // Somebody keeps notes where a part is to be.
    let in_the_way = "CREATE TABLE export_attempt_rest (note text)";
    client.batch_execute(in_the_way).await.unwrap();
    let before = PostgresStore::schema_status(&uri).await.unwrap();
    let why = open(&uri, &folder).await.err().unwrap();
    assert!(why.contains("migration 8 \"months\""), "{why}");
    assert!(why.contains("export_attempt_rest"), "{why}");
    assert!(why.contains("Nothing was changed"), "{why}");
    assert_eq!(PostgresStore::schema_status(&uri).await.unwrap(), before);
    let parted = "SELECT count(*) FROM pg_class WHERE relkind = 'p'";
    let parted: i64 = client.query_one(parted, &[]).await.unwrap().get(0);
    assert_eq!(parted, 0);
    let out_of_it = "DROP TABLE export_attempt_rest";
    client.batch_execute(out_of_it).await.unwrap();
    open(&uri, &folder).await.unwrap();
}

#[tokio::test]
async fn who_comes_while_another_migrates_waits() {
    let Some(bench) = bench() else { return };
    let (uri, folder) = bench.empty_database().await;
    let other = connect(&uri).await;
    let lock = "BEGIN; SELECT pg_advisory_xact_lock(x'484d0000'::int, 0)";
    other.batch_execute(lock).await.unwrap();
    let opening = tokio::spawn({
        let uri = uri.clone();
        async move { open(&uri, &folder).await.map(|_| ()) }
    });
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(!opening.is_finished());
    let status = PostgresStore::schema_status(&uri).await.unwrap();
    assert_eq!(status.applied, []);
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(opening.await.unwrap(), Ok(()));
}
