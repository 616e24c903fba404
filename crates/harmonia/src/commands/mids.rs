//! `harmonia mids`: merchant identifiers, onboarded from a CSV file, listed, removed.

use crate::cli::{Date, MidsAction, MidsArgs};
use crate::operator::OperatorArgs;
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::{Wiring, load_agents};
use harmonia_core::changes::{MidAction, MidChange};
use harmonia_core::ids::Slug;
use harmonia_core::retention::begin_of;
use harmonia_core::term::SINCE_EVER;
use harmonia_core::time::{Instant, Zone};
use harmonia_journey::onboard::{OnboardError, identifier_type, onboard_mids, read_mids};
use harmonia_journey::ports::{Clock, Store, SystemClock};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Onboards, lists or removes.
pub async fn run(wiring: &Wiring, printer: &Printer, args: &MidsArgs) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry().await?;
    match &args.action {
        MidsAction::Import {
            file,
            from,
            until,
            who,
        } => {
            let zones = Zones::load(wiring, &[*from, *until])?;
            let dates = |change: &mut MidChange| {
                change.from = from.map(|date| zones.moment(date, &change.scheme_slug));
                change.until = until.map(|date| zones.moment(date, &change.scheme_slug));
            };
            import(store.as_ref(), printer, file, &dates, who).await
        }
        MidsAction::List { all } => list(store.as_ref(), printer, *all).await,
        MidsAction::Remove {
            provider,
            identifier_type,
            identifier,
            from,
            who,
        } => {
            let zones = Zones::load(wiring, &[*from])?;
            let name = (
                provider.as_str(),
                identifier_type.as_str(),
                identifier.as_str(),
            );
            let since = |scheme: &Slug| from.map(|date| zones.moment(date, scheme));
            remove(store.as_ref(), printer, name, &since, who).await
        }
    }
}

/// The time zones of the schemes, by their agent files: a day begins at midnight there.
struct Zones(Vec<(Slug, Arc<Zone>)>);

impl Zones {
    /// Read from the agent files, where a day is named at all.
    fn load(wiring: &Wiring, dates: &[Option<Date>]) -> Result<Self, Failure> {
        if !dates.iter().any(|date| matches!(date, Some(Date::Day(_)))) {
            return Ok(Self(Vec::new()));
        }
        let agents = load_agents(&wiring.settings.agents_dir)?;
        let zones = agents.into_iter().map(|agent| (agent.slug, agent.zone));
        Ok(Self(zones.collect()))
    }

    /// When a date is, or begins, for a scheme; in UTC where it has no agent file.
    fn moment(&self, date: Date, scheme: &Slug) -> Instant {
        match date {
            Date::Moment(moment) => moment,
            Date::Day(day) => {
                let zone = self.0.iter().find(|(slug, _)| slug == scheme);
                zone.map_or_else(|| begin_of(day), |(_, zone)| zone.midnight(day))
            }
        }
    }
}

async fn import(
    store: &dyn Store,
    printer: &Printer,
    file: &Path,
    dates: &(dyn Fn(&mut MidChange) + Sync),
    who: &OperatorArgs,
) -> Result<ExitCode, Failure> {
    let (total, changed) = onboard_dated(store, file, dates, who).await?;
    let result = json!({ "total": total, "changed": changed });
    printer.print(&result, || {
        format!("{total} rows read, {changed} identifiers changed")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Onboards the identifiers of a file: how many rows it has, and how many changed anything.
pub async fn onboard(
    store: &dyn Store,
    file: &Path,
    who: &OperatorArgs,
) -> Result<(usize, u64), Failure> {
    onboard_dated(store, file, &|_| {}, who).await
}

async fn onboard_dated(
    store: &dyn Store,
    file: &Path,
    dates: &(dyn Fn(&mut MidChange) + Sync),
    who: &OperatorArgs,
) -> Result<(usize, u64), Failure> {
    let failed = |error: OnboardError| Failure::new(format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| failed(error.into()))?;
    let mut mids = read_mids(&bytes).map_err(failed)?;
    mids.iter_mut().for_each(dates);
    let total = mids.len();
    let name = file.file_name().unwrap_or(file.as_os_str());
    let detail = json!({
        "file": name.to_string_lossy(), "rows": total,
        "from": told(mids.iter().find_map(|mid| mid.from)),
        "until": told(mids.iter().find_map(|mid| mid.until)),
    });
    let entry = who.did("mids.import", detail)?;
    let changed = onboard_mids(store, mids, entry, SystemClock.now())
        .await
        .map_err(failed)?;
    Ok((total, changed))
}

/// A moment as the log tells it.
fn told(moment: Option<Instant>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

async fn list(store: &dyn Store, printer: &Printer, all: bool) -> Result<ExitCode, Failure> {
    let mut mids = store.mid_terms().await?;
    let now = SystemClock.now();
    mids.retain(|mid| all || mid.term.is_not_over(now));
    printer.print(&mids, || {
        let mut rows = table(&[
            "provider",
            "type",
            "identifier",
            "scheme",
            "location",
            "internal id",
            "from",
            "until",
        ]);
        for mid in &mids {
            let from = Some(mid.term.from).filter(|from| *from != SINCE_EVER);
            rows.add_row([
                mid.provider.to_string(),
                mid.identifier_type.to_string(),
                mid.identifier.to_string(),
                mid.scheme_slug.to_string(),
                or_dash(mid.location_id.as_ref()),
                or_dash(mid.merchant_internal_id.as_ref()),
                or_dash(from),
                or_dash(mid.term.until),
            ]);
        }
        rows.to_string()
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn remove(
    store: &dyn Store,
    printer: &Printer,
    (provider, kind, identifier): (&str, &str, &str),
    since: &(dyn Fn(&Slug) -> Option<Instant> + Sync),
    who: &OperatorArgs,
) -> Result<ExitCode, Failure> {
    let provider = Slug::new(provider).map_err(Failure::usage)?;
    let identifier_type = identifier_type(kind).map_err(Failure::usage)?;
    let now = SystemClock.now();
    let mut terms = store.mid_terms().await?;
    terms.retain(|mid| {
        mid.provider == provider
            && mid.identifier_type == identifier_type
            && mid.identifier == identifier
            && mid.term.is_not_over(since(&mid.scheme_slug).unwrap_or(now))
    });
    // The first that is in force then, or will be.
    let Some(found) = terms.iter().min_by_key(|mid| mid.term.from) else {
        return Err(Failure::new(format!(
            "{provider} {identifier_type} {identifier} is not in force: see `harmonia mids list`"
        )));
    };
    let change = MidChange {
        provider,
        identifier_type,
        identifier: identifier.into(),
        scheme_slug: found.scheme_slug.clone(),
        scheme_name: None,
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
        action: MidAction::Delete,
        from: since(&found.scheme_slug),
        until: None,
    };
    let (from, scheme) = (change.from, found.scheme_slug.clone());
    let detail = json!({
        "provider": change.provider, "type": change.identifier_type, "identifier": identifier,
        "scheme": scheme, "from": told(from),
    });
    let entry = who.did("mids.remove", detail)?;
    let changed = onboard_mids(store, vec![change], entry, now)
        .await
        .map_err(Failure::new)?;
    let result = json!({ "changed": changed });
    printer.print(&result, || match from {
        Some(from) => format!("{identifier} is {scheme}'s until {from}"),
        None => format!("{identifier} is no longer in force"),
    })?;
    Ok(ExitCode::SUCCESS)
}
