//! What a merchant's answer means, by rules of the agent file and, where none holds, by its status.
//!
//! ```toml
//! answer = [
//!     { when = "'not found' in answer.Message | words", is = "again", reason = "receipt not found" },
//!     { when = "'origin' in answer.Message | words",    is = "final", reason = "member not known" },
//! ]
//! ```

use super::filters::Globals;
use super::request::Answer;
use super::template::Expression;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What became of an export by what the merchant answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The merchant has it.
    Delivered,
    /// It has to be tried again: why.
    Again(String),
    /// It will not be taken: why.
    Final(String),
}

/// Values that a look-up found, by the names that bodies have for them.
pub type Found = serde_json::Map<String, serde_json::Value>;

/// What a request before the export has shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked {
    /// The export goes on, with these values beside those it had.
    GoOn(Found),
    /// It is not sent: why, such as that the merchant knows of it.
    Skip(String),
    /// It has to be asked again: why.
    Again(String),
    /// The export cannot be sent: why.
    Final(String),
}

/// The rules of one request, in order: the first that holds counts.
#[derive(Clone, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone)]
struct Rule {
    any: Option<Expression>,
    when: Option<Expression>,
    means: Means,
    reason: String,
    found: Vec<(String, Expression)>,
}

/// What a rule says that an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Means {
    Delivered,
    GoOn,
    Skip,
    Again,
    Final,
}

/// How a rule is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    any: Option<String>,
    when: Option<String>,
    #[serde(rename = "is")]
    means: Means,
    reason: Option<String>,
    #[serde(default)]
    found: BTreeMap<String, String>,
}

/// Of what request an answer is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The export itself.
    Export,
    /// One that comes before it.
    Check,
}

/// What a rule can ask of, beside the export where it is one of a check.
const ANSWER: [&str; 4] = ["status", "answer", "text", "item"];

impl Rules {
    /// Reads the rules below a key; `told` are the names of an export that a check's rules may ask of.
    pub(super) fn read(
        value: &toml::Value,
        key: &str,
        of: Of,
        globals: &Globals,
        told: &[&str],
    ) -> Result<Self, Vec<(String, String)>> {
        let wanted = "must be a list of rules, as in [ { when = \"status == 404\", is = \"final\", reason = \"not known\" } ]";
        let Some(values) = value.as_array() else {
            return Err(vec![(key.to_owned(), wanted.to_owned())]);
        };
        let mut mistakes = Vec::new();
        let mut known = ANSWER.to_vec();
        if of == Of::Check {
            known.extend(told);
        }
        let rule = |(at, value): (usize, &toml::Value)| {
            let key = format!("{key}[{at}]");
            let read = Rule::read(value, of, globals, &known);
            read.map_err(|(inner, words)| mistakes.push((format!("{key}{inner}"), words)))
                .ok()
        };
        let rules = values.iter().enumerate().filter_map(rule).collect();
        if mistakes.is_empty() {
            Ok(Self { rules })
        } else {
            Err(mistakes)
        }
    }

    /// What an answer means of the export itself.
    pub(super) fn judge(&self, answer: &Answer) -> Verdict {
        let values = values_of(answer, Value::from(()));
        match self.first(&values) {
            Some((rule, _)) => match rule.means {
                Means::Again => Verdict::Again(rule.reason.clone()),
                Means::Final => Verdict::Final(rule.reason.clone()),
                Means::Delivered | Means::GoOn | Means::Skip => Verdict::Delivered,
            },
            None => by_status(answer.status),
        }
    }

    /// What an answer means that was asked for before an export is sent of which `told` tells.
    pub(super) fn check(&self, answer: &Answer, told: Value) -> Checked {
        let values = values_of(answer, told);
        let Some((rule, item)) = self.first(&values) else {
            return match by_status(answer.status) {
                // What cannot be read says neither that the merchant knows of it nor that it does not.
                Verdict::Delivered
                    if values
                        .get_attr("answer")
                        .is_ok_and(|answer| answer.is_undefined()) =>
                {
                    Checked::Again("the answer is no JSON".to_owned())
                }
                Verdict::Delivered => Checked::GoOn(Found::new()),
                Verdict::Again(reason) => Checked::Again(reason),
                Verdict::Final(reason) => Checked::Final(reason),
            };
        };
        match rule.means {
            Means::GoOn | Means::Delivered => rule.values(&with_item(&values, item)),
            Means::Skip => Checked::Skip(rule.reason.clone()),
            Means::Again => Checked::Again(rule.reason.clone()),
            Means::Final => Checked::Final(rule.reason.clone()),
        }
    }

    /// Whether the export may turn out to be one that the merchant knows of.
    pub(super) fn can_skip(&self) -> bool {
        self.rules.iter().any(|rule| rule.means == Means::Skip)
    }

