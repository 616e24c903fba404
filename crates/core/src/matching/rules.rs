//! A scheme's `[matching]` table, checked and compiled.
//!
//! ```toml
//! [matching]
//! kind = "loyalty"            # or "spotted": the payment alone is enough
//! window = "14d"
//! timezone = "Europe/London"  # for "day"; by default the agent's
//! tolerance = "180s"          # for "time"
//!
//! [matching.visa]             # or [matching.default] for every provider without its own
//! keep = ["provider", "auth_code+day | time"]
//! break_tie = ["time", "dpan | card"]
//! split = { payments = 4, within = "7d" }   # one sale may be paid by several payments
//! combine = { sales = 3, within = "1h" }    # one payment may be for several sales
//! ```

use super::Payment;
use super::filter::Filter;
use crate::ids::Slug;
use crate::time::{DAY_US, HOUR_US, MINUTE_US, SECOND_US, Zone};
use serde::Deserialize;
use std::fmt;

/// The name under which rules for every other provider stand.
const DEFAULT: &str = "default";
/// How far apart two imports may be unless the scheme says otherwise: 14 days.
const DEFAULT_WINDOW_US: i64 = 14 * DAY_US;

/// How a scheme's payments are matched, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Against sales, or on sight.
    pub kind: Kind,
    /// How far apart a payment's and a sale's imports may be, in microseconds.
    pub window_us: i64,
    /// Where `day` is reckoned.
    pub zone: Zone,
    /// How far apart `time` allows, both ends inclusive, in microseconds.
    pub tolerance_us: i64,
    /// Few: looked through faster than looked up.
    by_provider: Vec<(String, Rule)>,
}

/// What a scheme's payments are matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// With the merchant's sales.
    Loyalty,
    /// With nothing: a payment is accepted on sight.
    Spotted,
}

impl Kind {
    /// The kind that agent files call so.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "loyalty" => Some(Self::Loyalty),
            "spotted" => Some(Self::Spotted),
            _ => None,
        }
    }
}

/// The filters for one provider's payments, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// All must hold.
    pub keep: Vec<Step>,
    /// Tried in order while more than one candidate is left.
    pub break_tie: Vec<Step>,
    /// Whether one sale may be paid by several payments.
    pub split: Option<Several>,
    /// Whether one payment may be for several sales.
    pub combine: Option<Several>,
}

/// How several may stand for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Several {
    /// How many at most, from 2 to 8.
    pub most: usize,
    /// How long after the sale the payment may be, in microseconds, beside the tolerance.
    pub within_us: i64,
}

impl Rule {
    /// Whether it lets this payment match no sale with another auth code.
    pub fn needs_auth_code(&self, payment: &Payment) -> bool {
        self.keep
            .iter()
            .any(|step| step.for_payment(payment).contains(&Filter::AuthCode))
    }
}

/// One entry of `keep` or `break_tie`: alternatives, of which the first that applies counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step(Vec<Vec<Filter>>);

impl Step {
    /// The filters that count for this payment: the first alternative it has everything for, or
    /// none, and then the step is skipped.
    pub fn for_payment(&self, payment: &Payment) -> &[Filter] {
        let applies = |filters: &&Vec<Filter>| filters.iter().all(|f| f.applies(payment));
        self.0.iter().find(applies).map_or(&[], Vec::as_slice)
    }

