//! What only PostgreSQL can get wrong: its schema, its plans, and that many work on it at once, over
//! connections that may break.

mod answers;
mod clock;
mod months;
mod opening;
mod plans;
mod rivals;

use crate::support::{Bench, LEASE_US, PostgresBench};
use harmonia_store::PostgresStore;

/// The bench, where there is a server; otherwise it said so.
fn bench() -> Option<PostgresBench> {
    let bench = PostgresBench::default();
    (!bench.is_left_out()).then_some(bench)
}

/// Several processes on one new database: a store for each.
async fn processes(bench: &PostgresBench, count: usize) -> Vec<PostgresStore> {
    let (uri, folder) = bench.database().await;
    let mut stores = Vec::new();
    for _ in 0..count {
        let store = PostgresStore::open(&uri, &folder, LEASE_US).await;
        stores.push(store.unwrap());
    }
    stores
}
