//! G6, the connections: they break at a COMMIT, before it reaches the server or before its answer comes
//! back, and after any number of bytes.

use crate::database::Database;
use crate::ground::Ground;
use crate::proxy::Fate;
use crate::seeds::{draw, seeds};
use crate::standing::Standing;
use crate::support::Place;
use crate::town::{POSTGRES, await_done, with_payments_waiting};
use crate::worker::Worker;
use crate::world::World;

#[test]
fn cut_in_mid_commit_and_anywhere_nothing_is_lost_or_doubled() {
    if Database::of_tests().is_none() {
        return;
    }
    let world = POSTGRES.world();
    let (mut commits, mut elsewhere) = (0, 0);
    for seed in seeds(1) {
        let (at_commits, after_bytes) = cut(&world, seed);
        commits += at_commits;
        elsewhere += after_bytes;
        println!("cut, seed {seed}: {at_commits} at a commit, {after_bytes} elsewhere");
    }
    println!("{commits} cuts at a commit, {elsewhere} elsewhere: nothing lost, nothing doubled");
    assert!(commits > 0 && elsewhere > 0);
}

/// How many commits were cut, and how many connections elsewhere.
fn cut(world: &World, seed: u64) -> (u64, u64) {
    let ground = Ground::postgres(Place::new(), Database::of_tests().unwrap());
    // As it is set in earnest: what was in hand must not wait for its lease to run out.
    let ground = ground.behind_a_proxy().with("TXM_LEASE_SECONDS", 60);
    let ground = with_payments_waiting(world, ground);
    let proxy = ground.proxy().unwrap();
    let mut worker = Worker::begin(&ground);
    let mut random = seed;
    proxy.at_commits(move || match draw(&mut random, 12) {
        0 => Fate::CutBefore,
        1 => Fate::CutAfter,
        _ => Fate::Pass,
    });
    let mut random = !seed;
    proxy.at_connections(move || match draw(&mut random, 2) {
        0 => Some(1 + draw(&mut random, 100_000)),
        _ => None,
    });
    await_done(&ground, &mut worker, seed);
    proxy.pass_all();
    worker.stop();
    Standing::of(&ground).assert_is(&world.undisturbed, &format!("cut, seed {seed}"));
    (proxy.met(), proxy.broken())
}
