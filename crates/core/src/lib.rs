//! The pure heart of Harmonia: what a feed's bytes mean, whose card it was, which payment and which
//! sale are one purchase, what the merchant must be told.
//!
//! Nothing here reads a file, a clock or a random number.

pub mod access;
pub mod agent;
pub mod announce;
pub mod answer;
pub mod audit;
pub mod card;
pub mod changes;
pub mod claim;
pub mod config;
pub mod export;
pub mod feed;
pub mod identify;
pub mod ids;
pub mod ledger;
pub mod matching;
pub mod money;
pub mod outbound;
pub mod problem;
pub mod purchase;
pub mod push;
pub mod retention;
pub mod retry;
pub mod schedule;
pub mod secret;
pub mod settings;
pub mod state;
pub mod sweep;
pub mod term;
pub mod time;
pub mod transaction;
pub mod words;
pub mod work;
