//! A stream of bytes cut at a separator: lines, or whatever else parts a feed's records.
//!
//! The buffer grows to one record and no further than [`MAX_RECORD_BYTES`]. A longer record is
//! passed over up to its end and told of, and the one after it is read as ever.

use super::record::{MAX_RECORD_BYTES, MAX_SHOWN_BYTES};
use std::io::{self, Read};

/// How much larger the buffer becomes where a record does not fit. While it grows both the old and
/// the new one are there, so growing by a multiple would take more than twice the record.
const STEP_BYTES: usize = 64 * 1024;
/// How much the buffer holds beyond the longest record, so as to see that one is too long.
const BEYOND_BYTES: usize = 16 * 1024;

/// The first bytes of a stream, and whether they are all of it.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_all: bool,
}

/// A reader of separated records.
#[derive(Debug)]
pub(crate) struct Frames<R> {
    bytes: R,
    separator: u8,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that were read and not yet given back for reuse.
    filled: usize,
    /// Where in `buffer` the current frame begins and ends, and where the next one begins.
    start: usize,
    end: usize,
    next: usize,
    at_end: bool,
    /// How many separators lie before the current frame.
    separators: u64,
    /// How many separators lie within and after the current frame, up to the next one.
    consumed: u64,
    too_long: bool,
}

impl<R: Read> Frames<R> {
    /// A reader of a stream that goes on with `bytes` after its start: a short stream, which the
    /// start is all of, needs no other buffer.
    pub(crate) fn new(start: Start, bytes: R, separator: u8) -> Self {
        Self {
            bytes,
            separator,
            filled: start.bytes.len(),
            buffer: start.bytes,
            start: 0,
            end: 0,
            next: 0,
            at_end: start.is_all,
            separators: 0,
            consumed: 0,
            too_long: false,
        }
    }

    /// The bytes of the current frame, without its separator.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Whether the current frame is longer than any record may be; then its bytes are its first.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// The number of the current frame: 1 and one more for each separator before it.
    pub(crate) fn number(&self) -> u64 {
        self.separators + 1
    }

    /// Goes to the next frame; `false` at the end of the stream.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        self.separators += self.consumed;
        self.consumed = 0;
        self.too_long = false;
        self.start = self.next;
        self.end = self.next;
        if let Some(length) = self.find_separator(self.start)? {
            self.end = self.start + length;
            self.close();
            if length > MAX_RECORD_BYTES {
                self.too_long = true;
                self.end = self.start + MAX_SHOWN_BYTES;
            }
            return Ok(true);
        }
        if self.filled - self.start > MAX_RECORD_BYTES {
            self.pass_over()?;
            return Ok(true);
        }
        self.end = self.filled;
        self.next = self.filled;
        Ok(self.end > self.start)
    }

    /// Widens the current frame over its separator up to the next one; `false` where there is no
    /// more, or it would become longer than `limit`.
    pub(crate) fn widen(&mut self, limit: usize) -> io::Result<bool> {
        if self.too_long || self.next == self.end {
            return Ok(false);
        }
        let length = self.next - self.start;
        let found = self.find_separator(self.start + length)?;
        let end = match found {
            Some(more) => self.start + length + more,
            None if self.at_end && self.filled > self.start + length => self.filled,
            None => return Ok(false),
        };
        if end - self.start > limit {
            return Ok(false);
        }
        self.end = end;
        match found {
            Some(_) => self.close(),
            None => self.next = self.filled,
        }
        Ok(true)
    }

    /// Gives back all of a widened frame but its first part, up to the first separator in it.
    pub(crate) fn narrow(&mut self) {
        if let Some(length) = memchr::memchr(self.separator, self.bytes()) {
            self.end = self.start + length;
            self.consumed = 0;
            self.close();
        }
    }

    fn close(&mut self) {
        self.next = self.end + 1;
        self.consumed += 1;
    }

    /// The distance from `from` (which moves with the buffer) to the next separator, reading more
    /// as needed; `None` where the stream ends, or the frame is too long, without one.
    fn find_separator(&mut self, from: usize) -> io::Result<Option<usize>> {
        let ahead = from - self.start;
        let mut searched = 0;
        loop {
            let from = self.start + ahead;
            let unseen = &self.buffer[from + searched..self.filled];
            if let Some(place) = memchr::memchr(self.separator, unseen) {
                return Ok(Some(searched + place));
            }
            searched = self.filled - from;
            if self.filled - self.start > MAX_RECORD_BYTES || !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads on to the end of a frame that is too long, keeping its first bytes.
    fn pass_over(&mut self) -> io::Result<()> {
        self.too_long = true;
        let kept = self.start..self.start + MAX_SHOWN_BYTES;
        self.buffer.copy_within(kept, 0);
        self.start = 0;
        self.end = MAX_SHOWN_BYTES;
        loop {
            self.filled = self.end;
            if !self.fill()? {
                self.next = self.filled;
                return Ok(());
            }
            let read = &self.buffer[self.end..self.filled];
            if let Some(place) = memchr::memchr(self.separator, read) {
                self.next = self.end + place + 1;
                self.consumed += 1;
                return Ok(());
            }
        }
    }

    /// Reads more bytes behind those there are, moving them to the front or growing the buffer
    /// where there is no room; `false` at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        if self.at_end {
            return Ok(false);
        }
        if self.filled == self.buffer.len() {
            self.make_room();
        }
        let read = read_some(&mut self.bytes, &mut self.buffer[self.filled..])?;
        self.filled += read;
        self.at_end = read == 0;
        Ok(read > 0)
    }

    fn make_room(&mut self) {
        let wanted = (self.buffer.len() + STEP_BYTES).min(MAX_RECORD_BYTES + BEYOND_BYTES);
        if wanted <= self.buffer.len() || self.start > self.buffer.len() / 2 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.end -= self.start;
            self.next -= self.start;
            self.start = 0;
        } else {
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
    }
}

