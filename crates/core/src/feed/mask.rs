//! Full card numbers in a feed's texts: looked for cheaply, since there are nearly never any, and
//! masked before the text goes anywhere.
//!
//! What looks like a card number is for [`mask_card_numbers`] to say. But one long number in ten
//! passes its check by chance, and a feed is full of long numbers that are ids; masking one would
//! corrupt the very name of a transaction. So here a number must also have the length and the
//! first digits that some card network issues.

use crate::card::mask_card_numbers;
use std::borrow::Cow;

/// A text with every card number in it masked to first six and last four.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    masked_but(text, &Vec::new)
}

/// A text with every card number in it masked, but for the numbers that `ids` says are ids. It is
/// asked only where something would be masked.
pub(crate) fn masked_but<'a, 'i>(text: &'a str, ids: &dyn Fn() -> Vec<&'i str>) -> Cow<'a, str> {
    if !may_hold_card_number(text) {
        return Cow::Borrowed(text);
    }
    let Some(masked) = mask_card_numbers(text) else {
        return Cow::Borrowed(text);
    };
    let mut bytes = masked.into_bytes();
    let original = text.as_bytes();
    let ids = ids();
    let mut at = 0;
    while at < original.len() {
        if bytes[at] == original[at] {
            at += 1;
            continue;
        }
        let end = end_of_mask(original, &bytes, at);
        if !is_issued(original, at, end) || ids.contains(&word(text, at, end)) {
            bytes[at..end].copy_from_slice(&original[at..end]);
        }
        at = end;
    }
    match String::from_utf8(bytes) {
        Ok(same) if same == text => Cow::Borrowed(text),
        Ok(masked) => Cow::Owned(masked),
        // Cannot be: only digits became asterisks.
        Err(_) => Cow::Borrowed(""),
    }
}

/// A JSON text with every card number in it masked; a number that was one becomes a text.
pub(crate) fn masked_json(text: &str) -> Cow<'_, str> {
    masked_json_but(text, &Vec::new)
}

/// A JSON text masked, but for the numbers that `ids` says are ids.
pub(crate) fn masked_json_but<'a, 'i>(
    text: &'a str,
    ids: &dyn Fn() -> Vec<&'i str>,
) -> Cow<'a, str> {
    if let Some(plain) = without_escaped_digits(text) {
        return Cow::Owned(masked_json_but(&plain, ids).into_owned());
    }
    let Cow::Owned(masked) = masked_but(text, ids) else {
        return Cow::Borrowed(text);
    };
    let mut result = String::with_capacity(masked.len() + 2);
    let mut kept = 0;
    for (start, end) in bare_tokens(masked.as_bytes()) {
        let token = &masked[start..end];
        if token.contains('*') {
            result.push_str(&masked[kept..start]);
            result.push('"');
            result.push_str(token);
            result.push('"');
            kept = end;
        }
    }
    result.push_str(&masked[kept..]);
    Cow::Owned(result)
}

/// A JSON text whose digits are escaped (`\\u0034` for `4`) with those digits as they are; `None`
/// where there are none.
fn without_escaped_digits(json: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = json;
    while let Some(start) = rest.find('\\') {
        let (before, escape) = rest.split_at(start);
        plain.push_str(before);
        let digit = escape
            .strip_prefix("\\u003")
            .and_then(|rest| rest.chars().next())
            .filter(char::is_ascii_digit);
        let length = match digit {
            Some(digit) => {
                plain.push(digit);
                "\\u0030".len()
            }
            None => {
                // The escape and the character it escapes.
                let length = escape.chars().take(2).map(char::len_utf8).sum();
                plain.push_str(&escape[..length]);
                length
            }
        };
        rest = &escape[length..];
    }
    plain.push_str(rest);
    (plain.len() < json.len()).then_some(plain)
}

/// The word around the masked middle from `start` to `end`: the whole number, if it stands alone.
fn word(text: &str, start: usize, end: usize) -> &str {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    let before = bytes[..start].iter().rev().take_while(part).count();
    let after = bytes[end..].iter().take_while(part).count();
    &text[start - before..end + after]
}

/// Whether a text holds a full card number anywhere.
pub(crate) fn holds_card_number(text: &str) -> bool {
    matches!(masked(text), Cow::Owned(_))
}

/// Whether all of a text is 13 to 19 digits that pass the Luhn check: in a field where part of a
/// card number belongs, that is the whole number, whoever issued it.
pub(crate) fn is_whole_number(text: &str) -> bool {
    (13..=19).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && mask_card_numbers(text).is_some()
}

