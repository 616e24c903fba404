//! How many points a merchant gives for a unit of money, and in which days more.
//!
//! ```toml
//! rates = [
//!     { rate = 5 },
//!     { from = "2026-11-27", to = "2026-11-30", rate = 10 },
//! ]
//! ```

use crate::time::{Day, Instant, Zone};
use serde::Deserialize;

/// The rates of a merchant.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    rates: Vec<Rate>,
    zone: Zone,
}

#[derive(Clone, Debug)]
struct Rate {
    from: Day,
    to: Day,
    rate: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTable {
    from: Option<String>,
    to: Option<String>,
    rate: i64,
}

impl Rates {
    /// Reads `rates`; days are those of `zone`.
    pub(super) fn read(value: &toml::Value, zone: &Zone) -> Result<Self, String> {
        let tables: Vec<RateTable> = value.clone().try_into().map_err(|error: toml::de::Error| {
            let wanted = "must be a list such as [ { rate = 5 }, { from = \"2026-11-27\", to = \"2026-11-30\", rate = 10 } ]";
            format!("{}: {wanted}", error.message())
        })?;
        let rate = |table: RateTable| {
            let day = |text: Option<String>, open: Day| text.map_or(Ok(open), |text| day(&text));
            let (from, to) = (
                day(table.from, Day(i32::MIN))?,
                day(table.to, Day(i32::MAX))?,
            );
            if from > to {
                return Err(format!("a rate ends on {to}, before it begins on {from}"));
            }
            Ok(Rate {
                from,
                to,
                rate: table.rate,
            })
        };
        let rates = tables
            .into_iter()
            .map(rate)
            .collect::<Result<_, String>>()?;
        Ok(Self {
            rates,
            zone: zone.clone(),
        })
    }

    /// The points for a unit at a time: of those that count on its day, what is said last.
    ///
    /// # Errors
    /// Where none counts on that day.
    pub(super) fn at(&self, instant: Instant) -> Result<i64, String> {
        let day = self.zone.local_day(instant);
        let counts = |rate: &&Rate| (rate.from..=rate.to).contains(&day);
        let rate = self.rates.iter().rev().find(counts);
        rate.map(|rate| rate.rate)
            .ok_or_else(|| format!("no rate counts on {day}"))
    }
}

fn day(text: &str) -> Result<Day, String> {
    let date: Option<jiff::civil::Date> = text.parse().ok();
    let day = date.and_then(|date| {
        let (month, day) = (
            u32::try_from(date.month()).ok()?,
            u32::try_from(date.day()).ok()?,
        );
        Day::from_ymd(date.year().into(), month, day)
    });
    day.ok_or_else(|| format!("{text:?} is not a day: write 2026-11-27"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> toml::Value {
        format!("it = {text}").parse::<toml::Table>().unwrap()["it"].clone()
    }

    #[test]
    fn a_promotion_counts_from_its_first_local_midnight_to_its_last() {
        let rates = r#"[{ rate = 5 }, { from = "2026-06-02", to = "2026-06-03", rate = 10 }]"#;
        let rates = Rates::read(&value(rates), &Zone::named("Europe/London").unwrap()).unwrap();
        for (at, rate) in [
            ("2026-06-01T22:59:59Z", 5),
            ("2026-06-01T23:00:00Z", 10),
            ("2026-06-03T22:59:59Z", 10),
            ("2026-06-03T23:00:00Z", 5),
        ] {
            let instant: jiff::Timestamp = at.parse().unwrap();
            assert_eq!(
                rates.at(Instant(instant.as_microsecond())),
                Ok(rate),
                "{at}"
            );
        }
    }

    #[test]
    fn a_day_without_a_rate_and_what_is_no_rate_are_said() {
        let read = |text: &str| Rates::read(&value(text), &Zone::utc());
        let rates = read(r#"[{ to = "2026-06-02", rate = 5 }]"#).unwrap();
        let wrong = rates.at(Instant(1_800_000_000_000_000)).unwrap_err();
        assert_eq!(wrong, "no rate counts on 2027-01-15");
        for (text, words) in [
            ("5", "must be a list"),
            (r#"[{ from = "soon", rate = 1 }]"#, "not a day"),
            (
                r#"[{ from = "2026-06-02", to = "2026-06-01", rate = 1 }]"#,
                "before it begins",
            ),
            (r#"[{ rate = 1.5 }]"#, "must be a list"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(words), "{text}: {wrong}");
        }
    }
}
