//! How long a peer asks to be left alone.

use std::time::{Duration, SystemTime};

/// No longer than this is believed: a peer that asks for a year is asked again tomorrow.
const MOST: Duration = Duration::from_secs(24 * 3600);

/// Reads the value of a `Retry-After` header, seconds or a date of HTTP, as of `now`. A date that is
/// past asks for nothing; what is neither is not understood.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are long all the same.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(MOST));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default().min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_every_kind_of_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:07 GMT").unwrap();
        let read = |value| retry_after(value, now);
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(read(" 120 "), seconds(120));
        assert_eq!(read("0"), seconds(0));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), seconds(30));
        assert_eq!(read("Sunday, 06-Nov-94 08:49:37 GMT"), seconds(30));
        assert_eq!(read("Sun Nov  6 08:49:37 1994"), seconds(30));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), seconds(0));
        assert_eq!(read("99999999999999999999999"), Some(MOST));
        for wrong in ["", "-1", "1.5", "soon", "٣"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