/// Whether there are thirteen digits with no more than blanks and hyphens between: without them
/// there is no card number. Looks at the last byte of each stretch first, and so at few of them.
fn may_hold_card_number(text: &str) -> bool {
    const LEAST: usize = 13;
    let part = |byte: &u8| byte.is_ascii_digit() || *byte == b' ' || *byte == b'-';
    let mut rest = text.as_bytes();
    while rest.len() >= LEAST {
        if let Some(place) = rest[..LEAST].iter().rposition(|byte| !part(byte)) {
            rest = &rest[place + 1..];
            continue;
        }
        let length = rest.iter().take_while(|byte| part(byte)).count();
        let stretch = rest[..length].iter();
        if stretch.filter(|byte| byte.is_ascii_digit()).count() >= LEAST {
            return true;
        }
        rest = &rest[length..];
    }
    false
}

/// Where the masked middle that begins at `start` ends.
fn end_of_mask(original: &[u8], masked: &[u8], start: usize) -> usize {
    let mut end = start;
    for at in start..original.len() {
        if masked[at] != original[at] {
            end = at + 1;
        } else if original[at] != b' ' && original[at] != b'-' {
            break;
        }
    }
    end
}

/// Whether some card network issues numbers of the length and first digits of the one whose middle
/// (all but six digits before and four after) is from `start` to `end`.
fn is_issued(text: &[u8], start: usize, end: usize) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let length = digits(&text[start..end]) + 10;
    let before = text[..start]
        .iter()
        .rev()
        .filter(|byte| byte.is_ascii_digit());
    let first_four = before
        .take(6)
        .skip(2)
        .zip([1, 10, 100, 1000])
        .map(|(digit, worth)| u32::from(digit - b'0') * worth)
        .sum();
    match length {
        14 => {
            matches!(first_four, 3000..=3059 | 3600..=3699 | 3800..=3999 | 5000..=5099 | 5600..=6999)
        }
        15 => matches!(first_four, 3400..=3499 | 3700..=3799 | 5000..=5099 | 5600..=6999),
        16 => matches!(first_four, 2221..=2720 | 3528..=3589 | 4000..=6999),
        _ => matches!(first_four, 4000..=4999 | 5000..=5099 | 5600..=6999),
    }
}

/// The tokens of a JSON text that are neither texts nor brackets: start and end of each.
fn bare_tokens(json: &[u8]) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut start = None;
    let (mut in_text, mut escaped) = (false, false);
    for (at, byte) in json.iter().enumerate() {
        let bare = !in_text && (byte.is_ascii_alphanumeric() || b"+-.*".contains(byte));
        match (bare, start) {
            (true, None) => start = Some(at),
            (false, Some(begun)) => {
                tokens.push((begun, at));
                start = None;
            }
            _ => {}
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
    }
    tokens.extend(start.map(|begun| (begun, json.len())));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn card_numbers_are_masked_and_long_ids_are_not() {
        for (text, expected) in [
            ("4111111111111111", "411111******1111"),
            ("pan=4111 1111 1111 1111;", "pan=4111 11** **** 1111;"),
            (
                "378282246310005, 5555555555554444",
                "378282*****0005, 555555******4444",
            ),
            ("2026-10-25 4222222222222x", "2026-10-25 422222***2222x"),
        ] {
            assert_eq!(masked(text), expected);
        }
        for kept in [
            "0000A00129914990914",
            "0000A00129914990913",
            "00000000000000",
            "100000000000008",
            "4111111111111112",
            "2026-10-25 10:00",
        ] {
            assert_eq!(masked(kept), kept);
        }
    }

    #[test]
    fn an_id_that_looks_like_a_card_number_is_kept_where_it_stands_alone() {
        let ids = || vec!["378282246310005"];
        let text = "id 378282246310005, card 4111111111111111";
        assert_eq!(
            masked_but(text, &ids),
            "id 378282246310005, card 411111******1111"
        );
        let json = r#"{"id": 378282246310005, "card": 4111111111111111}"#;
        let expected = r#"{"id": 378282246310005, "card": "411111******1111"}"#;
        assert_eq!(masked_json_but(json, &ids), expected);
    }

    #[test]
    fn digits_do_not_hide_behind_escapes() {
        let hidden = r#"{"\\u0034": "\u0034111111111111111", "\u00e9": "\n"}"#;
        let expected = r#"{"\\u0034": "411111******1111", "\u00e9": "\n"}"#;
        assert_eq!(masked_json(hidden), expected);
        assert_eq!(masked_json(r#"{"a": "\u003a"}"#), r#"{"a": "\u003a"}"#);
    }

    #[test]
    fn json_stays_json_when_it_is_masked() {
        let text = r#"{"a \" b": 4111111111111111, "c": "n 4111111111111111", "d": [1, 2]}"#;
        let masked = masked_json(text);
        assert_eq!(
            masked,
            r#"{"a \" b": "411111******1111", "c": "n 411111******1111", "d": [1, 2]}"#
        );
        assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok());
    }

    proptest! {
        #[test]
        fn masking_never_panics_and_leaves_no_card_number(text in "[0-9 x\"é-]{0,60}") {
            prop_assert!(!holds_card_number(&masked(&text)));
            let _ = masked_json(&text);
        }
    }
}
