//! The secrets an agent file names, and the ids that one of them salts.

use super::filters::Encoder;
use super::http::check_secret_name;
use super::template::{SECRET, secret_mark};
use super::{ExportTransaction, mistake};
use harsh::{Harsh, HarshBuilder};
use minijinja::Value;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Where a secret that a value is computed from is had, by its name; `None` where there is none. All other
/// secrets are put in at the moment of sending, and are not asked for here.
pub type Secrets<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// No secrets: what is computed from one shows its mark instead.
pub fn no_secrets(_: &str) -> Option<String> {
    None
}

/// How numbers become ids that do not show them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hashids {
    /// The name of the secret that salts them.
    pub(super) salt: String,
    #[serde(default)]
    min_length: usize,
    #[serde(default = "letters_and_digits")]
    alphabet: String,
}

fn letters_and_digits() -> String {
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890".to_owned()
}

/// The longest an id is made.
const MOST_LENGTH: usize = 200;

impl Hashids {
    pub(super) fn read(value: &toml::Value) -> Result<Self, String> {
        let wanted =
            "must be such as { salt = \"shop-salt\", min_length = 32, alphabet = \"abc…\" }";
        let ids: Self = value
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| format!("{}: it {wanted}", error.message()))?;
        check_secret_name(&ids.salt)?;
        if ids.min_length > MOST_LENGTH {
            return Err(format!("min_length must be at most {MOST_LENGTH}"));
        }
        if !ids.alphabet.is_ascii() {
            return Err("the alphabet must be ASCII".to_owned());
        }
        ids.salted("check").map(|_| ids)
    }

    /// What makes ids, with its salt where there is one.
    pub(super) fn encoder(&self, secrets: &Secrets<'_>) -> Result<Value, String> {
        let encoder = match secrets(&self.salt) {
            Some(salt) => Encoder::Ready(Box::new(self.salted(&salt)?)),
            None => Encoder::Lacks(secret_mark(&self.salt)),
        };
        Ok(Value::from_object(encoder))
    }

    fn salted(&self, salt: &str) -> Result<Harsh, String> {
        let builder = HarshBuilder::new()
            .salt(salt)
            .length(self.min_length)
            .alphabet(self.alphabet.as_str());
        builder
            .build()
            .map_err(|error| format!("the alphabet cannot be used: {error}"))
    }
}

/// The secrets that a table names: those its texts ask `secret('…')` for, and those whose keys hold a name.
pub(super) fn named_in(table: &toml::Table) -> Result<BTreeSet<String>, Vec<(String, String)>> {
    let mut names = BTreeSet::new();
    let mut mistakes = Vec::new();
    collect(
        "",
        &toml::Value::Table(table.clone()),
        &mut names,
        &mut mistakes,
    );
    if mistakes.is_empty() {
        Ok(names)
    } else {
        Err(mistakes)
    }
}

fn collect(
    key: &str,
    value: &toml::Value,
    names: &mut BTreeSet<String>,
    mistakes: &mut Vec<(String, String)>,
) {
    match value {
        toml::Value::String(text) => match asked_for(text) {
            Ok(found) => names.extend(found),
            Err(wrong) => mistakes.push(mistake(key, wrong)),
        },
        toml::Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                collect(&format!("{key}[{at}]"), value, names, mistakes);
            }
        }
        toml::Value::Table(table) => {
            for (inner, value) in table {
                let dot = if key.is_empty() { "" } else { "." };
                collect(&format!("{key}{dot}{inner}"), value, names, mistakes);
            }
            let kind = table.get("kind").and_then(toml::Value::as_str);
            let holder = match kind {
                Some("rsa-signed") => table.get("key"),
                Some("hashed" | "sftp") => table.get("secret"),
                _ => None,
            };
            names.extend(holder.and_then(toml::Value::as_str).map(str::to_owned));
        }
        _ => {}
    }
}

/// The names in a template's `secret('…')`: each must stand there, so that it is known without rendering
/// what is missing.
fn asked_for(text: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for rest in text.split("secret(").skip(1) {
        let rest = rest.trim_start();
        let quote = rest
            .chars()
            .next()
            .filter(|quote| matches!(quote, '\'' | '"'));
        let name = quote.and_then(|quote| rest[1..].split_once(quote));
        let (name, behind) =
            name.ok_or("a secret is asked for by its name, as in secret('shop-token')")?;
        if !behind.trim_start().starts_with(')') {
            return Err("a secret is asked for by its name, as in secret('shop-token')".to_owned());
        }
        check_secret_name(name)?;
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Whether something that came from outside holds what would be taken for the mark of a secret.
pub(super) fn holds_a_mark(transaction: &ExportTransaction, found: &super::Found) -> bool {
    let text = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
    text(serde_json::to_string(transaction)).contains(SECRET)
        || text(serde_json::to_string(found)).contains(SECRET)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Result<Hashids, String> {
        let table = format!("it = {text}").parse::<toml::Table>().unwrap();
        Hashids::read(&table["it"])
    }

    /// Of the examples that the makers of hashids publish.
    #[test]
    fn ids_are_those_of_the_published_vectors() {
        let plain = ids(r#"{ salt = "s" }"#).unwrap();
        let long = ids(r#"{ salt = "s", min_length = 8 }"#).unwrap();
        assert_eq!(
            plain.salted("this is my salt").unwrap().encode(&[12345]),
            "NkK9"
        );
        assert_eq!(
            long.salted("this is my salt").unwrap().encode(&[1]),
            "gB0NV05e"
        );
    }

    #[test]
    fn an_alphabet_that_gives_no_ids_is_refused() {
        for (text, words) in [
            (r#"{ salt = "s", alphabet = "abc" }"#, "cannot be used"),
            (r#"{ salt = "s", alphabet = "äöü" }"#, "ASCII"),
            (r#"{ salt = "s", min_length = 2000 }"#, "at most 200"),
            (r#"{ salt = "S!" }"#, "not the name of a secret"),
            (r#"{ min_length = 3 }"#, "missing field"),
        ] {
            let wrong = ids(text).unwrap_err();
            assert!(wrong.contains(words), "{text}: {wrong}");
        }
    }

    #[test]
    fn every_secret_that_is_named_is_known() {
        let table: toml::Table = r#"
            url = "{{ secret('shop-url') }}/x/{{ secret( 'shop-path' ) }}"
            auth = { kind = "hashed", header = "X", secret = "shop-hash" }
            checks = [ { body = "{{ secret('shop-user') }}" } ]
        "#
        .parse()
        .unwrap();
        let names: Vec<String> = named_in(&table).unwrap().into_iter().collect();
        assert_eq!(names, ["shop-hash", "shop-path", "shop-url", "shop-user"]);
        for text in ["secret(name)", "secret('a' ~ b)", "secret('A')", "secret('"] {
            let table = toml::Table::from_iter([("url".to_owned(), text.into())]);
            assert_eq!(named_in(&table).unwrap_err()[0].0, "url", "{text}");
        }
    }
}
