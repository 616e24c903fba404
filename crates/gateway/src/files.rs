//! Files on this machine: feeds that arrive in folders, exports that leave as lines of a file.
//!
//! Below a base folder: `imports/<path>` is where feeds arrive, `archives/<YYYY-MM-DD>/<slug>/`
//! where they go when they were read, `refused/<slug>/` where they go when they were not.

use async_trait::async_trait;
use harmonia_core::card::mask_card_numbers;
use harmonia_core::ids::Slug;
use harmonia_core::time::Day;
use harmonia_journey::ports::{
    AppendError, Arrival, FileCourier, FileHold, Inbox, InboxError, Readable,
};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long a file that another process writes is waited for.
const HOLD_PATIENCE: Duration = Duration::from_secs(5);

/// Endings of files that somebody is still writing under another name.
const UNFINISHED: [&str; 4] = ["part", "tmp", "draft", "filepart"];

/// A file on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile(pub PathBuf);

impl Readable for LocalFile {
    fn open(&self) -> std::io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(&self.0)?))
    }

    fn source(&self) -> String {
        shown(&self.0)
    }
}

/// A path for people and for the import log: a sender may have put a card number in its name, or
/// what a terminal would obey.
fn shown(path: &Path) -> String {
    let plain = |c: char| if c.is_control() { '\u{FFFD}' } else { c };
    let text: String = path.display().to_string().chars().map(plain).collect();
    mask_card_numbers(&text).unwrap_or(text)
}

/// The folder where one feed's files arrive, below a base folder.
#[derive(Clone, Debug)]
pub struct FolderInbox {
    base: PathBuf,
    /// The folder, below `<base>/imports`.
    path: String,
    /// The agent's slug, under which files are archived.
    slug: Slug,
    /// How long a file must have lain unchanged before it is taken for whole.
    settle: Duration,
}

impl FolderInbox {
    /// Of the feeds of `slug` in `<base>/imports/<path>`; a file counts as whole when nothing has
    /// changed it for `settle`.
    pub fn new(base: PathBuf, path: &str, slug: &Slug, settle: Duration) -> Self {
        Self {
            base,
            path: path.to_owned(),
            slug: slug.clone(),
            settle,
        }
    }

    /// Where the files arrive.
    pub fn folder(&self) -> PathBuf {
        self.base.join("imports").join(&self.path)
    }

    fn list(&self) -> Result<Vec<PathBuf>, InboxError> {
        let folder = self.folder();
        let failed = |error: std::io::Error| {
            InboxError(format!(
                "cannot look into {}: {error}. Create the folder, or set \
                 TXM_LOCAL_IMPORT_BASE_PATH to the one that has `imports`",
                folder.display()
            ))
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if self.is_whole(&path) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn is_whole(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_unfinished(&name) {
            return false;
        }
        // Not what a link leads to: whoever may write here may not have all of this machine read.
        let Ok(about) = path.symlink_metadata() else {
            return false;
        };
        let age = |since: SystemTime| SystemTime::now().duration_since(since).unwrap_or_default();
        about.is_file()
            && about
                .modified()
                .is_ok_and(|since| age(since) >= self.settle)
    }
}

/// Whether a file's name says that somebody is still writing it.
pub fn is_unfinished(name: &str) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default();
    name.starts_with('.') || UNFINISHED.iter().any(|unfinished| ending == *unfinished)
}

#[async_trait]
impl Inbox for FolderInbox {
    async fn arrivals(&self) -> Result<Vec<Box<dyn Arrival>>, InboxError> {
        let arrival = |path| -> Box<dyn Arrival> {
            Box::new(FolderArrival {
                path,
                inbox: self.clone(),
            })
        };
        Ok(self.list()?.into_iter().map(arrival).collect())
    }
}

/// A file in a feed's folder.
struct FolderArrival {
    path: PathBuf,
    inbox: FolderInbox,
}

#[async_trait]
impl Arrival for FolderArrival {
    fn source(&self) -> String {
        shown(&self.path)
    }

    /// Nothing is locked: that two processes do not import one file is seen to by its lease in the
    /// store.
    async fn take(&self) -> Result<Option<Arc<dyn Readable>>, InboxError> {
        let there = self.path.exists();
        Ok(there.then(|| Arc::new(LocalFile(self.path.clone())) as Arc<dyn Readable>))
    }

    async fn archive(&self, day: Day) -> Result<(), InboxError> {
        let archives = self.inbox.base.join("archives").join(day.to_string());
        put_away(&self.path, &archives.join(self.inbox.slug.as_str()))
    }

    async fn set_aside(&self) -> Result<(), InboxError> {
        let refused = self.inbox.base.join("refused");
        put_away(&self.path, &refused.join(self.inbox.slug.as_str()))
    }

    async fn release(&self) -> Result<(), InboxError> {
        Ok(())
    }
}

/// Moves a file into a folder, under another name where its own is taken: nothing is overwritten.
fn put_away(file: &Path, folder: &Path) -> Result<(), InboxError> {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let run = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut target = folder.join(&name);
        let mut copy = 1;
        while target.try_exists()? {
            copy += 1;
            target = folder.join(format!("{name}.{copy}"));
        }
        std::fs::rename(file, &target)
    };
    run().map_err(|error| {
        InboxError(format!(
            "{} was read but cannot be moved to {}: {error}. It will be read again, which adds \
             nothing; give this user write access to both folders",
            file.display(),
            folder.display()
        ))
    })
}

