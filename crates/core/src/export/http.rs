//! How a merchant is told over HTTP: what is asked before, what is sent, what its answer means, and how
//! much of it the merchant bears.
//!
//! ```toml
//! [export]
//! kind         = "single"
//! destination  = { kind = "http", url = "{{ secret('shop-url') }}/transactions" }
//! body         = '{"id": {{ transaction_id | tojson }}}'
//! answer       = [ { when = "answer.error == 'busy'", is = "again", reason = "busy" } ]
//! retry        = ["20m", { daily = "10:00", times = 6 }]
//! dedup_window = "24h"
//! concurrency  = 4
//! ```

use super::filters::Globals;
use super::judge::{Of, Rules};
use super::mistake;
use super::request::Request;
use super::sending::{Compiling, Sending, SendingTable};
use super::template::{Expression, Place, Template, secret_mark};
use super::timing::{Retry, length_us};
use crate::time::Zone;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a merchant is told.
#[derive(Clone)]
pub struct Http {
    /// For how long the merchant knows a key again. Within it a request that may have arrived can be sent
    /// once more with the same key and bytes; without it never by itself.
    pub dedup_window: Option<Duration>,
    /// How much of it the merchant bears.
    pub limits: Limits,
    /// When it is tried again.
    pub retry: Retry,
    /// What is asked before the export is sent, in this order.
    pub checks: Vec<Check>,
    pub(super) main: Sending,
    pub(super) answer: Rules,
    pub(super) failover: Vec<(String, String)>,
}

/// How much a merchant bears, and when it is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests at a time.
    pub concurrency: u32,
    /// Requests a second, where there is a limit.
    pub per_second: Option<u32>,
    /// After so many failures in a row it is left alone for a while.
    pub breaker_failures: u32,
    /// For how long, until one request is tried.
    pub breaker_rest: Duration,
    /// After so long of nothing but failures it is told nothing more until a person says so.
    pub disable_after: Duration,
}

/// Something that is asked of the merchant before an export is sent.
#[derive(Clone)]
pub struct Check {
    /// What people call it.
    pub name: String,
    /// Which exports it is asked for; all of them where it does not say.
    pub(super) when: Option<Expression>,
    pub(super) sending: Sending,
    pub(super) body: Option<Template>,
    pub(super) rules: Rules,
}

impl Check {
    /// Whether it shows if the merchant has an export already: then what may have arrived can be asked
    /// about before it is sent again.
    pub fn is_history(&self) -> bool {
        self.rules.can_skip()
    }
}

/// How a check is written, beside its request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckTable {
    name: String,
    when: Option<String>,
    request: SendingTable,
    body: Option<String>,
    answer: Option<toml::Value>,
}

/// The keys of `[export]` that only something told over HTTP has.
pub(super) const KEYS: [&str; 9] = [
    "answer",
    "checks",
    "concurrency",
    "dedup_window",
    "disable_after",
    "failover",
    "per_second",
    "breaker",
    "retry",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerTable {
    failures: u32,
    rest: String,
}

/// What an `[export]` of this kind is compiled with.
pub(super) struct With<'a> {
    pub(super) zone: &'a Zone,
    pub(super) globals: &'a Globals,
    /// The names by which an export tells of itself, and `found`.
    pub(super) known: &'a [&'a str],
    /// What may be asked before; a batch asks nothing.
    pub(super) is_batch: bool,
}

