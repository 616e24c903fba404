//! Which processes are alive: each holds a lock on a file of its own for as long as it lives.
//!
//! The kernel lets go of the lock when the process ends, however it ends. So a process that starts
//! after a crash knows at once that a lease is nobody's any more, instead of waiting it out.

use super::sql;
use crate::OpenError;
use harmonia_journey::ports::Holder;
use rusqlite::{Connection, params};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// A process's sign of life.
pub struct Alive {
    path: PathBuf,
    /// Locked; the lock is the sign.
    _file: File,
}

impl Alive {
    /// Announces this process in the data folder.
    pub fn announce(folder: &Path, holder: &Holder) -> Result<Self, OpenError> {
        let path = sign_of(folder, &holder.0);
        let announce = || -> std::io::Result<File> {
            std::fs::create_dir_all(folder.join("holders"))?;
            loop {
                let file = File::create(&path)?;
                file.lock()?;
                // Before it was locked, another process may have taken it for a dead one's.
                if path.exists() {
                    return Ok(file);
                }
            }
        };
        match announce() {
            Ok(file) => Ok(Self { path, _file: file }),
            Err(error) => Err(OpenError(format!(
                "cannot write {}: {error}. Give this user write access to the data folder, or set \
                 TXM_DATA_DIR to another one",
                path.display()
            ))),
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        // A sign that stays behind is not locked, and so says nothing: removing it is tidiness.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Frees what processes hold that are no more.
pub fn free_the_dead(
    connection: &Connection,
    folder: &Path,
    myself: &Holder,
) -> rusqlite::Result<()> {
    let holders: Vec<String> = connection
        .prepare(sql::job::holders)?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for holder in holders {
        if holder != myself.0 && !is_alive(&sign_of(folder, &holder)) {
            tracing::info!(holder, "freed the leases of a process that is no more");
            connection.execute(sql::job::free_holder, params![holder])?;
            connection.execute(sql::leader::free_holder, params![holder])?;
        }
    }
    remove_stale_signs(folder);
    Ok(())
}

fn remove_stale_signs(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder.join("holders")) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        // Locked while it is removed, so that nobody locks it in between and goes unseen.
        if let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn sign_of(folder: &Path, holder: &str) -> PathBuf {
    folder.join("holders").join(holder)
}

/// Whether the process that made this sign still holds it. When in doubt, it does: its lease will
/// run out by itself.
fn is_alive(sign: &Path) -> bool {
    match File::open(sign) {
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
    }
}
