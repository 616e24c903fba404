//! G6, the server: it is killed again and again while `harmonia run` works, and comes up again.

use crate::cluster::Cluster;
use crate::database::Database;
use crate::ground::Ground;
use crate::seeds::{draw, seeds};
use crate::standing::Standing;
use crate::support::Place;
use crate::town::{POSTGRES, await_done, is_done, with_payments_waiting};
use crate::worker::Worker;
use crate::world::World;
use std::time::{Duration, Instant};

const RESTARTS: u64 = 4;
/// How soon work must go on.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn restarted_under_work_the_server_is_only_delay() {
    if Database::of_tests().is_none() {
        return;
    }
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let world = POSTGRES.world();
    let (mut restarts, mut longest) = (0, Duration::ZERO);
    for seed in seeds(1) {
        let (more, delay) = restarted(&world, &cluster, seed);
        restarts += more;
        longest = longest.max(delay);
        println!("restarted, seed {seed}: {more} restarts, back in {delay:.1?} at most");
    }
    println!("{restarts} restarts, back in {longest:.1?} at most: nothing lost, nothing doubled");
    assert!(restarts > 0, "all was done before the server was killed");
}

/// How often the server was killed while there was work, and how long it took at most until work
/// went on.
fn restarted(world: &World, cluster: &Cluster, seed: u64) -> (u64, Duration) {
    let ground = Ground::postgres(Place::new(), Database::on(&cluster.uri()));
    // As it is set in earnest: what was in hand must not wait for its lease to run out.
    let ground = with_payments_waiting(world, ground).with("TXM_LEASE_SECONDS", 60);
    let mut random = seed;
    let (mut restarts, mut longest) = (0, Duration::ZERO);
    let mut worker = Worker::begin(&ground);
    for _ in 0..RESTARTS {
        std::thread::sleep(Duration::from_millis(draw(&mut random, 400)));
        if is_done(&ground) {
            break;
        }
        cluster.kill();
        std::thread::sleep(Duration::from_millis(draw(&mut random, 800)));
        cluster.start();
        let (back, before) = (Instant::now(), ground.progress());
        while ground.progress() == before && !is_done(&ground) {
            let (told, log) = (back.elapsed(), worker.log());
            assert!(told < SOON, "seed {seed}: nothing goes on: {log}");
            assert!(worker.is_alive(), "seed {seed}: it ended: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        restarts += 1;
        longest = longest.max(back.elapsed());
    }
    await_done(&ground, &mut worker, seed);
    worker.stop();
    Standing::of(&ground).assert_is(&world.undisturbed, &format!("restarted, seed {seed}"));
    (restarts, longest)
}

#[test]
fn every_process_waits_for_a_server_that_is_not_there_yet() {
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let ground = Ground::postgres(Place::new(), Database::on(&cluster.uri()));
    cluster.kill();
    let processes = [
        ("run", "working; stop with"),
        ("serve", "serving"),
        ("worker", "working; stop with"),
        ("scheduler", "scheduling; stop with"),
    ];
    let mut processes = processes.map(|(command, said)| (Worker::start(&ground, command), said));
    for (process, _) in &mut processes {
        process.await_said("waiting for database");
    }
    cluster.start();
    for (mut process, said) in processes {
        process.await_said(said);
        process.stop();
    }
}
