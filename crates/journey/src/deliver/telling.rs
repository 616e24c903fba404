//! Telling: single exports over HTTP, a round at a time.
//!
//! A round is two commits. The first puts its exports in flight and freezes their requests, so that a key
//! and its bytes are the same for ever; then they are sent, as many at a time as the merchant bears; the
//! second says what came of each. Killed before the first, nothing was sent. Killed between the two, the
//! heir finds them in flight and cannot know: the ledger (`core/ledger.rs`) decides whether one may be
//! sent once more, and otherwise it is uncertain until the merchant or a person says.
//!
//! What has to be tried again later is named by a job for that time, in the commit that says so.

use super::sending::{Asked, Exchange, Line, words};
use super::{DeliverError, split};
use crate::ports::{CommitError, Job, SentBefore, StoreError, Unsettled};
use crate::{Journey, announce};
use harmonia_core::changes::{
    Attempt, Changes, Delivery, JobEnd, Lane, NewJob, NewWork, Queue, Sending, Span, Work,
};
use harmonia_core::export::http::Http;
use harmonia_core::export::request::Request;
use harmonia_core::export::{ExportTransaction, Plan};
use harmonia_core::ids::{ExportId, SchemeId};
use harmonia_core::ledger::{Known, Outcome, Turn, Window, stands, turn};
use harmonia_core::retry;
use harmonia_core::state::ExportState;
use harmonia_core::time::Instant;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many exports of a round there are for each that the merchant takes at a time: so many that the two
/// commits cost little, and so few that little is uncertain when a process is killed.
const ROUND: usize = 16;
/// How often what came of a round is committed to a store that is busy, before the round is given up to
/// whoever takes the job up next.
const COMMITS: u32 = 15;

/// Tells a merchant of a job's exports.
pub(super) async fn step(
    journey: &Journey,
    job: &Job,
    scheme: SchemeId,
    plan: &Plan,
    http: &Http,
) -> Result<(), DeliverError> {
    let Work::Exports { exports, .. } = &job.work else {
        return Err(DeliverError::OfAnotherVersion);
    };
    let agent = journey.agents.of_scheme(scheme);
    let slug = &agent
        .ok_or_else(|| DeliverError::Plan("the scheme has no agent file any more".to_owned()))?
        .slug;
    let line = Line {
        merchants: &journey.merchants,
        clock: &*journey.clock,
        uids: journey.uids,
        scheme,
        slug,
        plan,
        http,
    };
    let concurrency = usize::try_from(http.limits.concurrency).unwrap_or(1).max(1);
    let size = concurrency.saturating_mul(ROUND).min(journey.batch);
    let mut rest = Some(exports.clone());
    while let Some(span) = rest {
        let (now, more) = split(&span, size);
        let round = Round {
            journey,
            job,
            line: &line,
            room: Arc::new(Semaphore::new(concurrency)),
        };
        let end = match more.is_some() {
            true => JobEnd::Keep,
            false => JobEnd::Done,
        };
        round.tell(&now, end).await?;
        rest = more;
    }
    Ok(())
}

/// Some exports of one merchant.
struct Round<'a> {
    journey: &'a Journey,
    job: &'a Job,
    line: &'a Line<'a>,
    room: Arc<Semaphore>,
}

/// An export whose turn it is.
struct Turned {
    export: ExportId,
    transaction: ExportTransaction,
    before: Option<SentBefore>,
    turn: Turn,
}

/// An export that goes out.
struct Ready {
    export: ExportId,
    transaction: ExportTransaction,
    request: Request,
    known: Known,
    tries: u32,
    not_after: Option<Instant>,
}

/// What came of an export's turn.
struct Told {
    export: ExportId,
    transaction: ExportTransaction,
    known: Known,
    tries: u32,
    window: Window,
    exchange: Exchange,
    duration_us: i64,
}

enum Prepared {
    Ready(Box<Ready>),
    Told(Box<Told>),
}

