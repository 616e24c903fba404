//! Keys of the API.

use super::connection::Session;
use super::failure::Failure;
use super::rows::{Time, get, instant, optional_instant};
use super::sql;
use super::work::Work;
use harmonia_core::access::{ApiKey, KeyChange, KeyHash, Scope};
use harmonia_core::ids::ApiKeyId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// Makes keys, takes them back, and remembers when they were used.
pub async fn apply(work: &mut Work<'_>, changes: &[KeyChange]) -> Result<(), Failure> {
    let at = Time(work.at);
    for change in changes {
        match change {
            KeyChange::Create(key) => {
                let id = work.take("api_key", 1).await?;
                let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
                let hash = key.hash.0.as_slice();
                let values: [&(dyn ToSql + Sync); 7] = [
                    &id,
                    &key.name,
                    &key.hint,
                    &hash,
                    &scopes,
                    &at,
                    &key.expires_at.map(Time),
                ];
                work.session.execute(sql::api_key::insert, &values).await?;
            }
            KeyChange::Revoke(id) => {
                let values: [&(dyn ToSql + Sync); 2] = [&id.0, &at];
                work.session.execute(sql::api_key::revoke, &values).await?;
            }
            KeyChange::Used(id, used_at) => {
                let values: [&(dyn ToSql + Sync); 2] = [&id.0, &Time(*used_at)];
                work.session.execute(sql::api_key::used, &values).await?;
            }
        }
    }
    Ok(())
}

/// The key with a hash.
pub async fn find(session: &Session<'_>, hash: &KeyHash) -> Result<Option<ApiKey>, Failure> {
    let hash = hash.0.as_slice();
    let found = session.maybe(sql::api_key::find, &[&hash]).await?;
    found.map(|row| key(&row)).transpose()
}

/// All keys.
pub async fn all(session: &Session<'_>) -> Result<Vec<ApiKey>, Failure> {
    session.list(sql::api_key::list, &[], key).await
}

fn key(row: &Row) -> Result<ApiKey, Failure> {
    let scopes: Vec<&str> = get(row, 3)?;
    Ok(ApiKey {
        id: ApiKeyId(get(row, 0)?),
        name: get(row, 1)?,
        hint: get(row, 2)?,
        // A scope that this version does not know allows nothing here.
        scopes: scopes.into_iter().filter_map(Scope::from_name).collect(),
        created_at: instant(row, 4)?,
        expires_at: optional_instant(row, 5)?,
        revoked_at: optional_instant(row, 6)?,
        last_used_at: optional_instant(row, 7)?,
    })
}
