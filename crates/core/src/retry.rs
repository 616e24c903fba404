//! When to try again.

use crate::time::{DAY_US, HOUR_US, Instant, MINUTE_US, SECOND_US};
use std::time::Duration;

/// How long an unidentified payment is asked about again, from its import.
pub const IDENTITY_AGE_US: i64 = 30 * DAY_US;

/// When to ask again whose card it was: after 5 minutes, then twice as long each time up to six
/// hours; `None` when the payment is older than [`IDENTITY_AGE_US`].
pub fn ask_identity_again(now: Instant, imported_at: Instant, tries: u32) -> Option<Instant> {
    let wait_us = doubled(5 * MINUTE_US, tries, 6 * HOUR_US);
    let next = now.plus(wait_us);
    (next.0 - imported_at.0 <= IDENTITY_AGE_US).then_some(next)
}

/// When to take up a job again whose step failed: after a second, then twice as long each time up
/// to a minute.
pub fn job_again(now: Instant, tries: u32) -> Instant {
    now.plus(doubled(SECOND_US, tries, MINUTE_US))
}

/// When to take up a job again that a busy store did not let be done: after a tenth of a second, then
/// twice as long each time up to two seconds. The store is what is waited for, not the job.
pub fn job_of_busy_store(now: Instant, tries: u32) -> Instant {
    now.plus(doubled(SECOND_US / 10, tries, 2 * SECOND_US))
}

/// When to try again what a busy store refused so many times in a row: after a second, then twice as
/// long each time up to eight.
pub fn store_again(now: Instant, failures: u32) -> Instant {
    now.plus(doubled(
        SECOND_US,
        failures.saturating_sub(1),
        8 * SECOND_US,
    ))
}

/// How long to rest before connecting again after so many failures in a row: a tenth of a second,
/// then twice as long each time up to six seconds.
pub fn reconnect_after(failures: u32) -> Duration {
    let pause_us = doubled(SECOND_US / 10, failures, 6 * SECOND_US);
    Duration::from_micros(pause_us.unsigned_abs())
}

fn doubled(first_us: i64, tries: u32, most_us: i64) -> i64 {
    first_us.saturating_mul(1_i64 << tries.min(30)).min(most_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_its_limit_and_ends() {
        let start = Instant(0);
        assert_eq!(
            ask_identity_again(start, start, 0),
            Some(Instant(5 * MINUTE_US))
        );
        assert_eq!(
            ask_identity_again(start, start, 40),
            Some(Instant(6 * HOUR_US))
        );
        assert_eq!(ask_identity_again(Instant(30 * DAY_US), start, 0), None);
        assert_eq!(job_again(start, 3), Instant(8 * SECOND_US));
        assert_eq!(job_again(start, 99), Instant(MINUTE_US));
        assert_eq!(job_of_busy_store(start, 1), Instant(SECOND_US / 5));
        assert_eq!(job_of_busy_store(start, 99), Instant(2 * SECOND_US));
        assert_eq!(store_again(start, 1), Instant(SECOND_US));
        assert_eq!(store_again(start, 9), Instant(8 * SECOND_US));
        assert_eq!(reconnect_after(0), Duration::from_millis(100));
        assert_eq!(reconnect_after(99), Duration::from_secs(6));
    }
}
