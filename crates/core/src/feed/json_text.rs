//! Texts and keys as they are written into the JSON of a record.

use super::mask;

/// The names of columns as they stand in every record's JSON: quoted, with their colons. A name that
/// was there before gets a number, so that no field of a record hides another.
pub(crate) fn keys(names: &[String]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let mut count = names[..index].iter().filter(|other| *other == name).count();
        let mut key = key(name);
        while keys.contains(&key) {
            count = count.max(1) + 1;
            key = self::key(&format!("{name} ({count})"));
        }
        keys.push(key);
    }
    keys
}

fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 3);
    write_text(&mask::masked(name), &mut key);
    key.push(':');
    key
}

/// Appends a text as a JSON string.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    // Nearly no text has anything to escape, and this look is over many bytes at once.
    if text.bytes().fold(false, |any, byte| any | is_special(byte)) {
        write_escaped(text, out);
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn is_special(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\')
}

fn write_escaped(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut kept = 0;
    for (at, byte) in text.bytes().enumerate() {
        if !is_special(byte) {
            continue;
        }
        out.push_str(&text[kept..at]);
        kept = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(control >> 4)]));
                out.push(char::from(HEX[usize::from(control & 0xF)]));
            }
        }
    }
    out.push_str(&text[kept..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_have_one_key() {
        let names = ["a", "a", "a (2)", "", "a"].map(str::to_owned);
        let expected = [
            r#""a":"#,
            r#""a (2)":"#,
            r#""a (2) (2)":"#,
            r#""":"#,
            r#""a (3)":"#,
        ];
        assert_eq!(keys(&names), expected);
    }
}
