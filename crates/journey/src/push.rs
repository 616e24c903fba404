//! Pushes: requests that arrive together become durable together.
//!
//! Each feed has a collector. It takes what waits, commits that as one batch, and answers each
//! request by itself; what arrives meanwhile is the next batch. So a request alone waits for nobody,
//! and a thousand a second share their commits. Nobody is answered before all of it is on disk.
//!
//! A request may carry a key. One that comes again with its key is told what it was told then, and
//! nothing of it is imported: the answer lies in the same commit as the records.

use crate::Journey;
use crate::import::{ImportError, PushedRecords, import_requests};
use crate::ports::{AnsweredBefore, CommitError, StoreError};
use harmonia_core::feed::Feed;
use harmonia_core::ids::Slug;
use harmonia_core::push::{Receipt, RequestKey};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Requests of one feed that may wait at once. One more is told to come again.
const WAITING: usize = 1024;
/// Requests of one commit, however small they are.
const REQUESTS_A_BATCH: usize = 1000;
/// How often a batch is tried whose keys were used by another meanwhile.
const TRIES: usize = 4;
/// Names of senders that the import log tells of one batch.
const NAMES_TOLD: usize = 3;

/// What a sender is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What became of the request.
    pub receipt: Receipt,
    /// Whether it came before, and this is what was answered then.
    pub repeated: bool,
}

/// Why a request was not taken. Nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// More requests wait than can be taken soon.
    #[error("too many requests are waiting: send it again in a moment")]
    Overloaded,
    /// As many jobs wait to be matched as may.
    #[error(
        "nothing was stored: {0} jobs or more wait to be matched, and no more may; send it again in a moment"
    )]
    Full(u32),
    /// Its key was used for another body.
    #[error(
        "this idempotency key was used before with another body: use a new key for new records"
    )]
    KeyReused,
    /// The store cannot write now.
    #[error("{0}")]
    Busy(String),
    /// The store cannot write without a change.
    #[error("{0}")]
    Broken(String),
}

