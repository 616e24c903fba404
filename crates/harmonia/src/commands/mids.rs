//! `harmonia mids`: merchant identifiers, onboarded from a CSV file, listed, removed.

use crate::cli::{MidsAction, MidsArgs};
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::changes::{MidAction, MidChange};
use harmonia_core::ids::Slug;
use harmonia_journey::onboard::{OnboardError, identifier_type, onboard_mids, read_mids};
use harmonia_journey::ports::{Clock, Store, SystemClock};
use std::path::Path;
use std::process::ExitCode;

/// Onboards, lists or removes.
pub async fn run(wiring: &Wiring, printer: &Printer, args: &MidsArgs) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry()?;
    match &args.action {
        MidsAction::Import { file } => import(store.as_ref(), printer, file).await,
        MidsAction::List => list(store.as_ref(), printer).await,
        MidsAction::Remove {
            provider,
            identifier_type,
            identifier,
        } => {
            remove(
                store.as_ref(),
                printer,
                provider,
                identifier_type,
                identifier,
            )
            .await
        }
    }
}

async fn import(store: &dyn Store, printer: &Printer, file: &Path) -> Result<ExitCode, Failure> {
    let (total, changed) = onboard(store, file).await?;
    let result = serde_json::json!({ "total": total, "changed": changed });
    printer.print(&result, || {
        format!("{total} rows read, {changed} identifiers changed")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Onboards the identifiers of a file: how many rows it has, and how many changed anything.
pub async fn onboard(store: &dyn Store, file: &Path) -> Result<(usize, u64), Failure> {
    let failed = |error: OnboardError| Failure::new(format!("{}: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| failed(error.into()))?;
    let mids = read_mids(&bytes).map_err(failed)?;
    let total = mids.len();
    let changed = onboard_mids(store, mids, SystemClock.now())
        .await
        .map_err(failed)?;
    Ok((total, changed))
}

async fn list(store: &dyn Store, printer: &Printer) -> Result<ExitCode, Failure> {
    let mids = store.mids().await?;
    printer.print(&mids, || {
        let mut rows = table(&[
            "provider",
            "type",
            "identifier",
            "scheme",
            "location",
            "internal id",
        ]);
        for mid in &mids {
            rows.add_row([
                mid.provider.to_string(),
                mid.identifier_type.to_string(),
                mid.identifier.to_string(),
                mid.scheme_slug.to_string(),
                or_dash(mid.location_id.as_ref()),
                or_dash(mid.merchant_internal_id.as_ref()),
            ]);
        }
        rows.to_string()
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn remove(
    store: &dyn Store,
    printer: &Printer,
    provider: &str,
    kind: &str,
    identifier: &str,
) -> Result<ExitCode, Failure> {
    let provider = Slug::new(provider).map_err(Failure::usage)?;
    let identifier_type = identifier_type(kind).map_err(Failure::usage)?;
    let in_force = store.mids().await?;
    let found = in_force.iter().find(|mid| {
        mid.provider == provider
            && mid.identifier_type == identifier_type
            && mid.identifier == identifier
    });
    let Some(found) = found else {
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
    };
    let changed = onboard_mids(store, vec![change], SystemClock.now())
        .await
        .map_err(Failure::new)?;
    let result = serde_json::json!({ "changed": changed });
    printer.print(&result, || format!("{identifier} is no longer in force"))?;
    Ok(ExitCode::SUCCESS)
}
