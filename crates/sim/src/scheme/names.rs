//! The names in a scheme's world: MIDs, locations, tokens, transaction ids, auth codes.
//!
//! Worlds of different seeds or schemes share none, so that several can be imported into one
//! database. Some feeds leave little room (six characters for a PSIMI, nine for an id): what is
//! narrow is different for the seeds below [`NARROW_SEEDS`], and almost always beyond.

use super::networks::Network;
use crate::identifiers::IdStyle;
use crate::random::{Random, Stream};
use compact_str::{CompactString, ToCompactString, format_compact};
use std::fmt;

/// How many seeds have narrow names of their own: three characters' worth.
const NARROW_SEEDS: u64 = 36 * 36 * 36;
/// What nine characters can tell apart.
const NINE: u64 = 36_u64.pow(9);
/// Shares no factor with a power of 36, so that multiplying by it loses nothing.
const SHUFFLE: u64 = 61_803_398_874_989;

/// The first place of a location that was never onboarded.
const UNKNOWN_PLACES: u32 = 90_000;

/// A number in base 36, at least so many digits long.
struct Base36(u64, usize);

impl fmt::Display for Base36 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0_u8; 13];
        let (mut rest, mut start) = (self.0, digits.len());
        while rest > 0 || digits.len() - start < self.1.clamp(1, digits.len()) {
            start -= 1;
            digits[start] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
            rest /= 36;
        }
        f.write_str(&String::from_utf8_lossy(&digits[start..]))
    }
}

/// A name with a number: `Tw16.00000042`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct WideName {
    kind: char,
    scheme: char,
    seed: u64,
    number: u64,
    digits: usize,
}

impl fmt::Display for WideName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, digits) = (Base36(self.seed, 1), self.digits);
        // The point keeps seed and number from reading as one long number, a card's perhaps.
        write!(
            f,
            "{}{}{seed}.{:0digits$}",
            self.kind, self.scheme, self.number
        )
    }
}

/// An auth code: six letters and digits, which no other purchase of the world has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Code(u64);

impl Code {
    /// The code that network and till agree upon.
    pub(super) fn right(purchase: u64) -> Self {
        Self(purchase.wrapping_mul(2))
    }

    /// What a till makes of it that gets it wrong.
    pub(super) fn wrong(purchase: u64) -> Self {
        Self(purchase.wrapping_mul(2).wrapping_add(1))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SIX: u64 = 36_u64.pow(6);
        let code = (self.0 % SIX) as u128 * u128::from(SHUFFLE) % u128::from(SIX);
        let text = Base36(u64::try_from(code).unwrap_or(0), 6).to_string();
        f.write_str(&text.to_ascii_uppercase())
    }
}

/// What names are made of.
#[derive(Clone, Copy)]
pub(super) struct Names {
    scheme: char,
    seed: u64,
}

impl Names {
    pub(super) fn new(scheme: char, seed: u64) -> Self {
        Self { scheme, seed }
    }

    fn wide(&self, kind: char, number: u64, digits: usize) -> WideName {
        let Self { scheme, seed } = *self;
        WideName {
            kind,
            scheme,
            seed,
            number,
            digits,
        }
    }

    fn narrow(&self) -> CompactString {
        let seed = Base36(self.seed % NARROW_SEEDS, 3);
        format_compact!("{}{seed}", self.scheme)
    }

    /// The token of a card.
    pub(super) fn token(&self, card: u64) -> WideName {
        self.wide('T', card, 8)
    }

    /// The loyalty id of a card's owner.
    pub(super) fn loyalty_id(&self, card: u64) -> WideName {
        self.wide('L', card, 8)
    }

    /// The MID of a shop at a network: at most fifteen characters.
    pub(super) fn mid(&self, network: &Network, shop: u32) -> CompactString {
        format_compact!("M{}{}{shop:05}", self.narrow(), network.letter)
    }

    /// A network's id of a location: at most twelve characters.
    pub(super) fn secondary(&self, network: &Network, place: u32) -> CompactString {
        format_compact!("S{}{}{place:05}", self.narrow(), network.letter)
    }

