//! The purchases of a scheme, one after the other, each with what every feed will say of it.
//!
//! The truth must be known, so purchases are kept apart: none is made that the scheme's rule could
//! mistake for another, from any of its payments, unless that is the fault.

use super::clocks::{Clock, Clocks};
use super::estate::Estate;
use super::merchants::{Scheme, TillFeed};
use super::mishap::{Amounts, Mishap, Missing, TillHabits};
use super::names::Code;
use super::networks::NETWORKS;
use super::purchase::{Paid, Purchase, Sale, Which, feed_of};
use super::rule::{Sight, Sights, Taken, keeps};
use super::visits::Visits;
use super::wallet::{Card, Wallet};
use crate::fault::{Fault, FaultRates};
use crate::options::Options;
use crate::prices;
use crate::random::{Random, Stream};
use crate::shops::Shop;
use crate::world::WORST_SKEW_US;
use harmonia_core::time::{Instant, MINUTE_US, SECOND_US};

/// How often another amount is drawn for a purchase that could be mistaken for another.
const AMOUNTS_TRIED: u32 = 8;

/// Who buys where, and what goes wrong; not yet for how much.
#[derive(Clone, Copy)]
struct Visit {
    at: Instant,
    number: u64,
    shop: Shop,
    till_shop: Shop,
    card: Card,
    mishap: Mishap,
}

/// All purchases of a scheme's world, in the order in which they are made.
pub(super) struct Trade<'a> {
    scheme: &'static Scheme,
    clocks: &'a Clocks,
    estate: &'a Estate,
    wallet: &'a Wallet,
    faults: &'a FaultRates,
    random: Random,
    visits: Visits,
    taken: Taken,
    made: u64,
    /// The second of two ambiguous purchases, when the first was just made.
    twin: Option<Purchase>,
}

impl<'a> Trade<'a> {
    pub(super) fn new(
        scheme: &'static Scheme,
        options: &'a Options,
        clocks: &'a Clocks,
        estate: &'a Estate,
        wallet: &'a Wallet,
    ) -> Self {
        Self {
            scheme,
            clocks,
            estate,
            wallet,
            faults: &options.faults,
            random: Random::new(options.seed, Stream::Purchases),
            visits: Visits::new(options),
            taken: Taken::default(),
            made: 0,
            twin: None,
        }
    }

    fn visit(&mut self, at: Instant, by_night: bool) -> Visit {
        let card = self.wallet.any(&mut self.random);
        let drawn = self.faults.draw(&mut self.random);
        let fault = if by_night {
            Some(Fault::DaylightSaving)
        } else {
            self.possible(drawn, card)
        };
        let shop = match fault {
            Some(Fault::UnknownMid) => self.estate.any_unknown(&mut self.random),
            _ => self.estate.any(&mut self.random),
        };
        let till_shop = match fault {
            Some(Fault::WrongMid) => self.estate.another(shop, &mut self.random),
            _ => shop,
        };
        let card = match fault {
            Some(Fault::UnlinkedCard) => self.wallet.any_unlinked(&mut self.random),
            _ => card,
        };
        let has_sale = self.till_of(card).is_some();
        Visit {
            at,
            number: self.next_number(),
            shop,
            till_shop,
            card,
            mishap: Mishap::draw(fault, has_sale, &mut self.random),
        }
    }

    /// A fault that can befall a purchase by this card; with what cannot, nothing goes wrong.
    fn possible(&mut self, fault: Option<Fault>, card: Card) -> Option<Fault> {
        let fault = fault?;
        let network = &NETWORKS[self.wallet.network_of(card)];
        let possible = match fault {
            Fault::Refund => network.refund.is_some(),
            _ => !fault.concerns_sale() || self.till_of(card).is_some(),
        };
        // An ambiguous purchase takes the next visitor with it, who comes early.
        (possible && (fault != Fault::Ambiguous || self.visits.next(self.clocks).is_some()))
            .then_some(fault)
    }

