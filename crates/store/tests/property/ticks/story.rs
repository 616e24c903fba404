//! What befalls some schedulers, beside what should tick meanwhile, and what should be asked for.

use super::process::{Dice, Process};
use super::shops::{LOOKS, schedules};
use crate::support::slug;
use harmonia_core::changes::{Changes, NewJob, NewWork, Queue, Tick, Work};
use harmonia_core::ids::SchemeId;
use harmonia_core::time::{DAY_US, HOUR_US, Instant, MINUTE_US, SECOND_US};
use harmonia_journey::ports::{Clock, CommitError, Holder, Lease, Store};
use harmonia_journey::schedule::Scheduler;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// So long nobody may lead: later still, with clocks that differ, ticks are lawfully left out.
const LEADERLESS_US: i64 = 20 * MINUTE_US;

/// One that lives.
struct Alive<'a> {
    process: &'a Process,
    scheduler: Scheduler<'a>,
    asleep_until: i64,
}

/// How a kind of store counts the time of a lease.
#[derive(Clone, Copy)]
pub struct Leases {
    pub lasting: Duration,
    /// By the database's own clock: somebody has to wait until it has run out.
    pub in_truth: bool,
}

/// What happened, to be told at the end.
#[derive(Debug, Default)]
pub struct Counted {
    pub ticks: usize,
    pub rounds: usize,
    pub leaders: usize,
    pub refused: usize,
    pub refused_in_a_round: usize,
}

impl Counted {
    pub fn add(&mut self, other: &Self) {
        self.ticks += other.ticks;
        self.rounds += other.rounds;
        self.leaders += other.leaders;
        self.refused += other.refused;
        self.refused_in_a_round += other.refused_in_a_round;
    }
}

pub struct Story<'a> {
    store: Arc<dyn Store>,
    leases: Leases,
    dice: Dice,
    truth: Arc<AtomicI64>,
    alive: Vec<Alive<'a>>,
    /// Those that have not come yet.
    to_come: std::slice::Iter<'a, Process>,
    /// By what others led before, that may not know that they do no longer.
    former: Vec<Lease>,
    latest: Option<Lease>,
    /// When somebody led last, in truth.
    led_at: i64,
    /// The latest that the clock of one who led has shown.
    reached: Instant,
    /// Each schedule's ticks.
    ticked: BTreeMap<String, Vec<Instant>>,
    /// What should wait to be done: looks once, sweeps as often as they ticked.
    looks: BTreeSet<usize>,
    sweeps: Vec<SchemeId>,
    schemes: Vec<SchemeId>,
    pub counted: Counted,
}

impl<'a> Story<'a> {
    /// Nobody has come yet; `processes` will.
    pub fn new(
        store: Arc<dyn Store>,
        leases: Leases,
        dice: Dice,
        truth: Arc<AtomicI64>,
        processes: &'a [Process],
    ) -> Self {
        let agents = &processes[0].journey.agents;
        let scheme = |at| agents.scheme(&slug(&format!("shop-{at}"))).unwrap();
        Self {
            store,
            leases,
            dice,
            alive: Vec::new(),
            to_come: processes.iter(),
            former: Vec::new(),
            latest: None,
            led_at: truth.load(Ordering::Relaxed),
            truth,
            reached: Instant(0),
            ticked: BTreeMap::new(),
            looks: BTreeSet::new(),
            sweeps: Vec::new(),
            schemes: (0..LOOKS.len()).map(scheme).collect(),
            counted: Counted::default(),
        }
    }

    fn now(&self) -> i64 {
        self.truth.load(Ordering::Relaxed)
    }

    /// Lives until a time; one step in so many is a long one.
    pub async fn live_until(&mut self, end: i64, long_one_in: i64) {
        for _ in 0..2 + self.dice.below(4) {
            self.come();
        }
        while self.now() < end {
            let most = if self.dice.one_in(long_one_in) {
                600
            } else {
                90
            };
            let step = self.dice.below(most * SECOND_US);
            self.truth.fetch_add(step, Ordering::Relaxed);
            self.something_happens().await;
            if self.now() - self.led_at > LEADERLESS_US {
                self.all_awake().await;
            }
            if self.dice.one_in(3) {
                self.work().await;
            }
        }
        self.all_awake().await;
        self.work().await;
    }

