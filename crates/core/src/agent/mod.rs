//! The agent file: one merchant or one payment provider, whole, as data.
//!
//! `agents/<slug>.toml` says where an agent's feeds come from, how their bytes become records and
//! what the records mean, how its payments are matched and its matches exported; and it carries
//! examples, which are its tests. [`Agent::parse`] reads and compiles one, or tells everything
//! that is wrong with it, each thing with its line and key. The rules of matching and export are
//! only handed on: their own modules compile them, and [`Agent::complaints`] turns what those
//! find wrong into complaints of the same kind.

mod canonical;
mod complaint;
mod examples;
mod expected;
mod feeds;
mod fields;
mod format;
mod section;
mod source;
mod streaming;
mod sweep;
mod texts;

pub use complaint::{Complaint, Lines};
pub use examples::Example;
pub(crate) use expected::time_us;
pub use section::{Findings, Section, kind_of, section_at};
pub use source::{Decrypt, Source};

use crate::export::Plan;
use crate::feed::Feed;
use crate::ids::Slug;
use crate::matching::Rules;
use crate::sweep::Sweep;
use crate::time::Zone;
use crate::transaction::FeedType;
use std::sync::Arc;
use toml::{Table, Value};

/// The most bytes of an agent file. As values it takes some twenty times as many, and up to a hundred
/// and thirty where somebody means ill: so there is an end to that.
pub const MOST_BYTES: usize = 256 * 1024;

/// What an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A merchant: its feed brings sales.
    LoyaltyScheme,
    /// A card network: its feeds bring payments.
    PaymentProvider,
    /// An export that belongs to no scheme of its own: what a sweep gives up is told by it, and its
    /// feed brings what the merchant answers.
    Export,
}

impl Role {
    /// The name in agent files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoyaltyScheme => "loyalty-scheme",
            Self::PaymentProvider => "payment-provider",
            Self::Export => "export",
        }
    }
}

/// One agent file, checked and compiled.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The agent's short name, which is also the file's.
    pub slug: Slug,
    /// What people call it.
    pub name: String,
    /// Merchant or card network.
    pub role: Role,
    /// The zone in which its times and days are read where nothing else is said.
    pub zone: Arc<Zone>,
    /// Its feeds. A merchant without any takes Harmonia's own format by push.
    pub feeds: Vec<Feed>,
    /// How a scheme's payments are matched; without it they are not.
    pub matching: Option<Rules>,
    /// The types of a scheme's payments that are sent straight to it, without being matched.
    pub streaming: Vec<FeedType>,
    /// Which of a scheme's payments are given up, and when; without it none are.
    pub sweep: Option<Sweep>,
    /// How a scheme is told of its matches; without it they are held.
    pub export: Option<Plan>,
    /// What its feeds must read from given input.
    pub examples: Vec<Example>,
    lines: Lines,
}

impl Agent {
    /// Reads an agent file. `file` is its name for messages; its stem must be the slug.
    ///
    /// # Errors
    /// Everything that is wrong with it: the syntax errors, or where there are none, every key
    /// that is unknown, missing or has a wrong value. Examples are not run.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Complaint>> {
        if text.len() > MOST_BYTES {
            return Err(Lines::too_long(file, MOST_BYTES));
        }
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => return Err(Lines::syntax_errors(file, text, &error)),
        };
        let lines = Lines::of(file, text);
        let findings = Findings::default();
        let agent = read(file, &table, &findings, &lines);
        let found = findings.into_inner();
        match agent {
            Some(agent) if found.is_empty() => Ok(agent),
            _ => Err(lines.complaints(found)),
        }
    }

    /// The feed of this name.
    pub fn feed(&self, name: &str) -> Option<&Feed> {
        self.feeds.iter().find(|feed| feed.name.as_str() == name)
    }

    /// Complaints about this file from dotted keys (such as `matching.visa.keep`) and messages.
    pub fn complaints(&self, found: Vec<(String, String)>) -> Vec<Complaint> {
        self.lines.complaints(found)
    }

    /// Runs the examples: a complaint for each thing that came out other than the file expects.
    pub fn run_examples(&self) -> Vec<Complaint> {
        let found = self.examples.iter().flat_map(|example| example.run(self));
        self.lines.complaints(found.collect())
    }
}

