//! The families of formats that feeds are written in, each driven by a description of its records.

pub(super) mod csv;
pub(super) mod fixed_width;
pub(super) mod json;
mod piped;

use super::field::{Field, Record};
use crate::ordered::Frame;
use fixed_width::Column;
use json::Json;

/// How a feed's file is written.
pub(super) enum Format {
    /// A table with a header: the name of each column, and what is in it.
    Csv(&'static [(&'static str, Field)]),
    /// One message a line.
    JsonLines(Json),
    /// One document: an object with a list of that name.
    JsonDocument(&'static str, Json),
    /// TGX2: lines of one width, with a header and a trailer.
    FixedWidth(&'static [Column]),
    /// Lines of fields with bars between, with a header and a trailer.
    Piped(&'static [Field]),
}

impl Format {
    /// What stands around the records. The header of a file that says when it was made says `made`.
    pub(super) fn frame(&self, made: &str) -> Frame<String> {
        match self {
            Self::Csv(columns) => csv::frame(columns),
            Self::JsonLines(_) => json::lines_frame(),
            Self::JsonDocument(name, _) => json::document_frame(name),
            Self::FixedWidth(_) => fixed_width::frame(made),
            Self::Piped(_) => piped::frame(made),
        }
    }

    /// The bytes of a record.
    pub(super) fn record(&self, record: &Record<'_>) -> String {
        let mut out = String::new();
        match self {
            Self::Csv(columns) => csv::write(columns, record, &mut out),
            Self::JsonLines(shape) | Self::JsonDocument(_, shape) => shape.write(record, &mut out),
            Self::FixedWidth(columns) => fixed_width::write(columns, record, &mut out),
            Self::Piped(fields) => piped::write(fields, record, &mut out),
        }
        out
    }
}
