//! The schema's history: numbered, embedded, applied once each, and refused when it is not ours.

use super::connection::Session;
use super::failure::Failure;
use super::rows::get;
use crate::OpenError;
use crate::sqlite::SchemaStatus;
use harmonia_journey::ports::StoreError;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Every migration, in order. One that has landed is never edited: a later one changes what it did.
/// They have the numbers and names of SQLite's.
const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "journey",
        sql: include_str!("../../sql/postgres/migrations/0001_journey.sql"),
    },
    Migration {
        number: 2,
        name: "life",
        sql: include_str!("../../sql/postgres/migrations/0002_life.sql"),
    },
    Migration {
        number: 3,
        name: "retention",
        sql: include_str!("../../sql/postgres/migrations/0003_retention.sql"),
    },
    Migration {
        number: 4,
        name: "keys",
        sql: include_str!("../../sql/postgres/migrations/0004_keys.sql"),
    },
    Migration {
        number: 5,
        name: "sweep",
        sql: include_str!("../../sql/postgres/migrations/0005_sweep.sql"),
    },
    Migration {
        number: 6,
        name: "schedule",
        sql: include_str!("../../sql/postgres/migrations/0006_schedule.sql"),
    },
    Migration {
        number: 7,
        name: "identity",
        sql: include_str!("../../sql/postgres/migrations/0007_identity.sql"),
    },
    Migration {
        number: 8,
        name: "months",
        sql: include_str!("../../sql/postgres/migrations/0008_months.sql"),
    },
    Migration {
        number: 9,
        name: "ledger",
        sql: include_str!("../../sql/postgres/migrations/0009_ledger.sql"),
    },
];

/// The advisory lock of those who migrate: 'HM' and nothing else.
const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(x'484d0000'::int, 0)";
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'484d0000'::int, 0)";
/// Who only looks whether there is something to do is done in less.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// However long others take: they may be moving much.
const WAIT: &str = "SET LOCAL lock_timeout = 0";
/// A change of a table that others use waits for them, and whoever comes then waits for it.
const HURRY: &str = "SET LOCAL lock_timeout = '60s'";
const TABLE: &str = "SELECT to_regclass('schema_migration') IS NOT NULL";
const APPLIED: &str = "SELECT number, name, checksum FROM schema_migration ORDER BY number";
/// Whatever stands in the schema that tables are made in.
const ANYTHING: &str = "SELECT relname::text FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
    ORDER BY relname LIMIT 1";
const CREATE: &str = "CREATE TABLE schema_migration (
    number     bigint PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    shape      text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now())";
const NOTE: &str = "INSERT INTO schema_migration (number, name, checksum, shape)
    VALUES ($1, $2, $3, $4)";
/// Everything that the migrations make, in words: every column, check, index, view and function. A
/// unique index that somebody dropped is a promise that nobody keeps any more. The parts of months come
/// and go with the work.
const SHAPE: &str = "WITH made AS (
        SELECT * FROM pg_class WHERE relnamespace = current_schema()::regnamespace
        AND relname !~ '^(import_transaction|export_attempt)_[0-9]{4}_[0-9]{2}(_pkey)?$')
    SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM (
    SELECT format('%s %s %s %s %s', c.relname, c.relkind, a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull) AS line
    FROM made c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'v', 'S')
    UNION ALL
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN made c ON c.oid = i.indrelid
    UNION ALL
    SELECT c.relname || ' ' || conname || ' ' || pg_get_constraintdef(o.oid)
    FROM pg_constraint o JOIN made c ON c.oid = o.conrelid
    UNION ALL
    SELECT c.relname || ' ' || pg_get_partkeydef(c.oid) FROM made c WHERE relkind = 'p'
    UNION ALL
    SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM made c WHERE relispartition
    UNION ALL
    SELECT relname || ' ' || pg_get_viewdef(oid) FROM made WHERE relkind = 'v'
    UNION ALL
    SELECT pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace AND prokind = 'f') lines";
const RELEASE: &str = "SELECT current_setting('server_version_num')::int / 10000";
const RENOTE: &str = "UPDATE schema_migration SET shape = $1";
const NEWEST: &str = "SELECT coalesce(max(number), 0) FROM schema_migration";

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

/// Whether the database has all that this version knows, and nothing that it does not.
pub async fn is_current(session: &Session<'_>) -> Result<bool, Failure> {
    let newest: i64 = session.value(NEWEST, &[]).await?;
    Ok(MIGRATIONS.last().is_some_and(|last| last.number == newest))
}

/// Applies what is missing, in one transaction, after making sure that what is there is ours. Two that
/// come at once do it one after the other.
pub async fn bring_up_to_date(session: Session<'_>, place: &str) -> Result<(), OpenError> {
    let failed = |failure: Failure| open_error(place, failure);
    session.look_at_everything().await.map_err(failed)?;
    wait_for_others(&session, place).await.map_err(failed)?;
    let applied = applied(&session, place).await?;
    let is_behind = applied.len() < MIGRATIONS.len();
    if is_behind {
        apply_missing(&session, applied.len(), place).await?;
    }
    refuse_changed(&session, place).await?;
    session.commit().await.map_err(failed)?;
    if is_behind {
        tracing::info!(migrations = MIGRATIONS.len(), "schema brought up to date");
    }
    Ok(())
}

