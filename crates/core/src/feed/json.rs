//! One JSON message: the values the mapping wants, found by their paths without building the rest.
//!
//! Numbers are taken as they are written, never as floats. A date that a sender tagged as one
//! (`{"__type__": "datetime", "__value__": "…"}`, or `pendulum.DateTime` with an epoch) becomes
//! the ISO text it stands for, so that rules only ever see texts.

use super::depth::{MAX_DEPTH, too_deep};
use super::record::{RawRecord, Span};
use crate::problem::{Reject, RejectReason};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Where the wanted values of a message are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    root: Node,
    pairs: Option<Pairs>,
    count: usize,
}

/// A list of key and value objects in a message, whose pairs stand beside its own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pairs {
    /// The key of the list.
    pub(crate) list: String,
    /// The name of the key in each element.
    pub(crate) key: String,
    /// The name of the value in each element.
    pub(crate) value: String,
}

/// A place in a message: which wanted values are here, and what is wanted below.
#[derive(Clone, Debug, Default)]
struct Node {
    text: Option<usize>,
    json: Option<usize>,
    children: Vec<(String, Node)>,
}

impl Paths {
    /// The list of pairs that stand beside a message's own keys, where the feed has one.
    pub(crate) fn pairs(&self) -> Option<&Pairs> {
        self.pairs.as_ref()
    }

    /// Paths of a message with a list of pairs, or without one.
    pub(crate) fn new(pairs: Option<Pairs>) -> Self {
        Self {
            pairs,
            ..Self::default()
        }
    }

    /// Adds the next wanted value. Without pairs, dots in its name lead into nested objects.
    pub(crate) fn add(&mut self, name: &str, json: bool) {
        let mut node = &mut self.root;
        if self.pairs.is_some() {
            node = node.child(name);
        } else {
            for key in name.split('.') {
                node = node.child(key);
            }
        }
        let place = if json { &mut node.json } else { &mut node.text };
        *place = Some(self.count);
        self.count += 1;
    }

    /// Fills `raw` with a message and its wanted values, or with the fault of what is no message.
    /// `raw` was begun before.
    pub(crate) fn read(&self, message: &[u8], raw: &mut RawRecord) {
        let Ok(text) = std::str::from_utf8(message) else {
            let fault = Reject::record(RejectReason::NotUtf8, "the message is not UTF-8");
            raw.fail(fault, message);
            return;
        };
        if let Some(offset) = too_deep(text) {
            let detail = format!(
                "the message is nested deeper than {MAX_DEPTH} levels at byte {offset}: send it flatter"
            );
            raw.fail(Reject::record(RejectReason::NotJson, detail), message);
            return;
        }
        raw.text.push_str(text);
        raw.source_length = text.len();
        raw.fields.resize(self.count, Span::ABSENT);
        let mut found = Found {
            text: &mut raw.text,
            spans: &mut raw.fields,
        };
        if let Err(error) = self.find(text, &mut found) {
            let fault = Reject::record(
                RejectReason::NotJson,
                format!("not the JSON object its feed sends: {error}"),
            );
            raw.fail(fault, message);
        }
    }

    fn find(&self, text: &str, found: &mut Found<'_>) -> Result<(), serde_json::Error> {
        let mut picked = Vec::new();
        let walk = Walk {
            node: &self.root,
            pairs: self.pairs.as_ref(),
            picked: &mut picked,
            found,
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        walk.deserialize(&mut deserializer)?;
        deserializer.end()?;
        // A pair counts for more than a key of the message itself, wherever that stands.
        for (node, value) in picked {
            node.take(value, found)?;
        }
        Ok(())
    }
}

/// Where found values go.
struct Found<'a> {
    text: &'a mut String,
    spans: &'a mut Vec<Span>,
}

impl Found<'_> {
    fn put(&mut self, place: usize, value: &str, span: fn(usize, usize) -> Span) {
        let start = self.text.len();
        self.text.push_str(value);
        self.spans[place] = span(start, self.text.len());
    }
}

impl Node {
    fn child(&mut self, key: &str) -> &mut Self {
        let place = match self.children.iter().position(|(known, _)| known == key) {
            Some(place) => place,
            None => {
                self.children.push((key.to_owned(), Self::default()));
                self.children.len() - 1
            }
        };
        &mut self.children[place].1
    }

