//! How fields that are more than a text are read: whether to skip, the date, the amount, the
//! payment provider, further fields. Each rule is a table of the agent file, compiled.

use super::date::DateFormat;
use super::json_text::write_text;
use super::mask;
use super::record::RawRecord;
use super::text::{Column, Stop, TextRule, keep};
use crate::ids::Slug;
use crate::money::{AmountError, MAX_AMOUNT_MINOR, parse_major, parse_minor};
use crate::problem::{Quoted, Reject, RejectReason};
use crate::time::{Moment, Zone};
use compact_str::CompactString;
use std::sync::Arc;

/// Which records are none of ours.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SkipRule {
    pub(crate) column: Column,
    pub(crate) test: SkipTest,
    pub(crate) ignore_case: bool,
}

/// When a value is a reason to skip.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SkipTest {
    /// It is one of these.
    In(Vec<CompactString>),
    /// It is none of these.
    NotIn(Vec<CompactString>),
    /// It begins so.
    Prefix(CompactString),
    /// It does not begin so.
    NotPrefix(CompactString),
}

/// How the date is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DateRule {
    /// Joined by a blank where there are several.
    pub(crate) columns: Vec<Column>,
    pub(crate) format: DateFormat,
    pub(crate) zone: Arc<Zone>,
    /// Zones that hold instead for the payments of some schemes.
    pub(crate) zone_of_scheme: Vec<(Slug, Arc<Zone>)>,
}

/// How the amount is read: the sum of its columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AmountRule {
    pub(crate) columns: Vec<Column>,
    pub(crate) unit: Unit,
}

/// What an amount counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Pounds, as a decimal.
    Major,
    /// Pence, whole.
    Minor,
}

/// How a sale's payment provider is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProviderRule {
    pub(crate) text: TextRule,
    /// The providers that the rule's map names, ready made.
    pub(crate) known: Vec<Slug>,
}

/// Which further fields are kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Extra {
    /// None.
    None,
    /// The JSON object in this column, whole.
    Whole(Column),
    /// These, each under its name where it has a value.
    Each(Vec<(Box<str>, Column)>),
}

impl SkipRule {
    pub(crate) fn holds(&self, raw: &RawRecord) -> bool {
        let text = self.column.as_it_stands(raw).trim_ascii();
        let equal = |known: &CompactString| {
            known == text || (self.ignore_case && known.eq_ignore_ascii_case(text))
        };
        let begins = |prefix: &CompactString| match text.get(..prefix.len()) {
            Some(start) if self.ignore_case => start.eq_ignore_ascii_case(prefix),
            Some(start) => start == prefix,
            None => false,
        };
        match &self.test {
            SkipTest::In(values) => values.iter().any(equal),
            SkipTest::NotIn(values) => !values.iter().any(equal),
            SkipTest::Prefix(prefix) => begins(prefix),
            SkipTest::NotPrefix(prefix) => !begins(prefix),
        }
    }
}

impl DateRule {
    pub(crate) fn read(&self, raw: &RawRecord, zone: &Zone) -> Result<Moment, Stop> {
        let [column] = self.columns.as_slice() else {
            return self.read_joined(raw, zone);
        };
        match column.text(raw)? {
            Some(text) => self.parse(text, &column.name, zone),
            None => Err(missing_column(&column.name)),
        }
    }

    fn read_joined(&self, raw: &RawRecord, zone: &Zone) -> Result<Moment, Stop> {
        let mut joined = CompactString::default();
        for column in &self.columns {
            let Some(text) = column.text(raw)? else {
                return Err(missing_column(&column.name));
            };
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(text);
        }
        let name = self.columns.first().map_or("", |column| &column.name);
        self.parse(&joined, name, zone)
    }

    fn parse(&self, text: &str, column: &str, zone: &Zone) -> Result<Moment, Stop> {
        self.format.read(text, zone).ok_or_else(|| {
            let detail = format!("{} is not a date in this feed's format", Quoted(text));
            Reject::field(RejectReason::BadDate, column, detail).into()
        })
    }
}

