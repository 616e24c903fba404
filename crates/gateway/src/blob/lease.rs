//! Who may import a blob: a lease that every storage can give, and that a dead importer loses.
//!
//! The leases of a blob are the blobs `<its name>/<number>` in a folder of their own. A lease is
//! taken by creating the number after the last, which every storage lets only one do. Whoever has
//! created one then looks for others that are still alive, and steps back if there is one: so of two
//! that hold leases at once, at most one goes on, whatever their order. A lease lives for so long
//! after it was last written, by the storage's own clock; its holder writes it again and again.

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::JoinHandle;

/// Gives leases on the blobs of a container.
#[derive(Clone)]
pub struct Leases {
    store: Arc<dyn ObjectStore>,
    lifetime: Duration,
}

/// One lease that lies in the storage.
struct Found {
    number: u64,
    /// When it was last written, in microseconds since 1970, by the storage's clock.
    written_us: i64,
    path: Path,
}

impl Leases {
    /// In this store; a lease that is not renewed ends after `lifetime`.
    pub fn new(store: Arc<dyn ObjectStore>, lifetime: Duration) -> Self {
        Self { store, lifetime }
    }

    /// Takes the lease on a blob; `None` while another has it.
    pub async fn take(&self, blob: &Path) -> Result<Option<Lease>, Error> {
        let before = self.find(blob).await?;
        let now_us = SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default()
            .as_micros();
        let now_us = i64::try_from(now_us).unwrap_or(i64::MAX);
        // This process's clock may be wrong, which can cost a delay and nothing else.
        if before.iter().any(|other| self.is_alive(other, now_us)) {
            return Ok(None);
        }
        let last = before.iter().map(|lease| lease.number).max();
        let number = last.unwrap_or_default() + 1;
        let path = Path::parse(format!("{blob}/{number}"))?;
        let created = self
            .store
            .put_opts(&path, content(), PutMode::Create.into());
        match created.await {
            Ok(_) => {}
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let after = self.find(blob).await?;
        let own = after.iter().find(|lease| lease.number == number);
        let alone = own.is_some_and(|own| {
            let mut others = after.iter().filter(|other| other.number != number);
            !others.any(|other| self.is_alive(other, own.written_us))
        });
        if !alone {
            remove(self.store.as_ref(), &path).await?;
            return Ok(None);
        }
        let ended = before.into_iter().map(|lease| lease.path);
        Ok(Some(Lease {
            renewal: Renewal::start(Arc::clone(&self.store), path.clone(), self.lifetime),
            store: Arc::clone(&self.store),
            paths: ended.chain([path]).collect(),
        }))
    }

    fn is_alive(&self, lease: &Found, now_us: i64) -> bool {
        let lifetime_us = i64::try_from(self.lifetime.as_micros()).unwrap_or(i64::MAX);
        // Some storages tell whole seconds.
        now_us.saturating_sub(lease.written_us) <= lifetime_us.saturating_add(1_000_000)
    }

    async fn find(&self, blob: &Path) -> Result<Vec<Found>, Error> {
        let mut listed = self.store.list(Some(blob));
        let mut found = Vec::new();
        while let Some(about) = listed.try_next().await? {
            let number = about.location.filename().and_then(|name| name.parse().ok());
            let is_of_blob =
                about.location.as_ref().rsplit_once('/').map(|(of, _)| of) == Some(blob.as_ref());
            if let Some(number) = number.filter(|_| is_of_blob) {
                found.push(Found {
                    number,
                    written_us: about.last_modified.timestamp_micros(),
                    path: about.location,
                });
            }
        }
        Ok(found)
    }
}

/// For people: what holds it.
fn content() -> PutPayload {
    PutPayload::from(format!("process {}\n", std::process::id()).into_bytes())
}

async fn remove(store: &dyn ObjectStore, path: &Path) -> Result<(), Error> {
    match store.delete(path).await {
        Err(Error::NotFound { .. }) => Ok(()),
        other => other,
    }
}

/// A lease that this process holds. Dropped, it ends by itself after its lifetime.
pub struct Lease {
    store: Arc<dyn ObjectStore>,
    /// Those that had ended before, the oldest first, then this one.
    paths: Vec<Path>,
    renewal: Renewal,
}

impl Lease {
    /// Gives it back.
    pub async fn release(self) -> Result<(), Error> {
        drop(self.renewal);
        for path in &self.paths {
            remove(self.store.as_ref(), path).await?;
        }
        Ok(())
    }
}

/// Writes a lease again until it is dropped.
struct Renewal(JoinHandle<()>);

impl Renewal {
    fn start(store: Arc<dyn ObjectStore>, path: Path, lifetime: Duration) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(lifetime / 3).await;
                if store.put(&path, content()).await.is_err() {
                    // That two import one blob is then still ruled out by the lease in the store.
                    tracing::warn!(lease = %path, "a lease on a blob could not be renewed");
                }
            }
        }))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn one_at_a_time_and_a_dead_holder_loses_it() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let blob = Path::from("shop/a.csv");
        let of = |lifetime| Leases::new(Arc::clone(&store), lifetime);
        let long = of(Duration::from_secs(3600));
        let lease = long.take(&blob).await.unwrap().unwrap();
        assert!(long.take(&blob).await.unwrap().is_none());
        // Its holder dies: nothing renews it, and after its lifetime another gets it.
        drop(lease);
        assert!(long.take(&blob).await.unwrap().is_none());
        let short = of(Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let second = short.take(&blob).await.unwrap().unwrap();
        assert_eq!(second.paths.len(), 2, "it takes the ended one with it");
        second.release().await.unwrap();
        assert!(long.find(&blob).await.unwrap().is_empty());
        assert!(long.take(&blob).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn of_many_at_once_at_most_one_holds_it() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let leases = Leases::new(store, Duration::from_secs(3600));
        let tasks = (0..20).map(|_| {
            let leases = leases.clone();
            tokio::spawn(async move { leases.take(&Path::from("a.csv")).await.unwrap() })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut held = Vec::new();
        for task in tasks {
            held.extend(task.await.unwrap());
        }
        assert_eq!(held.len(), 1);
    }
}
