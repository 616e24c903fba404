//! `[feeds.….fields]` and `skip`: what the columns of a record mean.
//!
//! ```toml
//! skip = [
//!     { field = "AuthCode", equals = "decline", ignore_case = true },   # in, not_in,
//!     { amount_below = 500 },                                # minor units; prefix, not_prefix
//! ]
//!
//! [feeds.merchant.fields]
//! date   = { from = ["Date", "Time"], format = "%d/%m/%Y %H:%M:%S", timezone = "Europe/London" }
//! amount = { from = ["Amount", "Tip"], unit = "major" }      # the sum; or unit = "minor"
//! extra  = { till = "TillNumber" }                           # kept beside the typed fields
//! ```
//!
//! A date without a `format` is ISO 8601. Every feed may have `transaction_id`, `mid`, `date`,
//! `amount`, `currency`, `auth_code`, `first_six`, `last_four` and `extra`; sales also `mids`,
//! `location_id` and `payment_provider`; payments also `settlement_key`, `secondary_mid`, `psimi`,
//! `card_token` and `approval_code`. An answer to an export has `export_uid`, `transaction_id` and
//! `result`, and nothing else. How a text is had, `texts` says.

use super::format::Columns;
use super::section::{Section, kind_of, section_at};
use super::texts::{self, Numbering};
use crate::feed::parts::{
    AmountRule, Column, DateFormat, DateRule, Extra, Id, Mapping, Pattern, ProviderRule, SkipRule,
    SkipTest, TextRule, Unit,
};
use crate::ids::Slug;
use crate::money::parse_minor;
use crate::time::Zone;
use crate::transaction::FeedType;
use compact_str::CompactString;
use std::sync::Arc;
use toml::Value;

/// Reads the fields of a feed and what it skips.
pub(super) fn read(
    fields: Section<'_>,
    skip: Vec<Section<'_>>,
    feed_type: FeedType,
    zone: &Arc<Zone>,
    columns: Columns,
) -> Mapping {
    let numbering = Numbering::new(columns, fields.findings());
    let reader = Reader {
        section: &fields,
        numbering: &numbering,
    };
    let (skip, skip_amount_below) = read_skip(skip, &numbering);
    if feed_type == FeedType::Answer {
        let mut mapping = reader.answer(zone);
        (mapping.skip, mapping.skip_amount_below) = (skip, skip_amount_below);
        fields.finish();
        mapping.wanted = numbering.into_wanted();
        return mapping;
    }
    let payment = feed_type.is_payment();
    let date = reader.date(zone);
    let amount = reader.amount();
    let currency = reader.text("currency");
    let mut mapping = Mapping {
        feed_type,
        wanted: Vec::new(),
        skip,
        skip_amount_below,
        transaction_id: reader.id("transaction_id"),
        settlement_key: Id::None,
        mid: reader.text("mid"),
        mids: None,
        secondary_mid: None,
        psimi: None,
        location_id: None,
        date: date.unwrap_or_else(|| no_date(zone)),
        amount: amount.unwrap_or_else(no_amount),
        currency: currency.unwrap_or_else(no_text),
        payment_provider: None,
        card_token: None,
        auth_code: reader.text("auth_code"),
        approval_code: None,
        first_six: reader.text("first_six"),
        last_four: reader.text("last_four"),
        extra: reader.extra(),
        export_uid: None,
        result: None,
    };
    if payment {
        mapping.settlement_key = reader.id("settlement_key");
        mapping.secondary_mid = reader.text("secondary_mid");
        mapping.psimi = reader.text("psimi");
        mapping.card_token = reader.text("card_token");
        mapping.approval_code = reader.text("approval_code");
        reader.need(&["date", "amount", "currency", "card_token"]);
        reader.need_one(&["mid", "secondary_mid", "psimi"]);
    } else {
        mapping.location_id = reader.text("location_id");
        mapping.mids = reader.mids();
        mapping.payment_provider = reader.provider();
        reader.need(&["date", "amount", "currency"]);
        reader.need_one(&["mid", "mids", "location_id"]);
    }
    fields.finish();
    mapping.wanted = numbering.into_wanted();
    mapping
}

/// A mapping of answers that reads no column yet.
pub(super) fn answer_of_nothing(zone: &Arc<Zone>) -> Mapping {
    Mapping {
        feed_type: FeedType::Answer,
        wanted: Vec::new(),
        skip: Vec::new(),
        skip_amount_below: None,
        transaction_id: Id::None,
        settlement_key: Id::None,
        mid: None,
        mids: None,
        secondary_mid: None,
        psimi: None,
        location_id: None,
        date: no_date(zone),
        amount: no_amount(),
        currency: no_text(),
        payment_provider: None,
        card_token: None,
        auth_code: None,
        approval_code: None,
        first_six: None,
        last_four: None,
        extra: Extra::None,
        export_uid: None,
        result: None,
    }
}

