//! What only SQLite can get wrong: its schema, its plans, its file.

mod audit;
mod columns;
mod opening;
mod plans;
mod processes;
mod schema;

use crate::support::{LEASE_US, holder};
use harmonia_store::OpenError;
use harmonia_store::SqliteStore;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long these stores wait for a lock: nobody lets go of one here.
const PATIENCE: Duration = Duration::from_millis(50);

/// A data folder, which may be opened and damaged.
struct Folder(TempDir);

impl Folder {
    /// An empty one.
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with an empty database in it.
    fn with_database() -> Self {
        let folder = Self::new();
        drop(folder.open("maker"));
        folder
    }

    /// Opens the store in it.
    fn open(&self, name: &str) -> Arc<SqliteStore> {
        Arc::new(self.try_open(name).unwrap())
    }

    fn try_open(&self, name: &str) -> Result<SqliteStore, OpenError> {
        SqliteStore::open_patiently(self.0.path(), &holder(name), LEASE_US, PATIENCE)
    }

    /// Why it cannot be opened.
    fn refusal(&self) -> String {
        match self.try_open("refused") {
            Ok(_) => panic!("this folder should not open"),
            Err(error) => error.to_string(),
        }
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("harmonia.sqlite3")
    }

    /// A connection beside the store's, with the same checks, that may write anything.
    fn connect(&self) -> Connection {
        let connection = Connection::open(self.database()).unwrap();
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        connection
    }

    /// Does something to the database behind the store's back.
    fn damage(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap();
    }
}
