//! Connections that wait to be used again, each by one request at a time.

use super::line::Wrote;
use super::target::{Target, TargetHost};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// No more than these wait for one peer.
const MOST_OF_ONE: usize = 256;

/// A connection that requests can be sent over, one after the other.
pub struct Connection {
    /// What takes the next request.
    pub sender: SendRequest<Full<Bytes>>,
    /// Whether anything was written to it.
    pub wrote: Wrote,
    /// The task that reads and writes.
    pub serving: JoinHandle<()>,
}

impl Connection {
    /// Ends it, and waits until nothing more can be written.
    pub async fn end(mut self) {
        self.serving.abort();
        // That it was ended is what is wanted.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// By what connections are alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Origin {
    tls: bool,
    host: TargetHost,
    port: u16,
}

impl Origin {
    fn of(target: &Target) -> Self {
        Self {
            tls: target.tls,
            host: target.host.clone(),
            port: target.port,
        }
    }
}

/// Those of one origin, each with since when it waits; the last used last.
type Waiting = HashMap<Origin, Vec<(Instant, Connection)>>;

/// The connections that wait.
pub struct Pool {
    /// How long one may wait. Most servers end a connection that was silent for a few seconds, and a
    /// request that crosses with that end may or may not have been done: so it is well below.
    idle: Duration,
    waiting: Mutex<Waiting>,
}

impl Pool {
    /// Where nothing waits longer than `idle`.
    pub fn new(idle: Duration) -> Arc<Self> {
        Arc::new(Self {
            idle,
            waiting: Mutex::default(),
        })
    }

    /// The connection to a target that was used last.
    pub fn take(&self, target: &Target) -> Option<Connection> {
        let mut waiting = self.waiting();
        let those = waiting.get_mut(&Origin::of(target))?;
        while let Some((since, connection)) = those.pop() {
            if self.is_fit(since, &connection) {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read whole.
    pub fn put(self: &Arc<Self>, target: &Target, connection: Connection) {
        let mut waiting = self.waiting();
        if waiting.is_empty() {
            tokio::spawn(clear_away(Arc::downgrade(self), self.idle));
        }
        let those = waiting.entry(Origin::of(target)).or_default();
        if those.len() < MOST_OF_ONE {
            those.push((Instant::now(), connection));
        }
    }

    fn is_fit(&self, since: Instant, connection: &Connection) -> bool {
        since.elapsed() < self.idle && !connection.sender.is_closed()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends what nobody came back for, until nothing waits.
async fn clear_away(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else {
            return;
        };
        let mut waiting = pool.waiting();
        waiting.retain(|_, those| {
            those.retain(|(since, connection)| pool.is_fit(*since, connection));
            !those.is_empty()
        });
        if waiting.is_empty() {
            return;
        }
    }
}
