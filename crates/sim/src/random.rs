//! Chance that can be repeated: a seeded generator whose numbers will never change.
//!
//! A seed in a bug report must give the same files in years to come, so the algorithm is written
//! out here (SplitMix64, ten lines) and not left to a library that may improve it.

use compact_str::{CompactString, ToCompactString};
use harmonia_core::time::{Instant, SECOND_US};

/// What chance is asked for. Each has a stream of its own, so that a change in how one is used (ids
/// of another style, one more field of a card) leaves the rest of the world as it was.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    /// When purchases happen.
    Arrivals = 1,
    /// What is bought, where, by whom, and what goes wrong.
    Purchases,
    /// Transaction ids.
    Identifiers,
    /// How each record is written down, and in which order within one second.
    Records,
    /// What is printed on the cards.
    Cards,
    /// When purchases are made in a night when the clocks change.
    Nights,
}

/// A stream of numbers.
pub(crate) struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream that a world's seed gives to one use.
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        Self(mix(
            mix(seed).wrapping_add((stream as u64).wrapping_mul(STEP))
        ))
    }

    /// The stream that a world's seed gives to one thing among many, which so need not be held.
    pub(crate) fn numbered(seed: u64, stream: Stream, number: u64) -> Self {
        let mut of_all = Self::new(seed, stream);
        Self(mix(of_all.number().wrapping_add(number.wrapping_mul(STEP))))
    }

    /// A stream of its own for one of several users of this one.
    pub(crate) fn branch(&mut self) -> Self {
        Self(self.number())
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product is below the bound, so it is a u64.
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low.saturating_add_unsigned(self.below(high.abs_diff(low).saturating_add(1)))
    }

    /// A number below `bound`, small ones more often than large ones: the smaller of two draws.
    pub(crate) fn rather_small(&mut self, bound: u64) -> u64 {
        self.below(bound).min(self.below(bound))
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.number() >> 63 == 1
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> CompactString {
        let bits = u128::from(self.number()) << 64 | u128::from(self.number());
        let id = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        id.hyphenated().to_compact_string()
    }

    /// A whole second among the `seconds` that follow `start`.
    pub(crate) fn second_after(&mut self, start: Instant, seconds: i64) -> Instant {
        start.plus(self.between(0, seconds - 1) * SECOND_US)
    }
}

fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The published sequence for a state of 0.
        let mut random = Random(0);
        assert_eq!(random.number(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.number(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn draws_reach_both_ends_and_never_beyond() {
        let mut random = Random::new(7, Stream::Purchases);
        let draws: Vec<i64> = (0..1000).map(|_| random.between(-2, 2)).collect();
        assert_eq!(draws.iter().min(), Some(&-2));
        assert_eq!(draws.iter().max(), Some(&2));
        assert_eq!(random.below(0), 0);
    }
}
