//! The bytes of the two example feeds.

use crate::ordered::{Frame, Ordered};
use crate::random::Random;
use harmonia_core::time::{Day, Instant, SECOND_US};
use std::fmt::Write as _;
use std::io::{self, Write};

const FIELD_SEPARATOR: &str = "\u{1f}";

/// Separators are between records: not before the first, and not after the last.
const FRAME: Frame = Frame {
    before: "",
    between: "\u{1e}",
    after: "",
};

/// The offsets that dates are written with, in hours, and how.
const OFFSETS: [(i64, &str); 2] = [(0, "+00:00"), (1, "+01:00")];

/// Records on their way into a file.
pub(crate) struct Feed<W> {
    records: Ordered<W>,
    random: Random,
    days: DayText,
}

impl<W: Write> Feed<W> {
    pub(crate) fn new(out: W, random: Random) -> Self {
        Self {
            records: Ordered::new(out, FRAME),
            random,
            days: DayText::default(),
        }
    }

    /// A record as both example feeds write it; their last field is where they differ.
    pub(crate) fn record(
        &mut self,
        mid: &str,
        transaction_id: &str,
        at: Instant,
        amount_minor: i64,
        last_field: impl std::fmt::Display,
    ) -> String {
        let mut record = String::with_capacity(96);
        record.extend([mid, FIELD_SEPARATOR, transaction_id, FIELD_SEPARATOR]);
        self.push_date(at, &mut record);
        // Writing to a string cannot fail.
        let _ = write!(
            record,
            "{FIELD_SEPARATOR}{amount_minor}{FIELD_SEPARATOR}{last_field}"
        );
        record
    }

    /// Puts a record where its time says; by chance among those of one second, where a feed's order
    /// tells nothing.
    pub(crate) fn add(&mut self, at: Instant, record: String) {
        self.records.add(at, self.random.number(), record);
    }

    /// Writes all records from before `moment`; none so early may be added later.
    pub(crate) fn write_until(&mut self, moment: Instant) -> io::Result<()> {
        self.records.write_until(moment)
    }

    /// Writes what is left; gives how many records there are in all.
    pub(crate) fn finish(self) -> io::Result<u64> {
        Ok(self.records.finish()?.0)
    }

    fn push_date(&mut self, at: Instant, record: &mut String) {
        let (hours, offset) = OFFSETS[usize::from(self.random.coin())];
        let local = at.plus(hours * 3600 * SECOND_US);
        record.push_str(self.days.of(local.day()));
        push_time_of_day(local, record);
        record.push_str(offset);
    }
}

fn push_time_of_day(local: Instant, record: &mut String) {
    let second = local.0.div_euclid(SECOND_US).rem_euclid(86_400);
    for (mark, number) in [
        ('T', second / 3600),
        (':', second / 60 % 60),
        (':', second % 60),
    ] {
        let digit = |number: i64| char::from(b'0' + (number % 10) as u8);
        record.extend([mark, digit(number / 10), digit(number)]);
    }
}

/// The last day written, as text: nearly every record is of the same day as the one before.
#[derive(Default)]
struct DayText {
    day: Option<Day>,
    text: String,
}

impl DayText {
    fn of(&mut self, day: Day) -> &str {
        if self.day != Some(day) {
            (self.day, self.text) = (Some(day), day.to_string());
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn feed(out: &mut Vec<u8>) -> Feed<&mut Vec<u8>> {
        Feed::new(out, Random::new(1, Stream::Records))
    }

    #[test]
    fn a_date_is_the_same_instant_with_either_offset() {
        let mut file = Vec::new();
        let mut feed = feed(&mut file);
        let at = Instant(1_780_354_799 * SECOND_US);
        let dates: std::collections::BTreeSet<String> = (0..50)
            .map(|_| feed.record("M", "T", at, 1099, "x"))
            .collect();
        let expected = [
            "M\u{1f}T\u{1f}2026-06-01T22:59:59+00:00\u{1f}1099\u{1f}x",
            "M\u{1f}T\u{1f}2026-06-01T23:59:59+01:00\u{1f}1099\u{1f}x",
        ];
        assert_eq!(dates.into_iter().collect::<Vec<_>>(), expected);
    }
}
