//! One purchase of a scheme, with what every feed will say of it.

use super::names::Code;
use super::networks::{NETWORKS, PaymentFeed};
use super::wallet::Card;
use crate::fault::Fault;
use crate::shops::Shop;
use harmonia_core::time::{Instant, Moment, WallClock};

/// Which feed of a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    Auth,
    Settled,
    /// The second part of what was sent in two: a settlement with an id of its own.
    SettledToo,
    Refund,
}

/// One purchase.
pub(super) struct Purchase {
    /// When it was made.
    pub(super) at: Instant,
    pub(super) fault: Option<Fault>,
    pub(super) card: Card,
    /// The place of the card's network among all.
    pub(super) network: usize,
    pub(super) shop: Shop,
    pub(super) paid: Vec<Paid>,
    pub(super) sale: Option<Sale>,
}

/// What a network's feed says of it.
pub(super) struct Paid {
    pub(super) which: Which,
    pub(super) at: Instant,
    pub(super) amount_minor: i64,
    pub(super) authorised_minor: i64,
    pub(super) code: Option<Code>,
    /// What the feed's clock showed, and what a reader makes of that.
    pub(super) wall: WallClock,
    pub(super) read: Moment,
    /// Whether the rule leads from it to the sale.
    pub(super) decidable: bool,
}

/// What the till says of it.
pub(super) struct Sale {
    pub(super) at: Instant,
    pub(super) shop: Shop,
    pub(super) amount_minor: i64,
    pub(super) gratuity_minor: i64,
    pub(super) code: Option<Code>,
    pub(super) wall: WallClock,
    pub(super) read: Moment,
}

/// The feed of a network that a payment is in. A network without refunds has none to be in.
pub(super) fn feed_of(network: usize, which: Which) -> &'static PaymentFeed {
    let network = &NETWORKS[network];
    match which {
        Which::Auth => &network.auth,
        Which::Settled | Which::SettledToo => &network.settled,
        Which::Refund => network.refund.as_ref().unwrap_or(&network.settled),
    }
}
