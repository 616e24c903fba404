//! Where a feed's files arrive: a folder, a server's folder, a store of blobs, a web address.

use async_trait::async_trait;
use harmonia_core::ids::Slug;
use harmonia_core::problem::FileRefusal;
use harmonia_core::time::Day;
use std::io::Read;
use std::sync::Arc;

/// A file that can be opened as often as needed.
pub trait Readable: Send + Sync + 'static {
    /// Opens it from its beginning.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self) -> std::io::Result<Box<dyn Read + Send>>;

    /// Where it is, for people and for the import log.
    fn source(&self) -> String;

    /// Why it is to be refused whatever is in it: on its way here it turned out not to be what it
    /// should be.
    fn refusal(&self) -> Option<FileRefusal> {
        None
    }
}

/// A whole file that lies where a feed's files arrive.
#[async_trait]
pub trait Arrival: Send + Sync {
    /// Where it is, for people and for the import log.
    fn source(&self) -> String;

    /// Takes it for this process and gives its bytes; `None` when another process has it, or has
    /// put it away meanwhile. What was taken is archived, set aside or released in the end.
    async fn take(&self) -> Result<Option<Arc<dyn Readable>>, InboxError>;

    /// Puts it, imported, where the files of a day are kept.
    async fn archive(&self, day: Day) -> Result<(), InboxError>;

    /// Puts it, refused as a whole, where a person finds it and no watcher does.
    async fn set_aside(&self) -> Result<(), InboxError>;

    /// Lets it lie for another look.
    async fn release(&self) -> Result<(), InboxError>;
}

/// The place where one feed's files arrive.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The files that are there and whole, in the order of their names.
    async fn arrivals(&self) -> Result<Vec<Box<dyn Arrival>>, InboxError>;
}

/// Every place where a feed's files arrive.
pub trait Inboxes: Send + Sync {
    /// The place of a feed; `None` where it does not arrive as files, or cannot be reached for want of a
    /// setting.
    fn of(&self, feed: &Slug) -> Option<&dyn Inbox>;
}

/// Why a place cannot be looked into or a file not taken or put away, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InboxError(pub String);
