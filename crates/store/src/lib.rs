//! Where everything durable lives.
//!
//! [`sqlite`] is the embedded default. Every store keeps the same promises, which one conformance
//! suite (`tests/conformance`) holds against all of them.

pub mod model;
mod open_error;
mod seal;
pub mod sqlite;
mod told;

pub use open_error::OpenError;
pub use sqlite::SqliteStore;
