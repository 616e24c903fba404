//! One JSON message: the values the mapping wants, found by their paths without building the rest.
//!
//! Numbers are taken as they are written, never as floats. A date that a sender tagged as one
//! (`{"__type__": "datetime", "__value__": "…"}`, or `pendulum.DateTime` with an epoch) becomes
//! the ISO text it stands for, so that rules only ever see texts.

use super::depth::{MAX_DEPTH, too_deep};
use super::json_cursor::{Cursor, Fault, Kind, Value};
use super::record::{RawRecord, Span};
use crate::problem::{Reject, RejectReason};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use smallvec::SmallVec;
use std::borrow::Cow;

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
    /// A bit for each length that a child's name has, so that most keys need no look at the names.
    lengths: u64,
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
        raw.text.push_str(text);
        raw.source_length = text.len();
        raw.fields.resize(self.count, Span::ABSENT);
        let mut found = Found {
            source: text,
            meanings: &mut raw.meanings,
            escaped: SmallVec::new(),
            spans: &mut raw.fields,
        };
        if let Err(fault) = self.find(&mut found) {
            let detail = format!("not the JSON object its feed sends: {}", told(text, fault));
            raw.fail(Reject::record(RejectReason::NotJson, detail), message);
        }
    }

    fn find(&self, found: &mut Found<'_>) -> Result<(), Fault> {
        let mut cursor = Cursor::new(found.source, 0);
        let mut picked = Picked::new();
        cursor.open(b'{', Fault::NoObject)?;
        let mut is_first = true;
        while cursor.next(b'}', is_first)? {
            is_first = false;
            let key = cursor.key()?;
            match &self.pairs {
                Some(pairs) if pairs.list.as_bytes() == &*key => {
                    self.root.pick(pairs, &mut cursor, &mut picked)?;
                }
                Some(_) => self
                    .root
                    .take_member(key.trim_ascii(), &mut cursor, found)?,
                None => self.root.take_member(&key, &mut cursor, found)?,
            }
        }
        cursor.end()?;
        // A pair counts for more than a key of the message itself, wherever that stands.
        for (node, value) in picked {
            node.take(value, found)?;
        }
        found.unescape()
    }
}

/// How long a value may be that is read otherwise than it stands there: a text with escapes, a date
/// that its sender tagged. What is longer is no value that anything is made of, and stays as it is.
const MOST_READ_BYTES: usize = 4096;

/// The longest message that is read a second time to tell what is wrong with it.
const MOST_TOLD_BYTES: usize = 64 * 1024;

/// Values of pairs, and whose they are.
type Picked<'n> = SmallVec<[(&'n Node, Value); 16]>;

/// Where found values go: to their places in the message, which is the record's text; what means
/// something else than stands there is written beside it.
struct Found<'a> {
    source: &'a str,
    meanings: &'a mut String,
    spans: &'a mut [Span],
    /// Texts with escapes, and whose they are: read in the end, when it is known which count.
    escaped: SmallVec<[(usize, Value); 8]>,
}

impl Found<'_> {
    /// Sets a value to a place in the message.
    fn set(&mut self, place: usize, span: Span) {
        self.spans[place] = span;
        if !self.escaped.is_empty() {
            self.escaped.retain(|(other, _)| *other != place);
        }
    }

    /// Sets a value to what it means.
    fn put(&mut self, place: usize, meaning: &str) {
        let start = self.meanings.len();
        self.meanings.push_str(meaning);
        self.set(place, Span::meaning(start, self.meanings.len()));
    }

    /// Writes what the texts with escapes mean that count.
    fn unescape(&mut self) -> Result<(), Fault> {
        let cursor = Cursor::new(self.source, 0);
        for (place, value) in std::mem::take(&mut self.escaped) {
            self.put(place, &cursor.unescaped(value)?);
        }
        Ok(())
    }
}

