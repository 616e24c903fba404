//! What a template can do with a value: the filters and functions of exports.
//!
//! What is not known stays unknown: a filter gives nothing for nothing, so that a field that is null is
//! written as null and never as the digest or the date of nothing.

use super::rates::Rates;
use super::template::secret_mark;
use super::transaction::unkeyed;
use crate::money::{Major, parse_major};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harsh::Harsh;
use minijinja::value::{Kwargs, Object, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;
use uuid::Uuid;

/// What the functions of one agent file know beside the export.
#[derive(Clone, Default)]
pub(super) struct Globals {
    /// The points for a unit of money.
    pub(super) rates: Option<Arc<Rates>>,
}

/// The name by which templates are given the encoder of ids; nobody can write it.
pub(super) const ENCODER: &str = "hashids encoder";

/// Turns numbers into ids, or into the mark of the secret that it lacks.
#[derive(Debug)]
pub(super) enum Encoder {
    /// With its salt.
    Ready(Box<Harsh>),
    /// Without: the mark of its secret.
    Lacks(String),
}

impl Object for Encoder {}

pub(super) fn add(environment: &mut Environment<'static>, globals: &Globals) {
    environment.add_filter("major", major);
    environment.add_filter("minor", minor);
    environment.add_filter("whole", whole);
    environment.add_filter("date", date);
    environment.add_filter("epoch", epoch);
    environment.add_filter("seconds_from", seconds_from);
    environment.add_filter("sha1", |value: &Value| {
        of_text(value, |text| hex(&Sha1::digest(text)))
    });
    environment.add_filter("sha256", |value: &Value| {
        of_text(value, |text| hex(&Sha256::digest(text)))
    });
    environment.add_filter("base64", |value: &Value| {
        of_text(value, |text| STANDARD.encode(text))
    });
    environment.add_filter("words", words);
    environment.add_filter("hashids", hashids);
    environment.add_function("secret", |name: &str| {
        Value::from_safe_string(secret_mark(name))
    });
    environment.add_function("uid", uid);
    if let Some(rates) = globals.rates.clone() {
        environment.add_function("rate", move |state: &State| -> Result<i64, Error> {
            let moment = state.lookup("transaction_date").unwrap_or_default();
            let instant = instant(moment.as_str().unwrap_or_default())?;
            rates
                .at(crate::time::Instant(instant.as_microsecond()))
                .map_err(wrong)
        });
    }
}

fn wrong(words: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, words.into())
}

fn is_nothing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

