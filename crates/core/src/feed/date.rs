//! Dates as feeds write them, read by hand over the bytes: the hot path of every import.
//!
//! How exactly a time is known follows from what was written: a fraction of a second, a second, a
//! minute or a day. An offset in the text says which instant is meant; without one the zone does.

use crate::time::{
    DAY_US, Day, HOUR_US, Instant, MINUTE_US, Moment, Precision, SECOND_US, WallClock, Zone,
};

/// How a feed writes its dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DateFormat {
    /// ISO 8601: a date, or a date and time with or without seconds, a fraction and an offset.
    Iso,
    /// A pattern of its own.
    Pattern(Pattern),
}

/// A date pattern such as `%d/%m/%Y %H:%M:%S`, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Item>);

/// One part of a date pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// `%Y`: four digits.
    Year,
    /// `%m`.
    Month,
    /// `%d`.
    Day,
    /// `%H`: 0 to 23.
    Hour,
    /// `%I`: 1 to 12, with `%p`.
    Hour12,
    /// `%M`.
    Minute,
    /// `%S`.
    Second,
    /// `%f`: one to nine digits of a second; more than six are cut.
    Fraction,
    /// `%p`: `AM` or `PM`, any case.
    Meridiem,
    /// Any other character, which must stand there.
    Literal(u8),
}

/// The parts of a date and time while they are gathered.
#[derive(Clone, Copy, Default)]
struct Parts {
    year: u32,
    month: u32,
    day: u32,
    hour: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
    fraction_us: Option<i64>,
    afternoon: Option<bool>,
}

impl DateFormat {
    /// The moment that `text` means; `None` where it is no date of this format.
    pub(crate) fn read(&self, text: &str, zone: &Zone) -> Option<Moment> {
        match self {
            Self::Iso => read_iso(text.as_bytes(), zone),
            Self::Pattern(pattern) => pattern.read(text, zone),
        }
    }
}

impl Pattern {
    /// Compiles a pattern of `%Y %m %d %H %I %p %M %S %f`, `%%` and other ASCII characters.
    ///
    /// # Errors
    /// Says what in the pattern cannot be read.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        let mut bytes = pattern.bytes();
        while let Some(byte) = bytes.next() {
            items.push(match byte {
                b'%' => item(bytes.next())?,
                byte if byte.is_ascii() => Item::Literal(byte),
                _ => return Err(format!("{pattern:?} is not plain ASCII")),
            });
        }
        for (wanted, name) in [(Item::Year, "%Y"), (Item::Month, "%m"), (Item::Day, "%d")] {
            if !items.contains(&wanted) {
                return Err(format!("{pattern:?} has no {name}"));
            }
        }
        if items.contains(&Item::Hour12) != items.contains(&Item::Meridiem) {
            return Err(format!("{pattern:?} must have %I and %p together, or %H"));
        }
        Ok(Self(items))
    }

    /// The moment that `text` means; `None` where it is not written so.
    fn read(&self, text: &str, zone: &Zone) -> Option<Moment> {
        read_pattern(&self.0, text.as_bytes())?.moment(zone, None)
    }

    /// Writes a wall-clock time so.
    pub(crate) fn write(&self, wall: WallClock, out: &mut String) {
        write_items(&self.0, wall, out);
    }
}

fn item(letter: Option<u8>) -> Result<Item, String> {
    Ok(match letter {
        Some(b'Y') => Item::Year,
        Some(b'm') => Item::Month,
        Some(b'd') => Item::Day,
        Some(b'H') => Item::Hour,
        Some(b'I') => Item::Hour12,
        Some(b'M') => Item::Minute,
        Some(b'S') => Item::Second,
        Some(b'f') => Item::Fraction,
        Some(b'p') => Item::Meridiem,
        Some(b'%') => Item::Literal(b'%'),
        other => {
            let shown = other.map_or(String::new(), |byte| char::from(byte).to_string());
            return Err(format!(
                "%{shown} is not part of a date: use %Y %m %d %H %I %p %M %S %f"
            ));
        }
    })
}

/// The microseconds of the years 0001 to 9999 in UTC, but for the last day and a bit: in no time zone
/// are those yet another year, and so all of them can be written as a date.
fn calendar_us() -> std::ops::Range<i64> {
    const YEAR_1_US: i64 = -62_135_596_800_000_000;
    const LAST_US: i64 = 253_402_207_200_000_000;
    YEAR_1_US..LAST_US
}

