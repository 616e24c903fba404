//! Full card numbers in a feed's texts: looked for cheaply, since there are nearly never any, and
//! masked before the text goes anywhere.
//!
//! What looks like a card number is for [`mask_card_numbers`] to say. But one long number in ten
//! passes its check by chance, and a feed is full of long numbers that are ids; masking one would
//! corrupt the very name of a transaction. So here a number must also have the length and the
//! first digits that some card network issues.

use crate::card::{Candidate, mask_card_numbers, mask_seen, may_be_part, writes_card_numbers};
use std::borrow::Cow;
use std::ops::Range;

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
    mask_but(text, text, ids).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// `text` with what `seen`, which is as long, shows to be card numbers masked.
fn mask_but<'i>(text: &str, seen: &str, ids: &dyn Fn() -> Vec<&'i str>) -> Option<String> {
    let is_one = |found: &Candidate| is_issued(found) && !ids().contains(&word(seen, &found.whole));
    mask_seen(text, seen, is_one)
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
    let masked = if !text.contains('\\') {
        may_hold_card_number(text).then(|| mask_but(text, text, ids))
    } else if may_hold_escaped(text) {
        let (plain, seen) = as_seen(text);
        Some(mask_but(&plain, &seen, ids))
    } else {
        None
    };
    let Some(masked) = masked.flatten() else {
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

/// A JSON text as those see it who read it. The first is the text with those characters as they are
/// that a card number is written with and that are escaped without need (`\\u0034` for `4`); the
/// second is as long, and has nothing in it where an escape stands, which is no part of a word.
fn as_seen(json: &str) -> (String, String) {
    const NOTHING: &str = "\0\0\0\0\0\0\0\0";
    let (mut plain, mut seen) = (String::new(), String::new());
    let mut rest = json;
    while let Some(start) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at(start);
        plain.push_str(before);
        seen.push_str(before);
        let length = match needless_escape(escape) {
            Some(c) => {
                plain.push(c);
                seen.push(c);
                "\\u0030".len()
            }
            None => {
                let length = escape_length(escape);
                plain.push_str(&escape[..length]);
                match &escape[..length] {
                    "\\/" => seen.push_str("\\/"),
                    _ => seen.push_str(&NOTHING[..length]),
                }
                length
            }
        };
        rest = &escape[length..];
    }
    plain.push_str(rest);
    seen.push_str(rest);
    (plain, seen)
}

/// How many bytes an escape has: the backslash, the character behind it, and a `u`'s four digits.
fn escape_length(escape: &str) -> usize {
    let of_a_code = escape.starts_with("\\u") && escape.is_char_boundary("\\u0030".len());
    match of_a_code {
        true => "\\u0030".len(),
        false => escape.chars().take(2).map(char::len_utf8).sum(),
    }
}

/// The character that an escape such as `\\u0034` stands for, if card numbers are written with it.
fn needless_escape(escape: &str) -> Option<char> {
    let code = escape.strip_prefix("\\u")?.get(..4)?;
    let code = code
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then_some(code)?;
    let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
    writes_card_numbers(c).then_some(c)
}

/// The word around a number: the number itself, if it stands alone.
fn word<'a>(text: &'a str, number: &Range<usize>) -> &'a str {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    let before = bytes[..number.start].iter().rev().take_while(part).count();
    let after = bytes[number.end..].iter().take_while(part).count();
    &text[number.start - before..number.end + after]
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

/// The fewest digits that a card number has.
const LEAST_DIGITS: usize = 13;

/// Whether there are thirteen digits with no more between than what may stand between them in a
/// card number: without them there is none. Looks at the last byte of each stretch first, and so at
/// few of them.
fn may_hold_card_number(text: &str) -> bool {
    // Full-width digits have this first byte.
    let is_digit = |byte: &&u8| byte.is_ascii_digit() || **byte == 0xEF;
    let mut rest = text.as_bytes();
    while rest.len() >= LEAST_DIGITS {
        if let Some(place) = rest[..LEAST_DIGITS]
            .iter()
            .rposition(|byte| !may_be_part(*byte))
        {
            rest = &rest[place + 1..];
            continue;
        }
        let length = rest.iter().take_while(|byte| may_be_part(**byte)).count();
        if rest[..length].iter().filter(is_digit).count() >= LEAST_DIGITS {
            return true;
        }
        rest = &rest[length..];
    }
    false
}

/// As [`may_hold_card_number`], of a JSON text whose escapes are looked into.
fn may_hold_escaped(json: &str) -> bool {
    let mut digits = 0;
    let mut at = 0;
    while let Some(byte) = json.as_bytes().get(at) {
        let escape = (*byte == b'\\').then(|| json.get(at..)).flatten();
        let (is_digit, is_part, length) = match escape {
            None => (
                byte.is_ascii_digit() || *byte == 0xEF,
                may_be_part(*byte),
                1,
            ),
            Some(escape) => match needless_escape(escape) {
                // Of what parts groups nothing is lost where it counts as a digit.
                Some(_) => (true, true, "\\u0030".len()),
                None => (false, escape.starts_with("\\/"), escape_length(escape)),
            },
        };
        digits = match is_part {
            true => digits + usize::from(is_digit),
            false => 0,
        };
        if digits >= LEAST_DIGITS {
            return true;
        }
        at += length;
    }
    false
}

/// Whether some card network issues numbers of this length and these first digits.
fn is_issued(number: &Candidate) -> bool {
    let first_four = number.first_four;
    match number.length {
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
        for kept in [r#"{"a": "\u003a"}"#, r#"{"a": "\u0034\u00a0\u005c\/"}"#] {
            assert_eq!(masked_json(kept), kept);
        }
        for hidden in [
            r#"{"a": "4111\u00a01111\u20091111\u20101111"}"#,
            r#"{"a": "4111\/1111\/1111\/1111"}"#,
            r#"{"a": "\uff14111111111111111"}"#,
            r#"{"a": "\n4111 1111 1111 1111\t"}"#,
            r#"{"a": "\u00004111 1111 1111 1111"}"#,
        ] {
            assert!(masked_json(hidden).contains("**"), "{hidden}");
        }
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
        fn masking_never_panics_and_leaves_no_card_number(text in "[0-9 x\"é._-]{0,60}") {
            prop_assert!(!holds_card_number(&masked(&text)));
            let _ = masked_json(&text);
        }
    }
}