/// What a function makes of a text, or of a number as it is written.
fn of_text(value: &Value, make: impl FnOnce(&[u8]) -> String) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(Value::from(())),
        ValueKind::String => Ok(make(value.as_str().unwrap_or_default().as_bytes()).into()),
        ValueKind::Number => Ok(make(value.to_string().as_bytes()).into()),
        kind => Err(wrong(format!("a {kind} is no text"))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a text cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn integer(value: &Value) -> Result<i64, Error> {
    i64::try_from(value.clone()).map_err(|_| wrong(format!("{value} is no whole number")))
}

/// Minor units as a decimal: `1099 | major` is `10.99`. Without its sign where `sign=false`, and without
/// zeros behind the point that add nothing where `padding=false`: `1`, `0.5`.
fn major(minor: &Value, options: Kwargs) -> Result<Value, Error> {
    let padding: Option<bool> = options.get("padding")?;
    let sign: Option<bool> = options.get("sign")?;
    options.assert_all_used()?;
    if is_nothing(minor) {
        return Ok(Value::from(()));
    }
    let minor = integer(minor)?;
    let mut text = Major(minor).to_string();
    if sign == Some(false) {
        text = text.trim_start_matches('-').to_owned();
    }
    if padding == Some(false) {
        text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    Ok(text.into())
}

/// A decimal as minor units: `"10.99" | minor` is 1099.
fn minor(major: &Value) -> Result<Value, Error> {
    if is_nothing(major) {
        return Ok(Value::from(()));
    }
    let text = major.to_string();
    let minor = parse_major(text.trim()).map_err(|error| wrong(format!("{text:?}: {error}")))?;
    Ok(minor.into())
}

/// Minor units as whole units, what is over cut off; with `round="half_up"`, half a unit and more counts
/// as one. Which sign it has changes nothing.
fn whole(minor: &Value, options: Kwargs) -> Result<Value, Error> {
    let round: Option<&str> = options.get("round")?;
    options.assert_all_used()?;
    let over = match round {
        None => 0,
        Some("half_up") => 50,
        Some(other) => {
            return Err(wrong(format!(
                "{other:?} is no way to round: there is \"half_up\""
            )));
        }
    };
    if is_nothing(minor) {
        return Ok(Value::from(()));
    }
    let minor = integer(minor)?;
    let units = minor.unsigned_abs().saturating_add(over) / 100;
    let units = i64::try_from(units).map_err(|_| wrong(format!("{minor} is too much")))?;
    Ok((units * minor.signum()).into())
}

/// A moment in words of the template's own: `transaction_date | date("%Y-%m-%d", timezone="UTC")`.
/// Without an offset it is UTC, and so is what is written where no zone is asked for.
fn date(moment: &Value, format: &str, options: Kwargs) -> Result<Value, Error> {
    let zone: Option<&str> = options.get("timezone")?;
    options.assert_all_used()?;
    let zone = match zone {
        None => jiff::tz::TimeZone::UTC,
        Some(name) => jiff::tz::TimeZone::get(name)
            .map_err(|error| wrong(format!("{name:?} is not a time zone: {error}")))?,
    };
    let Some(moment) = moment_of(moment)? else {
        return Ok(Value::from(()));
    };
    let told = jiff::fmt::strtime::format(format, &moment.to_zoned(zone))
        .map_err(|error| wrong(format!("{format:?} is not a format of dates: {error}")))?;
    Ok(told.into())
}

/// The seconds since 1970 of a moment, what is over cut off.
fn epoch(moment: &Value) -> Result<Value, Error> {
    let seconds = moment_of(moment)?.map(|moment| moment.as_microsecond().div_euclid(1_000_000));
    Ok(seconds.map_or(Value::from(()), Value::from))
}

/// How many seconds lie between two moments, whichever is first.
fn seconds_from(moment: &Value, other: &Value) -> Result<Value, Error> {
    let (Some(one), Some(other)) = (moment_of(moment)?, moment_of(other)?) else {
        return Ok(Value::from(()));
    };
    let between = one.as_microsecond().abs_diff(other.as_microsecond());
    Ok((between / 1_000_000).into())
}

fn moment_of(moment: &Value) -> Result<Option<jiff::Timestamp>, Error> {
    match moment.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(None),
        _ => instant(moment.as_str().unwrap_or_default()).map(Some),
    }
}

/// When a text says it was; without an offset, in UTC.
pub(super) fn instant(moment: &str) -> Result<jiff::Timestamp, Error> {
    let plain = || {
        let plain: jiff::civil::DateTime = moment.parse()?;
        Ok::<_, jiff::Error>(plain.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
    };
    let instant = moment.parse::<jiff::Timestamp>().or_else(|_| plain());
    instant.map_err(|_| wrong(format!("{moment:?} is not a date and time")))
}

/// A text in lower case, to look for words in it; nothing and what is no text have none.
fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}

/// A number as an id that does not show it.
fn hashids(state: &State, value: &Value) -> Result<Value, Error> {
    let encoder = state.lookup(ENCODER).unwrap_or_default();
    let Some(encoder) = encoder.downcast_object_ref::<Encoder>() else {
        return Err(wrong(
            "ids are not hashed here: `hashids` in [export] says how",
        ));
    };
    if is_nothing(value) {
        return Ok(Value::from(()));
    }
    let number = u64::try_from(value.clone())
        .map_err(|_| wrong(format!("{value} is no whole number from 0 on")))?;
    Ok(match encoder {
        Encoder::Ready(encoder) => encoder.encode(&[number]).into(),
        Encoder::Lacks(mark) => Value::from_safe_string(mark.clone()),
    })
}

/// A UUID that belongs to the export and never changes: `uid()` is its key, `uid("history")` another for
/// another purpose. Where it has no key yet, the scheme and the transaction stand for it.
fn uid(state: &State, purpose: Option<&str>) -> Result<String, Error> {
    let known = state.lookup("export_uid").unwrap_or_default();
    let key = match known.as_str() {
        Some(text) => text
            .parse()
            .map_err(|_| wrong(format!("{text:?} is no UUID")))?,
        None => {
            let of = |name: &str| state.lookup(name).unwrap_or_default();
            let (scheme, transaction) = (of("provider_slug"), of("transaction_id"));
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            unkeyed(&text(&scheme), &text(&transaction))
        }
    };
    Ok(purpose
        .map_or(key, |purpose| derived(key, purpose))
        .to_string())
}

/// A UUID of version 5: the same for the same key and purpose.
pub(super) fn derived(key: Uuid, purpose: &str) -> Uuid {
    let digest = Sha1::new()
        .chain_update(key.as_bytes())
        .chain_update(purpose)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_sha1_bytes(bytes).into_uuid()
}

/// A text as an address holds it: all but letters, digits, `-`, `.`, `_` and `~` percent-encoded.
pub(super) fn percent_encoded(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                encoded.push(char::from(byte));
            } else {
                // Writing to a text cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::template::environment;
    use minijinja::context;

    fn given(expression: &str) -> Result<String, String> {
        let environment = environment(&Globals::default());
        let compiled = environment.compile_expression(expression);
        let values = context! { nothing => (), provider_slug => "shop", transaction_id => "t" };
        let value = compiled.and_then(|expression| expression.eval(values));
        value
            .map(|value| value.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_filter_gives_what_its_page_says() {
        for (expression, wanted) in [
            ("1099 | major", "10.99"),
            ("-5 | major", "-0.05"),
            ("-5 | major(sign=false)", "0.05"),
            ("0 | major(padding=false)", "0"),
            ("100 | major(padding=false)", "1"),
            ("10000 | major(padding=false)", "100"),
            ("150 | major(padding=false)", "1.5"),
            ("'10.99' | minor", "1099"),
            ("10.5 | minor", "1050"),
            ("1099 | whole", "10"),
            ("-1099 | whole", "-10"),
            ("1050 | whole(round='half_up')", "11"),
            ("1049 | whole(round='half_up')", "10"),
            ("-1050 | whole(round='half_up')", "-11"),
            ("'2026-06-02' | date('%d/%m/%Y')", "02/06/2026"),
            (
                "'2026-10-25T01:30:00Z' | date('%H:%M', timezone='Europe/London')",
                "01:30",
            ),
            (
                "'2026-10-25T00:30:00Z' | date('%H:%M', timezone='Europe/London')",
                "01:30",
            ),
            ("'1969-12-31T23:59:59.5Z' | epoch", "-1"),
            (
                "'2026-06-02T01:00:00+01:00' | seconds_from('2026-06-02T00:00:07')",
                "7",
            ),
            ("'abc' | sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "'abc' | sha256",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            ("'foobar' | base64", "Zm9vYmFy"),
            ("'NOT Found' | words", "not found"),
            ("7 | words", ""),
            // Of the namespace of nil, as any other maker of version 5 has it.
            ("uid()", "9244f562-3b9d-56c9-8b2b-ac67fb34b867"),
        ] {
            assert_eq!(given(expression).as_deref(), Ok(wanted), "{expression}");
        }
        for filter in [
            "major",
            "minor",
            "whole",
            "date('%Y')",
            "epoch",
            "sha1",
            "sha256",
            "base64",
        ] {
            assert_eq!(
                given(&format!("nothing | {filter}")).as_deref(),
                Ok("None"),
                "{filter}"
            );
        }
    }

    #[test]
    fn what_a_filter_cannot_make_is_said() {
        for (expression, words) in [
            ("'x' | major", "no whole number"),
            ("'1,000.00' | minor", "not a plain decimal"),
            ("1 | whole(round='up')", "no way to round"),
            ("1 | whole(rund='up')", "rund"),
            ("-9223372036854775808 | whole", ""),
            ("'soon' | date('%Y')", "not a date and time"),
            (
                "'2026-06-02' | date('%Y', timezone='Mars')",
                "not a time zone",
            ),
            ("7 | epoch", "not a date and time"),
            ("[1] | sha1", "is no text"),
            ("1 | hashids", "ids are not hashed here"),
        ] {
            match given(expression) {
                Err(wrong) => assert!(wrong.contains(words), "{expression}: {wrong}"),
                Ok(given) => assert!(words.is_empty(), "{expression} gives {given}"),
            }
        }
    }
}
