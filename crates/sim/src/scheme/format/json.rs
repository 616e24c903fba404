//! JSON: one message a line, or a document with a list in it.

use super::super::field::{Field, Record};
use crate::ordered::Frame;

/// The shape of a JSON value that is made of fields.
#[derive(Clone, Copy)]
pub(in super::super) enum Json {
    /// The field as a string.
    Text(Field),
    /// The field as a string; where it says nothing, the value and its key are left out.
    Optional(Field),
    /// The field as it stands: a number.
    Number(Field),
    /// These very bytes.
    Raw(&'static str),
    /// A date as one sender's library serialises it.
    TaggedDate(Field),
    /// A date as another's does: seconds since 1970.
    TaggedEpoch(Field),
    /// An object.
    Object(&'static [(&'static str, Json)]),
    /// A list of objects, each with one `Key` and one `Value`.
    KeyValues(&'static [(&'static str, Json)]),
}

/// Messages end with their line.
pub(super) fn lines_frame() -> Frame<String> {
    Frame {
        before: String::new(),
        between: "\n".to_owned(),
        after: "\n".to_owned(),
    }
}

/// A document around its list.
pub(super) fn document_frame(name: &str) -> Frame<String> {
    Frame {
        before: format!("{{{}: [\n  ", quoted(name)),
        between: ",\n  ".to_owned(),
        after: "\n]}\n".to_owned(),
    }
}

impl Json {
    /// Writes a record in this shape.
    pub(super) fn write(self, record: &Record<'_>, out: &mut String) {
        match self {
            Self::Text(field) | Self::Optional(field) => out.push_str(&quoted(&field.text(record))),
            Self::Number(field) => field.write(record, out),
            Self::Raw(bytes) => out.push_str(bytes),
            Self::TaggedDate(field) => {
                out.push_str(r#"{"__type__": "datetime", "__value__": "#);
                out.push_str(&quoted(&field.text(record)));
                out.push('}');
            }
            Self::TaggedEpoch(field) => {
                out.push_str(r#"{"__type__": "pendulum.DateTime", "epoch": "#);
                field.write(record, out);
                out.push('}');
            }
            Self::Object(members) => write_list(members, record, ['{', '}'], ["", ": ", ""], out),
            Self::KeyValues(members) => {
                let around = [r#"{"Key": "#, r#", "Value": "#, "}"];
                write_list(members, record, ['[', ']'], around, out);
            }
        }
    }

    fn is_absent(self, record: &Record<'_>) -> bool {
        matches!(self, Self::Optional(field) if field.text(record).is_empty())
    }
}

/// Writes what a record has of these members, with brackets around all and texts around each name.
fn write_list(
    members: &[(&str, Json)],
    record: &Record<'_>,
    [open, close]: [char; 2],
    [before, between, after]: [&str; 3],
    out: &mut String,
) {
    out.push(open);
    let present = members.iter().filter(|(_, value)| !value.is_absent(record));
    for (index, (name, value)) in present.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.extend([before, &quoted(name), between]);
        value.write(record, out);
        out.push_str(after);
    }
    out.push(close);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