impl From<&ImportError> for PushError {
    fn from(error: &ImportError) -> Self {
        match error {
            ImportError::Commit(CommitError::Store(StoreError::Busy(why))) => {
                Self::Busy(why.clone())
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<StoreError> for PushError {
    fn from(error: StoreError) -> Self {
        Self::from(&ImportError::from(error))
    }
}

/// Takes what is pushed.
pub struct Pushes {
    journey: Journey,
    collectors: Mutex<HashMap<(Slug, bool), mpsc::Sender<Waiting>>>,
    commits: Arc<AtomicU64>,
}

/// A request that waits for its answer.
struct Waiting {
    request: Arc<PushedRecords>,
    /// Who sent it, for the import log.
    sender: Option<String>,
    answer: oneshot::Sender<Result<Answer, PushError>>,
}

impl Pushes {
    /// For the feeds of a journey.
    pub fn new(journey: Journey) -> Self {
        Self {
            journey,
            collectors: Mutex::default(),
            commits: Arc::default(),
        }
    }

    /// How many commits there have been, each of one request or of many.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Takes a request of a feed (in its own format or in Harmonia's, as `feed` is), and answers
    /// when all of it is durable. `sender` is who sent it, for the import log.
    ///
    /// # Errors
    /// [`PushError`]: nothing of it is stored.
    pub async fn take(
        &self,
        feed: &Feed,
        sender: Option<String>,
        request: PushedRecords,
    ) -> Result<Answer, PushError> {
        if let Some(limit) = self.journey.full().await {
            return Err(PushError::Full(limit));
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            request: Arc::new(request),
            sender,
            answer,
        };
        self.collector(feed)
            .try_send(waiting)
            .map_err(|_| PushError::Overloaded)?;
        let gone = || Err(PushError::Busy("the process is stopping".to_owned()));
        answered.await.unwrap_or_else(|_| gone())
    }

    fn collector(&self, feed: &Feed) -> mpsc::Sender<Waiting> {
        let key = (feed.name.clone(), feed.is_canonical());
        let mut collectors = self
            .collectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let (sender, requests) = mpsc::channel(WAITING);
            let collector = Collector {
                journey: self.journey.clone(),
                feed: feed.clone(),
                commits: Arc::clone(&self.commits),
            };
            tokio::spawn(collector.run(requests));
            sender
        };
        collectors.entry(key).or_insert_with(start).clone()
    }
}

/// Batches the requests of one feed.
struct Collector {
    journey: Journey,
    feed: Feed,
    commits: Arc<AtomicU64>,
}

impl Collector {
    async fn run(self, mut requests: mpsc::Receiver<Waiting>) {
        let mut next = None;
        loop {
            let first = match next.take() {
                Some(held_over) => held_over,
                None => match requests.recv().await {
                    Some(request) => request,
                    None => return,
                },
            };
            let mut records = first.request.raws.len();
            let mut batch = VecDeque::from([first]);
            while batch.len() < REQUESTS_A_BATCH
                && let Ok(request) = requests.try_recv()
            {
                records += request.request.raws.len();
                if records > self.journey.batch {
                    next = Some(request);
                    break;
                }
                batch.push_back(request);
            }
            self.take(batch).await;
        }
    }

    /// Makes a batch durable and answers each of its requests.
    async fn take(&self, batch: VecDeque<Waiting>) {
        let mut batch = batch;
        for _ in 0..TRIES {
            batch = match self.answer_repeated(batch).await {
                Some(left) if !left.is_empty() => left,
                _ => return,
            };
            // Of two requests with one key, the second waits for what the first is told.
            let (now, later) = first_of_each_key(batch);
            batch = match self.commit(&now).await {
                Ok(receipts) => {
                    answer(now, receipts);
                    later
                }
                // Another process, or the same feed in its other format, used one of the keys
                // meanwhile: its answer is there now.
                Err(ImportError::Commit(CommitError::Conflict)) => [now, later].concat_all(),
                Err(error) if now.len() > 1 && !is_busy(&error) => {
                    self.one_by_one(now).await;
                    later
                }
                Err(error) => {
                    tracing::warn!(feed = %self.feed.name, %error, "could not take what was pushed");
                    refuse([now, later].concat_all(), &PushError::from(&error));
                    return;
                }
            };
        }
        let busy = "another process is taking the same request: send it again in a moment";
        refuse(batch, &PushError::Busy(busy.to_owned()));
    }

    /// Answers those requests that came before. Returns the others; `None` when that cannot be told.
    async fn answer_repeated(&self, batch: VecDeque<Waiting>) -> Option<VecDeque<Waiting>> {
        let keys: Vec<RequestKey> = batch.iter().filter_map(|one| one.request.key).collect();
        if keys.is_empty() {
            return Some(batch);
        }
        let found = self.journey.store.answered_before(&self.feed.name, &keys);
        let mut found = match found.await {
            Ok(found) => found.into_iter(),
            Err(error) => {
                refuse(batch, &error.into());
                return None;
            }
        };
        let mut left = VecDeque::with_capacity(batch.len());
        for waiting in batch {
            let key = waiting.request.key;
            match key.and_then(|key| Some((key, found.next()??))) {
                Some((key, before)) => waiting.tell(repeated(key, before)),
                None => left.push_back(waiting),
            }
        }
        Some(left)
    }

    async fn commit(&self, batch: &VecDeque<Waiting>) -> Result<Vec<Receipt>, ImportError> {
        let requests: Vec<_> = batch.iter().map(|one| Arc::clone(&one.request)).collect();
        let source = source(batch);
        let receipts = import_requests(&self.journey, &self.feed, &source, requests).await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(receipts)
    }

    /// One request that cannot be stored must not take the others with it.
    async fn one_by_one(&self, batch: VecDeque<Waiting>) {
        for waiting in batch {
            let alone = VecDeque::from([waiting]);
            match self.commit(&alone).await {
                Ok(receipts) => {
                    answer(alone, receipts);
                }
                Err(error) => {
                    tracing::warn!(feed = %self.feed.name, %error, "could not take what was pushed");
                    refuse(alone, &PushError::from(&error));
                }
            }
        }
    }
}

impl Waiting {
    fn tell(self, answer: Result<Answer, PushError>) {
        // A sender that went away will ask again, with its key.
        let _ = self.answer.send(answer);
    }
}

trait ConcatAll {
    fn concat_all(self) -> VecDeque<Waiting>;
}

impl ConcatAll for [VecDeque<Waiting>; 2] {
    fn concat_all(self) -> VecDeque<Waiting> {
        self.into_iter().flatten().collect()
    }
}

fn repeated(key: RequestKey, before: AnsweredBefore) -> Result<Answer, PushError> {
    if before.body != key.body {
        return Err(PushError::KeyReused);
    }
    Ok(Answer {
        receipt: before.receipt,
        repeated: true,
    })
}

fn first_of_each_key(batch: VecDeque<Waiting>) -> (VecDeque<Waiting>, VecDeque<Waiting>) {
    let mut seen = hashbrown::HashSet::new();
    batch
        .into_iter()
        .partition(|one| one.request.key.is_none_or(|key| seen.insert(key.key)))
}

fn answer(batch: VecDeque<Waiting>, receipts: Vec<Receipt>) {
    for (waiting, receipt) in batch.into_iter().zip(receipts) {
        waiting.tell(Ok(Answer {
            receipt,
            repeated: false,
        }));
    }
}

fn refuse(batch: VecDeque<Waiting>, error: &PushError) {
    for waiting in batch {
        waiting.tell(Err(error.clone()));
    }
}

fn is_busy(error: &ImportError) -> bool {
    matches!(PushError::from(error), PushError::Busy(_))
}

/// Where a batch came from, for the import log.
fn source(batch: &VecDeque<Waiting>) -> String {
    let mut names: Vec<&str> = batch
        .iter()
        .filter_map(|one| one.sender.as_deref())
        .collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(NAMES_TOLD);
    let told = names[..names.len() - more].join(", ");
    match (names.is_empty(), more) {
        (true, _) => "push".to_owned(),
        (false, 0) => format!("push by {told}"),
        (false, more) => format!("push by {told} and {more} more"),
    }
}
