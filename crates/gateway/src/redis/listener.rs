//! A listener: waits on a connection of its own for a token of some queues, while somebody here waits
//! for work.
//!
//! A token that came when nobody waits here any more goes back, so that others have it who do.

use super::link::Link;
use super::lock;
use super::teller::queue_key;
use harmonia_core::changes::Queue;
use redis::aio::MultiplexedConnection;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long Redis is asked to wait for a token, in seconds.
const WAIT_S: u64 = 5;
/// How long its answer to that may take.
const ANSWER: Duration = Duration::from_secs(WAIT_S + 2);
/// How long to rest after something went wrong.
const REST: Duration = Duration::from_millis(100);

/// Those of a process who wait for the same queues.
pub struct Listener {
    keys: Vec<String>,
    /// How many wait.
    waiting: Mutex<usize>,
    somebody_waits: Notify,
    token: Notify,
}

/// Somebody who waits, until this is dropped.
pub struct Waiting<'a>(&'a Listener);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *lock(&self.0.waiting) -= 1;
    }
}

impl Listener {
    /// For these queues.
    pub fn of(queues: &[Queue]) -> Self {
        Self {
            keys: queues.iter().copied().map(queue_key).collect(),
            waiting: Mutex::default(),
            somebody_waits: Notify::new(),
            token: Notify::new(),
        }
    }

    /// Begins to wait.
    pub fn wait(&self) -> Waiting<'_> {
        *lock(&self.waiting) += 1;
        self.somebody_waits.notify_one();
        Waiting(self)
    }

    /// Waits for a token.
    pub async fn token(&self) {
        self.token.notified().await;
    }

    fn is_waited_for(&self) -> bool {
        *lock(&self.waiting) > 0
    }

    /// Listens for as long as this is wanted.
    pub async fn listen(self: Arc<Self>, link: Arc<Link>) {
        let mut connection = None;
        loop {
            while !self.is_waited_for() {
                self.somebody_waits.notified().await;
            }
            let listened = match connection.take() {
                Some(connection) => self.take(connection).await,
                None => self.begin(&link).await,
            };
            match listened {
                Ok(kept) => connection = Some(kept),
                Err(error) => {
                    link.failed(&error);
                    sleep(REST).await;
                }
            }
        }
    }

    /// Connects, once Redis is there.
    async fn begin(&self, link: &Link) -> redis::RedisResult<MultiplexedConnection> {
        // The link is there for as long as this is.
        let _ = link.state().wait_for(|state| state.is_well()).await;
        link.connect(ANSWER).await
    }

    /// Waits for one token and hands it on, or gives it back.
    async fn take(
        &self,
        mut connection: MultiplexedConnection,
    ) -> redis::RedisResult<MultiplexedConnection> {
        let mut wait = redis::cmd("BRPOP");
        wait.arg(&self.keys).arg(WAIT_S);
        let taken: Option<(String, String)> = wait.query_async(&mut connection).await?;
        match taken {
            None => {}
            Some(_) if self.is_waited_for() => self.token.notify_one(),
            Some((key, token)) => {
                let mut back = redis::cmd("RPUSH");
                back.arg(key).arg(token);
                back.query_async::<()>(&mut connection).await?;
            }
        }
        Ok(connection)
    }
}
