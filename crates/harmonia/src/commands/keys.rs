//! `harmonia keys`: keys of the HTTP API, made, listed, taken back.

use crate::cli::{KeysAction, KeysArgs};
use crate::operator::OperatorArgs;
use crate::output::{Failure, Printer, or_dash, table};
use crate::wiring::Wiring;
use harmonia_core::access::{ApiKey, KeyChange, NewKey, Scope, Secret};
use harmonia_core::changes::Changes;
use harmonia_core::ids::ApiKeyId;
use harmonia_core::time::Instant;
use harmonia_journey::ports::{Clock, CommitError, Lease, Store, SystemClock, Uids};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

/// Makes, lists or takes back.
pub async fn run(wiring: &Wiring, printer: &Printer, args: &KeysArgs) -> Result<ExitCode, Failure> {
    let store = wiring.inquiry().await?;
    match &args.action {
        KeysAction::Create {
            name,
            scopes,
            expires,
            who,
        } => create(store.as_ref(), printer, (name, &scopes.0, *expires), who).await,
        KeysAction::List => list(store.as_ref(), printer).await,
        KeysAction::Revoke { key, who } => revoke(store.as_ref(), printer, key, who).await,
    }
}

/// A key as it is shown once.
#[derive(Serialize)]
struct Created<'a> {
    name: &'a str,
    key: &'a str,
    scopes: &'a [Scope],
    expires_at: Option<Instant>,
}

async fn create(
    store: &dyn Store,
    printer: &Printer,
    (name, scopes, expires): (&str, &[Scope], Option<Duration>),
    who: &OperatorArgs,
) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    let secret = Secret::from_random(Uids.secret());
    let after = |lifetime: Duration| {
        let micros = i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX);
        now.plus(micros)
    };
    let expires_at = expires.map(after);
    let mut changes = Changes::none(now);
    // Never anything of the key itself.
    let detail = json!({ "name": name, "scopes": scopes, "expires_at": expires_at.map(|at| at.to_string()) });
    changes.audit.push(who.did("keys.create", detail)?);
    changes.keys.push(KeyChange::Create(NewKey {
        name: name.to_owned(),
        hint: secret.hint(),
        hash: secret.hash(),
        scopes: scopes.to_vec(),
        expires_at,
    }));
    match store.commit(Lease::Operator, changes).await {
        Ok(_) => {}
        Err(CommitError::Conflict) => {
            return Err(Failure::new(format!(
                "there is a key {name:?} already: take another name, or revoke it first with \
                 `harmonia keys revoke {name:?}`"
            )));
        }
        Err(error) => return Err(error.into()),
    }
    let created = Created {
        name,
        key: secret.reveal(),
        scopes,
        expires_at,
    };
    printer.print(&created, || {
        let ends = expires_at.map_or_else(
            || "it does not expire: revoke it when it is not needed any more".to_owned(),
            |at| format!("it expires at {at}"),
        );
        format!(
            "{}\n\nThis is shown once and kept nowhere; {ends}. Send it as\n\
             Authorization: Token <key>",
            secret.reveal()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn list(store: &dyn Store, printer: &Printer) -> Result<ExitCode, Failure> {
    let keys = store.keys().await?;
    let now = SystemClock.now();
    printer.print(&keys, || {
        let header = [
            "key",
            "name",
            "begins",
            "scopes",
            "created",
            "expires",
            "last used",
            "state",
        ];
        let mut rows = table(&header);
        for key in &keys {
            let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
            rows.add_row([
                key.id.to_string(),
                key.name.clone(),
                format!("{}…", key.hint),
                scopes.join(", "),
                key.created_at.to_string(),
                or_dash(key.expires_at),
                or_dash(key.last_used_at),
                state(key, now).to_owned(),
            ]);
        }
        rows.to_string()
    })?;
    Ok(ExitCode::SUCCESS)
}

fn state(key: &ApiKey, now: Instant) -> &'static str {
    match (key.revoked_at, key.in_force(now)) {
        (Some(_), _) => "REVOKED",
        (None, Ok(())) => "IN FORCE",
        (None, Err(_)) => "EXPIRED",
    }
}

async fn revoke(
    store: &dyn Store,
    printer: &Printer,
    named: &str,
    who: &OperatorArgs,
) -> Result<ExitCode, Failure> {
    let keys = store.keys().await?;
    let number = named.parse().map(ApiKeyId).ok();
    let is_it = |key: &&ApiKey| key.name == named || Some(key.id) == number;
    // A name may have been another key's before.
    let (in_force, before): (Vec<_>, Vec<_>) = keys
        .iter()
        .filter(is_it)
        .partition(|key| key.revoked_at.is_none());
    let key = match (in_force.first(), before.is_empty()) {
        (Some(key), _) => key,
        (None, false) => {
            return Err(Failure::new(format!(
                "the key {named:?} was revoked before"
            )));
        }
        (None, true) => {
            return Err(Failure::new(format!(
                "there is no key {named:?}: `harmonia keys list` lists them"
            )));
        }
    };
    let mut changes = Changes::none(SystemClock.now());
    let detail = json!({ "key": key.id, "name": key.name });
    changes.audit.push(who.did("keys.revoke", detail)?);
    changes.keys.push(KeyChange::Revoke(key.id));
    store.commit(Lease::Operator, changes).await?;
    let revoked = json!({ "revoked": key.name, "key": key.id });
    printer.print(&revoked, || {
        format!(
            "revoked {}: it opens nothing from the next second on",
            key.name
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
