//! JSON feeds: what serde_json takes is taken, what it does not is a reject, and nothing in between.

use crate::feed::{Input, Reading, check, read_message};
use crate::house::feed;
use crate::lines::frames;
use harmonia_core::feed::Feed;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;

/// A document with a list below a key.
pub(crate) fn document(bytes: &[u8]) {
    let input = Input::of(bytes);
    let feed = feed("harvey-nichols");
    let reading = check(feed, &input);
    let Ok(Value::Object(document)) = serde_json::from_slice(unmarked(input.bytes)) else {
        return;
    };
    if let Some(Value::Array(list)) = document.get("transactions")
        && reading.end.is_ok()
    {
        assert_eq!(reading.records.len(), list.len(), "elements");
    }
    if reading.end.is_ok() {
        let mut inspector = feed.inspect();
        inspector.feed(input.bytes);
        assert!(
            inspector.finish().is_ok(),
            "read whole, and refused at the look"
        );
    }
}

/// Messages of a queue, or of a file of lines: with values under keys, and in a list of pairs.
pub(crate) fn messages(bytes: &[u8]) {
    let feeds = [
        "visa-settlement",
        "costa",
        "stonegate",
        "amex-settlement",
        "visa-refund",
        "slim-chickens",
    ];
    let input = Input::of(bytes);
    let name = input.one_of(&feeds);
    let feed = feed(name);
    let reading = check(feed, &input);
    check_lines(feed, &input, &reading, name.starts_with("visa"));
}

/// Sales in Harmonia's own format: a list, lines, or one object spread over lines.
pub(crate) fn canonical_merchant(bytes: &[u8]) {
    canonical(bytes, "iceland-bonus-card");
}

/// Payments in Harmonia's own format.
pub(crate) fn canonical_payment(bytes: &[u8]) {
    canonical(bytes, "example-payment-provider");
}

fn canonical(bytes: &[u8], name: &str) {
    let input = Input::of(bytes);
    let feed = feed(name).canonical();
    let reading = check(&feed, &input);
    assert_eq!(read_message(&feed, input.bytes), reading, "as a message");
    let text = unmarked(input.bytes).trim_ascii_start();
    if text.starts_with(b"[") {
        if let Ok(list) = serde_json::from_slice::<Vec<IgnoredAny>>(text) {
            assert_eq!(reading.records.len(), list.len(), "elements");
        }
    } else if text
        .split(|byte| *byte == b'\n')
        .next()
        .map(<[u8]>::trim_ascii)
        != Some(b"{")
    {
        check_lines(&feed, &input, &reading, false);
    }
}

/// Asserts that each line that is not blank is a record, and a sound one where serde_json says so.
fn check_lines(feed: &Feed, input: &Input<'_>, reading: &Reading, has_pairs: bool) {
    assert_eq!(read_message(feed, input.bytes), *reading, "as a message");
    if reading.end.is_err() {
        let mut rest = unmarked(input.bytes).iter();
        assert!(rest.all(u8::is_ascii_whitespace), "refused: {reading:?}");
        return;
    }
    let lines = frames(input.bytes, b'\n').map(<[u8]>::trim_ascii);
    let mut records = reading.records.iter();
    for (index, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let Some(taken) = records.next() else {
            panic!("lost: {line:?}");
        };
        assert_eq!(usize::try_from(taken.number), Ok(index + 1), "{taken:?}");
        let well_formed = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(line).is_ok();
        if !taken.is_unreadable() {
            assert!(well_formed, "taken, and no JSON object: {line:?}");
        } else if !has_pairs {
            // Texts that are not wanted may hold halves of characters: serde_json takes them only
            // where it is not asked what they are.
            let sound = serde_json::from_slice::<BTreeMap<String, Value>>(line).is_ok();
            assert!(!sound, "a JSON object, and not taken: {taken:?}");
        }
    }
    assert!(records.next().is_none(), "more records than lines");
}

fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}
