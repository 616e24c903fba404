//! Feeds that arrive in a folder of an SFTP server.
//!
//! The server must show a key that is pinned in the feed's secret: there is no trust on first use. A
//! file is fetched into the spool, imported from there, and then moved to the archive folder; where
//! there is none it stays, and is not fetched again by this process until it changes.

mod connection;

use crate::files::is_unfinished;
use crate::spool::Spool;
use async_trait::async_trait;
use connection::{Link, Live, Server};
use harmonia_core::time::Day;
use harmonia_journey::ports::{Arrival, Inbox, InboxError, Readable};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{FileAttributes, StatusCode};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

/// Bytes fetched into memory at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// The most entries of a folder; one that has more is not listed at all.
const MOST_ENTRIES: usize = 100_000;
/// What the name of a file that was refused ends in.
const REFUSED: &str = ".refused";
/// The parts of a secret, for errors.
pub const SECRET_PARTS: &str = r#""user", "password" or "private_key", and "host_key""#;

/// What a feed's secret holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftpSecret {
    user: String,
    password: Option<String>,
    /// OpenSSH's text of a private key.
    private_key: Option<String>,
    /// What opens the private key.
    passphrase: Option<String>,
    /// The public key, or keys, by which the server is known.
    host_key: HostKeys,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum HostKeys {
    One(String),
    Several(Vec<String>),
}

impl HostKeys {
    fn lines(&self) -> impl Iterator<Item = &str> {
        let keys = match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Several(keys) => keys,
        };
        let lines = keys.iter().flat_map(|key| key.lines()).map(str::trim);
        lines.filter(|line| !line.is_empty())
    }
}

/// Where on a server, and where to.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The folder in which files arrive. Relative to the one that the login opens, unless it begins
    /// with `/`.
    pub path: String,
    /// The folder to which files are moved when they were read, likewise.
    pub archive: Option<String>,
}

/// The folder of an SFTP server where one feed's files arrive.
pub struct SftpInbox {
    shared: Arc<Shared>,
}

/// What one look tells the next, and an arrival its inbox.
struct Shared {
    server: Arc<Server>,
    folders: Folders,
    spool: Spool,
    settle: Duration,
    /// Files that have been seen, and when first with this stamp.
    seen: Mutex<HashMap<String, (Stamp, Instant)>>,
    /// Files that are not to be fetched again while their stamp is this.
    done: Mutex<HashMap<String, Stamp>>,
}

/// By which a change to a file is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    /// Seconds since 1970, by the server's clock.
    modified: Option<u32>,
}

impl Stamp {
    fn of(about: &FileAttributes) -> Self {
        Self {
            size: about.size.unwrap_or_default(),
            modified: about.mtime,
        }
    }
}

impl SftpInbox {
    /// The folder on `host`. A file counts as whole when two looks that lie `settle` apart found it
    /// the same, or when nothing has changed it for `settle`.
    ///
    /// # Errors
    /// [`InboxError`] that says what is wrong with the secret or the folders.
    pub fn new(
        (host, port): (&str, u16),
        folders: Folders,
        secret: SftpSecret,
        spool: Spool,
        settle: Duration,
    ) -> Result<Self, InboxError> {
        let plain = |path: &str| path.trim_matches('/').to_owned();
        let folders = Folders {
            path: without_end(&folders.path),
            archive: folders.archive.as_deref().map(without_end),
        };
        let server = Server::new(host, port, secret)?;
        if folders.archive.as_deref().map(plain) == Some(plain(&folders.path)) {
            return Err(server.failed(format!(
                "files arrive in {:?} and would be archived there: name another folder as `archive`",
                folders.path
            )));
        }
        Ok(Self {
            shared: Arc::new(Shared {
                server: Arc::new(server),
                folders,
                spool,
                settle,
                seen: Mutex::default(),
                done: Mutex::default(),
            }),
        })
    }
}

/// A folder's name with no `/` at its end, so that one can be put there.
fn without_end(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/.".to_owned(),
        "" => ".".to_owned(),
        path => path.to_owned(),
    }
}

#[async_trait]
impl Inbox for SftpInbox {
    async fn arrivals(&self) -> Result<Vec<Box<dyn Arrival>>, InboxError> {
        let link = Arc::new(Link::to(Arc::clone(&self.shared.server)));
        let live = link.live().await?;
        let path = &self.shared.folders.path;
        let there = list(&live, path).await.map_err(|error| {
            let server = &self.shared.server;
            server.failed(format!(
                "cannot look into {path:?}: {error}. Is it there for this user?"
            ))
        })?;
        let arrival = |(name, stamp)| -> Box<dyn Arrival> {
            Box::new(SftpArrival {
                name,
                stamp,
                link: Arc::clone(&link),
                shared: Arc::clone(&self.shared),
            })
        };
        Ok(self.shared.due(there).into_iter().map(arrival).collect())
    }
}

