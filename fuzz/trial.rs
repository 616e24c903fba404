//! One trial, by the name in `HARMONIA_TRIAL`, under libFuzzer: `s/fuzz` builds and runs this.

#![no_main]

use harmonia_trials::{Trial, trial};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TRIAL: LazyLock<Trial> = LazyLock::new(|| {
    let name = std::env::var("HARMONIA_TRIAL").unwrap_or_default();
    trial(&name).unwrap_or_else(|| panic!("HARMONIA_TRIAL={name:?} names no trial"))
});

fuzz_target!(|bytes: &[u8]| (TRIAL.run)(bytes));
