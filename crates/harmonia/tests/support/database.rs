//! A PostgreSQL database of a test's own.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

/// A new database on the tests' server, dropped in the end.
pub struct Database {
    runtime: Runtime,
    server: String,
    name: String,
}

/// Says past the harness, which keeps back what a test that passes prints, that a test did not run.
pub fn left_out(lacking: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "LEFT OUT: {}: no {lacking}; s/services start, s/services env",
        std::thread::current().name().unwrap_or("a test")
    );
}

impl Database {
    /// A new one; `None`, and said, where there is no server.
    pub fn of_tests() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("HARMONIA_TEST_POSTGRES_URI") else {
            left_out("HARMONIA_TEST_POSTGRES_URI");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let database = Self {
            runtime: Runtime::new().unwrap(),
            server,
            name: format!("harmonia_binary_{}_{number}", std::process::id()),
        };
        database.administer(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            database.name
        ));
        database.administer(&format!("CREATE DATABASE {}", database.name));
        Some(database)
    }

    /// Its address.
    pub fn uri(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    fn connect(&self, uri: &str) -> Client {
        let connected = self.runtime.block_on(tokio_postgres::connect(uri, NoTls));
        let (client, connection) = connected.unwrap();
        self.runtime.spawn(connection);
        client
    }

    fn administer(&self, statement: &str) {
        let client = self.connect(&self.server);
        let done = self.runtime.block_on(client.batch_execute(statement));
        done.unwrap();
    }

    /// The one number that a query gives.
    pub fn number(&self, query: &str) -> i64 {
        let client = self.connect(&self.uri());
        let row = self.runtime.block_on(client.query_one(query, &[]));
        row.unwrap().get(0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.administer(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}