/// Reads at least one byte where the stream has one; a call that was interrupted is repeated.
pub(crate) fn read_some(bytes: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match bytes.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// The byte order mark that some programs write before UTF-8.
pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Whether a byte at the start of a file says nothing.
pub(crate) fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || BOM.contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out a few bytes at a time, as a slow disk or socket might.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(buffer.len()).min(self.0.len());
            buffer[..size].copy_from_slice(&self.0[..size]);
            self.0 = &self.0[size..];
            Ok(size)
        }
    }

    fn frames(bytes: &[u8], step: usize) -> Vec<(u64, usize, bool)> {
        let mut frames = Frames::new(Start::default(), Trickle(bytes, step), b'\n');
        let mut seen = Vec::new();
        while frames.advance().unwrap() {
            seen.push((frames.number(), frames.bytes().len(), frames.is_too_long()));
        }
        seen
    }

    #[test]
    fn the_last_frame_needs_no_separator() {
        for step in [1, 2, 100] {
            assert_eq!(
                frames(b"ab\n\ncde", step),
                [(1, 2, false), (2, 0, false), (3, 3, false)]
            );
            assert_eq!(frames(b"ab\n", step), [(1, 2, false)]);
            assert_eq!(frames(b"", step), []);
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_passed_over_and_the_next_is_read() {
        for length in [
            MAX_RECORD_BYTES + 1,
            MAX_RECORD_BYTES * 3 / 2,
            MAX_RECORD_BYTES * 3,
        ] {
            let mut bytes = b"one\n".to_vec();
            bytes.extend(vec![b'x'; length]);
            bytes.extend(b"\nthree\n");
            for step in [4096, 1_000_000, 10_000_000] {
                let seen = frames(&bytes, step);
                assert_eq!(seen[0], (1, 3, false));
                assert!(seen[1].2 && seen[1].1 <= MAX_SHOWN_BYTES, "{seen:?}");
                assert_eq!(seen[2], (3, 5, false), "{step}");
                assert_eq!(seen.len(), 3);
            }
        }
    }

    #[test]
    fn a_frame_can_be_widened_and_narrowed_again() {
        let start = Start {
            bytes: b"a".to_vec(),
            is_all: false,
        };
        let mut frames = Frames::new(start, Trickle(b"\nb\nc", 1), b'\n');
        assert!(frames.advance().unwrap());
        assert!(frames.widen(100).unwrap());
        assert!(frames.widen(100).unwrap());
        assert_eq!(frames.bytes(), b"a\nb\nc");
        assert!(!frames.widen(100).unwrap());
        frames.narrow();
        assert_eq!(frames.bytes(), b"a");
        assert!(frames.advance().unwrap());
        assert_eq!((frames.bytes(), frames.number()), (&b"b"[..], 2));
        assert!(frames.advance().unwrap());
        assert!(!frames.advance().unwrap());
    }
}
