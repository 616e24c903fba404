//! Keys of the API.

use super::rows::invalid;
use super::sql;
use super::writer::Failure;
use harmonia_core::access::{ApiKey, KeyChange, KeyHash, Scope};
use harmonia_core::ids::ApiKeyId;
use harmonia_core::time::Instant;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Makes keys, takes them back, and remembers when they were used.
pub fn apply(
    transaction: &Transaction<'_>,
    changes: &[KeyChange],
    at: Instant,
) -> Result<(), Failure> {
    for change in changes {
        match change {
            KeyChange::Create(key) => {
                let scopes = serde_json::to_string(&key.scopes)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                transaction
                    .prepare_cached(sql::api_key::insert)?
                    .execute(params![
                        key.name,
                        key.hint,
                        key.hash.0.as_slice(),
                        scopes,
                        at.0,
                        key.expires_at.map(|at| at.0),
                    ])
                    .map_err(super::writer::conflict)?;
            }
            KeyChange::Revoke(id) => {
                transaction
                    .prepare_cached(sql::api_key::revoke)?
                    .execute(params![id.0, at.0])?;
            }
            KeyChange::Used(id, used_at) => {
                transaction
                    .prepare_cached(sql::api_key::used)?
                    .execute(params![id.0, used_at.0])?;
            }
        }
    }
    Ok(())
}

/// The key with a hash.
pub fn find(connection: &Connection, hash: &KeyHash) -> rusqlite::Result<Option<ApiKey>> {
    connection
        .prepare_cached(sql::api_key::find)?
        .query_row([hash.0.as_slice()], key)
        .optional()
}

/// All keys.
pub fn all(connection: &Connection) -> rusqlite::Result<Vec<ApiKey>> {
    connection
        .prepare_cached(sql::api_key::list)?
        .query_map([], key)?
        .collect()
}

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let scopes: String = row.get(3)?;
    let scopes: Vec<String> =
        serde_json::from_str(&scopes).map_err(|_| invalid(3, "not a list of scopes"))?;
    let time =
        |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Instant));
    Ok(ApiKey {
        id: ApiKeyId(row.get(0)?),
        name: row.get(1)?,
        hint: row.get(2)?,
        // A scope that this version does not know allows nothing here.
        scopes: scopes
            .iter()
            .filter_map(|name| Scope::from_name(name))
            .collect(),
        created_at: Instant(row.get(4)?),
        expires_at: time(5)?,
        revoked_at: time(6)?,
        last_used_at: time(7)?,
    })
}
