//! Room: whether more may be imported, or matching has to catch up first.
//!
//! Whoever imports for long asks before each batch, and pauses while as many jobs wait to be decided as
//! the configuration allows. A command that a person gave is never kept waiting: nobody else may be there
//! to make room.

use crate::Journey;
use crate::drive::{DECIDING, Stop, unless_stopped};
use crate::ports::StoreError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a process asks the store at most.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// Once full, there is room again when a tenth of what may wait is gone: not with every single job.
const GONE: u32 = 10;

/// What a process knows of the room there is; clones know the same.
#[derive(Clone, Default)]
pub struct Room(Option<Arc<Mutex<Known>>>);

#[derive(Default)]
struct Known {
    /// The limit that is reached.
    full: Option<u32>,
    asked: Option<Instant>,
}

impl Room {
    /// As much as the configuration says, as it is in processes that go on for ever. By default there is
    /// always room.
    pub fn limited() -> Self {
        Self(Some(Arc::default()))
    }
}

impl Journey {
    /// How many jobs wait to be decided where that is as many as may, and nothing more should be imported;
    /// `None` while there is room. It is as it was a second ago at most.
    pub async fn full(&self) -> Option<u32> {
        let Some(room) = &self.room.0 else {
            return None;
        };
        let before = {
            let mut known = room.lock().unwrap_or_else(PoisonError::into_inner);
            if known.asked.is_some_and(|at| at.elapsed() < ASKED_AGAIN) {
                return known.full;
            }
            // Others go by what was known until this is.
            known.asked = Some(Instant::now());
            known.full
        };
        let full = match self.ask_for_room(before.is_some()).await {
            Ok(full) => full,
            Err(error) => {
                // A store that cannot say takes nothing either, and whoever imports hears of that.
                tracing::debug!(%error, "could not ask how much waits to be matched");
                before
            }
        };
        match (before, full) {
            (None, Some(limit)) => {
                tracing::warn!(limit, "importing pauses: matching has to catch up first");
            }
            (Some(_), None) => tracing::info!("importing goes on: matching has caught up"),
            _ => {}
        }
        room.lock().unwrap_or_else(PoisonError::into_inner).full = full;
        full
    }

    async fn ask_for_room(&self, was_full: bool) -> Result<Option<u32>, StoreError> {
        let limit = self.config().await?.queue_limit;
        let limit = limit.map_err(StoreError::Broken)?;
        let most = match was_full {
            true => (limit - limit / GONE).max(1),
            false => limit,
        };
        let waiting = self.store.waiting(DECIDING, self.now(), most).await?;
        Ok((waiting >= most.into()).then_some(limit))
    }

    /// Waits until there is room for more, or until told to stop.
    pub async fn wait_for_room(&self, stop: &Stop) {
        while self.full().await.is_some() {
            let asked_again = tokio::time::sleep(ASKED_AGAIN);
            if unless_stopped(stop, asked_again).await.is_none() {
                return;
            }
        }
    }
}