impl Parts {
    /// The moment these parts make: by the offset where one was written, else in the zone.
    fn moment(self, zone: &Zone, offset_us: Option<i64>) -> Option<Moment> {
        let year = i32::try_from(self.year).ok()?;
        let day = Day::from_ymd(year, self.month, self.day)?;
        let (time_us, precision) = self.time_of_day()?;
        let wall = WallClock(day.midnight().0 + time_us);
        let start = match offset_us {
            Some(offset_us) => Instant(wall.0 - offset_us),
            None if precision == Precision::Day => zone.midnight(day),
            None => zone.instant(wall),
        };
        // What an offset moves out of the calendar could not be written again.
        (calendar_us().contains(&start.0)).then_some(Moment { start, precision })
    }

    fn time_of_day(self) -> Option<(i64, Precision)> {
        let Some(hour) = self.hour else {
            return Some((0, Precision::Day));
        };
        let hour = match self.afternoon {
            None => hour,
            Some(_) if !(1..=12).contains(&hour) => return None,
            Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
        };
        let minute = self.minute.unwrap_or(0);
        let second = self.second.unwrap_or(0);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let precision = match (self.second, self.fraction_us) {
            (_, Some(_)) => Precision::Microsecond,
            (Some(_), None) => Precision::Second,
            (None, None) => Precision::Minute,
        };
        let time_us = i64::from(hour) * HOUR_US
            + i64::from(minute) * MINUTE_US
            + i64::from(second) * SECOND_US
            + self.fraction_us.unwrap_or(0);
        Some((time_us, precision))
    }
}

fn is_number(item: Option<&Item>) -> bool {
    item.is_some_and(|item| !matches!(item, Item::Literal(_) | Item::Meridiem))
}

fn read_pattern(items: &[Item], text: &[u8]) -> Option<Parts> {
    let mut parts = Parts::default();
    let mut rest = text;
    for (index, item) in items.iter().enumerate() {
        // Where numbers stand without anything between, all their digits must be written.
        let before = index.checked_sub(1).and_then(|before| items.get(before));
        let fixed = is_number(before) || is_number(items.get(index + 1));
        match item {
            Item::Literal(byte) => rest = rest.strip_prefix(&[*byte])?,
            Item::Meridiem => parts.afternoon = Some(meridiem(&mut rest)?),
            Item::Fraction => parts.fraction_us = Some(fraction(&mut rest)?),
            Item::Year => parts.year = digits(&mut rest, 4, 4)?,
            Item::Month => parts.month = one_or_two(&mut rest, fixed)?,
            Item::Day => parts.day = one_or_two(&mut rest, fixed)?,
            Item::Hour | Item::Hour12 => parts.hour = Some(one_or_two(&mut rest, fixed)?),
            Item::Minute => parts.minute = Some(one_or_two(&mut rest, fixed)?),
            Item::Second => parts.second = Some(one_or_two(&mut rest, fixed)?),
        }
    }
    rest.is_empty().then_some(parts)
}

/// `YYYY-MM-DD`, then `T` or a blank and `HH:MM`, `:SS`, `.fff`, then `Z` or `+HH:MM`.
fn read_iso(text: &[u8], zone: &Zone) -> Option<Moment> {
    let mut rest = text;
    let mut parts = Parts {
        year: digits(&mut rest, 4, 4)?,
        ..Parts::default()
    };
    rest = rest.strip_prefix(b"-")?;
    parts.month = digits(&mut rest, 2, 2)?;
    rest = rest.strip_prefix(b"-")?;
    parts.day = digits(&mut rest, 2, 2)?;
    if rest.is_empty() {
        return parts.moment(zone, None);
    }
    let (b'T' | b't' | b' ') = rest[0] else {
        return None;
    };
    rest = &rest[1..];
    parts.hour = Some(digits(&mut rest, 2, 2)?);
    rest = rest.strip_prefix(b":")?;
    parts.minute = Some(digits(&mut rest, 2, 2)?);
    if let Some(after) = rest.strip_prefix(b":") {
        rest = after;
        parts.second = Some(digits(&mut rest, 2, 2)?);
        if let [b'.' | b',', after @ ..] = rest {
            rest = after;
            parts.fraction_us = Some(fraction(&mut rest)?);
        }
    }
    let offset_us = offset(rest)?;
    parts.moment(zone, offset_us)
}