    /// Every alternative, whoever it applies to.
    pub fn alternatives(&self) -> impl Iterator<Item = &[Filter]> {
        self.0.iter().map(Vec::as_slice)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let alternative = |part: &str| {
            part.split('+')
                .map(|name| {
                    let name = name.trim();
                    Filter::from_name(name).ok_or_else(|| {
                        let known: Vec<_> = Filter::ALL.iter().map(|f| f.as_str()).collect();
                        format!("{name:?} is not a filter: use {}", known.join(", "))
                    })
                })
                .collect()
        };
        text.split('|')
            .map(alternative)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alternatives: Vec<String> = self
            .0
            .iter()
            .map(|all| {
                all.iter()
                    .map(|filter| filter.as_str())
                    .collect::<Vec<_>>()
                    .join("+")
            })
            .collect();
        f.write_str(&alternatives.join(" | "))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSection {
    keep: Vec<String>,
    #[serde(default)]
    break_tie: Vec<String>,
    split: Option<SplitSection>,
    combine: Option<CombineSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitSection {
    payments: usize,
    within: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CombineSection {
    sales: usize,
    within: toml::Value,
}

/// What is wrong with a section: the key within it and the words.
pub type Mistake = (String, String);

impl Rules {
    /// Compiles a `[matching]` table. `agent_zone` holds where the table names no zone.
    ///
    /// # Errors
    /// Every mistake found, each with the dotted key within the table.
    pub fn compile(table: &toml::Table, agent_zone: &Zone) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut rules = Self {
            kind: Kind::Loyalty,
            window_us: DEFAULT_WINDOW_US,
            zone: agent_zone.clone(),
            tolerance_us: 0,
            by_provider: Vec::new(),
        };
        let mut tolerance = None;
        for (key, value) in table {
            let result = match key.as_str() {
                "kind" => kind(value).map(|kind| rules.kind = kind),
                "window" => duration_us(value).map(|micros| rules.window_us = micros),
                "tolerance" => duration_us(value).map(|micros| tolerance = Some(micros)),
                "timezone" => zone(value).map(|zone| rules.zone = zone),
                provider => match rule(provider, value, &mut mistakes) {
                    Some(rule) => {
                        rules.by_provider.push((provider.to_owned(), rule));
                        Ok(())
                    }
                    None => Ok(()),
                },
            };
            if let Err(message) = result {
                mistakes.push((key.clone(), message));
            }
        }
        rules.tolerance_us = tolerance.unwrap_or(0);
        rules.check_whole(tolerance.is_some(), &mut mistakes);
        if mistakes.is_empty() {
            Ok(rules)
        } else {
            Err(mistakes)
        }
    }

    /// The rule for a provider's payments; `None` leaves them open with that reason.
    pub fn for_provider(&self, provider: &Slug) -> Option<&Rule> {
        let named = |name: &str| self.by_provider.iter().find(|(known, _)| known == name);
        named(provider.as_str())
            .or_else(|| named(DEFAULT))
            .map(|(_, rule)| rule)
    }

    /// Whether any rule lets several stand for one.
    pub fn allow_several(&self) -> bool {
        self.all()
            .any(|rule| rule.split.is_some() || rule.combine.is_some())
    }

    /// All rules, whoever they are for.
    pub fn all(&self) -> impl Iterator<Item = &Rule> {
        self.by_provider.iter().map(|(_, rule)| rule)
    }

    fn check_whole(&self, has_tolerance: bool, mistakes: &mut Vec<Mistake>) {
        let uses = |wanted: Filter| {
            self.all()
                .flat_map(|rule| rule.keep.iter().chain(&rule.break_tie))
                .flat_map(Step::alternatives)
                .any(|filters| filters.contains(&wanted))
        };
        if self.kind == Kind::Loyalty && self.by_provider.is_empty() && mistakes.is_empty() {
            mistakes.push((
                String::new(),
                "there is no rule: add [matching.<provider>] or [matching.default]".into(),
            ));
        }
        if uses(Filter::Time) && !has_tolerance {
            let message = "a rule uses \"time\", so `tolerance` must say how far apart is near";
            mistakes.push((String::new(), message.into()));
        }
    }
}

fn kind(value: &toml::Value) -> Result<Kind, String> {
    value
        .clone()
        .try_into()
        .map_err(|_| format!("{value} is not a kind: use \"loyalty\" or \"spotted\""))
}

fn zone(value: &toml::Value) -> Result<Zone, String> {
    Zone::named(
        value
            .as_str()
            .ok_or("a zone is text, such as \"Europe/London\"")?,
    )
}

fn rule(provider: &str, value: &toml::Value, mistakes: &mut Vec<Mistake>) -> Option<Rule> {
    if provider != DEFAULT && Slug::new(provider).is_err() || !value.is_table() {
        let message = "is neither a setting of [matching] nor a provider's table of rules";
        mistakes.push((provider.to_owned(), message.into()));
        return None;
    }
    let section: RuleSection = match value.clone().try_into() {
        Ok(section) => section,
        Err(error) => {
            mistakes.push((provider.to_owned(), error.message().to_owned()));
            return None;
        }
    };
    let mut steps = |name: &str, texts: &[String]| {
        texts
            .iter()
            .filter_map(|text| {
                Step::parse(text)
                    .map_err(|message| mistakes.push((format!("{provider}.{name}"), message)))
                    .ok()
            })
            .collect::<Vec<_>>()
    };
    let rule = Rule {
        keep: steps("keep", &section.keep),
        break_tie: steps("break_tie", &section.break_tie),
        split: section
            .split
            .and_then(|split| several(provider, "split", split.payments, &split.within, mistakes)),
        combine: section.combine.and_then(|combine| {
            several(
                provider,
                "combine",
                combine.sales,
                &combine.within,
                mistakes,
            )
        }),
    };
    if section.keep.is_empty() {
        let message = "keeps every sale of the same MID and amount, whenever it was: name filters";
        mistakes.push((format!("{provider}.keep"), message.into()));
    }
    Some(rule)
}

fn several(
    provider: &str,
    option: &str,
    most: usize,
    within: &toml::Value,
    mistakes: &mut Vec<Mistake>,
) -> Option<Several> {
    if !(2..=8).contains(&most) {
        let message = format!("{most} is not how many may stand for one: from 2 to 8");
        mistakes.push((format!("{provider}.{option}"), message));
    }
    match duration_us(within) {
        Ok(within_us) => Some(Several { most, within_us }),
        Err(message) => {
            mistakes.push((format!("{provider}.{option}.within"), message));
            None
        }
    }
}

/// Reads `180s`, `5m`, `2h` or `14d`.
fn duration_us(value: &toml::Value) -> Result<i64, String> {
    let wrong =
        || format!("{value} is not a duration: write it as \"180s\", \"5m\", \"2h\", \"14d\"");
    let text = value.as_str().ok_or_else(wrong)?;
    let unit_us = match text.chars().last() {
        Some('s') => SECOND_US,
        Some('m') => MINUTE_US,
        Some('h') => HOUR_US,
        Some('d') => DAY_US,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    // A century is more than any rule can mean, and far from overflow.
    let micros = i64::from(number).saturating_mul(unit_us);
    if micros > 36_500 * DAY_US {
        Err(wrong())
    } else {
        Ok(micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Rules, Vec<Mistake>> {
        Rules::compile(&text.parse().unwrap(), &Zone::utc())
    }

    #[test]
    fn a_table_becomes_rules() {
        let rules = compile(
            "window = \"7d\"\ntolerance = \"180s\"\ntimezone = \"Europe/London\"\n\
             [visa]\nkeep = [\"provider\", \"auth_code+day | time\"]\nbreak_tie = [\"dpan|card\"]",
        )
        .unwrap();
        assert_eq!(
            (rules.window_us, rules.tolerance_us),
            (7 * DAY_US, 180 * SECOND_US)
        );
        let visa = rules.for_provider(&Slug::new("visa").unwrap()).unwrap();
        assert_eq!(visa.keep[1].to_string(), "auth_code+day | time");
        assert_eq!(visa.break_tie[0].to_string(), "dpan | card");
        assert!(rules.for_provider(&Slug::new("amex").unwrap()).is_none());
    }

    #[test]
    fn each_mistake_is_named_with_its_key() {
        for (text, key, words) in [
            (
                "[visa]\nkeep = [\"tiem\"]",
                "visa.keep",
                "\"tiem\" is not a filter",
            ),
            ("[visa]\nkeep = []", "visa.keep", "every sale"),
            ("[visa]\nkeep = [\"time\"]", "", "tolerance"),
            ("kind = \"magic\"", "kind", "is not a kind"),
            (
                "window = \"14 days\"\n[visa]\nkeep = [\"day\"]",
                "window",
                "not a duration",
            ),
            ("windw = \"14d\"", "windw", "neither a setting"),
            (
                "[visa]\nkeep = [\"day\"]\ntie = []",
                "visa",
                "unknown field",
            ),
            (
                "timezone = \"Mars\"\n[visa]\nkeep = [\"day\"]",
                "timezone",
                "not a time zone",
            ),
            ("", "", "there is no rule"),
        ] {
            let mistakes = compile(text).unwrap_err();
            let found = mistakes
                .iter()
                .any(|(at, what)| at == key && what.contains(words));
            assert!(found, "{text}: {mistakes:?}");
        }
    }

    #[test]
    fn a_spotted_scheme_needs_no_rules() {
        assert_eq!(compile("kind = \"spotted\"").unwrap().kind, Kind::Spotted);
    }
}
