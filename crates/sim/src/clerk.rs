//! Reports purchases: to the network's feed, to the merchant's feed, and to the truth.

use crate::fault::Fault;
use crate::feed::Feed;
use crate::identifiers::{Identifiers, Side};
use crate::label::Label;
use crate::options::Options;
use crate::random::{Random, Stream};
use crate::shops::Shops;
use crate::world::{Purchase, Seen, WORST_SKEW_US};
use compact_str::CompactString;
use harmonia_core::money::MINOR_UNITS;
use harmonia_core::time::{Instant, SECOND_US};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How long after its time a record may be sent again, in seconds.
const LATEST_RESENDING_SECONDS: i64 = 600;

/// Units of the feed's `points` field in one point.
const POINT_UNITS: i64 = 100;

/// The header of `truth.csv`.
pub(crate) const TRUTH_HEADER: [&str; 3] =
    ["payment_transaction_id", "scheme_transaction_id", "fault"];

/// Where reports go.
pub(crate) struct Reports<W: Write> {
    pub(crate) payments: W,
    pub(crate) sales: W,
    pub(crate) truth: W,
}

/// What was reported.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) purchases: u64,
    pub(crate) payments: u64,
    pub(crate) sales: u64,
    pub(crate) payment_records: u64,
    pub(crate) sale_records: u64,
    pub(crate) true_pairs: u64,
    pub(crate) decidable_pairs: u64,
    pub(crate) faults: BTreeMap<Fault, u64>,
}

/// Writes the three reports.
pub(crate) struct Clerk<'a, W: Write> {
    shops: &'a Shops,
    ids: Identifiers,
    random: Random,
    payments: Feed<W>,
    sales: Feed<W>,
    truth: csv::Writer<W>,
    tally: Tally,
}

impl<'a, W: Write> Clerk<'a, W> {
    pub(crate) fn new(options: &Options, shops: &'a Shops, to: Reports<W>) -> io::Result<Self> {
        let mut random = Random::new(options.seed, Stream::Records);
        let mut truth = csv::Writer::from_writer(to.truth);
        truth.write_record(TRUTH_HEADER)?;
        Ok(Self {
            shops,
            ids: Identifiers::new(options.ids, options.seed),
            payments: Feed::new(to.payments, random.branch()),
            sales: Feed::new(to.sales, random.branch()),
            random,
            truth,
            tally: Tally::default(),
        })
    }

    /// Reports one purchase, made no earlier than the one before.
    pub(crate) fn report(&mut self, purchase: &Purchase) -> io::Result<()> {
        let fault = purchase.fault;
        let (payment_again, sale_again) = self.resending(fault);
        let payment =
            (fault != Some(Fault::NoPayment)).then(|| self.report_payment(purchase, payment_again));
        let sale = (fault != Some(Fault::NoSale)).then(|| self.report_sale(purchase, sale_again));
        self.tally.count(fault, payment.is_some(), sale.is_some());
        self.truth.write_record([
            payment.as_deref().unwrap_or_default(),
            sale.as_deref().unwrap_or_default(),
            &*Label::of(fault).text(),
        ])?;
        let nothing_earlier_comes = purchase.paid.at.plus(-WORST_SKEW_US);
        self.payments.write_until(nothing_earlier_comes)?;
        self.sales.write_until(nothing_earlier_comes)
    }

    /// Writes what is left, and says what was reported in all.
    pub(crate) fn finish(mut self) -> io::Result<Tally> {
        self.tally.payment_records = self.payments.finish()?;
        self.tally.sale_records = self.sales.finish()?;
        self.truth.flush()?;
        Ok(self.tally)
    }

    /// How much later, in microseconds, payment and sale are sent again, if they are.
    fn resending(&mut self, fault: Option<Fault>) -> (Option<i64>, Option<i64>) {
        if fault != Some(Fault::Duplicate) {
            return (None, None);
        }
        let later = self.random.between(1, LATEST_RESENDING_SECONDS) * SECOND_US;
        if self.random.coin() {
            (Some(later), None)
        } else {
            (None, Some(later))
        }
    }

    fn report_payment(&mut self, purchase: &Purchase, again: Option<i64>) -> CompactString {
        let id = self.ids.next(Side::Payment);
        let mid = self.shops.mid(purchase.shop);
        let Seen { at, amount_minor } = purchase.paid;
        let record = self
            .payments
            .record(mid, &id, at, amount_minor, purchase.card);
        send(&mut self.payments, at, again, record);
        id
    }

    fn report_sale(&mut self, purchase: &Purchase, again: Option<i64>) -> CompactString {
        let id = self.ids.next(Side::Sale);
        let mid = self.shops.mid(purchase.shop);
        let Seen { at, amount_minor } = purchase.rung_up;
        let record = self
            .sales
            .record(mid, &id, at, amount_minor, points(amount_minor));
        send(&mut self.sales, at, again, record);
        id
    }
}

/// Puts a record into a feed, and where it is sent again, the same bytes later.
fn send<W: Write>(feed: &mut Feed<W>, at: Instant, again: Option<i64>, record: String) {
    if let Some(later) = again {
        feed.add(at.plus(later), record.clone());
    }
    feed.add(at, record);
}

/// The points of a purchase, in hundredths: one whole point for each whole pound.
fn points(amount_minor: i64) -> i64 {
    amount_minor / MINOR_UNITS * POINT_UNITS
}

impl Tally {
    fn count(&mut self, fault: Option<Fault>, paid: bool, rung_up: bool) {
        let decidable = fault.is_none_or(Fault::is_decidable);
        self.count_purchase(fault, (u64::from(paid), rung_up), decidable);
    }

    /// Counts a purchase: how many payments were reported, whether a sale was, and whether the rule
    /// can tell that they are a pair, if they are.
    pub(crate) fn count_purchase(
        &mut self,
        fault: Option<Fault>,
        (payments, rung_up): (u64, bool),
        decidable: bool,
    ) {
        let pair = payments > 0 && rung_up;
        self.purchases += 1;
        self.payments += payments;
        self.sales += u64::from(rung_up);
        self.true_pairs += u64::from(pair);
        self.decidable_pairs += u64::from(pair && decidable);
        if let Some(fault) = fault {
            *self.faults.entry(fault).or_default() += 1;
        }
    }
}
