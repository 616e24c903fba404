//! Signals by way of Redis: what processes on many machines tell each other.
//!
//! Redis holds nothing that is not in the store as well. Work is handed over as a token in a list for
//! each queue: whoever takes it looks into the store, and works there until nothing is left. While Redis
//! is away, is flushed or begins anew, tokens are lost, and everybody looks by themselves: every 500 ms
//! where they know that it is away, every 5 seconds where they do not. Nothing that is said here keeps
//! its caller waiting, but for what is asked for.
//!
//! `link` keeps the connection, `teller` says what is to be said, `listener` waits for tokens, and
//! `cache` keeps the configuration.

mod cache;
mod link;
mod listener;
mod teller;

use async_trait::async_trait;
use cache::Cache;
use harmonia_core::changes::Queue;
use harmonia_core::time::{Instant, SECOND_US};
use harmonia_journey::ports::{CheckIns, Holder, Part, Signals, Store, StoreError, WithinProcess};
use link::Link;
use listener::Listener;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use teller::Teller;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long whoever waits for work goes without looking into the store, while Redis is well.
const POLL: Duration = Duration::from_secs(5);
/// And while it is away.
const POLL_ALONE: Duration = Duration::from_millis(500);
/// How long a process that is about to end waits for Redis at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why Redis cannot be used as it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RedisError(String);

/// What processes tell each other, within this one and by Redis.
pub struct RedisSignals {
    within: WithinProcess,
    store: Arc<dyn Store>,
    link: Arc<Link>,
    teller: Arc<Teller>,
    cache: Cache,
    checked_in: CheckIns,
    /// Those who wait for the tokens of some queues.
    listeners: Mutex<BTreeMap<Vec<&'static str>, Arc<Listener>>>,
    /// What goes on beside all this, for as long as this is there.
    tasks: Mutex<JoinSet<()>>,
}

impl RedisSignals {
    /// By the Redis of an address, `redis://user:password@host:6379/0` or `rediss://…`, over the store that
    /// this process works on. Of `rediss://` the certificate is signed by the `authority` of a file of
    /// certificates (PEM), or by one that this machine trusts. It need not be there yet. To be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`RedisError`] when it is no such address or no such file; it does not repeat the address, for that
    /// holds a password.
    pub fn at(
        url: &str,
        authority: Option<&Path>,
        store: Arc<dyn Store>,
    ) -> Result<Self, RedisError> {
        let link = Arc::new(Link::to(url, authority)?);
        let teller = Arc::new(Teller::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&link).keep());
        tasks.spawn(Arc::clone(&teller).tell(Arc::clone(&link)));
        Ok(Self {
            within: WithinProcess::new(Arc::clone(&store)),
            cache: Cache::of(Arc::clone(&store), Arc::clone(&link)),
            store,
            link,
            teller,
            checked_in: CheckIns::default(),
            listeners: Mutex::default(),
            tasks: Mutex::new(tasks),
        })
    }

    /// Who waits for the tokens of these queues.
    fn listener(&self, queues: &[Queue]) -> Arc<Listener> {
        let names: Vec<&str> = queues.iter().map(|queue| queue.as_str()).collect();
        match lock(&self.listeners).entry(names) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(new) => {
                let listener = Arc::new(Listener::of(queues));
                let listening = Arc::clone(&listener).listen(Arc::clone(&self.link));
                lock(&self.tasks).spawn(listening);
                Arc::clone(new.insert(listener))
            }
        }
    }

    /// What Redis knows of when each part worked last, to the second.
    async fn check_ins_there(&self) -> Option<BTreeMap<String, Instant>> {
        let mut ask = redis::cmd("MGET");
        ask.arg(Part::ALL.map(teller::check_in_key).as_slice());
        let times: Vec<Option<String>> = self.link.ask(&ask).await?;
        let known = Part::ALL.into_iter().zip(times);
        let read = known.filter_map(|(part, time)| {
            let seconds: i64 = time?.parse().ok()?;
            let at = Instant(seconds.checked_mul(SECOND_US)?);
            Some((part.as_str().to_owned(), at))
        });
        Some(read.collect())
    }
}

#[async_trait]
impl Signals for RedisSignals {
    fn wake(&self, queues: &[Queue]) {
        self.within.wake(queues);
        self.teller.wake(queues);
    }

    /// A token that is taken for whoever waits here is theirs even if they no longer do: the next who
    /// waits here has it, and whoever gives up waiting looks into the store anyway before they wait again.
    async fn woken(&self, queues: &[Queue]) {
        let listener = self.listener(queues);
        let _waiting = listener.wait();
        let mut state = self.link.state();
        let poll = match state.borrow_and_update().is_well() {
            true => POLL,
            false => POLL_ALONE,
        };
        tokio::select! {
            () = self.within.added(queues) => {}
            () = listener.token() => {}
            // What was said before it went or until it came may be lost.
            _ = state.changed() => {}
            () = sleep(poll) => {}
        }
    }

    async fn check_in(&self, part: Part, at: Instant) {
        if self.checked_in.is_due(part, at) {
            self.teller.check_in(part, at);
        }
        self.within.check_in(part, at).await;
    }

    async fn check_ins(&self) -> Result<BTreeMap<String, Instant>, StoreError> {
        let (stored, there) = tokio::join!(self.store.check_ins(), self.check_ins_there());
        let mut latest = match (stored, &there) {
            (Ok(stored), _) => stored,
            (Err(_), Some(_)) => BTreeMap::new(),
            (Err(error), None) => return Err(error),
        };
        for (part, at) in there.unwrap_or_default() {
            let known = latest.entry(part).or_insert(at);
            *known = at.max(*known);
        }
        Ok(latest)
    }

    async fn config(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.cache.config().await
    }

    async fn config_changed(&self) {
        self.link.known(PATIENCE).await;
        self.cache.changed().await;
    }

    fn ticked(&self, by: &Holder, schedules: Vec<(String, Duration)>) {
        self.teller.ticked(by, schedules);
    }

    async fn told(&self) {
        self.link.known(PATIENCE).await;
        // Cut short, it is lost, as it may be.
        let _ = timeout(PATIENCE, self.teller.told()).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
