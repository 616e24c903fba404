//! Killed at any moment, it ends as if nothing had been.
//!
//! A small world is worked through once undisturbed. Then it is worked through again and again
//! while the real binary is killed (SIGKILL) at moments drawn from a seed: while it starts, while
//! it imports, decides, delivers and puts files away, and just when it has written to the database
//! or to the merchant's file. Started again, it goes on until nothing is left to do; and then
//! everything it holds must be what the undisturbed run holds.
//!
//! So is the sweep of unmatched payments: its files and their answers must hold each payment once.
//!
//! `HARMONIA_KILLS` says how many kills there are to be (25 unless set), `HARMONIA_KILL_SEED` from
//! which seed on: a long run prints the seed of each journey, and can be taken up again from there.
//! The same journeys on PostgreSQL are in `tests/proof`.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

#[path = "../support/database.rs"]
#[expect(dead_code, reason = "shared with tests that have a server")]
mod database;
#[path = "../support/ground.rs"]
#[expect(dead_code, reason = "shared with tests that have a server")]
mod ground;
#[path = "../support/journey.rs"]
mod journey;
#[path = "../support/proxy.rs"]
#[expect(dead_code, reason = "shared with tests that have a server")]
mod proxy;
#[path = "../support/seeds.rs"]
#[expect(dead_code, reason = "shared with tests that take other options")]
mod seeds;
#[path = "../support/signal.rs"]
mod signal;
#[path = "../support/standing.rs"]
mod standing;
#[path = "../support/mod.rs"]
mod support;
mod sweeping;
#[path = "../support/world.rs"]
mod world;

use ground::Ground;
use journey::killed_journey;
use seeds::number;
use sweeping::{Kills, killed_sweep};
use world::{Size, World};

/// Journeys through one world before the next is generated.
const JOURNEYS_A_WORLD: u64 = 10;

#[test]
fn killed_at_any_moment_it_ends_as_if_nothing_had_been() {
    let wanted = number("HARMONIA_KILLS", 25);
    let first_seed = number("HARMONIA_KILL_SEED", 1);
    let mut number = first_seed / JOURNEYS_A_WORLD;
    let mut world = self::world(number);
    let mut kills = 0;
    let mut work_in_hand = 0;
    let mut seed = first_seed;
    while kills < wanted {
        if number != seed / JOURNEYS_A_WORLD {
            number = seed / JOURNEYS_A_WORLD;
            world = self::world(number);
        }
        let told = killed_journey(&world, seed);
        kills += told.kills;
        work_in_hand += told.with_work_in_hand;
        println!("seed {seed}: {told}; {kills} of {wanted} kills");
        seed += 1;
    }
    println!(
        "{kills} kills of a process that was alive, {work_in_hand} of them with a lease in its \
         hand; seeds {first_seed} to {}: nothing lost, nothing doubled",
        seed - 1
    );
}

#[test]
fn a_sweep_killed_at_any_moment_tells_each_payment_once() {
    let wanted = number("HARMONIA_KILLS", 25);
    let first_seed = number("HARMONIA_KILL_SEED", 1);
    let (mut kills, mut seed) = (Kills::default(), first_seed);
    while kills.all < wanted {
        killed_sweep(seed, &mut kills);
        println!("sweep, seed {seed}: {} of {wanted} kills", kills.all);
        seed += 1;
    }
    println!(
        "{} kills of a sweep or its answers, {} of them with a file that had no name yet; seeds \
         {first_seed} to {}: nothing lost, nothing doubled",
        kills.all,
        kills.with_a_draft,
        seed - 1
    );
}

fn world(seed: u64) -> World {
    let size = Size {
        purchases: 5000,
        batch: 100,
        ground: Ground::sqlite,
    };
    World::new(seed, size)
}
