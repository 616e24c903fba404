//! How a merchant is told. Today's courier writes files; requests join it as another port.

use async_trait::async_trait;

/// Why bytes could not be appended to an export file. Nothing counts as delivered.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write the export file {path}: {error}. Check that the folder exists, is writable and has room"
)]
pub struct AppendError {
    /// The file.
    pub path: String,
    /// What the system said.
    pub error: std::io::Error,
}

/// An export file that nobody else writes for as long as this lives.
pub struct FileHold(#[expect(dead_code, reason = "it is kept to be dropped")] Box<dyn Send + Sync>);

impl FileHold {
    /// What lets the file go when it is dropped, as it is when the process dies.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self(Box::new(held))
    }
}

/// Writes export files.
#[async_trait]
pub trait FileCourier: Send + Sync {
    /// Keeps every other process from the file, as all do that append to it. One that another keeps for
    /// long is an error.
    async fn hold(&self, name: &str) -> Result<FileHold, AppendError>;

    /// Makes `bytes` stand in the file from `offset` on, with nothing after them, durably, and
    /// returns the file's new length. What stood there beyond `offset` was never delivered: it is
    /// the remainder of a try that was cut short. A file that is shorter than `offset` was taken
    /// away meanwhile, and a new one is begun.
    async fn append(&self, name: &str, offset: u64, bytes: Vec<u8>) -> Result<u64, AppendError>;

    /// Makes a new file of `bytes`, durably, under a name that no merchant looks for. What an earlier
    /// try left under it is gone; whoever still writes there writes into nothing.
    async fn draft(&self, name: &str, bytes: Vec<u8>) -> Result<(), AppendError>;

    /// Gives a draft the name that the merchant looks for, durably. One that is gone has its name
    /// already, or had it and was taken by the merchant.
    async fn publish(&self, draft: &str, name: &str) -> Result<(), AppendError>;
}
