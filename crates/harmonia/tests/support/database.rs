//! Databases of PostgreSQL for tests: each is new, and dropped in the end.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

/// Where the tests' server is, as `s/services env` says it.
const URI: &str = "HARMONIA_TEST_POSTGRES_URI";

/// A new database, dropped in the end.
pub struct Database {
    runtime: Runtime,
    server: String,
    name: String,
}

impl Database {
    /// On the tests' server; `None`, said loudly, where there is none.
    pub fn of_tests() -> Option<Self> {
        match std::env::var(URI) {
            Ok(server) => Some(Self::on(&server)),
            Err(_) => {
                left_out(&format!("no {URI}; s/services start, s/services env"));
                None
            }
        }
    }

    /// On a server, given by the address of a database there that is always there.
    pub fn on(server: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let database = Self {
            runtime: Runtime::new().unwrap(),
            server: server.to_owned(),
            name: format!("harmonia_binary_{}_{number}", std::process::id()),
        };
        database.drop_it();
        database.administer(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// Its address.
    pub fn uri(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// The rows of a query that gives one text each.
    pub fn texts(&self, query: &str) -> Vec<String> {
        let client = self.connect(&self.uri());
        let rows = self.runtime.block_on(client.query(query, &[])).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn connect(&self, uri: &str) -> Client {
        let connected = self.runtime.block_on(tokio_postgres::connect(uri, NoTls));
        let (client, connection) = connected.unwrap();
        self.runtime.spawn(connection);
        client
    }

    /// The one number that a query gives.
    pub fn number(&self, query: &str) -> i64 {
        let client = self.connect(&self.uri());
        let row = self.runtime.block_on(client.query_one(query, &[]));
        row.unwrap().get(0)
    }

    fn administer(&self, statement: &str) {
        let client = self.connect(&self.server);
        self.runtime
            .block_on(client.batch_execute(statement))
            .unwrap();
    }

    fn drop_it(&self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        self.administer(&drop);
    }
}

impl Drop for Database {
    /// Not while a test fails: its server may be the one that is down.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.drop_it();
        }
    }
}

/// Says that a test does not run here, and why.
pub fn left_out(why: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap_or("PostgreSQL");
    // Past the harness, which keeps back what a test that passes prints.
    let _ = writeln!(std::io::stderr(), "LEFT OUT: {test}: {why}");
}