    /// The names of what is found.
    pub(super) fn finds(&self) -> impl Iterator<Item = &str> {
        let found = self.rules.iter().flat_map(|rule| &rule.found);
        found.map(|(name, _)| name.as_str())
    }

    fn first(&self, values: &Value) -> Option<(&Rule, Option<serde_json::Value>)> {
        self.rules
            .iter()
            .find_map(|rule| Some((rule, rule.item(values)?)))
    }
}

impl Rule {
    fn read(
        value: &toml::Value,
        of: Of,
        globals: &Globals,
        known: &[&str],
    ) -> Result<Self, (String, String)> {
        let whole = |words: String| (String::new(), words);
        let table: RuleTable = value
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| whole(error.message().to_owned()))?;
        let may = match of {
            Of::Export => table.means != Means::GoOn && table.means != Means::Skip,
            Of::Check => table.means != Means::Delivered,
        };
        if !may {
            let words = match of {
                Of::Export => "is \"delivered\", \"again\" or \"final\" for the export itself",
                Of::Check => "is \"go-on\", \"skip\", \"again\" or \"final\" for a check",
            };
            return Err((".is".to_owned(), words.to_owned()));
        }
        let goes_on = matches!(table.means, Means::Delivered | Means::GoOn);
        if table.reason.is_none() && !goes_on {
            return Err((
                ".reason".to_owned(),
                "says why, for the people who will ask".to_owned(),
            ));
        }
        if !table.found.is_empty() && table.means != Means::GoOn {
            let words = "is for a rule by which the export goes on (`is = \"go-on\"`)";
            return Err((".found".to_owned(), words.to_owned()));
        }
        let compile = |key: &str, source: &String| {
            Expression::compile(source, globals, known).map_err(|wrong| (format!(".{key}"), wrong))
        };
        let mut found = Vec::with_capacity(table.found.len());
        for (name, source) in &table.found {
            found.push((name.clone(), compile("found", source)?));
        }
        Ok(Self {
            any: table
                .any
                .as_ref()
                .map(|any| compile("any", any))
                .transpose()?,
            when: table
                .when
                .as_ref()
                .map(|when| compile("when", when))
                .transpose()?,
            means: table.means,
            reason: table.reason.unwrap_or_default(),
            found,
        })
    }

    /// The item for which it holds, if it does; nothing of a rule that asks of no items.
    #[expect(clippy::option_option, reason = "whether it holds, and for what")]
    fn item(&self, values: &Value) -> Option<Option<serde_json::Value>> {
        let holds = |values: &Value| self.when.as_ref().is_none_or(|when| when.holds(values));
        let Some(any) = &self.any else {
            return holds(values).then_some(None);
        };
        let serde_json::Value::Array(items) = any.gives(values).ok()? else {
            return None;
        };
        let mut items = items.into_iter();
        items
            .find(|item| holds(&with_item(values, Some(item.clone()))))
            .map(Some)
    }

    fn values(&self, values: &Value) -> Checked {
        let value = |(name, expression): &(String, Expression)| match expression.gives(values) {
            Ok(value) if !value.is_null() => Ok((name.clone(), value)),
            _ => Err(format!("the answer has no {name}")),
        };
        let found: Result<Found, String> = self.found.iter().map(value).collect();
        found.map_or_else(Checked::Final, Checked::GoOn)
    }
}

fn values_of(answer: &Answer, told: Value) -> Value {
    let json: Option<serde_json::Value> = serde_json::from_str(&answer.body).ok();
    let json = json.map_or(Value::UNDEFINED, |json| Value::from(Serde(json)));
    let of_answer = context! {
        status => answer.status,
        answer => json,
        text => &answer.body,
    };
    if told.is_none() {
        of_answer
    } else {
        context! { ..of_answer, ..told }
    }
}

fn with_item(values: &Value, item: Option<serde_json::Value>) -> Value {
    match item {
        None => values.clone(),
        Some(item) => context! { item => Value::from(Serde(item)), ..values.clone() },
    }
}

