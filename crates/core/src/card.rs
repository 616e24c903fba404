//! What may be known of a card: its token, its first six and last four digits. A full card number
//! cannot be built from these types, and text that holds one is masked before it goes anywhere.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;
use std::ops::Range;

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
/// 4-6-5) with one blank, hyphen, point or the like between. Full-width digits count as digits.
/// Returns `None` when there is nothing to mask, which is nearly always.
///
/// Long hexadecimal words (hashes) and UUIDs are left alone: one in a few hundred would pass the
/// check by chance, and a masked id is a lost transaction.
pub fn mask_card_numbers(text: &str) -> Option<String> {
    mask_those(text, |_| true)
}

/// The first `most` characters of a text, card numbers masked. Where that cuts the text off, digits at
/// the cut are left out: they may be nearly all of a card number, and nobody could tell.
pub(crate) fn masked_start(text: &str, most: usize) -> String {
    let masked = mask_card_numbers(text);
    let text = masked.as_deref().unwrap_or(text);
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => {
            let start = without_digits_at_end(&text[..end]);
            // What stood in a word may stand by itself now.
            mask_card_numbers(start).unwrap_or_else(|| start.to_owned())
        }
    }
}

/// A text that was cut off, without the digits at the cut and what stands between them.
pub(crate) fn without_digits_at_end(text: &str) -> &str {
    text.trim_end_matches(writes_card_numbers)
}

/// What looks like a card number in a text.
pub(crate) struct Candidate {
    /// The bytes from its first digit to its last.
    pub(crate) whole: Range<usize>,
    /// The bytes of all but its first six and last four digits.
    middle: Range<usize>,
    /// How many digits it has.
    pub(crate) length: usize,
    /// Its first four digits, as a number.
    pub(crate) first_four: u32,
}

/// `text` with those of its card numbers masked that `is_one` says are some; `None` where none is.
pub(crate) fn mask_those(text: &str, is_one: impl Fn(&Candidate) -> bool) -> Option<String> {
    mask_seen(text, text, is_one)
}

/// `text` with those card numbers masked that stand in `seen`: the same text, byte for byte, but for
/// what a reader of it does not see as it is written.
pub(crate) fn mask_seen(
    text: &str,
    seen: &str,
    is_one: impl Fn(&Candidate) -> bool,
) -> Option<String> {
    let bytes = seen.as_bytes();
    let mut masked = String::new();
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        if digit_at(bytes, at).is_none() {
            at += 1;
            continue;
        }
        let groups = Groups::at(bytes, at);
        if let Some(found) = groups.card_number(bytes, &is_one) {
            let start = found.middle.start.max(kept);
            let end = found.middle.end.max(kept);
            masked.push_str(&text[kept..start]);
            masked.extend(
                text[start..end]
                    .chars()
                    .map(|c| if is_digit(c) { '*' } else { c }),
            );
            kept = end;
        }
        // Another number may begin with one of its groups.
        at = groups.first_end();
    }
    if masked.is_empty() {
        return None;
    }
    masked.push_str(&text[kept..]);
    Some(masked)
}

/// The most groups in which a card prints its number, and the most digits it has.
const MOST_GROUPS: usize = 5;
const MOST_DIGITS: usize = 19;

/// Digits in groups, with one separator between each and the next.
struct Groups {
    /// Where each digit begins, and which it is; no more than tell that there are too many.
    digits: SmallVec<[(usize, u8); 40]>,
    /// Where each group ends, and how many digits it and those before it have.
    ends: SmallVec<[(usize, usize); MOST_GROUPS]>,
}

impl Groups {
    /// The groups that begin with the digit at `start`.
    fn at(bytes: &[u8], start: usize) -> Self {
        let mut groups = Self {
            digits: SmallVec::new(),
            ends: SmallVec::new(),
        };
        let (mut at, mut count) = (start, 0);
        loop {
            while let Some((digit, length)) = digit_at(bytes, at) {
                if count <= MOST_DIGITS {
                    groups.digits.push((at, digit));
                }
                count += 1;
                at += length;
            }
            groups.ends.push((at, count));
            if groups.ends.len() == 1 && count != 4 {
                // Unbroken, or no number: what cards print in groups begins with four.
                return groups;
            }
            let next = separator_at(bytes, at).map(|length| at + length);
            match next.filter(|next| digit_at(bytes, *next).is_some()) {
                Some(next) if groups.ends.len() < MOST_GROUPS && count <= MOST_DIGITS => at = next,
                _ => return groups,
            }
        }
    }

    fn first_end(&self) -> usize {
        self.ends[0].0
    }

