//! Feeds that arrive as blobs: in a folder, in Azure, S3 or GCS.
//!
//! A blob is taken under a lease, fetched into the spool, imported from there, written to the archive
//! container and then deleted. Killed in between, it is imported again, which adds nothing.

mod lease;
mod storage;

use crate::files::is_unfinished;
use crate::spool::{Spool, Spooled};
use async_trait::async_trait;
use futures_util::TryStreamExt;
use harmonia_core::ids::Slug;
use harmonia_core::time::Day;
use harmonia_journey::ports::{Arrival, Inbox, InboxError, Readable};
use lease::{Lease, Leases};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStoreExt, PutMode, PutPayload, WriteMultipart,
};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use storage::{Container, Dsn, LEASES};
use tokio::sync::Mutex;

/// Bytes fetched or sent by one request, and so held in memory: each request has its own time limit.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;
/// How many parts may be on their way into the archive at once.
const PARTS_AT_ONCE: usize = 2;
/// The most blobs of one look; the rest come with the next.
const MOST_BLOBS: usize = 10_000;

/// Where blobs arrive, and where they go.
#[derive(Clone, Debug)]
pub struct Places {
    /// The container in which they arrive.
    pub container: String,
    /// What their names begin with.
    pub path: String,
    /// The container to which they go: `<day>/<slug>/` when they were read, `refused/<slug>/` when
    /// they were not.
    pub archive: String,
}

/// The blobs of one feed.
pub struct BlobInbox {
    shared: Arc<Shared>,
}

struct Shared {
    dsn: Dsn,
    places: Places,
    slug: Slug,
    arriving: Container,
    archive: Container,
    leases: Leases,
    spool: Spool,
    settle: Duration,
}

impl BlobInbox {
    /// Of the feeds of `slug`, in the storage of a DSN whose option `secret` names further ones. A
    /// blob counts as whole when it is `settle` old; a lease on one ends `lease` after its holder
    /// died.
    ///
    /// # Errors
    /// [`InboxError`] that says what is wrong with the DSN or the containers.
    pub fn new(
        dsn: &str,
        secret: impl FnOnce(&str) -> Result<BTreeMap<String, String>, InboxError>,
        places: Places,
        slug: &Slug,
        spool: Spool,
        (settle, lease): (Duration, Duration),
    ) -> Result<Self, InboxError> {
        let dsn = Dsn::read(dsn, secret)?;
        if places.container == places.archive {
            return Err(InboxError(format!(
                "files arrive in the container {} and would be archived there: name another as \
                 `archive`, or set TXM_BLOB_ARCHIVE_CONTAINER",
                places.container
            )));
        }
        Ok(Self {
            shared: Arc::new(Shared {
                arriving: dsn.container(&places.container)?,
                archive: dsn.container(&places.archive)?,
                leases: Leases::new(dsn.leases(&places.container)?, lease),
                slug: slug.clone(),
                dsn,
                places,
                spool,
                settle,
            }),
        })
    }
}

#[async_trait]
impl Inbox for BlobInbox {
    async fn arrivals(&self) -> Result<Vec<Box<dyn Arrival>>, InboxError> {
        let arrival = |about| -> Box<dyn Arrival> {
            Box::new(BlobArrival {
                about,
                shared: Arc::clone(&self.shared),
                held: Mutex::default(),
            })
        };
        let found = self
            .shared
            .list()
            .await
            .map_err(|e| self.shared.failed(&e))?;
        Ok(found.into_iter().map(arrival).collect())
    }
}

impl Shared {
    async fn list(&self) -> Result<Vec<ObjectMeta>, Error> {
        let path = self.places.path.trim_start_matches('/');
        // Storages list by whole folders, and a path may end within a name.
        let folder = path.rsplit_once('/').map(|(folder, _)| Path::parse(folder));
        let mut listed = self.arriving.list(folder.transpose()?.as_ref());
        let mut found = Vec::new();
        while let Some(about) = listed.try_next().await? {
            if about.location.as_ref().starts_with(path) && self.is_whole(&about) {
                found.push(about);
            }
            if found.len() == MOST_BLOBS {
                break;
            }
        }
        found.sort_by(|one, other| one.location.cmp(&other.location));
        Ok(found)
    }

