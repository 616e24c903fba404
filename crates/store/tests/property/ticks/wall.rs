//! What ticks when, told by somebody who watches a clock on the wall and a calendar beside it: no code
//! of this is shared with the schedules that are tested.

use harmonia_core::time::{DAY_US, Instant, MINUTE_US};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A schedule: at some minutes of some hours, in a zone; `None` is any.
pub struct Times {
    pub zone: &'static str,
    pub minutes: Option<&'static [i8]>,
    pub hours: Option<&'static [i8]>,
}

impl Times {
    /// The same as five cron fields, with the zone before them.
    pub fn cron(&self) -> String {
        let field = |listed: Option<&[i8]>| match listed {
            None => "*".to_owned(),
            Some(listed) => {
                let listed: Vec<String> = listed.iter().map(i8::to_string).collect();
                listed.join(",")
            }
        };
        let (minutes, hours) = (field(self.minutes), field(self.hours));
        match self.zone {
            "UTC" => format!("{minutes} {hours} * * *"),
            zone => format!("CRON_TZ={zone} {minutes} {hours} * * *"),
        }
    }

    /// Every tick after a time and until another.
    pub fn ticks(&self, after: Instant, until: Instant) -> Vec<Instant> {
        let zone = TimeZone::get(self.zone).unwrap();
        let mut ticks = Vec::new();
        // From a day before, to know what the clock has shown already.
        let mut at = Instant((after.0 - DAY_US).div_euclid(MINUTE_US) * MINUTE_US);
        let mut highest = shown(at, &zone);
        while at < until {
            at = at.plus(MINUTE_US);
            let wall = shown(at, &zone);
            let is_due = match self.hours {
                None => self.names(wall),
                // Once for each time that it shows or is put past, when it gets there first.
                Some(_) => minutes_between(highest, wall).any(|wall| self.names(wall)),
            };
            highest = highest.max(wall);
            if is_due && at > after && at <= until {
                ticks.push(at);
            }
        }
        ticks
    }

    fn names(&self, wall: DateTime) -> bool {
        let is_in = |listed: Option<&[i8]>, number| listed.is_none_or(|all| all.contains(&number));
        is_in(self.minutes, wall.minute()) && is_in(self.hours, wall.hour())
    }
}

fn shown(at: Instant, zone: &TimeZone) -> DateTime {
    let at = Timestamp::from_microsecond(at.0).unwrap();
    zone.to_datetime(at)
}

/// The minutes after one and up to another; none where that is earlier.
fn minutes_between(from: DateTime, until: DateTime) -> impl Iterator<Item = DateTime> {
    let next = |wall: &DateTime| Some(wall.saturating_add(jiff::Span::new().minutes(1)));
    std::iter::successors(next(&from), next).take_while(move |wall| *wall <= until)
}
