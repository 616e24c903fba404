//! Texts and keys as they are written into the JSON of a record.

use super::mask;

/// The names of columns as they stand in every record's JSON: quoted, with their colons.
pub(crate) fn keys(names: &[String]) -> Vec<String> {
    let key = |name: &String| {
        let mut key = String::new();
        write_text(&mask::masked(name), &mut key);
        key.push(':');
        key
    };
    names.iter().map(key).collect()
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