    /// The card number that begins with the first group and is one; the longest of several.
    fn card_number(&self, bytes: &[u8], is_one: &impl Fn(&Candidate) -> bool) -> Option<Candidate> {
        let (_, first) = self.ends[0];
        if first >= 13 {
            let found = self.candidate(first)?;
            let lawful = !in_hexadecimal_word(bytes, &found.whole) && is_one(&found);
            return lawful.then_some(found);
        }
        let start = self.digits.first()?.0;
        let stands_alone = |at: Option<&u8>| at.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if !stands_alone(start.checked_sub(1).and_then(|before| bytes.get(before))) {
            return None;
        }
        (3..=self.ends.len()).rev().find_map(|groups| {
            let (end, count) = self.ends[groups - 1];
            if !self.are_as_printed(groups) || !stands_alone(bytes.get(end)) {
                return None;
            }
            self.candidate(count).filter(|found| is_one(found))
        })
    }

    /// Whether the first so many groups have the lengths in which cards print their numbers.
    fn are_as_printed(&self, groups: usize) -> bool {
        let mut before = 0;
        let mut lengths: SmallVec<[usize; MOST_GROUPS]> = SmallVec::new();
        for (_, count) in &self.ends[..groups] {
            lengths.push(count - before);
            before = *count;
        }
        match lengths.as_slice() {
            [4, 6, 4 | 5] => true,
            [fours @ .., last] => {
                fours.len() > 2 && fours.iter().all(|four| *four == 4) && *last <= 7
            }
            [] => false,
        }
    }

    /// The first so many digits, if a card number has so many and they pass the Luhn check.
    fn candidate(&self, length: usize) -> Option<Candidate> {
        if !(13..=MOST_DIGITS).contains(&length) {
            return None;
        }
        let digits = self.digits.get(..length)?;
        let (last, _) = *digits.last()?;
        let ends = self.ends.iter().find(|(end, _)| *end > last)?;
        let first_four = digits[..4].iter();
        passes_luhn(digits).then(|| Candidate {
            whole: digits[0].0..ends.0,
            middle: digits[6].0..digits[length - 4].0,
            length,
            first_four: first_four.fold(0, |number, (_, digit)| number * 10 + u32::from(*digit)),
        })
    }
}

/// Whether a character is a digit that card numbers are written with.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || ('\u{ff10}'..='\u{ff19}').contains(&c)
}

/// The digit that begins at `at`, ASCII or full-width, and how many bytes it has.
fn digit_at(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    match bytes.get(at..)? {
        [digit @ b'0'..=b'9', ..] => Some((digit - b'0', 1)),
        [0xEF, 0xBC, digit @ 0x90..=0x99, ..] => Some((digit - 0x90, 3)),
        _ => None,
    }
}

/// How many bytes the separator that begins at `at` has: a blank, a hyphen or dash of any width, a
/// point, a line below, a slash (in JSON maybe with its backslash).
fn separator_at(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..)? {
        [b' ' | b'-' | b'.' | b'_' | b'/', ..] => Some(1),
        [b'\\', b'/', ..] => Some(2),
        // No-break space, soft hyphen, middle dot.
        [0xC2, 0xA0 | 0xAD | 0xB7, ..] => Some(2),
        // U+2000 to U+200B, the spaces; U+2010 to U+2015, the dashes; U+202F, another space.
        [0xE2, 0x80, 0x80..=0x8B | 0x90..=0x95 | 0xAF, ..] => Some(3),
        // Minus sign, ideographic space, full-width hyphen.
        [0xE2, 0x88, 0x92, ..] | [0xE3, 0x80, 0x80, ..] | [0xEF, 0xBC, 0x8D, ..] => Some(3),
        _ => None,
    }
}

/// Whether card numbers are written with this character: a digit, or what parts their groups.
pub(crate) fn writes_card_numbers(c: char) -> bool {
    is_digit(c) || separator_at(c.encode_utf8(&mut [0; 4]).as_bytes(), 0).is_some()
}

/// Whether a byte can be part of a card number with what stands between its groups.
pub(crate) fn may_be_part(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'.' | b'_' | b'/' | b'\\') || byte >= 0x80
}

/// Whether the digits stand in a word of 24 and more hexadecimal digits that has letters too.
fn in_hexadecimal_word(bytes: &[u8], digits: &Range<usize>) -> bool {
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric();
    let before = bytes[..digits.start].iter().rev().take_while(is_word);
    let after = bytes[digits.end..].iter().take_while(is_word);
    let word = &bytes[digits.start - before.count()..digits.end + after.count()];
    word.len() >= 24
        && word.iter().all(u8::is_ascii_hexdigit)
        && word.iter().any(u8::is_ascii_alphabetic)
}

