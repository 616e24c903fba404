//! Formats of lines: every line that the format counts as data is one record, and every byte of it
//! is in one of its fields.

use crate::feed::{Input, Reading, Taken, check};
use crate::house::feed;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use std::fmt;

/// CSV with a header, as four merchants send it.
pub(crate) fn csv(bytes: &[u8]) {
    let feeds = ["iceland-bonus-card", "wasabi-club", "itsu", "tgi-fridays"];
    let input = Input::of(bytes);
    let reading = check(feed(input.one_of(&feeds)), &input);
    if reading.end.is_err() {
        assert!(reading.records.is_empty(), "refused in the middle");
        return;
    }
    let lines: Vec<&[u8]> = frames(input.bytes, b'\n').collect();
    let is_blank = |line: &[u8]| line.trim_ascii().is_empty();
    let header = lines.iter().position(|line| !is_blank(line));
    let mut next = header.map_or(0, |header| header + 1);
    for taken in &reading.records {
        let first = line_index(taken);
        assert!(first >= next, "line {first} came twice");
        let passed = &lines[next..first];
        assert!(passed.iter().all(|line| is_blank(line)), "lost: {passed:?}");
        let fields = fields(taken);
        let ends = fields.iter().map(|field| line_ends(field)).sum::<usize>();
        next = first + 1 + ends;
        assert_same_bytes(
            &lines[first..next].concat(),
            &fields.concat(),
            b"\",\r\n",
            taken,
        );
    }
    let rest = lines.get(next..).unwrap_or_default();
    assert!(rest.iter().all(|line| is_blank(line)), "lost at the end");
}

/// Text parted by control characters, with no header and no quotes.
pub(crate) fn delimited(bytes: &[u8]) {
    let input = Input::of(bytes);
    let feeds = ["example-loyalty-scheme", "example-payment-provider"];
    let reading = check(feed(input.one_of(&feeds)), &input);
    let is_data = |record: &&[u8]| !record.trim_ascii().is_empty();
    check_frames(&reading, input.bytes, 0x1E, is_data, |record, taken| {
        assert_same_bytes(record, &fields(taken).concat(), &[0x1F], taken);
    });
}

/// The older Amex file: only lines that begin with `D` are data.
pub(crate) fn amex_file(bytes: &[u8]) {
    let input = Input::of(bytes);
    let reading = check(feed("amex-file"), &input);
    let is_data = |line: &&[u8]| line.starts_with(b"D");
    check_frames(&reading, input.bytes, b'\n', is_data, |line, taken| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert_same_bytes(line, &fields(taken).concat(), b"|", taken);
    });
}

/// TGX2: lines of fixed width, of which those that begin with `D` are data. What stands between the
/// columns is no field of theirs.
pub(crate) fn fixed_width(bytes: &[u8]) {
    let input = Input::of(bytes);
    let feeds = ["mastercard-settled", "mastercard-refund"];
    let reading = check(feed(input.one_of(&feeds)), &input);
    let is_data = |line: &&[u8]| line.starts_with(b"D");
    check_frames(&reading, input.bytes, b'\n', is_data, |_, _| {});
}

/// Asserts that the frames that are data are the records, one for one and in order, and asks a law
/// of each that could be read.
fn check_frames(
    reading: &Reading,
    bytes: &[u8],
    separator: u8,
    is_data: impl Fn(&&[u8]) -> bool,
    law: impl Fn(&[u8], &Taken),
) {
    if reading.end.is_err() {
        assert!(reading.records.is_empty(), "refused in the middle");
        return;
    }
    let data = frames(bytes, separator)
        .enumerate()
        .filter(|(_, frame)| is_data(frame));
    let mut records = reading.records.iter();
    for (index, frame) in data {
        let Some(taken) = records.next() else {
            panic!("lost: {frame:?}");
        };
        assert_eq!(line_index(taken), index, "{taken:?}");
        if !taken.is_unreadable() {
            law(frame, taken);
        }
    }
    assert!(records.next().is_none(), "more records than frames");
}

/// Index of a record's first line.
fn line_index(taken: &Taken) -> usize {
    usize::try_from(taken.number).map_or(usize::MAX, |number| number - 1)
}

/// The frames of a file, without a byte order mark.
pub(crate) fn frames(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    bytes.split(move |byte| *byte == separator)
}

fn line_ends(field: &str) -> usize {
    field.bytes().filter(|byte| *byte == b'\n').count()
}

/// Asserts that the fields have every byte of the record but for what parts and quotes them. Digits
/// count as the asterisks that may stand for them.
fn assert_same_bytes(record: &[u8], fields: &str, besides: &[u8], taken: &Taken) {
    if taken.is_unreadable() || taken.json.contains('*') {
        return;
    }
    let counted = |bytes: &[u8]| bytes.iter().filter(|byte| !besides.contains(byte)).count();
    assert_eq!(
        counted(fields.as_bytes()),
        counted(record),
        "bytes were lost of {record:?}: {taken:?}"
    );
}

/// The texts of a record's fields; none of one that could not be read.
fn fields(taken: &Taken) -> Vec<String> {
    struct Values;
    impl<'de> Visitor<'de> for Values {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of texts")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut values = Vec::new();
            while let Some((_, value)) = map.next_entry::<String, String>()? {
                values.push(value);
            }
            Ok(values)
        }
    }
    if taken.is_unreadable() {
        return Vec::new();
    }
    let mut json = serde_json::Deserializer::from_str(&taken.json);
    match json.deserialize_map(Values) {
        Ok(values) => values,
        Err(error) => panic!("{error}: {taken:?}"),
    }
}
