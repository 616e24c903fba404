//! When a feed is expected, as its agent file says it: see [`crate::feed::expected`].

use super::section::Section;
use crate::feed::Expected;
use crate::feed::expected::Rhythm;
use crate::time::{DAY_US, HOUR_US, MINUTE_US, Zone};
use std::sync::Arc;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads `expected = { every = "10m" }` or `{ daily = "07:00", days = […], timezone = "…" }`.
pub(super) fn read(section: Section<'_>, zone: &Arc<Zone>) -> Option<Expected> {
    let rhythm = match (section.text("every"), section.text("daily")) {
        (Some(every), None) => length_us(every).map(Rhythm::Every).or_else(|| {
            let message = format!("{every:?} is not a length of time: write 10m, 2h or 1d");
            section.complain("every", message);
            None
        }),
        (None, Some(daily)) => daily_rhythm(&section, daily, zone),
        _ => {
            section.complain_of_all(
                r#"says when: { every = "10m" }, or { daily = "07:00", days = ["mon", "tue"] }"#,
            );
            None
        }
    };
    let numbered = section.flag("numbered").unwrap_or(false);
    section.finish();
    Some(Expected {
        rhythm: rhythm?,
        numbered,
    })
}

fn daily_rhythm(section: &Section<'_>, daily: &str, zone: &Arc<Zone>) -> Option<Rhythm> {
    let own = super::read_zone(section, "timezone").map(Arc::new);
    let by_us = time_us(daily).or_else(|| {
        section.complain(
            "daily",
            format!("{daily:?} is not a time of day: write 07:00"),
        );
        None
    });
    let mut weekdays = [true; 7];
    if let Some(names) = section.texts("days") {
        for name in &names {
            if !DAYS.contains(name) {
                let message = format!("{name:?} is not a day: use {}", DAYS.join(", "));
                section.complain("days", message);
            }
        }
        weekdays = DAYS.map(|day| names.contains(&day));
        if !weekdays.contains(&true) {
            section.complain("days", "names no day");
            return None;
        }
    }
    Some(Rhythm::Daily {
        by_us: by_us?,
        weekdays,
        zone: own.unwrap_or_else(|| Arc::clone(zone)),
    })
}

/// Reads `10m`, `2h` or `1d`.
pub(super) fn length_us(text: &str) -> Option<i64> {
    let unit_us = match text.chars().last()? {
        'm' => MINUTE_US,
        'h' => HOUR_US,
        'd' => DAY_US,
        _ => return None,
    };
    let number: u16 = text[..text.len() - 1].parse().ok()?;
    (number > 0).then(|| i64::from(number) * unit_us)
}

/// A time of day such as `07:00`, in microseconds since midnight.
pub(crate) fn time_us(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, most: i64| {
        let number: i64 = text.parse().ok()?;
        (text.len() == 2 && (0..=most).contains(&number)).then_some(number)
    };
    Some(number(hour, 23)? * HOUR_US + number(minute, 59)? * MINUTE_US)
}
