//! G5: Redis is emptied, killed, restarted, robbed and frozen at moments that a seed chooses, while feeds
//! are imported and matched. Everything ends as it does without Redis, and nothing that is due waits longer
//! than six seconds.
//!
//! `HARMONIA_PROOF_SEEDS=0..50` goes through these seeds, each with [`FAULTS`] faults.

use crate::database::Database;
use crate::fleet::{Fleet, until};
use crate::server::Redis;
use crate::serving::{Serving, payment, sale};
use crate::support::Place;
use crate::town::{PROVIDER, SCHEME};
use serde_json::Value;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Seeds where no others are asked for: all kinds of faults are among theirs.
const SEEDS: Range<u64> = 7..9;
/// Faults of one seed.
const FAULTS: u32 = 4;
/// What is due waits no longer than that.
const PROMISED: Duration = Duration::from_secs(6);
/// Purchases of one seed: each has a sale, and most a payment.
const PURCHASES: u32 = 60;
/// Sales of a file, and payments of a request.
const TOGETHER: usize = 6;

/// A sequence of numbers that its seed alone decides (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pause(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.next(most_ms)));
    }
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("HARMONIA_PROOF_SEEDS") else {
        return SEEDS;
    };
    let (from, to) = text.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

/// Sales and payments of a seed's purchases. Some have no payment, and some payments no sale.
fn purchases(seed: u64) -> [Vec<Value>; 2] {
    let mut dice = Dice(!seed);
    let mut records = [Vec::new(), Vec::new()];
    for number in 0..PURCHASES {
        let date = format!("2026-06-02T10:{number:02}:00Z");
        let mut both = [sale(&format!("s{number}")), payment(&format!("p{number}"))];
        for (record, kept) in both.iter_mut().zip(&mut records) {
            record["date"] = date.as_str().into();
            record["amount"] = (1000 + dice.next(5)).into();
            // A wrong amount now and then leaves both open.
            if dice.next(12) > 0 {
                record["amount"] = (1000 + number).into();
            }
            kept.push(record.clone());
        }
    }
    records
}

/// What there is in the end, as people see it.
fn standing(place: &Place) -> [Vec<String>; 2] {
    let matches = place.json(&["matches"]).into_iter();
    let mut pairs: Vec<String> = matches
        .map(|row| format!("{} {}", row["payment"], row["sale"]))
        .collect();
    pairs.sort();
    let folder = place.path("files/exports/example-loyalty-scheme");
    let mut exported = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let told = text.lines().map(|line| {
            let body: Value = serde_json::from_str(line).unwrap();
            body["transaction_id"].to_string()
        });
        exported.extend(told);
    }
    exported.sort();
    [pairs, exported]
}

fn lines(records: &[Value]) -> String {
    let lines = records.iter().map(|record| format!("{record}\n"));
    lines.collect()
}

/// How it ends with neither Redis nor workers.
fn undisturbed(records: &[Vec<Value>; 2]) -> [Vec<String>; 2] {
    let place = crate::town::town();
    for (feed, records) in [SCHEME, PROVIDER].into_iter().zip(records) {
        let file = place.write("all.jsonl", lines(records));
        place.ok(&["import", feed, &file, "--format", "canonical"]);
    }
    place.ok(&["drain"]);
    standing(&place)
}

/// The longest that anything that is due has not been taken up, while `is_over` says nothing else.
fn longest_wait(database: &Database, is_over: &AtomicBool) -> Duration {
    let waits = "SELECT coalesce(max(extract(epoch FROM now() - greatest(ready_at, leased_until))
                 * 1000), 0)::bigint FROM job WHERE ready_at <= now() AND leased_until <= now()";
    let mut longest_ms = 0;
    while !is_over.load(Ordering::Relaxed) {
        longest_ms = longest_ms.max(database.number(waits));
        std::thread::sleep(Duration::from_millis(50));
    }
    Duration::from_millis(longest_ms.unsigned_abs())
}

/// Does to Redis what the dice say; it is well again in the end.
fn harass(redis: &mut Redis, dice: &mut Dice) {
    for _ in 0..FAULTS {
        dice.pause(700);
        match dice.next(5) {
            0 => redis.flush(),
            1 => {
                redis.kill();
                redis.start();
            }
            2 => {
                // Longer than anything may wait.
                redis.kill();
                dice.pause(9000);
                redis.start();
            }
            3 => redis.steal(Duration::from_millis(dice.next(4000))),
            _ => {
                redis.freeze(true);
                dice.pause(2500);
                redis.freeze(false);
            }
        }
    }
}

/// Imports the sales as files, and pushes the payments, in between one another.
fn feed(fleet: &Fleet, serving: &Serving, [sales, payments]: &[Vec<Value>; 2], dice: &mut Dice) {
    let parts = sales.chunks(TOGETHER).zip(payments.chunks(TOGETHER));
    for (number, (sales, payments)) in parts.enumerate() {
        let file = fleet.place.write(&format!("{number}.jsonl"), lines(sales));
        fleet
            .place
            .ok(&["import", SCHEME, &file, "--format", "canonical"]);
        dice.pause(900);
        serving.taken(PROVIDER, payments);
    }
}

/// One seed: how long what was due waited at most.
fn disturbed(redis: &mut Redis, seed: u64) -> Option<Duration> {
    let records = purchases(seed);
    let mut fleet = Fleet::at(Some(redis))?;
    let serving = fleet.serve();
    let workers: Vec<_> = (0..2).map(|_| fleet.start(&["worker"])).collect();
    for worker in &workers {
        worker.said("working;", 1);
    }
    let is_over = AtomicBool::new(false);
    let waited = std::thread::scope(|scope| {
        let watching = scope.spawn(|| longest_wait(&fleet.database, &is_over));
        let harassing = scope.spawn(|| harass(redis, &mut Dice(seed)));
        feed(&fleet, &serving, &records, &mut Dice(seed << 32));
        harassing.join().unwrap();
        until("all is done", || {
            fleet.database.number("SELECT count(*) FROM job") == 0
        });
        is_over.store(true, Ordering::Relaxed);
        watching.join().unwrap()
    });
    let undisturbed = undisturbed(&records);
    let [pairs, exported] = undisturbed.each_ref().map(Vec::len);
    let some = PURCHASES as usize / 2..PURCHASES as usize;
    assert!(
        some.contains(&pairs) && pairs == exported,
        "{undisturbed:?}"
    );
    assert_eq!(standing(&fleet.place), undisturbed, "seed {seed}");
    fleet.place.ok(&["audit"]);
    for worker in workers {
        worker.stop();
    }
    assert!(
        waited <= PROMISED,
        "seed {seed}: something waited {waited:?}"
    );
    Some(waited)
}

#[test]
fn redis_may_vanish_at_any_moment() {
    let Some(mut redis) = Redis::running() else {
        return;
    };
    let (began, mut longest, mut faults) = (Instant::now(), Duration::ZERO, 0);
    for seed in seeds() {
        let Some(waited) = disturbed(&mut redis, seed) else {
            return;
        };
        longest = longest.max(waited);
        faults += FAULTS;
    }
    // Past the harness, which keeps back what a test that passes prints.
    let _ = writeln!(
        std::io::stderr(),
        "Redis vanished {faults} times in {:?}: the same in the end, nothing waited over {longest:?}",
        began.elapsed()
    );
}
