//! Who asks, and whether they may: `Authorization: Token <key>`.
//!
//! A key is looked up by its hash, so that nothing can be learnt from how long that takes. What was
//! found is remembered for a second: as long as that a key that was revoked may still be used.

use crate::problem::Problem;
use axum::http::{HeaderMap, StatusCode, header};
use harmonia_core::access::{ApiKey, KeyChange, KeyHash, Scope, looks_like_key};
use harmonia_core::changes::Changes;
use harmonia_core::ids::ApiKeyId;
use harmonia_core::time::{Instant, SECOND_US};
use harmonia_journey::Journey;
use harmonia_journey::ports::{Clock, Lease, Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// How long a key that was found is not looked up again, in microseconds.
const REMEMBERED_US: i64 = SECOND_US;
/// Keys that are remembered at once: more than anybody has.
const MOST_REMEMBERED: usize = 10_000;

/// Who asks.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The name of their key; nobody's where no key is asked for.
    pub name: Option<String>,
}

/// The keys, as far as they were used lately.
pub struct Keys {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    asked_for: bool,
    /// Who may ask the store.
    asking: Arc<Semaphore>,
    found: Mutex<HashMap<KeyHash, (Arc<ApiKey>, Instant)>>,
    used: Mutex<HashMap<ApiKeyId, Instant>>,
}

impl Keys {
    /// Of a journey's store. Where no key is asked for, everybody may do everything.
    pub fn new(journey: &Journey, asked_for: bool, asking: Arc<Semaphore>) -> Self {
        Self {
            store: Arc::clone(&journey.store),
            clock: Arc::clone(&journey.clock),
            asked_for,
            asking,
            found: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Who sends a request with these headers, if they may do what the scope says; without one, any
    /// key will do.
    ///
    /// # Errors
    /// 401 or 403, or that the store cannot tell.
    pub async fn allow(
        &self,
        headers: &HeaderMap,
        scope: Option<Scope>,
    ) -> Result<Caller, Problem> {
        if !self.asked_for {
            return Ok(Caller::default());
        }
        let key = token(headers)?;
        let now = self.clock.now();
        let key = self.find(KeyHash::of(key), now).await?;
        let Some(key) = key else {
            return Err(unauthorized("there is no such key"));
        };
        key.in_force(now).map_err(unauthorized)?;
        if let Some(scope) = scope
            && !key.scopes.contains(&scope)
        {
            return Err(forbidden(&key, scope));
        }
        lock(&self.used).insert(key.id, now);
        Ok(Caller {
            name: Some(key.name.clone()),
        })
    }

    async fn find(&self, hash: KeyHash, now: Instant) -> Result<Option<Arc<ApiKey>>, Problem> {
        if let Some(key) = self.remembered(&hash, now) {
            return Ok(Some(key));
        }
        let _turn = self.asking.acquire().await;
        // Whoever waited for the same key has found it meanwhile.
        if let Some(key) = self.remembered(&hash, now) {
            return Ok(Some(key));
        }
        let found = self
            .store
            .find_key(hash)
            .await
            .map_err(|error| match error {
                StoreError::Busy(_) => Problem::busy("the store cannot tell whose key this is"),
                StoreError::Broken(_) => Problem::internal(&error),
            })?;
        let mut remembered = lock(&self.found);
        let Some(found) = found.map(Arc::new) else {
            remembered.remove(&hash);
            return Ok(None);
        };
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(hash, (Arc::clone(&found), now));
        Ok(Some(found))
    }

    fn remembered(&self, hash: &KeyHash, now: Instant) -> Option<Arc<ApiKey>> {
        let found = lock(&self.found);
        let (key, since) = found.get(hash)?;
        let is_fresh = (0..REMEMBERED_US).contains(&(now.0 - since.0));
        is_fresh.then(|| Arc::clone(key))
    }

    /// Writes down when keys were used last: now and then, not with each request.
    pub async fn write_down_uses(&self) {
        let used: Vec<_> = lock(&self.used).drain().collect();
        if used.is_empty() {
            return;
        }
        let mut changes = Changes::none(self.clock.now());
        let uses = used.into_iter().map(|(id, at)| KeyChange::Used(id, at));
        changes.keys = uses.collect();
        if let Err(error) = self.store.commit(Lease::Operator, changes).await {
            tracing::warn!(%error, "could not write down when keys were used");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key that a request carries.
fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(unauthorized("send one header Authorization: Token <key>"));
    };
    let value = value.to_str().unwrap_or_default().trim();
    let (scheme, key) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("token") {
        return Err(unauthorized(
            "another kind of authorization was sent: send Authorization: Token <key>",
        ));
    }
    let key = key.trim();
    if looks_like_key(key) {
        Ok(key)
    } else {
        Err(unauthorized(
            "what was sent is not a key: it is txm_ and 32 characters, as `harmonia keys create` \
             showed it",
        ))
    }
}

fn unauthorized(why: &str) -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "Who asks is not known",
        why,
    )
    .with(header::WWW_AUTHENTICATE, "Token realm=\"harmonia\"")
}

fn forbidden(key: &ApiKey, scope: Scope) -> Problem {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let detail = format!(
        "this needs a key with the scope {scope}; the key {:?} has {}",
        key.name,
        scopes.join(", ")
    );
    let challenge =
        format!("Token realm=\"harmonia\", error=\"insufficient_scope\", scope=\"{scope}\"");
    Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "The key may not do this",
        detail,
    )
    .with_text(header::WWW_AUTHENTICATE, &challenge)
}
