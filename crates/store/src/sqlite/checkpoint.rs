//! Copying the write-ahead log into the database, on a thread of its own, so that no commit waits
//! for it while work is coming in.
//!
//! The writing connection still copies by itself when the log has grown past its bound: by then
//! little is left to copy.

use super::connection;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the log is copied while there are commits. Less often would let it grow; more often
/// would write pages that change again and again more than once.
const EVERY: Duration = Duration::from_secs(2);

/// The thread that copies, for as long as this lives.
pub struct Checkpointer {
    commits: Arc<AtomicU64>,
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread.
    pub fn start(path: &Path) -> rusqlite::Result<Self> {
        let connection = connection::open_checkpointer(path)?;
        let commits = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = channel();
        let counted = Arc::clone(&commits);
        let thread = std::thread::spawn(move || {
            let mut copied = 0;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = counted.load(Ordering::Relaxed);
                if now != copied {
                    copy(&connection);
                    copied = now;
                }
            }
        });
        Ok(Self {
            commits,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// There was a commit.
    pub fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has copied nothing, which the writer makes good.
            let _ = thread.join();
        }
    }
}

fn copy(connection: &Connection) {
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = copied {
        tracing::warn!(%error, "could not copy the write-ahead log; it is tried again");
    }
}
