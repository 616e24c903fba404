//! When a feed is expected, and whether it is quiet: a pure judgement from what has arrived.
//!
//! ```toml
//! expected = { every = "10m" }                                   # messages, or small files
//! expected = { daily = "07:00", days = ["mon", "tue", "wed", "thu", "fri"] }
//! expected = { daily = "07:00", numbered = true }                # each file's name counts on
//! ```

use crate::time::{DAY_US, Day, HOUR_US, Instant, MINUTE_US, WallClock, Zone};
use serde::Serialize;
use std::sync::Arc;

/// When something of a feed is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// How often.
    pub rhythm: Rhythm,
    /// Whether the last number in the names of its files counts on, one a file.
    pub numbered: bool,
}

/// How often something is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Rhythm {
    /// At least once in so many microseconds.
    Every(i64),
    /// By a time of day, on some days of the week.
    Daily {
        /// Microseconds after midnight of the wall clock.
        by_us: i64,
        /// Monday first.
        weekdays: [bool; 7],
        /// Whose wall clock.
        zone: Arc<Zone>,
    },
}

/// How a feed stands against what is expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Punctuality {
    /// What was due has come.
    OnTime,
    /// What was due last has not come.
    Late,
    /// Nor has what was due before that.
    Missing,
}

impl Rhythm {
    /// The last three moments, not after `now`, by which something was due, the latest first:
    /// something that came after the earlier of two such moments is what was due by the later.
    fn due_before(&self, now: Instant) -> [Instant; 3] {
        match self {
            Self::Every(every_us) => [0, 1, 2].map(|times| now.plus(-every_us * times)),
            Self::Daily {
                by_us,
                weekdays,
                zone,
            } => {
                let mut day = zone.local_day(now).0 + 1;
                [(); 3].map(|()| {
                    loop {
                        day -= 1;
                        let due = zone.instant(WallClock(Day(day).midnight().0 + by_us));
                        if due <= now && weekdays[weekday(day)] {
                            return due;
                        }
                    }
                })
            }
        }
    }

    /// How a feed stands whose last arrival was then, and that was first expected at `since`.
    pub fn judge(&self, last: Option<Instant>, since: Instant, now: Instant) -> Punctuality {
        let [_, before, earlier] = self.due_before(now);
        // What was due before anybody expected anything is nobody's fault.
        let last = last.map_or(since, |last| last.max(since));
        if last > before {
            Punctuality::OnTime
        } else if last > earlier {
            Punctuality::Late
        } else {
            Punctuality::Missing
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Every(every_us) if every_us % HOUR_US == 0 => {
                format!("every {} h", every_us / HOUR_US)
            }
            Self::Every(every_us) => format!("every {} min", every_us / MINUTE_US),
            Self::Daily {
                by_us,
                weekdays,
                zone,
            } => {
                let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
                let days: Vec<&str> = names
                    .into_iter()
                    .zip(weekdays)
                    .filter_map(|(name, on)| on.then_some(name))
                    .collect();
                let days = if days.len() == 7 {
                    "daily".to_owned()
                } else {
                    days.join(" ")
                };
                let (hour, minute) = (by_us / HOUR_US, by_us % HOUR_US / MINUTE_US);
                format!("{days} by {hour:02}:{minute:02} {}", zone.name())
            }
        }
    }
}

