//! Opening the database so that a commit is on disk when it says so, and saying clearly what is
//! wrong when it cannot be opened.

use crate::OpenError;
use harmonia_journey::ports::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// The database's name in the data folder.
const FILE_NAME: &str = "harmonia.sqlite3";
/// How long a statement waits for another process's write, by default.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Statements kept prepared on each connection.
const PREPARED_STATEMENTS: usize = 128;
/// Pages a connection keeps in memory, in KiB: bounded, whatever the size of the database.
const WRITER_CACHE_KIB: i64 = 128 * 1024;
const READER_CACHE_KIB: i64 = 64 * 1024;
/// Bytes in a page of a new database.
const PAGE_BYTES: i64 = 8192;
/// Pages in the write-ahead log at which a commit copies it into the database itself, should the
/// checkpointer not have: 1 GiB. It bounds the log's size.
const CHECKPOINT_PAGES: i64 = 128 * 1024;

/// What a folder's schema is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Migrations applied, by number and name.
    pub applied: Vec<(i64, String)>,
    /// Migrations this version of Harmonia would apply.
    pub pending: Vec<(i64, String)>,
}

/// The database in a data folder.
pub fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE_NAME)
}

/// Creates the data folder where it is missing and makes sure that it can be written.
pub fn prepare_folder(folder: &Path) -> Result<PathBuf, OpenError> {
    std::fs::create_dir_all(folder).map_err(|error| {
        OpenError(format!(
            "cannot create the data folder {}: {error}. Set TXM_DATA_DIR to a folder that this \
             user may write",
            folder.display()
        ))
    })?;
    Ok(path_in(folder))
}

/// Opens the one connection that writes.
pub fn open_writer(path: &Path, busy_timeout: Duration) -> Result<Connection, OpenError> {
    let connect = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(busy_timeout)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        Ok(connection)
    };
    let connection = connect().map_err(|error| open_error(path, &error))?;
    refuse_without_durability(&connection, path)?;
    Ok(connection)
}

/// A commit that may vanish with the power must not be acknowledged: refuse to start.
fn refuse_without_durability(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let read = || -> rusqlite::Result<(String, i64)> {
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        let level = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        Ok((mode, level))
    };
    let (mode, level) = read().map_err(|error| open_error(path, &error))?;
    if mode == "wal" && level >= 2 {
        return Ok(());
    }
    Err(OpenError(format!(
        "the database {} cannot be made durable (journal_mode {mode}, synchronous {level}): put \
         TXM_DATA_DIR on a local disk whose file system supports SQLite's write-ahead log",
        path.display()
    )))
}

fn open_reader(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// Opens the connection that copies the write-ahead log into the database.
pub fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "full")?;
    Ok(connection)
}

/// Connections that read, opened as they are needed and used again.
pub struct Readers {
    path: PathBuf,
    busy_timeout: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// None open yet.
    pub fn new(path: PathBuf, busy_timeout: Duration) -> Self {
        Self {
            path,
            busy_timeout,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Runs something on a reading connection, which sees one state of the database throughout.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = super::lock(&self.idle).pop();
        let run = || {
            let connection = match idle {
                Some(connection) => connection,
                None => open_reader(&self.path, self.busy_timeout)?,
            };
            let snapshot = connection.unchecked_transaction()?;
            let result = work(&snapshot);
            drop(snapshot);
            super::lock(&self.idle).push(connection);
            result
        };
        run().map_err(|error| store_error(&error))
    }
}

/// Sorts an error of SQLite into what may pass and what will not.
pub fn store_error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(
            "the database is locked by another program: close what else has it open for writing \
             (a shell with an open transaction, a backup) and try again"
                .to_owned(),
        ),
        Some(ErrorCode::DiskFull) => StoreError::Busy(
            "the disk of TXM_DATA_DIR is full: nothing was written; make room and try again"
                .to_owned(),
        ),
        _ => StoreError::Broken(format!("the database answered: {error}")),
    }
}

/// Says what stands in the way of opening.
pub fn open_error(path: &Path, error: &rusqlite::Error) -> OpenError {
    let shown = path.display();
    OpenError(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
            "the database {shown} is locked by another program: close what else has it open for \
             writing (a shell with an open transaction, a backup) and try again"
        ),
        Some(ErrorCode::NotADatabase) => format!(
            "{shown} is not an SQLite database: move it away, or set TXM_DATA_DIR to another folder"
        ),
        Some(ErrorCode::DatabaseCorrupt) => format!(
            "the database {shown} is damaged: restore it from a backup, or run `sqlite3 {shown} \
             .recover` into a new file"
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => format!(
            "cannot write the database {shown}: {error}. Give this user write access to the file \
             and its folder, or set TXM_DATA_DIR to another one"
        ),
        _ => format!("cannot open the database {shown}: {error}"),
    })
}
