//! Ways in which good files go wrong on their way.

use crate::good::Good;
use harmonia_trials::Mutator;

/// What arrives instead of the good file.
pub struct Mangled {
    /// How it was made.
    pub what: String,
    /// One file, or each message.
    pub parts: Vec<Vec<u8>>,
    /// Whether the end of a record may be missing.
    pub is_cut: bool,
}

/// A mangling by chance: of its records, then of its bytes.
pub fn mangled(good: &Good, chance: &mut Mutator) -> Mangled {
    let mut records = good.records.clone();
    let mut what = Vec::new();
    for _ in 0..=chance.below(2) {
        what.push(mangle_records(&mut records, chance));
    }
    let mut parts = good.put_together(&records);
    let (how, is_cut) = mangle_bytes(&mut parts, chance);
    what.push(how);
    Mangled {
        what: what.join(", "),
        parts,
        is_cut,
    }
}

/// The good file without all that follows this byte; of messages, the one it falls into is cut and
/// those after it are missing.
pub fn cut_at(good: &Good, end: usize) -> Mangled {
    let mut left = end;
    let mut parts = Vec::new();
    for part in good.bytes() {
        let kept = left.min(part.len());
        left -= kept;
        parts.push(part[..kept].to_vec());
    }
    parts.retain(|part| !part.is_empty());
    Mangled {
        what: format!("cut at {end}"),
        parts,
        is_cut: true,
    }
}

fn mangle_records(records: &mut Vec<Vec<u8>>, chance: &mut Mutator) -> String {
    let place = chance.below(records.len());
    match chance.below(5) {
        0 => {
            let again = records[place].clone();
            records.insert(chance.below(records.len() + 1), again);
            format!("record {place} twice")
        }
        1 => {
            for at in (1..records.len()).rev() {
                records.swap(at, chance.below(at + 1));
            }
            "in another order".to_owned()
        }
        2 => {
            records.extend(records.clone());
            "all records twice".to_owned()
        }
        3 => {
            records.remove(place);
            format!("without record {place}")
        }
        _ => "records as they are".to_owned(),
    }
}

/// Mangles the bytes of each file or message, or of one message; says how, and whether that cut it.
fn mangle_bytes(parts: &mut Vec<Vec<u8>>, chance: &mut Mutator) -> (String, bool) {
    let one = chance.below(parts.len());
    match chance.below(9) {
        0 => {
            for part in parts.iter_mut() {
                part.splice(0..0, *b"\xEF\xBB\xBF");
            }
            ("with a byte order mark".to_owned(), false)
        }
        1 => {
            for part in parts.iter_mut() {
                *part = with_line_ends(part);
            }
            ("with CRLF".to_owned(), false)
        }
        2 => {
            let wide = |part: &Vec<u8>| part.iter().flat_map(|byte| [*byte, 0]).collect();
            *parts = parts.iter().map(wide).collect();
            ("in UTF-16".to_owned(), false)
        }
        3 => {
            let part = &mut parts[one];
            let end = chance.below(part.len());
            part.truncate(end);
            (format!("part {one} cut at {end}"), true)
        }
        4 => {
            let whole = parts.clone();
            parts.extend(whole);
            ("sent twice".to_owned(), false)
        }
        5 => {
            let part = &mut parts[one];
            let end = chance.below(part.len());
            let start = part[..end].to_vec();
            part.splice(0..0, [start.as_slice(), b"\n"].concat());
            (format!("part {one} begun again after {end} bytes"), true)
        }
        6 => {
            let part = &mut parts[one];
            part.splice(0..0, *b"\xFF\xFE");
            (format!("part {one} with the mark of UTF-16"), false)
        }
        7 => {
            for part in parts.iter_mut() {
                part.extend(*b"\n\n \n");
            }
            ("with blank lines at its end".to_owned(), false)
        }
        _ => ("bytes as they are".to_owned(), false),
    }
}

fn with_line_ends(bytes: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    lines.join(b"\r\n".as_slice())
}
