//! `harmonia config`: what can be set while Harmonia runs.

use crate::cli::{ConfigAction, ConfigArgs};
use crate::operator::OperatorArgs;
use crate::output::{Failure, Printer, table};
use crate::wiring::Wiring;
use harmonia_core::changes::Changes;
use harmonia_core::config::{ALL, ConfigChange, ConfigKey, SCHEDULES};
use harmonia_journey::ports::{Clock, Lease, SystemClock};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;

/// A key, for people and programs.
#[derive(Serialize)]
struct Shown {
    key: String,
    value: Option<String>,
    default: &'static str,
    doc: &'static str,
}

/// Lists, gets, sets or unsets.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &ConfigArgs,
) -> Result<ExitCode, Failure> {
    match &args.action {
        ConfigAction::List => list(wiring, printer).await?,
        ConfigAction::Get { key } => get(wiring, printer, key).await?,
        ConfigAction::Set { key, value, who } => {
            let found = ConfigKey::find(key).map_err(Failure::usage)?;
            found.check(value).map_err(Failure::usage)?;
            change(wiring, printer, &found, Some(value), who).await?;
        }
        ConfigAction::Unset { key, who } => {
            let found = ConfigKey::find(key).map_err(Failure::usage)?;
            change(wiring, printer, &found, None, who).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(wiring: &Wiring, printer: &Printer) -> Result<(), Failure> {
    let mut items = wiring.inquiry().await?.config().await?;
    let mut all: Vec<Shown> = ALL
        .iter()
        .map(|key| shown(key, items.remove(key.name.as_ref())))
        .collect();
    // Those of schedules that are set, and how they are set.
    let of_schedules = items.into_iter().filter_map(|(key, value)| {
        let key = ConfigKey::find(&key).ok()?;
        Some(shown(&key, Some(value)))
    });
    all.extend(of_schedules);
    all.push(shown(&SCHEDULES, None));
    let shown = all;
    printer.print(&shown, || {
        let mut rows = table(&["key", "value", "what it does"]);
        for one in &shown {
            let value = one.value.as_deref().unwrap_or(one.default);
            rows.add_row([&one.key, value, one.doc]);
        }
        rows.to_string()
    })
}

async fn get(wiring: &Wiring, printer: &Printer, key: &str) -> Result<(), Failure> {
    let key = ConfigKey::find(key).map_err(Failure::usage)?;
    let value = wiring
        .inquiry()
        .await?
        .config()
        .await?
        .remove(key.name.as_ref());
    let shown = shown(&key, value);
    printer.print(&shown, || shown.value.clone().unwrap_or_default())
}

fn shown(key: &ConfigKey, value: Option<String>) -> Shown {
    Shown {
        key: key.name.clone().into_owned(),
        value,
        default: key.default,
        doc: key.doc.trim(),
    }
}

async fn change(
    wiring: &Wiring,
    printer: &Printer,
    key: &ConfigKey,
    value: Option<&String>,
    who: &OperatorArgs,
) -> Result<(), Failure> {
    let store = wiring.inquiry().await?;
    let old = store.config().await?.remove(key.name.as_ref());
    let action = match value {
        Some(_) => "config.set",
        None => "config.unset",
    };
    let detail = json!({ "key": key.name, "old": old, "new": value });
    let mut changes = Changes::none(SystemClock.now());
    changes.audit.push(who.did(action, detail)?);
    changes.config.push(ConfigChange {
        key: key.name.clone().into_owned(),
        value: value.cloned(),
    });
    store.commit(Lease::Operator, changes).await?;
    let shown = shown(key, value.cloned());
    printer.print(&shown, || match &shown.value {
        Some(value) => format!("{} = {value}", key.name),
        None => format!("{} is at its default: {}", key.name, key.default),
    })
}