    fn is_whole(&self, about: &ObjectMeta) -> bool {
        let lease = about.location.as_ref().starts_with(LEASES);
        let unfinished = about.location.filename().is_none_or(is_unfinished);
        let written = u64::try_from(about.last_modified.timestamp_micros()).unwrap_or_default();
        let written = SystemTime::UNIX_EPOCH + Duration::from_micros(written);
        let age = SystemTime::now()
            .duration_since(written)
            .unwrap_or_default();
        !lease && !unfinished && age >= self.settle
    }

    fn failed(&self, error: &Error) -> InboxError {
        self.dsn.failed(&self.places.container, error)
    }
}

/// A blob of a feed.
struct BlobArrival {
    /// As it was when it was listed.
    about: ObjectMeta,
    shared: Arc<Shared>,
    held: Mutex<Option<Held>>,
}

/// What an arrival has from when it is taken until it is put away.
struct Held {
    lease: Lease,
    file: Spooled,
}

impl BlobArrival {
    fn failed(&self, what: impl std::fmt::Display) -> InboxError {
        let what = self.shared.dsn.masked(&what.to_string());
        InboxError(format!("{}: {what}", self.source()))
    }

    /// The blob as it is now, if it is still the one that was listed; the outer `None` when it is
    /// gone.
    async fn unchanged(&self) -> Result<Option<Option<ObjectMeta>>, Error> {
        match self.shared.arriving.head(&self.about.location).await {
            Ok(now) => Ok(Some(is_same(&now, &self.about).then_some(now))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches the blob, `now` being what the storage has just told of it.
    async fn fetch(&self, now: &ObjectMeta) -> Result<Spooled, String> {
        let mut draft = self.shared.spool.draft().map_err(|e| e.to_string())?;
        if self.about.size > self.shared.spool.limit_bytes() {
            return Err(format!(
                "it has {} bytes, more than TXM_FETCH_LIMIT_MB allows",
                self.about.size
            ));
        }
        let mut start = 0;
        while start < self.about.size {
            let end = self.about.size.min(start + CHUNK_BYTES);
            let options = GetOptions {
                range: Some(GetRange::Bounded(start..end)),
                // Every chunk must be of the blob that the first was of.
                if_match: now.e_tag.clone(),
                ..GetOptions::default()
            };
            let got = self.shared.arriving.get_opts(&self.about.location, options);
            let got = got.await.map_err(|e| e.to_string())?;
            let bytes = got.bytes().await.map_err(|e| e.to_string())?;
            if bytes.len() as u64 != end - start {
                return Err("it became shorter while it was fetched".to_owned());
            }
            draft = draft.append(bytes).await.map_err(|e| e.to_string())?;
            start = end;
        }
        Ok(draft.finish(self.source()))
    }

    /// Takes the lease and the bytes, or gives the lease back.
    async fn take_under(&self, lease: Lease) -> Result<Option<Held>, InboxError> {
        let fetched = match self.unchanged().await {
            Ok(Some(Some(now))) => self.fetch(&now).await.map(Some),
            // Who had the lease before may have put it away meanwhile.
            Ok(_) => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        match fetched {
            Ok(Some(file)) => Ok(Some(Held { lease, file })),
            Ok(None) => {
                self.give_back(lease).await;
                Ok(None)
            }
            Err(error) => {
                self.give_back(lease).await;
                Err(self.failed(format!("it cannot be fetched: {error}")))
            }
        }
    }

    async fn give_back(&self, lease: Lease) {
        if let Err(error) = lease.release().await {
            let error = self.shared.dsn.masked(&error.to_string());
            tracing::warn!(source = self.source(), error, "a lease ends only by itself");
        }
    }

    async fn put_away(&self, folder: &str) -> Result<(), InboxError> {
        let Some(held) = self.held.lock().await.take() else {
            return Ok(());
        };
        let moved = self.move_to(folder, held.file).await;
        self.give_back(held.lease).await;
        moved.map_err(|error| {
            self.failed(format!(
                "it was read but cannot be moved to {} in the container {}: {error}. It will be \
                 read again, which adds nothing",
                folder, self.shared.places.archive
            ))
        })
    }

    async fn move_to(&self, folder: &str, file: Spooled) -> Result<(), String> {
        match self.unchanged().await.map_err(|e| e.to_string())? {
            Some(Some(_)) => {}
            Some(None) => return Err("it changed while it was being imported".to_owned()),
            None => return Ok(()),
        }
        let name = self.about.location.as_ref();
        let path = self.shared.places.path.trim_start_matches('/');
        let below = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = name.strip_prefix(below).unwrap_or(name);
        let name = format!("{folder}/{}", name.trim_start_matches('/'));
        let mut copy = 1;
        loop {
            let target = match copy {
                1 => Path::parse(&name),
                copy => Path::parse(format!("{name}.{copy}")),
            };
            let target = target.map_err(|e| e.to_string())?;
            if self.write(&target, &file).await? {
                break;
            }
            copy += 1;
        }
        let deleted = self.shared.arriving.delete(&self.about.location).await;
        deleted.map_err(|error| error.to_string())
    }

    /// Writes what was imported to the archive; `false` when the name is taken.
    async fn write(&self, target: &Path, file: &Spooled) -> Result<bool, String> {
        let archive = &self.shared.archive;
        let told = |error: Error| error.to_string();
        let mut reader = file.open().map_err(|e| e.to_string())?;
        let mut chunk = Vec::new();
        (reader, chunk) = read_chunk(reader, chunk).await?;
        if self.about.size <= CHUNK_BYTES {
            let payload = PutPayload::from(chunk);
            return match archive
                .put_opts(target, payload, PutMode::Create.into())
                .await
            {
                Ok(_) => Ok(true),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
                Err(error) => Err(told(error)),
            };
        }
        // Parts cannot be told not to overwrite. That no other writes this name meanwhile follows
        // from the lease on the blob it is the name of.
        match archive.head(target).await {
            Err(Error::NotFound { .. }) => {}
            Ok(_) => return Ok(false),
            Err(error) => return Err(told(error)),
        }
        let upload = archive.put_multipart(target).await.map_err(told)?;
        let part_bytes = usize::try_from(CHUNK_BYTES).unwrap_or(usize::MAX);
        let mut parts = WriteMultipart::new_with_chunk_size(upload, part_bytes);
        while !chunk.is_empty() {
            parts.wait_for_capacity(PARTS_AT_ONCE).await.map_err(told)?;
            parts.write(&chunk);
            (reader, chunk) = read_chunk(reader, chunk).await?;
        }
        parts.finish().await.map_err(told)?;
        Ok(true)
    }
}

/// Whether what a storage tells of a blob at two times is of the same bytes. Azure puts the tag in
/// quotes when it is asked about one blob, and not when it lists them.
fn is_same(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    let tag = |about: &ObjectMeta| {
        about
            .e_tag
            .as_ref()
            .map(|tag| tag.trim_matches('"').to_owned())
    };
    one.size == other.size && one.last_modified == other.last_modified && tag(one) == tag(other)
}

type Reader = Box<dyn Read + Send>;

/// The next bytes of a spooled file, none at its end.
async fn read_chunk(mut reader: Reader, mut chunk: Vec<u8>) -> Result<(Reader, Vec<u8>), String> {
    let read = tokio::task::spawn_blocking(move || {
        chunk.clear();
        reader.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk)?;
        Ok::<_, std::io::Error>((reader, chunk))
    });
    let read = read.await.map_err(|error| error.to_string())?;
    read.map_err(|error| error.to_string())
}

#[async_trait]
impl Arrival for BlobArrival {
    fn source(&self) -> String {
        let container = self.shared.dsn.shown(&self.shared.places.container);
        format!("{container}/{}", self.about.location)
    }

    async fn take(&self) -> Result<Option<Arc<dyn Readable>>, InboxError> {
        let lease = self.shared.leases.take(&self.about.location).await;
        let Some(lease) = lease.map_err(|error| self.failed(error))? else {
            return Ok(None);
        };
        let Some(held) = self.take_under(lease).await? else {
            return Ok(None);
        };
        let file = Arc::new(held.file.clone());
        *self.held.lock().await = Some(held);
        Ok(Some(file))
    }

    async fn archive(&self, day: Day) -> Result<(), InboxError> {
        self.put_away(&format!("{day}/{}", self.shared.slug)).await
    }

    async fn set_aside(&self) -> Result<(), InboxError> {
        self.put_away(&format!("refused/{}", self.shared.slug))
            .await
    }

    async fn release(&self) -> Result<(), InboxError> {
        if let Some(held) = self.held.lock().await.take() {
            self.give_back(held.lease).await;
        }
        Ok(())
    }
}
