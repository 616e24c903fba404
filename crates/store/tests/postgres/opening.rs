//! Opening: what is made, what is refused, and that two who come at once do not collide.

use super::bench;
use crate::support::{LEASE_US, connect};
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
    let newer = "INSERT INTO schema_migration VALUES (999, 'later', '', '')";
    connect(&uri).await.batch_execute(newer).await.unwrap();
    let why = open(&uri, &folder).await.err().unwrap();
    assert!(why.contains("a newer Harmonia"), "{why}");
    assert!(why.contains("999 \"later\""), "{why}");
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
