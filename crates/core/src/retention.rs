//! Retention: how far back transactions are kept, and how those before it are taken out.
//!
//! Purging must never let a transaction in twice: once its row is gone, nobody could tell that it
//! was there. So the day before which things may be gone is made known first, durably, and whatever
//! comes from before that day and is not known is rejected as too old, from then on and for ever.

use crate::problem::{Reject, RejectReason};
use crate::time::{DAY_US, Day, Instant};
use compact_str::CompactString;
use serde::Serialize;

/// The least number of days that may be kept: what is of today or yesterday is still being matched.
pub const LEAST_DAYS: u32 = 2;
/// The largest number of days that may be named: a hundred years.
pub const MOST_DAYS: u32 = 36_500;

/// The first day that is kept when so many days are, at a time.
pub fn kept_from(now: Instant, days: u32) -> Day {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    Day(now.day().0.saturating_sub(days))
}

/// The moment at which a day begins, in UTC.
pub fn begin_of(day: Day) -> Instant {
    Instant(i64::from(day.0).saturating_mul(DAY_US))
}

/// The reject of a transaction that is older than what is kept, and is not known.
pub fn too_old(transaction_id: &str, day: Day, kept_from: Day) -> Reject {
    Reject::record(
        RejectReason::TooOld,
        format_args!(
            "transaction {transaction_id} is of {day}, and nothing before {kept_from} is kept: it \
             may have been in and was purged, so it is not taken again"
        ),
    )
}

/// A stretch of purging: one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// What is of an earlier day, and came before this one, may go. A later day than the one made
    /// known durably does not count.
    pub before: Day,
    /// Where to go on.
    pub from: PurgeCursor,
    /// At most so many rows are looked at.
    pub limit: usize,
}

/// How far purging has come. It may always begin anew: what is gone is not there again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurgeCursor {
    /// Payments that are matched and told, each with its match, its sale and its export: those after
    /// a key.
    Payments(Option<PurgePlace>),
    /// Sales that nobody paid by a card we know: those after a key.
    Sales(Option<PurgePlace>),
    /// Bad records that were taken up, or were too old when they came: those after a row.
    Rejects(i64),
    /// What was sent to merchants of exports that are gone: those after a row.
    Attempts(i64),
    /// Raw records by whole months, where a store keeps them so.
    RawMonths(PurgeMonth),
    /// What was sent to merchants, the same way.
    AttemptMonths(PurgeMonth),
}

impl PurgeCursor {
    /// The beginning.
    pub const START: Self = Self::Payments(None);
}

/// How far purging has come among the months that are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurgeMonth {
    /// No month that begins earlier is looked at any more.
    pub from: Day,
    /// What was done of the first month from there on.
    pub step: MonthStep,
}

impl PurgeMonth {
    /// Before all of them.
    pub const FIRST: Self = Self::of(Day(i32::MIN));

    /// The beginning of what begins on a day, or of the first month after it.
    pub const fn of(from: Day) -> Self {
        Self {
            from,
            step: MonthStep::Begun,
        }
    }
}

/// What was done of a month that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonthStep {
    /// Nothing yet.
    Begun,
    /// What stays of it is put aside, for the rest to go at once: done up to a row.
    PutAside(i64),
    /// So much of it stays that the rest is taken out row by row: done up to a row.
    TakenOut(i64),
}

/// The key of a transaction, in the order in which they are purged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PurgePlace {
    /// Its day.
    pub day: Day,
    /// The store's number of its feed.
    pub feed: i64,
    /// Its id.
    pub transaction_id: CompactString,
}

/// How many rows are gone, or would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Payments, each with its raw record and its identity.
    pub payments: u64,
    /// Sales, each with its raw record: matched ones and those that stayed open.
    pub sales: u64,
    /// Matches.
    pub matches: u64,
    /// Exports.
    pub exports: u64,
    /// Bad records that were taken up, or were too old when they came.
    pub rejects: u64,
    /// Attempts to tell merchants.
    pub attempts: u64,
}

impl Purged {
    /// Adds another stretch's.
    pub fn add(&mut self, other: Self) {
        self.payments += other.payments;
        self.sales += other.sales;
        self.matches += other.matches;
        self.exports += other.exports;
        self.rejects += other.rejects;
        self.attempts += other.attempts;
    }
}

/// Whether a feed's transaction of a day may be taken though it is not known: not before the first
/// day that is kept.
pub fn is_too_old(day: Day, kept_from: Option<Day>) -> bool {
    kept_from.is_some_and(|first| day < first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_days_are_kept_and_today() {
        let today = Day::from_ymd(2026, 6, 30).unwrap();
        let noon = begin_of(today).plus(DAY_US / 2);
        assert_eq!(kept_from(noon, 60), Day::from_ymd(2026, 5, 1).unwrap());
        let first = kept_from(noon, 60);
        assert!(is_too_old(Day(first.0 - 1), Some(first)));
        assert!(!is_too_old(first, Some(first)) && !is_too_old(Day(0), None));
    }

    #[test]
    fn the_reason_says_since_when() {
        let day = |d| Day::from_ymd(2026, 5, d).unwrap();
        let reject = too_old("t-1", day(1), day(9));
        assert_eq!(reject.reason, RejectReason::TooOld);
        for words in ["t-1", "2026-05-01", "2026-05-09"] {
            assert!(reject.detail.contains(words), "{}", reject.detail);
        }
    }
}
