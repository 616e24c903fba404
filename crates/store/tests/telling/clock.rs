//! A clock that is moved by hand, and says when a process is killed.

use harmonia_core::time::Instant;
use harmonia_journey::ports::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;

pub struct HandClock {
    now_us: AtomicI64,
    killed: Notify,
}

impl HandClock {
    pub fn at(now: Instant) -> Self {
        Self {
            now_us: AtomicI64::new(now.0),
            killed: Notify::new(),
        }
    }

    pub fn move_on(&self, us: i64) -> Instant {
        Instant(self.now_us.fetch_add(us, Ordering::SeqCst) + us)
    }

    pub fn move_to(&self, at: Instant) {
        self.now_us.fetch_max(at.0, Ordering::SeqCst);
    }

    /// Kills whoever works now.
    pub fn kill(&self) {
        self.killed.notify_one();
    }

    pub async fn killed(&self) {
        self.killed.notified().await;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Instant {
        Instant(self.now_us.load(Ordering::SeqCst))
    }
}
