//! What a fault does to a purchase: drawn once, applied to whatever amount it is made of.

use crate::fault::Fault;
use crate::random::Random;
use crate::world::WORST_SKEW_US;
use harmonia_core::time::SECOND_US;

/// How much a wrongly reported amount can be off, in minor units.
const WORST_DIFFERENCE_MINOR: i64 = 500;

/// Where an auth code is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    AtNetwork,
    AtTill,
}

/// What goes wrong with a purchase, and by how much.
#[derive(Clone, Copy)]
pub(super) struct Mishap {
    pub(super) fault: Option<Fault>,
    /// By how much the till's clock is wrong.
    pub(super) skew_us: i64,
    /// By how much the till's amount is wrong.
    difference_minor: i64,
    /// How much of the amount a tip, a partial capture, or the first part of two is.
    percent: i64,
    pub(super) missing_code: Option<Missing>,
    /// Whether something was given on top of the bill, where the till knows such a thing.
    pub(super) generous: bool,
    /// How much later a refund is made.
    pub(super) refund_after_us: i64,
}

/// The amounts of one purchase, in minor units.
pub(super) struct Amounts {
    pub(super) authorised: i64,
    /// One settlement, or the two of what was sent in parts.
    pub(super) settled: [Option<i64>; 2],
    pub(super) rung_up: i64,
    /// What of that was given on top of the bill.
    pub(super) gratuity: i64,
}

impl Mishap {
    /// `has_sale`: without one, what is missing is missing at the network.
    pub(super) fn draw(fault: Option<Fault>, has_sale: bool, random: &mut Random) -> Self {
        // Drawn whether needed or not, so that one fault more or less changes no other purchase.
        let skew = either_way(random.between(1, WORST_SKEW_US / SECOND_US), random) * SECOND_US;
        let difference = either_way(random.between(1, WORST_DIFFERENCE_MINOR), random);
        let (tip, part) = (random.between(5, 20), random.between(30, 70));
        let side = if random.coin() || !has_sale {
            Missing::AtNetwork
        } else {
            Missing::AtTill
        };
        let only = |wanted: Fault, value: i64| if fault == Some(wanted) { value } else { 0 };
        Self {
            fault,
            skew_us: only(Fault::ClockSkew, skew),
            difference_minor: only(Fault::WrongAmount, difference),
            percent: if fault == Some(Fault::Tips) {
                tip
            } else {
                part
            },
            missing_code: (fault == Some(Fault::MissingAuthCode)).then_some(side),
            generous: random.coin(),
            refund_after_us: random.between(3_600, 10 * 86_400) * SECOND_US,
        }
    }

    /// The amounts of a purchase that is authorised for so much. Nobody reports nothing or less,
    /// nor less than a till reports at all: rather than that, it is wrong the other way.
    pub(super) fn amounts(&self, authorised: i64, till: TillHabits) -> Amounts {
        let part = (authorised * self.percent / 100).max(1);
        let settled = match self.fault {
            Some(Fault::Tips) => [Some(authorised + part), None],
            Some(Fault::PartialCapture) => [Some(part), None],
            Some(Fault::SplitShipment) => [Some(part), Some(authorised - part)],
            _ => [Some(authorised), None],
        };
        let wrong = authorised + self.difference_minor;
        let rung_up = match self.fault {
            Some(Fault::Tips) if till.has_gratuity => authorised + part,
            _ if wrong < till.least_minor.max(1) => authorised - self.difference_minor,
            _ => wrong,
        };
        let gratuity = match self.fault {
            _ if !till.has_gratuity => 0,
            Some(Fault::Tips) => part,
            _ if self.generous => rung_up / 11,
            _ => 0,
        };
        Amounts {
            authorised,
            settled,
            rung_up,
            gratuity,
        }
    }
}

/// What matters of a till where amounts are concerned.
#[derive(Clone, Copy)]
pub(super) struct TillHabits {
    pub(super) least_minor: i64,
    pub(super) has_gratuity: bool,
}

fn either_way(size: i64, random: &mut Random) -> i64 {
    if random.coin() { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn amounts(fault: Fault, has_gratuity: bool) -> Vec<Amounts> {
        let mut random = Random::new(1, Stream::Purchases);
        let till = TillHabits {
            least_minor: 500,
            has_gratuity,
        };
        let mut of = |amount| Mishap::draw(Some(fault), true, &mut random).amounts(amount, till);
        (500..600).map(&mut of).collect()
    }

    #[test]
    fn a_tip_settles_for_more_and_only_some_tills_know_of_it() {
        for one in amounts(Fault::Tips, true) {
            assert_eq!(one.settled, [Some(one.rung_up), None]);
            assert_eq!(one.gratuity, one.rung_up - one.authorised);
            assert!(one.gratuity > 0);
        }
        for one in amounts(Fault::Tips, false) {
            assert_eq!(one.rung_up, one.authorised);
            assert!(one.settled[0] > Some(one.authorised) && one.gratuity == 0);
        }
    }

    #[test]
    fn parts_are_something_and_make_up_the_whole() {
        for one in amounts(Fault::SplitShipment, false) {
            let [Some(first), Some(second)] = one.settled else {
                panic!("two parts");
            };
            assert!(first > 0 && second > 0 && first + second == one.authorised);
        }
        for one in amounts(Fault::PartialCapture, false) {
            assert!(one.settled[0] > Some(0) && one.settled[0] < Some(one.authorised));
            assert_eq!(one.rung_up, one.authorised);
        }
    }

    #[test]
    fn a_wrong_amount_is_wrong_and_not_less_than_a_till_reports() {
        for one in amounts(Fault::WrongAmount, false) {
            assert!(one.rung_up >= 500 && one.rung_up != one.authorised);
        }
    }
}
