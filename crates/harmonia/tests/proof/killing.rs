//! G1: processes are killed at any moment, and at the points that matter most: just before a commit,
//! when it is durable and nobody was told, and between a merchant's file and its commit; in each step.

use crate::database::Database;
use crate::ground::Ground;
use crate::journey::{Moment, Step, killed_journey};
use crate::seeds::{draw, seeds};
use crate::standing::Standing;
use crate::support::Place;
use crate::town::{POSTGRES, await_done, is_done, with_all_to_decide};
use crate::worker::Worker;
use crate::world::{Size, World};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn killed_at_every_point_it_ends_as_if_nothing_had_been() {
    if Database::of_tests().is_none() {
        return;
    }
    let size = Size {
        purchases: 600,
        batch: 20,
        ground: |place| Ground::postgres(place, Database::of_tests().unwrap()).behind_a_proxy(),
    };
    let world = World::new(1, size);
    let (mut kills, mut in_hand) = (0, 0);
    let mut points: BTreeMap<(Step, Moment), u64> = BTreeMap::new();
    for seed in seeds(4) {
        let told = killed_journey(&world, seed);
        println!("killed, seed {seed}: {told}");
        kills += told.kills;
        in_hand += told.with_work_in_hand;
        for (point, times) in told.points {
            *points.entry(point).or_default() += times;
        }
    }
    println!(
        "{kills} kills, {in_hand} with a lease in hand: nothing lost, nothing doubled: {points:?}"
    );
    assert!(kills > 0);
}

#[test]
fn one_of_two_is_killed_and_nothing_is_lost_or_doubled() {
    if Database::of_tests().is_none() {
        return;
    }
    let world = POSTGRES.world();
    let mut kills = 0;
    for seed in seeds(1) {
        let killed = one_of_two(&world, seed);
        kills += killed;
        println!("one of two, seed {seed}: {killed} kills");
    }
    assert!(kills > 0, "all was done before anybody was killed");
}

fn one_of_two(world: &World, seed: u64) -> u64 {
    let ground = Ground::postgres(Place::new(), Database::of_tests().unwrap());
    let ground = with_all_to_decide(world, ground.with("TXM_MATCHING_LANES", 8));
    let mut random = seed;
    let mut pair = [Worker::begin(&ground), Worker::begin(&ground)];
    let mut kills = 0;
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(draw(&mut random, 300)));
        let victim = usize::from(draw(&mut random, 2) == 0);
        kills += u64::from(!is_done(&ground));
        pair[victim].signal("KILL");
        pair[victim] = Worker::begin(&ground);
    }
    let [mut one, two] = pair;
    await_done(&ground, &mut one, seed);
    one.stop();
    two.stop();
    Standing::of(&ground).assert_is(&world.undisturbed, &format!("one of two, seed {seed}"));
    kills
}