    fn known(&self, key: &str) -> Option<&Self> {
        let child = self.children.iter().find(|(known, _)| known == key)?;
        Some(&child.1)
    }

    /// Takes what is wanted of a value found here.
    fn take(&self, value: &str, found: &mut Found<'_>) -> Result<(), serde_json::Error> {
        if value == "null" {
            return Ok(());
        }
        if let Some(place) = self.json {
            found.put(place, value, Span::text);
        }
        match value.as_bytes().first() {
            Some(b'"') => {
                if let Some(place) = self.text {
                    found.put(place, &text_of(value)?, Span::text);
                }
            }
            Some(b'{') => self.take_object(value, found)?,
            Some(b'[') => {
                if let Some(place) = self.text {
                    found.put(place, value, Span::json);
                }
            }
            _ => {
                if let Some(place) = self.text {
                    found.put(place, value, Span::text);
                }
            }
        }
        Ok(())
    }

    fn take_object(&self, value: &str, found: &mut Found<'_>) -> Result<(), serde_json::Error> {
        if let Some(place) = self.text {
            match tagged_date(value) {
                Some(date) => found.put(place, &date, Span::text),
                None if self.children.is_empty() => found.put(place, value, Span::json),
                // The parts are wanted by paths of their own.
                None => {}
            }
        }
        if self.children.is_empty() {
            return Ok(());
        }
        let walk = Walk {
            node: self,
            pairs: None,
            picked: &mut Vec::new(),
            found,
        };
        walk.deserialize(&mut serde_json::Deserializer::from_str(value))
    }
}

/// Walks over one object, taking what is wanted of it.
struct Walk<'n, 'f, 'l, 'de> {
    node: &'n Node,
    pairs: Option<&'n Pairs>,
    /// Values of pairs, and whose they are.
    picked: &'l mut Vec<(&'n Node, &'de str)>,
    found: &'l mut Found<'f>,
}

/// Walks over a list of pairs, picking the values that are wanted.
struct WalkPairs<'n, 'l, 'de> {
    node: &'n Node,
    pairs: &'n Pairs,
    picked: &'l mut Vec<(&'n Node, &'de str)>,
}

/// Walks over one pair of such a list.
struct WalkPair<'n, 'l, 'de>(WalkPairs<'n, 'l, 'de>);

/// A key of an object, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            if let Some(pairs) = self.pairs.filter(|pairs| pairs.list == key) {
                map.next_value_seed(WalkPairs {
                    node: self.node,
                    pairs,
                    picked: &mut *self.picked,
                })?;
                continue;
            }
            let key: &str = if self.pairs.is_some() {
                key.trim_ascii()
            } else {
                &key
            };
            match self.node.known(key) {
                Some(node) => {
                    let value: &RawValue = map.next_value()?;
                    node.take(value.get(), self.found)
                        .map_err(serde::de::Error::custom)?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for WalkPairs<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for WalkPairs<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            let one = WalkPair(WalkPairs {
                node: self.node,
                pairs: self.pairs,
                picked: &mut *self.picked,
            });
            if list.next_element_seed(one)?.is_none() {
                return Ok(());
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for WalkPair<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for WalkPair<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pair of key and value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let WalkPairs {
            node,
            pairs,
            picked,
        } = self.0;
        let (mut wanted, mut value) = (None, None);
        let mut is_unwanted = false;
        while let Some(Key(name)) = map.next_key()? {
            if name == pairs.key {
                wanted = map.next_value_seed(WantedKey(node))?;
                is_unwanted = wanted.is_none();
            } else if name == pairs.value && !is_unwanted {
                value = Some(map.next_value::<&RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if let (Some(node), Some(value)) = (wanted, value) {
            picked.push((node, value));
        }
        Ok(())
    }
}

/// Finds what a key names; a key that is no text names nothing.
struct WantedKey<'n>(&'n Node);

impl<'de, 'n> DeserializeSeed<'de> for WantedKey<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'n> Visitor<'de> for WantedKey<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.known(key.trim_ascii()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(list).map(|_| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| None)
    }
}

/// The text of a JSON text, borrowed where it has no escapes.
fn text_of(json: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let inner = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    match inner {
        Some(text) if memchr::memchr(b'\\', text.as_bytes()).is_none() => Ok(Cow::Borrowed(text)),
        _ => serde_json::from_str::<Key<'_>>(json).map(|Key(text)| text),
    }
}

/// The ISO text of a date that its sender tagged as one.
fn tagged_date(value: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Tagged<'a> {
        __type__: Cow<'a, str>,
        __value__: Option<String>,
        #[serde(borrow)]
        epoch: Option<&'a RawValue>,
    }
    let tagged: Tagged<'_> = serde_json::from_str(value).ok()?;
    if !tagged.__type__.to_ascii_lowercase().ends_with("datetime") {
        return None;
    }
    match (tagged.__value__, tagged.epoch) {
        (Some(value), _) => Some(value),
        (None, Some(epoch)) => iso_of_epoch(epoch.get().trim_matches('"')),
        (None, None) => None,
    }
}

