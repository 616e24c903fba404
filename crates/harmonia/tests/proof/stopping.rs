//! G15: a process is asked to stop (SIGTERM) under load. It ends well and in time, and leaves nothing
//! leased.

use crate::database::Database;
use crate::ground::Ground;
use crate::seeds::{draw, seeds};
use crate::standing::Standing;
use crate::support::Place;
use crate::town::{POSTGRES, SQLITE, await_done, is_done, with_payments_waiting};
use crate::worker::Worker;
use crate::world::World;
use std::time::Duration;

const STOPS: usize = 3;

#[test]
fn stopped_under_load_it_leaves_nothing_leased_on_sqlite() {
    let world = SQLITE.world();
    for seed in seeds(2) {
        let stops = stopped(&world, Ground::sqlite(Place::new()), seed);
        println!("stopped on SQLite, seed {seed}: {stops} stops under load");
    }
}

#[test]
fn stopped_under_load_it_leaves_nothing_leased_on_postgres() {
    if Database::of_tests().is_none() {
        return;
    }
    let world = POSTGRES.world();
    for seed in seeds(2) {
        let ground = Ground::postgres(Place::new(), Database::of_tests().unwrap());
        let stops = stopped(&world, ground.with("TXM_LEASE_SECONDS", 60), seed);
        println!("stopped on PostgreSQL, seed {seed}: {stops} stops under load");
    }
}

/// How often it was stopped while there was work.
fn stopped(world: &World, ground: Ground, seed: u64) -> u64 {
    let ground = with_payments_waiting(world, ground);
    let mut random = seed;
    let mut stops = 0;
    for _ in 0..STOPS {
        let worker = Worker::begin(&ground);
        std::thread::sleep(Duration::from_millis(draw(&mut random, 250)));
        let under_load = !is_done(&ground);
        worker.stop();
        stops += u64::from(under_load);
        assert_eq!(ground.leased(), [""; 0], "seed {seed}");
    }
    assert!(stops > 0, "seed {seed}: all was done before it was stopped");
    let mut worker = Worker::begin(&ground);
    await_done(&ground, &mut worker, seed);
    worker.stop();
    Standing::of(&ground).assert_is(&world.undisturbed, &format!("stopped, seed {seed}"));
    stops
}
