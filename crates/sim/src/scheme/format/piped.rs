//! Lines of fields with bars between, a header and a trailer around them.

use super::super::field::{Field, Record};
use crate::ordered::Frame;

/// Header and trailer, which say when the file was made.
pub(super) fn frame(made: &str) -> Frame<String> {
    Frame {
        before: format!("H|AADP0050|{made}\n"),
        between: String::new(),
        after: format!("T|AADP0050|{made}\n"),
    }
}

/// A line of data, with its end.
pub(super) fn write(fields: &[Field], record: &Record<'_>, out: &mut String) {
    out.push('D');
    for field in fields {
        out.push('|');
        out.push_str(&field.text(record));
    }
    out.push('\n');
}
