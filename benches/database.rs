//! A database for each run, on the server that `BENCH_POSTGRES_URI` names.

use crate::measure::{Stretch, Took, parent};
use tokio_postgres::{Client, NoTls};

/// A new database. It goes with [`Database::drop`].
pub struct Database {
    server: String,
    name: String,
    /// Its server's first process, where it is on this machine.
    pub postmaster: Option<u32>,
}

impl Database {
    /// Makes one, on a server that has written down all that it did before.
    pub async fn fresh(server: &str, name: &str) -> Self {
        let client = connect(server).await;
        let create = format!("CREATE DATABASE {name}");
        client.batch_execute(&create).await.unwrap();
        client.batch_execute("CHECKPOINT").await.unwrap();
        let pid = client.query_one("SELECT pg_backend_pid()", &[]);
        let pid: i32 = pid.await.unwrap().get(0);
        Self {
            server: server.to_owned(),
            name: name.to_owned(),
            postmaster: u32::try_from(pid).ok().and_then(parent),
        }
    }

    /// Where it is.
    pub fn uri(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// A connection to it.
    pub async fn client(&self) -> Client {
        connect(&self.uri()).await
    }

    /// What some work took, of the server as well.
    pub async fn measure<T>(&self, work: impl Future<Output = T>) -> (Took, T) {
        let stretch = Stretch::begin(self.postmaster);
        let done = work.await;
        (stretch.end(), done)
    }

    /// Bytes that the server has logged ahead of writing them.
    pub async fn logged(&self) -> f64 {
        let client = connect(&self.server).await;
        let sql = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8";
        client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Takes it away, whoever is still connected.
    pub async fn drop(self) {
        let client = connect(&self.server).await;
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        client.batch_execute(&drop).await.unwrap();
    }
}

async fn connect(uri: &str) -> Client {
    let config: tokio_postgres::Config = uri.parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
