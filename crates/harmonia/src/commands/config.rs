//! `harmonia config`: what can be set while Harmonia runs.

use crate::cli::{ConfigAction, ConfigArgs};
use crate::operator::OperatorArgs;
use crate::output::{Failure, Printer, table};
use crate::wiring::{Wiring, sound_agents};
use harmonia_core::config::{ConfigItem, ConfigKey, check_among};
use harmonia_journey::configure::configure;
use harmonia_journey::ports::{Clock, SystemClock};
use std::process::ExitCode;

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
            let agents = sound_agents(&wiring.settings.agents_dir)?;
            check_among(&found, value, &agents).map_err(Failure::usage)?;
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
    let all = ConfigItem::all(wiring.inquiry().await?.config().await?);
    printer.print(&all, || {
        let mut rows = table(&["key", "value", "what it does"]);
        for one in &all {
            let value = one.value.as_deref().unwrap_or(one.default);
            rows.add_row([&one.key, value, one.doc]);
        }
        rows.to_string()
    })
}

async fn get(wiring: &Wiring, printer: &Printer, key: &str) -> Result<(), Failure> {
    let key = ConfigKey::find(key).map_err(Failure::usage)?;
    let mut items = wiring.inquiry().await?.config().await?;
    let shown = ConfigItem::of(&key, items.remove(key.name.as_ref()));
    printer.print(&shown, || shown.value.clone().unwrap_or_default())
}

async fn change(
    wiring: &Wiring,
    printer: &Printer,
    key: &ConfigKey,
    value: Option<&String>,
    who: &OperatorArgs,
) -> Result<(), Failure> {
    let store = wiring.inquiry().await?;
    let signals = wiring.signals(&store)?;
    let (store, signals) = (store.as_ref(), signals.as_ref());
    let (operator, now) = (who.name()?, SystemClock.now());
    configure(store, signals, key, value.cloned(), operator, now).await?;
    let shown = ConfigItem::of(key, value.cloned());
    printer.print(&shown, || match &shown.value {
        Some(value) => format!("{} = {value}", key.name),
        None => format!("{} is at its default: {}", key.name, key.default),
    })
}
