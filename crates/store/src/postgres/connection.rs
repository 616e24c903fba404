//! Connections: how they are made, what each is told first, and what a transaction on one can do.

use super::failure::{Failure, chain};
use super::server::Server;
use crate::OpenError;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use std::time::Duration;
use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{IsolationLevel, Row};

/// At most so many connections at a time.
const CONNECTIONS: usize = 16;
/// How long a connection is waited for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What every connection is told first.
///
/// The plans are those that the indexes were made for, made once, whatever the statistics say of a
/// table that is being filled: the journey's statements go through indexes and nested loops, and only
/// what looks at everything may do otherwise. A plan that was made while a table was empty must still
/// be right when it is large: so those statements probe by LATERAL and `OFFSET 0`, which the planner
/// does not turn into joins of its own choice.
pub const SETTINGS: &str = "
    SET synchronous_commit = on;
    SET TIME ZONE 'UTC';
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET enable_memoize = off;
    SET lock_timeout = '60s';
    SET idle_in_transaction_session_timeout = '1min';
    SET client_min_messages = warning";

/// What is looked at whole is joined whole, by plans made for this one question.
const EVERYTHING: &str = "
    SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_hashjoin = on;
    SET LOCAL enable_mergejoin = on";

/// How long to wait before a server that was not there is looked for again.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Waits until a server lets somebody in, or refuses for a reason that will not pass; no longer than
/// `patience`.
pub async fn await_server(server: &Server, patience: Duration) {
    let Ok(pool) = pool(server) else {
        return;
    };
    let deadline = tokio::time::Instant::now() + patience;
    let mut told = false;
    loop {
        let failure = match tokio::time::timeout_at(deadline, pool.get()).await {
            Ok(Err(error)) => Failure::from(error),
            Ok(Ok(_)) | Err(_) => return,
        };
        if !failure.is_lost() || tokio::time::Instant::now() + LOOK_AGAIN >= deadline {
            return;
        }
        if !told {
            let error = harmonia_journey::ports::StoreError::from(failure);
            tracing::warn!(%error, ?patience, "waiting for {}", server.place());
            told = true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Connections, made as they are needed and used again.
pub fn pool(server: &Server) -> Result<Pool, OpenError> {
    let tls = tokio_postgres_rustls::MakeRustlsConnect::new(server.tls()?);
    let recycling_method = RecyclingMethod::Fast;
    let config = server.config().clone();
    let manager = Manager::from_config(config, tls, ManagerConfig { recycling_method });
    Pool::builder(manager)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                let told = client.batch_execute(SETTINGS).await;
                told.map_err(HookError::Backend)
            })
        }))
        .build()
        .map_err(|error| OpenError(format!("no connections can be made: {error}")))
}

/// A commit that may vanish with the power must not be acknowledged: refuse to start.
pub async fn refuse_without_durability(
    client: &deadpool_postgres::Client,
    place: &str,
) -> Result<(), OpenError> {
    let settings = "SELECT name, setting FROM pg_settings
        WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'";
    let off = client.query(settings, &[]).await;
    let off = off.map_err(|error| OpenError(format!("cannot open {place}: {}", chain(&error))))?;
    match off.first().map(|row| row.try_get::<_, String>(0)) {
        None => Ok(()),
        Some(name) => Err(OpenError(format!(
            "{place} is not durable: {} is off on its server. Turn it on; what was accepted may \
             otherwise vanish with the power",
            name.unwrap_or_default()
        ))),
    }
}

/// A transaction, and the statements that are run in it.
pub struct Session<'a>(deadpool_postgres::Transaction<'a>);

impl<'a> Session<'a> {
    /// Begins a transaction that writes. Dropped without a commit, it is rolled back.
    pub async fn write(client: &'a mut deadpool_postgres::Client) -> Result<Self, Failure> {
        Ok(Self(client.transaction().await?))
    }

    /// Begins a transaction that writes and fails where another changed what it saw.
    pub async fn write_isolated(
        client: &'a mut deadpool_postgres::Client,
    ) -> Result<Self, Failure> {
        let begun = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead);
        Ok(Self(begun.start().await?))
    }

    /// Begins a transaction that reads, and sees one state of the database throughout.
    pub async fn read(client: &'a mut deadpool_postgres::Client) -> Result<Self, Failure> {
        let begun = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true);
        Ok(Self(begun.start().await?))
    }

    /// From here on, statements of this transaction may read tables whole.
    pub async fn look_at_everything(&self) -> Result<(), Failure> {
        Ok(self.0.batch_execute(EVERYTHING).await?)
    }

    /// Runs a statement; returns how many rows it touched.
    pub async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, values).await?)
    }

    /// The rows of a statement.
    pub async fn rows(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query(&statement, values).await?)
    }

    /// The rows of a statement, each made into a value.
    pub async fn list<T>(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        make: impl FnMut(&Row) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        self.rows(sql, values).await?.iter().map(make).collect()
    }

    /// The one row of a statement, if it has one.
    pub async fn maybe(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query_opt(&statement, values).await?)
    }

    /// The first column of the one row of a statement.
    pub async fn value<T: FromSqlOwned>(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<T, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.query_one(&statement, values).await?.try_get(0)?)
    }

    /// The rows of a statement as they come.
    pub async fn stream(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<tokio_postgres::RowStream, Failure> {
        let statement = self.0.prepare_cached(sql).await?;
        let values = values.iter().copied();
        Ok(self.0.query_raw(&statement, values).await?)
    }

    /// Sends rows, in PostgreSQL's binary form, to a COPY; returns how many they were.
    pub async fn copy(&self, sql: &str, rows: Vec<bytes::Bytes>) -> Result<u64, Failure> {
        use futures_util::SinkExt;
        let statement = self.0.prepare_cached(sql).await?;
        let sink = self.0.copy_in::<_, bytes::Bytes>(&statement).await?;
        let mut sink = std::pin::pin!(sink);
        for stretch in rows {
            sink.feed(stretch).await?;
        }
        Ok(sink.finish().await?)
    }

    /// Runs several statements that take no values.
    pub async fn run(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.0.batch_execute(sql).await?)
    }

    /// Makes all of it durable.
    pub async fn commit(self) -> Result<(), Failure> {
        Ok(self.0.commit().await?)
    }

    /// Undoes all of it.
    pub async fn roll_back(self) -> Result<(), Failure> {
        Ok(self.0.rollback().await?)
    }
}
