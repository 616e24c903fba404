//! The cards that shoppers pay with, most of them linked to a loyalty account, some to none.

use crate::SCHEME;
use crate::random::{Random, Stream};
use std::fmt;
use std::io::{self, Write};

/// A payment card; shown as its token, as the network's feed writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    seed: u64,
    number: u64,
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{}.{:08}", self.seed, self.number)
    }
}

/// All cards of a world. None is held in memory: a card is its number.
pub(crate) struct Cards {
    seed: u64,
    linked: u64,
    unlinked: u64,
}

const PURCHASES_A_CARD: u64 = 5;
const FEWEST_CARDS: u64 = 20;
const LINKED_TO_ONE_UNLINKED: u64 = 20;

/// Issuers: the first six digits of numbers reserved for tests.
const ISSUERS: [&str; 6] = ["400000", "424242", "411111", "510510", "555555", "222300"];

/// The header of `cards.csv`.
pub(crate) const HEADER: [&str; 11] = [
    "card_token",
    "scheme_slug",
    "loyalty_id",
    "user_id",
    "scheme_account_id",
    "payment_card_account_id",
    "first_six",
    "last_four",
    "expiry_month",
    "expiry_year",
    "credentials",
];

impl Cards {
    pub(crate) fn new(purchases: u64, seed: u64) -> Self {
        let linked = (purchases / PURCHASES_A_CARD).max(FEWEST_CARDS);
        Self {
            seed,
            linked,
            unlinked: linked / LINKED_TO_ONE_UNLINKED,
        }
    }

    /// How many cards `cards.csv` has.
    pub(crate) fn linked(&self) -> u64 {
        self.linked
    }

    /// A card that `cards.csv` links to an account: a regular's, more often than not.
    pub(crate) fn any(&self, random: &mut Random) -> Card {
        self.card(random.rather_small(self.linked))
    }

    /// A card that `cards.csv` lacks.
    pub(crate) fn any_unlinked(&self, random: &mut Random) -> Card {
        self.card(self.linked + random.below(self.unlinked))
    }

    /// Writes `cards.csv`: what `harmonia cards import` takes.
    pub(crate) fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut random = Random::new(self.seed, Stream::Cards);
        let mut table = csv::Writer::from_writer(out);
        table.write_record(HEADER)?;
        for number in 0..self.linked {
            self.write_row(number, &mut random, &mut table)?;
        }
        table.flush()
    }

    fn write_row<W: Write>(
        &self,
        number: u64,
        random: &mut Random,
        table: &mut csv::Writer<W>,
    ) -> io::Result<()> {
        let loyalty_id = format!("L{}.{number:08}", self.seed);
        let issuer = ISSUERS[random.below(ISSUERS.len() as u64) as usize];
        table.write_record([
            self.card(number).to_string().as_str(),
            SCHEME,
            &loyalty_id,
            &format!("{}", 1 + number),
            &format!("{}", 100_000_001 + number),
            &format!("{}", 200_000_001 + number),
            issuer,
            &format!("{:04}", random.below(10_000)),
            &format!("{}", random.between(1, 12)),
            &format!("{}", random.between(2027, 2031)),
            &format!(r#"{{"card_number":"{loyalty_id}"}}"#),
        ])?;
        Ok(())
    }

    fn card(&self, number: u64) -> Card {
        Card {
            seed: self.seed,
            number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_cards_are_in_the_table_and_others_are_not() {
        let cards = Cards::new(100, 7);
        let mut table = Vec::new();
        cards.write_csv(&mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert_eq!(table.lines().count(), 21);
        let mut random = Random::new(1, Stream::Purchases);
        assert!(table.contains(&cards.any(&mut random).to_string()));
        assert!(!table.contains(&cards.any_unlinked(&mut random).to_string()));
        assert!(table.contains(r#","{""card_number"":""L7.00000000""}""#));
    }
}
