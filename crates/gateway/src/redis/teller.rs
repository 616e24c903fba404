//! The teller: says in the background what is to be said, all that has gathered in one go.

use super::link::Link;
use super::lock;
use harmonia_core::changes::Queue;
use harmonia_core::time::{Instant, SECOND_US};
use harmonia_journey::ports::{Holder, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// So many tokens lie in a list at most: there is no use in more than there are workers to wake.
const TOKENS: isize = 32;
/// Tokens that nobody took for so long are of no use, in seconds.
const TOKENS_LIVE_S: i64 = 60;

/// Sets a check-in unless a later one is there.
const CHECK_IN: &str = "\
    local known = tonumber(redis.call('GET', KEYS[1]) or '') \
    if not known or known < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end";

/// The list of a queue's tokens.
pub fn queue_key(queue: Queue) -> String {
    format!("txmatch:queue:{}", queue.as_str())
}

/// Where it stands when a part worked last.
pub fn check_in_key(part: Part) -> String {
    format!("txmatch:status:checkins:{}", part.as_str())
}

fn schedule_key(schedule: &str) -> String {
    format!("txmatch:schedule-lock:{schedule}")
}

/// What is to be said.
#[derive(Default)]
struct Unsaid {
    queues: BTreeSet<Queue>,
    check_ins: BTreeMap<Part, Instant>,
    /// By whom each schedule was done, and how long that stands.
    ticks: BTreeMap<String, (String, Duration)>,
    /// How often something was added.
    added: u64,
}

/// Says what is to be said; while Redis is away, nothing.
#[derive(Default)]
pub struct Teller {
    unsaid: Mutex<Unsaid>,
    is_some: Notify,
    /// Up to which addition all is said, or dropped.
    said: watch::Sender<u64>,
}

impl Teller {
    fn add(&self, add: impl FnOnce(&mut Unsaid)) {
        let mut unsaid = lock(&self.unsaid);
        add(&mut unsaid);
        unsaid.added += 1;
        self.is_some.notify_one();
    }

    /// To say that there may be work in these queues.
    pub fn wake(&self, queues: &[Queue]) {
        self.add(|unsaid| unsaid.queues.extend(queues));
    }

    /// To say that a part worked.
    pub fn check_in(&self, part: Part, at: Instant) {
        self.add(|unsaid| {
            unsaid.check_ins.insert(part, at);
        });
    }

    /// To say who did what was due by some schedules, and how long nothing more is.
    pub fn ticked(&self, by: &Holder, schedules: Vec<(String, Duration)>) {
        let shown = schedules
            .into_iter()
            .map(|(schedule, rest)| (schedule, (by.to_string(), rest)));
        self.add(|unsaid| unsaid.ticks.extend(shown));
    }

    /// Waits until all is said that was to be said when this was called.
    pub async fn told(&self) {
        let added = lock(&self.unsaid).added;
        let mut said = self.said.subscribe();
        let _ = said.wait_for(|said| *said >= added).await;
    }

    /// Says it, for as long as this is wanted.
    pub async fn tell(self: Arc<Self>, link: Arc<Link>) {
        loop {
            self.is_some.notified().await;
            let (message, added) = self.message();
            // What was added meanwhile may have been said with what came before it.
            if !message.is_empty() {
                let _: Option<()> = link.ask(&message).await;
            }
            self.said.send_replace(added);
        }
    }

    /// All that is to be said, which is taken for said.
    fn message(&self) -> (redis::Pipeline, u64) {
        let mut unsaid = lock(&self.unsaid);
        let mut message = redis::pipe();
        for queue in std::mem::take(&mut unsaid.queues) {
            let key = queue_key(queue);
            message.lpush(&key, 1).ignore();
            message.ltrim(&key, 0, TOKENS - 1).ignore();
            message.expire(&key, TOKENS_LIVE_S).ignore();
        }
        for (part, at) in std::mem::take(&mut unsaid.check_ins) {
            let script = message.cmd("EVAL").arg(CHECK_IN).arg(1);
            script
                .arg(check_in_key(part))
                .arg(at.0.div_euclid(SECOND_US))
                .ignore();
        }
        for (schedule, (holder, rest)) in std::mem::take(&mut unsaid.ticks) {
            let rest_ms = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX).max(1);
            message
                .pset_ex(schedule_key(&schedule), holder, rest_ms)
                .ignore();
        }
        (message, unsaid.added)
    }
}