impl Shared {
    /// Of the files that are there, those that are whole and were not read, by name.
    fn due(&self, there: Vec<(String, Stamp)>) -> Vec<(String, Stamp)> {
        let now = Instant::now();
        let mut seen = lock(&self.seen);
        let mut done = lock(&self.done);
        let mut still_seen = HashMap::with_capacity(there.len());
        let mut still_done = HashMap::new();
        let mut due = Vec::new();
        for (name, stamp) in there {
            let since = match seen.get(&name) {
                Some((before, since)) if *before == stamp => *since,
                _ => now,
            };
            still_seen.insert(name.clone(), (stamp, since));
            if done.get(&name) == Some(&stamp) {
                still_done.insert(name, stamp);
            } else if now - since >= self.settle || self.has_settled(stamp) {
                due.push((name, stamp));
            }
        }
        // Only what is there is remembered.
        *seen = still_seen;
        *done = still_done;
        due.sort_by(|(one, _), (other, _)| one.cmp(other));
        due
    }

    fn has_settled(&self, stamp: Stamp) -> bool {
        let Some(modified) = stamp.modified else {
            return false;
        };
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(modified.into());
        // The server tells whole seconds, so a file is up to one second younger than it looks.
        let age = SystemTime::now()
            .duration_since(modified)
            .unwrap_or_default();
        age >= self.settle + Duration::from_secs(1)
    }

