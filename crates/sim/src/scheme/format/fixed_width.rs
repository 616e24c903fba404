//! TGX2: lines of 850 characters, a header and a trailer around them.

use super::super::field::{Field, Record};
use crate::ordered::Frame;

/// How long every line is.
const WIDTH: usize = 850;

/// A field's place in a line.
pub(in super::super) struct Column {
    /// Where it starts, from 0.
    pub(in super::super) start: usize,
    /// How many characters it has.
    pub(in super::super) length: usize,
    /// What is in it.
    pub(in super::super) field: Field,
    /// Whether it is a number, with zeros before it; else a text with blanks after it.
    pub(in super::super) zeros: bool,
}

/// Header and trailer, which say when the file was made.
pub(super) fn frame(made: &str) -> Frame<String> {
    let line = |kind: char| format!("{:WIDTH$}\n", format_args!("{kind}{made}").to_string());
    Frame {
        before: line('H'),
        between: String::new(),
        after: line('T'),
    }
}

/// A line of data, with its end. The columns are in order; what is too long for its column is cut.
pub(super) fn write(columns: &[Column], record: &Record<'_>, out: &mut String) {
    out.reserve(WIDTH + 1);
    out.push('D');
    for column in columns {
        pad(column.start, out);
        let mut text = column.field.text(record);
        text.truncate(column.length);
        if column.zeros {
            (text.len()..column.length).for_each(|_| out.push('0'));
        }
        out.push_str(&text);
    }
    pad(WIDTH, out);
    out.push('\n');
}

/// Blanks up to a place in the line.
fn pad(to: usize, out: &mut String) {
    (out.len()..to).for_each(|_| out.push(' '));
}
