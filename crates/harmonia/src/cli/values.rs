//! How values are written on the command line: days, moments, lengths of time, amounts.

/// A day, whose beginning depends on a time zone, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Date {
    /// A day.
    Day(harmonia_core::time::Day),
    /// A moment.
    Moment(harmonia_core::time::Instant),
}

pub(super) fn date(text: &str) -> Result<Date, String> {
    if let Ok(day) = day(text) {
        return Ok(Date::Day(day));
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => Ok(Date::Moment(harmonia_core::time::Instant(
            moment.as_microsecond(),
        ))),
        Err(_) => Err(format!(
            "{text:?} is not a date: write 2026-06-01, or a moment such as 2026-06-01T04:00:00Z"
        )),
    }
}

pub(super) fn day(text: &str) -> Result<harmonia_core::time::Day, String> {
    let parsed = || {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        harmonia_core::time::Day::from_ymd(year, month, day)
    };
    parsed().ok_or_else(|| format!("{text:?} is not a day: write 2026-06-01"))
}

pub(super) fn instant(text: &str) -> Result<harmonia_core::time::Instant, String> {
    let wrong = || format!("{text:?} is not a time: write 2026-06-02 or 2026-06-02T14:00:00Z");
    let utc = jiff::tz::TimeZone::UTC;
    let timestamp = text.parse::<jiff::Timestamp>().or_else(|_| {
        let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
        day.to_zoned(utc)
            .map(|zoned| zoned.timestamp())
            .map_err(|_| wrong())
    })?;
    Ok(harmonia_core::time::Instant(timestamp.as_microsecond()))
}

pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write 30s, 5m or 1h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "ms" => return Ok(std::time::Duration::from_millis(number)),
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok(std::time::Duration::from_secs(number.saturating_mul(unit)))
}

pub(super) fn lifetime(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("{text:?} is not a time: write 12h, 90d or 52w, at most 100 years");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let hours: u64 = match &text[digits.len()..] {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return Err(wrong()),
    };
    let most = 100 * 366 * 24;
    let hours = number.checked_mul(hours);
    let hours = hours.filter(|hours| (1..=most).contains(hours));
    hours
        .map(|hours| std::time::Duration::from_secs(hours * 3600))
        .ok_or_else(wrong)
}

pub(super) fn within(text: &str) -> Result<i64, String> {
    let within = duration(text)?;
    let micros = i64::try_from(within.as_micros()).unwrap_or(i64::MAX);
    if micros > harmonia_core::time::DAY_US {
        return Err("write at most 24h: for another day, name it with --date".to_owned());
    }
    Ok(micros)
}

pub(super) fn said_time(text: &str) -> Result<harmonia_journey::claim::SaidTime, String> {
    use harmonia_journey::claim::SaidTime;
    if let Ok(date) = date(text) {
        return Ok(match date {
            Date::Day(day) => SaidTime::Day(day),
            Date::Moment(moment) => SaidTime::Moment(moment),
        });
    }
    let wrong = || {
        format!(
            "{text:?} is not a date: write 2026-06-02, 2026-06-02T15:46 by the shop's clock, or \
             2026-06-02T14:46:00Z"
        )
    };
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
    let wall = civil
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_err(|_| wrong())?;
    let wall = wall.timestamp().as_microsecond();
    Ok(SaidTime::Clock(harmonia_core::time::WallClock(wall)))
}

pub(super) fn limit(text: &str) -> Result<usize, String> {
    let parsed = text.parse().ok().filter(|limit| (1..=1000).contains(limit));
    parsed.ok_or_else(|| format!("{text:?} is not a limit: write a number from 1 to 1000"))
}

pub(super) fn amount(text: &str) -> Result<i64, String> {
    harmonia_core::money::parse_major(text)
        .map_err(|error| format!("{error}: write it as on the receipt, 10.99"))
}

pub(super) fn currency(text: &str) -> Result<harmonia_core::money::Currency, String> {
    harmonia_core::money::Currency::new(text)
        .ok_or_else(|| format!("{text:?} is not a currency: write a code such as GBP"))
}