    fn come(&mut self) {
        let process = self.to_come.next().expect("so many come at most");
        let skew = self.dice.skew();
        process.clock.skew.store(skew, Ordering::Relaxed);
        self.alive.push(Alive {
            process,
            scheduler: Scheduler::new(&process.journey),
            asleep_until: 0,
        });
    }

    async fn something_happens(&mut self) {
        let who = self.dice.below(self.alive.len() as i64) as usize;
        if self.alive[who].asleep_until > self.now() {
            return;
        }
        match self.dice.below(60) {
            0 | 1 => self.dies(who).await,
            2 => self.resigns(who).await,
            3 if self.alive.len() < 5 => self.come(),
            4 => self.falls_asleep(who).await,
            5 | 6 => self.is_stopped_in_a_round(who).await,
            7..10 => self.a_former_leader_commits().await,
            10 | 11 => {
                let skew = self.dice.skew();
                let clock = &self.alive[who].process.clock;
                clock.skew.store(skew, Ordering::Relaxed);
            }
            _ => self.round(who).await,
        }
        while self.alive.len() < 2 {
            self.come();
        }
    }

    async fn all_awake(&mut self) {
        for who in 0..self.alive.len() {
            self.alive[who].asleep_until = 0;
            self.round(who).await;
        }
    }

    /// Whoever led is heard of no more: on a store that has a clock, its lease runs out meanwhile.
    async fn is_missed(&mut self, lease: Option<Lease>) {
        if let Some(lease) = lease {
            self.former.push(lease);
            if self.leases.in_truth {
                tokio::time::sleep(self.leases.lasting + Duration::from_millis(2)).await;
            }
        }
    }

    async fn dies(&mut self, who: usize) {
        let dead = self.alive.swap_remove(who);
        self.is_missed(dead.scheduler.lease()).await;
    }

    async fn resigns(&mut self, who: usize) {
        let gone = self.alive.swap_remove(who);
        gone.scheduler.resign().await;
        self.former.extend(gone.scheduler.lease());
    }

    async fn falls_asleep(&mut self, who: usize) {
        let asleep_until = self.now() + self.dice.below(HOUR_US);
        self.alive[who].asleep_until = asleep_until;
        self.is_missed(self.alive[who].scheduler.lease()).await;
    }

    /// A leader looks at its clock as a minute has begun, and is stopped before it commits: others lead,
    /// and tick, and when it goes on it commits what was due then.
    async fn is_stopped_in_a_round(&mut self, who: usize) {
        let Some(lease) = self.alive[who].scheduler.lease() else {
            return self.round(who).await;
        };
        // It says again that it leads just before the minute, and need not when it has begun.
        let lead_us = self.leases.lasting.as_micros() as i64;
        let clock = &self.alive[who].process.clock;
        let minute = (clock.now().0 / MINUTE_US + 1) * MINUTE_US;
        let before = minute - lead_us / 6;
        let stopped_at = minute + lead_us / 12;
        let wait = before - clock.now().0;
        self.truth.fetch_add(wait.max(0), Ordering::Relaxed);
        self.round(who).await;
        self.is_missed(Some(lease)).await;
        self.truth.fetch_add(2 * MINUTE_US, Ordering::Relaxed);
        for other in (0..self.alive.len()).filter(|other| *other != who) {
            self.round(other).await;
        }
        let clock = &self.alive[who].process.clock;
        clock.stopped_at.store(stopped_at, Ordering::Relaxed);
        let before = self.alive[who].scheduler.lease();
        self.round(who).await;
        let is_refused = self.alive[who].scheduler.lease() != before;
        self.counted.refused_in_a_round += usize::from(is_refused);
        let clock = &self.alive[who].process.clock;
        clock.stopped_at.store(0, Ordering::Relaxed);
    }

