//! What a case says, and what became of it.

use crate::support::{Answer, Place, documents};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One file of bad input, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The bytes of the file, as text.
    input: Option<String>,
    /// Or lines of 850 characters: what stands where, blanks between.
    lines: Option<Vec<BTreeMap<String, String>>>,
    /// Each character of the input is one byte, so that it may be no UTF-8.
    #[serde(default)]
    latin_1: bool,
    /// `<fill>` in the input stands for so many times `x`.
    #[serde(default)]
    fill: usize,
    /// What must come of it.
    pub expect: Expected,
}

/// What a user sees of it.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// The exit code of `harmonia import`.
    pub exit: i32,
    /// Part of why the whole file is refused.
    pub refused: Option<String>,
    pub new: u64,
    pub duplicate: u64,
    pub skipped: u64,
    pub rejected: u64,
    pub quarantined: u64,
    /// Each bad record: line, state, reason, field.
    pub rejects: Vec<String>,
    /// The ids of all payments and sales there are.
    pub taken: Vec<String>,
    /// Why payments are open after `harmonia drain`.
    pub open: Vec<String>,
}

/// What became of an import.
#[derive(Debug)]
pub struct Found {
    pub expected: Expected,
    /// All raw records, each with whether it is identified, and all bad ones.
    pub rows: Vec<String>,
}

/// The length of a line of fixed width.
const LINE: usize = 850;

impl Case {
    /// Reads a case.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let text = match (&self.input, &self.lines) {
            (Some(text), None) => text.clone(),
            (None, Some(lines)) => lines.iter().map(|line| line_of(line) + "\n").collect(),
            _ => panic!("a case has either `input` or `lines`"),
        };
        let text = text.replace("<fill>", &"x".repeat(self.fill));
        if self.latin_1 {
            return text.chars().map(|c| u8::try_from(c).unwrap()).collect();
        }
        text.into_bytes()
    }
}

/// A line with each text at its place. A line that has an `end` is cut off there.
fn line_of(parts: &BTreeMap<String, String>) -> String {
    let mut line = vec![' '; LINE];
    for (start, text) in parts.iter().filter(|(start, _)| *start != "end") {
        for (at, character) in (start.parse::<usize>().unwrap()..).zip(text.chars()) {
            line[at] = character;
        }
    }
    let end = parts.get("end").map_or(LINE, |end| end.parse().unwrap());
    line[..end].iter().collect()
}

impl Found {
    /// Imports a file and looks at everything.
    pub fn by_import(place: &Place, feed: &str, file: &str) -> Self {
        let answer = place.run(&["import", feed, file, "--json"]);
        let said = documents(&answer.out);
        assert!(!said.is_empty(), "{feed} {file}: {answer:?}");
        let outcome = said[0][0].clone();
        let count = |name: &str| outcome[name].as_u64().unwrap();
        let counted = ["new", "duplicate", "skipped", "rejected", "quarantined"].map(count);
        assert_eq!(count("read"), counted.iter().sum::<u64>(), "{outcome}");
        assert_eq!(
            outcome["state"] == "REFUSED",
            outcome["problem"].is_string(),
            "{outcome}"
        );
        let [new, duplicate, skipped, rejected, quarantined] = counted;
        place.ok(&["drain", "--timeout", "60s"]);
        place.ok(&["audit"]);
        Self {
            expected: Expected {
                exit: exit_code(&answer),
                refused: outcome["problem"].as_str().map(str::to_owned),
                new,
                duplicate,
                skipped,
                rejected,
                quarantined,
                rejects: rejects(place, file),
                taken: place.texts(
                    "SELECT transaction_id FROM payment_transaction
                     UNION ALL SELECT transaction_id FROM scheme_transaction",
                ),
                open: place.texts(
                    "SELECT pending_reason FROM payment_transaction
                                   WHERE pending_reason IS NOT NULL",
                ),
            },
            rows: place.texts(
                "SELECT concat_ws(' ', identified, number, data) FROM import_transaction
                 UNION ALL SELECT concat_ws(' ', number, state, detail, data) FROM rejected_record",
            ),
        }
    }

    /// With as much of the reason of a refusal as a case gives, where it is in it.
    pub fn with_reason_as_in(mut self, case: &Case) -> Self {
        if let (Some(reason), Some(part)) = (&mut self.expected.refused, &case.expect.refused)
            && reason.contains(part)
        {
            reason.clone_from(part);
        }
        self
    }
}

fn exit_code(answer: &Answer) -> i32 {
    answer.code.unwrap_or_else(|| panic!("{answer:?}"))
}

/// What `harmonia rejects list` says of a file, and that it says where and why.
fn rejects(place: &Place, file: &str) -> Vec<String> {
    let rows = place.json(&["rejects", "list"]);
    let shown = rows.iter().map(|row| {
        let text = |name: &str| row[name].as_str().unwrap_or("-");
        assert_eq!(text("source"), file);
        assert!(
            !text("detail").is_empty() && !text("data").is_empty(),
            "{row}"
        );
        let raw = "SELECT concat_ws(' ', identified, number) FROM import_transaction
                   WHERE NOT identified";
        if text("state") == "QUARANTINED" {
            assert!(
                place.texts(raw).contains(&format!("0 {}", row["number"])),
                "{row}"
            );
        }
        format!(
            "{} {} {} {}",
            row["number"],
            text("state"),
            text("reason"),
            text("field")
        )
    });
    shown.collect()
}