/// What is left of a date after its time: nothing (`Some(None)`) or an offset.
#[expect(
    clippy::option_option,
    reason = "outside: is it well formed; inside: is there one"
)]
fn offset(text: &[u8]) -> Option<Option<i64>> {
    let (sign, mut rest) = match text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let hours = digits(&mut rest, 2, 2)?;
    let minutes = match rest {
        [] => 0,
        [b':', after @ ..] => {
            rest = after;
            digits(&mut rest, 2, 2)?
        }
        _ => digits(&mut rest, 2, 2)?,
    };
    if !rest.is_empty() || hours > 23 || minutes > 59 {
        return None;
    }
    let size = i64::from(hours) * HOUR_US + i64::from(minutes) * MINUTE_US;
    Some(Some(sign * size))
}

fn one_or_two(rest: &mut &[u8], fixed: bool) -> Option<u32> {
    digits(rest, if fixed { 2 } else { 1 }, 2)
}

/// Takes a number of at least `least` and at most `most` digits.
#[inline]
fn digits(rest: &mut &[u8], least: usize, most: usize) -> Option<u32> {
    let mut value = 0;
    let mut taken = 0;
    while taken < most {
        let Some(digit) = rest.get(taken).map(|byte| byte.wrapping_sub(b'0')) else {
            break;
        };
        if digit > 9 {
            break;
        }
        value = value * 10 + u32::from(digit);
        taken += 1;
    }
    *rest = &rest[taken..];
    (taken >= least).then_some(value)
}

fn fraction(rest: &mut &[u8]) -> Option<i64> {
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        let digit = if place < length {
            rest[place] - b'0'
        } else {
            0
        };
        micros = micros * 10 + i64::from(digit);
    }
    *rest = &rest[length..];
    Some(micros)
}

fn meridiem(rest: &mut &[u8]) -> Option<bool> {
    let afternoon = match rest.get(..2)? {
        [b'A' | b'a', b'M' | b'm'] => false,
        [b'P' | b'p', b'M' | b'm'] => true,
        _ => return None,
    };
    *rest = &rest[2..];
    Some(afternoon)
}

fn write_items(items: &[Item], wall: WallClock, out: &mut String) {
    let (year, month, day) = year_month_day(wall.0.div_euclid(DAY_US));
    let of_day = wall.0.rem_euclid(DAY_US);
    let hour = of_day / HOUR_US;
    for item in items {
        match item {
            Item::Year => write_number(year, 4, out),
            Item::Month => write_number(month, 2, out),
            Item::Day => write_number(day, 2, out),
            Item::Hour => write_number(hour, 2, out),
            Item::Hour12 => write_number((hour + 11) % 12 + 1, 2, out),
            Item::Minute => write_number(of_day % HOUR_US / MINUTE_US, 2, out),
            Item::Second => write_number(of_day % MINUTE_US / SECOND_US, 2, out),
            Item::Fraction => write_number(of_day % SECOND_US, 6, out),
            Item::Meridiem => out.push_str(if hour < 12 { "AM" } else { "PM" }),
            Item::Literal(byte) => out.push(char::from(*byte)),
        }
    }
}

/// Writes the last `places` digits of a number that is not negative.
fn write_number(number: i64, places: u32, out: &mut String) {
    for place in (0..places).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        out.push(char::from_digit(u32::try_from(digit).unwrap_or(0), 10).unwrap_or('0'));
    }
}

