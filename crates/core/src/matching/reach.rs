//! Which sales a payment's rule could accept at all: a range of stored times.
//!
//! (scheme, MID, amount) alone would make the busiest shop quadratic. Every rule that asks for a
//! time or a day bounds the range, so candidates are loaded by it, through an index that ends in
//! the date. What lies in reach may still fail its filters; what lies outside cannot pass.

use super::filter::{Filter, span};
use super::rules::{Rule, Rules};
use super::{Payment, Sale};
use crate::time::{HOUR_US, Instant, MINUTE_US, Moment, Precision, Zone};

/// Stored instants from the first to the last, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The first.
    pub from: Instant,
    /// The last.
    pub to: Instant,
}

/// No local day is longer: one of 27 hours is the longest there was, when Casey went back by three.
pub(super) const LONGEST_DAY_US: i64 = 28 * HOUR_US;
/// No local day is shorter.
pub(super) const SHORTEST_DAY_US: i64 = 20 * HOUR_US;

impl Reach {
    /// All of time: a rule that asks for neither a time nor a day.
    pub const ALL: Self = Self {
        from: Instant(i64::MIN),
        to: Instant(i64::MAX),
    };

    /// Where the stored instants of the sales a payment's rule could accept lie, for sales known
    /// to the minute or better.
    pub fn of_payment(payment: &Payment, rule: &Rule, rules: &Rules) -> Self {
        let mut reach = Self::ALL;
        for step in &rule.keep {
            for filter in step.for_payment(payment) {
                reach = reach.meet(filter_reach(*filter, payment.when, rules));
            }
        }
        // A sale known to the minute is stored at the minute's first instant.
        reach.widened(MINUTE_US, 0)
    }

    /// Where payments lie that some rule could give this sale.
    pub fn of_sale(sale: &Sale, rules: &Rules) -> Self {
        let rule_reach = |rule: &Rule| {
            rule.keep.iter().fold(Self::ALL, |reach, step| {
                let any = step
                    .alternatives()
                    .map(|filters| {
                        filters.iter().fold(Self::ALL, |reach, filter| {
                            reach.meet(filter_reach(*filter, sale.when, rules))
                        })
                    })
                    .reduce(Self::join);
                reach.meet(any.unwrap_or(Self::ALL))
            })
        };
        // A payment known only to the day is stored at that day's midnight.
        rules
            .all()
            .map(rule_reach)
            .reduce(Self::join)
            .unwrap_or(Self::ALL)
            .widened(LONGEST_DAY_US, 0)
    }

    /// The reach for sales that are stored at the midnight of the day they were on.
    pub fn for_days(self) -> Self {
        self.widened(LONGEST_DAY_US, 0)
    }

    /// The smallest reach that holds both.
    pub fn join(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
        }
    }

    fn meet(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            to: self.to.min(other.to),
        }
    }

    fn widened(self, before_us: i64, after_us: i64) -> Self {
        Self {
            from: self.from.plus(-before_us),
            to: self.to.plus(after_us),
        }
    }
}

fn filter_reach(filter: Filter, when: Moment, rules: &Rules) -> Reach {
    let (from, to) = span(when, &rules.zone);
    match filter {
        Filter::Time if when.precision == Precision::Day => Reach { from, to },
        Filter::Time => Reach { from, to }.widened(rules.tolerance_us, rules.tolerance_us),
        Filter::ExactTime => Reach { from, to: from },
        Filter::Day => day_reach(from, &rules.zone),
        Filter::Provider
        | Filter::AuthCode
        | Filter::Dpan
        | Filter::DpanLastFour
        | Filter::Card
        | Filter::LastFour => Reach::ALL,
    }
}

fn day_reach(instant: Instant, zone: &Zone) -> Reach {
    let day = zone.local_day(instant);
    Reach {
        from: zone.midnight(day),
        to: zone.next_midnight(day).plus(-1),
    }
}
