//! The schema's history: numbered, embedded, applied once each, and refused when it is not ours.

use super::connection::{SchemaStatus, open_error};
use crate::OpenError;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Every migration, in order. One that has landed is never edited: a later one changes what it did.
const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "journey",
        sql: include_str!("../../sql/sqlite/migrations/0001_journey.sql"),
    },
    Migration {
        number: 2,
        name: "life",
        sql: include_str!("../../sql/sqlite/migrations/0002_life.sql"),
    },
    Migration {
        number: 3,
        name: "retention",
        sql: include_str!("../../sql/sqlite/migrations/0003_retention.sql"),
    },
    Migration {
        number: 4,
        name: "keys",
        sql: include_str!("../../sql/sqlite/migrations/0004_keys.sql"),
    },
    Migration {
        number: 5,
        name: "sweep",
        sql: include_str!("../../sql/sqlite/migrations/0005_sweep.sql"),
    },
    Migration {
        number: 6,
        name: "schedule",
        sql: include_str!("../../sql/sqlite/migrations/0006_schedule.sql"),
    },
    Migration {
        number: 7,
        name: "identity",
        sql: include_str!("../../sql/sqlite/migrations/0007_identity.sql"),
    },
    Migration {
        number: 8,
        name: "months",
        sql: include_str!("../../sql/sqlite/migrations/0008_months.sql"),
    },
    Migration {
        number: 9,
        name: "ledger",
        sql: include_str!("../../sql/sqlite/migrations/0009_ledger.sql"),
    },
];

/// Whether the database has all that this version knows, and nothing that it does not.
pub fn is_current(connection: &Connection) -> rusqlite::Result<bool> {
    let applied = "SELECT coalesce(max(number), 0) FROM schema_migration";
    let newest: i64 = connection.query_row(applied, [], |row| row.get(0))?;
    Ok(MIGRATIONS.last().is_some_and(|last| last.number == newest))
}

struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> String {
        hex(&Sha256::digest(self.sql.as_bytes()))
    }
}

/// A migration as the database remembers it.
struct Applied {
    number: i64,
    name: String,
    checksum: String,
}

/// Applies what is missing, in one transaction, after making sure that what is there is ours.
pub fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| open_error(path, &error);
    let applied = applied(connection).map_err(failed)?;
    refuse_foreign(&applied, path)?;
    if applied.is_empty() {
        refuse_of_others(connection, path)?;
    }
    if applied.len() < MIGRATIONS.len() {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        apply_missing(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        tracing::info!(migrations = MIGRATIONS.len(), "schema brought up to date");
    }
    refuse_changed(connection, path)
}

/// What has been applied and what would be.
pub fn status(path: &Path) -> Result<SchemaStatus, OpenError> {
    let mut applied_here = Vec::new();
    if path.exists() {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .map_err(|error| open_error(path, &error))?;
        applied_here = applied(&connection).map_err(|error| open_error(path, &error))?;
        refuse_foreign(&applied_here, path)?;
        if applied_here.is_empty() {
            refuse_of_others(&connection, path)?;
        }
    }
    let pending = MIGRATIONS.iter().skip(applied_here.len());
    Ok(SchemaStatus {
        pending: pending.map(|m| (m.number, m.name.to_owned())).collect(),
        applied: applied_here
            .into_iter()
            .map(|m| (m.number, m.name))
            .collect(),
    })
}

fn applied(connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_migration'";
    if connection
        .query_row(table, [], |_| Ok(()))
        .optional()?
        .is_none()
    {
        return Ok(Vec::new());
    }
    connection
        .prepare("SELECT number, name, checksum FROM schema_migration ORDER BY number")?
        .query_map([], |row| {
            Ok(Applied {
                number: row.get(0)?,
                name: row.get(1)?,
                checksum: row.get(2)?,
            })
        })?
        .collect()
}

/// A database that has tables and none of ours is somebody else's.
fn refuse_of_others(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let any = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 1";
    let found: Option<String> = connection
        .query_row(any, [], |row| row.get(0))
        .optional()
        .map_err(|error| open_error(path, &error))?;
    match found {
        None => Ok(()),
        Some(name) => Err(OpenError(format!(
            "{} is a database of another program (it has \"{name}\", and nothing of Harmonia's): \
             set TXM_DATA_DIR to another folder",
            path.display()
        ))),
    }
}

fn refuse_foreign(applied: &[Applied], path: &Path) -> Result<(), OpenError> {
    for row in applied {
        let Some(known) = MIGRATIONS
            .iter()
            .find(|migration| migration.number == row.number)
        else {
            return Err(OpenError(format!(
                "the database {} was made by a newer Harmonia (its schema has migration {} \"{}\", \
                 this version knows those up to {}): start that version, or set TXM_DATA_DIR to another \
                 folder",
                path.display(),
                row.number,
                row.name,
                MIGRATIONS.last().map_or(0, |last| last.number)
            )));
        };
        if known.checksum() != row.checksum {
            return Err(OpenError(format!(
                "the database {} was made by another build of Harmonia (its migration {} \"{}\" is \
                 not the one this version knows): start the build that made it",
                path.display(),
                row.number,
                row.name
            )));
        }
    }
    Ok(())
}

/// Applies every migration that is missing, within the caller's transaction.
pub fn apply_missing(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migration (
             number     INTEGER PRIMARY KEY,
             name       TEXT NOT NULL,
             checksum   TEXT NOT NULL,
             applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
         ) STRICT",
    )?;
    // Read again inside the transaction: another process may have been first.
    let done = applied(connection)?.len();
    for migration in MIGRATIONS.iter().skip(done) {
        connection.execute_batch(migration.sql)?;
        connection.execute(
            "INSERT INTO schema_migration (number, name, checksum) VALUES (?1, ?2, ?3)",
            params![migration.number, migration.name, migration.checksum()],
        )?;
    }
    Ok(())
}

/// Every table, index and view that the migrations make must be there as they make it: a unique
/// index that somebody dropped is a promise that nobody keeps any more.
fn refuse_changed(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let compare = || -> rusqlite::Result<Option<String>> {
        let pristine = Connection::open_in_memory()?;
        apply_missing(&pristine)?;
        let objects: Vec<(String, String)> = pristine
            .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut here = connection.prepare("SELECT sql FROM sqlite_schema WHERE name = ?1")?;
        for (name, sql) in objects {
            let found: Option<String> = here
                .query_row([&name], |row| row.get(0))
                .optional()?
                .flatten();
            if found.as_ref() != Some(&sql) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    };
    match compare().map_err(|error| open_error(path, &error))? {
        None => Ok(()),
        Some(name) => Err(OpenError(format!(
            "the schema of {} was changed by hand: \"{name}\" is missing or different. Put it back \
             as the migrations make it, or restore a backup",
            path.display()
        ))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
