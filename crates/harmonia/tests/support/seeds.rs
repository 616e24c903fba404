//! What is drawn from a seed, and which seeds.

use std::ops::RangeInclusive;

/// A number below a bound: splitmix64.
pub fn draw(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % bound
}

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// The seeds that `HARMONIA_PROOF_SEEDS=from..to` names, `to` being one of them; else the first few. A
/// run that was cut short is taken up again from the last seed it told of.
pub fn seeds(otherwise: u64) -> RangeInclusive<u64> {
    let Ok(text) = std::env::var("HARMONIA_PROOF_SEEDS") else {
        return 1..=otherwise;
    };
    let bounds = text.split_once("..").and_then(|(from, to)| {
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        (from <= to).then_some(from..=to)
    });
    bounds.unwrap_or_else(|| panic!("HARMONIA_PROOF_SEEDS={text}: write it as 1..100"))
}
