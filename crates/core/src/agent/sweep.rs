//! The `[sweep]` section: payments that are given up when they stayed without a match for too long.
//!
//! ```toml
//! [sweep]
//! after      = "2d"                        # since their import
//! export     = "stonegate-unmatched"       # the agent whose export tells of them
//! at_most    = 1000                        # in one run
//! schedule   = "0 5 * * *"                 # when it runs: cron, in UTC
//! feed_types = { visa = ["auth", "settled"], mastercard = ["settled"], amex = ["settled"] }
//! ```

use super::expected::length_us;
use super::section::{Section, kind_of};
use super::streaming::of_payments;
use crate::ids::Slug;
use crate::schedule::Schedule;
use crate::sweep::Sweep;
use crate::transaction::FeedType;
use toml::Value;

const AT_MOST: usize = 1_000;
/// One run is one commit.
const MOST_AT_MOST: usize = 10_000;
const EVERY_HOUR: &str = "0 * * * *";

/// Reads `[sweep]`, where there is one.
pub(super) fn read(root: &Section<'_>) -> Option<Sweep> {
    let section = root.section("sweep")?;
    let after_us = after_us(&section);
    let export = slug(&section, "export", section.required_text("export"));
    let at_most = at_most(&section);
    let schedule = schedule(&section);
    let feed_types = feed_types(&section);
    section.finish();
    Some(Sweep {
        after_us: after_us?,
        export: export?,
        at_most,
        feed_types,
        schedule: schedule?,
    })
}

fn schedule(section: &Section<'_>) -> Option<Schedule> {
    let text = section.text("schedule").unwrap_or(EVERY_HOUR);
    Schedule::parse(text)
        .map_err(|wrong| section.complain("schedule", wrong))
        .ok()
}

fn slug(section: &Section<'_>, key: &str, text: Option<&str>) -> Option<Slug> {
    Slug::new(text?)
        .map_err(|wrong| section.complain(key, wrong))
        .ok()
}

fn after_us(section: &Section<'_>) -> Option<i64> {
    let text = section.required_text("after")?;
    let length = length_us(text);
    if length.is_none() {
        let message = format!("{text:?} is not a length of time: write 30m, 12h or 2d");
        section.complain("after", message);
    }
    length
}

fn at_most(section: &Section<'_>) -> usize {
    let count = section.count("at_most").unwrap_or(AT_MOST);
    if !(1..=MOST_AT_MOST).contains(&count) {
        let message = format!("must be from 1 to {MOST_AT_MOST}: one run is one commit");
        section.complain("at_most", message);
    }
    count
}

fn feed_types(section: &Section<'_>) -> Vec<(Slug, Vec<FeedType>)> {
    if section.value("feed_types").is_none() {
        section.complain_of_all(
            "the table `feed_types` is missing: which payments of which networks, as in { visa = \
             [\"auth\", \"settled\"] }",
        );
    }
    let Some(table) = section.section("feed_types") else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (key, value) in table.entries() {
        let Some(provider) = slug(&table, key, Some(key)) else {
            continue;
        };
        let types = match value {
            Value::Array(list) if !list.is_empty() => list.as_slice(),
            other => {
                let message = format!(
                    "is {}, and must be a list of types such as [\"settled\"]",
                    match other {
                        Value::Array(_) => "empty",
                        other => kind_of(other),
                    }
                );
                table.complain(key, message);
                continue;
            }
        };
        all.push((provider, of_payments(&table, key, types)));
    }
    if table.entries().next().is_none() {
        section.complain(
            "feed_types",
            "is empty: leave the section out to sweep nothing",
        );
    }
    all
}