    fn remember_done(&self, name: &str, stamp: Stamp) {
        lock(&self.done).insert(name.to_owned(), stamp);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The files of a folder that somebody has finished writing, as far as their names tell.
async fn list(live: &Live, path: &str) -> Result<Vec<(String, Stamp)>, String> {
    let raw = live.raw().await?;
    let told = |error: SftpError| error.to_string();
    let handle = raw.opendir(path).await.map_err(told)?.handle;
    let mut files = Vec::new();
    let mut entries = 0;
    loop {
        let page = match raw.readdir(handle.as_str()).await {
            Ok(page) => page.files,
            Err(SftpError::Status(status)) if status.status_code == StatusCode::Eof => break,
            Err(error) => return Err(told(error)),
        };
        entries += page.len();
        if entries > MOST_ENTRIES {
            return Err(format!("it has more than {MOST_ENTRIES} entries"));
        }
        let wanted = page.into_iter().filter(|entry| {
            is_file(&entry.attrs) && !is_unfinished(&entry.filename) && is_plain(&entry.filename)
        });
        files.extend(wanted.map(|entry| (entry.filename, Stamp::of(&entry.attrs))));
    }
    raw.close(handle).await.map_err(told)?;
    raw.close_session().map_err(told)?;
    Ok(files)
}

/// Some servers tell nothing of an entry's kind: what is a folder then fails when it is opened.
fn is_file(about: &FileAttributes) -> bool {
    about.permissions.is_none() || about.file_type().is_file()
}

/// Whether a name is one of a file in this folder, and not of one that was refused.
fn is_plain(name: &str) -> bool {
    let refused = name.rsplit_once(REFUSED).is_some_and(|(_, copy)| {
        let digits = copy.strip_prefix('.').unwrap_or(copy);
        digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    !refused && !name.contains(['/', '\\']) && !name.contains(char::is_control)
}

/// A file in a folder of an SFTP server.
struct SftpArrival {
    name: String,
    /// As it was when it was listed.
    stamp: Stamp,
    link: Arc<Link>,
    shared: Arc<Shared>,
}

impl SftpArrival {
    fn path(&self) -> String {
        format!("{}/{}", self.shared.folders.path, self.name)
    }

    fn failed(&self, what: impl std::fmt::Display) -> InboxError {
        InboxError(format!("{}: {what}", self.source()))
    }

    /// What the server now tells of the file; `None` when it is gone.
    async fn now(&self, live: &Live) -> Result<Option<Stamp>, InboxError> {
        match live.sftp.metadata(self.path()).await {
            Ok(about) => Ok(Some(Stamp::of(&about))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Fetches the file into the spool.
    async fn fetch(&self, live: &Live) -> Result<Arc<dyn Readable>, String> {
        let told = |error: std::io::Error| error.to_string();
        let mut draft = self.shared.spool.draft().map_err(told)?;
        let opened = live.sftp.open(self.path()).await;
        let mut file = opened.map_err(|error| error.to_string())?;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            while chunk.len() < CHUNK_BYTES && file.read_buf(&mut chunk).await.map_err(told)? > 0 {}
            if chunk.is_empty() {
                break;
            }
            draft = draft.append(chunk).await.map_err(told)?;
        }
        // The file has been read: that the server does not close it changes nothing.
        let _ = file.close().await;
        if draft.len() != self.stamp.size {
            return Err(format!(
                "{} bytes came of {}: it is still being written, or the connection broke",
                draft.len(),
                self.stamp.size
            ));
        }
        Ok(Arc::new(draft.finish(self.source())))
    }

    /// Moves the file to a name that is free; where it cannot be moved it is not read again.
    async fn put_away(&self, folder: &str, name: &str) -> Result<(), InboxError> {
        let live = self.link.live().await?;
        match self.now(&live).await? {
            None => return Ok(()),
            Some(now) if now != self.stamp => {
                return Err(self.failed(
                    "it changed while it was being imported: it stays, and will be read again",
                ));
            }
            Some(_) => {}
        }
        let moved = move_to(&live, &self.path(), folder, name).await;
        moved.map_err(|error| {
            self.shared.remember_done(&self.name, self.stamp);
            self.failed(format!(
                "it was read but cannot be moved to {folder}: {error}. It is not read again while \
                 Harmonia runs and it does not change; let this user write to both folders, and \
                 move it"
            ))
        })
    }
}

#[async_trait]
impl Arrival for SftpArrival {
    fn source(&self) -> String {
        let path = self.path();
        let path = path.trim_start_matches("./").trim_start_matches('/');
        format!("{}/{path}", self.shared.server.address())
    }

    /// Nothing is locked: that two processes do not import one file is seen to by its lease in the
    /// store.
    async fn take(&self) -> Result<Option<Arc<dyn Readable>>, InboxError> {
        let live = self.link.live().await?;
        let Some(before) = self.now(&live).await? else {
            return Ok(None);
        };
        if before != self.stamp {
            tracing::debug!(source = self.source(), "it is still growing: left alone");
            return Ok(None);
        }
        let file = match self.fetch(&live).await {
            Ok(file) => file,
            Err(error) => {
                // The connection may be what broke: the next file gets one of its own.
                self.link.forget().await;
                return Err(self.failed(format!("it cannot be fetched: {error}")));
            }
        };
        let unchanged = self.now(&live).await? == Some(self.stamp);
        Ok(unchanged.then_some(file))
    }

    async fn archive(&self, _day: Day) -> Result<(), InboxError> {
        match &self.shared.folders.archive {
            Some(folder) => self.put_away(folder, &self.name).await,
            None => {
                self.shared.remember_done(&self.name, self.stamp);
                Ok(())
            }
        }
    }

    async fn set_aside(&self) -> Result<(), InboxError> {
        let folders = &self.shared.folders;
        let folder = folders.archive.as_ref().unwrap_or(&folders.path);
        let name = format!("{}{REFUSED}", self.name);
        self.put_away(folder, &name).await
    }

    async fn release(&self) -> Result<(), InboxError> {
        Ok(())
    }
}

fn is_missing(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

/// Moves a file into a folder, which is made where it is missing, under a name that nothing has.
async fn move_to(live: &Live, file: &str, folder: &str, name: &str) -> Result<(), SftpError> {
    make_folder(live, folder).await?;
    let mut target = format!("{folder}/{name}");
    let mut copy = 1;
    while live.sftp.try_exists(&target).await? {
        copy += 1;
        target = format!("{folder}/{name}.{copy}");
    }
    // Of two that move at once, the second is refused by the server: this protocol's rename does
    // not replace.
    live.sftp.rename(file, target).await
}

async fn make_folder(live: &Live, folder: &str) -> Result<(), SftpError> {
    if live.sftp.try_exists(folder).await? {
        return Ok(());
    }
    let ends = folder.match_indices('/').map(|(at, _)| at);
    for end in ends.chain([folder.len()]).filter(|end| *end > 0) {
        let Some(part) = folder.get(..end) else {
            continue;
        };
        if !live.sftp.try_exists(part).await? {
            live.sftp.create_dir(part).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_not_taken_again() {
        for refused in ["a.csv.refused", "a.csv.refused.2", "../a", "a\nb"] {
            assert!(!is_plain(refused), "{refused:?}");
        }
        for plain in ["a.csv", "a.refused.csv", "refused"] {
            assert!(is_plain(plain), "{plain:?}");
        }
    }

    #[test]
    fn host_keys_are_one_or_several() {
        let lines = |json: &str| -> Vec<String> {
            let keys: HostKeys = serde_json::from_str(json).unwrap();
            keys.lines().map(str::to_owned).collect()
        };
        assert_eq!(lines(r#""ssh-ed25519 A\n""#), ["ssh-ed25519 A"]);
        assert_eq!(lines(r#"["ssh-ed25519 A", "ssh-rsa B\n"]"#).len(), 2);
    }
}
