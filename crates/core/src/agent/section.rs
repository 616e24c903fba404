//! One table of an agent file while it is read.
//!
//! A [`Section`] hands out values by key and type, notes a complaint for each that is not what it
//! should be, and at the end for each key nobody asked for. So one pass over a file finds
//! everything that is wrong with it, each under its own dotted key.

use super::complaint::join;
use std::cell::{Cell, RefCell};
use toml::{Table, Value};

/// What was found wrong so far: pairs of dotted key and message.
#[derive(Debug, Default)]
pub struct Findings(RefCell<Vec<(String, String)>>);

impl Findings {
    /// Notes that the value at `key` is wrong.
    pub fn add(&self, key: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push((key.into(), message.into()));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// All of them.
    pub fn into_inner(self) -> Vec<(String, String)> {
        self.0.into_inner()
    }
}

/// A table being read.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    table: &'a Table,
    asked: RefCell<Vec<&'static str>>,
    forgiving: Cell<bool>,
    findings: &'a Findings,
}

impl<'a> Section<'a> {
    /// A table found at a dotted path (empty for the whole file).
    pub fn new(path: impl Into<String>, table: &'a Table, findings: &'a Findings) -> Self {
        Self {
            path: path.into(),
            table,
            asked: RefCell::default(),
            forgiving: Cell::new(false),
            findings,
        }
    }

    /// The dotted path of a key in this table.
    pub fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The path of this table itself.
    pub fn own_path(&self) -> &str {
        &self.path
    }

    /// Notes a complaint about a key of this table.
    pub fn complain(&self, key: &str, message: impl Into<String>) {
        self.findings.add(self.path(key), message);
    }

    /// Notes a complaint about this table.
    pub fn complain_of_all(&self, message: impl Into<String>) {
        self.findings.add(self.path.clone(), message);
    }

    /// Where complaints go.
    pub fn findings(&self) -> &'a Findings {
        self.findings
    }

    /// The keys of the table, for a table whose keys are names the file chooses. None of them is
    /// complained of by [`Section::finish`], which need not be called.
    pub fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.table.iter()
    }

    /// The table under a key that the file chose.
    pub fn entry(&self, key: &str) -> Option<Section<'a>> {
        let table = self.table.get(key)?.as_table()?;
        Some(Section::new(self.path(key), table, self.findings))
    }

    /// A value of any type.
    pub fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    /// A text, where there is one.
    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        self.typed(key, value, value.as_str(), "a text in quotes")
    }

    /// A text that has to be there.
    pub fn required_text(&self, key: &'static str) -> Option<&'a str> {
        if !self.table.contains_key(key) {
            self.complain_of_all(format!("the key `{key}` is missing"));
        }
        self.text(key)
    }

    /// `true` or `false`, where it is given.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        self.typed(key, value, value.as_bool(), "true or false")
    }

    /// A whole number, zero or more.
    pub fn count(&self, key: &'static str) -> Option<usize> {
        let value = self.value(key)?;
        let count = value.as_integer().and_then(|n| usize::try_from(n).ok());
        self.typed(key, value, count, "a whole number, zero or more")
    }

    /// A whole number.
    pub fn integer(&self, key: &'static str) -> Option<i64> {
        let value = self.value(key)?;
        self.typed(key, value, value.as_integer(), "a whole number")
    }

    /// A text or a list of texts.
    pub fn texts(&self, key: &'static str) -> Option<Vec<&'a str>> {
        let value = self.value(key)?;
        let texts = match value {
            Value::String(text) => Some(vec![text.as_str()]),
            Value::Array(list) => list.iter().map(Value::as_str).collect(),
            _ => None,
        };
        self.typed(key, value, texts, "a text or a list of texts")
    }

    /// A list.
    pub fn list(&self, key: &'static str) -> Option<&'a Vec<Value>> {
        let value = self.value(key)?;
        self.typed(key, value, value.as_array(), "a list in [ ]")
    }

    /// A table below this one.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        let table = self.typed(key, value, value.as_table(), "a table")?;
        Some(Section::new(self.path(key), table, self.findings))
    }

    /// The tables of a list of tables, each with its own path.
    pub fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(list) = self.list(key) else {
            return Vec::new();
        };
        let element = |(index, value): (usize, &'a Value)| {
            let path = format!("{}[{index}]", self.path(key));
            section_at(path, value, self.findings)
        };
        list.iter().enumerate().filter_map(element).collect()
    }

    /// Complains of every key that was never asked for: ends the reading of this table.
    pub fn finish(self) {
        if self.forgiving.get() {
            return;
        }
        let asked = self.asked.borrow();
        for key in self.table.keys() {
            if !asked.contains(&key.as_str()) {
                let mut known = asked.clone();
                known.sort_unstable();
                known.dedup();
                let known = known.join("`, `");
                let message = format!("there is no such key here: use `{known}`");
                self.findings.add(self.path(key), message);
            }
        }
    }

    /// Lets every key of this table pass: its kind is unknown, so nobody can say which belong.
    pub fn ignore_rest(&self) {
        self.forgiving.set(true);
    }

    fn typed<T>(
        &self,
        key: &str,
        value: &Value,
        wanted: Option<T>,
        description: &str,
    ) -> Option<T> {
        if wanted.is_none() {
            let message = format!("is {}, and must be {description}", kind_of(value));
            self.complain(key, message);
        }
        wanted
    }
}

/// A value that has to be a table, as a section.
pub fn section_at<'a>(
    path: impl Into<String>,
    value: &'a Value,
    findings: &'a Findings,
) -> Option<Section<'a>> {
    let path = path.into();
    match value {
        Value::Table(table) => Some(Section::new(path, table, findings)),
        other => {
            findings.add(path, format!("is {}, and must be a table", kind_of(other)));
            None
        }
    }
}

/// What a value is, for messages.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
