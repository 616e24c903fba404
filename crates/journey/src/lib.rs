//! The journey of a transaction: import → identify → match → export → deliver.
//!
//! One file for each stage, in that order: [`import`], [`identify`], [`matching`], [`export`],
//! [`deliver`]. Each loads what it needs through a port, asks the pure decision of the same name in
//! `harmonia-core`, and hands the changes to the store's one `commit`. [`drive`] claims the work and
//! runs it; [`watch`] finds new files, [`push`] takes what others send; [`onboard`] says which MIDs and cards are whose. Everything outside is a [`ports`] trait.

pub mod agents;
pub mod deliver;
pub mod drive;
pub mod export;
pub mod identify;
pub mod import;
pub mod matching;
pub mod onboard;
pub mod ports;
pub mod push;
pub mod quiet;
pub mod receive;
pub mod replay;
pub mod watch;

use agents::Agents;
use harmonia_core::time::Instant;
use ports::{Clock, FileCourier, Holder, Identity, Store, Uids};
use std::sync::Arc;

/// What every stage is handed: the ports, the agents, and how large a batch is.
#[derive(Clone)]
pub struct Journey {
    /// Where everything durable lives.
    pub store: Arc<dyn Store>,
    /// Whose card it is.
    pub identity: Arc<dyn Identity>,
    /// How export files are written.
    pub courier: Arc<dyn FileCourier>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where random ids come from.
    pub uids: Uids,
    /// The agent files, by the ids of this store.
    pub agents: Arc<Agents>,
    /// This process.
    pub holder: Holder,
    /// The most records of one commit.
    pub batch: usize,
}

impl Journey {
    /// What time it is.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }
}