    /// A round of one scheduler: what it ticks is new, is what the store has then, and is asked for.
    async fn round(&mut self, who: usize) {
        let Alive {
            process, scheduler, ..
        } = &mut self.alive[who];
        let (now, before) = (process.clock.now(), scheduler.lease());
        let ticks = scheduler.round().await.unwrap();
        let after = scheduler.lease();
        self.counted.rounds += 1;
        if after.is_some() {
            self.led_at = self.truth.load(Ordering::Relaxed);
            self.reached = self.reached.max(now);
        }
        if after.is_some() && after != before {
            self.counted.leaders += 1;
            self.latest = after;
            self.looks.extend(0..LOOKS.len());
        }
        self.take(&ticks);
        let last = |(name, ticks): (&String, &Vec<Instant>)| Some((name.clone(), *ticks.last()?));
        let told: BTreeMap<String, Instant> = self.ticked.iter().filter_map(last).collect();
        assert_eq!(self.store.ticked().await.unwrap(), told);
    }

    fn take(&mut self, ticks: &[Tick]) {
        self.counted.ticks += ticks.len();
        let mut names = BTreeSet::new();
        for Tick { schedule, at } in ticks {
            let ticked = self.ticked.entry(schedule.clone()).or_default();
            assert!(
                ticked.last().is_none_or(|last| last < at),
                "{schedule} ticks at {at} again"
            );
            ticked.push(*at);
            names.insert(schedule.as_str());
        }
        for name in names {
            let (what, shop) = name.split_once(":shop-").unwrap();
            let shop: usize = shop.parse().unwrap();
            match what {
                "look" => drop(self.looks.insert(shop)),
                _ => self.sweeps.push(self.schemes[shop]),
            }
        }
    }

    /// One who led before commits a tick: it is refused, and nothing of it is there.
    async fn a_former_leader_commits(&mut self) {
        let is_former = |lease: &&Lease| Some(**lease) != self.latest;
        let former: Vec<Lease> = self.former.iter().filter(is_former).copied().collect();
        if former.is_empty() {
            return;
        }
        let lease = former[self.dice.below(former.len() as i64) as usize];
        let now = Instant(self.now() + HOUR_US);
        let mut changes = Changes::none(now);
        changes.ticks.push(Tick {
            schedule: "look:shop-0".to_owned(),
            at: now,
        });
        changes.jobs.push(NewJob {
            queue: Queue::MatchingSlow,
            lane: None,
            ready_at: now,
            work: NewWork::Known(Work::Sweep {
                scheme: self.schemes[0],
            }),
        });
        let refused = self.store.commit(lease, changes).await;
        assert!(
            matches!(refused, Err(CommitError::StaleLease)),
            "{lease:?}, and not {:?}: {refused:?}",
            self.latest
        );
        self.counted.refused += 1;
    }

    /// Somebody does all that waits: it is what was asked for, and no more.
    async fn work(&mut self) {
        let (worker, now) = (Holder("worker".to_owned()), Instant(self.now() + DAY_US));
        let (mut looks, mut sweeps) = (BTreeSet::new(), Vec::new());
        let queues = [Queue::Import, Queue::MatchingSlow];
        while let Some(job) = self.store.claim(&queues, &worker, now).await.unwrap() {
            match &job.work {
                Work::Look { feed } => {
                    let shop = (0..LOOKS.len()).find(|at| *feed == slug(&format!("shop-{at}")));
                    assert!(looks.insert(shop.unwrap()), "{feed} is looked for twice");
                }
                Work::Sweep { scheme } => sweeps.push(*scheme),
                work => panic!("nobody asked for {work:?}"),
            }
            let done = Changes::done(now);
            self.store.commit(job.lease, done).await.unwrap();
        }
        assert_eq!(looks, std::mem::take(&mut self.looks));
        sweeps.sort_unstable();
        self.sweeps.sort_unstable();
        assert_eq!(sweeps, std::mem::take(&mut self.sweeps));
    }

    /// What ticked is what should have.
    pub fn expect_each_once(&self) {
        for (name, times) in schedules() {
            let ticked = &self.ticked[&name];
            let should = times.ticks(ticked[0], self.reached);
            assert_eq!(ticked[1..], should, "{name}, {}", times.cron());
        }
    }
}