    /// A network's id of the merchant: six characters.
    pub(super) fn psimi(&self, network: &Network) -> CompactString {
        format_compact!("{}{}P", self.narrow(), network.letter)
    }

    /// The merchant's id of a location, of four characters where there is no room for more: these
    /// are the scheme's own business, and two of its worlds may share some.
    pub(super) fn location(&self, place: u32, four_characters: bool) -> CompactString {
        if !four_characters {
            return format_compact!("L{}{place:05}", self.narrow());
        }
        const FOUR: u64 = 36_u64.pow(4);
        let start = Random::new(self.seed, Stream::Identifiers).number() % FOUR;
        Base36((start + u64::from(place)) % FOUR, 4).to_compact_string()
    }
}

/// The place of a location that has so many others before it, onboarded or not.
pub(super) fn unknown_place(number: u32) -> u32 {
    UNKNOWN_PLACES.saturating_add(number)
}

/// Gives out transaction ids, each side counting for itself.
pub(super) struct Ids {
    names: Names,
    style: IdStyle,
    random: Random,
    payments: u64,
    sales: u64,
}

impl Ids {
    pub(super) fn new(names: Names, style: IdStyle) -> Self {
        // The sides are out of step from the start: an id is no hint at its partner's.
        Self {
            names,
            style,
            random: Random::new(names.seed, Stream::Identifiers),
            payments: 0,
            sales: 500,
        }
    }

    /// The next id of a sale, as the till gives it.
    pub(super) fn sale(&mut self) -> CompactString {
        self.sales += 1;
        match self.style {
            IdStyle::Counter => self.names.wide('S', self.sales, 9).to_compact_string(),
            IdStyle::Random => self.random.uuid(),
        }
    }

    /// The next id of a payment, of nine characters where there is no room for more.
    pub(super) fn payment(&mut self, nine_characters: bool) -> CompactString {
        self.payments += 1;
        match (self.style, nine_characters) {
            (IdStyle::Counter, false) => self.names.wide('P', self.payments, 9).to_compact_string(),
            (IdStyle::Random, false) => self.random.uuid(),
            (IdStyle::Counter, true) => {
                let number = Base36(self.payments % 36_u64.pow(5), 5);
                format_compact!("{}{number}", self.names.narrow())
            }
            (IdStyle::Random, true) => self.shuffled(),
        }
    }

    /// Looks random, and is another for each of the world's payments.
    fn shuffled(&self) -> CompactString {
        let start = Random::new(self.names.seed, Stream::Identifiers).number();
        let place = u128::from(self.payments) * u128::from(SHUFFLE) + u128::from(start);
        let place = u64::try_from(place % u128::from(NINE)).unwrap_or(0);
        Base36(place, 9).to_compact_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::networks::NETWORKS;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_fit_where_they_are_written() {
        let names = Names::new('w', u64::MAX);
        let network = &NETWORKS[1];
        assert!(names.mid(network, 2_040).len() <= 15);
        assert!(names.secondary(network, unknown_place(2_040)).len() <= 12);
        assert_eq!(names.psimi(network).len(), 6);
        assert_eq!(names.location(unknown_place(40), true).len(), 4);
        assert!(names.token(99_999_999).to_string().len() <= 30);
        for style in [IdStyle::Counter, IdStyle::Random] {
            let mut ids = Ids::new(names, style);
            let given: HashSet<_> = (0..1_000).map(|_| ids.payment(true)).collect();
            assert!(given.len() == 1_000 && given.iter().all(|id| id.len() == 9));
        }
        let ids = &mut Ids::new(Names::new('w', 42), IdStyle::Counter);
        assert_eq!(ids.payment(false), "Pw16.000000001");
        assert_eq!(ids.payment(true), "w01600002");
        assert_eq!(ids.sale(), "Sw16.000000501");
    }

    #[test]
    fn no_two_codes_are_the_same() {
        let codes: HashSet<String> = (0..20_000)
            .flat_map(|purchase| [Code::right(purchase), Code::wrong(purchase)])
            .map(|code| code.to_string())
            .collect();
        assert_eq!(codes.len(), 40_000);
        assert!(codes.iter().all(|code| code.len() == 6));
    }
}
