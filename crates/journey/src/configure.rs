//! Configure: one configuration key is set or unset, and everybody is told.

use crate::ports::{CommitError, Lease, Signals, Store};
use harmonia_core::changes::{AuditEntry, Changes};
use harmonia_core::config::{ConfigChange, ConfigKey};
use harmonia_core::time::Instant;
use serde_json::json;

/// Sets a key to a value that will do for it, or with none puts it back to its default. `operator` is who
/// does so, for the audit log.
///
/// # Errors
/// [`CommitError`]: nothing was changed.
pub async fn configure(
    store: &dyn Store,
    signals: &dyn Signals,
    key: &ConfigKey,
    value: Option<String>,
    operator: Box<str>,
    now: Instant,
) -> Result<(), CommitError> {
    let old = store.config().await?.remove(key.name.as_ref());
    let action = match value {
        Some(_) => "config.set",
        None => "config.unset",
    };
    let mut changes = Changes::none(now);
    changes.audit.push(AuditEntry {
        operator,
        action,
        detail: json!({ "key": key.name, "old": old, "new": value }),
    });
    changes.config.push(ConfigChange {
        key: key.name.clone().into_owned(),
        value,
    });
    store.commit(Lease::Operator, changes).await?;
    signals.config_changed().await;
    Ok(())
}
