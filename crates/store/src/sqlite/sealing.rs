//! The key that seals, and the proof in the database by which it is known again: a store whose key
//! was lost or exchanged must not go on as if its credentials could still be opened. The proof is
//! written beside the first credentials: until then any key will do.

use super::connection::open_error;
use super::sql;
use crate::OpenError;
use crate::seal::Sealer;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// Opens the key of a data folder, made where nothing is sealed yet.
pub fn open(connection: &Connection, folder: &Path, path: &Path) -> Result<Sealer, OpenError> {
    let proof: Option<Vec<u8>> = connection
        .query_row(sql::sealing::find, [], |row| row.get(0))
        .optional()
        .map_err(|error| open_error(path, &error))?;
    let sealer = Sealer::open(folder, proof.is_some())?;
    match proof {
        None => Ok(sealer),
        Some(proof) if sealer.made(&proof) => Ok(sealer),
        Some(_) => Err(OpenError(format!(
            "the key in {} is not the one that sealed the credentials in {}: restore the key that \
             belongs to this database from a backup",
            folder.display(),
            path.display()
        ))),
    }
}

/// Leaves the proof of a key that is about to seal something, unless it is there.
pub fn leave_proof(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<()> {
    connection
        .prepare_cached(sql::sealing::insert)?
        .execute([sealer.proof()])?;
    Ok(())
}
