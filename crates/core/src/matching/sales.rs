//! The candidate sales of a batch, found by what a payment can ask for: its MID lists, its amount
//! and a range of time, or its auth code where a busy till makes time alone too wide.
//!
//! Only a payment and a sale of one amount can be one purchase, so the sales lie sorted by amount
//! first: together with payments taken amount by amount, all that is looked at lies close together,
//! which is worth more here than any hash table.

use super::rules::{Rule, Rules};
use super::{Payment, Reach, Sale};
use crate::ids::{PaymentId, SaleId};
use crate::money::Money;
use crate::time::Precision;
use compact_str::CompactString;
use hashbrown::{HashMap, HashSet};
use std::ops::Range;

/// Groups with more sales than this are also indexed by auth code.
const CROWD: usize = 64;

/// Where a sale stands in the index.
pub type Place = u32;

/// Sales indexed for [`super::decide()`]; each can be taken once.
pub struct SaleIndex {
    /// Sorted by amount, group, time, and at last by id, so that the order in which the sales were
    /// loaded is nothing.
    sales: Vec<Sale>,
    /// The group and the time of each sale, close together for searching.
    keys: Vec<(Group, i64)>,
    taken: Vec<bool>,
    /// The stretch of each amount, sorted.
    amounts: Vec<(Money, Range<usize>)>,
    by_auth_code: HashMap<(usize, CompactString), Vec<Place>>,
    /// Pairs that a person undid: no rule makes them again.
    barred: HashSet<(PaymentId, SaleId)>,
}

/// What sales of one amount must share to be candidates of one payment: their MID list, and whether
/// they are stored at their day's midnight because no time is known.
type Group = i64;

fn group(mid_set: i64, day_only: bool) -> Group {
    mid_set * 2 + i64::from(day_only)
}

fn key(sale: &Sale) -> (Group, i64) {
    let day_only = sale.when.precision == Precision::Day;
    (group(sale.mid_set.0, day_only), sale.when.start.0)
}

impl SaleIndex {
    /// Indexes the sales; their order does not matter.
    pub fn new(sales: Vec<Sale>) -> Self {
        let sales = sorted(sales);
        let keys: Vec<(Group, i64)> = sales.iter().map(key).collect();
        let mut index = Self {
            taken: vec![false; sales.len()],
            amounts: Vec::new(),
            by_auth_code: HashMap::new(),
            barred: HashSet::new(),
            keys,
            sales,
        };
        let mut start = 0;
        for stretch in index
            .sales
            .chunk_by(|left, right| left.amount == right.amount)
        {
            let end = start + stretch.len();
            index.amounts.push((stretch[0].amount, start..end));
            start = end;
        }
        index.index_crowds();
        index
    }

    fn index_crowds(&mut self) {
        for (_, stretch) in &self.amounts {
            let mut start = stretch.start;
            for crowd in self.keys[stretch.clone()].chunk_by(|left, right| left.0 == right.0) {
                let places = start..start + crowd.len();
                if crowd.len() > CROWD {
                    for place in places.clone() {
                        if let Some(code) = &self.sales[place].auth_code {
                            let same = self.by_auth_code.entry((start, code.clone()));
                            same.or_default().push(as_place(place));
                        }
                    }
                }
                start = places.end;
            }
        }
    }

    /// Keeps these pairs apart, whatever the rules say.
    #[must_use]
    pub fn barring(mut self, pairs: impl IntoIterator<Item = (PaymentId, SaleId)>) -> Self {
        self.barred.extend(pairs);
        self
    }

    /// Every sale, whether it is taken or not.
    pub fn all(&self) -> &[Sale] {
        &self.sales
    }

    /// Appends the places of the open sales that a payment's rule could give it to `found`.
    pub fn in_reach(&self, payment: &Payment, rule: &Rule, rules: &Rules, found: &mut Vec<Place>) {
        let reach = Reach::of_payment(payment, rule, rules);
        let by_auth_code = rule.needs_auth_code(payment);
        self.collect(payment, reach, rules.window_us, by_auth_code, found);
    }

