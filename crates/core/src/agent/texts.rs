//! How an agent file says what a text is: a column's name, a table, or a list of both of which the
//! first that gives a value counts.
//!
//! ```toml
//! auth_code = "AuthCode"                                   # a column
//! currency  = { value = "GBP" }                            # the same for every record
//! first_six = { from = "Card Number", take = { first = 6 } }   # or last = n; or start, length
//! psimi     = { from = "MerchantId", nothing = ["0"] }     # values that mean: none
//! payment_provider = [
//!     { from = "FirstSix", digits = 6, take = { first = 1 }, map = { "4" = "visa" }, otherwise = "next" },
//!     { from = "CardType", contains = [ { is = "visa", any = ["visa", "vs"] } ], otherwise = "skip" },
//! ]
//! transaction_id = { join = [ { text = "a" }, { id = "Id" }, { date = "%Y%m%d" }, "Mid" ], with = ".", hash = "sha256" }
//! ```
//!
//! `otherwise` says what becomes of a value that `map` and `contains` do not know: the record is
//! skipped or rejected, or the next of the list is tried (after the last there is no value). In a
//! join a column stands as it is, with its blanks; `id` is the feed's own id, which where it is
//! empty is replaced by the hash of the record and its occurrence number.

use super::format::Columns;
use super::section::{Findings, Section, kind_of, section_at};
use crate::feed::parts::{
    Alternative, Column, Id, Join, Lookup, Origin, Otherwise, Part, Pattern, Take, TextRule, Wanted,
};
use compact_str::CompactString;
use std::cell::RefCell;
use toml::Value;

/// Numbers the columns that a mapping reads, and checks that the format has them.
pub(super) struct Numbering<'a> {
    columns: Columns,
    wanted: RefCell<Vec<Wanted>>,
    pub(super) findings: &'a Findings,
}

impl<'a> Numbering<'a> {
    pub(super) fn new(columns: Columns, findings: &'a Findings) -> Self {
        Self {
            columns,
            wanted: RefCell::default(),
            findings,
        }
    }

    /// The column of this name, wanted as text; `path` is where the agent file names it.
    pub(super) fn column(&self, name: &str, path: &str) -> Column {
        self.wanted_column(name, path, false)
    }

    /// The column of this name, wanted as the JSON it is.
    pub(super) fn json_column(&self, name: &str, path: &str) -> Column {
        self.wanted_column(name, path, self.columns.json)
    }

    /// Whether values are JSON.
    pub(super) fn is_json(&self) -> bool {
        self.columns.json
    }

    /// What the mapping reads, in the order of the numbers.
    pub(super) fn into_wanted(self) -> Vec<Wanted> {
        self.wanted.into_inner()
    }

    fn wanted_column(&self, name: &str, path: &str, json: bool) -> Column {
        if let Some(names) = &self.columns.names
            && !names.iter().any(|known| known == name)
        {
            let known = names.join(", ");
            let message = format!("{name:?} is not a column of the format, which has: {known}");
            self.findings.add(path, message);
        }
        let wanted = Wanted {
            name: name.to_owned(),
            json,
        };
        let mut all = self.wanted.borrow_mut();
        let index = all
            .iter()
            .position(|known| *known == wanted)
            .unwrap_or_else(|| {
                all.push(wanted);
                all.len() - 1
            });
        Column {
            index,
            name: name.into(),
        }
    }
}

/// Reads a text rule.
pub(super) fn read(value: &Value, path: &str, numbering: &Numbering<'_>) -> Option<TextRule> {
    let alternatives: Vec<(Alternative, bool)> = match value {
        Value::Array(list) if list.is_empty() => {
            numbering.findings.add(path, "the list is empty");
            return None;
        }
        Value::Array(list) => {
            let element = |(index, value): (usize, &Value)| {
                alternative(value, &format!("{path}[{index}]"), numbering)
            };
            list.iter()
                .enumerate()
                .map(element)
                .collect::<Option<_>>()?
        }
        single => vec![alternative(single, path, numbering)?],
    };
    let long_number = alternatives.iter().any(|(_, long_number)| *long_number);
    Some(TextRule {
        alternatives: alternatives.into_iter().map(|(rule, _)| rule).collect(),
        long_number,
    })
}