impl Http {
    /// Compiles what `[export]` says of how it is told over HTTP.
    pub(super) fn compile(
        table: &toml::Table,
        request: toml::Table,
        with: &With<'_>,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut mistakes = Vec::new();
        let main = sending(request, "destination", with)
            .map_err(|found| mistakes.extend(found))
            .ok();
        let mut read = Reader {
            table,
            mistakes: &mut mistakes,
        };
        let retry = read.or_default("retry", |value| Retry::read(value, with.zone));
        let dedup_window = read.or_default("dedup_window", |value| length(value).map(Some));
        let disable_after = read.or("disable_after", Duration::from_secs(5 * 86_400), length);
        let concurrency = read.or("concurrency", 8, |value| count(value, 1_000));
        let per_second = read.or_default("per_second", |value| count(value, 100_000).map(Some));
        let breaker = read.or("breaker", (10, Duration::from_secs(30)), breaker);
        let failover = read.or_default("failover", failover);
        let answer = table.get("answer").map_or(Ok(Rules::default()), |value| {
            Rules::read(value, "answer", Of::Export, with.globals, with.known)
        });
        let answer = answer
            .map_err(|found| mistakes.extend(found))
            .unwrap_or_default();
        let checks = checks(table, with)
            .map_err(|found| mistakes.extend(found))
            .unwrap_or_default();
        match main {
            Some(main) if mistakes.is_empty() => Ok(Self {
                dedup_window,
                limits: Limits {
                    concurrency,
                    per_second,
                    breaker_failures: breaker.0,
                    breaker_rest: breaker.1,
                    disable_after,
                },
                retry,
                checks,
                main,
                answer,
                failover,
            }),
            _ => Err(mistakes),
        }
    }

    /// The same request to the merchant's other address, with that one's secrets: for one that did not
    /// reach the first at all. `None` where there is no other.
    pub fn failover(&self, request: &Request) -> Option<Request> {
        if self.failover.is_empty() {
            return None;
        }
        let other = |text: &str| {
            let mut text = text.to_owned();
            for (name, other) in &self.failover {
                text = text.replace(&secret_mark(name), &secret_mark(other));
            }
            text
        };
        let name = |name: &str| {
            let other = self.failover.iter().find(|(of, _)| of == name);
            other.map_or(name, |(_, other)| other).to_owned()
        };
        Some(Request {
            method: request.method,
            url: other(&request.url),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), other(value)))
                .collect(),
            body: request.body.as_deref().map(other),
            auth: request.auth.with_texts(&other, &name),
            within: request.within,
        })
    }
}

fn sending(
    table: toml::Table,
    key: &str,
    with: &With<'_>,
) -> Result<Sending, Vec<(String, String)>> {
    let table: SendingTable =
        toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| {
                let example =
                    "{ kind = \"http\", url = \"{{ secret('shop-url') }}/transactions\" }";
                vec![mistake(
                    key,
                    format!("{}: as in {example}", error.message()),
                )]
            })?;
    let compiling = Compiling {
        globals: with.globals,
        known: with.known,
    };
    Sending::compile(table, &compiling).map_err(|found| below(key, found))
}

fn below(key: &str, found: Vec<(String, String)>) -> Vec<(String, String)> {
    found
        .into_iter()
        .map(|(inner, words)| (format!("{key}.{inner}"), words))
        .collect()
}

