//! The clocks that feeds are written by, and what a reader makes of what they wrote.

use harmonia_core::time::{Day, Instant, MINUTE_US, Moment, Precision, WallClock, Zone};
use jiff::Timestamp;
use std::fmt::Write;

/// By which clock a feed writes its times, and how exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// UTC, or with an offset: exact.
    Utc,
    /// `Europe/London`, without an offset.
    London,
    /// `Europe/London`, without an offset, to the minute.
    LondonMinute,
    /// `America/Phoenix`, which knows no summer time, without an offset.
    Phoenix,
}

/// The zones of all clocks.
pub(super) struct Clocks {
    utc: Zone,
    london: Zone,
    phoenix: Zone,
}

impl Clocks {
    /// Looks the zones up.
    ///
    /// # Errors
    /// Names the zone that the time zone database lacks.
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            utc: Zone::utc(),
            london: Zone::named("Europe/London")?,
            phoenix: Zone::named("America/Phoenix")?,
        })
    }

    /// What a clock shows.
    pub(super) fn wall(&self, clock: Clock, at: Instant) -> WallClock {
        let wall = self.zone(clock).wall_clock(at);
        match clock {
            Clock::LondonMinute => WallClock(wall.0 - wall.0.rem_euclid(MINUTE_US)),
            _ => wall,
        }
    }

    /// What a reader makes of what the clock showed: of an hour that happens twice, the second.
    pub(super) fn read(&self, clock: Clock, wall: WallClock) -> Moment {
        let precision = match clock {
            Clock::LondonMinute => Precision::Minute,
            _ => Precision::Second,
        };
        Moment {
            start: self.zone(clock).instant(wall),
            precision,
        }
    }

    /// The day in London.
    pub(super) fn london_day(&self, at: Instant) -> Day {
        self.london.local_day(at)
    }

    /// Whether London's clocks change in the first hours of this day.
    pub(super) fn change_on(&self, day: Day) -> bool {
        let offset = |hour: i64| {
            let at = Instant(day.midnight().0 + hour * 60 * MINUTE_US);
            self.london.wall_clock(at).0 - at.0
        };
        offset(0) != offset(2)
    }

    /// What a till shows that was not told that summer has begun, while the hour it shows is one
    /// that does not exist; `None` at any other time.
    pub(super) fn missing_wall(&self, at: Instant) -> Option<WallClock> {
        let unchanged = WallClock(at.0);
        let exists = self.london.wall_clock(self.london.instant(unchanged)) == unchanged;
        (!exists).then_some(unchanged)
    }

    /// Writes a wall-clock time in a form of `strftime`.
    pub(super) fn write(wall: WallClock, form: &str, out: &mut String) -> std::fmt::Result {
        match Timestamp::from_microsecond(wall.0) {
            Ok(shown) => write!(out, "{}", shown.strftime(form)),
            // Trade ends with the calendar: there is no such time.
            Err(_) => Ok(()),
        }
    }

    fn zone(&self, clock: Clock) -> &Zone {
        match clock {
            Clock::Utc => &self.utc,
            Clock::London | Clock::LondonMinute => &self.london,
            Clock::Phoenix => &self.phoenix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        Instant(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    fn read_again(clock: Clock, time: &str) -> String {
        let clocks = Clocks::new().unwrap();
        let moment = clocks.read(clock, clocks.wall(clock, at(time)));
        moment.start.to_string()
    }

    #[test]
    fn only_the_first_of_two_hours_is_read_wrongly() {
        for (clock, written, read) in [
            (Clock::Utc, "2026-10-25T00:30:00Z", "2026-10-25T00:30:00Z"),
            (
                Clock::London,
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:30:00Z",
            ),
            (
                Clock::London,
                "2026-10-25T01:30:00Z",
                "2026-10-25T01:30:00Z",
            ),
            (
                Clock::LondonMinute,
                "2026-06-01T12:00:59Z",
                "2026-06-01T12:00:00Z",
            ),
            (
                Clock::Phoenix,
                "2026-10-25T00:30:00Z",
                "2026-10-25T00:30:00Z",
            ),
        ] {
            assert_eq!(read_again(clock, written), read, "{clock:?}");
        }
    }

    #[test]
    fn clocks_change_twice_a_year_and_an_hour_is_missing_once() {
        let clocks = Clocks::new().unwrap();
        let day = |month, day| Day::from_ymd(2026, month, day).unwrap();
        assert!(clocks.change_on(day(3, 29)) && clocks.change_on(day(10, 25)));
        assert!(!clocks.change_on(day(3, 28)) && !clocks.change_on(day(6, 1)));
        let spring = at("2026-03-29T01:30:00Z");
        let missing = clocks.missing_wall(spring).unwrap();
        assert_eq!(clocks.read(Clock::London, missing).start, spring);
        for other in [
            "2026-03-29T00:59:59Z",
            "2026-03-29T02:00:00Z",
            "2026-10-25T00:30:00Z",
        ] {
            assert_eq!(clocks.missing_wall(at(other)), None, "{other}");
        }
    }
}
