//! `docs/agents.md` cannot go stale: every `toml` block on the page is parsed as what its fence
//! says it is.
//!
//! | fence | the block is |
//! |---|---|
//! | `toml agent=<slug>` | a whole agent file; its examples are run |
//! | `toml top` | tables of a merchant's file, beside its feed |
//! | `toml feed` | keys of a merchant's feed |
//! | `toml fields`, `toml payment` | fields of a merchant's, of a network's feed |
//!
//! With `wrong` behind it a block has mistakes, and the `text` block that follows holds what is
//! said of them: all of it, each complaint in its line. A line that begins with a blank goes on
//! with the one before.

#![expect(
    clippy::unwrap_used,
    reason = "a test may stop where something is not as it must be"
)]

use harmonia_core::agent::{Agent, Complaint};
use std::path::Path;
use toml::Table;

const PAGE: &str = "docs/agents.md";

/// A fenced block of the page.
struct Block {
    /// The line of its fence; the first of the page is 1.
    line: usize,
    /// What stands behind the fence.
    info: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(PAGE);
    let page = std::fs::read_to_string(path).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in (1..).zip(page.lines()) {
        match (text.strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                let info = info.to_owned();
                let text = String::new();
                open = Some(Block { line, info, text });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(text);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{PAGE} ends within a block");
    blocks
}

/// What Harmonia says of a block: nothing where it is right.
fn complaints(place: &str, block: &Block) -> Vec<Complaint> {
    let (slug, text) = match place.strip_prefix("agent=") {
        Some(slug) => (slug, block.text.clone()),
        None => ("shop", framed(place, block)),
    };
    let file = format!("agents/{slug}.toml");
    Agent::parse(&file, &text).map_or_else(|found| found, |agent| agent.run_examples())
}

/// A whole agent file around a part of one.
fn framed(place: &str, block: &Block) -> String {
    let part = block.text.as_str();
    let (role, feed) = match place {
        "payment" => ("payment-provider", "settled"),
        "top" | "feed" | "fields" => ("loyalty-scheme", "merchant"),
        other => panic!("{PAGE}:{}: {other:?} is no kind of block", block.line),
    };
    let of = |wanted: &[&str]| if wanted.contains(&place) { part } else { "" };
    let head = format!(
        "slug = 'shop'\nname = 'Shop'\nrole = '{role}'\ntimezone = 'Europe/London'\n[feeds.{feed}]"
    );
    let format = unless_given("format = { kind = 'json-lines' }", of(&["feed"]));
    let fields = [
        "transaction_id = 'id'",
        "mid = 'mid'",
        "date = 'date'",
        "amount = { from = 'amount', unit = 'minor' }",
        "currency = { value = 'GBP' }",
        "card_token = 'token'",
    ];
    let fields: Vec<&str> = fields
        .into_iter()
        .filter(|line| !line.starts_with("card_token") || place == "payment")
        .map(|line| unless_given(line, of(&["fields", "payment"])))
        .collect();
    [
        &head,
        format,
        of(&["feed"]),
        &format!("[feeds.{feed}.fields]"),
        &fields.join("\n"),
        of(&["fields", "payment"]),
        of(&["top"]),
    ]
    .join("\n")
}

/// A line of the frame, unless the part gives the same key.
fn unless_given<'a>(line: &'a str, part: &str) -> &'a str {
    let given: Table = part.parse().unwrap();
    let key = line.split(' ').next().unwrap();
    if given.contains_key(key) { "" } else { line }
}

#[test]
fn every_block_of_the_page_is_what_it_says() {
    let blocks = blocks();
    let mut wrong = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let mut words = block.info.split(' ');
        if words.next() != Some("toml") {
            continue;
        }
        let place = words.next().unwrap_or_default();
        let said: String = complaints(place, block)
            .iter()
            .map(|complaint| format!("{}: {}\n", complaint.key, complaint.message))
            .collect();
        let expected = match words.next() {
            Some("wrong") => {
                let next = &blocks[index + 1];
                assert_eq!(next.info, "text", "{PAGE}:{}", next.line);
                next.text.replace("\n ", "")
            }
            _ => String::new(),
        };
        if said != expected {
            wrong.push(format!(
                "{PAGE}:{}: expected:\n{expected}and it is:\n{said}",
                block.line
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_shows_whole_files_and_mistakes() {
    let count = |words: &str| {
        let blocks = blocks();
        blocks.iter().filter(|b| b.info.contains(words)).count()
    };
    assert!(count("toml agent=") >= 5, "whole agent files");
    assert!(count(" wrong") >= 10, "mistakes");
}

#[test]
fn every_filter_and_every_reason_is_on_the_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(PAGE);
    let page = std::fs::read_to_string(path).unwrap();
    let filters = harmonia_core::matching::filter::Filter::ALL.map(|filter| filter.as_str());
    let reasons = harmonia_core::problem::RejectReason::ALL.map(|reason| reason.as_str());
    for name in filters.iter().chain(&reasons) {
        assert!(
            page.contains(&format!("\n| `{name}` |")),
            "{name} is missing"
        );
    }
}
