//! Times, lengths of time and amounts as a person says them.
//!
//! Who answers a customer reads these aloud: the day by its name, the time on the wall of the shop
//! and not in UTC, and whose wall it was.

use crate::time::{DAY_US, HOUR_US, Instant, MINUTE_US, Moment, Precision, SECOND_US, Zone};

/// A moment on a zone's wall clock, as exactly as it is known, with the zone named:
/// `Tue 2 Jun 2026 15:46:12 Europe/London`.
pub fn moment(moment: Moment, zone: &Zone) -> String {
    let clock = match moment.precision {
        Precision::Microsecond | Precision::Second => "%a %-d %b %Y %H:%M:%S%.f",
        Precision::Minute => "%a %-d %b %Y %H:%M",
        Precision::Day => "%a %-d %b %Y",
    };
    format!("{} {}", on_the_wall(moment.start, zone, clock), zone.name())
}

/// An instant on a zone's wall clock, to the second, with the zone named.
pub fn instant(instant: Instant, zone: &Zone) -> String {
    let clock = on_the_wall(instant, zone, "%a %-d %b %Y %H:%M:%S");
    format!("{clock} {}", zone.name())
}

/// The local day of an instant: `Tue 2 Jun 2026`.
pub fn day(instant: Instant, zone: &Zone) -> String {
    on_the_wall(instant, zone, "%a %-d %b %Y")
}

fn on_the_wall(instant: Instant, zone: &Zone, format: &str) -> String {
    let wall = zone.wall_clock(instant).0;
    match jiff::Timestamp::from_microsecond(wall) {
        Ok(wall) => wall.strftime(format).to_string(),
        Err(_) => instant.to_string(),
    }
}

/// A length of time by its two largest units: `3 h 12 min`, `58.5 s`, `2 days`.
pub fn duration(micros: i64) -> String {
    const UNITS: [(i64, &str); 4] = [
        (DAY_US, "days"),
        (HOUR_US, "h"),
        (MINUTE_US, "min"),
        (SECOND_US, "s"),
    ];
    let micros = micros.saturating_abs();
    let first = UNITS.iter().position(|(unit, _)| micros >= *unit);
    let Some(at) = first.filter(|at| *at < 3) else {
        return seconds(micros);
    };
    let (unit, name) = UNITS[at];
    let (many, rest) = (micros / unit, micros % unit);
    let name = if name == "days" && many == 1 {
        "day"
    } else {
        name
    };
    let (smaller, smaller_name) = UNITS[at + 1];
    match rest / smaller {
        0 => format!("{many} {name}"),
        few => format!("{many} {name} {few} {smaller_name}"),
    }
}

/// Seconds, with the fraction they have and no zeros after it.
fn seconds(micros: i64) -> String {
    let (whole, fraction) = (micros / SECOND_US, micros % SECOND_US);
    if fraction == 0 {
        return format!("{whole} s");
    }
    let fraction = format!("{fraction:06}");
    format!("{whole}.{} s", fraction.trim_end_matches('0'))
}

/// How many of something there are: `1 sale`, `3 sales`.
pub fn many(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_said_by_the_clock_of_the_shop_as_exactly_as_it_is_known() {
        let london = Zone::named("Europe/London").unwrap();
        let at: jiff::Timestamp = "2026-06-02T14:46:12Z".parse().unwrap();
        let start = Instant(at.as_microsecond());
        for (precision, said) in [
            (Precision::Second, "Tue 2 Jun 2026 15:46:12 Europe/London"),
            (Precision::Minute, "Tue 2 Jun 2026 15:46 Europe/London"),
            (Precision::Day, "Tue 2 Jun 2026 Europe/London"),
        ] {
            assert_eq!(moment(Moment { start, precision }, &london), said);
        }
        let finer = Moment {
            start: start.plus(500_000),
            precision: Precision::Microsecond,
        };
        assert_eq!(
            moment(finer, &london),
            "Tue 2 Jun 2026 15:46:12.5 Europe/London"
        );
        assert_eq!(day(start, &london), "Tue 2 Jun 2026");
        assert_eq!(instant(start, &Zone::utc()), "Tue 2 Jun 2026 14:46:12 UTC");
    }

    #[test]
    fn lengths_are_said_by_their_two_largest_units() {
        for (micros, said) in [
            (0, "0 s"),
            (1, "0.000001 s"),
            (58_500_000, "58.5 s"),
            (-60_000_000, "1 min"),
            (11_525_000_000, "3 h 12 min"),
            (DAY_US, "1 day"),
            (2 * DAY_US + HOUR_US, "2 days 1 h"),
            (i64::MIN, "106751991 days 4 h"),
        ] {
            assert_eq!(duration(micros), said);
        }
        assert_eq!(
            (many(1, "sale"), many(0, "sale")),
            ("1 sale".into(), "0 sales".into())
        );
    }
}
