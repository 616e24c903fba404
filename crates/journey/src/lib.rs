//! The journey of a transaction: import → identify → match → export → deliver.
//!
//! One file for each stage, in that order: [`import`], [`identify`], [`matching`], [`export`],
//! [`deliver`]. Each loads what it needs through a port, asks the pure decision of the same name in
//! `harmonia-core`, and hands the changes to the store's one `commit`. [`drive`] claims the work and
//! runs it; [`schedule`] says when a feed is to be looked for, [`looks`] takes that up and [`watch`]
//! takes the files that are there; [`push`] takes what others send; [`onboard`] says which MIDs and
//! cards are whose; [`backtest`] loads the past for other rules, [`sweep`] gives up what waited too
//! long, and [`purge`] takes out what is old; [`room`] says when importing has to pause. Everything outside is a [`ports`] trait.

pub mod agents;
pub mod announce;
pub mod backtest;
pub mod candidates;
pub mod claim;
pub mod configure;
pub mod contest;
pub mod deliver;
pub mod drive;
pub mod export;
pub mod handle;
pub mod identify;
pub mod import;
pub mod looks;
pub mod matching;
pub mod onboard;
pub mod ports;
pub mod purchase;
pub mod purge;
pub mod push;
pub mod quiet;
pub mod receive;
pub mod redress;
pub mod rejected;
pub mod replay;
pub mod review;
pub mod room;
pub mod schedule;
pub mod several;
pub mod sweep;
pub mod watch;
pub mod why;

use agents::Agents;
use harmonia_core::changes::{Changes, Lanes, Queue, Routes};
use harmonia_core::config::Config;
use harmonia_core::retention;
use harmonia_core::time::{Day, Instant};
use ports::{
    Announcer, Clock, CommitError, Committed, FileCourier, Holder, Identity, Lease, Part, Signals,
    Store, StoreError, Turn, Uids,
};
use room::Room;
use std::sync::Arc;
use std::time::Duration;

/// What every stage is handed: the ports, the agents, and how large a batch is.
#[derive(Clone)]
pub struct Journey {
    /// Where everything durable lives.
    pub store: Arc<dyn Store>,
    /// What processes tell each other.
    pub signals: Arc<dyn Signals>,
    /// Whose card it is.
    pub identity: Arc<dyn Identity>,
    /// How export files are written.
    pub courier: Arc<dyn FileCourier>,
    /// How others are told of what merchants are told; `None` where nobody is.
    pub announcer: Option<Arc<dyn Announcer>>,
    /// How merchants are told over HTTP.
    pub merchants: deliver::Merchants,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where random ids come from.
    pub uids: Uids,
    /// The agent files, by the ids of this store.
    pub agents: Arc<Agents>,
    /// This process.
    pub holder: Holder,
    /// How long a lease holds unless it is prolonged.
    pub lease: Duration,
    /// The most records of one commit.
    pub batch: usize,
    /// How much may wait to be matched before importing pauses.
    pub room: Room,
    /// Into how many lanes matching is divided; the same in every process of a store.
    pub lanes: Lanes,
}

impl Journey {
    /// What time it is.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Commits, and tells whoever waits for the work that it adds.
    ///
    /// # Errors
    /// [`CommitError`]: nothing was written.
    pub async fn commit(&self, lease: Lease, changes: Changes) -> Result<Committed, CommitError> {
        let queues = queues_of(&changes);
        let committed = self.store.commit(lease, changes).await?;
        self.wake(&queues);
        Ok(committed)
    }

    /// As [`Journey::commit`], in its turn among the commits of a file.
    ///
    /// # Errors
    /// [`CommitError`]: nothing was written.
    pub async fn commit_in_turn(
        &self,
        lease: Lease,
        changes: Changes,
        turn: Turn,
    ) -> Result<Committed, CommitError> {
        let queues = queues_of(&changes);
        let committed = self.store.commit_in_turn(lease, changes, turn).await?;
        self.wake(&queues);
        Ok(committed)
    }

    fn wake(&self, queues: &[Queue]) {
        if !queues.is_empty() {
            self.signals.wake(queues);
        }
    }

    /// Says that a part of Harmonia worked now.
    pub async fn check_in(&self, part: Part) {
        self.signals.check_in(part, self.now()).await;
    }

    /// What is configured, as it was a few seconds ago at most.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot say.
    pub async fn config(&self) -> Result<Config, StoreError> {
        Ok(Config::read(&self.signals.config().await?))
    }

    /// By which queue and lane transactions go on, as it is configured.
    ///
    /// # Errors
    /// [`StoreError`] as [`Journey::config`] and [`Journey::routes_of`].
    pub async fn routes(&self) -> Result<Routes, StoreError> {
        self.routes_of(&self.config().await?)
    }

    /// By which queue and lane transactions go on. Schemes that have no agent file are of no account.
    ///
    /// # Errors
    /// [`StoreError`] when the key has a value that will not do.
    pub fn routes_of(&self, config: &Config) -> Result<Routes, StoreError> {
        let slow = config.matching_slow.clone().map_err(StoreError::Broken)?;
        let slow = slow.iter().filter_map(|slug| self.agents.scheme(slug));
        Ok(Routes::new(self.lanes, slow))
    }

    /// The first day that is kept, as it is configured; what is of an earlier one, and not known, is
    /// too old when it comes. `None` when everything is kept.
    ///
    /// # Errors
    /// [`StoreError`] as [`Journey::config`] and [`Journey::kept_from_of`].
    pub async fn kept_from(&self) -> Result<Option<Day>, StoreError> {
        self.kept_from_of(&self.config().await?)
    }

    /// The first day that is kept; `None` when everything is.
    ///
    /// # Errors
    /// [`StoreError`] when the key has a value that will not do.
    pub fn kept_from_of(&self, config: &Config) -> Result<Option<Day>, StoreError> {
        let days = config.retention_days.clone().map_err(StoreError::Broken)?;
        Ok(days.map(|days| retention::kept_from(self.now(), days)))
    }
}

/// The queues that get work by changes, each once.
fn queues_of(changes: &Changes) -> Vec<Queue> {
    let mut queues: Vec<Queue> = changes.jobs.iter().map(|job| job.queue).collect();
    queues.sort_unstable();
    queues.dedup();
    queues
}