/// One way to have a text, and whether that is an id which may look like a card number.
fn alternative(
    value: &Value,
    path: &str,
    numbering: &Numbering<'_>,
) -> Option<(Alternative, bool)> {
    match value {
        Value::String(name) => {
            let column = numbering.column(name, path);
            Some((plain(Origin::Column(column)), false))
        }
        Value::Table(_) => {
            let section = section_at(path, value, numbering.findings)?;
            let alternative = described(&section, numbering);
            let long_number = section.flag("long_number").unwrap_or(false);
            section.finish();
            Some((alternative?, long_number))
        }
        other => {
            let message = format!(
                r#"is {}, and must be a column's name or a table such as {{ value = "GBP" }}"#,
                kind_of(other)
            );
            numbering.findings.add(path, message);
            None
        }
    }
}

fn plain(from: Origin) -> Alternative {
    Alternative {
        from,
        digits: None,
        take: Take::All,
        nothing: Vec::new(),
        lookup: None,
    }
}

fn described(section: &Section<'_>, numbering: &Numbering<'_>) -> Option<Alternative> {
    let from = match (section.text("from"), section.text("value")) {
        (Some(name), None) => Some(Origin::Column(
            numbering.column(name, &section.path("from")),
        )),
        (None, Some(text)) => Some(Origin::Constant(text.into())),
        (Some(_), Some(_)) => {
            section.complain("value", "stands beside `from`: a text has one origin");
            None
        }
        (None, None) => {
            section
                .complain_of_all("needs `from` (a column) or `value` (the same for every record)");
            None
        }
    };
    let nothing = section.texts("nothing").unwrap_or_default();
    let rest = Alternative {
        digits: section.count("digits"),
        take: take(section),
        nothing: nothing.into_iter().map(CompactString::from).collect(),
        lookup: lookup(section),
        ..plain(Origin::Constant(CompactString::default()))
    };
    Some(Alternative {
        from: from?,
        ..rest
    })
}

/// `take = { first = 6 }`, `{ last = 4 }`, or `{ start = 0, length = 4 }`.
fn take(section: &Section<'_>) -> Take {
    let Some(table) = section.section("take") else {
        return Take::All;
    };
    let (first, last) = (table.count("first"), table.count("last"));
    let (start, length) = (table.count("start"), table.count("length"));
    let take = match (first, last, start, length) {
        (Some(first), None, None, None) => Take::First(first),
        (None, Some(last), None, None) => Take::Last(last),
        (None, None, Some(start), Some(length)) => Take::Part { start, length },
        _ => {
            table.complain_of_all(
                "must be { first = n }, { last = n } or { start = n, length = n }",
            );
            Take::All
        }
    };
    table.finish();
    take
}

/// `map`, `contains`, `ignore_case` and `otherwise`, where there is any.
fn lookup(section: &Section<'_>) -> Option<Lookup> {
    let exact = map(section);
    let contains = contains(section);
    let ignore_case = section.flag("ignore_case");
    let otherwise = section.text("otherwise");
    if exact.is_none() && contains.is_none() {
        if ignore_case.is_some() || otherwise.is_some() {
            section.complain_of_all("`ignore_case` and `otherwise` go with a `map` or `contains`");
        }
        return None;
    }
    let otherwise = match otherwise {
        Some("skip") => Otherwise::Skip,
        Some("reject") => Otherwise::Reject,
        Some("next") => Otherwise::Next,
        other => {
            let what = other.map_or("is missing".to_owned(), |other| {
                format!("{other:?} is not one")
            });
            section.complain(
                "otherwise",
                format!(
                    r#"{what}: use "skip", "reject" or "next" (the next of a list, or nothing)"#
                ),
            );
            Otherwise::Reject
        }
    };
    Some(Lookup {
        exact: exact.unwrap_or_default(),
        contains: contains.unwrap_or_default(),
        ignore_case: ignore_case.unwrap_or(false),
        otherwise,
    })
}

