//! `[feeds.…]`: each table becomes a [`Feed`].
//!
//! A table's key is its feed type (`merchant`, `auth`, `settled`, `refund`); where a provider has
//! two feeds of one type, the key is any word and `type` says what it brings.

use super::section::{Findings, Section, section_at};
use super::source::Source;
use super::{Role, canonical, expected, fields, format};
use crate::feed::parts::Plan;
use crate::feed::{Feed, NotFor};
use crate::ids::Slug;
use crate::matching::rules::Kind;
use crate::time::Zone;
use crate::transaction::FeedType;
use std::sync::Arc;

/// What all feeds of an agent share.
struct Owner<'a> {
    slug: &'a Slug,
    role: Role,
    zone: &'a Arc<Zone>,
    feeds: Section<'a>,
    only_one: bool,
}

/// Reads the feeds of an agent. A merchant that names none takes the canonical format by push.
pub(super) fn read(
    section: Option<Section<'_>>,
    slug: &Slug,
    role: Role,
    zone: &Arc<Zone>,
    findings: &Findings,
) -> Vec<Feed> {
    let Some(section) = section else {
        if role == Role::PaymentProvider {
            findings.add(
                "",
                "a payment provider needs [feeds.auth], [feeds.settled] or another",
            );
            return Vec::new();
        }
        if role == Role::Export {
            return Vec::new();
        }
        return vec![by_push(slug, zone)];
    };
    let owner = Owner {
        slug,
        role,
        zone,
        only_one: section.entries().count() == 1,
        feeds: section,
    };
    let section = &owner.feeds;
    let mut feeds: Vec<Feed> = Vec::new();
    for (key, value) in section.entries() {
        let Some(table) = section_at(section.path(key), value, findings) else {
            continue;
        };
        if let Some(feed) = read_feed(key, table, &owner) {
            let path = section.path(key);
            check_against_others(&feed, &feeds, &path, findings);
            feeds.push(feed);
        }
    }
    feeds
}

fn by_push(slug: &Slug, zone: &Arc<Zone>) -> Feed {
    let plan = Arc::new(canonical::plan(FeedType::Merchant, zone));
    Feed {
        name: slug.clone(),
        provider_slug: slug.clone(),
        feed_type: FeedType::Merchant,
        source: Source::Push,
        not_for: NotFor::default(),
        expected: None,
        canonical: Arc::clone(&plan),
        plan,
    }
}

fn check_against_others(feed: &Feed, others: &[Feed], path: &str, findings: &Findings) {
    if others.iter().any(|other| other.name == feed.name) {
        let message = format!("two feeds are named {}: give one another `name`", feed.name);
        findings.add(format!("{path}.name"), message);
    }
}

fn read_feed(key: &str, section: Section<'_>, owner: &Owner<'_>) -> Option<Feed> {
    let feed_type = read_type(key, &section, owner.role);
    let name = read_name(key, &section, owner);
    let zone = super::read_zone(&section, "timezone").map_or(Arc::clone(owner.zone), Arc::new);
    let source_name = name.as_ref().map_or(key, |name| name.as_str());
    let source = Source::read(section.section("source"), source_name);
    let expected = section
        .section("expected")
        .and_then(|table| expected::read(table, &zone));
    let not_for = read_not_for(&section, feed_type);
    let tables = Tables::of(&section, owner);
    let plan = feed_type.and_then(|feed_type| read_plan(&section, tables, feed_type, &zone));
    section.finish();
    let feed_type = feed_type?;
    Some(Feed {
        name: name?,
        provider_slug: owner.slug.clone(),
        feed_type,
        source,
        not_for,
        expected,
        plan: Arc::new(plan?),
        canonical: Arc::new(canonical::plan(feed_type, &zone)),
    })
}

/// What says how a feed is read: its own tables, or where it is `like` another, that one's.
struct Tables<'a> {
    format: Option<Section<'a>>,
    fields: Option<Section<'a>>,
    skip: Vec<Section<'a>>,
}

