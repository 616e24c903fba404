//! The `[streaming]` section: payments that are sent straight to their merchant.
//!
//! ```toml
//! [streaming]
//! feed_types = ["auth", "settled", "refund"]
//! ```

use super::section::Section;
use crate::transaction::FeedType;
use toml::Value;

/// The types of payments that a file's merchant wants as they come; none without the section.
pub(super) fn read(root: &Section<'_>) -> Vec<FeedType> {
    let Some(section) = root.section("streaming") else {
        return Vec::new();
    };
    let Some(listed) = section.value("feed_types").and_then(Value::as_array) else {
        section.complain(
            "feed_types",
            r#"must be a list of "auth", "settled" and "refund""#,
        );
        section.finish();
        return Vec::new();
    };
    let types = of_payments(&section, "feed_types", listed);
    if listed.is_empty() {
        section.complain(
            "feed_types",
            "is empty: leave the section out to stream nothing",
        );
    }
    section.finish();
    types
}

/// Types of payments from a list of their names, each once.
pub(super) fn of_payments(section: &Section<'_>, key: &str, listed: &[Value]) -> Vec<FeedType> {
    let mut types = Vec::new();
    for value in listed {
        let named = value.as_str().unwrap_or_default();
        let found = FeedType::ALL
            .into_iter()
            .find(|kind| kind.is_payment() && kind.as_str().to_lowercase() == named);
        match found {
            Some(found) if !types.contains(&found) => types.push(found),
            Some(_) => section.complain(key, format!("{named:?} is there twice")),
            None => section.complain(
                key,
                format!(r#"{value} is not a type of payment: use "auth", "settled", "refund""#),
            ),
        }
    }
    types
}
