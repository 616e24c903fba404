//! Stores to test, a small town to test them with, and a picture of everything a store shows.

mod bench;
mod picture;
#[cfg(feature = "postgres")]
mod postgres;
mod town;

pub use bench::{Bench, LEASE_US, ModelBench, SqliteBench, holder};
pub use picture::{Picture, picture};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresBench, connect};
pub use town::{
    BAKERY, BOOKS, FeedName, NOON, Town, VISA_AUTH, VISA_SETTLED, card_link, gbp, mid_change,
    payment, refused, sale, slug, waiting,
};
