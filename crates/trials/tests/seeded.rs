//! Every trial over its seeds and a few thousand manglings of them, the same ones each time.
//! `HARMONIA_TRIALS=100000` asks for so many of each. Fuzzing proper is `s/fuzz`.
//!
//! One test in one process: what memory a reader needs is counted for the whole process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_trials::{Mutator, TRIALS, Trial, seeds};

#[test]
fn the_laws_hold_of_every_seed_and_of_what_is_made_of_them() {
    let runs = std::env::var("HARMONIA_TRIALS").map_or(2_000, |count| count.parse().unwrap());
    for trial in TRIALS {
        let seeds = seeds(trial.name).unwrap();
        assert!(seeds.len() > 2, "{} begins from nothing", trial.name);
        for seed in &seeds {
            tried(trial, seed, "a seed");
        }
        let mut mutator = Mutator::new(7);
        for run in 0..runs {
            tried(trial, &mutator.mangled(&seeds), &format!("run {run}"));
        }
    }
}

fn tried(trial: Trial, bytes: &[u8], which: &str) {
    if std::panic::catch_unwind(|| (trial.run)(bytes)).is_err() {
        let file = format!("{}/{}.input", env!("CARGO_TARGET_TMPDIR"), trial.name);
        std::fs::write(&file, bytes).unwrap();
        panic!("{}, {which}: the input is in {file}", trial.name);
    }
}