/// Year, month and day of a number of days since 1970-01-01: what [`Day::from_ymd`] undoes.
fn year_month_day(days: i64) -> (i64, i64, i64) {
    // Howard Hinnant's civil_from_days.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn london(format: &DateFormat, text: &str) -> Option<String> {
        let zone = Zone::named("Europe/London").unwrap();
        let moment = format.read(text, &zone)?;
        Some(format!("{} {:?}", moment.start, moment.precision))
    }

    #[test]
    fn iso_dates_are_known_as_exactly_as_they_are_written() {
        for (text, expected) in [
            ("2026-06-10", "2026-06-09T23:00:00Z Day"),
            ("2026-06-10T12:30", "2026-06-10T11:30:00Z Minute"),
            ("2026-06-10 12:30:15", "2026-06-10T11:30:15Z Second"),
            ("2026-06-10T12:30:15Z", "2026-06-10T12:30:15Z Second"),
            (
                "2026-06-10T12:30:15.5Z",
                "2026-06-10T12:30:15.5Z Microsecond",
            ),
            (
                "2026-06-10T12:30:15.123456789+00:00",
                "2026-06-10T12:30:15.123456Z Microsecond",
            ),
            ("2026-06-10T12:30:15-07:00", "2026-06-10T19:30:15Z Second"),
            ("2026-06-10T12:30:15+0530", "2026-06-10T07:00:15Z Second"),
            ("2026-06-10T12:30+01", "2026-06-10T11:30:00Z Minute"),
            ("2026-10-25 01:19:45", "2026-10-25T01:19:45Z Second"),
        ] {
            assert_eq!(
                london(&DateFormat::Iso, text).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for bad in [
            "",
            "2026",
            "2026-02-30",
            "2026-06-10T",
            "2026-06-10T25:00",
            "2026-06-10T12:60",
            "2026-06-10T12:30:60",
            "2026-06-10T12:30:15.",
            "2026-06-10T12:30:15+25:00",
            "2026-06-10T12:30:15 Z",
            "10/06/2026",
            "2026-6-10",
            "２026-06-10",
            "2026-06-10Z",
            "9999-12-31T23:59:59-05",
            "9999-12-31",
            "0001-01-01T00:00:00+01",
        ] {
            assert_eq!(london(&DateFormat::Iso, bad), None, "{bad}");
        }
    }

    #[test]
    fn patterns_say_where_each_part_stands() {
        for (pattern, text, expected) in [
            (
                "%d/%m/%Y %H:%M:%S",
                "25/10/2026 01:19:45",
                "2026-10-25T01:19:45Z Second",
            ),
            (
                "%Y%m%d %H%M",
                "20260610 0905",
                "2026-06-10T08:05:00Z Minute",
            ),
            (
                "%m/%d/%Y %I:%M:%S %p",
                "3/9/2026 12:05:07 AM",
                "2026-03-09T00:05:07Z Second",
            ),
            (
                "%m/%d/%Y %I:%M:%S %p",
                "3/29/2026 3:58:55 pm",
                "2026-03-29T14:58:55Z Second",
            ),
            (
                "%Y-%m-%d-%H.%M.%S",
                "2026-01-02-03.04.05",
                "2026-01-02T03:04:05Z Second",
            ),
            (
                "%Y-%m-%d %H:%M:%S.%f",
                "2026-01-02 03:04:05.25",
                "2026-01-02T03:04:05.25Z Microsecond",
            ),
            ("%d %m %Y", "1 6 2026", "2026-05-31T23:00:00Z Day"),
        ] {
            let format = DateFormat::Pattern(Pattern::new(pattern).unwrap());
            assert_eq!(
                london(&format, text).as_deref(),
                Some(expected),
                "{pattern} {text}"
            );
            assert_eq!(london(&format, &format!("{text}x")), None);
        }
        let short = DateFormat::Pattern(Pattern::new("%Y%m%d %H%M").unwrap());
        assert_eq!(london(&short, "2026061 0905"), None);
        let twelve = DateFormat::Pattern(Pattern::new("%m/%d/%Y %I:%M %p").unwrap());
        assert_eq!(london(&twelve, "3/9/2026 13:05 PM"), None);
    }

    #[test]
    fn a_pattern_that_is_no_date_is_refused() {
        for bad in [
            "%Y-%m",
            "%y-%m-%d",
            "%Y-%m-%d %I:%M",
            "%Y-%m-%d é",
            "%Y-%m-%d %",
            "",
        ] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in -60_000_000_000_i64..250_000_000_000) {
            let zone = Zone::utc();
            let wall = WallClock(seconds * SECOND_US);
            for pattern in ["%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%Y%m%d%H%M%S"] {
                let format = Pattern::new(pattern).unwrap();
                let mut text = String::new();
                format.write(wall, &mut text);
                let moment = format.read(&text, &zone).unwrap();
                prop_assert_eq!(moment.start, Instant(wall.0), "{}", text);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let zone = Zone::utc();
            let _ = DateFormat::Iso.read(&text, &zone);
            if let Ok(format) = Pattern::new(&text) {
                let _ = format.read(&text, &zone);
            }
        }
    }
}