fn checks(table: &toml::Table, with: &With<'_>) -> Result<Vec<Check>, Vec<(String, String)>> {
    let Some(value) = table.get("checks") else {
        return Ok(Vec::new());
    };
    let wanted = "is a list of tables, as in [[export.checks]]";
    let values = value
        .as_array()
        .ok_or_else(|| vec![mistake("checks", wanted)])?;
    if with.is_batch {
        return Err(vec![mistake(
            "checks",
            "is for single exports: a batch asks of nobody",
        )]);
    }
    let mut mistakes = Vec::new();
    let mut compiled = Vec::new();
    for (at, value) in values.iter().enumerate() {
        match check(value, &format!("checks[{at}]"), with) {
            Ok(check) => compiled.push(check),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() {
        Ok(compiled)
    } else {
        Err(mistakes)
    }
}

fn check(value: &toml::Value, key: &str, with: &With<'_>) -> Result<Check, Vec<(String, String)>> {
    let table: CheckTable = value
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| vec![mistake(key, error.message())])?;
    let mut mistakes = Vec::new();
    let compiling = Compiling {
        globals: with.globals,
        known: with.known,
    };
    let sending = Sending::compile(table.request, &compiling);
    let sending = sending
        .map_err(|found| mistakes.extend(below(&format!("{key}.request"), found)))
        .ok();
    let body = table
        .body
        .as_deref()
        .map(|body| Template::compile("body", body, Place::Document, with.globals, with.known));
    let body = body
        .transpose()
        .map_err(|wrong| mistakes.push((format!("{key}.body"), wrong)))
        .ok();
    let when = table
        .when
        .as_deref()
        .map(|when| Expression::compile(when, with.globals, with.known));
    let when = when
        .transpose()
        .map_err(|wrong| mistakes.push((format!("{key}.when"), wrong)))
        .ok();
    let rules = table.answer.as_ref().map_or(Ok(Rules::default()), |rules| {
        Rules::read(
            rules,
            &format!("{key}.answer"),
            Of::Check,
            with.globals,
            with.known,
        )
    });
    let rules = rules.map_err(|found| mistakes.extend(found)).ok();
    if let (Some(sending), Some(body)) = (&sending, &body)
        && sending.has_body() != body.is_some()
    {
        let words = "belongs to a method that tells something, and to each of those: GET and DELETE have none";
        mistakes.push((format!("{key}.body"), words.to_owned()));
    }
    match (sending, body, when, rules) {
        (Some(sending), Some(body), Some(when), Some(rules)) if mistakes.is_empty() => Ok(Check {
            name: table.name,
            when,
            sending,
            body,
            rules,
        }),
        _ => Err(mistakes),
    }
}

/// Reads single keys of a table.
struct Reader<'a> {
    table: &'a toml::Table,
    mistakes: &'a mut Vec<(String, String)>,
}

impl Reader<'_> {
    fn or<T>(
        &mut self,
        key: &str,
        otherwise: T,
        read: impl FnOnce(&toml::Value) -> Result<T, String>,
    ) -> T {
        let read = self.table.get(key).map(read).transpose();
        match read {
            Ok(value) => value.unwrap_or(otherwise),
            Err(wrong) => {
                self.mistakes.push(mistake(key, wrong));
                otherwise
            }
        }
    }

    fn or_default<T: Default>(
        &mut self,
        key: &str,
        read: impl FnOnce(&toml::Value) -> Result<T, String>,
    ) -> T {
        self.or(key, T::default(), read)
    }
}

fn length(value: &toml::Value) -> Result<Duration, String> {
    let length_us = length_us(value.as_str().unwrap_or_default())?;
    Ok(Duration::from_micros(length_us.unsigned_abs()))
}

fn count(value: &toml::Value, most: u32) -> Result<u32, String> {
    let count = value
        .as_integer()
        .and_then(|count| u32::try_from(count).ok());
    count
        .filter(|count| (1..=most).contains(count))
        .ok_or_else(|| format!("must be from 1 to {most}"))
}

fn breaker(value: &toml::Value) -> Result<(u32, Duration), String> {
    let wanted = "must be such as { failures = 10, rest = \"30s\" }";
    let table: BreakerTable = value.clone().try_into().map_err(|_| wanted.to_owned())?;
    if table.failures == 0 {
        return Err(wanted.to_owned());
    }
    Ok((table.failures, length(&table.rest.into())?))
}

fn failover(value: &toml::Value) -> Result<Vec<(String, String)>, String> {
    let wanted =
        "must say by which secrets others are replaced, as in { shop-url = \"shop-failover-url\" }";
    let table: BTreeMap<String, String> =
        value.clone().try_into().map_err(|_| wanted.to_owned())?;
    for name in table.iter().flat_map(|(name, other)| [name, other]) {
        check_secret_name(name)?;
    }
    Ok(table.into_iter().collect())
}

/// # Errors
/// Where a text cannot be the name of a secret.
pub(super) fn check_secret_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.is_empty() && name.len() <= 100 && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!(
        "{name:?} is not the name of a secret: use lower-case letters, digits and hyphens"
    ))
}
