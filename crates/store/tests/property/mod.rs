//! The model and each database live through the same random days, and must give the same answers.
//!
//! A [`Step`] is what somebody does: import a file, claim a job, commit under a lease that may have
//! been lost long ago, deliver, wait. Numbers in it are reduced to what there is when it is taken,
//! so that any sequence of steps is a story, and so is what is left of it when it is shrunk.
//!
//! [`ticks`] has schedulers with clocks of their own live through the days on which clocks change, on
//! each store, beside a clock on the wall that tells what should have ticked.

mod step;
mod ticks;
mod twins;

use crate::support::{Bench, SqliteBench};
use proptest::prelude::*;
use step::{Step, steps};
use twins::Twins;

/// Stories told; each opens a database of its own.
const STORIES: u32 = 32;

fn live_through(bench: &dyn Bench, story: Vec<Step>) {
    if bench.is_left_out() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut twins = Twins::new(bench).await;
        for step in story {
            twins.take(step).await;
            twins.compare_briefly().await;
        }
        twins.compare().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: STORIES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_model_and_sqlite_give_the_same_answers(story in steps()) {
        live_through(&SqliteBench::default(), story);
    }
}

#[cfg(feature = "postgres")]
proptest! {
    #![proptest_config(ProptestConfig {
        cases: STORIES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_model_and_postgres_give_the_same_answers(story in steps()) {
        live_through(&crate::support::PostgresBench::default(), story);
    }
}
