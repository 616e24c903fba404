//! Several for one: a sale that several payments paid, and a payment that paid several sales.
//!
//! A shop that ships an order in parts settles each part by itself; a customer may pay for two
//! baskets with one card at once. A rule may ask for these, after all that is one to one is decided:
//!
//! ```toml
//! split   = { payments = 4, within = "7d" }   # one sale, paid by up to four payments of one card
//! combine = { sales = 3, within = "1h" }      # one payment for up to three sales
//! ```
//!
//! The amounts have to add up exactly, everything that `keep` asks besides times has to hold for each
//! part, and where more than one set of parts fits, or two wholes want the same part, none is taken.

use super::filter::{Filter, span};
use super::rules::{Rule, Rules, Several};
use super::{Payment, Sale};
use crate::card::CardToken;
use crate::ids::{MidSetId, PaymentId, SaleId};
use crate::time::{Instant, MINUTE_US};
use hashbrown::{HashMap, HashSet};

/// More candidates than this for one whole, and none is taken: among so many, sums that fit by chance
/// are likely.
pub const MOST_CANDIDATES: usize = 24;
/// How many sums are tried for one whole before it is given up.
const MOST_SUMS: usize = 200_000;

/// An open payment, and what tells whose it is.
#[derive(Clone, Debug)]
pub struct OpenPayment {
    /// What a rule sees.
    pub payment: Payment,
    /// Parts of one sale are paid by one card.
    pub card: CardToken,
    /// The sales that people have parted from it.
    pub barred: Vec<SaleId>,
}

/// One whole and its parts: one sale and its payments, or one payment and its sales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The payments, in the order they came.
    pub payments: Vec<PaymentId>,
    /// The sales, in their order.
    pub sales: Vec<SaleId>,
}

/// Finds what belongs together among payments and sales of one scheme that are open.
pub fn groups(payments: &[OpenPayment], sales: &[Sale], rules: &Rules) -> Vec<Group> {
    let mut found = Parts::of_sales(payments, sales, rules).groups();
    let used: HashSet<PaymentId> = ids(&found, |group| &group.payments);
    let used_sales: HashSet<SaleId> = ids(&found, |group| &group.sales);
    let left: Vec<OpenPayment> = payments
        .iter()
        .filter(|open| !used.contains(&open.payment.id))
        .cloned()
        .collect();
    let left_sales: Vec<Sale> = sales
        .iter()
        .filter(|sale| !used_sales.contains(&sale.id))
        .cloned()
        .collect();
    found.extend(Parts::of_payments(&left, &left_sales, rules).groups());
    found
}

fn ids<Id: Copy + Eq + std::hash::Hash>(
    groups: &[Group],
    of: impl Fn(&Group) -> &Vec<Id>,
) -> HashSet<Id> {
    groups
        .iter()
        .flat_map(|group| of(group).iter().copied())
        .collect()
}

/// Wholes, each with the one set of parts that adds up to it.
struct Parts {
    found: Vec<Group>,
}

impl Parts {
    /// Sales that several payments of one card paid.
    fn of_sales(payments: &[OpenPayment], sales: &[Sale], rules: &Rules) -> Self {
        let by_place = by_place(payments);
        let mut found = Vec::new();
        for sale in sales {
            let Some(at) = by_place.get(&sale.mid_set) else {
                continue;
            };
            let mut by_card: HashMap<&CardToken, Vec<(i64, PaymentId, usize)>> = HashMap::new();
            for open in at {
                if let Some(split) = may_be_part(open, sale, rules, |rule| rule.split) {
                    let part = (open.payment.amount.minor, open.payment.id, split.most);
                    by_card.entry(&open.card).or_default().push(part);
                }
            }
            let mut solutions = Vec::new();
            for parts in by_card.values() {
                let most = parts.iter().map(|part| part.2).min().unwrap_or(0);
                let parts: Vec<(i64, PaymentId)> =
                    parts.iter().map(|part| (part.0, part.1)).collect();
                match sums(sale.amount.minor, &parts, most) {
                    Some(more) => solutions.extend(more),
                    None => solutions.extend([Vec::new(), Vec::new()]),
                }
            }
            if let [payments] = solutions.as_mut_slice() {
                payments.sort_unstable();
                found.push(Group {
                    payments: std::mem::take(payments),
                    sales: vec![sale.id],
                });
            }
        }
        Self { found }
    }

    /// Payments for several sales.
    fn of_payments(payments: &[OpenPayment], sales: &[Sale], rules: &Rules) -> Self {
        let mut by_place: HashMap<MidSetId, Vec<&Sale>> = HashMap::new();
        for sale in sales {
            by_place.entry(sale.mid_set).or_default().push(sale);
        }
        let mut found = Vec::new();
        for open in payments {
            let mut parts = Vec::new();
            let mut most = 0;
            let sets = open.payment.mid_sets.iter();
            for sale in sets.filter_map(|set| by_place.get(&set.id)).flatten() {
                if let Some(combine) = may_be_part(open, sale, rules, |rule| rule.combine) {
                    most = combine.most;
                    parts.push((sale.amount.minor, sale.id));
                }
            }
            if let Some([sales]) = sums(open.payment.amount.minor, &parts, most).as_deref_mut() {
                sales.sort_unstable();
                found.push(Group {
                    payments: vec![open.payment.id],
                    sales: std::mem::take(sales),
                });
            }
        }
        Self { found }
    }

