//! Where everything durable lives.
//!
//! [`sqlite`] is the embedded default; PostgreSQL, a feature, is for many machines. Every store keeps the
//! same promises, which one conformance suite (`tests/conformance`) holds against all of them.

mod audit;
mod cards;
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

/// Whether matching is divided into as many lanes as a process wants.
fn agreed(count: u16, wanted: u16) -> Result<(), harmonia_journey::ports::StoreError> {
    if count == wanted {
        return Ok(());
    }
    Err(harmonia_journey::ports::StoreError::Broken(format!(
        "matching is divided into {count} lanes here and work waits in them, so that it cannot be \
         divided into {wanted} now: set TXM_MATCHING_LANES={count}, or run `harmonia drain` with that \
         first"
    )))
}
