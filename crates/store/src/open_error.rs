//! Why a store could not be opened.

/// Why the database could not be opened, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);
