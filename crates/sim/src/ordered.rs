//! A feed's file: records in the order of that feed's own clock, with what stands around them.
//!
//! Purchases come in order, but a till whose clock is wrong reports out of order, and a record may
//! be sent again later. So records wait here until nothing earlier can come, which is a few
//! minutes' worth of them, however many there are in all.

use harmonia_core::time::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

/// What stands around the records of a file.
#[derive(Clone, Copy)]
pub(crate) struct Frame<T = &'static str> {
    /// Before the first record.
    pub(crate) before: T,
    /// Between two.
    pub(crate) between: T,
    /// After the last.
    pub(crate) after: T,
}

/// Records on their way into a file.
pub(crate) struct Ordered<W, T = &'static str> {
    out: W,
    frame: Frame<T>,
    /// By time; within one second by a number that the caller draws.
    waiting: BinaryHeap<Reverse<(Instant, u64, String)>>,
    written: u64,
}

impl<W: Write, T: AsRef<str>> Ordered<W, T> {
    pub(crate) fn new(out: W, frame: Frame<T>) -> Self {
        let waiting = BinaryHeap::new();
        Self {
            out,
            frame,
            waiting,
            written: 0,
        }
    }

    /// Puts a record where its time says, and a number among those of one time.
    pub(crate) fn add(&mut self, at: Instant, number: u64, record: String) {
        self.waiting.push(Reverse((at, number, record)));
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

    /// How many records there are in all, so far.
    pub(crate) fn count(&self) -> u64 {
        self.written + self.waiting.len() as u64
    }

    /// Writes what is left; gives how many records there are in all, and the file.
    pub(crate) fn finish(mut self) -> io::Result<(u64, W)> {
        while !self.waiting.is_empty() {
            self.write_next()?;
        }
        if self.written == 0 {
            self.write(|frame| &frame.before)?;
        }
        self.write(|frame| &frame.after)?;
        Ok((self.written, self.out))
    }

    fn write_next(&mut self) -> io::Result<()> {
        let Some(Reverse((_, _, record))) = self.waiting.pop() else {
            return Ok(());
        };
        if self.written == 0 {
            self.write(|frame| &frame.before)?;
        } else {
            self.write(|frame| &frame.between)?;
        }
        self.written += 1;
        self.out.write_all(record.as_bytes())
    }

    fn write(&mut self, part: impl Fn(&Frame<T>) -> &T) -> io::Result<()> {
        self.out.write_all(part(&self.frame).as_ref().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(frame: Frame, records: &[(i64, &str)]) -> String {
        let mut file = Vec::new();
        let mut feed = Ordered::new(&mut file, frame);
        for (second, record) in records {
            feed.add(Instant(*second), 0, (*record).into());
        }
        feed.write_until(Instant(3)).unwrap();
        assert_eq!(feed.count(), records.len() as u64);
        assert_eq!(feed.finish().unwrap().0, records.len() as u64);
        String::from_utf8(file).unwrap()
    }

    #[test]
    fn records_are_written_in_order_of_time_with_separators_between_them_only() {
        let frame = Frame {
            before: "<",
            between: ",",
            after: ">",
        };
        assert_eq!(written(frame, &[(3, "c"), (1, "a"), (2, "b")]), "<a,b,c>");
        assert_eq!(written(frame, &[]), "<>");
    }
}
