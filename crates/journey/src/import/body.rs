//! A body that was pushed: bytes to raw records, or the reason why nothing of it can be taken.
//!
//! Harmonia's own format is a JSON list, one JSON object, or JSON lines; its first byte and its end
//! tell which. A feed's own format is read as a file of it would be.

use super::reading::says_no_record;
use harmonia_core::feed::{
    Feed, MAX_DEPTH, MessageReader, Outcome, RawRecord, ReadError, too_deep,
};
use harmonia_core::problem::FileRefusal;
use serde::de::IgnoredAny;

/// Why nothing of a body can be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It holds nothing at all, not even a list of nothing.
    #[error("the body is empty: send records, or an empty list where there are none")]
    Empty,
    /// It is not UTF-8.
    #[error("the body is not UTF-8: the byte at offset {offset} belongs to no character")]
    NotUtf8 {
        /// How many bytes before it are.
        offset: usize,
    },
    /// It is not JSON.
    #[error("the body is not JSON: {reason} (line {line}, column {column})")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The byte in it, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It is nested without sense.
    #[error("the JSON is nested deeper than {MAX_DEPTH} levels at byte {offset}: send it flatter")]
    TooDeep {
        /// Where it becomes too deep, from 0.
        offset: usize,
    },
    /// It holds more records than one request may.
    #[error("the body holds more than {most} records: send them in several requests")]
    TooMany {
        /// How many it may hold.
        most: usize,
    },
    /// It is not whole, or not of its feed.
    #[error("{0}")]
    Refused(#[from] FileRefusal),
}

/// The records of a body in the feed's format, at most so many. There may be none, as in a file of a
/// day on which nothing was sold.
///
/// # Errors
/// [`BodyError`] says what is wrong with the whole of it; what is wrong with single records is
/// theirs.
pub fn read_body(feed: &Feed, body: &[u8], most: usize) -> Result<Vec<RawRecord>, BodyError> {
    if body.trim_ascii().is_empty() {
        return Err(BodyError::Empty);
    }
    if feed.is_canonical() {
        return read_canonical(feed, body, most);
    }
    let mut inspector = feed.inspect();
    inspector.feed(body);
    inspector.finish()?;
    let raws = read_all(feed, body, most, &|_| {})?;
    refuse_nonsense(feed, &raws)?;
    Ok(raws)
}

fn read_canonical(feed: &Feed, body: &[u8], most: usize) -> Result<Vec<RawRecord>, BodyError> {
    let text = std::str::from_utf8(body).map_err(|error| BodyError::NotUtf8 {
        offset: error.valid_up_to(),
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).trim();
    let check = |raw: &mut RawRecord| feed.refuse_unknown_fields(raw);
    let whole = serde_json::from_str::<IgnoredAny>(text);
    if text.starts_with('[') {
        refuse_depth(text, 0)?;
        whole.map_err(|error| not_json(&error))?;
        return read_all(feed, text.as_bytes(), most, &check);
    }
    let Err(error) = whole else {
        // One document, over as many lines as it likes: a list of one.
        refuse_depth(text, 0)?;
        return read_all(feed, format!("[{text}]").as_bytes(), most, &check);
    };
    let first_line = text.lines().next().unwrap_or_default();
    if serde_json::from_str::<IgnoredAny>(first_line).is_err() {
        return Err(not_json(&error));
    }
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        refuse_depth(line, offset)?;
        offset += line.len();
    }
    read_all(feed, text.as_bytes(), most, &check)
}

fn not_json(error: &serde_json::Error) -> BodyError {
    let said = error.to_string();
    let reason = said.split(" at line ").next().unwrap_or("it breaks off");
    BodyError::NotJson {
        line: error.line(),
        column: error.column(),
        reason: reason.to_owned(),
    }
}

/// `from` is where in the body this text begins.
fn refuse_depth(text: &str, from: usize) -> Result<(), BodyError> {
    match too_deep(text) {
        None => Ok(()),
        Some(offset) => Err(BodyError::TooDeep {
            offset: from + offset,
        }),
    }
}

fn read_all(
    feed: &Feed,
    body: &[u8],
    most: usize,
    check: &dyn Fn(&mut RawRecord),
) -> Result<Vec<RawRecord>, BodyError> {
    let mut reader = feed.message(body).map_err(refusal)?;
    let mut raws = Vec::new();
    while let Some(mut raw) = next(&mut reader)? {
        if raws.len() == most {
            return Err(BodyError::TooMany { most });
        }
        check(&mut raw);
        raws.push(raw);
    }
    Ok(raws)
}

fn next(reader: &mut MessageReader<'_>) -> Result<Option<RawRecord>, BodyError> {
    let mut raw = RawRecord::default();
    let found = reader.next(&mut raw).map_err(refusal)?;
    Ok(found.then_some(raw))
}

