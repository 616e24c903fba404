//! Killed while requests are on their way, it tells a merchant who honours the key of each purchase once.

use crate::ground::Ground;
use crate::seeds::{draw, seeds};
use crate::shop::{Shop, grounds};
use crate::signal::terminate;
use crate::support::Answer;
use harmonia_sim::{Act, Heard};
use std::time::{Duration, Instant};
use std::{fmt, thread};

const PURCHASES: u32 = 40;
const KILLS: u64 = 3;
/// More tries than the merchant's script and the kills can use up.
const EXPORT: &str = "dedup_window = \"1h\"\nconcurrency = 4\n\
    retry = [\"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\", \"1s\"]";

/// What was in the way.
#[derive(Default)]
struct Told {
    /// Of processes that were alive.
    kills: u64,
    /// Exports that a killed process left in flight.
    in_flight: usize,
    /// Requests that were processed or lost without an answer.
    hung: usize,
    requests: usize,
}

#[test]
fn killed_between_its_two_commits_it_tells_of_each_purchase_once() {
    let mut sum = Told::default();
    let mut exports = 0;
    let seeds = seeds(1);
    for seed in seeds.clone() {
        for ground in grounds() {
            let told = killed(ground, seed);
            println!("seed {seed}: {told}");
            exports += PURCHASES;
            sum.kills += told.kills;
            sum.in_flight += told.in_flight;
            sum.hung += told.hung;
            sum.requests += told.requests;
        }
    }
    println!("seeds {seeds:?}: {exports} exports, each counted once; {sum}");
    assert!(
        sum.in_flight > 0,
        "no kill came between the two commits: {sum}"
    );
}

fn killed(ground: Ground, seed: u64) -> Told {
    let shop = Shop::open(ground, EXPORT, move |heard| act(seed, heard));
    shop.buy(PURCHASES);
    let mut state = seed;
    let mut told = Told::default();
    for _ in 0..KILLS {
        let mut worker = shop.command(&["worker"]).spawn().unwrap();
        let wanted =
            shop.merchant.heard().len() + 1 + usize::try_from(draw(&mut state, 8)).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while shop.merchant.heard().len() < wanted && !is_delivered(&shop) {
            assert!(Instant::now() < deadline, "{:?}", shop.states());
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(draw(&mut state, 20)));
        told.kills += u64::from(worker.try_wait().unwrap().is_none());
        worker.kill().unwrap();
        worker.wait().unwrap();
        let states = shop.states();
        told.in_flight += states.iter().filter(|state| *state == "IN_FLIGHT").count();
    }
    let worker = shop.command(&["worker"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_delivered(&shop) {
        assert!(Instant::now() < deadline, "{:?}", shop.states());
        thread::sleep(Duration::from_millis(50));
    }
    terminate(&worker);
    let answer = Answer::of(&worker.wait_with_output().unwrap());
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    shop.assert_each_counted_once(PURCHASES);
    shop.ok(&["audit"]);
    let heard = shop.merchant.heard();
    told.requests = heard.len();
    let acts = heard.iter().map(|one| act(seed, one));
    told.hung = acts
        .filter(|act| matches!(act, Act::TakeAndHang | Act::Hang))
        .count();
    told
}

/// What becomes of a request, by its key alone and how often that came: 30 % are processed without an
/// answer, 10 % are lost, 10 % fail. From the fourth on, all are taken.
fn act(seed: u64, heard: &Heard) -> Act {
    let before = u64::try_from(heard.before).unwrap();
    let bytes = heard.key.bytes().map(u64::from);
    let mut state = bytes.fold(seed ^ (before << 32), |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte)
    });
    match draw(&mut state, 10) {
        _ if before >= 3 => Act::Take,
        0..3 => Act::TakeAndHang,
        3 => Act::Hang,
        4 => Act::Refuse(503),
        _ => Act::Take,
    }
}

fn is_delivered(shop: &Shop) -> bool {
    let states = shop.states();
    !states.is_empty() && states.iter().all(|state| state == "DELIVERED")
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kills,
            in_flight,
            hung,
            requests,
        } = self;
        write!(
            f,
            "{kills} kills that left {in_flight} exports in flight, {requests} requests, {hung} of them \
             without an answer"
        )
    }
}
