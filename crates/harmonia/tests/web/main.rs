//! The HTTP API as its users meet it: the real binary on a port of its own, spoken to over a socket.
//!
//! [`pushing`] is what is taken, [`refusing`] what is not, [`access`] who may, [`again`] what comes
//! twice, [`together`] what comes at once, [`elsewhere`] what other processes change meanwhile,
//! [`configuring`] what is set, [`waiting`] what has to wait for matching; then
//! [`watching`] (health, status, metrics) and [`ending`]: stopped under load, and killed.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

mod access;
mod again;
mod client;
mod configuring;
mod elsewhere;
mod ending;
mod pushing;
mod refusing;
mod serving;
#[path = "../support/signal.rs"]
mod signal;
#[path = "../support/mod.rs"]
mod support;
mod together;
#[path = "../commands/town.rs"]
#[expect(dead_code, reason = "not all that the town has is asked for over HTTP")]
mod town;
mod waiting;
mod watching;
