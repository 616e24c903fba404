//! Near misses: an open payment and an open sale that one thing keeps apart, and that only by little.
//!
//! Nothing is matched by it. A person who looks through what stayed open is shown the sale that was
//! nearly the payment's, what differs and by how much, and decides.

use super::filter::{gap_us, span};
use super::rules::{Kind, Rules};
use super::why::{Answer, Candidate, Ends, Obstacle, judge};
use super::{Payment, Reach, Sale};
use crate::ids::{MidSetId, SaleId};
use crate::money::{Currency, Major, Money};
use crate::time::{DAY_US, Instant, MINUTE_US};
use crate::words;
use serde::Serialize;

/// How far beyond what the rule allows two times may be and still be near.
pub const NEAR_US: i64 = 30 * MINUTE_US;
/// How large a share of the smaller amount the difference may be: a generous tip.
pub const NEAR_PERCENT: i64 = 25;

/// A question for open sales that are nearly a payment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearly {
    /// Sales with this list of MIDs,
    pub mid_set: MidSetId,
    /// of this currency,
    pub currency: Currency,
    /// from this amount, in minor units,
    pub least: i64,
    /// to this one, both inclusive,
    pub most: i64,
    /// stored within this range of time,
    pub reach: Reach,
    /// the nearest to this moment first.
    pub near: Instant,
}

/// The one thing that keeps a payment and a sale apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Missed {
    /// The amounts differ.
    Amount {
        /// What was paid, minor units.
        paid: i64,
        /// What was sold, minor units.
        sold: i64,
        /// The currency of both.
        currency: Currency,
    },
    /// A filter of `keep` fails.
    Filter(Answer),
}

/// A sale that was nearly a payment's.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMiss {
    /// The sale.
    pub sale: SaleId,
    /// What keeps the two apart.
    pub missed: Missed,
    /// How far apart their times are, in microseconds.
    pub gap_us: i64,
}

impl NearMiss {
    /// What sorts the nearest first: a sale of the same amount before another, then the time between
    /// the two, then the money.
    pub fn distance(&self) -> (bool, i64, i64, SaleId) {
        match &self.missed {
            Missed::Amount { paid, sold, .. } => {
                (true, self.gap_us, (paid - sold).abs(), self.sale)
            }
            Missed::Filter(_) => (false, self.gap_us, 0, self.sale),
        }
    }
}

impl Missed {
    /// In words: which of the two has what, and by how much they miss.
    pub fn describe(&self) -> String {
        match self {
            Self::Amount {
                paid,
                sold,
                currency,
            } => format!(
                "the payment is {currency} {} {} than the sale: {} and {}",
                Major((paid - sold).abs()),
                if paid > sold { "more" } else { "less" },
                Major(*paid),
                Major(*sold)
            ),
            Self::Filter(answer) => failed(answer),
        }
    }
}

/// A filter that fails, in words.
pub fn failed(answer: &Answer) -> String {
    let Answer {
        payment,
        sale,
        missed_by,
        ..
    } = answer;
    let by = missed_by.as_deref().unwrap_or_default();
    match answer.filter {
        "time" => format!(
            "the times are {by} further apart than the rule allows: paid {payment}, sold {sale}"
        ),
        "exact_time" => format!("the times are {by} apart: paid {payment}, sold {sale}"),
        "day" => format!("the days are {by} apart: paid {payment}, sold {sale}"),
        "auth_code" => format!("the authorisation codes differ: {payment} and {sale}"),
        "provider" => {
            format!("the card networks differ: paid with {payment}, the till says {sale}")
        }
        _ => format!("the card's digits differ: {payment} and {sale}"),
    }
}

