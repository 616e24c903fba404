//! The key that seals, and the proof in the database by which it is known again: a store whose key
//! was lost or exchanged must not go on as if its credentials could still be opened. The proof is
//! written beside the first credentials: until then any key will do.

use super::connection::Session;
use super::failure::Failure;
use super::migrate::open_error;
use super::rows::get;
use super::sql;
use crate::OpenError;
use crate::seal::Sealer;
use std::path::Path;

/// Opens the key of a data folder, made where nothing is sealed yet.
pub async fn open(session: &Session<'_>, folder: &Path, place: &str) -> Result<Sealer, OpenError> {
    let failed = |failure: Failure| open_error(place, failure);
    let row = session
        .maybe(sql::sealing::find, &[])
        .await
        .map_err(failed)?;
    let proof: Option<Vec<u8>> = row.map(|row| get(&row, 0)).transpose().map_err(failed)?;
    let sealer = Sealer::open(folder, proof.is_some())?;
    match proof {
        None => Ok(sealer),
        Some(proof) if sealer.made(&proof) => Ok(sealer),
        Some(_) => Err(OpenError(format!(
            "the key in {} is not the one that sealed the credentials in {place}: bring the key that \
             belongs to this database here from a backup, or from another machine that works on it",
            folder.display()
        ))),
    }
}

/// Leaves the proof of a key that is about to seal something, unless it is there.
pub async fn leave_proof(session: &Session<'_>, sealer: &Sealer) -> Result<(), Failure> {
    let proof = sealer.proof();
    session.execute(sql::sealing::insert, &[&proof]).await?;
    let row = session.maybe(sql::sealing::find, &[]).await?;
    let kept: Vec<u8> = row.map_or(Ok(Vec::new()), |row| get(&row, 0))?;
    match sealer.made(&kept) {
        true => Ok(()),
        // Another machine was first, with a key of its own.
        false => Err(Failure::Invalid(
            "sealed by another key than this machine's: bring encryption.key here from the machine \
             that linked the first cards"
                .to_owned(),
        )),
    }
}
