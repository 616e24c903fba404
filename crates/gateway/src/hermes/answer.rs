//! What Hermes answers, read strictly: an answer that is not exactly what was asked for is none, and no
//! identity is made of one that is not exactly an identity.

use harmonia_core::card::{CardDigits, Digits};
use harmonia_core::identify::CardLink;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// The longest of a member's number, in bytes.
const MOST_LOYALTY_ID: usize = 255;
/// The longest of what is kept of credentials, in bytes.
const MOST_CREDENTIALS: usize = 16 * 1024;

/// What is said of the cards of one request.
#[derive(Debug, Default)]
pub struct Said<'a> {
    /// Whose each card is, of those that are known.
    pub links: HashMap<Cow<'a, str>, CardLink>,
    /// How many answers were none that can be used; and what is wrong with one of them.
    pub unusable: (usize, Option<String>),
}

/// Reads an answer about the tokens that were asked about.
///
/// # Errors
/// Says what is wrong with all of it, and nothing of what it holds.
pub fn read<'a>(body: &'a [u8], asked: &HashSet<&str>) -> Result<Said<'a>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "its answer is not UTF-8".to_owned())?;
    let Each(entries) =
        parse(text).map_err(|why| format!("its answer is no JSON of ours: {why}"))?;
    let mut said = Said::default();
    for (token, entry) in entries {
        // An answer that mixes up whom it is about is not believed in anything.
        if !asked.contains(token.as_ref()) {
            return Err("it answers about a card that it was not asked about".to_owned());
        }
        match link(entry.get()) {
            Ok(Some(link)) => {
                said.links.insert(token, link);
            }
            Ok(None) => {}
            Err(why) => said.unusable = (said.unusable.0 + 1, Some(why)),
        }
    }
    Ok(said)
}

/// JSON as a type. What serde says of an error may quote what it read, so only its place is told.
fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "it breaks off",
            serde_json::error::Category::Data => "a value is not what it must be",
            _ => "it is not well formed",
        };
        format!("{what} (line {}, column {})", error.line(), error.column())
    })
}

/// The values of an object by their keys, each of which is there once.
struct Each<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

impl<'de> Deserialize<'de> for Each<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Each<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = HashMap::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    if found.insert(key.0, map.next_value()?).is_some() {
                        return Err(A::Error::custom("a key stands twice"));
                    }
                }
                Ok(Each(found))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

/// A key, borrowed where it stands there as it is.
#[derive(Deserialize, PartialEq, Eq, Hash)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// What is known of one card, as it is written. Others may come to know more of it than we do.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct UserInfo<'a> {
    loyalty_id: Option<String>,
    scheme_account_id: Option<i64>,
    user_id: Option<i64>,
    #[serde(borrow)]
    credentials: Option<&'a RawValue>,
    payment_card_account_id: Option<i64>,
    #[serde(borrow)]
    card_information: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CardInformation {
    first_six: Option<String>,
    last_four: Option<String>,
    expiry_month: Option<i64>,
    expiry_year: Option<i64>,
}

/// Whose a card is; `None` where that is not known.
///
/// # Errors
/// Says which field is not what it must be.
fn link(text: &str) -> Result<Option<CardLink>, String> {
    let Some(info) = object_or_null::<UserInfo<'_>>(text)? else {
        return Ok(None);
    };
    let card = match info.card_information {
        Some(card) => object_or_null::<CardInformation>(card.get())?.unwrap_or_default(),
        None => CardInformation::default(),
    };
    Ok(Some(CardLink {
        loyalty_id: loyalty_id(info.loyalty_id)?.map(Into::into),
        user_id: positive("user_id", info.user_id)?,
        scheme_account_id: positive("scheme_account_id", info.scheme_account_id)?,
        payment_card_account_id: positive("payment_card_account_id", info.payment_card_account_id)?,
        digits: CardDigits {
            first_six: digits("first_six", card.first_six)?,
            last_four: digits("last_four", card.last_four)?,
        },
        expiry_month: within("expiry_month", card.expiry_month, 1, 12)?,
        expiry_year: within("expiry_year", card.expiry_year, 1970, 9999)?,
        credentials: info.credentials.map(credentials).transpose()?.flatten(),
    }))
}

/// What stands in an object. An array, which serde would read as the values in their order, is none.
fn object_or_null<'a, T: Deserialize<'a>>(text: &'a str) -> Result<Option<T>, String> {
    if text != "null" && !text.starts_with('{') {
        return Err("what it says of a card is no object".to_owned());
    }
    parse(text)
}

fn positive(name: &str, value: Option<i64>) -> Result<Option<i64>, String> {
    within(name, value, 1, i64::MAX)
}

fn within(name: &str, value: Option<i64>, least: i64, most: i64) -> Result<Option<i64>, String> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(format!("{name} is not a number that it can be"))
        }
        value => Ok(value),
    }
}

fn digits<const N: usize>(name: &str, text: Option<String>) -> Result<Option<Digits<N>>, String> {
    match text {
        None => Ok(None),
        Some(text) => match Digits::new(&text) {
            Some(digits) => Ok(Some(digits)),
            None => Err(format!("{name} is not {N} digits")),
        },
    }
}

fn loyalty_id(text: Option<String>) -> Result<Option<String>, String> {
    let text = text.unwrap_or_default();
    let is_whole = text.trim() == text && !text.contains(char::is_control);
    match text.len() {
        0 => Ok(None),
        length if length <= MOST_LOYALTY_ID && is_whole => Ok(Some(text)),
        _ => Err("loyalty_id is too long, or holds what no number does".to_owned()),
    }
}

