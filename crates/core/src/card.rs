//! What may be known of a card: its token, its first six and last four digits. A full card number
//! cannot be built from these types, and text that holds one is masked before it goes anywhere.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The card network's token for a card: it identifies the card and reveals nothing of its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CardToken(pub CompactString);

/// `N` decimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digits<const N: usize>([u8; N]);

/// The first six digits of a card number: the issuer.
pub type FirstSix = Digits<6>;
/// The last four digits of a card number.
pub type LastFour = Digits<4>;

impl<const N: usize> Digits<N> {
    /// Takes exactly `N` decimal digits.
    pub fn new(text: &str) -> Option<Self> {
        let bytes: [u8; N] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_digit).then_some(Self(bytes))
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl<const N: usize> fmt::Debug for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Display for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> Serialize for Digits<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Digits<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = CompactString::deserialize(deserializer)?;
        // The text is not repeated: it may be more of a card number than may be shown.
        Self::new(&text).ok_or_else(|| serde::de::Error::custom(format!("not {N} digits")))
    }
}

/// The digits of a card that a record carries; either may be unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CardDigits {
    /// The first six.
    pub first_six: Option<FirstSix>,
    /// The last four.
    pub last_four: Option<LastFour>,
}

impl CardDigits {
    /// First six and last four, where both are known.
    pub fn both(self) -> Option<(FirstSix, LastFour)> {
        Some((self.first_six?, self.last_four?))
    }
}

/// `text` with every card number in it masked to its first six and last four: a run of 13 to 19
/// digits that passes the Luhn check, unbroken or in the groups in which cards print it (fours, or
/// 4-6-5) with a space or a hyphen between. Returns `None` when there is nothing to mask, which is
/// nearly always.
///
/// Long hexadecimal words (hashes) and UUIDs are left alone: one in a few hundred would pass the
/// check by chance, and a masked id is a lost transaction.
pub fn mask_card_numbers(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut masked: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = unbroken(bytes, at);
        let run = if end - at >= 13 {
            (at..end).collect()
        } else {
            grouped(bytes, at)
        };
        if (13..=19).contains(&run.len())
            && passes_luhn(bytes, &run)
            && !in_hexadecimal_word(bytes, at, end)
        {
            let copy = masked.get_or_insert_with(|| bytes.to_vec());
            for position in &run[6..run.len() - 4] {
                copy[*position] = b'*';
            }
            at = run.last().map_or(end, |last| last + 1);
        } else {
            at = end;
        }
    }
    // Only ASCII digits were replaced, by ASCII: what was UTF-8 still is.
    masked.and_then(|bytes| String::from_utf8(bytes).ok())
}

/// Where the digits that begin at `start` end.
fn unbroken(bytes: &[u8], start: usize) -> usize {
    let digits = bytes[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    start + digits
}

/// The positions of digits grouped as cards print them, standing by themselves; empty where the
/// groups that begin at `start` are not such.
fn grouped(bytes: &[u8], start: usize) -> Vec<usize> {
    let stands_alone = |at: Option<&u8>| at.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let mut groups = Vec::new();
    let mut at = start;
    loop {
        let end = unbroken(bytes, at);
        groups.push(at..end);
        let parted = matches!(bytes.get(end), Some(b' ' | b'-'))
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !parted || groups.len() == 5 {
            break;
        }
        at = end + 1;
    }
    let lengths: Vec<usize> = groups.iter().map(ExactSizeIterator::len).collect();
    let as_printed = match lengths.as_slice() {
        [4, 6, 4 | 5] => true,
        [fours @ .., last] => fours.len() > 2 && fours.iter().all(|four| *four == 4) && *last <= 7,
        [] => false,
    };
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    let after = groups.last().and_then(|last| bytes.get(last.end));
    if as_printed && stands_alone(before) && stands_alone(after) {
        groups.into_iter().flatten().collect()
    } else {
        Vec::new()
    }
}

/// Whether the digits stand in a word of 24 and more hexadecimal digits that has letters too.
fn in_hexadecimal_word(bytes: &[u8], start: usize, end: usize) -> bool {
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric();
    let before = bytes[..start].iter().rev().take_while(is_word).count();
    let after = bytes[end..].iter().take_while(is_word).count();
    let word = &bytes[start - before..end + after];
    word.len() >= 24
        && word.iter().all(u8::is_ascii_hexdigit)
        && word.iter().any(u8::is_ascii_alphabetic)
}

fn passes_luhn(bytes: &[u8], positions: &[usize]) -> bool {
    let sum: u32 = positions
        .iter()
        .rev()
        .enumerate()
        .map(|(place, position)| {
            let digit = u32::from(bytes[*position] - b'0');
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit) if digit > 4 => digit * 2 - 9,
                (_, digit) => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_card_number_is_masked_wherever_it_stands() {
        assert_eq!(
            mask_card_numbers("4111111111111111").unwrap(),
            "411111******1111"
        );
        assert_eq!(
            mask_card_numbers("pan 4111 1111-1111 1111!").unwrap(),
            "pan 4111 11**-**** 1111!"
        );
        assert_eq!(mask_card_numbers("4111111111111112"), None); // fails the check
        assert_eq!(mask_card_numbers("12345678"), None);
        assert_eq!(mask_card_numbers(""), None);
    }

    #[test]
    fn ids_that_only_look_like_card_numbers_are_left_alone() {
        for id in [
            "2d76ca4b-4111-1111-1111-1111ac0a38f8",
            "00000000-0000-4000-8000-000000000000",
            "a4111111111111111bda3131fe14a789",
            "P42.000000017",
        ] {
            assert_eq!(mask_card_numbers(id), None, "{id}");
        }
    }

    #[test]
    fn digits_are_digits() {
        assert!(LastFour::new("6912").is_some());
        for bad in ["", "691", "69123", "69x2", "６９12"] {
            assert!(LastFour::new(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn masking_never_panics_and_is_stable(text in ".{0,60}") {
            if let Some(once) = mask_card_numbers(&text) {
                prop_assert_eq!(mask_card_numbers(&once), None);
            }
        }
    }
}
