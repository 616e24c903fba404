//! Tables: a header, then a row for each record, lines ending as on the tills' machines.

use super::super::field::{Field, Record};
use crate::ordered::Frame;

const END_OF_LINE: &str = "\r\n";

/// The header before the first row, and the ends of lines.
pub(super) fn frame(columns: &[(&str, Field)]) -> Frame<String> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    Frame {
        before: format!("{}{END_OF_LINE}", names.join(",")),
        between: String::new(),
        after: String::new(),
    }
}

/// A row with the end of its line.
pub(super) fn write(columns: &[(&str, Field)], record: &Record<'_>, out: &mut String) {
    for (index, (_, field)) in columns.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_value(&field.text(record), out);
    }
    out.push_str(END_OF_LINE);
}

/// Quoted where it would be read as more than one value otherwise.
fn write_value(text: &str, out: &mut String) {
    if text.contains([',', '"', '\r', '\n']) {
        out.extend(["\"", &text.replace('"', "\"\""), "\""]);
    } else {
        out.push_str(text);
    }
}