/// Waits until nobody else migrates, and says so.
async fn wait_for_others(session: &Session<'_>, place: &str) -> Result<(), Failure> {
    for _ in 0..TRIES {
        if session.value::<bool>(TRY_LOCK, &[]).await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::info!("another process migrates {place}: waiting until it is done");
    session.run(WAIT).await?;
    session.execute(LOCK, &[]).await?;
    session.run(HURRY).await
}

/// What has been applied and what would be.
pub async fn status(session: Session<'_>, place: &str) -> Result<SchemaStatus, OpenError> {
    let applied = applied(&session, place).await?;
    let pending = MIGRATIONS.iter().skip(applied.len());
    Ok(SchemaStatus {
        pending: pending.map(|m| (m.number, m.name.to_owned())).collect(),
        applied: applied.into_iter().map(|m| (m.number, m.name)).collect(),
    })
}

/// The migrations of a database that is ours, or empty.
async fn applied(session: &Session<'_>, place: &str) -> Result<Vec<Applied>, OpenError> {
    let failed = |failure: Failure| open_error(place, failure);
    if !session.value::<bool>(TABLE, &[]).await.map_err(failed)? {
        refuse_of_others(session, place).await?;
        return Ok(Vec::new());
    }
    let row = |row: &tokio_postgres::Row| {
        Ok(Applied {
            number: get(row, 0)?,
            name: get(row, 1)?,
            checksum: get(row, 2)?,
        })
    };
    let applied = session.list(APPLIED, &[], row).await.map_err(failed)?;
    refuse_foreign(&applied, place)?;
    Ok(applied)
}

/// A database that has tables and none of ours is somebody else's.
async fn refuse_of_others(session: &Session<'_>, place: &str) -> Result<(), OpenError> {
    let found = session.maybe(ANYTHING, &[]).await;
    let found = found.map_err(|failure| open_error(place, failure))?;
    match found {
        None => Ok(()),
        Some(row) => Err(OpenError(format!(
            "{place} is a database of another program (it has \"{}\", and nothing of Harmonia's): \
             set TXM_POSTGRES_URI to an empty database",
            get::<String>(&row, 0).unwrap_or_default()
        ))),
    }
}

fn refuse_foreign(applied: &[Applied], place: &str) -> Result<(), OpenError> {
    for (row, at) in applied.iter().zip(0..) {
        let Some(known) = MIGRATIONS
            .get(at)
            .filter(|known| known.number == row.number)
        else {
            return Err(OpenError(format!(
                "{place} was made by a newer Harmonia (its schema has migration {} \"{}\", this \
                 version knows those up to {}): start that version, or set TXM_POSTGRES_URI to another \
                 database",
                row.number,
                row.name,
                MIGRATIONS.last().map_or(0, |last| last.number)
            )));
        };
        if known.checksum() != row.checksum {
            return Err(OpenError(format!(
                "{place} was made by another build of Harmonia (its migration {} \"{}\" is not the \
                 one this version knows): start the build that made it",
                row.number, row.name
            )));
        }
    }
    Ok(())
}

async fn apply_missing(session: &Session<'_>, done: usize, place: &str) -> Result<(), OpenError> {
    let failed = |failure: Failure| open_error(place, failure);
    if done == 0 && !session.value::<bool>(TABLE, &[]).await.map_err(failed)? {
        session.run(CREATE).await.map_err(failed)?;
    }
    for migration in MIGRATIONS.iter().skip(done) {
        apply(session, migration).await.map_err(|failure| {
            let why = StoreError::from(failure);
            OpenError(format!(
                "migration {} \"{}\" of {place} failed: {why}. Nothing was changed: put right what \
                 is in its way, and run `harmonia migrate` again",
                migration.number, migration.name
            ))
        })?;
    }
    Ok(())
}

async fn apply(session: &Session<'_>, migration: &Migration) -> Result<(), Failure> {
    session.run(migration.sql).await?;
    let shape = shape(session).await?;
    let note: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
        &migration.number,
        &migration.name,
        &migration.checksum(),
        &shape,
    ];
    session.execute(NOTE, note).await?;
    Ok(())
}

/// The shape of the schema, in the words of this release of PostgreSQL: another may tell of the same
/// view in other words.
async fn shape(session: &Session<'_>) -> Result<String, Failure> {
    let told: String = session.value(SHAPE, &[]).await?;
    let release: i32 = session.value(RELEASE, &[]).await?;
    Ok(format!(
        "{release}:{}",
        hex(&Sha256::digest(told.as_bytes()))
    ))
}

/// The schema must be as the last migration left it. After a server was upgraded, what is there is
/// what is noted.
async fn refuse_changed(session: &Session<'_>, place: &str) -> Result<(), OpenError> {
    let failed = |failure: Failure| open_error(place, failure);
    let left = "SELECT shape FROM schema_migration ORDER BY number DESC LIMIT 1";
    let left: String = session.value(left, &[]).await.map_err(failed)?;
    let here = shape(session).await.map_err(failed)?;
    if here == left {
        return Ok(());
    }
    let release = |shape: &str| shape.split_once(':').map(|(release, _)| release.to_owned());
    if release(&here) != release(&left) {
        session.execute(RENOTE, &[&here]).await.map_err(failed)?;
        return Ok(());
    }
    Err(OpenError(format!(
        "the schema of {place} was changed by hand: a table, index, view or function is missing or \
         different. Put it back as the migrations make it, or restore a backup"
    )))
}

/// Says what stands in the way of opening.
pub fn open_error(place: &str, failure: Failure) -> OpenError {
    let why = StoreError::from(failure);
    OpenError(format!(
        "cannot open {place}: {why}. Check TXM_POSTGRES_URI, that the server runs, and that this user \
         may create tables there"
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
