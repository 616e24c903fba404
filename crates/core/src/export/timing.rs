//! When an export leaves, and when it is tried again.
//!
//! ```toml
//! leaves = { after = "60s", after_purchase = "24h" }
//! leaves = { not_before = "10:30" }
//! retry  = ["20m", { daily = "10:00", timezone = "UTC", times = 6 }]
//! ```

use crate::agent::time_us;
use crate::time::{DAY_US, HOUR_US, Instant, MINUTE_US, SECOND_US, WallClock, Zone};
use serde::Deserialize;
use std::time::Duration;

/// The longest that a merchant's `Retry-After` is heeded: one who asks for more is asked again then.
const MOST_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// The most tries of one plan.
const MOST_TRIES: usize = 1_000;

/// How long an export waits before it is sent at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leaves {
    after_us: i64,
    after_purchase_us: i64,
    not_before: Option<(i64, Zone)>,
}

/// How it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeavesTable {
    after: Option<String>,
    after_purchase: Option<String>,
    not_before: Option<String>,
    timezone: Option<String>,
}

impl Leaves {
    /// Reads `leaves`; times of day are those of `zone` where it names none.
    pub(super) fn read(value: &toml::Value, zone: &Zone) -> Result<Self, String> {
        let table: LeavesTable = value.clone().try_into().map_err(|error: toml::de::Error| {
            let wanted =
                "write { after = \"60s\", after_purchase = \"24h\" } or { not_before = \"10:30\" }";
            format!("{}: {wanted}", error.message())
        })?;
        let length = |text: Option<String>| text.map_or(Ok(0), |text| length_us(&text));
        let zone = table
            .timezone
            .as_deref()
            .map_or(Ok(zone.clone()), Zone::named)?;
        let not_before = table.not_before.as_deref().map(time_of_day).transpose()?;
        Ok(Self {
            after_us: length(table.after)?,
            after_purchase_us: length(table.after_purchase)?,
            not_before: not_before.map(|time_us| (time_us, zone)),
        })
    }

    /// Not before when an export leaves that is made at a time, of a purchase at another. One whose time
    /// nobody knows is taken to be of the moment at which its export is made.
    pub fn at(&self, made_at: Instant, purchased_at: Option<Instant>) -> Instant {
        let purchased_at = purchased_at.unwrap_or(made_at);
        let waited = made_at.plus(self.after_us);
        let waited = match self.after_purchase_us {
            0 => waited,
            wait_us => waited.max(purchased_at.plus(wait_us)),
        };
        let Some((time_us, zone)) = &self.not_before else {
            return waited;
        };
        let midnight = zone.local_day(waited).midnight();
        waited.max(zone.instant(WallClock(midnight.0 + time_us)))
    }
}

/// When an export that was refused for now is sent again.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// So long after the try before.
    After(i64),
    /// The next time a clock on the wall shows this, on so many days.
    Daily(Box<Daily>),
}

#[derive(Clone, Debug, PartialEq)]
struct Daily {
    time_us: i64,
    zone: Zone,
    times: usize,
}

