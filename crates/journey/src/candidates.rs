//! Candidates: what is asked of the store for a batch, and what a commit that is under way takes of it.

use crate::Journey;
use crate::ports::{Probe, UndecidedPayment};
use harmonia_core::changes::Changes;
use harmonia_core::ids::{MidSetId, PaymentId, SaleId};
use harmonia_core::matching::Reach;
use harmonia_core::matching::rules::Kind;
use harmonia_core::money::Money;
use hashbrown::{HashMap, HashSet};

/// What a commit that is under way takes: the batch after it is decided as if that were done.
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    /// The sales, each with its payment.
    pub sales: HashMap<SaleId, PaymentId>,
    /// The payments, whatever becomes of them.
    pub payments: HashSet<PaymentId>,
}

impl UnderWay {
    /// What changes take.
    pub fn of(changes: &Changes) -> Self {
        let matches = changes.matches.iter();
        let matched = matches.clone().map(|new| new.payment);
        let ended = changes.ends.iter().map(|end| end.payment);
        let open = changes.open.iter().map(|open| open.payment);
        Self {
            sales: matches
                .filter_map(|new| Some((new.sale?, new.payment)))
                .collect(),
            payments: matched.chain(ended).chain(open).collect(),
        }
    }
}

/// What to ask of the store so that every sale any of these payments may accept is loaded: ranges
/// of one MID list and amount are joined, so that no sale comes twice.
pub fn probes<P: std::borrow::Borrow<UndecidedPayment>>(
    journey: &Journey,
    ready: &[P],
) -> Vec<Probe> {
    let mut ranges: HashMap<(MidSetId, Money), Vec<Reach>> = HashMap::new();
    for found in ready {
        let payment = &found.borrow().payment;
        let Some(rules) = journey.agents.rules(payment.scheme) else {
            continue;
        };
        let Some(rule) = rules.for_provider(&payment.provider) else {
            continue;
        };
        if rules.kind == Kind::Spotted {
            continue;
        }
        let reach = Reach::of_payment(payment, rule, rules);
        for set in payment.mid_sets.iter() {
            let reach = if set.has_days {
                reach.for_days()
            } else {
                reach
            };
            ranges
                .entry((set.id, payment.amount))
                .or_default()
                .push(reach);
        }
    }
    let mut probes = Vec::with_capacity(ranges.len());
    for ((mid_set, amount), mut reaches) in ranges {
        reaches.sort_unstable_by_key(|reach| reach.from);
        let mut joined: Option<Reach> = None;
        for reach in reaches {
            match joined.as_mut() {
                Some(before) if reach.from <= before.to => *before = before.join(reach),
                _ => {
                    probes.extend(joined.map(|reach| Probe {
                        mid_set,
                        amount,
                        reach,
                    }));
                    joined = Some(reach);
                }
            }
        }
        probes.extend(joined.map(|reach| Probe {
            mid_set,
            amount,
            reach,
        }));
    }
    probes
}
