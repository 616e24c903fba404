//! The merchants that are told over HTTP: how they are reached, and how much each of them bears.

use crate::ports::{Messenger, Sent};
use async_trait::async_trait;
use harmonia_core::export::request::Request;
use harmonia_core::ids::{SchemeId, Slug};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Where the secrets are that values of a request are computed from.
type Secrets = dyn Fn(&str) -> Option<String> + Send + Sync;

/// How merchants are reached.
#[derive(Clone)]
pub struct Merchants {
    /// Sends their requests.
    pub messenger: Arc<dyn Messenger>,
    /// A secret by its name, for values that are computed from one.
    pub secrets: Arc<Secrets>,
    /// When each merchant that bears only so much a second may be sent the next request.
    next: Arc<Mutex<HashMap<SchemeId, Instant>>>,
}

impl Merchants {
    /// By a messenger, with secrets from somewhere.
    pub fn new(messenger: Arc<dyn Messenger>, secrets: Arc<Secrets>) -> Self {
        Self {
            messenger,
            secrets,
            next: Arc::default(),
        }
    }

    /// None of them: what is to be told over HTTP is held.
    pub fn out_of_reach() -> Self {
        Self::new(Arc::new(OutOfReach), Arc::new(|_: &str| None))
    }

    /// Waits for a merchant's turn, where it bears only so many requests a second.
    pub(super) async fn pace(&self, scheme: SchemeId, per_second: Option<u32>) {
        let Some(per_second) = per_second else {
            return;
        };
        let now = Instant::now();
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.get(&scheme).map_or(now, |next| (*next).max(now));
            next.insert(scheme, turn + Duration::from_secs(1) / per_second.max(1));
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

/// For a process that has no way out.
struct OutOfReach;

#[async_trait]
impl Messenger for OutOfReach {
    async fn send(&self, _scheme: &Slug, _request: &Request) -> Sent {
        Sent::NotConfigured("this process sends nothing over HTTP".to_owned())
    }
}
