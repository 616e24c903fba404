//! A connection to a database, beside the binary's own.

use crate::database::Database;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Row};

pub struct Sql {
    runtime: Runtime,
    client: Client,
}

impl Sql {
    /// To a database of a test.
    pub fn on(database: &Database) -> Self {
        let runtime = Runtime::new().unwrap();
        let connected = runtime.block_on(tokio_postgres::connect(&database.uri(), NoTls));
        let (client, connection) = connected.unwrap();
        runtime.spawn(connection);
        Self { runtime, client }
    }

    /// Runs statements that give nothing.
    pub fn run(&self, statements: &str) {
        let run = self.client.batch_execute(statements);
        self.runtime.block_on(run).unwrap();
    }

    /// The one number that a query gives.
    pub fn number(&self, query: &str) -> i64 {
        self.row(query).get(0)
    }

    /// The one text that a query gives.
    pub fn text(&self, query: &str) -> String {
        self.row(query).get(0)
    }

    fn row(&self, query: &str) -> Row {
        let asked = self.client.query_one(query, &[]);
        self.runtime.block_on(asked).unwrap()
    }
}
