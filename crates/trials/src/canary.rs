//! Card numbers that the seeds hold, and that must not come out again.
//!
//! This looks for known numbers in the ways cards print them; it shares nothing with the masking it
//! watches over.

/// One number of each network that issues any, all sound by the Luhn check, and how cards of that
/// network print it: the lengths of its groups.
pub(crate) const CANARIES: [(&str, &[usize]); 5] = [
    ("4111111111111111", &[4, 4, 4, 4]),
    ("5555555555554444", &[4, 4, 4, 4]),
    ("2223003122003222", &[4, 4, 4, 4]),
    ("378282246310005", &[4, 6, 5]),
    ("6011111111111117", &[4, 4, 4, 4]),
];

/// What people and programs put between the groups of a card number.
pub(crate) const BETWEEN: [&str; 14] = [
    " ", "-", ".", "_", "/", "\u{a0}", "\u{2007}", "\u{2009}", "\u{202f}", "\u{2010}", "\u{2011}",
    "\u{2013}", "\u{2014}", "\u{2212}",
];

/// Asserts that no canary stands in a text by itself, unbroken or in groups.
pub(crate) fn assert_silent(text: &str, whose: &str) {
    if text.bytes().filter(u8::is_ascii_digit).count() < 13 {
        return;
    }
    for (number, lengths) in CANARIES {
        // Nearly every text lacks even the first group of nearly every number.
        if text.contains(&number[..4]) {
            assert_lacks(text, number, whose);
            for between in BETWEEN {
                assert_lacks(text, &grouped(number, lengths, between), whose);
            }
        }
    }
}

/// A number as its card prints it, with this between the groups.
pub(crate) fn grouped(number: &str, lengths: &[usize], between: &str) -> String {
    let mut rest = number;
    let mut groups = Vec::new();
    for length in lengths {
        let (group, after) = rest.split_at(*length);
        groups.push(group);
        rest = after;
    }
    groups.join(between)
}

fn assert_lacks(text: &str, number: &str, whose: &str) {
    // An asterisk stands where the digit of a number was that overlaps with this.
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '*';
    for (start, _) in text.match_indices(number) {
        let before = text[..start].chars().next_back();
        let after = next_read(&text[start + number.len()..]);
        assert!(
            before.is_some_and(part_of_a_word) || after.is_some_and(part_of_a_word),
            "{whose} holds a full card number: {text:?}"
        );
    }
}

/// The first character as a reader of JSON sees it, an escape such as `\\u0034` for what it says.
fn next_read(text: &str) -> Option<char> {
    let escaped = text.strip_prefix("\\u").and_then(|code| code.get(..4));
    let code = escaped.and_then(|code| u32::from_str_radix(code, 16).ok());
    code.and_then(char::from_u32)
        .or_else(|| text.chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_behind_an_escape_is_a_digit() {
        assert_silent(r#"{"a": "5555.5555.5555.4444\u0034"}"#, "a longer number");
        let alone = r#"{"a": "5555.5555.5555.4444\u0020"}"#;
        assert!(std::panic::catch_unwind(|| assert_silent(alone, "a number")).is_err());
    }
}