impl Node {
    fn child(&mut self, key: &str) -> &mut Self {
        let place = match self.children.iter().position(|(known, _)| known == key) {
            Some(place) => place,
            None => {
                self.children.push((key.to_owned(), Self::default()));
                self.lengths |= 1 << (key.len() % 64);
                self.children.len() - 1
            }
        };
        &mut self.children[place].1
    }

    #[inline]
    fn known(&self, key: &[u8]) -> Option<&Self> {
        if self.lengths >> (key.len() % 64) & 1 == 0 {
            return None;
        }
        let is_it = |(name, _): &&(String, Self)| name.as_bytes() == key;
        self.children.iter().find(is_it).map(|(_, node)| node)
    }

    /// Takes what is wanted of the value of a member, which is next.
    fn take_member(
        &self,
        key: &[u8],
        cursor: &mut Cursor<'_>,
        found: &mut Found<'_>,
    ) -> Result<(), Fault> {
        let value = cursor.value()?;
        match self.known(key) {
            Some(node) => node.take(value, found),
            None => Ok(()),
        }
    }

    /// Takes what is wanted of a value found here.
    fn take(&self, value: Value, found: &mut Found<'_>) -> Result<(), Fault> {
        let Value { start, end, kind } = value;
        if kind == Kind::Null {
            return Ok(());
        }
        if let Some(place) = self.json {
            found.set(place, Span::text(start, end));
        }
        if kind == Kind::Object {
            return self.take_object(value, found);
        }
        let Some(place) = self.text else {
            return Ok(());
        };
        match kind {
            Kind::Plain => found.set(place, Span::text(start + 1, end - 1)),
            Kind::Escaped if end - start > MOST_READ_BYTES => {
                found.set(place, Span::text(start + 1, end - 1));
            }
            Kind::Escaped => {
                // The last of several counts, whatever the others are: so it is read last.
                found.set(place, Span::ABSENT);
                found.escaped.push((place, value));
            }
            Kind::List => found.set(place, Span::json(start, end)),
            Kind::Bare | Kind::Null | Kind::Object => found.set(place, Span::text(start, end)),
        }
        Ok(())
    }

    fn take_object(&self, value: Value, found: &mut Found<'_>) -> Result<(), Fault> {
        let Value { start, end, .. } = value;
        if let Some(place) = self.text {
            match tagged_date(&found.source[start..end]) {
                Some(date) => found.put(place, &date),
                None if self.children.is_empty() => found.set(place, Span::json(start, end)),
                // The parts are wanted by paths of their own.
                None => {}
            }
        }
        if self.children.is_empty() {
            return Ok(());
        }
        let mut cursor = Cursor::new(found.source, start);
        cursor.open(b'{', Fault::NoObject)?;
        let mut is_first = true;
        while cursor.next(b'}', is_first)? {
            is_first = false;
            let key = cursor.key()?;
            self.take_member(&key, &mut cursor, found)?;
        }
        Ok(())
    }

    /// Picks the values that are wanted of a list of pairs, which is next.
    fn pick<'n>(
        &'n self,
        pairs: &Pairs,
        cursor: &mut Cursor<'_>,
        picked: &mut Picked<'n>,
    ) -> Result<(), Fault> {
        cursor.open(b'[', Fault::NoPairs)?;
        let mut is_first = true;
        while cursor.next(b']', is_first)? {
            is_first = false;
            if let Some(pair) = self.pair(pairs, cursor)? {
                picked.push(pair);
            }
        }
        Ok(())
    }

    /// Passes one pair; gives its value, and whose it is, if that is wanted. A key that is no text
    /// names nothing.
    fn pair<'n>(
        &'n self,
        pairs: &Pairs,
        cursor: &mut Cursor<'_>,
    ) -> Result<Option<(&'n Self, Value)>, Fault> {
        let (mut named, mut found) = (None, None);
        cursor.open(b'{', Fault::NoPairs)?;
        let mut is_first = true;
        while cursor.next(b'}', is_first)? {
            is_first = false;
            let name = cursor.key()?;
            let value = cursor.value()?;
            if *name == *pairs.key.as_bytes() {
                named = Some(value);
            } else if *name == *pairs.value.as_bytes() {
                found = Some(value);
            }
        }
        // The last of several counts, so only that is read.
        let wanted = match named {
            Some(key) if matches!(key.kind, Kind::Plain | Kind::Escaped) => {
                self.known(cursor.read(key)?.trim_ascii())
            }
            _ => None,
        };
        Ok(wanted.zip(found))
    }
}

