//! Contest: payments that came too late for a sale that fits them better than the payment that has
//! it. Nothing is decided again; the reason they stay open says so, for a person to look at.

use crate::Journey;
use crate::candidates::{UnderWay, probes};
use crate::ports::{StoreError, UndecidedPayment};
use harmonia_core::ids::{PaymentId, SaleId};
use harmonia_core::matching::contest::is_contested;
use harmonia_core::matching::{Decision, OpenReason, Payment, Sale, SaleIndex};
use hashbrown::HashMap;

/// The sale that each payment of a batch contests which was left without any.
///
/// `here` are the sales of the batch's own index, `under_way` what the commit before it takes.
///
/// # Errors
/// [`StoreError`] when the sales that are taken, or their payments, cannot be loaded.
pub async fn contested(
    journey: &Journey,
    ready: &[UndecidedPayment],
    decisions: &[(PaymentId, Decision)],
    here: &[Sale],
    under_way: &UnderWay,
) -> Result<HashMap<PaymentId, SaleId>, StoreError> {
    let left: Vec<&UndecidedPayment> = ready
        .iter()
        .zip(decisions)
        .filter(|(_, (_, decision))| *decision == Decision::Open(OpenReason::NoSale))
        .map(|(found, _)| found)
        .collect();
    if left.is_empty() {
        return Ok(HashMap::new());
    }
    let taken = Taken::load(journey, &left, decisions, here, under_way).await?;
    let takers = taken.takers(journey, &left, ready).await?;
    Ok(left
        .iter()
        .filter_map(|found| {
            let sale = taken.best_contested(journey, &found.payment, &takers)?;
            Some((found.payment.id, sale))
        })
        .collect())
}

/// Sales that have their payment, where the payments that were left look for theirs.
struct Taken {
    sales: SaleIndex,
    by: HashMap<SaleId, PaymentId>,
}

impl Taken {
    async fn load(
        journey: &Journey,
        left: &[&UndecidedPayment],
        decisions: &[(PaymentId, Decision)],
        here: &[Sale],
        under_way: &UnderWay,
    ) -> Result<Self, StoreError> {
        let mut by = under_way.sales.clone();
        for (payment, decision) in decisions {
            if let Decision::Matched {
                sale: Some(sale), ..
            } = decision
            {
                by.insert(*sale, *payment);
            }
        }
        let mut sales: Vec<Sale> = here
            .iter()
            .filter(|sale| by.contains_key(&sale.id))
            .cloned()
            .collect();
        for (sale, payment) in journey.store.taken(&probes(journey, left)).await? {
            if by.insert(sale.id, payment).is_none() {
                sales.push(sale);
            }
        }
        let sales = SaleIndex::new(sales);
        Ok(Self { sales, by })
    }

    /// The payments that have the sales which those that were left could have had.
    async fn takers(
        &self,
        journey: &Journey,
        left: &[&UndecidedPayment],
        ready: &[UndecidedPayment],
    ) -> Result<HashMap<PaymentId, Payment>, StoreError> {
        let mut takers = HashMap::new();
        for found in left {
            for sale in self.in_reach(journey, &found.payment) {
                if let Some(payment) = self.by.get(&sale.id) {
                    takers.insert(*payment, None);
                }
            }
        }
        for found in ready {
            if let Some(taker) = takers.get_mut(&found.payment.id) {
                *taker = Some(found.payment.clone());
            }
        }
        for (id, taker) in &mut takers {
            if taker.is_none() {
                *taker = journey.store.payment_to_explain(*id).await?;
            }
        }
        Ok(takers
            .into_iter()
            .filter_map(|(id, taker)| Some((id, taker?)))
            .collect())
    }

    fn in_reach<'a>(
        &'a self,
        journey: &Journey,
        payment: &Payment,
    ) -> impl Iterator<Item = &'a Sale> {
        let mut places = Vec::new();
        if let Some(rules) = journey.agents.rules(payment.scheme)
            && let Some(rule) = rules.for_provider(&payment.provider)
        {
            self.sales.in_reach(payment, rule, rules, &mut places);
        }
        places.into_iter().map(|place| self.sales.sale(place))
    }

    /// The sale nearest in time that a payment contests.
    fn best_contested(
        &self,
        journey: &Journey,
        payment: &Payment,
        takers: &HashMap<PaymentId, Payment>,
    ) -> Option<SaleId> {
        let rules = journey.agents.rules(payment.scheme)?;
        let rule = rules.for_provider(&payment.provider)?;
        self.in_reach(journey, payment)
            .filter(|sale| {
                let taker = self.by.get(&sale.id).and_then(|id| takers.get(id));
                taker.is_some_and(|taker| {
                    taker.id < payment.id && is_contested(payment, taker, sale, rule, rules)
                })
            })
            .min_by_key(|sale| {
                let apart = sale.when.start.0.abs_diff(payment.when.start.0);
                (apart, sale.id)
            })
            .map(|sale| sale.id)
    }
}
