//! What a matcher sees of payments and sales, and which pairs a scheme's rule would keep.
//!
//! From this follow two things: purchases that the rule could mistake for each other are never made
//! (unless that is the fault), and the truth knows of each payment whether the rule leads from it
//! to its sale.

use super::clocks::Clocks;
use super::merchants::{Rule, Scheme};
use super::names::Code;
use compact_str::CompactString;
use harmonia_core::time::{Instant, MINUTE_US, Moment, Precision, SECOND_US};
use hashbrown::HashMap;

/// First six and last four.
pub(super) type Digits = (&'static str, CompactString);

/// What a matcher sees of a payment or of a sale.
#[derive(Clone)]
pub(super) struct Sight {
    /// The place of the card's network among all.
    pub(super) network: usize,
    /// The shop, or where sales tell no more, its location.
    pub(super) place: u32,
    pub(super) amount_minor: i64,
    /// As its feed is read.
    pub(super) when: Moment,
    pub(super) code: Option<Code>,
    pub(super) digits: Option<Digits>,
}

/// All that a matcher sees of a purchase.
#[derive(Default)]
pub(super) struct Sights {
    pub(super) payments: Vec<Sight>,
    pub(super) sale: Option<Sight>,
}

/// Whether a scheme's rule keeps a sale for a payment.
pub(super) fn keeps(scheme: &Scheme, clocks: &Clocks, payment: &Sight, sale: &Sight) -> bool {
    let same_network = payment.network == sale.network;
    let soon = || gap_us(payment.when, sale.when) <= scheme.tolerance_seconds * SECOND_US;
    let same_day = || {
        let day = |sight: &Sight| clocks.london_day(sight.when.start);
        day(payment) == day(sale)
    };
    let last_four = |sight: &Sight| {
        sight
            .digits
            .as_ref()
            .map(|(_, last_four)| last_four.clone())
    };
    (payment.place, payment.amount_minor) == (sale.place, sale.amount_minor)
        && match scheme.rules.get(payment.network).unwrap_or(&Rule::None) {
            Rule::CodeOrTime if payment.code.is_some() => {
                same_network && payment.code == sale.code && same_day()
            }
            Rule::CodeOrTime => same_network && soon(),
            Rule::TimeAndDigits => same_network && soon() && agree(&payment.digits, &sale.digits),
            Rule::TimeAndLastFour => {
                same_network && soon() && agree(&last_four(payment), &last_four(sale))
            }
            Rule::ExactTime => payment.when.start == sale.when.start,
            Rule::None => false,
        }
}

/// Whether what a payment has, if it has it, is what the sale has.
fn agree<T: PartialEq>(payment: &Option<T>, sale: &Option<T>) -> bool {
    payment.is_none() || payment == sale
}

/// How far apart two times are at the least; one that is known to the minute may be any in it.
fn gap_us(one: Moment, other: Moment) -> i64 {
    let end = |moment: Moment| match moment.precision {
        Precision::Minute => moment.start.plus(MINUTE_US - 1),
        _ => moment.start,
    };
    let before = one.start.0 - end(other).0;
    let after = other.start.0 - end(one).0;
    before.max(after).max(0)
}

/// What was seen lately, or will be.
#[derive(Default)]
pub(super) struct Taken {
    payments: Seen,
    sales: Seen,
    /// When it is worth forgetting again.
    next_forgetting: Option<Instant>,
}

type Seen = HashMap<(u32, i64), Vec<Sight>>;

impl Taken {
    /// Whether the rule would keep a sale of these for another purchase's payment, or the other way
    /// round.
    pub(super) fn confuses(&self, scheme: &Scheme, clocks: &Clocks, sights: &Sights) -> bool {
        let mut payments = sights.payments.iter();
        payments.any(|payment| {
            alike(&self.sales, payment).any(|sale| keeps(scheme, clocks, payment, sale))
        }) || sights.sale.iter().any(|sale| {
            alike(&self.payments, sale).any(|payment| keeps(scheme, clocks, payment, sale))
        })
    }

    /// Remembers a purchase.
    pub(super) fn add(&mut self, sights: Sights) {
        let payments = sights.payments.into_iter().map(|sight| (true, sight));
        for (paid, sight) in payments.chain(sights.sale.map(|sight| (false, sight))) {
            let seen = if paid {
                &mut self.payments
            } else {
                &mut self.sales
            };
            let key = (sight.place, sight.amount_minor);
            seen.entry(key).or_default().push(sight);
        }
    }

    /// Forgets what is older than `horizon`, now and then: no more than twice what must be kept is.
    pub(super) fn forget_before(&mut self, horizon: Instant, every_us: i64) {
        if self.next_forgetting.is_some_and(|due| horizon < due) {
            return;
        }
        for seen in [&mut self.payments, &mut self.sales] {
            seen.retain(|_, sights| {
                sights.retain(|sight| sight.when.start >= horizon);
                !sights.is_empty()
            });
        }
        self.next_forgetting = Some(horizon.plus(every_us));
    }
}

/// What was seen in the same place of the same amount.
fn alike<'a>(seen: &'a Seen, sight: &Sight) -> impl Iterator<Item = &'a Sight> {
    let found = seen.get(&(sight.place, sight.amount_minor));
    found.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::merchants::scheme;
    use super::*;

    fn sight(network: usize, second: i64, code: Option<Code>) -> Sight {
        Sight {
            network,
            place: 1,
            amount_minor: 1099,
            when: Moment {
                start: Instant(1_780_000_000 * SECOND_US + second * SECOND_US),
                precision: Precision::Second,
            },
            code,
            digits: Some(("412345", "6789".into())),
        }
    }

    #[track_caller]
    fn check(slug: &str, payment: &Sight, sale: &Sight, expected: bool) {
        let scheme = scheme(slug).unwrap();
        let clocks = Clocks::new().unwrap();
        assert_eq!(keeps(scheme, &clocks, payment, sale), expected, "{slug}");
    }

    #[test]
    fn an_auth_code_decides_where_there_is_one_and_time_where_there_is_none() {
        let code = Some(Code::right(1));
        let sale = sight(0, 0, code);
        check("wasabi-club", &sight(0, 3_000, code), &sale, true);
        check(
            "wasabi-club",
            &sight(0, 0, Some(Code::wrong(1))),
            &sale,
            false,
        );
        check("wasabi-club", &sight(0, 180, None), &sale, true);
        check("wasabi-club", &sight(0, 181, None), &sale, false);
        check("iceland-bonus-card", &sight(0, 61, None), &sale, false);
        check("wasabi-club", &sight(1, 0, code), &sale, false);
        check("slim-chickens", &sight(0, 0, code), &sale, false);
        check("harvey-nichols", &sight(1, 0, None), &sale, true);
        check("harvey-nichols", &sight(0, 1, code), &sale, false);
    }

    #[test]
    fn digits_count_where_the_payment_has_them() {
        let sale = sight(2, 0, None);
        let digits = |digits: Option<(&'static str, &str)>| Sight {
            digits: digits.map(|(six, four)| (six, four.into())),
            ..sight(2, 0, None)
        };
        check("costa", &digits(None), &sale, true);
        check("costa", &digits(Some(("412346", "6789"))), &sale, false);
        check("stonegate", &digits(Some(("412346", "6789"))), &sale, true);
        check("stonegate", &digits(Some(("412345", "6780"))), &sale, false);
        check("itsu", &digits(None), &sale, false);
    }

    #[test]
    fn a_minute_is_every_moment_in_it() {
        let mut payment = sight(0, -239, None);
        payment.when.precision = Precision::Minute;
        check("wasabi-club", &payment, &sight(0, 0, None), true);
        check("wasabi-club", &payment, &sight(0, 1, None), false);
    }
}
