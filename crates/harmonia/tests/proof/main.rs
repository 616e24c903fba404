//! What holds when processes are killed, frozen and stopped, when their server is, and when connections
//! break: nothing is lost, nothing is doubled, and work goes on by itself.
//!
//! The real binary works through a generated [`world`](town), disturbed at moments drawn from a seed;
//! in the end all that it holds must be what an undisturbed run holds. Each test prints its seed as it
//! goes, with what it did. Without options each is short; `HARMONIA_PROOF_SEEDS=1..50` gives the seeds,
//! and takes a run up again where it was cut short. What gives each guarantee's full figure:
//!
//! | test | a seed | the full figure |
//! |---|---|---|
//! | `killed…` | up to 5 kills of the one process | `1..200` |
//! | `one_of_two…` | 3 kills of one of two processes | |
//! | `raced…` | 200 races | `1..50` |
//! | `restarted…` | 4 kills of the server | `1..25` |
//! | `cut…` | about 43 cuts at a commit | `1..25` |
//! | `frozen…` | up to 3 freezes past the lease | `1..100` |
//! | `stopped…` | about 3 stops on each store | `1..40` |
//!
//! PostgreSQL is the tests' server (`s/services start postgres`), and for `restarted…` a cluster of the
//! test's own. Where there is none, a test says `LEFT OUT` and passes.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

#[path = "../support/cluster.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod cluster;
mod cutting;
#[path = "../support/database.rs"]
#[expect(dead_code, reason = "shared with tests that ask for more")]
mod database;
mod freezing;
#[path = "../support/ground.rs"]
mod ground;
#[path = "../support/journey.rs"]
mod journey;
mod killing;
#[path = "../support/proxy.rs"]
mod proxy;
mod racing;
mod restarting;
#[path = "../support/seeds.rs"]
#[expect(dead_code, reason = "shared with tests that take other options")]
mod seeds;
#[path = "../support/signal.rs"]
mod signal;
#[path = "../support/standing.rs"]
mod standing;
mod stopping;
#[path = "../support/mod.rs"]
mod support;
mod town;
mod worker;
#[path = "../support/world.rs"]
mod world;
