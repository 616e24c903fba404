//! One feed's file: records in the order of that feed's own clock.
//!
//! Purchases come in order, but a till whose clock is wrong reports out of order, and a record may
//! be sent again later. So records wait here until nothing earlier can come, which is a few
//! minutes' worth of them, however many there are in all.

use crate::random::Random;
use harmonia_core::time::{Day, Instant, SECOND_US};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::io::{self, Write};

const FIELD_SEPARATOR: &str = "\u{1f}";
const RECORD_SEPARATOR: &[u8] = b"\x1e";

/// The offsets that dates are written with, in hours, and how.
const OFFSETS: [(i64, &str); 2] = [(0, "+00:00"), (1, "+01:00")];

/// Records on their way into a file.
pub(crate) struct Feed<W> {
    out: W,
    random: Random,
    /// By time; by chance within one second, where a feed's order tells nothing.
    waiting: BinaryHeap<Reverse<(Instant, u64, String)>>,
    days: DayText,
    written: u64,
}

impl<W: Write> Feed<W> {
    pub(crate) fn new(out: W, random: Random) -> Self {
        let (waiting, days) = (BinaryHeap::new(), DayText::default());
        Self {
            out,
            random,
            waiting,
            days,
            written: 0,
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

    /// Puts a record where its time says.
    pub(crate) fn add(&mut self, at: Instant, record: String) {
        self.waiting
            .push(Reverse((at, self.random.number(), record)));
    }

    /// Writes all records from before `moment`; none so early may be added later.
    pub(crate) fn write_until(&mut self, moment: Instant) -> io::Result<()> {
        while let Some(Reverse((at, ..))) = self.waiting.peek()
            && *at < moment
        {
            self.write_next()?;
        }
        Ok(())
    }

    /// Writes what is left; gives how many records there are in all.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        while !self.waiting.is_empty() {
            self.write_next()?;
        }
        Ok(self.written)
    }

    fn write_next(&mut self) -> io::Result<()> {
        let Some(Reverse((_, _, record))) = self.waiting.pop() else {
            return Ok(());
        };
        // Between records: not before the first, and not after the last.
        if self.written > 0 {
            self.out.write_all(RECORD_SEPARATOR)?;
        }
        self.written += 1;
        self.out.write_all(record.as_bytes())
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
    fn records_are_written_in_order_of_time_with_separators_between_them_only() {
        let mut file = Vec::new();
        let mut feed = feed(&mut file);
        for (second, record) in [(3, "c"), (1, "a"), (2, "b")] {
            feed.add(Instant(second), record.into());
        }
        feed.write_until(Instant(3)).unwrap();
        assert_eq!(*feed.out, b"a\x1eb");
        assert_eq!(feed.finish().unwrap(), 3);
        assert_eq!(file, b"a\x1eb\x1ec");
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
