//! The past of a scheme: what `backtest` decides again.

use super::world::{Outcome, World};
use harmonia_core::ids::{PaymentId, SaleId};
use harmonia_core::matching::MatchKind;
use harmonia_core::matching::backtest::{PastPayment, PastSale, Standing};
use harmonia_journey::ports::{HISTORY_PAGE, HistoryPage, HistoryScope, Side};

impl World {
    /// A stretch of the past: pages of its payments, then of the sales.
    pub fn history(&self, scope: HistoryScope) -> Vec<HistoryPage> {
        let payments: Vec<PastPayment> = self
            .payments
            .iter()
            .filter(|(_, row)| row.scheme == scope.scheme)
            .filter(|(_, row)| (scope.since..scope.until).contains(&row.record.when.start))
            .filter_map(|(id, _)| self.past_payment(*id))
            .collect();
        let imports = payments.iter().map(|past| past.payment.imported_at);
        let (Some(first), Some(last)) = (imports.clone().min(), imports.max()) else {
            return Vec::new();
        };
        let (first, last) = scope.sales_imported(first, last);
        let sales: Vec<PastSale> = self
            .sales
            .iter()
            .filter(|(_, row)| row.scheme == scope.scheme)
            .filter(|(_, row)| (first..=last).contains(&row.imported_at))
            .map(|(id, row)| PastSale {
                sale: super::load::sale(*id, row),
                held_by: self.holder_of(*id),
            })
            .collect();
        let payments = payments.chunks(HISTORY_PAGE);
        let sales = sales.chunks(HISTORY_PAGE);
        payments
            .map(|page| HistoryPage::Payments(page.to_vec()))
            .chain(sales.map(|page| HistoryPage::Sales(page.to_vec())))
            .collect()
    }

    fn past_payment(&self, id: PaymentId) -> Option<PastPayment> {
        let found = self.explained(id)?;
        let (standing, kind) = match self.of_payment(id) {
            None => (Standing::Open(found.open), None),
            Some((_, made)) => match made.kind {
                Outcome::Matched(kind) => (Standing::Matched(made.sale), Some(kind)),
                Outcome::Ended(_) => return None,
            },
        };
        Some(PastPayment {
            identified: found.identity.is_some(),
            standing,
            forced: kind == Some(MatchKind::Forced),
            payment: found.as_decided(),
        })
    }

    fn holder_of(&self, sale: SaleId) -> Option<PaymentId> {
        Some(self.of_sale(sale)?.1.payment)
    }

    /// The providers' own ids of payments or sales, by row.
    pub fn transaction_ids(&self, side: Side, rows: &[i64]) -> Vec<(i64, String)> {
        let name = |row: i64| match side {
            Side::Payment => {
                let payment = self.payments.get(&PaymentId(row))?;
                Some(payment.record.transaction_id.to_string())
            }
            Side::Sale => Some(
                self.sales
                    .get(&SaleId(row))?
                    .record
                    .transaction_id
                    .to_string(),
            ),
        };
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        rows.dedup();
        rows.into_iter()
            .filter_map(|row| Some((row, name(row)?)))
            .collect()
    }
}
