//! G7: a worker is frozen (SIGSTOP) with work in hand until its lease has run out and another has taken
//! over; thawed, it goes on where it was, and what it commits is refused.

use crate::database::Database;
use crate::ground::{Ground, LEASE_SECONDS};
use crate::seeds::{draw, seeds};
use crate::standing::Standing;
use crate::support::Place;
use crate::town::{POSTGRES, await_done, is_done, with_all_to_decide};
use crate::worker::Worker;
use crate::world::World;
use std::time::{Duration, Instant};

const FREEZES: usize = 3;
/// How long an heir has to get somewhere. It does not where the frozen one stands within a transaction:
/// then it is the lease's true holder still, since nobody can have taken the job from it.
const HEIR: Duration = Duration::from_secs(3);

#[test]
fn frozen_past_its_lease_a_worker_is_refused() {
    if Database::of_tests().is_none() {
        return;
    }
    let world = POSTGRES.world();
    let (mut freezes, mut refusals) = (0, 0);
    for seed in seeds(2) {
        let (more, refused) = frozen(&world, seed);
        freezes += more;
        refusals += refused;
        println!("frozen, seed {seed}: {more} freezes, {refused} commits refused");
    }
    println!("{freezes} freezes, {refusals} commits refused: nothing lost, nothing doubled");
    assert!(refusals > 0, "no stale commit was ever tried");
}

/// How often a worker was frozen with work in its hand, and how many commits were refused.
fn frozen(world: &World, seed: u64) -> (u64, usize) {
    let ground = Ground::postgres(Place::new(), Database::of_tests().unwrap());
    let ground = with_all_to_decide(world, ground).with("TXM_BATCH_SIZE", 5);
    let mut random = seed;
    let (mut freezes, mut refusals) = (0, 0);
    let mut worker = Worker::begin(&ground);
    for _ in 0..FREEZES {
        std::thread::sleep(Duration::from_millis(draw(&mut random, 150)));
        if is_done(&ground) {
            break;
        }
        worker.signal("STOP");
        freezes += u64::from(!ground.leased().is_empty());
        std::thread::sleep(Duration::from_millis(1000 * LEASE_SECONDS + 50));
        let heir = Worker::begin(&ground);
        let (before, since) = (ground.progress(), Instant::now());
        while ground.progress() == before && !is_done(&ground) && since.elapsed() < HEIR {
            std::thread::sleep(Duration::from_millis(10));
        }
        worker.signal("CONT");
        std::thread::sleep(Duration::from_millis(100));
        refusals += refused(&worker.stop());
        worker = heir;
    }
    await_done(&ground, &mut worker, seed);
    worker.stop();
    Standing::of(&ground).assert_is(&world.undisturbed, &format!("frozen, seed {seed}"));
    (freezes, refusals)
}

fn refused(log: &str) -> usize {
    log.matches("lost the lease of").count()
}
