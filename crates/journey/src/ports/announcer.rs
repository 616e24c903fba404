//! How others are told beside the merchants.

use async_trait::async_trait;
use harmonia_core::announce::{Announcement, Topic};

/// Why others could not be told. It stays in the outbox.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AnnounceError(pub String);

/// Tells others.
#[async_trait]
pub trait Announcer: Send + Sync {
    /// Tells all of these, in this order; returns when whoever takes them on has them durably.
    async fn announce(&self, all: &[(Topic, Announcement)]) -> Result<(), AnnounceError>;
}
