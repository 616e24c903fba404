//! `[[examples]]`: input, and what must come of it. They are the tests of an agent file, and show
//! its reader what the feed looks like.

use super::Agent;
use super::section::{Findings, Section, kind_of};
use crate::feed::{Feed, Outcome, RawRecord};
use crate::problem::RejectReason;
use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

/// One example: input for a feed, and what must be read from it, all of it and in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Where it stands in the file.
    path: String,
    /// The name of the feed that reads it.
    feed: String,
    input: String,
    expect: Vec<Table>,
    rejects: Vec<RejectReason>,
    skipped: usize,
}

/// Reads the examples of an agent file.
pub(super) fn read(root: &Section<'_>, feeds: &[Feed]) -> Vec<Example> {
    if root.value("examples").is_none() {
        return Vec::new();
    }
    let read = |section: Section<'_>| read_one(section, feeds);
    root.sections("examples")
        .into_iter()
        .filter_map(read)
        .collect()
}

fn read_one(section: Section<'_>, feeds: &[Feed]) -> Option<Example> {
    let feed = read_feed(&section, feeds);
    let input = section.texts("input").map(|lines| lines.join("\n"));
    if section.value("input").is_none() {
        section.complain_of_all("the key `input` is missing: a text, or a list of lines");
    }
    let names = section.texts("rejects").unwrap_or_default();
    let reject = |name: &&str| {
        let reason = RejectReason::from_name(name);
        if reason.is_none() {
            let known = RejectReason::ALL.map(RejectReason::as_str).join(", ");
            section.complain("rejects", format!("{name:?} is not a reason: use {known}"));
        }
        reason
    };
    let example = Example {
        path: section.own_path().to_owned(),
        feed: feed.unwrap_or_default(),
        input: input.unwrap_or_default(),
        expect: read_expect(&section),
        rejects: names.iter().filter_map(reject).collect(),
        skipped: section.count("skipped").unwrap_or(0),
    };
    section.finish();
    Some(example)
}

fn read_feed(section: &Section<'_>, feeds: &[Feed]) -> Option<String> {
    let names: Vec<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
    match (section.text("feed"), names.as_slice()) {
        (Some(name), _) if names.contains(&name) => Some(name.to_owned()),
        (None, [only]) => Some((*only).to_owned()),
        // Feeds that could not be read were complained of already.
        (_, []) => None,
        (given, _) => {
            let what = given.map_or("is missing".to_owned(), |name| {
                format!("{name:?} is no feed")
            });
            section.complain("feed", format!("{what}: use {}", names.join(", ")));
            None
        }
    }
}

fn read_expect(section: &Section<'_>) -> Vec<Table> {
    let Some(list) = section.list("expect") else {
        return Vec::new();
    };
    let mut expect = Vec::new();
    for (index, value) in list.iter().enumerate() {
        match value {
            Value::Table(table) => expect.push(table.clone()),
            other => section.findings().add(
                format!("{}[{index}]", section.path("expect")),
                format!("is {}, and must be a table of fields", kind_of(other)),
            ),
        }
    }
    expect
}

/// What a feed reads from an example's input.
#[derive(Default)]
struct Read {
    records: Vec<Map<String, Json>>,
    rejects: Vec<(RejectReason, String)>,
    skipped: usize,
}

impl Example {
    /// Complaints, as pairs of key and message, for each thing that came out otherwise.
    pub(super) fn run(&self, agent: &Agent) -> Vec<(String, String)> {
        let findings = Findings::default();
        if let Some(feed) = agent.feed(&self.feed) {
            match read_input(feed, &self.input) {
                Ok(read) => self.compare(&read, &findings),
                Err(wrong) => findings.add(format!("{}.input", self.path), wrong),
            }
        }
        findings.into_inner()
    }

    fn compare(&self, read: &Read, findings: &Findings) {
        let (expected, found) = (self.expect.len(), read.records.len());
        if expected != found {
            let rejects: Vec<&str> = read.rejects.iter().map(|(_, text)| text.as_str()).collect();
            let rejects = match rejects.join("; ") {
                none if none.is_empty() => none,
                some => format!(" (rejected: {some})"),
            };
            findings.add(
                format!("{}.expect", self.path),
                format!("has {expected} transactions, and the feed reads {found}{rejects}"),
            );
        }
        for (index, (expected, found)) in self.expect.iter().zip(&read.records).enumerate() {
            compare_fields(
                &format!("{}.expect[{index}]", self.path),
                expected,
                found,
                findings,
            );
        }
        let rejects: Vec<&str> = read
            .rejects
            .iter()
            .map(|(reason, _)| reason.as_str())
            .collect();
        let wanted: Vec<&str> = self.rejects.iter().map(|reason| reason.as_str()).collect();
        if rejects != wanted {
            let key = format!("{}.rejects", self.path);
            findings.add(
                key,
                format!("is {wanted:?}, and the feed rejects {rejects:?}"),
            );
        }
        if self.skipped != read.skipped {
            let (wanted, skipped) = (self.skipped, read.skipped);
            let key = format!("{}.skipped", self.path);
            findings.add(key, format!("is {wanted}, and the feed skips {skipped}"));
        }
    }
}

fn compare_fields(path: &str, expected: &Table, found: &Map<String, Json>, findings: &Findings) {
    for (key, wanted) in expected {
        let key_path = format!("{path}.{key}");
        let Some(found) = found.get(key) else {
            let known: Vec<&str> = found.keys().map(String::as_str).collect();
            let message = format!("there is no such field: use {}", known.join(", "));
            findings.add(key_path, message);
            continue;
        };
        let wanted = to_json(wanted);
        if !same(&wanted, found) {
            findings.add(key_path, format!("is {wanted}, and the feed reads {found}"));
        }
    }
}

/// Whether a value is as expected; an empty text stands for no value.
fn same(wanted: &Json, found: &Json) -> bool {
    wanted == found || (wanted.as_str() == Some("") && found.is_null())
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::String(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Boolean(flag) => json!(flag),
        Value::Datetime(date) => json!(date.to_string()),
        Value::Array(list) => list.iter().map(to_json).collect(),
        Value::Table(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| (key.clone(), to_json(value)));
            Json::Object(pairs.collect())
        }
    }
}

fn read_input(feed: &Feed, input: &str) -> Result<Read, String> {
    let mut inspector = feed.inspect();
    inspector.feed(input.as_bytes());
    inspector.finish().map_err(|refusal| refusal.to_string())?;
    let mut reader = feed
        .reader(input.as_bytes())
        .map_err(|error| error.to_string())?;
    let mut raw = RawRecord::default();
    let mut read = Read::default();
    while reader.next(&mut raw).map_err(|error| error.to_string())? {
        let outcome = feed.read(&raw);
        match &outcome {
            Outcome::Payment(_) | Outcome::Sale(_) | Outcome::Answer(_) => {
                read.records.push(outcome.fields())
            }
            Outcome::Skipped => read.skipped += 1,
            Outcome::Rejected(reject) => {
                let field = reject.field.as_deref().unwrap_or("record");
                let text = format!("{} {field}: {}", reject.reason, reject.detail);
                read.rejects.push((reject.reason, text));
            }
        }
    }
    Ok(read)
}
