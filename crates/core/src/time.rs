//! Time as feeds know it: an instant, how exactly it was written, and the zone it was written in.
//!
//! Every time is UTC microseconds. A [`Zone`] turns wall-clock time into that and back from a table
//! of its transitions, built once from the IANA database, so that neither reading a feed nor
//! matching it asks the database again.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Microseconds in a second.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE_US: i64 = 60 * SECOND_US;
/// Microseconds in an hour.
pub const HOUR_US: i64 = 60 * MINUTE_US;
/// Microseconds in a day of 24 hours.
pub const DAY_US: i64 = 24 * HOUR_US;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// The UTC day this instant is on.
    pub fn day(self) -> Day {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a feed's years fit: 0001 to 9999"
        )]
        Day(self.0.div_euclid(DAY_US) as i32)
    }

    /// This instant moved by some microseconds.
    pub fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC, with as many fraction digits as it needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// A calendar day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// The day of a date in the proleptic Gregorian calendar; `None` when there is no such date.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        const DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let month_index = usize::try_from(month.checked_sub(1)?).ok()?;
        let last = DAYS.get(month_index)? + u32::from(leap && month == 2);
        if !(1..=9999).contains(&year) || day == 0 || day > last {
            return None;
        }
        // Howard Hinnant's days_from_civil: years begin in March, so a leap day ends its year.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = i32::try_from((month + 9) % 12).ok()?;
        let day_of_year = (153 * month_from_march + 2) / 5 + i32::try_from(day).ok()? - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self(era * 146_097 + day_of_era - 719_468))
    }

    /// The first day of this day's month; `None` beyond the years 1 to 9999.
    pub fn first_of_month(self) -> Option<Self> {
        let micros = i64::from(self.0).checked_mul(DAY_US)?;
        let timestamp = jiff::Timestamp::from_microsecond(micros).ok()?;
        let date = timestamp.to_zoned(jiff::tz::TimeZone::UTC).date();
        Self::from_ymd(date.year().into(), u32::try_from(date.month()).ok()?, 1)
    }

    /// The wall-clock time of this day's midnight.
    pub fn midnight(self) -> WallClock {
        WallClock(i64::from(self.0) * DAY_US)
    }
}

impl fmt::Display for Day {
    /// `YYYY-MM-DD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(i64::from(self.0) * DAY_US) {
            Ok(timestamp) => timestamp.strftime("%Y-%m-%d").fmt(f),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

/// A wall-clock time: microseconds since 1970-01-01T00:00:00 on a clock without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallClock(pub i64);

/// How exactly a feed knew a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// An instant, finer than a second.
    Microsecond,
    /// An instant, to the second.
    Second,
    /// Some moment of the minute that begins at the stored instant.
    Minute,
    /// Some moment of the local day that begins at the stored instant.
    Day,
}

impl Precision {
    /// The number stored for it; [`Precision::from_code`] reads it back.
    pub fn code(self) -> i64 {
        self as i64
    }

    /// The precision stored as `code`, if there is one.
    pub fn from_code(code: i64) -> Option<Self> {
        [Self::Microsecond, Self::Second, Self::Minute, Self::Day]
            .into_iter()
            .find(|precision| precision.code() == code)
    }
}

/// When a transaction happened, and how exactly that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// The instant, or the first instant of the minute or local day that is known.
    pub start: Instant,
    /// How exactly it was written.
    pub precision: Precision,
}

impl Moment {
    /// Whether more than the day is known.
    pub fn has_time(self) -> bool {
        self.precision != Precision::Day
    }
}

/// A time zone as a table of its transitions.
#[derive(Clone, PartialEq)]
pub struct Zone {
    name: String,
    /// In order of time; the first begins before any transaction.
    segments: Vec<Segment>,
}

#[derive(Clone, Copy, PartialEq)]
struct Segment {
    utc_start: i64,
    /// The wall-clock time at `utc_start`, by this segment's offset.
    local_start: i64,
    offset_us: i64,
}

