//! When something that is done again and again is done next: five cron fields, in UTC or in a zone.

use crate::time::{Instant, MINUTE_US};
use croner::Cron;
use jiff::tz::TimeZone;
use std::str::FromStr;

/// What stands before the fields where they are meant in a zone, as in `CRON_TZ=Europe/London 0 7 * * *`.
const ZONE: &str = "CRON_TZ=";

/// A schedule: minute, hour, day of the month, month and day of the week.
///
/// In a zone whose clocks change, what is due in the hour that is left out comes as the clocks are put
/// on, and what is due at a time that comes twice comes at the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads five cron fields, with a zone before them where they are not meant in UTC.
    ///
    /// # Errors
    /// Says what is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not a schedule: use five cron fields in UTC, as in \"* * * * *\", or in a \
                 zone, as in \"{ZONE}Europe/London 0 7 * * *\""
            )
        };
        let (zone, fields) = match text.trim().strip_prefix(ZONE) {
            None => (TimeZone::UTC, text),
            Some(rest) => {
                let (name, fields) = rest.split_once(' ').ok_or_else(wrong)?;
                let zone = TimeZone::get(name).map_err(|_| wrong())?;
                (zone, fields)
            }
        };
        if fields.split_ascii_whitespace().count() != 5 {
            return Err(wrong());
        }
        let cron = Cron::from_str(fields).map_err(|_| wrong())?;
        Ok(Self { cron, zone })
    }

    /// The first tick after a time. A schedule that never ticks again, such as the 30th of February,
    /// is looked at anew a minute later.
    pub fn next_after(&self, time: Instant) -> Instant {
        self.tick_after(time).unwrap_or(time.plus(MINUTE_US))
    }

    /// The ticks after a time and until another, the latest so many of them, the earliest first.
    pub fn ticks(&self, after: Instant, until: Instant, most: usize) -> Vec<Instant> {
        let mut ticks = std::collections::VecDeque::with_capacity(most);
        let mut last = after;
        while let Some(tick) = self.tick_after(last).filter(|tick| *tick <= until) {
            if ticks.len() == most {
                ticks.pop_front();
            }
            ticks.push_back(tick);
            last = tick;
        }
        ticks.into()
    }

    fn tick_after(&self, time: Instant) -> Option<Instant> {
        let after = jiff::Timestamp::from_microsecond(time.0).ok()?;
        let mut after = after.to_zoned(self.zone.clone());
        // In the hour that comes twice, the fields are the same again: such a tick is no new one.
        loop {
            let tick = self.cron.find_next_occurrence(&after, false).ok()?;
            let found = Instant(tick.timestamp().as_microsecond());
            if found > time {
                return Some(found);
            }
            after = tick;
        }
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

    fn at(text: &str) -> Instant {
        Instant(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn a_zone_has_its_own_hours_and_days_on_which_clocks_change() {
        let daily = Schedule::parse("CRON_TZ=Europe/London 30 1 * * *").unwrap();
        let ticks = daily.ticks(at("2026-03-27T12:00:00Z"), at("2026-03-30T12:00:00Z"), 9);
        // On the 29th half past one is left out: the clocks go from one to two.
        let wanted = [
            at("2026-03-28T01:30:00Z"),
            at("2026-03-29T01:00:00Z"),
            at("2026-03-30T00:30:00Z"),
        ];
        assert_eq!(ticks, wanted);
        // On the 25th of October half past one comes twice, and the tick once.
        let ticks = daily.ticks(at("2026-10-24T12:00:00Z"), at("2026-10-26T12:00:00Z"), 9);
        assert_eq!(
            ticks,
            [at("2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z")]
        );
        // What is due again and again within the hour is so in both.
        let often = Schedule::parse("CRON_TZ=Europe/London */30 * * * *").unwrap();
        let ticks = often.ticks(at("2026-10-25T00:00:00Z"), at("2026-10-25T02:00:00Z"), 9);
        assert_eq!(ticks.len(), 4);
    }

    #[test]
    fn of_many_ticks_the_latest_are_told() {
        let hourly = Schedule::parse("0 * * * *").unwrap();
        let ticks = hourly.ticks(Instant(0), Instant(5 * HOUR_US), 2);
        assert_eq!(ticks, [Instant(4 * HOUR_US), Instant(5 * HOUR_US)]);
    }

    #[test]
    fn what_is_no_schedule_is_told_with_what_would_be() {
        for text in [
            "",
            "hourly",
            "* * * *",
            "0 0 * * * *",
            "61 * * * *",
            "CRON_TZ=Nowhere/Else * * * * *",
            "CRON_TZ=UTC",
        ] {
            let wrong = Schedule::parse(text).unwrap_err();
            assert!(wrong.contains("five cron fields"), "{wrong}");
        }
    }
}
