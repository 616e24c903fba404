//! Secrets put in where their marks stand, by the rules of the place, and taken out again of all that is
//! shown.

use harmonia_core::secret::Secret;
use harmonia_journey::ports::{SecretError, Secrets};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How the mark of a secret begins; its name and a `>` follow.
const MARK: &str = "<secret:";
/// What stands as it is in a part of an address or a form (RFC 3986).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// A secret that was read counts for so long: one that is exchanged counts within it.
const FRESH: Duration = Duration::from_secs(5);
/// What is shorter stands in answers by chance, and would be taken out of numbers and words.
const HIDDEN_BYTES: usize = 6;

/// Where a secret is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A part of an address, or of a form.
    Encoded,
    /// A text within JSON.
    Json,
    /// Where it stands as it is.
    Plain,
}

/// Secrets as they were read a moment ago.
pub struct Vault {
    secrets: Arc<dyn Secrets>,
    read: Mutex<HashMap<String, (Instant, Secret)>>,
}

impl Vault {
    /// Over where they are kept.
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self {
            secrets,
            read: Mutex::default(),
        }
    }

    /// The secret of a name.
    ///
    /// # Errors
    /// [`SecretError`] when it cannot be had.
    pub async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
        if let Some((since, secret)) = self.read().get(name)
            && since.elapsed() < FRESH
        {
            return Ok(secret.clone());
        }
        let secret = self.secrets.secret(name).await?;
        let read = (Instant::now(), secret.clone());
        self.read().insert(name.to_owned(), read);
        Ok(secret)
    }

    fn read(&self) -> MutexGuard<'_, HashMap<String, (Instant, Secret)>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was put into one request, so that it can be taken out of what comes of it.
#[derive(Default)]
pub struct PutIn {
    /// Texts to hide, and what is shown for each.
    hidden: Vec<(String, String)>,
}

impl PutIn {
    /// Hides a text in every way in which it may be written.
    pub fn hide(&mut self, text: &str, name: &str) {
        if text.len() < HIDDEN_BYTES {
            return;
        }
        let shown = format!("{MARK}{name}>");
        let mut forms = vec![text.to_owned(), encoded(text), in_json(text)];
        forms.dedup();
        self.hidden
            .extend(forms.into_iter().map(|form| (form, shown.clone())));
        // What holds another goes first.
        self.hidden
            .sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
    }

    /// A text without what was put in.
    pub fn masked(&self, text: String) -> String {
        let hide = |text: String, (form, shown): &(String, String)| match text.contains(form) {
            true => text.replace(form, shown),
            false => text,
        };
        self.hidden.iter().fold(text, hide)
    }
}

/// A text with its secrets.
///
/// # Errors
/// Says which secret cannot be had.
pub async fn fill(
    text: &str,
    place: Place,
    vault: &Vault,
    put_in: &mut PutIn,
) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (before, mark) = rest.split_at(at);
        filled.push_str(before);
        let Some(name) = name_of(mark) else {
            filled.push_str(MARK);
            rest = &mark[MARK.len()..];
            continue;
        };
        let secret = vault
            .secret(name)
            .await
            .map_err(|error| error.to_string())?;
        put_in.hide(secret.reveal(), name);
        filled.push_str(&match place {
            Place::Encoded => encoded(secret.reveal()),
            Place::Json => in_json(secret.reveal()),
            Place::Plain => secret.reveal().to_owned(),
        });
        rest = &mark[MARK.len() + name.len() + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The name in a mark; `None` where it only begins like one.
fn name_of(mark: &str) -> Option<&str> {
    let (name, _) = mark.strip_prefix(MARK)?.split_once('>')?;
    let lawful = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    (!name.is_empty() && name.chars().all(lawful)).then_some(name)
}

/// A text as it stands in a part of an address.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// A text as it stands between the quotes of JSON.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;

    struct One;

    #[async_trait]
    impl Secrets for One {
        async fn secret(&self, name: &str) -> Result<Secret, SecretError> {
            match name {
                "key" => Ok(Secret::new("a \"b\"/<secret:key>")),
                _ => Err(SecretError::Missing(format!("there is no secret {name}"))),
            }
        }
    }

    #[tokio::test]
    async fn each_place_has_its_rules_and_nothing_is_put_in_twice() {
        let vault = Vault::new(Arc::new(One));
        let mut put_in = PutIn::default();
        for (place, expected) in [
            (Place::Plain, "x a \"b\"/<secret:key> y <secret:"),
            (Place::Json, "x a \\\"b\\\"/<secret:key> y <secret:"),
            (
                Place::Encoded,
                "x a%20%22b%22%2F%3Csecret%3Akey%3E y <secret:",
            ),
        ] {
            let text = "x <secret:key> y <secret:";
            let filled = fill(text, place, &vault, &mut put_in).await.unwrap();
            assert_eq!(filled, expected);
            assert_eq!(put_in.masked(filled), "x <secret:key> y <secret:");
        }
        let literal = "<secret:> <secret:a b> <secret:key";
        let filled = fill(literal, Place::Plain, &vault, &mut put_in).await;
        assert_eq!(filled.unwrap(), literal);
        let missing = fill("<secret:other>", Place::Plain, &vault, &mut put_in).await;
        assert_eq!(missing.unwrap_err(), "there is no secret other");
    }
}
