//! Opening: what is found as it was left, and what is in the way said clearly.

use super::Folder;
use crate::support::{NOON, Town, VISA_SETTLED, card_link, holder, payment, refused};
use harmonia_core::changes::{Changes, Queue};
use harmonia_core::problem::RejectReason;
use harmonia_journey::ports::{CommitError, Inquiry, Lease, StoreError};
use harmonia_store::SqliteStore;
use sha2::{Digest, Sha256};

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = Folder::new();
    let before = {
        let town = Town::in_store(folder.open("one")).await;
        town.matched(&["a", "b"]).await;
        town.pay(vec![payment("open")]).await;
        let quarantined = vec![refused(RejectReason::UnknownMid, 1)];
        town.import(VISA_SETTLED, quarantined).await;
        let mut changes = Changes::none(NOON);
        changes
            .cards
            .push(town.linked("card-1", card_link("member-1")));
        town.commit(changes).await;
        town.picture().await
    };
    let store = folder.open("two");
    let after = crate::support::picture(&*store, NOON, 60).await;
    assert_eq!(after, before);
    assert!(store.path().ends_with("harmonia.sqlite3"));
}

#[test]
fn a_schema_tells_what_it_is_without_being_changed() {
    let folder = Folder::new();
    let status = SqliteStore::schema_status(folder.0.path()).unwrap();
    assert!(status.applied.is_empty() && !status.pending.is_empty());
    assert!(!folder.database().exists());
    drop(folder.open("one"));
    let after = SqliteStore::schema_status(folder.0.path()).unwrap();
    assert_eq!((after.applied, after.pending), (status.pending, Vec::new()));
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = Folder::with_database();
    folder.damage(
        "INSERT INTO schema_migration (number, name, checksum) VALUES (999, 'tomorrow', 'x')",
    );
    let refusal = folder.refusal();
    for part in [
        "was made by a newer Harmonia",
        "migration 999 \"tomorrow\"",
        "TXM_DATA_DIR",
    ] {
        assert!(refusal.contains(part), "{refusal}");
    }
    let status = SqliteStore::schema_status(folder.0.path());
    assert_eq!(status.unwrap_err().to_string(), refusal);
}

#[test]
fn a_migration_that_is_not_ours_is_refused() {
    let folder = Folder::with_database();
    folder.damage("UPDATE schema_migration SET checksum = 'edited' WHERE number = 1");
    let refusal = folder.refusal();
    assert!(
        refusal.contains("was made by another build of Harmonia"),
        "{refusal}"
    );
}

#[test]
fn a_promise_that_was_taken_out_of_the_schema_is_missed() {
    for (damage, missed) in [
        ("DROP INDEX pairing_sale", "pairing_sale"),
        ("DROP VIEW export_transaction", "export_transaction"),
        (
            "DROP INDEX payment_key;
             CREATE INDEX payment_key ON payment (day, feed_id, transaction_id)",
            "payment_key",
        ),
        ("ALTER TABLE delivery ADD COLUMN note TEXT", "delivery"),
    ] {
        let folder = Folder::with_database();
        folder.damage(damage);
        let refusal = folder.refusal();
        assert!(refusal.contains("was changed by hand"), "{refusal}");
        assert!(refusal.contains(&format!("\"{missed}\"")), "{refusal}");
    }
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new();
    let text = "this was somebody's diary, and it is longer than a database's header. ".repeat(20);
    std::fs::write(folder.database(), &text).unwrap();
    let refusal = folder.refusal();
    assert!(refusal.contains("is not an SQLite database"), "{refusal}");
    assert_eq!(std::fs::read_to_string(folder.database()).unwrap(), text);
}