/// Writes export files below a folder.
#[derive(Clone, Debug)]
pub struct ExportFolder(pub PathBuf);

#[async_trait]
impl FileCourier for ExportFolder {
    async fn hold(&self, name: &str) -> Result<FileHold, AppendError> {
        let path = self.0.join(name);
        let shown = path.display().to_string();
        let held = tokio::task::spawn_blocking(move || hold(&path));
        let held = held
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        let held = held.map_err(|error| AppendError { path: shown, error })?;
        Ok(FileHold::new(held))
    }

    async fn append(&self, name: &str, offset: u64, bytes: Vec<u8>) -> Result<u64, AppendError> {
        let path = self.0.join(name);
        let shown = path.display().to_string();
        let write = tokio::task::spawn_blocking(move || append(&path, offset, &bytes));
        let written = write
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| AppendError { path: shown, error })
    }

    async fn draft(&self, name: &str, bytes: Vec<u8>) -> Result<(), AppendError> {
        let path = self.0.join(name);
        blocking(path.clone(), move || draft(&path, &bytes)).await
    }

    async fn publish(&self, draft: &str, name: &str) -> Result<(), AppendError> {
        let (from, to) = (self.0.join(draft), self.0.join(name));
        blocking(to.clone(), move || publish(&from, &to)).await
    }
}

/// Does something with a file that may take as long as the disk likes.
async fn blocking(
    path: PathBuf,
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<(), AppendError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let path = path.display().to_string();
    done.map_err(|error| AppendError { path, error })
}

fn draft(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // A new file, and not the old one emptied: a process that lost its lease may still write there.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_folder(path)
}

fn publish(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if !to.exists() {
                tracing::info!(
                    file = %to.display(),
                    "was given its name before, and taken away since"
                );
            }
        }
        renamed => renamed?,
    }
    sync_folder(to)
}

/// A file's name must survive a power cut as well as its bytes.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Locks a file against every other process, for as long as what is given lives.
fn hold(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let is_new = !path.exists();
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    if is_new {
        sync_folder(path)?;
    }
    let deadline = Instant::now() + HOLD_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::ResourceBusy,
                    "another process is writing it; it is tried again",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn append(path: &Path, offset: u64, bytes: &[u8]) -> std::io::Result<u64> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let length = file.metadata()?.len();
    let start = offset.min(length);
    if length < offset {
        tracing::warn!(
            file = %path.display(),
            "an export file is shorter than what was delivered into it: it goes on where it ends"
        );
    }
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start))?;
    file.write_all(bytes)?;
    file.sync_data()?;
    if is_new {
        sync_folder(path)?;
    }
    Ok(start + bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_delivered_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.jsonl");
        assert_eq!(append(&path, 0, b"one\n").unwrap(), 4);
        assert_eq!(append(&path, 4, b"two\nthree\n").unwrap(), 14);
        assert_eq!(append(&path, 4, b"two\n").unwrap(), 8);
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(append(&path, 8, b"four\n").unwrap(), 5);
    }

    #[test]
    fn a_file_is_one_writers_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.jsonl");
        let held = hold(&path).unwrap();
        let refused = hold(&path).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ResourceBusy);
        // Who holds it writes by another handle.
        assert_eq!(append(&path, 0, b"one\n").unwrap(), 4);
        drop(held);
        hold(&path).unwrap();
    }

    #[test]
    fn a_draft_is_written_anew_and_gets_its_name_once() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["a/.batch-1.part", "a/batch.csv"].map(|name| folder.path().join(name));
        draft(&from, b"one\ntwo\n").unwrap();
        // Another still has the first one open: what it writes goes nowhere.
        let mut stale = OpenOptions::new().append(true).open(&from).unwrap();
        draft(&from, b"one\n").unwrap();
        stale.write_all(b"three\n").unwrap();
        for _ in 0..2 {
            publish(&from, &to).unwrap();
            assert_eq!(std::fs::read(&to).unwrap(), b"one\n");
            assert!(!from.exists());
        }
        std::fs::remove_file(&to).unwrap();
        publish(&from, &to).unwrap();
        assert!(!to.exists());
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("imports/shop");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["b.csv", "a.csv", ".a.csv", "c.csv.part", "d.tmp"] {
            std::fs::write(folder.join(name), "x").unwrap();
        }
        let names = |settle| -> Vec<_> {
            let slug = Slug::new("shop").unwrap();
            let inbox = FolderInbox::new(base.path().to_owned(), "shop", &slug, settle);
            let files = inbox.list().unwrap();
            files
                .iter()
                .map(|path| path.file_name().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(Duration::ZERO), ["a.csv", "b.csv"]);
        assert!(names(Duration::from_secs(3600)).is_empty());
    }

    #[test]
    fn nothing_is_overwritten_when_files_are_put_away() {
        let base = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let file = base.path().join("a.csv");
            std::fs::write(&file, "x").unwrap();
            put_away(&file, &base.path().join("archive")).unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(base.path().join("archive"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["a.csv", "a.csv.2", "a.csv.3"]);
    }
}
