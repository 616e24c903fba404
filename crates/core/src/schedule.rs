//! When something that is done again and again is done next: five cron fields, in UTC or in a zone.

use crate::time::{Instant, MINUTE_US};
use croner::Cron;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::str::FromStr;

/// What stands before the fields where they are meant in a zone, as in `CRON_TZ=Europe/London 0 7 * * *`.
const ZONE: &str = "CRON_TZ=";

/// A schedule: minute, hour, day of the month, month and day of the week.
///
/// In a zone whose clocks change, what is due in the hour that is left out comes as the clocks are put
/// on, and what is due at a time that comes twice comes at the first. Where any hour will do (`*`), every
/// hour that passes is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
    in_any_hour: bool,
}

/// When it is looked for a first tick, to know that there are any.
const LONG_AGO: civil::DateTime = civil::datetime(2000, 1, 1, 0, 0, 0, 0);

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
        let schedule = Self {
            cron: Cron::from_str(fields).map_err(|_| wrong())?,
            zone,
            in_any_hour: fields.split_ascii_whitespace().nth(1) == Some("*"),
        };
        // It would be looked for through thousands of years, again and again.
        if schedule.on_the_wall_after(LONG_AGO).is_none() {
            return Err(format!(
                "{text:?} never comes: no year has such a day. Use five cron fields for one that comes"
            ));
        }
        Ok(schedule)
    }

    /// When something that is not to wait for ever is done: the first tick after a time, or a minute
    /// later should time have come to its end.
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

    /// The first tick after a time; `None` where the calendar ends before.
    pub fn tick_after(&self, time: Instant) -> Option<Instant> {
        let after = jiff::Timestamp::from_microsecond(time.0).ok()?;
        let after = after.to_zoned(self.zone.clone());
        if self.in_any_hour {
            let tick = self.cron.find_next_occurrence(&after, false).ok()?;
            return Some(Instant(tick.timestamp().as_microsecond()));
        }
        // The wall clock may show a time again that was a tick when it came first.
        let mut wall = after.datetime();
        loop {
            wall = self.on_the_wall_after(wall)?;
            let tick = self.first_time_of(wall)?;
            if tick > time {
                return Some(tick);
            }
        }
    }

    /// What a clock on the wall shows at the next tick, if it is never set.
    fn on_the_wall_after(&self, wall: civil::DateTime) -> Option<civil::DateTime> {
        let wall = wall.to_zoned(TimeZone::UTC).ok()?;
        let tick = self.cron.find_next_occurrence(&wall, false).ok()?;
        Some(tick.datetime())
    }

    /// When a clock on the wall first shows a time, or is put on past it.
    fn first_time_of(&self, wall: civil::DateTime) -> Option<Instant> {
        let moment = self.zone.to_ambiguous_timestamp(wall);
        let is_left_out = matches!(moment.offset(), AmbiguousOffset::Gap { .. });
        let first = moment.earlier().ok()?;
        let first = match is_left_out {
            // By the clock as it is after the change, so that the change comes next.
            true => self.zone.following(first).next()?.timestamp(),
            false => first,
        };
        Some(Instant(first.as_microsecond()))
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
        let leap = Schedule::parse("0 0 29 2 *").unwrap();
        let past_2100 = leap.next_after(at("2096-03-01T00:00:00Z"));
        assert_eq!(past_2100, at("2104-02-29T00:00:00Z"));
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
    fn each_of_several_hours_comes_on_the_day_the_clocks_change() {
        let twice = Schedule::parse("CRON_TZ=Europe/London 0,30 1,13 * * *").unwrap();
        let day = |from: &str, until: &str| twice.ticks(at(from), at(until), 9);
        let put_on = [
            // Both that are left out, once.
            at("2026-03-29T01:00:00Z"),
            at("2026-03-29T12:00:00Z"),
            at("2026-03-29T12:30:00Z"),
        ];
        assert_eq!(day("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"), put_on);
        let put_back = [
            at("2026-10-25T00:00:00Z"),
            at("2026-10-25T00:30:00Z"),
            at("2026-10-25T13:00:00Z"),
            at("2026-10-25T13:30:00Z"),
        ];
        assert_eq!(
            day("2026-10-24T23:59:59Z", "2026-10-26T00:00:00Z"),
            put_back
        );
        let every_other = Schedule::parse("CRON_TZ=America/New_York 0 */2 * * *").unwrap();
        let ticks = every_other.ticks(at("2026-03-08T05:00:00Z"), at("2026-03-08T08:00:00Z"), 9);
        let at_three = [at("2026-03-08T07:00:00Z"), at("2026-03-08T08:00:00Z")];
        assert_eq!(ticks, at_three);
    }

    #[test]
    fn what_never_comes_is_refused() {
        for text in ["0 0 30 2 *", "CRON_TZ=Europe/London 0 1 31 4,6,9,11 *"] {
            let wrong = Schedule::parse(text).unwrap_err();
            assert!(wrong.contains("never comes"), "{wrong}");
        }
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