impl Round<'_> {
    async fn tell(&self, span: &Span, end: JobEnd) -> Result<(), DeliverError> {
        let (turned, later) = self.load(span).await?;
        let prepared = self.prepare(turned).await;
        let (mut ready, mut told) = (Vec::new(), Vec::new());
        for one in prepared {
            match one {
                Prepared::Ready(one) => ready.push(*one),
                Prepared::Told(one) => told.push(*one),
            }
        }
        if !ready.is_empty() {
            self.freeze(&ready).await?;
            told.extend(self.send(ready).await);
        }
        self.settle(told, later, end).await
    }

    /// What is to be done about each export of a span; and those whose time has not come.
    async fn load(
        &self,
        span: &Span,
    ) -> Result<(Vec<Turned>, BTreeMap<Instant, Vec<i64>>), StoreError> {
        let (store, scheme) = (&self.journey.store, self.line.scheme);
        let unsettled = store.unsettled(scheme, span).await?;
        let before = store.sent_before(scheme, span).await?;
        let mut before: HashMap<ExportId, SentBefore> =
            before.into_iter().map(|one| (one.export, one)).collect();
        let now = self.journey.now();
        let mut turned = Vec::with_capacity(unsettled.len());
        let mut later = BTreeMap::<Instant, Vec<i64>>::new();
        for Unsettled {
            export,
            made_at,
            transaction,
        } in unsettled
        {
            let before = before.remove(&export);
            let turn = match &before {
                Some(before) => turn(
                    before.state,
                    before.due_at,
                    before.first_sent_at,
                    self.window(before.request.as_deref().and_then(read).as_ref()),
                    now,
                ),
                None => {
                    let purchased_at = transaction.purchased_at();
                    let leaves_at = self.line.plan.leaves_at(made_at, purchased_at);
                    if leaves_at > now {
                        Turn::Wait(leaves_at)
                    } else {
                        Turn::Send
                    }
                }
            };
            match turn {
                Turn::Rest => {}
                Turn::Wait(due) => later.entry(due).or_default().push(export.0),
                turn => turned.push(Turned {
                    export,
                    transaction,
                    before,
                    turn,
                }),
            }
        }
        Ok((turned, later))
    }

    /// How the merchant keeps from taking this request twice.
    fn window(&self, request: Option<&Request>) -> Window {
        Window {
            dedup: self.line.http.dedup_window,
            within: request.map_or(Duration::ZERO, |request| request.within),
            has_history: self.has_history(),
        }
    }

    fn has_history(&self) -> bool {
        self.line.http.checks.iter().any(|check| check.is_history())
    }

    /// Asks what is to be asked before each is sent, and makes the requests.
    async fn prepare(&self, turned: Vec<Turned>) -> Vec<Prepared> {
        let turns = turned.into_iter().map(|one| self.prepare_one(one));
        self.side_by_side(turns).await
    }

    async fn prepare_one(&self, turned: Turned) -> Prepared {
        let started = self.journey.now();
        let Turned {
            export,
            transaction,
            before,
            turn,
        } = turned;
        let frozen = before
            .as_ref()
            .and_then(|one| read(one.request.as_deref()?));
        let known = Known {
            is_uncertain: matches!(turn, Turn::Repeat(_) | Turn::Ask),
            first_sent_at: before.as_ref().and_then(|one| one.first_sent_at),
            next_try: None,
        };
        let tries = before.as_ref().map_or(0, |one| one.tries);
        let tries = u32::try_from(tries).unwrap_or(u32::MAX);
        let told = |known, exchange, journey: &Journey| {
            Prepared::Told(Box::new(Told {
                export,
                transaction: transaction.clone(),
                known,
                tries,
                window: self.window(frozen.as_ref()),
                exchange,
                duration_us: journey.now().0 - started.0,
            }))
        };
        let stop = |outcome| told(known, Exchange::none(outcome), self.journey);
        if turn == Turn::Ask && !self.has_history() {
            let reason = "it may have arrived, and no answer came: the merchant says of no time in which \
                          it would know it again, or that time is over";
            return stop(Outcome::Unanswered(reason.to_owned()));
        }
        if let Some(lacking) = self
            .line
            .plan
            .lacks(&transaction)
            .filter(|_| frozen.is_none())
        {
            return stop(Outcome::NotConfigured(lacking));
        }
        if let Some(reason) = self
            .line
            .plan
            .skips(&transaction)
            .filter(|_| frozen.is_none())
        {
            return stop(Outcome::Skipped(reason));
        }
        let found = match self.line.ask(&transaction, frozen.is_some()).await {
            Asked::GoOn(found) => found,
            Asked::Stop(exchange) => return told(known, exchange, self.journey),
        };
        // Asked, the merchant said that it does not have it.
        let known = Known {
            is_uncertain: known.is_uncertain && turn != Turn::Ask,
            ..known
        };
        let request = match frozen.clone() {
            Some(frozen) => Ok(frozen),
            None => {
                let secrets = &*self.journey.merchants.secrets;
                self.line.plan.request(&transaction, &found, &secrets)
            }
        };
        match request {
            Err(unmade) => stop(Outcome::NotConfigured(words(&unmade))),
            Ok(request) => Prepared::Ready(Box::new(Ready {
                export,
                transaction,
                request,
                known,
                tries,
                not_after: match turn {
                    Turn::Repeat(ends_at) => Some(ends_at),
                    _ => None,
                },
            })),
        }
    }

    /// The first commit: they are in flight, and their requests frozen.
    async fn freeze(&self, ready: &[Ready]) -> Result<(), DeliverError> {
        let mut changes = Changes::none(self.journey.now());
        for one in ready {
            let request = serde_json::to_string(&one.request)
                .map_err(|error| DeliverError::Plan(error.to_string()))?;
            changes.sending.push(Sending {
                export: one.export,
                request,
            });
        }
        self.journey.commit(self.job.lease, changes).await?;
        Ok(())
    }

    /// Sends them, and keeps the lease meanwhile.
    async fn send(&self, ready: Vec<Ready>) -> Vec<Told> {
        let frozen_at = self.journey.now();
        let sends = ready.into_iter().map(|one| self.send_one(one, frozen_at));
        let all = self.side_by_side(sends);
        tokio::pin!(all);
        let mut beats = tokio::time::interval(self.journey.lease / 3);
        beats.tick().await;
        loop {
            tokio::select! {
                told = &mut all => return told,
                _ = beats.tick() => {
                    let kept = Changes::none(self.journey.now());
                    if let Err(error) = self.journey.commit(self.job.lease, kept).await {
                        tracing::warn!(%error, "could not keep the lease of a delivery");
                    }
                }
            }
        }
    }

    async fn send_one(&self, ready: Ready, frozen_at: Instant) -> Told {
        let started = self.journey.now();
        let Ready {
            export,
            transaction,
            request,
            mut known,
            tries,
            not_after,
        } = ready;
        let exchange = self.line.send(&request, &transaction, not_after).await;
        known.first_sent_at.get_or_insert(frozen_at);
        Told {
            export,
            transaction,
            known,
            tries,
            window: self.window(Some(&request)),
            exchange,
            duration_us: self.journey.now().0 - started.0,
        }
    }

    /// The second commit: an attempt for each, where it stands since, and a job for each time at which
    /// some are due again. An answer is worth waiting for a store that is busy.
    async fn settle(
        &self,
        told: Vec<Told>,
        mut later: BTreeMap<Instant, Vec<i64>>,
        end: JobEnd,
    ) -> Result<(), DeliverError> {
        let now = self.journey.now();
        let mut changes = Changes::none(now);
        changes.job = end;
        for one in told {
            let attempt = self.attempt(one, &mut changes);
            for delivery in &attempt.deliveries {
                if let Some(due) = delivery.due_at {
                    later.entry(due).or_default().push(delivery.export.0);
                }
            }
            changes.attempts.push(attempt);
        }
        changes
            .jobs
            .extend(later.into_iter().map(|(ready_at, ids)| NewJob {
                queue: Queue::Export,
                lane: Some(Lane::delivery(self.line.scheme)),
                ready_at,
                work: NewWork::Known(Work::Exports {
                    scheme: self.line.scheme,
                    exports: Span::Ids(ids),
                }),
            }));
        for failures in 0..COMMITS {
            let committed = self.journey.commit(self.job.lease, changes.clone()).await;
            match committed {
                Err(CommitError::Store(StoreError::Busy(error))) if failures + 1 < COMMITS => {
                    tracing::warn!(
                        error,
                        "the store is busy: what a merchant answered waits for it"
                    );
                    tokio::time::sleep(retry::reconnect_after(failures)).await;
                }
                committed => {
                    committed?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// What is written down of a turn; what others are told of it is added to the same commit.
    fn attempt(&self, told: Told, changes: &mut Changes) -> Attempt {
        let now = changes.at;
        let Told {
            export,
            transaction,
            mut known,
            tries,
            window,
            exchange,
            duration_us,
        } = told;
        let tried_before = tries;
        let tries = tries.saturating_add(1);
        known.next_try = self.line.plan.next_try(now, tries, exchange.retry_after);
        let standing = stands(exchange.outcome, known, window, now);
        if standing.state == ExportState::Uncertain {
            tracing::warn!(
                scheme = %self.line.slug,
                %export,
                reason = standing.reason.as_deref(),
                sent_again_at = standing.due_at.map(|due| due.to_string()),
                "an export may have arrived, and no answer came"
            );
        }
        let attempt = Attempt {
            scheme: self.line.scheme,
            destination: exchange.destination,
            body: exchange.body,
            response: exchange.response,
            error: standing.reason.clone(),
            duration_us,
            deliveries: vec![Delivery {
                export,
                state: standing.state,
                reason: standing.reason,
                due_at: standing.due_at,
            }],
            file: None,
        };
        let (slug, exports) = (self.line.slug, [(export, transaction)]);
        announce::attempted(
            self.journey,
            changes,
            slug,
            &attempt,
            &exports,
            tried_before,
        );
        if exchange.is_duplicate {
            let [(_, transaction)] = &exports;
            let event = announce::Event {
                event_type: announce::DUPLICATE,
                provider_slug: slug,
                transactions: &[transaction],
                reason: attempt.error.as_deref().unwrap_or_default(),
            };
            announce::happened(self.journey, changes, &event);
        }
        attempt
    }

    /// Does things side by side, as many at a time as the merchant bears; what came of them, in order.
    async fn side_by_side<T>(&self, all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        let room = &self.room;
        let limited = all.map(async |one| {
            let _place = room.acquire().await;
            one.await
        });
        futures_util::future::join_all(limited).await
    }
}

/// A frozen request. One that cannot be read is of another version, and is made anew from the same data:
/// its key is the same.
fn read(stored: &str) -> Option<Request> {
    serde_json::from_str(stored).ok()
}
