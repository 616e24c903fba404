//! Where everything durable lives.
//!
//! [`sqlite`] is the embedded default; PostgreSQL, a feature, is for many machines. Every store keeps the same promises, which one conformance
//! suite (`tests/conformance`) holds against all of them.

pub mod model;
mod open_error;
#[cfg(feature = "postgres")]
pub mod postgres;
mod seal;
pub mod sqlite;
mod told;

pub use open_error::OpenError;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