/// What to ask for so that every sale that may be a near miss of the payment is found: those of its
/// amount within reach and a little more, and those of nearly its amount within reach.
pub fn questions(payment: &Payment, rules: &Rules) -> Vec<Nearly> {
    let Some(rule) = rules
        .for_provider(&payment.provider)
        .filter(|_| rules.kind == Kind::Loyalty)
    else {
        return Vec::new();
    };
    // Whatever the rule reaches, more than a day apart is not near.
    let around = Reach {
        from: payment.when.start.plus(-DAY_US),
        to: payment.when.start.plus(2 * DAY_US),
    };
    let meet = |reach: Reach| Reach {
        from: reach.from.max(around.from),
        to: reach.to.min(around.to),
    };
    let reach = meet(Reach::of_payment(payment, rule, rules));
    // A sale known to the minute is stored at the minute's first instant.
    let (first, last) = span(payment.when, &rules.zone);
    let near_us = rules.tolerance_us.saturating_add(NEAR_US);
    let wider = meet(reach.join(Reach {
        from: first.plus(-near_us - MINUTE_US),
        to: last.plus(near_us),
    }));
    let Money { minor, currency } = payment.amount;
    let mut questions = Vec::new();
    for set in payment.mid_sets.iter() {
        let days = |reach: Reach| {
            if set.has_days {
                reach.for_days()
            } else {
                reach
            }
        };
        let mut ask = |least, most, reach| {
            questions.push(Nearly {
                mid_set: set.id,
                currency,
                least,
                most,
                reach: days(reach),
                near: payment.when.start,
            });
        };
        ask(minor, minor, wider);
        let (least, most) = amounts_near(minor);
        ask(least, minor - 1, reach);
        ask(minor + 1, most, reach);
    }
    questions
}

/// The least and the greatest amount that is near one, of its own sign.
fn amounts_near(minor: i64) -> (i64, i64) {
    let size = minor.saturating_abs();
    let (smaller, larger) = (
        (size * 100 + 99 + NEAR_PERCENT) / (100 + NEAR_PERCENT),
        size * (100 + NEAR_PERCENT) / 100,
    );
    if minor < 0 {
        (-larger, -smaller)
    } else {
        (smaller, larger)
    }
}

/// What keeps a payment and an open sale apart, if that is one thing and little; `None` also where
/// nothing does.
pub fn near_miss(payment: &Payment, sale: &Sale, rules: &Rules) -> Option<NearMiss> {
    let candidate = Candidate {
        sale,
        taken_by: None,
        barred: false,
    };
    let judged = judge(payment, Some(rules), &[candidate]).pop()?;
    let gap = gap_us(payment.when, sale.when, &rules.zone)?;
    let near = |missed| NearMiss {
        sale: sale.id,
        missed,
        gap_us: gap,
    };
    let mut failed = judged.failed();
    match (judged.obstacles.as_slice(), failed.next(), failed.next()) {
        ([], Some(answer), None) if judged.ends == Ends::Fails => {
            let most_us = rules.tolerance_us.saturating_add(NEAR_US).min(DAY_US);
            (gap <= most_us).then(|| near(Missed::Filter(answer.clone())))
        }
        ([Obstacle::Amount { paid, sold }], None, None) if !judged.answers.is_empty() => {
            let (least, most) = amounts_near(paid.minor);
            let is_near = (least..=most).contains(&sold.minor) && paid.currency == sold.currency;
            is_near.then(|| {
                near(Missed::Amount {
                    paid: paid.minor,
                    sold: sold.minor,
                    currency: paid.currency,
                })
            })
        }
        _ => None,
    }
}

/// The near misses of a payment among open sales, the nearest first.
pub fn nearest(payment: &Payment, sales: &[Sale], rules: &Rules) -> Vec<NearMiss> {
    let mut found: Vec<NearMiss> = sales
        .iter()
        .filter_map(|sale| near_miss(payment, sale, rules))
        .collect();
    found.sort_by_key(NearMiss::distance);
    found.dedup_by_key(|near| near.sale);
    found
}

/// How far apart a payment and a sale are, in words.
pub fn apart(gap_us: Option<i64>) -> String {
    gap_us.map_or_else(|| "on another day".to_owned(), words::duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_near_within_a_quarter_of_the_smaller_either_way() {
        for (minor, least, most) in [(1000, 800, 1250), (-1000, -1250, -800), (3, 3, 3)] {
            assert_eq!(amounts_near(minor), (least, most));
        }
        for (paid, sold) in [(1000_i64, 800_i64), (1000, 799), (1000, 1250), (1000, 1251)] {
            let smaller = paid.min(sold);
            let near = (paid - sold).abs() * 100 <= smaller * NEAR_PERCENT;
            let (least, most) = amounts_near(paid);
            assert_eq!((least..=most).contains(&sold), near, "{paid} {sold}");
        }
    }
}
