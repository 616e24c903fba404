//! The configuration as Redis keeps it: each key under its own name, beside a marker that names all of
//! them and does not live long.
//!
//! The store is the truth. What somebody else sets in Redis is overwritten when the marker ends, and a
//! value that will not do is not taken from there at all.

use super::link::Link;
use super::lock;
use harmonia_core::config::ConfigKey;
use harmonia_journey::ports::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// The marker: while it is there, the keys that it names are all that are set.
const MARKER: &str = "txmatch:config-cached";
/// How long the marker lives, in milliseconds. With [`REMEMBERED`], a change that could not be told is
/// seen after that.
const MARKER_LIVES_MS: u64 = 3000;
/// How long the keys live, in seconds, where no process asks for them any more.
const KEYS_LIVE_S: u64 = 60;
/// How long a process goes by what it knows.
const REMEMBERED: Duration = Duration::from_secs(1);

type Items = BTreeMap<String, String>;

/// The configuration.
pub struct Cache {
    store: Arc<dyn Store>,
    link: Arc<Link>,
    remembered: Mutex<Option<(Instant, Items)>>,
}

impl Cache {
    /// Of a store.
    pub fn of(store: Arc<dyn Store>, link: Arc<Link>) -> Self {
        Self {
            store,
            link,
            remembered: Mutex::default(),
        }
    }

    /// Every key that is set.
    ///
    /// # Errors
    /// [`StoreError`] when the store has to be asked, and cannot say.
    pub async fn config(&self) -> Result<Items, StoreError> {
        if let Some((at, items)) = lock(&self.remembered).as_ref()
            && at.elapsed() < REMEMBERED
        {
            return Ok(items.clone());
        }
        let asked = Instant::now();
        let items = match self.cached().await {
            Some(items) => items,
            None => self.refresh().await?,
        };
        let mut remembered = lock(&self.remembered);
        // What was asked for before a change must not hide what was asked for after it.
        if remembered.as_ref().is_none_or(|(at, _)| *at <= asked) {
            *remembered = Some((asked, items.clone()));
        }
        Ok(items)
    }

    /// Takes a change over from the store at once.
    pub async fn changed(&self) {
        let asked = Instant::now();
        match self.refresh().await {
            Ok(items) => *lock(&self.remembered) = Some((asked, items)),
            Err(error) => {
                *lock(&self.remembered) = None;
                tracing::debug!(%error, "the configuration could not be cached anew");
            }
        }
    }

    /// What Redis has, where it is whole and lawful.
    async fn cached(&self) -> Option<Items> {
        let mut marker = redis::cmd("GET");
        marker.arg(MARKER);
        let names: Option<String> = self.link.ask(&marker).await?;
        let names: Vec<String> = serde_json::from_str(&names?).ok()?;
        if names.is_empty() {
            return Some(Items::new());
        }
        let mut keys = redis::cmd("MGET");
        keys.arg(&names);
        let values: Vec<Option<String>> = self.link.ask(&keys).await?;
        let items = names.into_iter().zip(values);
        let items: Option<Items> = items.map(|(name, value)| Some((name, value?))).collect();
        items.filter(|items| items.iter().all(is_lawful))
    }

    /// What the store has, which Redis has then as well, if it is there.
    async fn refresh(&self) -> Result<Items, StoreError> {
        let items = self.store.config().await?;
        let mut marker = redis::cmd("GET");
        marker.arg(MARKER);
        let before: Option<Option<String>> = self.link.ask(&marker).await;
        let Some(before) = before else {
            return Ok(items);
        };
        let before = before.and_then(|names| serde_json::from_str::<Vec<String>>(&names).ok());
        let names: Vec<&String> = items.keys().collect();
        let mut write = redis::pipe();
        write.atomic();
        for unset in before
            .iter()
            .flatten()
            .filter(|name| !items.contains_key(*name))
        {
            write.del(unset).ignore();
        }
        for (name, value) in &items {
            write.set_ex(name, value, KEYS_LIVE_S).ignore();
        }
        let names = serde_json::json!(names).to_string();
        write.pset_ex(MARKER, names, MARKER_LIVES_MS).ignore();
        let _: Option<()> = self.link.ask(&write).await;
        Ok(items)
    }
}

/// Whether a value will do for its key; keys of other builds are none of ours.
fn is_lawful((key, value): (&String, &String)) -> bool {
    ConfigKey::find(key).map_or(true, |key| key.check(value).is_ok())
}