/// Seconds since 1970, with or without a fraction, as an ISO text in UTC.
fn iso_of_epoch(seconds: &str) -> Option<String> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let second: i64 = whole.parse().ok()?;
    let timestamp = jiff::Timestamp::from_second(second).ok()?;
    let text = timestamp.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let lawful = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match fraction {
        _ if !lawful || (second < 0 && !fraction.is_empty()) => None,
        "" | "0" => Some(format!("{text}+00:00")),
        fraction => Some(format!("{text}.{fraction}+00:00")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::record::Shape;
    use std::sync::Arc;

    fn read(paths: &Paths, message: &str) -> Vec<Option<String>> {
        let mut raw = RawRecord::default();
        let shape = Arc::new(Shape::new(Vec::new(), (0..paths.count).collect()));
        raw.begin(1, &shape);
        paths.read(message.as_bytes(), &mut raw);
        assert!(raw.fault.is_none(), "{:?}", raw.fault);
        (0..paths.count)
            .map(|wanted| raw.value(wanted).map(str::to_owned))
            .collect()
    }

    #[test]
    fn values_are_found_by_path_and_numbers_stay_as_written() {
        let mut paths = Paths::new(None);
        for (name, json) in [
            ("a", false),
            ("b.c", false),
            ("b", true),
            ("n", false),
            ("x", false),
        ] {
            paths.add(name, json);
        }
        let message = r#"{"n": 0.10, "b": {"c": "é\n", "d": [{}]}, "a": null, "x": true}"#;
        let expected = [
            None,
            Some("é\n"),
            Some(r#"{"c": "é\n", "d": [{}]}"#),
            Some("0.10"),
            Some("true"),
        ];
        let found = read(&paths, message);
        assert_eq!(
            found.iter().map(Option::as_deref).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn pairs_stand_beside_the_keys_of_the_message() {
        let mut paths = Paths::new(Some(Pairs {
            list: "Pairs".into(),
            key: "Key".into(),
            value: "Value".into(),
        }));
        for name in ["T.Id", "T.Amount", "User"] {
            paths.add(name, false);
        }
        let message = r#"{"Pairs": [{"Value": "1", "Key": "T.Id "}, {"Key": "T.Amount", "Value": 0.5},
            {"Key": "T.Other"}, {}], "User": "u"}"#;
        let found = read(&paths, message);
        let texts: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(texts, [Some("1"), Some("0.5"), Some("u")]);
    }

    #[test]
    fn a_tagged_date_is_the_text_it_stands_for() {
        let mut paths = Paths::new(None);
        paths.add("d", false);
        for (message, expected) in [
            (
                r#"{"d": {"__type__": "datetime", "__value__": "2026-01-02T03:04:05"}}"#,
                "2026-01-02T03:04:05",
            ),
            (
                r#"{"d": {"__type__": "pendulum.DateTime", "epoch": 1767323045}}"#,
                "2026-01-02T03:04:05+00:00",
            ),
            (
                r#"{"d": {"__type__": "pendulum.DateTime", "epoch": 1767323045.25}}"#,
                "2026-01-02T03:04:05.25+00:00",
            ),
        ] {
            assert_eq!(
                read(&paths, message),
                [Some(expected.to_owned())],
                "{message}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_a_fault() {
        let paths = Paths::new(None);
        let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(64), "]".repeat(64));
        for message in ["", "[]", "1", "{", "{} {}", "nul", "{\"a\": 01}", &deep] {
            let mut raw = RawRecord::default();
            paths.read(message.as_bytes(), &mut raw);
            assert_eq!(
                raw.fault.unwrap().reason,
                RejectReason::NotJson,
                "{message}"
            );
        }
    }
}
