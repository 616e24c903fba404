//! The cards that were asked about lately, so that whose they are need not be looked up again with
//! each batch: for both databases. Credentials are remembered as they lie in the table, sealed.

use harmonia_core::changes::CardInScheme;
use harmonia_core::identify::CardLink;
use hashbrown::HashMap;
use std::mem;

/// How many cards of each generation are remembered: at about 300 bytes each, 20 MiB in all.
const GENERATION: usize = 32 * 1024;

/// The cards that were asked about lately, as the table was at one revision.
///
/// Two generations: when the newer is full it becomes the older, and the older is forgotten. A card
/// that is asked about again moves to the newer one, so regulars stay.
#[derive(Default)]
pub struct RecentCards {
    revision: i64,
    newer: HashMap<CardInScheme, Linked>,
    older: HashMap<CardInScheme, Linked>,
}

/// A row of the table. The link's own credentials are left out: they are beside it, sealed.
#[derive(Clone)]
pub struct Linked {
    /// What is known of the card, but for the credentials.
    pub link: CardLink,
    /// The credentials, sealed for their place in the table.
    pub sealed: Option<Box<[u8]>>,
}

impl RecentCards {
    /// Forgets everything when the table has changed since.
    pub fn hold(&mut self, revision: i64) {
        if self.revision != revision {
            *self = Self {
                revision,
                ..Self::default()
            };
        }
    }

    /// What is remembered of a card.
    pub fn get(&mut self, card: &CardInScheme) -> Option<&Linked> {
        if let Some((card, linked)) = self.older.remove_entry(card) {
            self.insert(card, linked);
        }
        self.newer.get(card)
    }

    /// Remembers a card.
    pub fn insert(&mut self, card: CardInScheme, linked: Linked) {
        if self.newer.len() >= GENERATION {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.insert(card, linked);
    }
}