/// What a status means by itself: that a merchant is busy, is not well or has moved may pass; that it does
/// not want the request does not.
fn by_status(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        408 | 425 | 429 => Verdict::Again(format!("status {status}")),
        400..=499 => Verdict::Final(format!("status {status}")),
        _ => Verdict::Again(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str, of: Of) -> Result<Rules, Vec<(String, String)>> {
        let table = format!("it = {text}").parse::<toml::Table>().unwrap();
        Rules::read(
            &table["it"],
            "answer",
            of,
            &Globals::default(),
            &["spend_amount"],
        )
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: body.to_owned(),
        }
    }

    #[test]
    fn without_a_rule_the_status_decides() {
        let rules = Rules::default();
        for (status, verdict) in [
            (200, "delivered"),
            (204, "delivered"),
            (301, "again"),
            (400, "final"),
            (404, "final"),
            (408, "again"),
            (429, "again"),
            (500, "again"),
            (503, "again"),
            (999, "again"),
        ] {
            let found = match rules.judge(&answer(status, "{}")) {
                Verdict::Delivered => "delivered",
                Verdict::Again(_) => "again",
                Verdict::Final(_) => "final",
            };
            assert_eq!(found, verdict, "{status}");
        }
    }

    #[test]
    fn an_answer_of_another_form_is_one_to_which_no_rule_holds() {
        let rules = rules(
            r#"[{ when = "answer.a.b[0].c | minor > 5", is = "final", reason = "five" }]"#,
            Of::Export,
        )
        .unwrap();
        for body in [
            "",
            "<html>",
            "[]",
            "null",
            "7",
            r#"{"a": {"b": 3}}"#,
            r#"{"a": {"b": [{"c": "x"}]}}"#,
        ] {
            assert_eq!(
                rules.judge(&answer(200, body)),
                Verdict::Delivered,
                "{body}"
            );
        }
        let body = r#"{"a": {"b": [{"c": "1.00"}]}}"#;
        assert_eq!(
            rules.judge(&answer(200, body)),
            Verdict::Final("five".into())
        );
    }

    #[test]
    fn a_check_goes_through_items_and_brings_what_it_found() {
        let rules = rules(
            r#"[
                { any = "answer.seen", when = "item.minor == spend_amount", is = "skip", reason = "duplicate" },
                { any = "answer.wallet", when = "item.points is defined", is = "go-on", found = { token = "item.code" } },
                { is = "final", reason = "no voucher" },
            ]"#,
            Of::Check,
        )
        .unwrap();
        let told = || context! { spend_amount => 1099 };
        let check = |body: &str| rules.check(&answer(200, body), told());
        assert_eq!(
            check(r#"{"seen": [{"minor": 1}, {"minor": 1099}]}"#),
            Checked::Skip("duplicate".into())
        );
        let Checked::GoOn(found) =
            check(r#"{"seen": [], "wallet": [{"code": "no"}, {"points": 0, "code": "v-1"}]}"#)
        else {
            panic!("it goes on");
        };
        assert_eq!(found["token"], "v-1");
        assert_eq!(check("{}"), Checked::Final("no voucher".into()));
        let nothing = check(r#"{"wallet": [{"points": 0}]}"#);
        assert_eq!(nothing, Checked::Final("the answer has no token".into()));
    }

    #[test]
    fn a_check_that_cannot_be_read_is_asked_again() {
        let rules = rules(
            r#"[{ any = "answer.seen", is = "skip", reason = "duplicate" }]"#,
            Of::Check,
        )
        .unwrap();
        let check = |status, body: &str| rules.check(&answer(status, body), context! {});
        assert_eq!(
            check(200, "<html>"),
            Checked::Again("the answer is no JSON".into())
        );
        assert_eq!(check(503, ""), Checked::Again("status 503".into()));
        assert_eq!(check(404, ""), Checked::Final("status 404".into()));
        assert_eq!(check(200, "{}"), Checked::GoOn(Found::new()));
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said_by_its_key() {
        for (text, of, key, words) in [
            ("5", Of::Export, "answer", "list of rules"),
            (
                r#"[{ is = "maybe" }]"#,
                Of::Export,
                "answer[0]",
                "unknown variant",
            ),
            (
                r#"[{ is = "skip", reason = "x" }]"#,
                Of::Export,
                "answer[0].is",
                "for the export itself",
            ),
            (
                r#"[{ is = "delivered" }]"#,
                Of::Check,
                "answer[0].is",
                "for a check",
            ),
            (
                r#"[{ is = "again" }]"#,
                Of::Check,
                "answer[0].reason",
                "says why",
            ),
            (
                r#"[{ when = "answr.x", is = "delivered" }]"#,
                Of::Export,
                "answer[0].when",
                "no answr",
            ),
            (
                r#"[{ when = "spend_amount", is = "delivered" }]"#,
                Of::Export,
                "answer[0].when",
                "no spend_amount",
            ),
            (
                r#"[{ when = "1 +", is = "delivered" }]"#,
                Of::Export,
                "answer[0].when",
                "syntax error",
            ),
            (
                r#"[{ is = "skip", reason = "x", found = { a = "item" } }]"#,
                Of::Check,
                "answer[0].found",
                "goes on",
            ),
        ] {
            let mistakes = rules(text, of).err().unwrap();
            assert_eq!(mistakes[0].0, key, "{mistakes:?}");
            assert!(mistakes[0].1.contains(words), "{mistakes:?}");
        }
    }
}
