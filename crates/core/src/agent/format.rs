//! `[feeds.….format]`: how a feed's bytes become records.

use super::section::Section;
use crate::feed::parts::{Delimited, FixedWidth, Format, Pairs};
use toml::Value;

/// A format as the agent file describes it.
pub(super) struct Described {
    pub(super) format: Format,
    pub(super) pairs: Option<Pairs>,
}

/// What is known of the columns of a format before any file is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// The names, where the format gives them.
    pub(super) names: Option<Vec<String>>,
    /// Whether values are JSON.
    pub(super) json: bool,
}

const KINDS: &str = r#"use "csv", "delimited", "fixed-width", "json-lines", "json" or "canonical""#;

impl Described {
    /// What is known of the columns.
    pub(super) fn columns(&self) -> Columns {
        let names = match &self.format {
            Format::Delimited(delimited) if !delimited.header => Some(delimited.columns.clone()),
            Format::FixedWidth(fixed) => {
                let names = fixed.columns.iter().map(|(name, _, _)| name.clone());
                Some(names.collect())
            }
            _ => None,
        };
        Columns {
            names,
            json: matches!(self.format, Format::JsonLines | Format::Json { .. }),
        }
    }
}

/// Reads a format.
pub(super) fn read(section: Section<'_>) -> Option<Described> {
    let mut pairs = None;
    let format = match section.required_text("kind") {
        Some("csv") => Some(Format::Delimited(csv(&section))),
        Some("delimited") => Some(Format::Delimited(delimited(&section))),
        Some("fixed-width") => Some(Format::FixedWidth(fixed_width(&section))),
        Some("json-lines") => {
            pairs = read_pairs(&section);
            Some(Format::JsonLines)
        }
        Some("json") => {
            pairs = read_pairs(&section);
            Some(Format::Json {
                path: read_path(&section),
            })
        }
        other => {
            if let Some(kind) = other {
                section.complain("kind", format!("{kind:?} is not a format: {KINDS}"));
            }
            section.ignore_rest();
            None
        }
    };
    section.finish();
    Some(Described {
        format: format?,
        pairs,
    })
}

fn csv(section: &Section<'_>) -> Delimited {
    let header = section.flag("header").unwrap_or(true);
    let field_separator = separator(section, "field_separator", b',');
    if matches!(field_separator, b'"' | b'\n' | b'\r') {
        section.complain(
            "field_separator",
            "must not be a quote or the end of a line",
        );
    }
    Delimited {
        record_separator: b'\n',
        field_separator,
        quotes: true,
        header,
        columns: column_names(section, header),
        starts_with: None,
    }
}

fn delimited(section: &Section<'_>) -> Delimited {
    let header = section.flag("header").unwrap_or(false);
    for key in ["record_separator", "field_separator"] {
        section.required_text(key);
    }
    let record_separator = separator(section, "record_separator", b'\n');
    let field_separator = separator(section, "field_separator", b',');
    if record_separator == field_separator && section.value("record_separator").is_some() {
        section.complain(
            "field_separator",
            "must be another than the record separator",
        );
    }
    Delimited {
        record_separator,
        field_separator,
        quotes: false,
        header,
        columns: column_names(section, header),
        starts_with: section.text("starts_with").map(str::to_owned),
    }
}

/// A separator of one ASCII byte.
fn separator(section: &Section<'_>, key: &'static str, default: u8) -> u8 {
    match section.text(key).map(str::as_bytes) {
        None => default,
        Some([byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() => *byte,
        Some(_) => {
            let message = r#"must be one character, as "," or "\u001F", and no letter or digit"#;
            section.complain(key, message);
            default
        }
    }
}

fn column_names(section: &Section<'_>, header: bool) -> Vec<String> {
    let Some(names) = section.texts("columns") else {
        if !header {
            section.complain_of_all("there is no header, so `columns` must name the columns");
        }
        return Vec::new();
    };
    if header {
        section.complain("columns", "the header names the columns: leave this out");
    }
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            section.complain("columns", format!("{name:?} is there twice"));
        }
    }
    names.into_iter().map(str::to_owned).collect()
}

fn fixed_width(section: &Section<'_>) -> FixedWidth {
    let marker = |key| {
        let text = section.text(key)?;
        if text.is_empty() {
            section.complain(key, "must be what such a line begins with, as \"H\"");
        }
        Some(text.to_owned())
    };
    let mut columns = Vec::new();
    match section.section("columns") {
        Some(table) => {
            for (name, value) in table.entries() {
                match place(value) {
                    Some((start, length)) => columns.push((name.clone(), start, length)),
                    None => table.complain(name, "must be [start, length], start from 0"),
                }
            }
        }
        None if section.value("columns").is_none() => {
            section.complain_of_all("the table `columns` is missing: name = [start, length]");
        }
        None => {}
    }
    columns.sort_by_key(|(_, start, _)| *start);
    FixedWidth {
        header: marker("header"),
        data: marker("data"),
        trailer: marker("trailer"),
        columns,
    }
}

/// Start and length of a column.
fn place(value: &Value) -> Option<(usize, usize)> {
    const WIDEST: usize = 65_536;
    let [start, length] = value.as_array()?.as_slice() else {
        return None;
    };
    let number = |value: &Value| value.as_integer().and_then(|n| usize::try_from(n).ok());
    let (start, length) = (number(start)?, number(length)?);
    (start < WIDEST && (1..WIDEST).contains(&length)).then_some((start, length))
}

/// The keys that lead to a document's list of records.
fn read_path(section: &Section<'_>) -> Vec<String> {
    let path = section.text("path").unwrap_or("");
    let keys = path.split('.').filter(|key| !key.is_empty());
    keys.map(str::to_owned).collect()
}

/// `key_values`: the name of a list of key and value objects, or a table that names all three.
fn read_pairs(section: &Section<'_>) -> Option<Pairs> {
    let (list, key, value) = match section.value("key_values")? {
        Value::String(list) => (list.as_str(), "Key", "Value"),
        _ => {
            let table = section.section("key_values")?;
            let list = table.required_text("list").unwrap_or_default();
            let key = table.text("key").unwrap_or("Key");
            let value = table.text("value").unwrap_or("Value");
            table.finish();
            (list, key, value)
        }
    };
    Some(Pairs {
        list: list.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    })
}
