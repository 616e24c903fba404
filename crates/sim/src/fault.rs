//! What goes wrong between a purchase and the two feeds that tell of it, and how often.

use crate::random::Random;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One way in which a purchase is reported wrongly. A purchase has at most one.
///
/// The first eight can befall the example scheme; all can befall a scheme of
/// [`generate_scheme`](crate::generate_scheme). How often, in a million purchases, is what such a
/// scheme has unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The till never reported it: a payment without a sale. 10,000 in a million.
    NoSale,
    /// The network never reported it: a sale without a payment. 10,000 in a million.
    NoPayment,
    /// The card is not in `cards.csv`: nobody knows whose it is. 15,000 in a million.
    UnlinkedCard,
    /// The till's clock was wrong by one second to five minutes. 8,000 in a million.
    ClockSkew,
    /// One of its two records is sent again within ten minutes, byte for byte: it counts once.
    /// 5,000 in a million.
    Duplicate,
    /// Another purchase of the same amount was made in the same shop in the same second. Both are
    /// true pairs; which is which cannot be told. 2,000 in a million, counting both.
    Ambiguous,
    /// Its MID is not in `mids.csv`. 3,000 in a million.
    UnknownMid,
    /// The till reported another amount than was paid. 5,000 in a million.
    WrongAmount,
    /// A tip was added after the card was authorised: it settles for more. 10,000 in a million.
    Tips,
    /// Less was delivered than was authorised: it settles for less, and the till says what was
    /// ordered. 5,000 in a million.
    PartialCapture,
    /// Sent in two parts, which settle as two payments. 5,000 in a million.
    SplitShipment,
    /// The till has another auth code than the network. 5,000 in a million.
    WrongAuthCode,
    /// One side, the network or the till, has no auth code. 10,000 in a million.
    MissingAuthCode,
    /// Made in the night when the clocks change: in the hour that happens twice, or that is
    /// missing, and the two hours around. 10,000 in a million of those days' purchases.
    DaylightSaving,
    /// The till reported another shop than the network. 5,000 in a million.
    WrongMid,
    /// The till's report comes late, in a file of its own. 10,000 in a million.
    LateFeed,
    /// The money was given back: there is a refund too. 10,000 in a million.
    Refund,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::NoSale,
        Self::NoPayment,
        Self::UnlinkedCard,
        Self::ClockSkew,
        Self::Duplicate,
        Self::Ambiguous,
        Self::UnknownMid,
        Self::WrongAmount,
        Self::Tips,
        Self::PartialCapture,
        Self::SplitShipment,
        Self::WrongAuthCode,
        Self::MissingAuthCode,
        Self::DaylightSaving,
        Self::WrongMid,
        Self::LateFeed,
        Self::Refund,
    ];

    /// Those that can befall the example scheme, whose feeds have no auth and no auth codes.
    pub const OF_THE_EXAMPLE: [Self; 8] = [
        Self::NoSale,
        Self::NoPayment,
        Self::UnlinkedCard,
        Self::ClockSkew,
        Self::Duplicate,
        Self::Ambiguous,
        Self::UnknownMid,
        Self::WrongAmount,
    ];

    /// The name in the `fault` column of `truth.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSale => "no_sale",
            Self::NoPayment => "no_payment",
            Self::UnlinkedCard => "unlinked_card",
            Self::ClockSkew => "clock_skew",
            Self::Duplicate => "duplicate",
            Self::Ambiguous => "ambiguous",
            Self::UnknownMid => "unknown_mid",
            Self::WrongAmount => "wrong_amount",
            Self::Tips => "tips",
            Self::PartialCapture => "partial_capture",
            Self::SplitShipment => "split_shipment",
            Self::WrongAuthCode => "wrong_auth_code",
            Self::MissingAuthCode => "missing_auth_code",
            Self::DaylightSaving => "daylight_saving",
            Self::WrongMid => "wrong_mid",
            Self::LateFeed => "late_feed",
            Self::Refund => "refund",
        }
    }

    /// The fault named so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == name)
    }

    /// Whether a scheme's rule, unless the truth says otherwise of a purchase, still leads to the
    /// right answer: the pair where there is one, no match where there is none. For the example
    /// (same MID, amount and instant, of an identified card) this is the last word.
    pub fn is_decidable(self) -> bool {
        matches!(
            self,
            Self::NoSale
                | Self::NoPayment
                | Self::Duplicate
                | Self::MissingAuthCode
                | Self::DaylightSaving
                | Self::LateFeed
                | Self::Refund
        )
    }

    /// Whether it is in what the till reports, or fails to: without a till there is no such fault.
    pub(crate) fn concerns_sale(self) -> bool {
        matches!(
            self,
            Self::NoSale
                | Self::NoPayment
                | Self::ClockSkew
                | Self::Ambiguous
                | Self::WrongAmount
                | Self::WrongAuthCode
                | Self::WrongMid
                | Self::LateFeed
        )
    }

    fn usual_per_million(self) -> u32 {
        match self {
            Self::NoSale
            | Self::NoPayment
            | Self::Tips
            | Self::MissingAuthCode
            | Self::DaylightSaving
            | Self::LateFeed
            | Self::Refund => 10_000,
            Self::UnlinkedCard => 15_000,
            Self::ClockSkew => 8_000,
            Self::Duplicate
            | Self::WrongAmount
            | Self::PartialCapture
            | Self::SplitShipment
            | Self::WrongAuthCode
            | Self::WrongMid => 5_000,
            Self::UnknownMid => 3_000,
            Self::Ambiguous => 2_000,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How often each fault happens: purchases in a million.
///
/// By default as each [`Fault`] of the example documents and no other, which leaves 95.7 % of
/// payments to be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRates([u32; Fault::ALL.len()]);

const MILLION: u32 = 1_000_000;

impl FaultRates {
    /// A world in which nothing goes wrong.
    pub const NONE: Self = Self([0; Fault::ALL.len()]);

    /// As each [`Fault`] documents, every kind of them.
    pub fn of_every_kind() -> Self {
        Self(Fault::ALL.map(Fault::usual_per_million))
    }

    /// Only these faults, each as often as it usually happens.
    pub fn only(faults: impl IntoIterator<Item = Fault>) -> Self {
        faults.into_iter().fold(Self::NONE, |rates, fault| {
            rates.with(fault, fault.usual_per_million())
        })
    }

    /// These rates, but for one fault.
    #[must_use]
    pub fn with(mut self, fault: Fault, per_million: u32) -> Self {
        self.0[fault as usize] = per_million;
        self
    }

    /// How many purchases in a million have this fault, about.
    pub fn per_million(&self, fault: Fault) -> u32 {
        self.0[fault as usize]
    }

    /// How many purchases in a million have any fault.
    pub fn total_per_million(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// Whether a purchase can be given a fault at these rates: they add up to a million at most.
    pub(crate) fn are_possible(&self) -> bool {
        self.total_per_million() <= u64::from(MILLION)
    }

    /// What goes wrong with the next purchase.
    pub(crate) fn draw(&self, random: &mut Random) -> Option<Fault> {
        let mut ticket = random.below(u64::from(MILLION));
        for fault in Fault::ALL {
            let share = self.draws_per_million(fault);
            if ticket < share {
                return Some(fault);
            }
            ticket -= share;
        }
        None
    }

    /// How often a fault is drawn. An ambiguous draw is answered with two purchases: `d` draws
    /// among `1 + d` purchases make a share of `2d / (1 + d)`, and this is its inverse.
    fn draws_per_million(&self, fault: Fault) -> u64 {
        let rate = u64::from(self.per_million(fault));
        match fault {
            Fault::Ambiguous => rate * u64::from(MILLION) / (2 * u64::from(MILLION) - rate),
            // It is a matter of the day, not of the purchase.
            Fault::DaylightSaving => 0,
            _ => rate,
        }
    }
}

impl Default for FaultRates {
    fn default() -> Self {
        Self::only(Fault::OF_THE_EXAMPLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_one_name() {
        for fault in Fault::ALL {
            assert_eq!(Fault::from_name(fault.as_str()), Some(fault));
        }
        assert_eq!(Fault::from_name(""), None);
    }

    #[test]
    fn by_default_more_than_93_percent_of_payments_can_be_matched() {
        let rates = FaultRates::default();
        let of = |wanted: fn(Fault) -> bool| -> u32 {
            let wanted = Fault::ALL.into_iter().filter(|fault| wanted(*fault));
            wanted.map(|fault| rates.per_million(fault)).sum()
        };
        let payments = MILLION - rates.per_million(Fault::NoPayment);
        let lost = of(|fault| !fault.is_decidable()) + rates.per_million(Fault::NoSale);
        assert_eq!((payments - lost) * 1000 / payments, 956);
    }
}
