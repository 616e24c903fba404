//! What kind of world to make.

use crate::fault::FaultRates;
use crate::identifiers::IdStyle;
use harmonia_core::time::Day;

/// All that a generated world depends on. The same options give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many purchases are made.
    pub purchases: u64,
    /// Which of the many worlds of this kind. Worlds of different seeds share no MID, no card token
    /// and no transaction id, so several can be imported into one database and each truth still
    /// holds. Of a real scheme this is certain of the first 46,656 seeds, and likely of others: in
    /// some feeds an id has nine characters, and some ids of locations have four.
    pub seed: u64,
    /// How transaction ids look.
    pub ids: IdStyle,
    /// The first day of trade (UTC).
    pub first_day: Day,
    /// How many days the purchases are spread over; at least one.
    pub days: u32,
    /// What goes wrong, and how often.
    pub faults: FaultRates,
    /// Whether networks of real schemes that have an older file for settlements write it too: the
    /// same payments once more, of which nothing is new whichever comes first.
    pub older_files: bool,
}

/// 2026-06-01, a Monday.
const FIRST_DAY: Day = Day(20_605);

/// Purchases of a day of average trade; the busiest weekday has a quarter more.
const PURCHASES_A_DAY: u64 = 200_000;

const FEWEST_DAYS: u32 = 3;

impl Options {
    /// The usual world of this size: counted ids, from 2026-06-01 on, over as many days as keep the
    /// busiest below 300,000 purchases (three at least), with the usual faults.
    pub fn new(purchases: u64, seed: u64) -> Self {
        Self {
            purchases,
            seed,
            ids: IdStyle::Counter,
            first_day: FIRST_DAY,
            days: usual_days(purchases),
            faults: FaultRates::default(),
            older_files: false,
        }
    }

    /// The last day of trade; `None` when there is none, or the calendar (years 1 to 9999) ends
    /// before it does.
    pub(crate) fn last_day(&self) -> Option<Day> {
        let calendar = Day::from_ymd(1, 1, 1)?..=Day::from_ymd(9999, 12, 31)?;
        let last = Day(self
            .first_day
            .0
            .checked_add_unsigned(self.days.checked_sub(1)?)?);
        (calendar.contains(&self.first_day) && calendar.contains(&last)).then_some(last)
    }
}

fn usual_days(purchases: u64) -> u32 {
    let days = purchases.div_ceil(PURCHASES_A_DAY);
    u32::try_from(days).unwrap_or(u32::MAX).max(FEWEST_DAYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_day_is_the_first_of_june() {
        let options = Options::new(1_000_000, 1);
        assert_eq!(options.first_day.to_string(), "2026-06-01");
        assert_eq!(options.last_day().unwrap().to_string(), "2026-06-05");
        assert_eq!(Options::new(0, 1).days, 3);
    }

    #[test]
    fn trade_neither_lasts_no_day_nor_outlives_the_calendar() {
        let usual = Options::new(1, 1);
        assert_eq!(
            Options {
                days: 0,
                ..usual.clone()
            }
            .last_day(),
            None
        );
        assert_eq!(
            Options {
                days: u32::MAX,
                ..usual
            }
            .last_day(),
            None
        );
    }
}
