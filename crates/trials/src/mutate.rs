//! Mangling that can be repeated: the same seed gives the same inputs on every machine.

use crate::seeds::WORDS;

/// A stream of mangled inputs.
#[derive(Clone, Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number: SplitMix64, written out so that a seed in a report gives the same for ever.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        match u64::try_from(bound) {
            Ok(wide) if wide > 0 => usize::try_from(self.number() % wide).unwrap_or(0),
            _ => 0,
        }
    }

    /// One of the seeds, mangled in one to six places.
    pub fn mangled(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.one_of(seeds);
        for _ in 0..=self.below(6) {
            self.mangle(&mut bytes, seeds);
        }
        bytes
    }

    fn one_of(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let index = self.below(seeds.len());
        seeds.get(index).cloned().unwrap_or_default()
    }

    fn mangle(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let from = self.below(bytes.len() + 1);
        let piece = from..(from + 1 + self.below(40)).min(bytes.len()).max(from);
        match self.below(8) {
            0 => bytes.truncate(from),
            1 => drop(bytes.drain(piece)),
            2 => {
                let twice = bytes[piece].to_vec();
                bytes.splice(from..from, twice);
            }
            3 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(from..from, word.bytes());
            }
            4 => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(piece, word.bytes());
            }
            5 => {
                let other = self.one_of(seeds);
                let start = self.below(other.len() + 1);
                bytes.truncate(from);
                bytes.extend_from_slice(&other[start..]);
            }
            6 => bytes[piece].reverse(),
            _ => {
                let byte = self.number().to_le_bytes()[0];
                if let Some(place) = bytes.get_mut(from) {
                    *place = byte;
                }
            }
        }
    }
}