fn refusal(error: ReadError) -> BodyError {
    match error {
        ReadError::Refused(refusal) => refusal.into(),
        // Bytes that are in memory can always be read.
        ReadError::Io(error) => FileRefusal::NotTheDocument(error.to_string()).into(),
    }
}

/// A body of which not one record is even a record is not of this feed, as a file would not be.
fn refuse_nonsense(feed: &Feed, raws: &[RawRecord]) -> Result<(), BodyError> {
    let mut first = None;
    for raw in raws {
        match feed.read(raw) {
            Outcome::Rejected(reject) if says_no_record(reject.reason) => {
                first.get_or_insert(reject.detail);
            }
            _ => return Ok(()),
        }
    }
    match first {
        None => Ok(()),
        Some(first) => Err(FileRefusal::NothingReadable {
            records: raws.len() as u64,
            first: first.to_string(),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_core::agent::Agent;

    fn feed(slug: &str) -> Feed {
        let path = format!("{}/../../agents/{slug}.toml", env!("CARGO_MANIFEST_DIR"));
        let agent = Agent::parse(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
        agent.feed(slug).unwrap().clone()
    }

    fn read(body: &[u8]) -> Result<Vec<RawRecord>, BodyError> {
        read_body(&feed("example-loyalty-scheme").canonical(), body, 3)
    }

    const ONE: &str = r#"{"transaction_id": "a", "mids": ["m"], "date": "2026-06-02T10:00:00Z", "amount": 1, "currency": "GBP"}"#;

    #[test]
    fn a_list_an_object_and_lines_are_told_apart() {
        let pretty = ONE.replace(", ", ",\n  ");
        for (body, records) in [
            (format!("[{ONE}, {ONE}]"), 2),
            (ONE.to_owned(), 1),
            ("[]".to_owned(), 0),
            (format!("\u{FEFF}\n {pretty}\n\n"), 1),
            (format!("{ONE}\n{ONE}\n\n{ONE}\n"), 3),
            (format!("{ONE}\r\nnot json\r\n"), 2),
        ] {
            assert_eq!(
                read(body.as_bytes()).map(|raws| raws.len()),
                Ok(records),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_whole_body_says_where() {
        let deep = format!("[{}", "[".repeat(100_000));
        let in_lines = format!("{ONE}\n{{\"extra\": {}", "[".repeat(100));
        let four = format!("[{ONE},{ONE},{ONE},{ONE}]");
        for (body, words) in [
            (&b""[..], "the body is empty"),
            (b" \n\t", "the body is empty"),
            (b"[\n {\"a\": 1},\n {\"a\": }\n]", "(line 3, column 8)"),
            (b"[{\"a\": 1}", "(line 1, column 9)"),
            (
                b"hello",
                "the body is not JSON: expected value (line 1, column 1)",
            ),
            (b"[\"\xFF\"]", "offset 2"),
            (deep.as_bytes(), "deeper than 64 levels at byte 64"),
            (in_lines.as_bytes(), "deeper than 64"),
            (four.as_bytes(), "more than 3 records"),
        ] {
            let said = read(body).unwrap_err().to_string();
            assert!(said.contains(words), "{words:?} in {said:?}");
        }
    }

    #[test]
    fn a_field_that_nobody_knows_rejects_its_record_alone() {
        let wrong = ONE.replace("\"amount\": 1", "\"amount\": 1, \"4111111111111111\": 2");
        let feed = feed("example-loyalty-scheme").canonical();
        let raws = read_body(&feed, format!("[{ONE}, {wrong}]").as_bytes(), 3).unwrap();
        assert!(matches!(feed.read(&raws[0]), Outcome::Sale(_)));
        let Outcome::Rejected(reject) = feed.read(&raws[1]) else {
            panic!("an unknown field is taken");
        };
        assert_eq!(reject.field.as_deref(), Some("411111******1111"));
        assert!(
            reject
                .detail
                .contains("there is no such field; there are transaction_id")
        );
        let mut json = String::new();
        feed.raw_json(&raws[1], false, &mut json);
        assert!(json.contains("\"411111******1111\": 2"), "{json}");
    }

    #[test]
    fn the_feeds_own_format_is_read_as_a_file() {
        let own = feed("example-loyalty-scheme");
        let two =
            b"m\x1fa\x1f2026-06-02T10:00:00Z\x1f1\x1f1\x1em\x1fb\x1f2026-06-02T10:00:00Z\x1f1\x1f1";
        assert_eq!(read_body(&own, two, 3).unwrap().len(), 2);
        let said = read_body(&own, ONE.as_bytes(), 3).unwrap_err().to_string();
        assert!(
            said.contains("not one of its 1 records can be read"),
            "{said}"
        );
        let document = feed("harvey-nichols");
        let said = read_body(&document, b"{\"transactions\": [", 3)
            .unwrap_err()
            .to_string();
        assert!(said.contains("it is incomplete"), "{said}");
    }
}
