//! When purchases happen: shops open at seven and close at ten, lunch and the way home are busy,
//! and so is Saturday.

use crate::options::Options;
use crate::random::{Random, Stream};
use harmonia_core::time::{Day, Instant, SECOND_US};

/// How busy each hour is against the others, from [`OPENING_HOUR`] on.
const HOURS: [u64; 15] = [3, 5, 5, 6, 8, 11, 12, 9, 7, 8, 10, 11, 7, 5, 3];

/// The first hour of trade (UTC).
const OPENING_HOUR: i64 = 7;

/// How busy each weekday is against the others, from Monday on.
const WEEKDAYS: [u64; 7] = [90, 90, 94, 100, 112, 124, 90];

/// Purchases are drawn a quarter of an hour at a time: the most that is ever held.
const SLOT_SECONDS: i64 = 900;
const SLOTS_AN_HOUR: usize = 4;
const SLOTS_A_DAY: usize = HOURS.len() * SLOTS_AN_HOUR;

/// The moments of all purchases, each a whole second, in order of time; as many as were asked for.
///
/// Each slot has its fair share of the purchases, and within it they come as they please.
pub(crate) struct Arrivals {
    random: Random,
    purchases: u64,
    first_day: Day,
    days: u32,
    /// The slot to draw next: its day, counted from the first, and its place in the day.
    day: u32,
    slot: usize,
    /// The weight of all slots, and of those drawn.
    weight_in_all: u128,
    weight_passed: u128,
    /// How many moments were drawn.
    drawn: u64,
    /// The moments of the current slot that are still to come, the latest first.
    to_come: Vec<Instant>,
}

impl Arrivals {
    pub(crate) fn new(options: &Options) -> Self {
        let mut arrivals = Self {
            random: Random::new(options.seed, Stream::Arrivals),
            purchases: options.purchases,
            first_day: options.first_day,
            days: options.days,
            day: 0,
            slot: 0,
            weight_in_all: 0,
            weight_passed: 0,
            drawn: 0,
            to_come: Vec::new(),
        };
        let hours: u64 = HOURS.iter().sum::<u64>() * SLOTS_AN_HOUR as u64;
        arrivals.weight_in_all = (0..options.days)
            .map(|day| u128::from(arrivals.weekday_weight(day) * hours))
            .sum();
        arrivals
    }

    fn draw_slot(&mut self) {
        let weight = self.weekday_weight(self.day) * HOURS[self.slot / SLOTS_AN_HOUR];
        self.weight_passed += u128::from(weight);
        let due = u128::from(self.purchases) * self.weight_passed / self.weight_in_all;
        let due = u64::try_from(due).unwrap_or(self.purchases);
        let start = self.slot_start();
        for _ in self.drawn..due {
            self.to_come
                .push(self.random.second_after(start, SLOT_SECONDS));
        }
        self.to_come.sort_unstable_by(|one, other| other.cmp(one));
        self.drawn = due;
        self.slot += 1;
        if self.slot == SLOTS_A_DAY {
            (self.day, self.slot) = (self.day + 1, 0);
        }
    }

    fn slot_start(&self) -> Instant {
        let seconds = OPENING_HOUR * 3600 + self.slot as i64 * SLOT_SECONDS;
        Instant(self.civil_day(self.day).midnight().0 + seconds * SECOND_US)
    }

    fn weekday_weight(&self, day: u32) -> u64 {
        // Day 0, 1970-01-01, was a Thursday: the fourth from Monday.
        WEEKDAYS[(self.civil_day(day).0 + 3).rem_euclid(7) as usize]
    }

    fn civil_day(&self, day: u32) -> Day {
        Day(self.first_day.0.saturating_add_unsigned(day))
    }
}

impl Iterator for Arrivals {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        while self.to_come.is_empty() && self.day < self.days {
            self.draw_slot();
        }
        self.to_come.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_come_as_were_asked_for_in_order_and_while_shops_are_open() {
        for purchases in [0, 1, 7, 5000] {
            let options = Options::new(purchases, 3);
            let moments: Vec<Instant> = Arrivals::new(&options).collect();
            assert_eq!(moments.len() as u64, purchases);
            assert!(moments.is_sorted());
            for moment in moments {
                assert!((options.first_day..=options.last_day().unwrap()).contains(&moment.day()));
                let second = moment.0 / SECOND_US % 86_400;
                assert!((7 * 3600..22 * 3600).contains(&second), "{moment}");
            }
        }
    }

    #[test]
    fn the_busiest_of_many_days_is_a_saturday_and_no_flood() {
        let options = Options {
            days: 7,
            ..Options::new(70_000, 3)
        };
        let mut by_day = [0_u32; 7];
        for moment in Arrivals::new(&options) {
            by_day[(moment.day().0 - options.first_day.0) as usize] += 1;
        }
        assert_eq!(by_day.iter().max(), Some(&by_day[5]));
        assert!((12_000..13_000).contains(&by_day[5]), "{by_day:?}");
    }
}
