//! Processes that schedule, each with a clock of its own, and the dice that say what befalls them.

use async_trait::async_trait;
use harmonia_core::changes::Lanes;
use harmonia_core::time::{Instant, MINUTE_US};
use harmonia_journey::Journey;
use harmonia_journey::agents::Agents;
use harmonia_journey::ports::{
    AppendError, BuiltInLinks, Clock, FileCourier, FileHold, Holder, Store, Uids, WithinProcess,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How wrong a clock may be.
const SKEW_US: i64 = 5 * MINUTE_US;

/// Random, and the same for a seed: SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    /// A number from 0 on, below another.
    pub fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end.unsigned_abs()) as i64
    }

    /// What happens once in so many times.
    pub fn one_in(&mut self, many: i64) -> bool {
        self.below(many) == 0
    }

    /// How wrong a clock is.
    pub fn skew(&mut self) -> i64 {
        self.below(2 * SKEW_US + 1) - SKEW_US
    }
}

/// A scheduler's own clock: what time it is in truth, and by how much this one is wrong; or what it
/// showed when its process was stopped.
pub struct OwnClock {
    pub truth: Arc<AtomicI64>,
    pub skew: AtomicI64,
    pub stopped_at: AtomicI64,
}

impl Clock for OwnClock {
    fn now(&self) -> Instant {
        match self.stopped_at.load(Ordering::Relaxed) {
            0 => Instant(self.truth.load(Ordering::Relaxed) + self.skew.load(Ordering::Relaxed)),
            stopped_at => Instant(stopped_at),
        }
    }
}

/// Nothing is delivered here.
struct NoCourier;

#[async_trait]
impl FileCourier for NoCourier {
    async fn hold(&self, name: &str) -> Result<FileHold, AppendError> {
        panic!("{name} was to be held")
    }

    async fn append(&self, name: &str, _: u64, _: Vec<u8>) -> Result<u64, AppendError> {
        panic!("{name} was to be written")
    }

    async fn draft(&self, name: &str, _: Vec<u8>) -> Result<(), AppendError> {
        panic!("{name} was to be drafted")
    }

    async fn publish(&self, draft: &str, name: &str) -> Result<(), AppendError> {
        panic!("{draft} was to be published as {name}")
    }
}

/// A process that schedules, or is about to.
pub struct Process {
    pub journey: Journey,
    pub clock: Arc<OwnClock>,
}

impl Process {
    /// One on a store, whose leases last so long.
    pub fn new(
        store: &Arc<dyn Store>,
        agents: &Arc<Agents>,
        truth: &Arc<AtomicI64>,
        lease: Duration,
    ) -> Self {
        let clock = Arc::new(OwnClock {
            truth: Arc::clone(truth),
            skew: AtomicI64::new(0),
            stopped_at: AtomicI64::new(0),
        });
        let journey = Journey {
            room: harmonia_journey::room::Room::default(),
            agents: Arc::clone(agents),
            identity: Arc::new(BuiltInLinks(Arc::clone(store))),
            signals: Arc::new(WithinProcess::new(Arc::clone(store))),
            store: Arc::clone(store),
            courier: Arc::new(NoCourier),
            announcer: None,
            merchants: harmonia_journey::deliver::Merchants::out_of_reach(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            uids: Uids,
            holder: Holder::new(Uids),
            lease,
            batch: 1,
            lanes: Lanes::ONE,
        };
        Self { journey, clock }
    }
}