/// How a step is written.
#[derive(Deserialize)]
#[serde(untagged)]
enum StepTable {
    After(String),
    Daily(DailyTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DailyTable {
    daily: String,
    timezone: Option<String>,
    times: usize,
}

impl Default for Retry {
    /// Every 20 minutes, four times.
    fn default() -> Self {
        Self {
            steps: vec![Step::After(20 * MINUTE_US); 4],
        }
    }
}

impl Retry {
    /// Reads `retry`; times of day are those of `zone` where a step names none.
    pub(super) fn read(value: &toml::Value, zone: &Zone) -> Result<Self, String> {
        let wanted = "must be a list such as [\"20m\", { daily = \"10:00\", timezone = \"UTC\", times = 6 }]";
        let steps: Vec<StepTable> = value.clone().try_into().map_err(|_| wanted.to_owned())?;
        let step = |step| match step {
            StepTable::After(length) => length_us(&length).map(Step::After),
            StepTable::Daily(daily) => Ok(Step::Daily(Box::new(Daily {
                time_us: time_of_day(&daily.daily)?,
                zone: daily
                    .timezone
                    .as_deref()
                    .map_or(Ok(zone.clone()), Zone::named)?,
                times: daily.times,
            }))),
        };
        let steps = steps.into_iter().map(step).collect::<Result<_, String>>()?;
        let retry = Self { steps };
        if retry.tries() > MOST_TRIES {
            return Err(format!(
                "is {} tries: there are at most {MOST_TRIES}",
                retry.tries()
            ));
        }
        Ok(retry)
    }

    /// How often it is tried again at most.
    pub fn tries(&self) -> usize {
        self.steps
            .iter()
            .fold(0, |tries, step| tries.saturating_add(step.tries()))
    }

    /// When to try again what was tried so many times, the last of them ending now: never before the time
    /// for which the merchant asked to be left alone, up to a day of it. `None` where it is given up.
    pub fn next_try(
        &self,
        now: Instant,
        tries: u32,
        retry_after: Option<Duration>,
    ) -> Option<Instant> {
        let mut before = usize::try_from(tries.checked_sub(1)?).ok()?;
        let mut steps = self.steps.iter();
        let step = loop {
            let step = steps.next()?;
            match before.checked_sub(step.tries()) {
                Some(rest) => before = rest,
                None => break step,
            }
        };
        let asked = retry_after.unwrap_or_default().min(MOST_PATIENCE);
        let asked_us = i64::try_from(asked.as_micros()).unwrap_or(i64::MAX);
        let rested = now.plus(asked_us);
        Some(match step {
            Step::After(wait_us) => now.plus(*wait_us).max(rested),
            Step::Daily(daily) => daily.next_after(now.max(rested)),
        })
    }
}

impl Step {
    fn tries(&self) -> usize {
        match self {
            Self::After(_) => 1,
            Self::Daily(daily) => daily.times,
        }
    }
}

impl Daily {
    fn next_after(&self, now: Instant) -> Instant {
        let today = self.zone.local_day(now).midnight();
        let on = |days: i64| {
            let wall = today.0.saturating_add(days * DAY_US + self.time_us);
            self.zone.instant(WallClock(wall))
        };
        let today = on(0);
        if today > now { today } else { on(1) }
    }
}

/// A length of time such as `5s`, `20m`, `24h` or `2d`, in microseconds.
pub(super) fn length_us(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a length of time: write 5s, 20m, 24h or 2d");
    let unit_us = match text.chars().last() {
        Some('s') => SECOND_US,
        Some('m') => MINUTE_US,
        Some('h') => HOUR_US,
        Some('d') => DAY_US,
        _ => return Err(wrong()),
    };
    let number: u16 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    if number == 0 {
        return Err(wrong());
    }
    Ok(i64::from(number) * unit_us)
}

fn time_of_day(text: &str) -> Result<i64, String> {
    time_us(text).ok_or_else(|| format!("{text:?} is not a time of day: write 10:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        Instant(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn london() -> Zone {
        Zone::named("Europe/London").unwrap()
    }

    fn value(text: &str) -> toml::Value {
        format!("it = {text}").parse::<toml::Table>().unwrap()["it"].clone()
    }

    #[test]
    fn a_plan_is_gone_through_step_by_step_and_then_given_up() {
        let plan = value(r#"["20m", { daily = "10:00", times = 2 }]"#);
        let retry = Retry::read(&plan, &london()).unwrap();
        assert_eq!(retry.tries(), 3);
        let now = at("2026-06-02T14:00:00Z");
        for (tries, next) in [
            (0, None),
            (1, Some("2026-06-02T14:20:00Z")),
            (2, Some("2026-06-03T09:00:00Z")),
            (3, Some("2026-06-03T09:00:00Z")),
            (4, None),
            (u32::MAX, None),
        ] {
            assert_eq!(retry.next_try(now, tries, None), next.map(at), "{tries}");
        }
    }

    #[test]
    fn without_a_plan_it_is_every_twenty_minutes_four_times() {
        let retry = Retry::default();
        let now = at("2026-06-02T14:00:00Z");
        for tries in 1..=4 {
            let next = retry.next_try(now, tries, None);
            assert_eq!(next, Some(now.plus(20 * MINUTE_US)));
        }
        assert_eq!(retry.next_try(now, 5, None), None);
    }

    #[test]
    fn a_time_of_day_is_the_next_one_even_where_clocks_change() {
        let read = |plan: &str| Retry::read(&value(plan), &london()).unwrap();
        let daily = read(r#"[{ daily = "10:00", times = 9 }]"#);
        let early = read(r#"[{ daily = "01:30", times = 9 }]"#);
        for (retry, now, next) in [
            (&daily, "2026-06-02T08:59:59Z", "2026-06-02T09:00:00Z"),
            (&daily, "2026-06-02T09:00:00Z", "2026-06-03T09:00:00Z"),
            (&daily, "2026-03-28T10:00:00Z", "2026-03-29T09:00:00Z"),
            (&daily, "2026-10-24T09:00:00Z", "2026-10-25T10:00:00Z"),
            (&early, "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"), // left out: an hour on
            (&early, "2026-10-24T12:00:00Z", "2026-10-25T01:30:00Z"), // twice: the second
        ] {
            assert_eq!(retry.next_try(at(now), 1, None), Some(at(next)), "{now}");
        }
    }

    #[test]
    fn a_merchant_that_asks_for_rest_gets_it_up_to_a_day() {
        let retry = Retry::default();
        let now = at("2026-06-02T14:00:00Z");
        let next = |seconds| {
            let after = Some(Duration::from_secs(seconds));
            retry.next_try(now, 1, after).unwrap()
        };
        assert_eq!(next(60), at("2026-06-02T14:20:00Z"));
        assert_eq!(next(3_600), at("2026-06-02T15:00:00Z"));
        assert_eq!(next(u64::MAX), at("2026-06-03T14:00:00Z"));
        let daily = value(r#"[{ daily = "16:00", times = 1 }]"#);
        let daily = Retry::read(&daily, &london()).unwrap();
        let after = Some(Duration::from_secs(2 * 3_600));
        assert_eq!(
            daily.next_try(now, 1, after),
            Some(at("2026-06-03T15:00:00Z"))
        );
    }

    #[test]
    fn it_leaves_when_it_has_waited_for_all_it_should() {
        let read = |leaves: &str| Leaves::read(&value(leaves), &london()).unwrap();
        let day_after = read(r#"{ after = "60s", after_purchase = "24h" }"#);
        let morning = read(r#"{ not_before = "10:30" }"#);
        for (leaves, made, purchased, at_) in [
            (
                &day_after,
                "2026-06-02T14:00:00Z",
                "2026-06-02T12:00:00Z",
                "2026-06-03T12:00:00Z",
            ),
            (
                &day_after,
                "2026-06-09T14:00:00Z",
                "2026-06-02T12:00:00Z",
                "2026-06-09T14:01:00Z",
            ),
            (
                &morning,
                "2026-06-02T09:29:59Z",
                "2026-06-01T12:00:00Z",
                "2026-06-02T09:30:00Z",
            ),
            (
                &morning,
                "2026-06-02T09:30:00Z",
                "2026-06-01T12:00:00Z",
                "2026-06-02T09:30:00Z",
            ),
            (
                &morning,
                "2026-06-02T23:30:00Z",
                "2026-06-01T12:00:00Z",
                "2026-06-03T09:30:00Z",
            ),
            (
                &morning,
                "2026-10-25T09:00:00Z",
                "2026-06-01T12:00:00Z",
                "2026-10-25T10:30:00Z",
            ),
        ] {
            assert_eq!(leaves.at(at(made), Some(at(purchased))), at(at_), "{made}");
        }
        assert_eq!(
            Leaves::default().at(at("2026-06-02T14:00:00Z"), None),
            at("2026-06-02T14:00:00Z")
        );
    }

    #[test]
    fn what_is_no_plan_is_said() {
        for (plan, words) in [
            (r#"["soon"]"#, "not a length of time"),
            (r#"["0s"]"#, "not a length of time"),
            (
                r#"["20m", { daily = "25:00", times = 1 }]"#,
                "not a time of day",
            ),
            (r#"[{ daily = "10:00" }]"#, "must be a list"),
            (
                r#"[{ daily = "10:00", timezone = "Mars", times = 1 }]"#,
                "not a time zone",
            ),
            (r#"[{ daily = "10:00", times = 5000 }]"#, "at most 1000"),
            (
                r#"[{ daily = "10:00", times = 9223372036854775807 }, "1s"]"#,
                "at most 1000",
            ),
        ] {
            let wrong = Retry::read(&value(plan), &london()).unwrap_err();
            assert!(wrong.contains(words), "{plan}: {wrong}");
        }
        for (leaves, words) in [
            (r#"{ after = "later" }"#, "not a length of time"),
            (r#"{ after = "€" }"#, "not a length of time"),
            (r#"{ not_before = "noon" }"#, "not a time of day"),
            (r#"{ befor = "10:00" }"#, "unknown field"),
        ] {
            let wrong = Leaves::read(&value(leaves), &london()).unwrap_err();
            assert!(wrong.contains(words), "{leaves}: {wrong}");
        }
    }
}