    /// Those of them whose parts nobody else wants.
    fn groups(self) -> Vec<Group> {
        let mut wanted: HashMap<(bool, i64), u32> = HashMap::new();
        let parts = |group: &Group| {
            let payments = group.payments.iter().map(|id| (false, id.0));
            let sales = group.sales.iter().map(|id| (true, id.0));
            payments.chain(sales).collect::<Vec<_>>()
        };
        for part in self.found.iter().flat_map(parts) {
            *wanted.entry(part).or_default() += 1;
        }
        let is_alone = |group: &Group| parts(group).iter().all(|part| wanted[part] == 1);
        self.found.into_iter().filter(is_alone).collect()
    }
}

fn by_place(payments: &[OpenPayment]) -> HashMap<MidSetId, Vec<&OpenPayment>> {
    let mut by_place: HashMap<MidSetId, Vec<&OpenPayment>> = HashMap::new();
    for open in payments {
        for set in open.payment.mid_sets.iter() {
            by_place.entry(set.id).or_default().push(open);
        }
    }
    by_place
}

/// Whether a payment and a sale may be parts of one whole, by the option of the payment's rule.
fn may_be_part(
    open: &OpenPayment,
    sale: &Sale,
    rules: &Rules,
    option: impl Fn(&Rule) -> Option<Several>,
) -> Option<Several> {
    let payment = &open.payment;
    let rule = rules.for_provider(&payment.provider)?;
    let several = option(rule)?;
    let is_kept = rule.keep.iter().all(|step| {
        let filters = step.for_payment(payment).iter();
        let mut others = filters.filter(|filter| !is_clock(**filter));
        others.all(|filter| filter.passes(rules, payment, sale))
    });
    let (first, last) = reach(payment, several, rules);
    let (sale_first, sale_last) = span(sale.when, &rules.zone);
    let is_near = sale_first <= last && sale_last >= first;
    let apart = (sale.imported_at.0 - payment.imported_at.0).abs();
    (is_kept
        && is_near
        && apart <= rules.window_us
        && sale.amount.currency == payment.amount.currency
        && sale.amount.minor.signum() == payment.amount.minor.signum()
        && !open.barred.contains(&sale.id))
    .then_some(several)
}

/// The times at which a sale may have been made for a payment to be part of it, or it of the payment:
/// money moves after the sale, up to the option's time, and clocks differ by the tolerance.
pub fn reach(payment: &Payment, several: Several, rules: &Rules) -> (Instant, Instant) {
    let (first, last) = span(payment.when, &rules.zone);
    (
        first.plus(-several.within_us - rules.tolerance_us),
        last.plus(rules.tolerance_us.max(MINUTE_US)),
    )
}

fn is_clock(filter: Filter) -> bool {
    matches!(filter, Filter::Day | Filter::Time | Filter::ExactTime)
}

/// The sets of two parts or more, at most so many, that add up to a whole: none, one, or two where
/// there are more than one. `None` where there are too many candidates to be sure.
fn sums<Id: Copy>(whole: i64, parts: &[(i64, Id)], most: usize) -> Option<Vec<Vec<Id>>> {
    let smaller = |part: &&(i64, Id)| part.0 != 0 && part.0.abs() < whole.abs();
    let mut parts: Vec<(i64, Id)> = parts.iter().filter(smaller).copied().collect();
    if parts.len() > MOST_CANDIDATES {
        return None;
    }
    // The largest first: what is too much is seen early.
    parts.sort_by_key(|part| std::cmp::Reverse(part.0.abs()));
    let mut search = Search {
        parts: &parts,
        most,
        chosen: Vec::with_capacity(most),
        found: Vec::new(),
        tried: 0,
    };
    search.go(0, whole.abs())?;
    Some(search.found)
}

struct Search<'a, Id> {
    parts: &'a [(i64, Id)],
    most: usize,
    chosen: Vec<Id>,
    found: Vec<Vec<Id>>,
    tried: usize,
}

impl<Id: Copy> Search<'_, Id> {
    /// Tries the parts from `first` on for what is `left`; stops at two sets that fit. `None` when it
    /// has tried too much.
    fn go(&mut self, first: usize, left: i64) -> Option<()> {
        if left == 0 {
            if self.chosen.len() >= 2 {
                self.found.push(self.chosen.clone());
            }
            return Some(());
        }
        if self.chosen.len() == self.most {
            return Some(());
        }
        for at in first..self.parts.len() {
            self.tried += 1;
            if self.tried > MOST_SUMS {
                return None;
            }
            let (amount, id) = self.parts[at];
            if self.found.len() < 2 && amount.abs() <= left {
                self.chosen.push(id);
                self.go(at + 1, left - amount.abs())?;
                self.chosen.pop();
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(whole: i64, parts: &[i64], most: usize) -> Option<Vec<Vec<usize>>> {
        let parts: Vec<(i64, usize)> = parts.iter().copied().zip(0..).collect();
        let mut found = sums(whole, &parts, most)?;
        for set in &mut found {
            set.sort_unstable();
        }
        Some(found)
    }

    #[test]
    fn only_exact_sums_of_two_or_more_count() {
        assert_eq!(of(1000, &[400, 600, 350], 3), Some(vec![vec![0, 1]]));
        assert_eq!(of(1000, &[1000, 300], 3), Some(vec![]));
        assert_eq!(of(1000, &[200, 300, 500], 2), Some(vec![]));
        assert_eq!(of(1000, &[200, 300, 500], 3), Some(vec![vec![0, 1, 2]]));
        assert_eq!(of(-500, &[-200, -300], 2), Some(vec![vec![0, 1]]));
    }

    #[test]
    fn two_sums_that_fit_are_seen_and_too_many_candidates_are_given_up() {
        assert_eq!(
            of(1000, &[400, 600, 600], 2).map(|found| found.len()),
            Some(2)
        );
        let many = vec![1; MOST_CANDIDATES + 1];
        assert_eq!(of(1000, &many, 4), None);
    }
}