    /// The sale at a place that this index gave out.
    pub fn sale(&self, place: Place) -> &Sale {
        &self.sales[place as usize]
    }

    /// Takes the sale: no later payment sees it.
    pub fn take(&mut self, place: Place) {
        self.taken[place as usize] = true;
    }

    /// Appends the places of the open sales within a payment's reach and window to `found`.
    /// With `by_auth_code`, sales with another code are left out, however many there are: what is
    /// told of a decision must not hang on which other sales were loaded with it.
    fn collect(
        &self,
        payment: &Payment,
        reach: Reach,
        window_us: i64,
        by_auth_code: bool,
        found: &mut Vec<Place>,
    ) {
        let amount = self
            .amounts
            .binary_search_by_key(&payment.amount, |(amount, _)| *amount);
        let Ok(at) = amount else {
            return;
        };
        let stretch = &self.amounts[at].1;
        let code = payment.auth_code.as_ref().filter(|_| by_auth_code);
        for set in payment.mid_sets.iter() {
            for day_only in [false, true] {
                if day_only && !set.has_days {
                    continue;
                }
                let reach = if day_only { reach.for_days() } else { reach };
                let group = group(set.id.0, day_only);
                self.collect_group(payment, stretch, group, reach, window_us, code, found);
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one loop's body, apart for its own name"
    )]
    fn collect_group(
        &self,
        payment: &Payment,
        stretch: &Range<usize>,
        group: Group,
        reach: Reach,
        window_us: i64,
        code: Option<&CompactString>,
        found: &mut Vec<Place>,
    ) {
        let keys = &self.keys[stretch.clone()];
        let fits = |place: usize| {
            let sale = &self.sales[place];
            let apart = (sale.imported_at.0 - payment.imported_at.0).abs();
            let has_code = code.is_none() || sale.auth_code.as_ref() == code;
            !self.taken[place]
                && apart <= window_us
                && has_code
                && (self.barred.is_empty() || !self.barred.contains(&(payment.id, sale.id)))
        };
        if let Some(code) = code {
            let first = keys.partition_point(|key| key.0 < group);
            let crowd = keys[first..].partition_point(|key| key.0 == group);
            if crowd > CROWD {
                let same = self
                    .by_auth_code
                    .get(&(stretch.start + first, code.clone()));
                let same = same.map_or(&[][..], Vec::as_slice);
                let start = |place: &Place| self.sales[*place as usize].when.start;
                let from = same.partition_point(|place| start(place) < reach.from);
                let near = same[from..]
                    .iter()
                    .take_while(|place| start(place) <= reach.to);
                found.extend(near.copied().filter(|place| fits(*place as usize)));
                return;
            }
        }
        let first = keys.partition_point(|key| *key < (group, reach.from.0));
        let near = keys[first..]
            .iter()
            .take_while(|key| **key <= (group, reach.to.0))
            .count();
        let places = stretch.start + first..stretch.start + first + near;
        found.extend(places.filter(|place| fits(*place)).map(as_place));
    }
}

/// The sales in the order of the index. Small keys are sorted, and each sale is moved once.
fn sorted(sales: Vec<Sale>) -> Vec<Sale> {
    let mut order: Vec<(Money, (Group, i64), Place)> = sales
        .iter()
        .zip(0..)
        .map(|(sale, place)| (sale.amount, key(sale), place))
        .collect();
    order.sort_unstable_by(|left, right| {
        let id = |place: Place| sales[place as usize].id;
        (left.0, left.1)
            .cmp(&(right.0, right.1))
            .then_with(|| id(left.2).cmp(&id(right.2)))
    });
    let mut sales: Vec<Option<Sale>> = sales.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|(_, _, place)| sales[place as usize].take())
        .collect()
}

/// A batch of more than four thousand million sales would not fit in memory.
fn as_place(place: usize) -> Place {
    Place::try_from(place).unwrap_or(Place::MAX)
}
