//! When something that is done again and again is done next: five cron fields, in UTC.

use crate::time::{Instant, MINUTE_US};
use croner::Cron;
use std::str::FromStr;

/// A schedule: minute, hour, day of the month, month and day of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Cron);

impl Schedule {
    /// Reads five cron fields.
    ///
    /// # Errors
    /// Says what is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is not a schedule: use five cron fields in UTC, as in \"* * * * *\"")
        };
        if text.split_ascii_whitespace().count() != 5 {
            return Err(wrong());
        }
        Cron::from_str(text).map(Self).map_err(|_| wrong())
    }

    /// The first tick after a time. A schedule that never ticks again, such as the 30th of February,
    /// is looked at anew a minute later.
    pub fn next_after(&self, time: Instant) -> Instant {
        let next = || {
            let after = jiff::Timestamp::from_microsecond(time.0).ok()?;
            let after = after.to_zoned(jiff::tz::TimeZone::UTC);
            self.0.find_next_occurrence(&after, false).ok()
        };
        next().map_or(time.plus(MINUTE_US), |tick| {
            Instant(tick.timestamp().as_microsecond())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_US;

    #[test]
    fn the_next_tick_comes_after_the_time_and_never_at_it() {
        let hourly = Schedule::parse("0 * * * *").unwrap();
        assert_eq!(hourly.next_after(Instant(0)), Instant(HOUR_US));
        assert_eq!(hourly.next_after(Instant(HOUR_US - 1)), Instant(HOUR_US));
        let never = Schedule::parse("0 0 30 2 *").unwrap();
        assert_eq!(never.next_after(Instant(7)), Instant(7 + MINUTE_US));
    }

    #[test]
    fn what_is_no_schedule_is_told_with_what_would_be() {
        for text in ["", "hourly", "* * * *", "0 0 * * * *", "61 * * * *"] {
            let wrong = Schedule::parse(text).unwrap_err();
            assert!(wrong.contains("five cron fields"), "{wrong}");
        }
    }
}
