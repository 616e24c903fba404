//! A record as JSON: what is stored beside the typed row, so that anybody can see what came, and
//! what a record is read from again when it was corrected or its MID onboarded.

use super::json::Paths;
use super::json_text::write_text;
use super::mask;
use super::record::{RawRecord, Shape, Span};
use crate::problem::{Reject, RejectReason};
use std::sync::Arc;

/// The key under which the text of a record that could not be read stands.
const UNREADABLE: &str = "unreadable";

/// Appends a record as a JSON object, card numbers masked but for the record's own `ids`.
pub(crate) fn write<'a>(raw: &RawRecord, ids: &dyn Fn() -> Vec<&'a str>, out: &mut String) {
    if raw.fault.is_some() && raw.source().is_none() {
        out.push('{');
        write_pair(UNREADABLE, &raw.text, out);
        out.push('}');
        return;
    }
    if let Some(source) = raw.source() {
        out.push_str(&mask::masked_json_but(source, ids));
        return;
    }
    out.push('{');
    let keys = raw.shape.keys.iter();
    for (index, (key, text)) in keys.zip(raw.all_fields()).enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(key);
        write_text(&mask::masked_but(text, ids), out);
    }
    out.push('}');
}

fn write_pair(name: &str, text: &str, out: &mut String) {
    write_text(name, out);
    out.push(':');
    write_text(&mask::masked(text), out);
}

/// Reads back, into `raw`, a record of columns that [`write`] wrote. `wanted` are the names of the
/// columns the mapping reads.
pub(crate) fn recall_columns<'a>(
    json: &str,
    wanted: impl Iterator<Item = &'a str>,
    raw: &mut RawRecord,
) {
    let object = match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json) {
        Ok(object) => object,
        Err(error) => {
            let detail = format!("the stored record is not a JSON object: {error}");
            raw.fail(
                Reject::record(RejectReason::NotJson, detail),
                json.as_bytes(),
            );
            return;
        }
    };
    let names: Vec<String> = object.keys().cloned().collect();
    let order = wanted
        .map(|name| position(&names, name).unwrap_or(usize::MAX))
        .collect();
    raw.begin(raw.number, &Arc::new(Shape::new(names, order)));
    for value in object.values() {
        let start = raw.text.len();
        let span = match value {
            serde_json::Value::Null => Span::ABSENT,
            serde_json::Value::String(text) => {
                raw.text.push_str(text);
                Span::text(start, raw.text.len())
            }
            other => {
                raw.text.push_str(&other.to_string());
                Span::text(start, raw.text.len())
            }
        };
        raw.fields.push(span);
    }
}

/// Reads back, into `raw`, a message of a JSON feed.
pub(crate) fn recall_message(json: &str, paths: &Paths, shape: &Arc<Shape>, raw: &mut RawRecord) {
    raw.begin(raw.number, shape);
    paths.read(json.as_bytes(), raw);
}

/// The place of a name in a header.
pub(crate) fn position(names: &[String], name: &str) -> Option<usize> {
    names.iter().position(|known| known == name)
}