#[test]
fn a_key_that_is_no_key_is_refused() {
    let folder = Folder::with_database();
    std::fs::write(folder.0.path().join("encryption.key"), "short").unwrap();
    let refusal = folder.refusal();
    assert!(
        refusal.contains("encryption.key is not 32 bytes long"),
        "{refusal}"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let folder = Folder::with_database();
    let read_only = ReadOnly::make(&folder);
    if read_only.does_not_bind() {
        eprintln!("SKIPPED: this user may write read-only folders (root), so nothing is proven");
        return;
    }
    let refusal = folder.refusal();
    assert!(refusal.contains("cannot write"), "{refusal}");
    assert!(refusal.contains("write access"), "{refusal}");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let folder = Folder::new();
    let file = folder.0.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = SqliteStore::open(&file.join("data"), &holder("one"), 1);
    let refusal = error.err().unwrap().to_string();
    assert!(
        refusal.contains("cannot create the data folder"),
        "{refusal}"
    );
}

#[test]
fn a_database_that_another_program_holds_cannot_be_made_ours() {
    let folder = Folder::new();
    let other = folder.connect();
    other
        .execute_batch("PRAGMA user_version = 1; BEGIN EXCLUSIVE")
        .unwrap();
    let refusal = folder.refusal();
    assert!(
        refusal.contains("is locked by another program"),
        "{refusal}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    folder.open("one");
}

#[tokio::test]
async fn a_locked_database_is_busy_until_it_is_let_go() {
    let folder = Folder::new();
    let town = Town::in_store(folder.open("one")).await;
    let before = town.picture().await;
    let other = folder.connect();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut changes = Changes::none(NOON);
    changes
        .cards
        .push(town.linked("card-1", card_link("member-1")));
    let answer = town.store.commit(Lease::Operator, changes.clone()).await;
    let Err(CommitError::Store(StoreError::Busy(message))) = answer else {
        panic!("this should be busy: {answer:?}");
    };
    assert!(message.contains("locked by another program"), "{message}");
    let arrival = town.arrival(VISA_SETTLED);
    let claim = town.store.claim_file(&arrival, &holder("one"), NOON).await;
    assert!(matches!(claim, Err(StoreError::Busy(_))));
    // Nothing is due, and whoever only reads is not held up.
    let job = town.store.claim(&Queue::ALL, &holder("one"), NOON).await;
    assert!(matches!(job, Ok(None)));
    assert_eq!(town.picture().await, before);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(town.commit(changes).await.onboarded, 1);
    town.claim_file(&arrival, "one", NOON).await;
}

/// A folder that nobody may write to while this lives.
struct ReadOnly<'a>(&'a Folder);

impl<'a> ReadOnly<'a> {
    fn make(folder: &'a Folder) -> Self {
        set_writable(folder, false);
        Self(folder)
    }

    fn does_not_bind(&self) -> bool {
        std::fs::write(self.0.0.path().join("probe"), "").is_ok()
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        set_writable(self.0, true);
    }
}

fn set_writable(folder: &Folder, writable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let mode = if writable { 0o755 } else { 0o555 };
    for path in [
        folder.0.path().to_path_buf(),
        folder.0.path().join("holders"),
    ] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// The schema as it first was, with what may stand in it.
const FIRST_SCHEMA: &str = include_str!("../../sql/sqlite/migrations/0001_journey.sql");

#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let folder = Folder::new();
    let old = folder.connect();
    old.execute_batch(FIRST_SCHEMA).unwrap();
    let hash = hex(&Sha256::digest(FIRST_SCHEMA.as_bytes()));
    let made = "SELECT sql FROM sqlite_schema WHERE name = 'schema_migration'";
    let log: String = Folder::with_database()
        .connect()
        .query_row(made, [], |row| row.get(0))
        .unwrap();
    old.execute_batch(&format!(
        "{log};
         INSERT INTO schema_migration (number, name, checksum) VALUES (1, 'journey', '{hash}');
         INSERT INTO payment_provider VALUES (1, 'visa', 'Visa');
         INSERT INTO loyalty_scheme VALUES (1, 'bakery', 'B'), (2, 'books', 'B');
         INSERT INTO merchant_identifier VALUES
             (1, 'visa', 'm-1', 'PRIMARY', 1, 'typo',   NULL, NULL, NULL, 100, 200),
             (2, 'visa', 'm-1', 'PRIMARY', 1, 'right',  NULL, NULL, NULL, 200, NULL),
             (3, 'visa', 'm-2', 'PRIMARY', 1, 'market', NULL, NULL, NULL, 100, 300),
             (4, 'visa', 'm-2', 'PRIMARY', 2, 'market', NULL, NULL, NULL, 300, NULL),
             (5, 'visa', 'm-3', 'PRIMARY', 1, NULL,     NULL, NULL, NULL, 100, 400);
         INSERT INTO feed VALUES (3, 'visa', 'AUTH'), (7, 'bakery', 'MERCHANT');
         INSERT INTO import_file_log (feed_id, feed_name, canonical, source, size_bytes, sha256,
                                      state, created_at)
         VALUES (7, 'bakery', 0, 'in/sales.csv', 0, '', 'IMPORTED', 1);"
    ))
    .unwrap();
    drop(old);
    let store = folder.open("one");
    let terms = store.mid_terms().await.unwrap();
    let terms: Vec<(i64, String)> = terms
        .iter()
        .map(|row| (row.id.0, row.term.to_string()))
        .collect();
    let expected = [
        (2, "always"),
        (3, "until 1970-01-01T00:00:00.0003Z"),
        (4, "from 1970-01-01T00:00:00.0003Z"),
        (5, "until 1970-01-01T00:00:00.0004Z"),
    ];
    let expected = expected.map(|(id, term)| (id, term.to_owned()));
    assert_eq!(terms, expected);
    assert_eq!(store.audit().await.unwrap(), []);
    // What a feed is known by is what the log of its files names, as before.
    let connection = folder.connect();
    let mut feeds = connection
        .prepare("SELECT f.id || ' ' || f.feed_type FROM feed f ORDER BY f.id")
        .unwrap();
    let feeds = feeds.query_map([], |row| row.get(0)).unwrap();
    let feeds: Vec<String> = feeds.map(Result::unwrap).collect();
    assert_eq!(feeds, ["3 AUTH", "7 MERCHANT"]);
    let mut dangling = connection.prepare("PRAGMA foreign_key_check").unwrap();
    assert!(!dangling.exists([]).unwrap());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