/// What is wrong with a text that is no message, as serde_json tells it where it sees that too.
fn told(text: &str, fault: Fault) -> String {
    if let (Fault::TooDeep, Some(offset)) = (fault, too_deep(text)) {
        return format!("nested deeper than {MAX_DEPTH} levels at byte {offset}: send it flatter");
    }
    if text.len() > MOST_TOLD_BYTES {
        return fault.as_str().to_owned();
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => error.to_string(),
        Ok(_) => fault.as_str().to_owned(),
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
    if value.len() > MOST_READ_BYTES {
        return None;
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
    use proptest::prelude::*;
    use serde::de::{Deserializer, MapAccess, Visitor};
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

    /// The members of an object in their order, as serde_json finds them.
    struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

    impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Each;
            impl<'de> Visitor<'de> for Each {
                type Value = Members<'de>;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Members<'de>, A::Error> {
                    let mut members = Vec::new();
                    while let Some(key) = map.next_key::<String>()? {
                        let value: &RawValue = map.next_value()?;
                        members.push((Cow::Owned(key), value.get()));
                    }
                    Ok(Members(members))
                }
            }
            from.deserialize_map(Each)
        }
    }

    type Values = Vec<Option<String>>;
    type Meant = Vec<Option<Result<String, serde_json::Error>>>;

    /// What [`Paths::read`] finds, the slow way: by serde_json, value by value.
    fn reference(paths: &Paths, message: &str) -> Result<Values, serde_json::Error> {
        let mut values: Meant = (0..paths.count).map(|_| None).collect();
        let mut picked = Vec::new();
        for (key, value) in serde_json::from_str::<Members<'_>>(message)?.0 {
            let key = match &paths.pairs {
                Some(pairs) if pairs.list == key => {
                    for pair in serde_json::from_str::<Vec<Members<'_>>>(value)? {
                        let last = |name: &str| {
                            let mut all = pair.0.iter().rev();
                            all.find(|(key, _)| key == name).map(|(_, value)| *value)
                        };
                        let key = last(&pairs.key).filter(|key| key.starts_with('"'));
                        let key: Option<String> = key.map(serde_json::from_str).transpose()?;
                        picked.extend(key.zip(last(&pairs.value)));
                    }
                    continue;
                }
                Some(_) => key.trim_ascii().to_owned(),
                None => key.into_owned(),
            };
            if let Some(node) = paths.root.known(key.as_bytes()) {
                expect(node, value, &mut values)?;
            }
        }
        for (key, value) in picked {
            if let Some(node) = paths.root.known(key.trim_ascii().as_bytes()) {
                expect(node, value, &mut values)?;
            }
        }
        let sound = |value: Option<Result<_, _>>| value.transpose();
        values.into_iter().map(sound).collect()
    }

    fn expect(node: &Node, value: &str, values: &mut Meant) -> Result<(), serde_json::Error> {
        if value == "null" {
            return Ok(());
        }
        if let Some(place) = node.json {
            values[place] = Some(Ok(value.to_owned()));
        }
        if let Some(place) = node.text {
            let date = value.starts_with('{').then(|| tagged_date(value)).flatten();
            if date.is_some() {
                values[place] = date.map(Ok);
            } else if value.starts_with('"') {
                values[place] = Some(serde_json::from_str(value));
            } else if !value.starts_with('{') || node.children.is_empty() {
                values[place] = Some(Ok(value.to_owned()));
            }
        }
        if value.starts_with('{') && !node.children.is_empty() {
            for (key, value) in serde_json::from_str::<Members<'_>>(value)?.0 {
                if let Some(node) = node.known(key.as_bytes()) {
                    expect(node, value, values)?;
                }
            }
        }
        Ok(())
    }

    /// What [`Paths::read`] finds; `None` for what is no message.
    fn found(paths: &Paths, message: &str) -> Option<Values> {
        let mut raw = RawRecord::default();
        let shape = Arc::new(Shape::new(Vec::new(), (0..paths.count).collect()));
        raw.begin(1, &shape);
        paths.read(message.as_bytes(), &mut raw);
        let values = (0..paths.count).map(|wanted| raw.value(wanted).map(str::to_owned));
        raw.fault.is_none().then(|| values.collect())
    }

    fn plans() -> [Paths; 2] {
        let pairs = Pairs {
            list: "p".into(),
            key: "k".into(),
            value: "v".into(),
        };
        [None, Some(pairs)].map(|pairs| {
            let mut paths = Paths::new(pairs);
            for (name, json) in [
                ("a", false),
                ("a.b", false),
                ("a", true),
                ("b", false),
                ("a.b.v", true),
                ("k", false),
            ] {
                paths.add(name, json);
            }
            paths
        })
    }

    /// JSON, or nearly: every kind of value, keys that are wanted and others, twice and with escapes.
    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("false".to_owned()),
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
            "\"[a-bkv é\u{1f600}]{0,20}\"",
            "\"([a-b ]|\\\\[\"\\\\/bfnrt]|\\\\u(00e9|0041|d83d|d83d\\\\ude00)){0,6}\"",
            Just(r#"{"__type__": "datetime", "__value__": "2026-01-02"}"#.to_owned()),
            Just(r#"{"__type__":"pendulum.DateTime","epoch":1767323045.25}"#.to_owned()),
        ];
        let key = prop_oneof![
            4 => "[abkpv]".prop_map(|key| format!("\"{key}\"")),
            1 => "\"( |\\\\u0061|a\\.b)?[abx]{0,12}( )?\"",
        ];
        leaf.prop_recursive(5, 60, 5, move |inner| {
            let member = (key.clone(), "[ \n\t]{0,2}", inner.clone());
            let member =
                member.prop_map(|(key, blank, value)| format!("{key}{blank}:{blank}{value}"));
            prop_oneof![
                prop::collection::vec(member, 0..6)
                    .prop_map(|all| format!("{{{}}}", all.join(" ,"))),
                prop::collection::vec(inner, 0..5).prop_map(|all| format!("[{}]", all.join(", "))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_found_is_what_serde_json_finds(
            members in prop::collection::vec(("[abkpx]", json()), 0..5),
            cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
            put in prop::option::weighted(0.3, (any::<prop::sample::Index>(), "[\\[\\]{}\",:\\\\0-9a-z\u{1} .-]{1,2}")),
        ) {
            let members = members.iter().map(|(key, value)| format!("\"{key}\": {value}"));
            let mut message = format!("{{{}}}", members.collect::<Vec<_>>().join(", "));
            let place = |index: prop::sample::Index, message: &str| {
                let places: Vec<usize> = message.char_indices().map(|(at, _)| at).collect();
                *index.get(&places)
            };
            if let Some(index) = cut {
                message.remove(place(index, &message));
            }
            if let Some((index, text)) = put {
                message.insert_str(place(index, &message), &text);
            }
            for paths in plans() {
                let expected = reference(&paths, &message).ok();
                prop_assert_eq!(found(&paths, &message), expected, "{}", message);
            }
        }
    }

    #[test]
    fn brackets_may_be_nested_as_deep_as_is_kept() {
        let [paths, _] = plans();
        for (depth, is_taken) in [(1, true), (63, true), (64, false), (5_000, false)] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                for key in ["a", "x"] {
                    let message = format!("{{\"{key}\": {value}}}");
                    assert_eq!(
                        found(&paths, &message).is_some(),
                        is_taken,
                        "{depth} {open}"
                    );
                }
            }
        }
    }
}
