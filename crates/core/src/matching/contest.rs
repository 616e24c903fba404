//! Contested sales: a payment that came later than the one that took a sale, with better evidence.
//!
//! Payments are decided in the order they came, so the first takes the sale. Where a later one that
//! is left without any has stronger evidence of its own for a sale that is gone, nothing is
//! decided again: a person looks at both.

use super::filter::{Filter, gap_us};
use super::rules::{Rule, Rules};
use super::{Payment, Sale};
use std::cmp::Reverse;

/// How strongly a payment and a sale belong together, better ones greater: an equal auth code, then
/// how close in time, then equal digits.
type Strength = (bool, Reverse<i64>, bool);

fn strength(payment: &Payment, sale: &Sale, rules: &Rules) -> Strength {
    let holds = |filter: Filter| filter.applies(payment) && filter.passes(rules, payment, sale);
    let gap = gap_us(payment.when, sale.when, &rules.zone).unwrap_or(i64::MAX);
    let digits = holds(Filter::Dpan) || holds(Filter::Card);
    (holds(Filter::AuthCode), Reverse(gap), digits)
}

/// Whether a payment's own evidence for a sale is stronger than that of the payment which took it:
/// the rule would keep the two together, and the auth code is equal where the taker's is not, or it
/// is closer in time, or its digits are equal where the taker's are not.
pub fn is_contested(
    payment: &Payment,
    taker: &Payment,
    sale: &Sale,
    rule: &Rule,
    rules: &Rules,
) -> bool {
    let kept = rule.keep.iter().all(|step| {
        let mut filters = step.for_payment(payment).iter();
        filters.all(|filter| filter.passes(rules, payment, sale))
    });
    kept && strength(payment, sale, rules) > strength(taker, sale, rules)
}
