//! When a scheme's purchases are made: as everywhere, and in the nights when the clocks change.

use super::clocks::Clocks;
use crate::arrivals::Arrivals;
use crate::fault::Fault;
use crate::options::Options;
use crate::random::{Random, Stream};
use harmonia_core::time::{Day, Instant};
use std::iter::Peekable;

/// The hour that happens twice or is missing begins an hour after this night does (UTC).
const NIGHT_SECONDS: i64 = 3 * 3600;

const MILLION: u64 = 1_000_000;

/// The moments of all purchases, in order.
pub(super) struct Visits {
    arrivals: Peekable<Arrivals>,
    random: Random,
    /// How many come in a night when the clocks change.
    a_night: u64,
    day: Option<Day>,
    /// The moments of such a night that are still to come, the latest first.
    night: Vec<Instant>,
}

impl Visits {
    pub(super) fn new(options: &Options) -> Self {
        let rate = u64::from(options.faults.per_million(Fault::DaylightSaving));
        let a_day = options.purchases.div_ceil(u64::from(options.days).max(1));
        Self {
            arrivals: Arrivals::new(options).peekable(),
            random: Random::new(options.seed, Stream::Nights),
            a_night: (u128::from(a_day) * u128::from(rate)).div_ceil(u128::from(MILLION)) as u64,
            day: None,
            night: Vec::new(),
        }
    }

    /// The next moment, and whether it is of such a night.
    pub(super) fn next(&mut self, clocks: &Clocks) -> Option<(Instant, bool)> {
        let day = self.arrivals.peek().map(|at| at.day());
        if day.is_some() && day != self.day && self.night.is_empty() {
            self.day = day;
            self.night = self.night_of(day.filter(|day| clocks.change_on(*day)));
        }
        if let Some(at) = self.night.pop() {
            return Some((at, true));
        }
        self.arrivals.next().map(|at| (at, false))
    }

    /// Lets some of a day's purchases be made in its night.
    fn night_of(&mut self, day: Option<Day>) -> Vec<Instant> {
        let Some(day) = day else {
            return Vec::new();
        };
        let mut night = Vec::new();
        let midnight = Instant(day.midnight().0);
        for _ in 0..self.a_night {
            if self.arrivals.next_if(|at| at.day() == day).is_none() {
                break;
            }
            night.push(self.random.second_after(midnight, NIGHT_SECONDS));
        }
        night.sort_unstable_by(|one, other| other.cmp(one));
        night
    }
}
