//! The purchases themselves, one after the other, each with what the network saw and what the till
//! saw.
//!
//! The truth must be known, so the world keeps its purchases apart: the same shop, amount and
//! second is never seen twice, by the network or by any till, unless that is the fault.
//! Near-collisions (the same shop and amount, seconds apart) are left alone; they are many, and the
//! matcher's daily bread.

use crate::arrivals::Arrivals;
use crate::cards::{Card, Cards};
use crate::fault::{Fault, FaultRates};
use crate::options::Options;
use crate::prices;
use crate::random::{Random, Stream};
use crate::shops::{Shop, Shops};
use harmonia_core::time::{Instant, SECOND_US};
use hashbrown::HashSet;

/// How wrong a till's clock can be, in seconds.
const WORST_SKEW_SECONDS: i64 = 300;

/// The same in microseconds: nothing is seen earlier than this before its purchase.
pub(crate) const WORST_SKEW_US: i64 = WORST_SKEW_SECONDS * SECOND_US;

/// How much a wrongly reported amount can be off, in minor units.
const WORST_DIFFERENCE_MINOR: i64 = 500;

/// How often another amount is drawn for a purchase that could be mistaken for another.
const AMOUNTS_TRIED: u32 = 8;

/// One purchase.
#[derive(Clone)]
pub(crate) struct Purchase {
    pub(crate) shop: Shop,
    pub(crate) card: Card,
    pub(crate) fault: Option<Fault>,
    /// When it was made, by the network's clock.
    pub(crate) paid: Seen,
    /// The same by the till's.
    pub(crate) rung_up: Seen,
}

/// What one side saw of a purchase.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) amount_minor: i64,
}

/// All purchases of a world, in the order in which they are made.
pub(crate) struct World<'a> {
    shops: &'a Shops,
    cards: &'a Cards,
    faults: &'a FaultRates,
    random: Random,
    arrivals: Arrivals,
    taken: Taken,
    /// The second of two ambiguous purchases, when the first was just made.
    twin: Option<Purchase>,
}

impl<'a> World<'a> {
    pub(crate) fn new(options: &'a Options, shops: &'a Shops, cards: &'a Cards) -> Self {
        Self {
            shops,
            cards,
            faults: &options.faults,
            random: Random::new(options.seed, Stream::Purchases),
            arrivals: Arrivals::new(options),
            taken: Taken::default(),
            twin: None,
        }
    }

    fn purchase(&mut self, at: Instant) -> Purchase {
        let fault = self.fault();
        let shop = match fault {
            Some(Fault::UnknownMid) => self.shops.any_unknown(&mut self.random),
            _ => self.shops.any(&mut self.random),
        };
        let card = match fault {
            Some(Fault::UnlinkedCard) => self.cards.any_unlinked(&mut self.random),
            _ => self.cards.any(&mut self.random),
        };
        let (paid, rung_up) = self.sightings(at, shop, fault);
        let purchase = Purchase {
            shop,
            card,
            fault,
            paid,
            rung_up,
        };
        if fault == Some(Fault::Ambiguous) {
            let card = self.cards.any(&mut self.random);
            self.twin = Some(Purchase {
                card,
                ..purchase.clone()
            });
        }
        purchase
    }

    /// The next fault. An ambiguous purchase takes the next arrival with it, who comes early; with
    /// nobody left to come, nothing goes wrong.
    fn fault(&mut self) -> Option<Fault> {
        let fault = self.faults.draw(&mut self.random)?;
        if fault == Fault::Ambiguous {
            self.arrivals.next()?;
        }
        Some(fault)
    }

    /// What network and till see, of an amount at which neither can be mistaken for something else.
    fn sightings(&mut self, at: Instant, shop: Shop, fault: Option<Fault>) -> (Seen, Seen) {
        let error = TillError::draw(fault, &mut self.random);
        let mut amount_minor = prices::draw(&mut self.random);
        let mut tried = 1;
        loop {
            let paid = Seen { at, amount_minor };
            let rung_up = error.applied_to(paid);
            if self.taken.take(shop, paid, rung_up) {
                return (paid, rung_up);
            }
            amount_minor = if tried < AMOUNTS_TRIED {
                prices::draw(&mut self.random)
            } else {
                // So crowded a shop is searched penny by penny: a free amount is found in the end.
                amount_minor + 1
            };
            tried += 1;
        }
    }
}

impl Iterator for World<'_> {
    type Item = Purchase;

    fn next(&mut self) -> Option<Purchase> {
        if let Some(twin) = self.twin.take() {
            return Some(twin);
        }
        let at = self.arrivals.next()?;
        self.taken.forget_before(at.plus(-WORST_SKEW_US));
        Some(self.purchase(at))
    }
}

/// By how much a till is wrong.
#[derive(Default)]
struct TillError {
    skew_seconds: i64,
    difference_minor: i64,
}

