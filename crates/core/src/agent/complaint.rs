//! What is wrong with an agent file, said so that the person who wrote it can put it right: the
//! file, the line, the key as it would be spelt from the top, and a sentence.
//!
//! Parsing and validation work on plain values and only know dotted keys; [`Lines`] turns a key
//! back into the line where it stands. The compilers of `[matching]` and `[export]` return pairs
//! of key and message, and [`Lines::complaints`] makes complaints of them.

use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with an agent file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The file, as it was named to [`crate::agent::Agent::parse`].
    pub file: String,
    /// The line of the key, or of the nearest table that holds it; the first is 1.
    pub line: usize,
    /// The dotted key, such as `feeds.merchant.fields.amount.unit`; empty for a syntax error.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Complaint {
    /// `agents/x.toml:14: feeds.merchant.name: "A B" is not a slug: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Which line each key of a file stands on.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    file: String,
    of_key: BTreeMap<String, usize>,
}

impl Lines {
    /// Reads where the keys of a TOML text stand. Text that is no TOML gives the lines of what
    /// could be made of it.
    pub fn of(file: &str, text: &str) -> Self {
        let mut lines = Self {
            file: file.to_owned(),
            of_key: BTreeMap::new(),
        };
        let counter = LineCounter::of(text);
        let (document, _) = DeTable::parse_recoverable(text);
        lines.add_table("", document.get_ref(), &counter);
        lines
    }

    /// The complaint about a file that is longer than it may be.
    pub fn too_long(file: &str, most_bytes: usize) -> Vec<Complaint> {
        vec![Complaint {
            file: file.to_owned(),
            line: 1,
            key: String::new(),
            message: format!(
                "an agent file has at most {} KiB: this is none, or holds what belongs elsewhere",
                most_bytes / 1024
            ),
        }]
    }

    /// The complaints that a TOML text which cannot be parsed calls for: all of its syntax errors,
    /// or, where its syntax is right and a value is none that TOML has, that `error`.
    pub fn syntax_errors(file: &str, text: &str, error: &toml::de::Error) -> Vec<Complaint> {
        let counter = LineCounter::of(text);
        let (_, errors) = DeTable::parse_recoverable(text);
        let complaint = |error: &toml::de::Error| Complaint {
            file: file.to_owned(),
            line: error.span().map_or(1, |span| counter.line(span.start)),
            key: String::new(),
            message: format!("this is not TOML: {}", error.message()),
        };
        match errors.as_slice() {
            [] => vec![complaint(error)],
            errors => errors.iter().map(complaint).collect(),
        }
    }

    /// The line of a dotted key, or of the nearest one above it that is in the file.
    pub fn line(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(line) = self.of_key.get(key) {
                return *line;
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return 1,
            }
        }
    }

    /// Complaints from dotted keys and messages, in the order of their lines.
    pub fn complaints(&self, found: Vec<(String, String)>) -> Vec<Complaint> {
        let mut complaints: Vec<Complaint> = found
            .into_iter()
            .map(|(key, message)| Complaint {
                file: self.file.clone(),
                line: self.line(&key),
                key,
                message,
            })
            .collect();
        complaints.sort_by_key(|complaint| complaint.line);
        // A table that several feeds share is read for each of them.
        complaints.dedup();
        complaints
    }

    fn add_table(&mut self, path: &str, table: &DeTable<'_>, counter: &LineCounter) {
        for (key, value) in table {
            let key_path = join(path, key.get_ref());
            self.of_key
                .insert(key_path.clone(), counter.line(key.span().start));
            self.add_value(&key_path, value, counter);
        }
    }

    fn add_value(&mut self, path: &str, value: &Spanned<DeValue<'_>>, counter: &LineCounter) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(path, table, counter),
            DeValue::Array(array) => {
                for (index, element) in array.iter().enumerate() {
                    let element_path = format!("{path}[{index}]");
                    self.of_key
                        .insert(element_path.clone(), counter.line(element.span().start));
                    self.add_value(&element_path, element, counter);
                }
            }
            _ => {}
        }
    }
}

/// A key below a dotted path.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Turns byte offsets into line numbers.
struct LineCounter {
    starts: Vec<usize>,
}

impl LineCounter {
    fn of(text: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        Self {
            starts: ends.map(|end| end + 1).collect(),
        }
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.starts.partition_point(|start| *start <= offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_on_its_line_or_on_that_of_what_holds_it() {
        let text =
            "a = 1\n[b]\nc = { d = 2 }\n\n[[e]]\nf = [\n  1,\n  2,\n]\n[[e]]\nf = [ { g = 1 } ]\n";
        let lines = Lines::of("x.toml", text);
        for (key, line) in [
            ("a", 1),
            ("b", 2),
            ("b.c.d", 3),
            ("b.c.missing", 3),
            ("e[0].f[1]", 8),
            ("e[1]", 10),
            ("e[1].f[0].g", 11),
            ("nowhere", 1),
        ] {
            assert_eq!(lines.line(key), line, "{key}");
        }
    }

    #[test]
    fn syntax_errors_name_their_lines() {
        for text in ["a = 1\nb = \n", "a = 1\nb = 99999999999999999999\n"] {
            let error = text.parse::<toml::Table>().unwrap_err();
            let errors = Lines::syntax_errors("x.toml", text, &error);
            assert_eq!(errors[0].line, 2, "{}", errors[0]);
        }
    }
}
