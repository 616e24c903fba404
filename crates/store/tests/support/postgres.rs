//! PostgreSQL, each store in a database of its own, cloned from one that is migrated once.

use super::bench::{Bench, LEASE_US};
use async_trait::async_trait;
use harmonia_journey::ports::Store;
use harmonia_store::PostgresStore;
use std::io::Write;
use std::process::id;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

/// Where the tests' server is.
const URI: &str = "HARMONIA_TEST_POSTGRES_URI";

/// The database that the others are cloned from, made once in this process.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// Stores on PostgreSQL.
#[derive(Default)]
pub struct PostgresBench {
    made: Mutex<Vec<(String, TempDir)>>,
}

#[async_trait]
impl Bench for PostgresBench {
    async fn fresh(&self) -> Arc<dyn Store> {
        let (name, folder) = self.clone_of_template().await;
        let store = PostgresStore::open(&uri_of(&name), folder.path(), LEASE_US).await;
        self.made.lock().unwrap().push((name, folder));
        Arc::new(store.unwrap())
    }

    fn is_left_out(&self) -> bool {
        let left_out = std::env::var(URI).is_err();
        if left_out {
            // Past the harness, which keeps back what a test that passes prints.
            let _ = writeln!(
                std::io::stderr(),
                "LEFT OUT: {}: no {URI}; s/services start, s/services env",
                std::thread::current().name().unwrap_or("PostgreSQL")
            );
        }
        left_out
    }
}

impl PostgresBench {
    /// The address of a new database with Harmonia's schema, and a data folder.
    pub async fn database(&self) -> (String, std::path::PathBuf) {
        let (name, folder) = self.clone_of_template().await;
        let path = folder.path().to_owned();
        self.made.lock().unwrap().push((name.clone(), folder));
        (uri_of(&name), path)
    }

    /// The address of a new database with nothing in it, and a data folder.
    pub async fn empty_database(&self) -> (String, std::path::PathBuf) {
        let name = new_name("empty");
        create(&name, "template1").await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        self.made.lock().unwrap().push((name.clone(), folder));
        (uri_of(&name), path)
    }

    async fn clone_of_template(&self) -> (String, TempDir) {
        let template = TEMPLATE.get_or_init(template).await;
        let name = new_name("test");
        create(&name, template).await;
        (name, tempfile::tempdir().unwrap())
    }
}

impl Drop for PostgresBench {
    fn drop(&mut self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap());
        if made.is_empty() {
            return;
        }
        // A thread of its own: the test's runtime may be waiting for this one.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = administrator().await;
                for (name, _) in &made {
                    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    client.batch_execute(&drop).await.unwrap();
                }
            });
        });
        dropping.join().unwrap();
    }
}

fn new_name(what: &str) -> String {
    format!("harmonia_{what}_{}_{}", id(), uuid::Uuid::new_v4().simple())
}

/// The address of a database on the tests' server.
fn uri_of(name: &str) -> String {
    let uri = std::env::var(URI).unwrap();
    let (server, _) = uri.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// A connection to a database that nobody tests in.
pub async fn administrator() -> Client {
    connect(&std::env::var(URI).unwrap()).await
}

/// A connection beside a store's own.
pub async fn connect(uri: &str) -> Client {
    let config: Config = uri.parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Makes a database from another, as soon as nobody is connected to that one any more.
async fn create(name: &str, from: &str) {
    let client = administrator().await;
    let create = format!("CREATE DATABASE {name} TEMPLATE {from}");
    for _ in 0..200 {
        match client.batch_execute(&create).await {
            Ok(()) => return,
            Err(error) if error.code().is_some_and(|code| code.code() == "55006") => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{create}: {error:?}"),
        }
    }
    panic!("{from} stays in use");
}

/// Makes the database that the others are cloned from, and takes out what earlier runs left.
async fn template() -> String {
    let client = administrator().await;
    let left = "SELECT datname FROM pg_database d WHERE datname LIKE 'harmonia\\_%'
        AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datid = d.oid)";
    for row in client.query(left, &[]).await.unwrap() {
        let name: String = row.get(0);
        let process = name.split('_').nth(2).unwrap_or_default().to_owned();
        if process != id().to_string() && !std::path::Path::new("/proc").join(process).exists() {
            // Another run may be doing the same.
            let drop = format!("DROP DATABASE IF EXISTS {name}");
            let _ = client.batch_execute(&drop).await;
        }
    }
    let name = new_name("template");
    create(&name, "template1").await;
    let folder = tempfile::tempdir().unwrap();
    let store = PostgresStore::open(&uri_of(&name), folder.path(), LEASE_US).await;
    drop(store.unwrap());
    name
}
