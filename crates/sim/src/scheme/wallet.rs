//! The cards of a scheme's customers, each of one network.

use super::merchants::Scheme;
use super::names::{Names, WideName};
use super::networks::{NETWORKS, Network};
use super::rule::Digits;
use crate::cards::HEADER;
use crate::random::{Random, Stream};
use compact_str::{CompactString, format_compact};
use std::io::{self, Write};

const PURCHASES_A_CARD: u64 = 5;
const FEWEST_CARDS: u64 = 30;
const LINKED_TO_ONE_UNLINKED: u64 = 20;

/// Which card.
#[derive(Clone, Copy)]
pub(super) struct Card(u64);

/// All cards of a world. None is held in memory: what a card is follows from its number.
pub(super) struct Wallet {
    names: Names,
    seed: u64,
    /// The places of the networks that there are.
    networks: Vec<usize>,
    linked: u64,
}

impl Wallet {
    pub(super) fn new(names: Names, seed: u64, purchases: u64, networks: Vec<usize>) -> Self {
        Self {
            names,
            seed,
            networks,
            linked: (purchases / PURCHASES_A_CARD).max(FEWEST_CARDS),
        }
    }

    /// How many cards `cards.csv` has.
    pub(super) fn linked(&self) -> u64 {
        self.linked
    }

    /// The places of the networks that there are.
    pub(super) fn networks(&self) -> &[usize] {
        &self.networks
    }

    /// A card that is linked to an account: a regular's, more often than not.
    pub(super) fn any(&self, random: &mut Random) -> Card {
        Card(random.rather_small(self.linked))
    }

    /// Such a card of the same network as another.
    pub(super) fn any_like(&self, card: Card, random: &mut Random) -> Card {
        let networks = self.networks.len() as u64;
        let round = random.below(self.linked / networks);
        Card(round * networks + card.0 % networks)
    }

    /// A card that nobody has linked.
    pub(super) fn any_unlinked(&self, random: &mut Random) -> Card {
        let unlinked = (self.linked / LINKED_TO_ONE_UNLINKED).max(self.networks.len() as u64);
        Card(self.linked + random.below(unlinked))
    }

    /// The place of its network among all.
    pub(super) fn network_of(&self, card: Card) -> usize {
        self.networks[(card.0 % self.networks.len() as u64) as usize]
    }

    /// What its network calls it.
    pub(super) fn token(&self, card: Card) -> WideName {
        self.names.token(card.0)
    }

    /// Its first six and last four digits; nobody knows the others.
    pub(super) fn digits(&self, card: Card) -> Digits {
        let mut random = Random::numbered(self.seed, Stream::Cards, card.0);
        let issuers = self.network(card).issuers;
        let first_six = issuers[random.below(issuers.len() as u64) as usize];
        (first_six, last_four(&mut random))
    }

    fn network(&self, card: Card) -> &'static Network {
        &NETWORKS[self.network_of(card)]
    }

    /// Writes `cards.csv`: what `harmonia cards import` takes.
    pub(super) fn write_csv(&self, scheme: &Scheme, out: &mut impl Write) -> io::Result<()> {
        let mut random = Random::new(self.seed, Stream::Cards);
        let mut table = csv::Writer::from_writer(out);
        table.write_record(HEADER)?;
        for number in 0..self.linked {
            let loyalty_id = self.names.loyalty_id(number).to_string();
            let (first_six, last_four) = self.digits(Card(number));
            table.write_record([
                self.names.token(number).to_string().as_str(),
                scheme.slug,
                &loyalty_id,
                &format!("{}", 1 + number),
                &format!("{}", 100_000_001 + number),
                &format!("{}", 200_000_001 + number),
                first_six,
                &last_four,
                &format!("{}", random.between(1, 12)),
                &format!("{}", random.between(2027, 2031)),
                &credentials(&loyalty_id),
            ])?;
        }
        table.flush()
    }
}

fn last_four(random: &mut Random) -> CompactString {
    format_compact!("{:04}", random.below(10_000))
}

/// What merchants ask for to know an account again.
fn credentials(loyalty_id: &str) -> String {
    let credentials = serde_json::json!({
        "card_number": loyalty_id,
        "merchant_identifier": loyalty_id,
        "email": format!("{}@example.invalid", loyalty_id.to_lowercase()),
    });
    credentials.to_string()
}