    fn next_number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// The till that reports what is bought with a card, if one does.
    fn till_of(&self, card: Card) -> Option<&'static TillFeed> {
        let network = self.wallet.network_of(card);
        let till = self.scheme.till.as_ref();
        till.filter(|till| !till.card_words[network].is_empty())
    }

    /// Makes a purchase, or the two of an ambiguous one, of an amount at which neither can be
    /// mistaken for something else; remembers it, and gives the first.
    fn purchase(&mut self, visit: Visit) -> Purchase {
        let twin = (visit.mishap.fault == Some(Fault::Ambiguous)).then(|| Visit {
            card: self.wallet.any_like(visit.card, &mut self.random),
            number: self.next_number(),
            ..visit
        });
        let least = self.till_of(visit.card).map_or(1, |till| till.least_minor);
        let mut amount_minor = price(least, &mut self.random);
        let mut tried = 1;
        loop {
            let one = self.made_of(&visit, amount_minor);
            let other = twin.map(|twin| self.made_of(&twin, amount_minor));
            if !self.is_confused(&one) && !other.as_ref().is_some_and(|it| self.is_confused(it)) {
                return self.keep(one, other);
            }
            amount_minor = if tried < AMOUNTS_TRIED {
                price(least, &mut self.random)
            } else {
                // So crowded a shop is searched penny by penny: a free amount is found in the end.
                amount_minor + 1
            };
            tried += 1;
        }
    }

    fn is_confused(&self, purchase: &Purchase) -> bool {
        let sights = self.sights(purchase);
        self.taken.confuses(self.scheme, self.clocks, &sights)
    }

    /// Remembers what was made; says of each payment whether it can be decided.
    fn keep(&mut self, mut one: Purchase, mut other: Option<Purchase>) -> Purchase {
        let sights = self.sights(&one);
        if let Some(other) = &mut other {
            let of_other = self.sights(other);
            self.decide(&mut one, &sights, of_other.sale.as_ref());
            self.decide(other, &of_other, sights.sale.as_ref());
            self.taken.add(of_other);
        } else {
            self.decide(&mut one, &sights, None);
        }
        self.taken.add(sights);
        self.twin = other;
        one
    }

    fn decide(&self, purchase: &mut Purchase, sights: &Sights, other_sale: Option<&Sight>) {
        let known = !matches!(
            purchase.fault,
            Some(Fault::UnlinkedCard | Fault::UnknownMid)
        );
        let kept = |payment: &Sight, sale: Option<&Sight>| {
            sale.is_some_and(|sale| keeps(self.scheme, self.clocks, payment, sale))
        };
        for (paid, sight) in purchase.paid.iter_mut().zip(&sights.payments) {
            let right = kept(sight, sights.sale.as_ref());
            paid.decidable = known && right && !kept(sight, other_sale);
        }
    }

    /// A purchase of so much, as every feed will tell it.
    fn made_of(&self, visit: &Visit, amount_minor: i64) -> Purchase {
        let Visit { card, mishap, .. } = *visit;
        let till = self.till_of(card);
        let habits = till.map_or(
            TillHabits {
                least_minor: 1,
                has_gratuity: false,
            },
            |till| TillHabits {
                least_minor: till.least_minor,
                has_gratuity: till.has_gratuity,
            },
        );
        let amounts = mishap.amounts(amount_minor, habits);
        let till = till.filter(|_| mishap.fault != Some(Fault::NoSale));
        Purchase {
            at: visit.at,
            fault: mishap.fault,
            card,
            network: self.wallet.network_of(card),
            shop: visit.shop,
            paid: self.payments(visit, &amounts),
            sale: till.map(|till| self.sale(visit, &amounts, till)),
        }
    }

    fn payments(&self, visit: &Visit, amounts: &Amounts) -> Vec<Paid> {
        let mishap = visit.mishap;
        if mishap.fault == Some(Fault::NoPayment) {
            return Vec::new();
        }
        let [first, second] = amounts.settled;
        let refund = (mishap.fault == Some(Fault::Refund)).then_some(amounts.authorised);
        let all = [
            (Which::Auth, Some(amounts.authorised)),
            (Which::Settled, first),
            (Which::SettledToo, second),
            (Which::Refund, refund),
        ];
        let paid = |(which, amount_minor): (Which, Option<i64>)| {
            Some(self.paid(visit, which, amount_minor?, amounts.authorised))
        };
        all.into_iter().filter_map(paid).collect()
    }

    fn paid(&self, visit: &Visit, which: Which, amount_minor: i64, authorised_minor: i64) -> Paid {
        let network = &NETWORKS[self.wallet.network_of(visit.card)];
        let feed = feed_of(self.wallet.network_of(visit.card), which);
        let clock = match which {
            // One network writes each merchant's authorisations by that merchant's clock.
            Which::Auth if feed.clock == Clock::Utc => self.scheme.visa_auth_clock,
            _ => feed.clock,
        };
        let at = match which {
            // Where the day is part of the id, a refund has that of what it gives back.
            Which::Refund if !network.settled.short_ids => {
                visit.at.plus(visit.mishap.refund_after_us)
            }
            _ => visit.at,
        };
        let wall = self.clocks.wall(clock, at);
        let code = Code::right(visit.number);
        Paid {
            which,
            at,
            amount_minor,
            authorised_minor,
            code: (visit.mishap.missing_code != Some(Missing::AtNetwork)).then_some(code),
            wall,
            read: self.clocks.read(clock, wall),
            decidable: false,
        }
    }

    fn sale(&self, visit: &Visit, amounts: &Amounts, till: &TillFeed) -> Sale {
        let at = visit.at.plus(visit.mishap.skew_us);
        let missing = self.clocks.missing_wall(at);
        let wall = missing
            .filter(|_| till.clock == Clock::London)
            .unwrap_or_else(|| self.clocks.wall(till.clock, at));
        let code = match visit.mishap.fault {
            Some(Fault::WrongAuthCode) => Code::wrong(visit.number),
            _ => Code::right(visit.number),
        };
        Sale {
            at,
            shop: visit.till_shop,
            amount_minor: amounts.rung_up,
            gratuity_minor: amounts.gratuity,
            code: (visit.mishap.missing_code != Some(Missing::AtTill)).then_some(code),
            wall,
            read: self.clocks.read(till.clock, wall),
        }
    }

    /// What a matcher sees of a purchase. A refund is never the same purchase.
    fn sights(&self, purchase: &Purchase) -> Sights {
        let digits = self.wallet.digits(purchase.card);
        let network = purchase.network;
        let payments = purchase.paid.iter().map(|paid| {
            let feed = feed_of(network, paid.which);
            Sight {
                network,
                place: self.estate.place(purchase.shop),
                amount_minor: match paid.which {
                    Which::Refund => -paid.amount_minor,
                    _ => paid.amount_minor,
                },
                when: paid.read,
                code: paid.code.filter(|_| feed.has_code),
                digits: feed.has_digits.then(|| digits.clone()),
            }
        });
        let sale = purchase.sale.as_ref().map(|sale| Sight {
            network,
            place: self.estate.place(sale.shop),
            amount_minor: sale.amount_minor,
            when: sale.read,
            code: sale.code,
            digits: Some(digits.clone()),
        });
        Sights {
            payments: payments.collect(),
            sale,
        }
    }

    /// Nothing earlier is read of any later purchase, nor compared with one.
    fn forget_before(&mut self, at: Instant) {
        let tolerance_us = self.scheme.tolerance_seconds * SECOND_US + MINUTE_US;
        let reach_us = WORST_SKEW_US + tolerance_us;
        self.taken.forget_before(at.plus(-reach_us), 2 * reach_us);
    }
}

/// What something costs that is sold for at least so much, in minor units.
fn price(least_minor: i64, random: &mut Random) -> i64 {
    let price = prices::draw(random);
    if price < least_minor {
        price + least_minor
    } else {
        price
    }
}

impl Iterator for Trade<'_> {
    type Item = Purchase;

    fn next(&mut self) -> Option<Purchase> {
        if let Some(twin) = self.twin.take() {
            return Some(twin);
        }
        let (at, by_night) = self.visits.next(self.clocks)?;
        self.forget_before(at);
        let visit = self.visit(at, by_night);
        Some(self.purchase(visit))
    }
}
