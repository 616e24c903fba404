//! A merchant as it looks from this side of the wire: it honours keys, within its window and no longer.

use super::clock::HandClock;
use async_trait::async_trait;
use harmonia_core::export::request::{Answer, Request};
use harmonia_core::ids::Slug;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{Messenger, Sent};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the merchant does with a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Processes it and says so.
    Take,
    /// Processes it; the answer is lost.
    TakeAndHang,
    /// Gets it and does nothing; no answer comes.
    Hang,
    /// Gets it, and the process that sent it is killed. Whether it was processed.
    Kill(bool),
    /// Answers something else.
    Answer(u16, &'static str, Option<u64>),
    /// Is not there.
    BeAway,
}

/// What it knows of a key.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub effects: u32,
    pub bodies: Vec<String>,
    pub at: Vec<Instant>,
    /// When the first request came to which no answer went out, until one does.
    unanswered_since: Option<Instant>,
    processed_at: Option<Instant>,
    /// Requests that came after the window, though one before them was never answered.
    pub late: u32,
}

pub struct Merchant {
    clock: Arc<HandClock>,
    window: Duration,
    script: Mutex<VecDeque<Act>>,
    otherwise: Mutex<Box<dyn FnMut() -> Act + Send>>,
    /// Keys that its history has, where it is asked for that.
    pub keys: Mutex<HashMap<String, Known>>,
    pub asked: Mutex<u32>,
}

impl Merchant {
    pub fn new(
        clock: &Arc<HandClock>,
        window: Duration,
        script: impl IntoIterator<Item = Act>,
        otherwise: impl FnMut() -> Act + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock: Arc::clone(clock),
            window,
            script: Mutex::new(script.into_iter().collect()),
            otherwise: Mutex::new(Box::new(otherwise)),
            keys: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    pub fn all(&self) -> Vec<Known> {
        self.keys.lock().unwrap().values().cloned().collect()
    }

    fn takes(&self, known: &mut Known, now: Instant) {
        let knows_it = known
            .processed_at
            .is_some_and(|at| now.0 - at.0 <= micros(self.window));
        if !knows_it {
            known.effects += 1;
            known.processed_at = Some(now);
        }
    }

    fn react(&self, request: &Request) -> Act {
        let act = self.script.lock().unwrap().pop_front();
        let act = act.unwrap_or_else(|| (self.otherwise.lock().unwrap())());
        if act == Act::BeAway {
            return act;
        }
        let now = self.clock.move_on(1);
        let key = request
            .headers
            .iter()
            .find(|(name, _)| name == "Idempotency-Key");
        let key = key.expect("a request without a key").1.clone();
        let mut keys = self.keys.lock().unwrap();
        let known = keys.entry(key).or_default();
        known.bodies.push(request.body.clone().unwrap_or_default());
        known.at.push(now);
        if let Some(since) = known.unanswered_since
            && now.0 - since.0 > micros(self.window)
        {
            known.late += 1;
        }
        let is_taken = matches!(act, Act::Take | Act::TakeAndHang | Act::Kill(true));
        if is_taken {
            self.takes(known, now);
        }
        if matches!(act, Act::Take) {
            known.unanswered_since = None;
        } else if !matches!(act, Act::Answer(..)) {
            known.unanswered_since.get_or_insert(now);
        }
        act
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap()
}

#[async_trait]
impl Messenger for Merchant {
    async fn send(&self, _: &Slug, request: &Request) -> Sent {
        if request.url.contains("history") {
            *self.asked.lock().unwrap() += 1;
            let keys = self.keys.lock().unwrap();
            let seen: Vec<&String> = keys
                .iter()
                .filter(|(_, known)| known.effects > 0)
                .map(|(key, _)| key)
                .collect();
            return Sent::Answered(Answer {
                status: 200,
                retry_after: None,
                body: serde_json::json!({ "seen": seen }).to_string(),
            });
        }
        let answered = |status, body: &str, after: Option<u64>| {
            Sent::Answered(Answer {
                status,
                retry_after: after.map(Duration::from_secs),
                body: body.to_owned(),
            })
        };
        match self.react(request) {
            Act::Take => answered(200, r#"{"ok":true}"#, None),
            Act::Answer(status, body, after) => answered(status, body, after),
            Act::BeAway => Sent::NeverLeft("connection refused".to_owned()),
            Act::TakeAndHang | Act::Hang => {
                Sent::MayHaveArrived("no answer within its time".to_owned())
            }
            Act::Kill(_) => {
                self.clock.kill();
                std::future::pending().await
            }
        }
    }
}
