//! Where a case gets its stores from: one factory for each kind of store.

use async_trait::async_trait;
use harmonia_core::time::SECOND_US;
use harmonia_journey::ports::{Holder, Store};
use harmonia_store::SqliteStore;
use harmonia_store::model::ModelStore;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// How long a lease holds in every test.
pub const LEASE_US: i64 = 60 * SECOND_US;

/// Makes empty stores, and keeps what they need for as long as the test runs.
#[async_trait]
pub trait Bench: Send + Sync {
    /// A new, empty store.
    async fn fresh(&self) -> Arc<dyn Store>;

    /// Whether there is no such store to be had here; then it says so, loudly.
    fn is_left_out(&self) -> bool {
        false
    }
}

/// The model.
#[derive(Default)]
pub struct ModelBench;

#[async_trait]
impl Bench for ModelBench {
    async fn fresh(&self) -> Arc<dyn Store> {
        Arc::new(ModelStore::new(LEASE_US))
    }
}

/// SQLite, each store in a folder of its own.
#[derive(Default)]
pub struct SqliteBench {
    folders: Mutex<Vec<TempDir>>,
}

#[async_trait]
impl Bench for SqliteBench {
    async fn fresh(&self) -> Arc<dyn Store> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), &holder("bench"), LEASE_US).unwrap();
        self.folders.lock().unwrap().push(folder);
        Arc::new(store)
    }
}

/// A process of some name.
pub fn holder(name: &str) -> Holder {
    Holder(name.to_owned())
}