/// Credentials are an object, or a text that holds one.
fn credentials(value: &RawValue) -> Result<Option<Box<str>>, String> {
    let unpacked;
    let text = match value.get() {
        "null" => return Ok(None),
        text if text.starts_with('"') => {
            unpacked = parse::<String>(text)?;
            unpacked.as_str()
        }
        text => text,
    };
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > MOST_CREDENTIALS {
        return Err("credentials are too long".to_owned());
    }
    // Each name once: of two numbers of one member, nobody could say which is meant.
    let Each(_) = parse(text).map_err(|why| format!("credentials are no object: {why}"))?;
    Ok(Some(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(entry: &str) -> Result<Option<CardLink>, String> {
        let body = format!(r#"{{"t": {entry}}}"#);
        let mut said = read(body.as_bytes(), &HashSet::from(["t"]))?;
        match said.unusable.1 {
            Some(why) => Err(why),
            None => Ok(said.links.remove("t")),
        }
    }

    #[test]
    fn a_whole_identity_and_what_may_be_missing() {
        let whole = r#"{"loyalty_id": "M1", "scheme_account_id": 2, "user_id": 3, "new": [1],
            "credentials": {"card_number": "9", "email": "a@b"}, "payment_card_account_id": 4,
            "card_information": {"first_six": "400000", "last_four": "0002", "expiry_month": 12,
            "expiry_year": 2030}}"#;
        let link = read_one(whole).unwrap().unwrap();
        assert_eq!(link.loyalty_id.as_deref(), Some("M1"));
        assert_eq!((link.scheme_account_id, link.user_id), (Some(2), Some(3)));
        assert_eq!(link.digits.last_four.unwrap().as_str(), "0002");
        let credentials = link.credentials.unwrap();
        assert_eq!(&*credentials, r#"{"card_number": "9", "email": "a@b"}"#);
        assert_eq!(read_one("null").unwrap(), None);
        let nothing = Some(CardLink::default());
        for empty in [
            "{}",
            r#"{"loyalty_id": null, "scheme_account_id": null, "user_id": null, "credentials": null,
                "payment_card_account_id": null, "card_information": null}"#,
            r#"{"loyalty_id": "", "credentials": "", "card_information": {}}"#,
        ] {
            assert_eq!(read_one(empty).unwrap(), nothing, "{empty}");
        }
        let packed = read_one(r#"{"credentials": "{\"email\": \"a@b\"}"}"#).unwrap();
        assert_eq!(
            packed.unwrap().credentials.as_deref(),
            Some(r#"{"email": "a@b"}"#)
        );
        let none = read(b"{}", &HashSet::from(["t"])).unwrap();
        assert!(none.links.is_empty() && none.unusable.0 == 0);
    }

    #[test]
    fn what_is_not_exactly_an_identity_is_none() {
        for wrong in [
            "[]",
            "[\"M1\", 2, 3]",
            "\"M1\"",
            "1",
            "true",
            r#"{"loyalty_id": 1}"#,
            r#"{"loyalty_id": ["M1"]}"#,
            r#"{"loyalty_id": " M1"}"#,
            r#"{"loyalty_id": "M\u00001"}"#,
            r#"{"user_id": "1"}"#,
            r#"{"user_id": 1.0}"#,
            r#"{"user_id": true}"#,
            r#"{"user_id": 0}"#,
            r#"{"user_id": -1}"#,
            r#"{"user_id": 9223372036854775808}"#,
            r#"{"user_id": 1, "user_id": 2}"#,
            r#"{"credentials": []}"#,
            r#"{"credentials": "gAAAA"}"#,
            r#"{"credentials": {"a": 1, "a": 2}}"#,
            r#"{"card_information": "400000"}"#,
            r#"{"card_information": []}"#,
            r#"{"card_information": ["400000", "0002", 1, 2030]}"#,
            r#"{"card_information": {"first_six": 400000}}"#,
            r#"{"card_information": {"first_six": "4000000000000002"}}"#,
            r#"{"card_information": {"last_four": "00٠2"}}"#,
            r#"{"card_information": {"expiry_month": 13}}"#,
            r#"{"card_information": {"expiry_year": 30}}"#,
        ] {
            let why = read_one(wrong).unwrap_err();
            assert!(
                !why.contains("4000000000000002") && !why.contains("M1"),
                "{wrong}: {why}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_not_about_what_was_asked_is_not_believed() {
        for wrong in [
            "",
            "null",
            "[]",
            "[[\"t\", {}]]",
            "<html></html>",
            r#"{"t": {}"#,
            r#"{"t": {}} {"t": {}}"#,
            r#"{"t": {}, "other": {}}"#,
            r#"{"T": {}}"#,
            r#"{"t ": {}}"#,
            r#"{"t": {}, "t": {}}"#,
            r#"{"t": {}, "\u0074": null}"#,
            "\u{feff}{}",
        ] {
            read(wrong.as_bytes(), &HashSet::from(["t"])).unwrap_err();
        }
        read(b"{\"\xff\": {}}", &HashSet::from(["t"])).unwrap_err();
        let deep = format!(r#"{{"t": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let _ = read(deep.as_bytes(), &HashSet::from(["t"]));
    }
}
