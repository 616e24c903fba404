//! Where a feed's messages come from: a queue of a broker that keeps each until it is acknowledged.

use async_trait::async_trait;

/// A feed's queue, as one consumer sees it.
///
/// What was received and not acknowledged when the connection is lost, or when this is dropped,
/// comes again.
#[async_trait]
pub trait MessageQueue: Send {
    /// Where the messages come from, for people and for the import log.
    fn source(&self) -> String;

    /// Waits for a message, then takes what else has arrived, at most `most` in all, in the order
    /// of the queue. Connects where that is needed. Nothing is lost when this is dropped while it
    /// waits.
    async fn receive(&mut self, most: usize) -> Result<Vec<Vec<u8>>, QueueError>;

    /// Says that everything received is durable, and need not come again.
    async fn acknowledge(&mut self) -> Result<(), QueueError>;

    /// Says that what was received and not acknowledged could not be stored, and is to come again.
    async fn give_back(&mut self) -> Result<(), QueueError>;
}

/// Why a queue does not answer, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct QueueError(pub String);
