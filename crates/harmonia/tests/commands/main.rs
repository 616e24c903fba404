//! Every command as a user meets it: what it prints, as text and as JSON, how it ends, and what it
//! says when something is in the way.
//!
//! [`usage`] is what is wrong before anything begins, [`trouble`] what is in the way of the
//! database; then in the order of the journey [`onboarding`], [`agents`], [`samples`],
//! [`previewing`], [`folders`], `encrypted`, `hermes`, [`stopping`], [`quiet`], [`replaying`], [`journey`], [`life`],
//! [`lanes`], [`queues`], [`matching`], [`explaining`], [`reviewing`], [`claiming`], [`redressing`], [`logging`],
//! [`sweeping`], [`backtesting`], [`demo`] and [`schemes`]; [`purging`] is the end of it all.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

mod agents;
mod backtesting;
mod claiming;
mod demo;
#[cfg(feature = "pgp")]
mod encrypted;
mod explaining;
mod folders;
#[cfg(feature = "http")]
mod hermes;
mod journey;
mod lanes;
mod life;
mod life_shop;
mod logging;
mod matching;
mod onboarding;
mod previewing;
mod purging;
mod queues;
mod quiet;
mod redressing;
mod replaying;
mod reviewing;
mod samples;
mod scheduling;
mod schemes;
#[path = "../support/signal.rs"]
mod signal;
mod stopping;
#[path = "../support/mod.rs"]
mod support;
mod sweeping;
mod town;
mod trouble;
mod usage;

use support::{Answer, Place};

/// Wants an exit code, and words in what was said on standard error.
#[track_caller]
fn assert_says(answer: &Answer, code: i32, words: &[&str]) {
    assert_eq!(answer.code, Some(code), "{answer:#?}");
    assert_has(&answer.err, words);
}

/// Wants words in a text.
#[track_caller]
fn assert_has(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "no {words:?} in:\n{text}");
    }
}

/// The file in a folder that holds one.
#[track_caller]
fn only_file_in(place: &Place, folder: &str) -> std::path::PathBuf {
    let entries = std::fs::read_dir(place.path(folder)).unwrap();
    let paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(paths.len(), 1, "{folder}: {paths:?}");
    paths[0].clone()
}
