//! Each tick is done once, however many schedulers there are, whatever their clocks show and whenever
//! they die.
//!
//! A [`story`] has two to five schedulers at a time, each a [`process`] whose clock is wrong by up to
//! five minutes and is set now and then. They live through a day on which clocks change somewhere; some
//! die, some resign, some sleep past their lease, others come. What should have ticked is told by a clock
//! on the [`wall`].
//!
//! `HARMONIA_PROOF_SEEDS=0..40` tells so many stories on each store, each of a week.

mod process;
mod shops;
mod story;
mod wall;

use crate::support::{Bench, ModelBench, SqliteBench};
use harmonia_core::time::{DAY_US, HOUR_US, MINUTE_US, SECOND_US};
use harmonia_journey::agents::Agents;
use process::{Dice, Process};
use shops::shops;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;
use story::{Counted, Leases, Story};

/// So many schedulers come and go in one story at most.
const MOST: usize = 1_000;
/// When clocks change in 2026: in London twice, in New York twice.
const CHANGES: [i64; 4] = [
    1_774_746_000 * SECOND_US,
    1_792_890_000 * SECOND_US,
    1_772_953_200 * SECOND_US,
    1_793_512_800 * SECOND_US,
];

/// How long stories are, and how often something happens in them.
#[derive(Clone, Copy)]
struct Length {
    /// From so long before clocks change until so long after.
    around_us: i64,
    /// One step in so many is long: ten minutes, and otherwise a minute and a half, at most.
    long_one_in: i64,
}

const SHORT: Length = Length {
    around_us: 75 * MINUTE_US,
    long_one_in: 8,
};
const A_WEEK: Length = Length {
    around_us: 7 * DAY_US / 2,
    long_one_in: 2,
};

async fn tell(bench: &dyn Bench, leases: Leases, seed: u64, length: Length) -> Counted {
    let store = bench.fresh().await;
    let agents = Agents::register(shops(), store.as_ref()).await;
    let agents = Arc::new(agents.unwrap());
    let change = CHANGES[(seed % 4) as usize];
    let mut dice = Dice(seed);
    let begin = change - length.around_us - dice.below(HOUR_US);
    let truth = Arc::new(AtomicI64::new(begin));
    let processes = (0..MOST).map(|_| Process::new(&store, &agents, &truth, leases.lasting));
    let processes: Vec<Process> = processes.collect();
    let mut story = Story::new(store, leases, dice, truth, &processes);
    story
        .live_until(change + length.around_us, length.long_one_in)
        .await;
    story.expect_each_once();
    story.counted
}

/// The seeds that are asked for, of stories of a week.
fn asked_for() -> Option<Range<u64>> {
    let asked = std::env::var("HARMONIA_PROOF_SEEDS").ok()?;
    let ends = asked.split_once("..");
    let (from, to) = ends.expect("HARMONIA_PROOF_SEEDS=from..to");
    Some(from.parse().unwrap()..to.parse().unwrap())
}

async fn each_tick_is_done_once(bench: &dyn Bench, leases: Leases, short: Range<u64>) {
    if bench.is_left_out() {
        return;
    }
    let (seeds, length) = match asked_for() {
        Some(seeds) => (seeds, A_WEEK),
        None => (short, SHORT),
    };
    let mut sum = Counted::default();
    for seed in seeds {
        let counted = tell(bench, leases, seed, length).await;
        println!("seed {seed}: {counted:?}");
        sum.add(&counted);
    }
    println!("together: {sum:?}");
    assert!(sum.ticks > 300 && sum.leaders > 10, "{sum:?}");
    assert!(sum.refused > 3 && sum.refused_in_a_round > 0, "{sum:?}");
}

/// As long as a leader leads where leases go by its own clock.
const BY_OWN_CLOCK: Leases = Leases {
    lasting: Duration::from_secs(15),
    in_truth: false,
};

#[tokio::test]
async fn each_tick_is_done_once_in_the_model() {
    each_tick_is_done_once(&ModelBench, BY_OWN_CLOCK, 0..8).await;
}

#[tokio::test]
async fn each_tick_is_done_once_on_sqlite() {
    each_tick_is_done_once(&SqliteBench::default(), BY_OWN_CLOCK, 0..4).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn each_tick_is_done_once_on_postgres() {
    let leases = Leases {
        lasting: Duration::from_millis(20),
        in_truth: true,
    };
    let bench = crate::support::PostgresBench::default();
    each_tick_is_done_once(&bench, leases, 1..3).await;
}