impl<'a> Tables<'a> {
    fn of(section: &Section<'a>, owner: &Owner<'a>) -> Self {
        let model = section
            .text("like")
            .and_then(|like| owner.feeds.entry(like));
        if let (Some(like), None) = (section.text("like"), &model) {
            section.complain("like", format!("there is no feed {like:?} here to be like"));
        }
        let table = |key| match (section.value(key), &model) {
            (None, Some(model)) => model.section(key),
            _ => section.section(key),
        };
        let skip = match (section.value("skip"), &model) {
            (None, Some(model)) if model.value("skip").is_some() => model.sections("skip"),
            (Some(_), _) => section.sections("skip"),
            (None, _) => Vec::new(),
        };
        Self {
            format: table("format"),
            fields: table("fields"),
            skip,
        }
    }
}

/// A feed that says neither format nor fields takes the canonical format.
fn read_plan(
    section: &Section<'_>,
    tables: Tables<'_>,
    feed_type: FeedType,
    zone: &Arc<Zone>,
) -> Option<Plan> {
    let (format, fields) = match (tables.format, tables.fields) {
        (Some(format), fields) if format.text("kind") == Some("canonical") => {
            format.finish();
            if fields.is_some() || !tables.skip.is_empty() {
                let message = "the canonical format says what its fields mean: leave out `fields` \
                               and `skip`";
                section.complain_of_all(message);
            }
            return Some(canonical::plan(feed_type, zone));
        }
        (Some(format), Some(fields)) => (format, fields),
        (None, None) => return Some(canonical::plan(feed_type, zone)),
        (None, Some(_)) => {
            let message = "the table `format` is missing: how do the bytes become records?";
            section.complain_of_all(message);
            return None;
        }
        (Some(_), None) => {
            section.complain_of_all("the table `fields` is missing: what do the columns mean?");
            return None;
        }
    };
    let described = format::read(format);
    let columns = match &described {
        Some(described) => described.columns(),
        None => format::Columns::default(),
    };
    let mapping = fields::read(fields, tables.skip, feed_type, zone, columns);
    let described = described?;
    Some(Plan::new(described.format, mapping, described.pairs))
}

fn read_type(key: &str, section: &Section<'_>, role: Role) -> Option<FeedType> {
    let text = section.text("type").unwrap_or(key);
    let feed_type = FeedType::from_name(&text.to_ascii_uppercase());
    let of_role = |feed_type: FeedType| match role {
        Role::LoyaltyScheme => feed_type == FeedType::Merchant,
        Role::PaymentProvider => feed_type.is_payment(),
        Role::Export => feed_type == FeedType::Answer,
    };
    let lawful =
        feed_type.filter(|feed_type| of_role(*feed_type) && *text == text.to_ascii_lowercase());
    if lawful.is_none() {
        let (who, types) = match role {
            Role::LoyaltyScheme => ("loyalty scheme", r#""merchant""#),
            Role::PaymentProvider => ("payment provider", r#""auth", "settled" or "refund""#),
            Role::Export => ("merchant that answers an export", r#""answer""#),
        };
        section.complain_of_all(format!(
            "{text:?} is not what a {who} feeds: use {types}, as the table's name or as its `type`"
        ));
    }
    lawful
}

/// `not_for = ["spotted", "streaming"]`: whose payments are not taken from a payment feed.
fn read_not_for(section: &Section<'_>, feed_type: Option<FeedType>) -> NotFor {
    let names = section.texts("not_for").unwrap_or_default();
    if !names.is_empty() && feed_type.is_some_and(|feed_type| !feed_type.is_payment()) {
        section.complain("not_for", "is for feeds of payments");
    }
    let mut not_for = NotFor::default();
    for name in names {
        match Kind::from_name(name) {
            Some(kind) => not_for.kinds.push(kind),
            None if name == "streaming" => not_for.streaming = true,
            None => section.complain(
                "not_for",
                format!(
                    "{name:?} is not what is done with a payment: use \"loyalty\", \"spotted\", \
                     \"streaming\""
                ),
            ),
        }
    }
    not_for
}

/// A feed's name: its own, else the agent's where it is the only one, else both joined.
fn read_name(key: &str, section: &Section<'_>, owner: &Owner<'_>) -> Option<Slug> {
    let given = section.text("name").map(str::to_owned);
    let name = given.unwrap_or_else(|| {
        if owner.only_one {
            owner.slug.to_string()
        } else {
            format!("{}-{key}", owner.slug)
        }
    });
    match Slug::new(&name) {
        Ok(slug) => Some(slug),
        Err(wrong) => {
            section.complain("name", wrong);
            None
        }
    }
}
