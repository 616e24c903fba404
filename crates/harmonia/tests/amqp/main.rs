//! Feeds that come as messages, from a real RabbitMQ to rows: the broker is the one that
//! `s/services start` starts, and each test has queues of its own on it.
//!
//! Without it, each test says `LEFT OUT` and passes.

#![cfg(feature = "amqp")]
#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

mod announcing;
mod arriving;
mod broker;
mod lost;
mod poison;
#[path = "../support/signal.rs"]
mod signal;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod town;
