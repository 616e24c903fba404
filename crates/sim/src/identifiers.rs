//! Transaction ids: counted or random, unique in their feed, and telling nothing of the other side.

use crate::random::{Random, Stream};
use compact_str::{CompactString, format_compact};

/// How transaction ids look. The rest of the world is the same with either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdStyle {
    /// `P42.000000017` and `S42.000000017`: side, seed, and a number that grows with time, as from
    /// a sequence. Kind to an index.
    #[default]
    Counter,
    /// A version 4 UUID such as `1b4e28ba-2fa1-41d2-883f-0016d3cca427`. Each lands somewhere else
    /// in an index.
    Random,
}

/// Who gives the id.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Payment,
    Sale,
}

/// Gives out ids, each side counting for itself, so that equal numbers are not a pair.
pub(crate) struct Identifiers {
    style: IdStyle,
    seed: u64,
    random: Random,
    payments: u64,
    sales: u64,
}

impl Identifiers {
    pub(crate) fn new(style: IdStyle, seed: u64) -> Self {
        let random = Random::new(seed, Stream::Identifiers);
        // The sides are out of step from the start: an id is no hint at its partner's.
        Self {
            style,
            seed,
            random,
            payments: 0,
            sales: 500,
        }
    }

    /// The next id of one side.
    pub(crate) fn next(&mut self, side: Side) -> CompactString {
        match self.style {
            IdStyle::Counter => self.counted(side),
            IdStyle::Random => self.random.uuid(),
        }
    }

    fn counted(&mut self, side: Side) -> CompactString {
        let (letter, number) = match side {
            Side::Payment => ('P', &mut self.payments),
            Side::Sale => ('S', &mut self.sales),
        };
        *number += 1;
        // The point keeps seed and number from reading as one long number, a card's perhaps.
        format_compact!("{letter}{}.{number:09}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_counts_for_itself() {
        let mut ids = Identifiers::new(IdStyle::Counter, 42);
        assert_eq!(ids.next(Side::Payment), "P42.000000001");
        assert_eq!(ids.next(Side::Sale), "S42.000000501");
        assert_eq!(ids.next(Side::Payment), "P42.000000002");
    }

    #[test]
    fn random_ids_are_version_4() {
        let mut ids = Identifiers::new(IdStyle::Random, 42);
        let id = uuid::Uuid::parse_str(&ids.next(Side::Sale)).unwrap();
        assert_eq!(id.get_version_num(), 4);
    }
}
