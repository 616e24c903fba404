//! Masking: only digits become asterisks, what is masked stays so, and no card number is left.

use crate::canary::assert_silent;
use crate::feed::Input;
use crate::house::feed;
use harmonia_core::card::mask_card_numbers;
use harmonia_core::feed::RawRecord;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A text by itself, and as a value, a key and a number of a message.
pub(crate) fn mask(bytes: &[u8]) {
    let input = Input::of(bytes);
    let text = String::from_utf8_lossy(input.bytes);
    let masked = mask_card_numbers(&text);
    if let Some(masked) = &masked {
        assert_digits_alone_changed(&text, masked);
    }
    let masked = masked.as_deref().unwrap_or(&text);
    assert_silent(masked, "a masked text");

    let number: String = text.chars().filter(char::is_ascii_digit).take(25).collect();
    let number = number.trim_start_matches('0');
    let number = if number.is_empty() { "0" } else { number };
    let plain = json!({"text": text, "deep": [{text.as_ref(): "key"}]});
    let message = format!("{{\"message\": {plain}, \"number\": {number}}}");
    check_message(&message);
    check_message(&escaped(&message));
}

/// What is stored of a message is the same message, but for the masked digits.
fn check_message(message: &str) {
    let feed = feed("costa").canonical();
    let Ok(mut reader) = feed.message(message.as_bytes()) else {
        panic!("refused: {message}");
    };
    let mut raw = RawRecord::default();
    assert!(matches!(reader.next(&mut raw), Ok(true)), "{message}");
    let mut stored = String::new();
    feed.raw_json(&raw, true, &mut stored);
    let (before, after) = (parse(message), parse(&stored));
    if before.is_object() {
        assert!(after.is_object(), "{stored}");
        assert_silent(&strings(&after), "what is stored");
        assert_digits_alone_changed(&strings(&before), &strings(&after));
    }
}

/// Every text, key and number of a JSON value, on lines of their own.
fn strings(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let entries = object.iter();
            let entries = entries.map(|(key, value)| format!("{key}\n{}", strings(value)));
            entries.collect::<Vec<_>>().join("\n")
        }
        Value::Array(list) => {
            let values: Vec<String> = list.iter().map(strings).collect();
            values.join("\n")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn parse(json: &str) -> Value {
    match serde_json::from_str(json) {
        Ok(value) => value,
        Err(error) => panic!("{error}: {json}"),
    }
}

/// The same message with its digits and blanks escaped, as a sender may write them.
fn escaped(message: &str) -> String {
    let mut escaped = String::new();
    let mut in_text = false;
    let mut characters = message.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                // An escape stays as it is, with the four digits that some have.
                escaped.push(c);
                let kind = characters.next();
                escaped.extend(kind);
                let digits = if kind == Some('u') { 4 } else { 0 };
                escaped.extend(characters.by_ref().take(digits));
                continue;
            }
            '"' => in_text = !in_text,
            _ => {}
        }
        if in_text && (c.is_ascii_digit() || matches!(c, ' ' | '-' | '\u{a0}')) {
            // Writing into memory cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn assert_digits_alone_changed(text: &str, masked: &str) {
    let mut before = text.chars();
    for after in masked.chars() {
        let Some(before) = before.next() else {
            panic!("became longer: {text:?} {masked:?}");
        };
        let is_digit = before.is_ascii_digit() || ('\u{ff10}'..='\u{ff19}').contains(&before);
        assert!(
            before == after || (after == '*' && is_digit),
            "{text:?} {masked:?}"
        );
    }
    assert!(
        before.next().is_none(),
        "became shorter: {text:?} {masked:?}"
    );
}
