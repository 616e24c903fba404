//! The merchant's shops: each has a MID, and several MIDs share a location. A few shops take much
//! of the trade, most take little (Zipf's law), and some were never onboarded.

use crate::random::Random;
use crate::{PAYMENT_PROVIDER, SCHEME};
use std::io::{self, Write};

/// Which shop, or more exactly which of its terminals' MIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shop(u32);

impl Shop {
    /// Its place among all shops, those that were never onboarded at the end.
    pub(crate) fn index(self) -> u32 {
        self.0
    }
}

/// All shops of a world.
pub(crate) struct Shops {
    /// The MID of each shop, those that `mids.csv` lacks at the end.
    mids: Vec<String>,
    /// For each onboarded shop, the weight of it and all before it.
    weights: Vec<u64>,
}

const PURCHASES_A_SHOP: u64 = 4_000;
const SHOPS: std::ops::RangeInclusive<u64> = 8..=2_000;
/// How many MIDs share a location.
pub(crate) const MIDS_A_LOCATION: usize = 3;

/// Shops that were never onboarded, for each so many that were.
const ONBOARDED_TO_ONE_UNKNOWN: u32 = 50;

/// The weight of the busiest shop is this over [`HEAD`], of the next this over `HEAD + 1`, …
const TRADE: u64 = 1_000_000;
/// How flat the head of the distribution is: large enough that no one shop takes a fifth.
const HEAD: u64 = 3;

impl Shops {
    pub(crate) fn new(purchases: u64, seed: u64) -> Self {
        let wanted = (purchases / PURCHASES_A_SHOP).clamp(*SHOPS.start(), *SHOPS.end());
        let onboarded = u32::try_from(wanted).unwrap_or(u32::MAX);
        let unknown = (onboarded / ONBOARDED_TO_ONE_UNKNOWN).max(1);
        let mids = (1..=onboarded + unknown).map(|number| format!("M{seed}.{number:05}"));
        let weights = (0..wanted).scan(0, |passed, rank| {
            *passed += TRADE / (HEAD + rank);
            Some(*passed)
        });
        Self {
            mids: mids.collect(),
            weights: weights.collect(),
        }
    }

    /// How many shops `mids.csv` has.
    pub(crate) fn onboarded(&self) -> usize {
        self.weights.len()
    }

    /// A shop that somebody walks into: a busy one, more often than not.
    pub(crate) fn any(&self, random: &mut Random) -> Shop {
        let ticket = random.below(self.weights.last().copied().unwrap_or(0));
        Shop(self.weights.partition_point(|passed| *passed <= ticket) as u32)
    }

    /// A shop that `mids.csv` lacks.
    pub(crate) fn any_unknown(&self, random: &mut Random) -> Shop {
        let unknown = self.mids.len() - self.onboarded();
        Shop((self.onboarded() as u64 + random.below(unknown as u64)) as u32)
    }

    /// Its MID, as both feeds write it.
    pub(crate) fn mid(&self, shop: Shop) -> &str {
        &self.mids[shop.0 as usize]
    }

    /// Writes `mids.csv`: what `harmonia mids import` takes.
    pub(crate) fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        for (number, mid) in self.mids[..self.onboarded()].iter().enumerate() {
            let location = number / MIDS_A_LOCATION + 1;
            table.write_record([
                PAYMENT_PROVIDER,
                mid,
                "PRIMARY",
                SCHEME,
                &format!("L{location:04}"),
                &format!("{}", number + 1),
                "Example Loyalty Scheme",
                &format!("Example Shop {location}"),
                &format!("EX{} {}XX", location / 10 + 1, location % 10),
                "A",
            ])?;
        }
        table.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn some_shops_are_busier_and_none_takes_all() {
        let shops = Shops::new(1_000_000, 1);
        assert_eq!(shops.onboarded(), 250);
        let mut random = Random::new(1, Stream::Purchases);
        let mut trade = vec![0_u32; shops.onboarded()];
        for _ in 0..100_000 {
            trade[shops.any(&mut random).0 as usize] += 1;
        }
        assert!((6_000..9_000).contains(&trade[0]), "{}", trade[0]);
        assert!(trade.iter().all(|purchases| *purchases > 0));
    }

    #[test]
    fn an_unknown_shop_is_in_no_table() {
        let shops = Shops::new(0, 7);
        let mut table = Vec::new();
        shops.write_csv(&mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert_eq!(table.lines().count(), 8);
        assert!(table.starts_with("example-payment-provider,M7.00001,PRIMARY,example-loyalty-"));
        let unknown = shops.any_unknown(&mut Random::new(1, Stream::Purchases));
        assert!(!table.contains(shops.mid(unknown)));
    }
}