type Meanings = Vec<(CompactString, CompactString)>;

/// `map = { "Visa Debit" = "visa" }`.
fn map(section: &Section<'_>) -> Option<Meanings> {
    let table = section.section("map")?;
    let entries = table.entries().filter_map(|(value, meaning)| {
        let Some(meaning) = meaning.as_str() else {
            table.complain(value, "must be a text: what the value stands for");
            return None;
        };
        Some((value.as_str().into(), meaning.into()))
    });
    Some(entries.collect())
}

/// `contains = [ { any = ["visa", "vs"], is = "visa" } ]`, case ignored, tried in order.
fn contains(section: &Section<'_>) -> Option<Meanings> {
    section.value("contains")?;
    let mut meanings = Vec::new();
    for element in section.sections("contains") {
        let any = element.texts("any").unwrap_or_default();
        let is = element.required_text("is").unwrap_or_default();
        if any.is_empty() {
            element.complain_of_all("`any` must list the parts to look for");
        }
        meanings.extend(
            any.iter()
                .map(|part| (part.to_lowercase().into(), is.into())),
        );
        element.finish();
    }
    Some(meanings)
}

/// Reads an id or key: a text rule, or `{ join = […], with = "_", hash = "sha256" }`.
pub(super) fn read_id(value: &Value, path: &str, numbering: &Numbering<'_>) -> Option<Id> {
    let joined = value
        .as_table()
        .is_some_and(|table| table.contains_key("join"));
    if !joined {
        return read(value, path, numbering).map(Id::Text);
    }
    let section = section_at(path, value, numbering.findings)?;
    let parts = read_parts(&section, numbering);
    let with = section.text("with").unwrap_or("");
    let sha256 = match section.text("hash") {
        None => false,
        Some("sha256") => true,
        Some(other) => {
            section.complain("hash", format!(r#"{other:?} is not a hash: use "sha256""#));
            false
        }
    };
    section.finish();
    Some(Id::Join(Join {
        parts: parts?,
        with: with.into(),
        sha256,
    }))
}

fn read_parts(section: &Section<'_>, numbering: &Numbering<'_>) -> Option<Vec<Part>> {
    let list = section.list("join")?;
    let element = |(index, value): (usize, &Value)| {
        read_part(
            value,
            &format!("{}[{index}]", section.path("join")),
            numbering,
        )
    };
    list.iter().enumerate().map(element).collect()
}

/// One part of a join: `"column"`, `{ id = "column" }`, `{ date = "%Y%m%d" }`, `{ text = "x" }`.
fn read_part(value: &Value, path: &str, numbering: &Numbering<'_>) -> Option<Part> {
    if let Value::String(name) = value {
        return Some(Part::Column(numbering.column(name, path)));
    }
    let section = section_at(path, value, numbering.findings)?;
    let (id, date, text) = (
        section.text("id"),
        section.text("date"),
        section.text("text"),
    );
    let part = match (id, date, text) {
        (Some(name), None, None) => Some(Part::Id(numbering.column(name, &section.path("id")))),
        (None, None, Some(text)) => Some(Part::Text(text.into())),
        (None, Some(pattern), None) => match Pattern::new(pattern) {
            Ok(pattern) => Some(Part::Date(pattern)),
            Err(wrong) => {
                section.complain("date", wrong);
                None
            }
        },
        _ => {
            section.complain_of_all("must be one of `id`, `date` or `text`, or a column's name");
            None
        }
    };
    section.finish();
    part
}
