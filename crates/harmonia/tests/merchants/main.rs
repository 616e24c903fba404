//! Merchants who are told over HTTP, end to end: the real binary, a real socket, and a merchant who fails,
//! hangs and babbles. Each test runs on SQLite, and on PostgreSQL where there is a server
//! (`s/services start`); without one it says `LEFT OUT`.
//!
//! [`answering`] is what each answer leads to, [`killing`] that a merchant who honours the key counts each
//! purchase once, however the worker ends. `HARMONIA_PROOF_SEEDS=1..500` makes that a long run.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

mod answering;
#[path = "../support/database.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod database;
#[path = "../support/ground.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod ground;
mod killing;
#[path = "../support/proxy.rs"]
#[expect(dead_code, reason = "shared with tests that cut lines")]
mod proxy;
#[path = "../support/seeds.rs"]
#[expect(dead_code, reason = "shared with tests that take other options")]
mod seeds;
mod shop;
#[path = "../support/signal.rs"]
mod signal;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with tests that look at more")]
mod support;
#[path = "../commands/town.rs"]
#[expect(dead_code, reason = "shared with tests that look at more")]
mod town;
