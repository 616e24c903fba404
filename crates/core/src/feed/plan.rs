//! All that reading a feed needs, compiled once and shared by its readers.

use super::columns::{Delimited, FixedWidth, MAX_COLUMNS};
use super::json::{Pairs, Paths};
use super::mapping::Mapping;
use super::raw_json::position;
use super::record::Shape;
use crate::card::masked_start;
use crate::problem::FileRefusal;
use std::sync::Arc;

/// How a feed's bytes become records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// CSV, or any text parted by separators.
    Delimited(Delimited),
    /// Lines of fixed width.
    FixedWidth(FixedWidth),
    /// A JSON message on each line.
    JsonLines,
    /// A JSON document with a list below these keys. Without keys, JSON lines are taken as well.
    Json {
        /// The keys that lead to the list.
        path: Vec<String>,
    },
}

/// A format and a mapping that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) format: Format,
    pub(crate) mapping: Mapping,
    /// Where the wanted values of a JSON message are.
    pub(crate) paths: Paths,
    /// The fields of every record, where the file does not tell them itself.
    pub(crate) shape: Arc<Shape>,
}

impl Plan {
    /// Puts a format and a mapping together. Every column that the mapping reads has been checked
    /// to be one of the format's, where the format names its columns.
    pub(crate) fn new(format: Format, mapping: Mapping, pairs: Option<Pairs>) -> Self {
        let mut paths = Paths::new(pairs);
        for wanted in &mapping.wanted {
            paths.add(&wanted.name, wanted.json);
        }
        let names = match &format {
            Format::Delimited(delimited) => delimited.columns.clone(),
            Format::FixedWidth(fixed) => {
                let names = fixed.columns.iter().map(|(name, _, _)| name.clone());
                names.collect()
            }
            Format::JsonLines | Format::Json { .. } => Vec::new(),
        };
        let wanted = mapping.wanted.iter();
        let order = if matches!(format, Format::JsonLines | Format::Json { .. }) {
            (0..mapping.wanted.len()).collect()
        } else {
            wanted
                .map(|wanted| position(&names, &wanted.name).unwrap_or(usize::MAX))
                .collect()
        };
        Self {
            format,
            mapping,
            paths,
            shape: Arc::new(Shape::new(names, order)),
        }
    }

    /// Whether records are JSON messages.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.format, Format::JsonLines | Format::Json { .. })
    }

    /// The fields of a file with this header.
    ///
    /// # Errors
    /// The header lacks columns that the mapping reads, has one of them twice, or has too many.
    pub(crate) fn shape_of_header(&self, names: Vec<String>) -> Result<Shape, FileRefusal> {
        if names.len() > MAX_COLUMNS {
            return Err(FileRefusal::TooManyColumns(MAX_COLUMNS));
        }
        let mut missing: Vec<String> = Vec::new();
        let mut order = Vec::with_capacity(self.mapping.wanted.len());
        for wanted in &self.mapping.wanted {
            match position(&names, &wanted.name) {
                Some(place) => order.push(place),
                None if missing.contains(&wanted.name) => {}
                None => missing.push(wanted.name.clone()),
            }
        }
        let is_wanted = |name: &str| self.mapping.wanted.iter().any(|wanted| wanted.name == name);
        let twice = |(index, name): (usize, &String)| names[..index].contains(name);
        let mut again = names.iter().enumerate().filter(|place| twice(*place));
        if let Some((_, name)) = again.find(|(_, name)| is_wanted(name)) {
            return Err(FileRefusal::ColumnTwice(name.clone()));
        }
        if missing.is_empty() {
            return Ok(Shape::new(names, order));
        }
        // A file without a header shows its first record here: no place for a card number.
        let found = masked_start(&names.join(", "), 500).replace(char::is_control, "\u{FFFD}");
        Err(FileRefusal::Header { missing, found })
    }
}