fn read(file: &str, table: &Table, findings: &Findings, lines: &Lines) -> Option<Agent> {
    let root = Section::new("", table, findings);
    let slug = read_slug(&root, file);
    let name = root.required_text("name").map(str::to_owned);
    let role = read_role(&root);
    let zone = Arc::new(read_zone(&root, "timezone").unwrap_or_else(|| {
        if root.value("timezone").is_none() {
            root.complain_of_all(r#"the key `timezone` is missing, as in "Europe/London""#);
        }
        Zone::utc()
    }));
    let matching = compiled(&root, "matching", |table| Rules::compile(table, &zone));
    let streaming = streaming::read(&root);
    let sweep = sweep::read(&root);
    let export = compiled(&root, "export", |table| Plan::compile(table, &zone));
    if let Some(role) = role {
        check_role(&root, role);
    }
    let feeds = match (&slug, role) {
        (Some(slug), Some(role)) => feeds::read(root.section("feeds"), slug, role, &zone, findings),
        _ => {
            root.value("feeds");
            Vec::new()
        }
    };
    let examples = examples::read(&root, &feeds);
    root.finish();
    Some(Agent {
        slug: slug?,
        name: name?,
        role: role?,
        zone,
        feeds,
        matching,
        streaming,
        sweep,
        export,
        examples,
        lines: lines.clone(),
    })
}

/// Only schemes have payments to be swept, and an export has nothing but its `[export]`.
fn check_role(root: &Section<'_>, role: Role) {
    if role == Role::PaymentProvider && root.value("sweep").is_some() {
        root.complain(
            "sweep",
            "is for loyalty schemes: a network's payments are theirs",
        );
    }
    if role != Role::Export {
        return;
    }
    for key in ["matching", "streaming", "sweep"] {
        if root.value(key).is_some() {
            let message = "is for loyalty schemes: an export has no payments of its own";
            root.complain(key, message);
        }
    }
    if root.value("export").is_none() {
        root.complain_of_all("the table [export] is missing: it is what this agent is for");
    }
}

/// A table that a stage of the journey compiles for itself, where there is one.
fn compiled<T>(
    root: &Section<'_>,
    key: &'static str,
    compile: impl FnOnce(&Table) -> Result<T, Vec<(String, String)>>,
) -> Option<T> {
    root.section(key)?;
    match compile(root.value(key).and_then(Value::as_table)?) {
        Ok(value) => Some(value),
        Err(mistakes) => {
            for (inner, message) in mistakes {
                let dot = if inner.is_empty() { "" } else { "." };
                root.findings().add(format!("{key}{dot}{inner}"), message);
            }
            None
        }
    }
}

fn read_slug(root: &Section<'_>, file: &str) -> Option<Slug> {
    let text = root.required_text("slug")?;
    let slug = match Slug::new(text) {
        Ok(slug) => slug,
        Err(wrong) => {
            root.complain("slug", wrong);
            return None;
        }
    };
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = base.strip_suffix(".toml").unwrap_or(base);
    if stem != text {
        let message = format!("is {text:?}, and the file's name says {stem:?}: they must agree");
        root.complain("slug", message);
    }
    Some(slug)
}

fn read_role(root: &Section<'_>) -> Option<Role> {
    let text = root.required_text("role")?;
    let known = [Role::LoyaltyScheme, Role::PaymentProvider, Role::Export];
    let role = known.into_iter().find(|role| role.as_str() == text);
    if role.is_none() {
        let message = format!(
            r#"{text:?} is not a role: use "loyalty-scheme", "payment-provider" or "export""#
        );
        root.complain("role", message);
    }
    role
}

/// The zone named by a key, where there is one.
pub(super) fn read_zone(section: &Section<'_>, key: &'static str) -> Option<Zone> {
    let name = section.text(key)?;
    match Zone::named(name) {
        Ok(zone) => Some(zone),
        Err(wrong) => {
            section.complain(key, wrong);
            None
        }
    }
}