impl AmountRule {
    /// The sum in minor units. The first column must have a value; where a further one is empty,
    /// as a tip is that nobody gave, it adds nothing.
    pub(crate) fn read(&self, raw: &RawRecord) -> Result<i64, Stop> {
        let mut sum = 0;
        for (index, column) in self.columns.iter().enumerate() {
            let Some(text) = column.text(raw)? else {
                if index == 0 {
                    return Err(missing_column(&column.name));
                }
                continue;
            };
            let minor = match self.unit {
                Unit::Major => parse_major(text),
                Unit::Minor => parse_minor(text),
            };
            sum += minor.map_err(|error| bad_amount(column, text, error))?;
        }
        if !(-MAX_AMOUNT_MINOR..=MAX_AMOUNT_MINOR).contains(&sum) {
            let name = &self.columns[0];
            return Err(bad_amount(name, "the sum", AmountError::TooLarge));
        }
        Ok(sum)
    }
}

impl ProviderRule {
    pub(crate) fn read(&self, raw: &RawRecord) -> Result<Option<Slug>, Stop> {
        let Some(text) = self.text.read(raw)? else {
            return Ok(None);
        };
        if let Some(slug) = self.known.iter().find(|slug| slug.as_str() == text) {
            return Ok(Some(slug.clone()));
        }
        let text = keep(text, self.text.column())?;
        Slug::new(&text).map(Some).map_err(|wrong| {
            Reject::field(RejectReason::UnknownValue, self.text.column(), wrong).into()
        })
    }
}

impl Extra {
    /// The extra fields as a JSON object, card numbers masked but for the record's own `ids`.
    pub(crate) fn read<'a>(
        &self,
        raw: &RawRecord,
        ids: &dyn Fn() -> Vec<&'a str>,
    ) -> Result<Option<Box<str>>, Stop> {
        match self {
            Self::None => Ok(None),
            Self::Whole(column) => whole(column, raw, ids),
            Self::Each(fields) => Ok(each(fields, raw, ids)),
        }
    }
}

fn whole<'a>(
    column: &Column,
    raw: &RawRecord,
    ids: &dyn Fn() -> Vec<&'a str>,
) -> Result<Option<Box<str>>, Stop> {
    let Some(json) = raw.value(column.index) else {
        return Ok(None);
    };
    if !json.starts_with('{') {
        let detail = "must be a JSON object";
        return Err(Reject::field(RejectReason::WrongShape, &column.name, detail).into());
    }
    Ok(Some(mask::masked_json_but(json, ids).into()))
}

fn each<'a>(
    fields: &[(Box<str>, Column)],
    raw: &RawRecord,
    ids: &dyn Fn() -> Vec<&'a str>,
) -> Option<Box<str>> {
    let mut object = String::from("{");
    for (name, column) in fields {
        let json = raw.source().is_some();
        let value = raw.value(column.index).unwrap_or_default().trim_ascii();
        if value.is_empty() {
            continue;
        }
        if object.len() > 1 {
            object.push(',');
        }
        write_text(name, &mut object);
        object.push(':');
        if json {
            object.push_str(&mask::masked_json_but(value, ids));
        } else {
            write_text(&mask::masked_but(value, ids), &mut object);
        }
    }
    object.push('}');
    (object.len() > 2).then(|| object.into())
}

/// A refusal because a column that must have a value has none.
pub(crate) fn missing_column(column: &str) -> Stop {
    let detail = "is empty or absent, and must be there";
    Reject::field(RejectReason::Missing, column, detail).into()
}

fn bad_amount(column: &Column, text: &str, error: AmountError) -> Stop {
    let detail = format!("{error}: {}", Quoted(text));
    Reject::field(RejectReason::BadAmount, &column.name, detail).into()
}