/// The day of the week, Monday being 0. The first of January 1970 was a Thursday.
fn weekday(day: i32) -> usize {
    usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

/// The numbers that are missing between the least and the greatest of those in files' names.
pub fn gaps<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<u64> {
    /// A hole this large is another numbering, not a file that was lost.
    const LARGEST: u64 = 1000;
    let mut numbers: Vec<u64> = names.into_iter().filter_map(number_of).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
        .windows(2)
        .filter(|pair| pair[1] - pair[0] <= LARGEST)
        .flat_map(|pair| pair[0] + 1..pair[1])
        .collect()
}

/// The last number in the name of a file, its ending left out.
fn number_of(path: &str) -> Option<u64> {
    let name = path.rsplit(['/', '\\']).next()?;
    let stem = name.split('.').next()?;
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = stem[..end].rfind(|c: char| !c.is_ascii_digit());
    stem[start.map_or(0, |at| at + 1)..end].parse().ok()
}

/// How a day's volume stands to the days before: said when it is less than half or more than twice
/// the usual (their median), given three days at least.
pub fn unusual(latest: u64, before: &[u64]) -> Option<String> {
    if before.len() < 3 {
        return None;
    }
    let usual = usual(before)?;
    let far = latest.saturating_mul(2) < usual || latest > usual.saturating_mul(2);
    far.then(|| format!("{latest} records on its last day, usually about {usual}"))
}

/// The usual volume of a day, given those of some days: their median.
pub fn usual(days: &[u64]) -> Option<u64> {
    let mut sorted = days.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

/// The day before which a volume is compared with: today is not over yet.
pub fn last_whole_day(now: Instant) -> i64 {
    now.0.div_euclid(DAY_US) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND_US;

    /// 2026-06-05, a Friday, 12:00 UTC.
    const NOON: Instant = Instant(1_780_660_800_000_000);

    fn daily(by_hour: i64, weekdays: [bool; 7]) -> Rhythm {
        Rhythm::Daily {
            by_us: by_hour * HOUR_US,
            weekdays,
            zone: Arc::new(Zone::named("Europe/London").unwrap()),
        }
    }

    fn judge(rhythm: &Rhythm, hours_ago: i64) -> Punctuality {
        rhythm.judge(Some(NOON.plus(-hours_ago * HOUR_US)), Instant(0), NOON)
    }

    #[test]
    fn a_daily_feed_is_late_after_its_time_and_missing_a_day_later() {
        let rhythm = daily(7, [true; 7]);
        // Due at 06:00 UTC.
        assert_eq!(judge(&rhythm, 5), Punctuality::OnTime);
        assert_eq!(judge(&rhythm, 8), Punctuality::OnTime);
        assert_eq!(judge(&rhythm, 31), Punctuality::Late);
        assert_eq!(judge(&rhythm, 60), Punctuality::Missing);
        assert_eq!(rhythm.describe(), "daily by 07:00 Europe/London");
    }

    #[test]
    fn nothing_is_due_at_the_weekend_on_weekdays_only() {
        let rhythm = daily(7, [true, true, true, true, true, false, false]);
        let monday_morning = NOON.plus(2 * DAY_US + 15 * HOUR_US);
        let friday_morning = Some(NOON.plus(-7 * HOUR_US));
        let judged = rhythm.judge(friday_morning, Instant(0), monday_morning);
        assert_eq!(judged, Punctuality::OnTime);
        let later = monday_morning.plus(5 * HOUR_US);
        let judged = rhythm.judge(friday_morning, Instant(0), later);
        assert_eq!(judged, Punctuality::Late);
    }

    #[test]
    fn a_steady_feed_is_late_after_its_period() {
        let rhythm = Rhythm::Every(10 * MINUTE_US);
        let ago = |minutes: i64| {
            let last = Some(NOON.plus(-minutes * MINUTE_US + SECOND_US));
            rhythm.judge(last, Instant(0), NOON)
        };
        assert_eq!(ago(10), Punctuality::OnTime);
        assert_eq!(ago(15), Punctuality::Late);
        assert_eq!(ago(25), Punctuality::Missing);
        // A feed that was expected first a minute ago is not missing yet.
        let new = rhythm.judge(None, NOON.plus(-MINUTE_US), NOON);
        assert_eq!(new, Punctuality::OnTime);
    }

    #[test]
    fn gaps_in_numbers_are_found() {
        let names = [
            "in/sales-0007.csv",
            "sales-0009.csv",
            "sales-0010.csv.2",
            "readme.txt",
        ];
        assert_eq!(gaps(names), [8]);
        assert_eq!(gaps(["a1.csv", "a900000.csv"]), Vec::<u64>::new());
    }

    #[test]
    fn a_volume_far_from_the_usual_is_said() {
        assert_eq!(unusual(100, &[100, 90]), None);
        assert_eq!(unusual(100, &[100, 90, 120]), None);
        assert!(
            unusual(10, &[100, 90, 120])
                .unwrap()
                .contains("usually about 100")
        );
        assert!(unusual(1000, &[100, 90, 120]).is_some());
    }
}