impl Zone {
    /// UTC itself.
    pub fn utc() -> Self {
        Self::from_time_zone("UTC", &TimeZone::UTC)
    }

    /// The zone with an IANA name such as `Europe/London`.
    ///
    /// # Errors
    /// Names the text that no zone has.
    pub fn named(name: &str) -> Result<Self, String> {
        let zone = TimeZone::get(name).map_err(|_| {
            format!("{name:?} is not a time zone: use an IANA name such as Europe/London or UTC")
        })?;
        Ok(Self::from_time_zone(name, &zone))
    }

    fn from_time_zone(name: &str, zone: &TimeZone) -> Self {
        let segment = |utc_start: i64, timestamp: jiff::Timestamp| {
            let offset_us = i64::from(zone.to_offset(timestamp).seconds()) * SECOND_US;
            Segment {
                utc_start,
                local_start: utc_start.saturating_add(offset_us),
                offset_us,
            }
        };
        // Before 1971 and after 2199 the nearest rule is taken to hold: no feed reaches there.
        let first = jiff::Timestamp::from_microsecond(365 * DAY_US).unwrap_or_default();
        let last = 230 * 365 * DAY_US;
        let mut segments = vec![segment(i64::MIN / 2, first)];
        for transition in zone.following(first) {
            let at = transition.timestamp();
            if at.as_microsecond() > last {
                break;
            }
            segments.push(segment(at.as_microsecond(), at));
        }
        Self {
            name: name.to_owned(),
            segments,
        }
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instant of a wall-clock time in this zone.
    ///
    /// A time that happens twice (autumn) is its second occurrence; one that is missing (spring)
    /// moves forward by the gap.
    pub fn instant(&self, wall: WallClock) -> Instant {
        // The last segment whose first wall-clock time is not later. Where two overlap it is the
        // later one; in a gap it is the earlier one, whose offset moves the time forward.
        let after = self
            .segments
            .partition_point(|segment| segment.local_start <= wall.0);
        Instant(
            wall.0
                .saturating_sub(self.segments[after.saturating_sub(1)].offset_us),
        )
    }

    /// The wall-clock time of an instant in this zone.
    pub fn wall_clock(&self, instant: Instant) -> WallClock {
        let after = self
            .segments
            .partition_point(|segment| segment.utc_start <= instant.0);
        WallClock(
            instant
                .0
                .saturating_add(self.segments[after.saturating_sub(1)].offset_us),
        )
    }

    /// The local calendar day of an instant.
    pub fn local_day(&self, instant: Instant) -> Day {
        Instant(self.wall_clock(instant).0).day()
    }

    /// The first instant of a local day: where clocks go back to midnight, the first of the two.
    pub fn midnight(&self, day: Day) -> Instant {
        let wall = day.midnight();
        let last = self.instant(wall);
        let after = self
            .segments
            .partition_point(|segment| segment.utc_start <= last.0);
        // Only the segment before the one it is in may have had the same wall-clock time.
        let Some(before) = after.checked_sub(2).map(|before| self.segments[before]) else {
            return last;
        };
        let first = Instant(wall.0.saturating_sub(before.offset_us));
        if first < last && self.wall_clock(first) == wall {
            first
        } else {
            last
        }
    }

    /// The first instant after a local day.
    pub fn next_midnight(&self, day: Day) -> Instant {
        self.midnight(Day(day.0.saturating_add(1)))
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wall(text: &str) -> WallClock {
        let civil: jiff::civil::DateTime = text.parse().unwrap();
        WallClock(
            civil
                .to_zoned(TimeZone::UTC)
                .unwrap()
                .timestamp()
                .as_microsecond(),
        )
    }

    #[test]
    fn both_clock_changes_are_read_as_the_feeds_mean_them() {
        let london = Zone::named("Europe/London").unwrap();
        for (local, utc) in [
            ("2026-10-25T00:59:59", "2026-10-24T23:59:59Z"),
            ("2026-10-25T01:19:45", "2026-10-25T01:19:45Z"), // twice: the second
            ("2026-10-25T02:00:00", "2026-10-25T02:00:00Z"),
            ("2026-03-29T00:59:59", "2026-03-29T00:59:59Z"),
            ("2026-03-29T01:30:00", "2026-03-29T01:30:00Z"), // missing: forward, 02:30+01:00
            ("2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
            ("2026-06-10T12:00:00", "2026-06-10T11:00:00Z"),
        ] {
            assert_eq!(london.instant(wall(local)).to_string(), utc, "{local}");
        }
    }

    #[test]
    fn a_local_day_can_be_23_or_25_hours_long() {
        let london = Zone::named("Europe/London").unwrap();
        for (year, month, day, hours) in [(2026, 3, 29, 23), (2026, 10, 25, 25), (2026, 6, 1, 24)] {
            let day = Day::from_ymd(year, month, day).unwrap();
            let length = london.next_midnight(day).0 - london.midnight(day).0;
            assert_eq!(length / HOUR_US, hours, "{day}");
        }
    }

    #[test]
    fn a_day_with_two_midnights_begins_at_the_first_and_one_without_at_its_first_instant() {
        let havana = Zone::named("America/Havana").unwrap();
        for (year, month, day, first) in [
            (2024, 11, 3, "2024-11-03T04:00:00Z"),
            (2024, 11, 4, "2024-11-04T05:00:00Z"),
            (2024, 3, 10, "2024-03-10T05:00:00Z"),
        ] {
            let day = Day::from_ymd(year, month, day).unwrap();
            assert_eq!(havana.midnight(day).to_string(), first);
        }
    }

    #[test]
    fn there_is_no_thirtieth_of_february() {
        for (year, month, day) in [
            (2026, 2, 30),
            (2026, 2, 29),
            (2026, 13, 1),
            (2026, 0, 1),
            (0, 1, 1),
        ] {
            assert_eq!(Day::from_ymd(year, month, day), None);
        }
        assert_eq!(
            Day::from_ymd(2024, 2, 29).unwrap().to_string(),
            "2024-02-29"
        );
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_the_time_zone_library(
            seconds in 315_532_800_i64..4_102_444_800,
            zone in prop::sample::select(vec!["Europe/London", "America/Phoenix", "Australia/Lord_Howe", "UTC"]),
        ) {
            let table = Zone::named(zone).unwrap();
            let zoned = jiff::Timestamp::from_second(seconds).unwrap()
                .to_zoned(TimeZone::get(zone).unwrap());
            let instant = Instant(seconds * SECOND_US);
            prop_assert_eq!(table.wall_clock(instant), wall(&zoned.datetime().to_string()));
            prop_assert_eq!(table.local_day(instant).to_string(), zoned.date().to_string());
        }

        #[test]
        fn a_day_begins_where_the_time_zone_library_has_it_begin(
            day in 10_000_i32..40_000,
            zone in prop::sample::select(vec!["Europe/London", "America/Havana", "Asia/Beirut", "UTC"]),
        ) {
            let date: jiff::civil::Date = Day(day).to_string().parse().unwrap();
            let noon = date.at(12, 0, 0, 0).to_zoned(TimeZone::get(zone).unwrap()).unwrap();
            let start = noon.start_of_day().unwrap().timestamp().as_microsecond();
            prop_assert_eq!(Zone::named(zone).unwrap().midnight(Day(day)), Instant(start));
        }

        #[test]
        fn days_are_the_calendar_days(number in -700_000_i32..2_900_000) {
            let text = Day(number).to_string();
            let date: Vec<i32> = text.split('-').map(|part| part.parse().unwrap()).collect();
            prop_assert_eq!(Day::from_ymd(date[0], date[1] as u32, date[2] as u32), Some(Day(number)));
        }
    }
}
