//! Processes that tell each other by Redis, on one PostgreSQL: [`telling`] what they tell, [`absent`] a
//! Redis that is not there, [`vanishing`] one that is emptied, killed and restarted all the time (G5).
//! Without the servers (`s/services start`), each test says `LEFT OUT` and passes.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

mod absent;
#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../web/client.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod client;
#[path = "../support/database.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod database;
mod fleet;
mod server;
#[path = "../web/serving.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod serving;
#[path = "../support/signal.rs"]
mod signal;
#[path = "../support/mod.rs"]
mod support;
mod telling;
mod tls;
#[path = "../commands/town.rs"]
#[expect(dead_code, reason = "not all that the town has is asked for here")]
mod town;
mod vanishing;