impl TillError {
    fn draw(fault: Option<Fault>, random: &mut Random) -> Self {
        match fault {
            Some(Fault::ClockSkew) => {
                let size = random.between(1, WORST_SKEW_SECONDS);
                Self {
                    skew_seconds: either_way(size, random),
                    ..Self::default()
                }
            }
            Some(Fault::WrongAmount) => {
                let size = random.between(1, WORST_DIFFERENCE_MINOR);
                Self {
                    difference_minor: either_way(size, random),
                    ..Self::default()
                }
            }
            _ => Self::default(),
        }
    }

    /// What the till makes of a purchase. It never reports nothing or less: rather than that, it is
    /// wrong the other way.
    fn applied_to(&self, paid: Seen) -> Seen {
        let Seen { at, amount_minor } = paid;
        let possible = amount_minor + self.difference_minor > 0;
        let difference = if possible {
            self.difference_minor
        } else {
            -self.difference_minor
        };
        Seen {
            at: at.plus(self.skew_seconds * SECOND_US),
            amount_minor: amount_minor + difference,
        }
    }
}

fn either_way(size: i64, random: &mut Random) -> i64 {
    if random.coin() { size } else { -size }
}

/// What was seen lately, or will be: by this alone the rule tells one purchase from another.
#[derive(Default)]
struct Taken {
    seen: HashSet<(Shop, i64, Instant)>,
    /// When it is worth forgetting again.
    next_forgetting: Option<Instant>,
}

impl Taken {
    /// Takes both sightings, if both are free; otherwise neither.
    fn take(&mut self, shop: Shop, paid: Seen, rung_up: Seen) -> bool {
        let sightings = [paid, rung_up].map(|seen| (shop, seen.amount_minor, seen.at));
        let free = sightings
            .iter()
            .all(|sighting| !self.seen.contains(sighting));
        if free {
            self.seen.extend(sightings);
        }
        free
    }

    /// Forgets what is older than `horizon`, now and then: no more than twice what must be kept is.
    fn forget_before(&mut self, horizon: Instant) {
        if self.next_forgetting.is_none_or(|due| horizon >= due) {
            self.seen.retain(|(_, _, at)| *at >= horizon);
            self.next_forgetting = Some(horizon.plus(2 * WORST_SKEW_US));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purchases(options: &Options) -> Vec<Purchase> {
        let shops = Shops::new(options.purchases, options.seed);
        let cards = Cards::new(options.purchases, options.seed);
        World::new(options, &shops, &cards).collect()
    }

    fn crowded(faults: FaultRates) -> Options {
        Options {
            days: 1,
            faults,
            ..Options::new(20_000, 5)
        }
    }

    #[test]
    fn only_ambiguous_purchases_can_be_mistaken_for_each_other() {
        // A quarter of the clocks and of the amounts wrong, in five shops' worth of a day's trade.
        let faults = FaultRates::default()
            .with(Fault::ClockSkew, 250_000)
            .with(Fault::WrongAmount, 250_000);
        let mut seen: HashSet<(Shop, i64, Instant)> = HashSet::new();
        let mut twins = 0;
        for purchase in purchases(&crowded(faults)) {
            let Purchase {
                shop,
                paid,
                rung_up,
                ..
            } = purchase;
            let mut sightings = vec![(shop, paid.amount_minor, paid.at)];
            let rung_up = (shop, rung_up.amount_minor, rung_up.at);
            if rung_up != sightings[0] {
                sightings.push(rung_up);
            }
            for sighting in sightings {
                let first = seen.insert(sighting);
                assert!(first || purchase.fault == Some(Fault::Ambiguous));
                twins += u32::from(!first);
            }
        }
        assert!(twins > 0);
    }

    #[test]
    fn near_collisions_are_common() {
        let purchases = purchases(&crowded(FaultRates::NONE));
        let apart: HashSet<_> = purchases
            .iter()
            .map(|each| (each.shop, each.paid.amount_minor))
            .collect();
        assert!(
            apart.len() < purchases.len() / 2,
            "{} of {}",
            apart.len(),
            purchases.len()
        );
    }

    #[test]
    fn a_wrong_till_is_wrong_and_still_takes_money() {
        let faults = FaultRates::NONE
            .with(Fault::WrongAmount, 500_000)
            .with(Fault::ClockSkew, 500_000);
        for Purchase { paid, rung_up, .. } in purchases(&crowded(faults)) {
            assert!(rung_up.amount_minor > 0);
            let skew = (rung_up.at.0 - paid.at.0).abs();
            let difference = (rung_up.amount_minor - paid.amount_minor).abs();
            assert!((skew == 0) != (difference == 0));
            assert!(skew <= WORST_SKEW_US && difference <= WORST_DIFFERENCE_MINOR);
        }
    }

    #[test]
    fn ambiguous_purchases_come_in_twos() {
        let faults = FaultRates::NONE.with(Fault::Ambiguous, 1_000_000);
        let options = Options {
            faults,
            ..Options::new(101, 5)
        };
        let purchases = purchases(&options);
        assert_eq!(purchases.len(), 101);
        for twins in purchases[..100].chunks(2) {
            assert_eq!(twins[0].paid.at, twins[1].paid.at);
            assert_eq!(twins[0].paid.amount_minor, twins[1].paid.amount_minor);
        }
        assert_eq!(purchases[100].fault, None);
    }
}
