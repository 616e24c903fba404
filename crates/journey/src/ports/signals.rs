//! Signals: what processes tell each other so that nobody has to wait, or to ask the store.
//!
//! Any of it may be lost at any moment. Whoever waits for work looks into the store by itself before
//! long, and what is configured or was last heard of is told by the store too.

use crate::ports::{Holder, Store, StoreError};
use async_trait::async_trait;
use harmonia_core::changes::Queue;
use harmonia_core::time::{Instant, SECOND_US};
use harmonia_core::transaction::FeedType;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;

/// How often the store is asked for work that another process may have added, where processes do not
/// hear of each other.
const POLL: Duration = Duration::from_millis(500);

/// How often a process says of a part that it worked: more often would only be more to write.
const CHECK_IN_US: i64 = 5 * SECOND_US;

/// A part of Harmonia that says when it worked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What looks for payments, and receives them.
    PaymentImport,
    /// What looks for sales, and receives them.
    SchemeImport,
    /// What decides.
    Matching,
    /// What tells merchants.
    Export,
    /// What watches the schedules.
    Scheduler,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::PaymentImport,
        Self::SchemeImport,
        Self::Matching,
        Self::Export,
        Self::Scheduler,
    ];

    /// The part that imports what a feed brings.
    pub fn import_of(feed_type: FeedType) -> Self {
        match feed_type.is_payment() {
            true => Self::PaymentImport,
            false => Self::SchemeImport,
        }
    }

    /// What it is called where its check-in is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PaymentImport => "PaymentImportDirector",
            Self::SchemeImport => "SchemeImportDirector",
            Self::Matching => "MatchingWorker",
            Self::Export => "ExportDirector",
            Self::Scheduler => "Scheduler",
        }
    }
}

/// When each part of this process checked in last.
#[derive(Default)]
pub struct CheckIns(Mutex<BTreeMap<Part, Instant>>);

impl CheckIns {
    /// Whether a part should check in again; if so, it is taken to have done so.
    pub fn is_due(&self, part: Part, at: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last
            .get(&part)
            .is_none_or(|last| !(0..CHECK_IN_US).contains(&(at.0 - last.0)));
        if is_due {
            last.insert(part, at);
        }
        is_due
    }
}

/// What processes tell each other.
#[async_trait]
pub trait Signals: Send + Sync + 'static {
    /// Says that work was added to these queues, to one of those who wait for it. It waits for nothing,
    /// and may be lost.
    fn wake(&self, queues: &[Queue]);

    /// Waits until work may have been added to one of these queues, here or elsewhere; at most until
    /// the store should be asked in any case.
    async fn woken(&self, queues: &[Queue]);

    /// Says that a part of Harmonia worked at a time: of a part, the latest counts. It may be lost.
    async fn check_in(&self, part: Part, at: Instant);

    /// When each part worked last, as far as that is known.
    ///
    /// # Errors
    /// [`StoreError`] when nobody can say.
    async fn check_ins(&self) -> Result<BTreeMap<String, Instant>, StoreError>;

    /// Every configuration key that is set, with its value: at most a few seconds old.
    ///
    /// # Errors
    /// [`StoreError`] when the store has to be asked, and cannot say.
    async fn config(&self) -> Result<BTreeMap<String, String>, StoreError>;

    /// Says that the configuration was changed, so that others need not wait to see it.
    async fn config_changed(&self);

    /// Says which schedules a process has just done what was due by, each with how long nothing
    /// more is. It is for people to see, and may be lost.
    fn ticked(&self, by: &Holder, schedules: Vec<(String, Duration)>);

    /// Waits for a moment until others have been told what was said, if they can be: for a process
    /// that is about to end.
    async fn told(&self);
}

/// The parts of one process, with the store for what others should see.
pub struct WithinProcess {
    store: Arc<dyn Store>,
    added: [Notify; Queue::ALL.len()],
    checked_in: CheckIns,
}

impl WithinProcess {
    /// Over the store that this process works on.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            added: Default::default(),
            checked_in: CheckIns::default(),
        }
    }

    /// Waits until this process added work to one of these queues; for ever, where it does not.
    pub async fn added(&self, queues: &[Queue]) {
        let added = queues
            .iter()
            .map(|queue| self.added[*queue as usize].notified());
        let mut added: Vec<_> = added.map(Box::pin).collect();
        poll_fn(|context| {
            let is_added = added
                .iter_mut()
                .any(|one| one.as_mut().poll(context).is_ready());
            if is_added {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

#[async_trait]
impl Signals for WithinProcess {
    fn wake(&self, queues: &[Queue]) {
        for queue in queues {
            // Kept for who comes to wait later.
            self.added[*queue as usize].notify_one();
        }
    }

    async fn woken(&self, queues: &[Queue]) {
        let _ = tokio::time::timeout(POLL, self.added(queues)).await;
    }

    async fn check_in(&self, part: Part, at: Instant) {
        if self.checked_in.is_due(part, at)
            && let Err(error) = self.store.check_in(part.as_str(), at).await
        {
            tracing::debug!(%error, part = part.as_str(), "could not check in");
        }
    }

    async fn check_ins(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        self.store.check_ins().await
    }

    async fn config(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.store.config().await
    }

    async fn config_changed(&self) {}

    fn ticked(&self, _: &Holder, _: Vec<(String, Duration)>) {}

    async fn told(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_its_place() {
        for (place, queue) in Queue::ALL.into_iter().enumerate() {
            assert_eq!(queue as usize, place);
        }
    }
}
