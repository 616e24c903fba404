//! The columns of a record that its feed's mapping does not use, so that one which was renamed
//! cannot pass as empty. Nothing here is fast: it is asked before an import, by a person.

use super::json::Pairs;
use super::mask;
use super::plan::Plan;
use super::record::RawRecord;
use crate::problem::{Reject, RejectReason};
use serde_json::Value;
use std::collections::BTreeSet;

/// How much of a name that nobody knows is shown, in characters.
const MAX_SHOWN_NAME: usize = 64;

/// Adds the names of a record's columns that the mapping does not read; of JSON, the paths of its
/// values, as an agent file would name them.
pub(crate) fn add(plan: &Plan, raw: &RawRecord, unused: &mut BTreeSet<String>) {
    let wanted = |name: &str| {
        let is_it = |wanted: &str| {
            name == wanted
                || name
                    .strip_prefix(wanted)
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        plan.mapping.wanted.iter().any(|wanted| is_it(&wanted.name))
    };
    let mut note = |name: &str| {
        if !name.is_empty() && !wanted(name) {
            unused.insert(name.to_owned());
        }
    };
    match raw.source() {
        None => raw.shape.names.iter().for_each(|name| note(name)),
        Some(source) => {
            if let Ok(Value::Object(message)) = serde_json::from_str(source) {
                for (key, value) in &message {
                    match plan.paths.pairs() {
                        Some(pairs) if pairs.list == *key => {
                            names_of_pairs(pairs, value, &mut note)
                        }
                        _ => names_below(key, value, &mut note),
                    }
                }
            }
        }
    }
}

/// Rejects a record for the first name in it that the mapping does not read.
pub(crate) fn refuse(plan: &Plan, raw: &mut RawRecord) {
    let mut unused = BTreeSet::new();
    add(plan, raw, &mut unused);
    let Some(name) = unused.first() else {
        return;
    };
    let shown: String = mask::masked(name).chars().take(MAX_SHOWN_NAME).collect();
    let mut known: Vec<&str> = Vec::new();
    for wanted in &plan.mapping.wanted {
        if !known.contains(&wanted.name.as_str()) {
            known.push(&wanted.name);
        }
    }
    let detail = format!("there is no such field; there are {}", known.join(", "));
    raw.fault = Some(Reject::field(RejectReason::UnknownValue, &shown, detail));
}

fn names_of_pairs(pairs: &Pairs, value: &Value, note: &mut impl FnMut(&str)) {
    for pair in value.as_array().into_iter().flatten() {
        if let Some(key) = pair.get(&pairs.key).and_then(Value::as_str) {
            note(key.trim());
        }
    }
}

/// The paths of the values below a key; a list is one value.
fn names_below(path: &str, value: &Value, note: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) if !object.is_empty() && !object.contains_key("__type__") => {
            for (key, value) in object {
                names_below(&format!("{path}.{key}"), value, note);
            }
        }
        _ => note(path),
    }
}