fn passes_luhn(digits: &[(usize, u8)]) -> bool {
    let worth = |(place, (_, digit)): (usize, &(usize, u8))| match (place % 2, u32::from(*digit)) {
        (0, digit) => digit,
        (_, digit) if digit > 4 => digit * 2 - 9,
        (_, digit) => digit * 2,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(worth).sum();
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
        for (text, expected) in [
            ("4111.1111.1111.1111", "4111.11**.****.1111"),
            ("4111_1111_1111_1111", "4111_11**_****_1111"),
            (
                "4111\u{a0}1111\u{202f}1111\u{2009}1111",
                "4111\u{a0}11**\u{202f}****\u{2009}1111",
            ),
            ("3782–822463–10005", "3782–82****–*0005"),
            (
                "４１１１１１１１１１１１１１１１",
                "４１１１１１******１１１１",
            ),
            (
                "card 4111 1111 1111 1111 12/28",
                "card 4111 11** **** 1111 12/28",
            ),
            ("1234 4111 1111 1111 1111 5", "1234 4111 11** **** 1111 5"),
            ("4111/1111/1111/1111", "4111/11**/****/1111"),
            (
                "5555/5565/5555/4111 1111 1111 1111",
                "5555/55**/****/4111 11** **** 1111",
            ),
        ] {
            assert_eq!(mask_card_numbers(text).as_deref(), Some(expected));
        }
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
            "12.34",
            "1234.5678",
            "2026-06-02 15:46:12.123456",
            "2026-06-02-15.46.12",
            "2026/06/02 1546 GBP 1099",
            "192.168.100.200",
            "x4111 1111 1111 1111",
            "4111 1111 1111 1111x",
            "+44 20 7946 0958",
            "d0be2dc421be4fcd0172e5afceea3970e2f3d940",
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

    /// A sound number of sixteen digits that begins so.
    fn sound(first: u64) -> String {
        let digits = format!("{first:015}");
        let check = (0..10).map(|last| format!("{digits}{last}"));
        let passes = |text: &String| {
            let places: Vec<(usize, u8)> =
                text.bytes().map(|byte| byte - b'0').enumerate().collect();
            passes_luhn(&places)
        };
        check.into_iter().find(passes).unwrap()
    }

    proptest! {
        #[test]
        fn a_number_in_groups_is_masked_whatever_stands_between(
            first in 400_000_000_000_000_u64..700_000_000_000_000,
            between in "[-._/ \u{a0}\u{2007}\u{2009}\u{202f}\u{2010}-\u{2015}\u{2212}]",
            before in "([a-z:;,=(]{1,3} ?)?",
            after in "( ?[a-z:;,)]{1,3}| [0-9]{1,3}| [0-9]{2}/[0-9]{2})?",
        ) {
            let number = sound(first);
            let groups: Vec<&str> = [0, 4, 8, 12].map(|at| &number[at..at + 4]).into();
            let grouped = groups.join(&between);
            let text = format!("{before} {grouped} {after}");
            let masked = mask_card_numbers(&text).unwrap();
            prop_assert!(!masked.contains(&grouped), "{}", masked);
            let text = format!("{before}{number} {after}");
            prop_assert!(!mask_card_numbers(&text).unwrap().contains(&number));
        }

        #[test]
        fn decimals_dates_uuids_and_hashes_are_left_alone(
            decimal in "-?[0-9]{1,9}\\.[0-9]{2}",
            date in "20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3,6})?Z?",
            stamp in "20[0-9]{2}[01][0-9][0-3][0-9]( [0-9]{4})?",
            uuid in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[a-f][0-9a-f]{11}",
            digits in "[0-9]{8}-[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{8}[a-f][0-9]{3}",
            hash in "[0-9a-f]{20}[a-f][0-9a-f]{19}",
        ) {
            for text in [&decimal, &date, &stamp, &uuid, &digits, &hash] {
                prop_assert_eq!(mask_card_numbers(text), None, "{}", text);
            }
            let list = format!("{decimal} {date}, {decimal};{uuid} {hash}");
            prop_assert_eq!(mask_card_numbers(&list), None, "{}", list);
        }

        #[test]
        fn masking_never_panics_and_is_stable(text in ".{0,60}") {
            if let Some(once) = mask_card_numbers(&text) {
                prop_assert_eq!(mask_card_numbers(&once), None);
            }
        }
    }
}