// What stands for a field that was complained of: a mapping with complaints is never used.

fn no_text() -> TextRule {
    TextRule {
        alternatives: Vec::new(),
        long_number: false,
    }
}

fn no_amount() -> AmountRule {
    AmountRule {
        columns: Vec::new(),
        unit: Unit::Minor,
    }
}

fn no_date(zone: &Arc<Zone>) -> DateRule {
    DateRule {
        columns: Vec::new(),
        format: DateFormat::Iso,
        zone: Arc::clone(zone),
        zone_of_scheme: Vec::new(),
    }
}

/// Reads the fields of one feed.
struct Reader<'a> {
    section: &'a Section<'a>,
    numbering: &'a Numbering<'a>,
}

impl Reader<'_> {
    /// The fields of an answer to an export.
    fn answer(&self, zone: &Arc<Zone>) -> Mapping {
        let mapping = Mapping {
            transaction_id: self.text("transaction_id").map_or(Id::None, Id::Text),
            export_uid: self.text("export_uid"),
            result: self.text("result"),
            ..answer_of_nothing(zone)
        };
        self.need(&["result"]);
        self.need_one(&["export_uid", "transaction_id"]);
        mapping
    }

    fn text(&self, key: &'static str) -> Option<TextRule> {
        let value = self.section.value(key)?;
        texts::read(value, &self.section.path(key), self.numbering)
    }

    fn id(&self, key: &'static str) -> Id {
        let id = self
            .section
            .value(key)
            .and_then(|value| texts::read_id(value, &self.section.path(key), self.numbering));
        id.unwrap_or(Id::None)
    }

    fn need(&self, keys: &[&'static str]) {
        for key in keys {
            if self.section.value(key).is_none() {
                let message = format!("the field `{key}` is missing: which column is it?");
                self.section.complain_of_all(message);
            }
        }
    }

    fn need_one(&self, keys: &[&'static str]) {
        if keys.iter().all(|key| self.section.value(key).is_none()) {
            let keys = keys.join("`, `");
            self.section
                .complain_of_all(format!("one of `{keys}` must be there"));
        }
    }

    /// A date: a column in ISO 8601, or `{ from, format, timezone, timezone_of_scheme }`.
    fn date(&self, zone: &Arc<Zone>) -> Option<DateRule> {
        let value = self.section.value("date")?;
        let path = self.section.path("date");
        if let Value::String(name) = value {
            return Some(DateRule {
                columns: vec![self.numbering.column(name, &path)],
                ..no_date(zone)
            });
        }
        let section = section_at(path, value, self.numbering.findings)?;
        let columns = self.columns(&section);
        let format = match section.text("format").map(Pattern::new) {
            None => DateFormat::Iso,
            Some(Ok(pattern)) => DateFormat::Pattern(pattern),
            Some(Err(wrong)) => {
                section.complain("format", wrong);
                DateFormat::Iso
            }
        };
        let own_zone = super::read_zone(&section, "timezone");
        let zone_of_scheme = zones_of_schemes(&section);
        section.finish();
        Some(DateRule {
            columns,
            format,
            zone: own_zone.map_or(Arc::clone(zone), Arc::new),
            zone_of_scheme,
        })
    }

    /// An amount: `{ from, unit }`, where `from` is a column or a list of columns to be summed.
    fn amount(&self) -> Option<AmountRule> {
        let value = self.section.value("amount")?;
        let path = self.section.path("amount");
        if value.is_str() {
            let message = r#"must say its unit: { from = "…", unit = "major" } or "minor""#;
            self.numbering.findings.add(path, message);
            return None;
        }
        let section = section_at(path, value, self.numbering.findings)?;
        let columns = self.columns(&section);
        let unit = match section.required_text("unit") {
            Some("major") => Unit::Major,
            Some("minor") | None => Unit::Minor,
            Some(other) => {
                let message = format!(r#"{other:?} is not a unit: use "major" or "minor""#);
                section.complain("unit", message);
                Unit::Minor
            }
        };
        section.finish();
        Some(AmountRule { columns, unit })
    }

    fn columns(&self, section: &Section<'_>) -> Vec<Column> {
        let names = section.texts("from").unwrap_or_default();
        if names.is_empty() {
            section.complain_of_all("needs `from`: a column, or a list of columns");
        }
        let path = section.path("from");
        let column = |name: &&str| self.numbering.column(name, &path);
        names.iter().map(column).collect()
    }

    fn provider(&self) -> Option<ProviderRule> {
        let text = self.text("payment_provider")?;
        let mut known: Vec<Slug> = Vec::new();
        let lookups = text
            .alternatives
            .iter()
            .filter_map(|one| one.lookup.as_ref());
        for (_, meaning) in lookups.flat_map(|lookup| lookup.exact.iter().chain(&lookup.contains)) {
            match Slug::new(meaning) {
                Ok(slug) if known.contains(&slug) => {}
                Ok(slug) => known.push(slug),
                Err(wrong) => self.section.complain("payment_provider", wrong),
            }
        }
        Some(ProviderRule { text, known })
    }

    /// A column that holds a JSON list of MIDs.
    fn mids(&self) -> Option<Column> {
        let name = self.section.text("mids")?;
        if !self.numbering.is_json() {
            self.section
                .complain("mids", "only a JSON feed can hold a list: use `mid`");
        }
        Some(self.numbering.json_column(name, &self.section.path("mids")))
    }

    /// `extra = { name = "column" }`, or the name of a column that holds a JSON object.
    fn extra(&self) -> Extra {
        let Some(value) = self.section.value("extra") else {
            return Extra::None;
        };
        let path = self.section.path("extra");
        match value {
            Value::String(name) if self.numbering.is_json() => {
                Extra::Whole(self.numbering.json_column(name, &path))
            }
            Value::Table(table) => {
                let field = |(name, column): (&String, &Value)| {
                    let path = format!("{path}.{name}");
                    let Some(column) = column.as_str() else {
                        let message =
                            format!("is {}, and must be a column's name", kind_of(column));
                        self.numbering.findings.add(path, message);
                        return None;
                    };
                    Some((
                        name.as_str().into(),
                        self.numbering.json_column(column, &path),
                    ))
                };
                Extra::Each(table.iter().filter_map(field).collect())
            }
            other => {
                let message = format!(
                    r#"is {}, and must be {{ name = "column" }}"#,
                    kind_of(other)
                );
                self.numbering.findings.add(path, message);
                Extra::None
            }
        }
    }
}

/// `timezone_of_scheme = { stonegate = "Europe/London" }`.
fn zones_of_schemes(section: &Section<'_>) -> Vec<(Slug, Arc<Zone>)> {
    let Some(table) = section.section("timezone_of_scheme") else {
        return Vec::new();
    };
    let entry = |(scheme, zone): (&String, &Value)| {
        let slug = Slug::new(scheme).map_err(|wrong| table.complain(scheme, wrong));
        let zone = Zone::named(zone.as_str().unwrap_or_default())
            .map_err(|wrong| table.complain(scheme, wrong));
        Some((slug.ok()?, Arc::new(zone.ok()?)))
    };
    table.entries().filter_map(entry).collect()
}

/// `skip`: a list of rules, each about one column, or about the amount.
fn read_skip(
    sections: Vec<Section<'_>>,
    numbering: &Numbering<'_>,
) -> (Vec<SkipRule>, Option<i64>) {
    let mut rules = Vec::new();
    let mut amount_below = None;
    for section in sections {
        if let Some(value) = section.value("amount_below") {
            amount_below = least_amount(&section, value);
        } else {
            rules.extend(skip_rule(&section, numbering));
        }
        section.finish();
    }
    (rules, amount_below)
}

/// The least amount that is not skipped, in minor units.
fn least_amount(section: &Section<'_>, value: &Value) -> Option<i64> {
    let minor = value
        .as_integer()
        .filter(|minor| parse_minor(&minor.to_string()).is_ok());
    if minor.is_none() {
        section.complain(
            "amount_below",
            "must be a whole number of minor units, as 500 for 5.00",
        );
    }
    minor
}

fn skip_rule(section: &Section<'_>, numbering: &Numbering<'_>) -> Option<SkipRule> {
    let name = section.required_text("field");
    let list = |texts: Vec<&str>| texts.into_iter().map(CompactString::from).collect();
    let tests = [
        section
            .text("equals")
            .map(|text| SkipTest::In(list(vec![text]))),
        section.texts("in").map(|texts| SkipTest::In(list(texts))),
        section
            .texts("not_in")
            .map(|texts| SkipTest::NotIn(list(texts))),
        section
            .text("prefix")
            .map(|text| SkipTest::Prefix(text.into())),
        section
            .text("not_prefix")
            .map(|text| SkipTest::NotPrefix(text.into())),
    ];
    let ignore_case = section.flag("ignore_case").unwrap_or(false);
    let mut tests = tests.into_iter().flatten();
    let (Some(test), None) = (tests.next(), tests.next()) else {
        section.complain_of_all(
            "needs one of `equals`, `in`, `not_in`, `prefix` or `not_prefix` beside `field`, \
             or `amount_below` alone",
        );
        return None;
    };
    let path = section.path("field");
    Some(SkipRule {
        column: numbering.column(name?, &path),
        test,
        ignore_case,
    })
}
