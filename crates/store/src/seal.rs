//! Sealed columns: credentials are encrypted where they lie, bound to the place they lie in.
//!
//! AES-256-GCM with a fresh nonce for each value. What binds a value to its place (the table and
//! the card, or the payment) is authenticated with it, so that a sealed value copied to another row
//! does not open there. The key is a file of the data folder that only its owner may read, made at
//! first use.

use crate::OpenError;
use aes_gcm::aead::{Aead, Generate, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use harmonia_core::ids::{ExportId, PaymentId, SchemeId};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

const KEY_FILE: &str = "encryption.key";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const PROOF_PLACE: &str = "sealing/1";
const PROOF: &str = "this key sealed what is here";

type SealNonce = Nonce<<Aes256Gcm as aes_gcm::aead::AeadCore>::NonceSize>;

/// Seals and opens.
pub struct Sealer(Aes256Gcm);

impl Sealer {
    /// With the key of a data folder. It is made where there is none, unless something is `in_use`
    /// that another key has sealed.
    pub fn open(folder: &Path, in_use: bool) -> Result<Self, OpenError> {
        let path = folder.join(KEY_FILE);
        let failed = |what: &str| {
            OpenError(format!(
                "the encryption key {} {what}. It seals the credentials in the database: restore \
                 it from a backup; without it they are lost",
                path.display()
            ))
        };
        let key = match std::fs::read(&path) {
            Ok(key) => key,
            Err(error) if error.kind() == ErrorKind::NotFound && !in_use => {
                make_key(&path).map_err(|error| failed(&format!("cannot be made: {error}")))?
            }
            Err(error) => return Err(failed(&format!("cannot be read: {error}"))),
        };
        let key: [u8; KEY_BYTES] = key.try_into().map_err(|_| failed("is not 32 bytes long"))?;
        Ok(Self(Aes256Gcm::new(&Key::<Aes256Gcm>::from(key))))
    }

    /// What a store keeps to know its key again.
    pub fn proof(&self) -> Vec<u8> {
        self.seal(PROOF_PLACE, PROOF)
    }

    /// Whether this is the key that made a proof.
    pub fn made(&self, proof: &[u8]) -> bool {
        self.unseal(PROOF_PLACE, proof).as_deref() == Some(PROOF)
    }

    /// Seals a text for a place.
    pub fn seal(&self, place: &str, text: &str) -> Vec<u8> {
        let nonce = SealNonce::generate();
        let payload = Payload {
            msg: text.as_bytes(),
            aad: place.as_bytes(),
        };
        let mut sealed = nonce.to_vec();
        // Encrypting fails only for texts of tens of gigabytes; then nothing is stored.
        sealed.extend(self.0.encrypt(&nonce, payload).unwrap_or_default());
        sealed
    }

    /// Opens what was sealed for a place; `None` when it was not, or was tampered with.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, message) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload {
            msg: message,
            aad: place.as_bytes(),
        };
        String::from_utf8(self.0.decrypt(&nonce.into(), payload).ok()?).ok()
    }
}

/// Where a payment's sealed credentials lie.
pub fn identity_place(payment: PaymentId) -> String {
    format!("user_identity/{payment}")
}

/// Where a card's sealed credentials lie.
pub fn card_place(card_token: &str, scheme: SchemeId) -> String {
    format!("card_link/{scheme}/{card_token}")
}

/// Where the frozen request of an export lies.
pub fn request_place(export: ExportId) -> String {
    format!("export_request/{export}/sealed")
}

/// Makes a key and puts it in place whole: another process that comes meanwhile reads the winner's.
fn make_key(path: &Path) -> std::io::Result<Vec<u8>> {
    let key = Key::<Aes256Gcm>::generate();
    let draft = path.with_extension(format!("key.{}", uuid::Uuid::new_v4().simple()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::read(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::open(folder.path(), false).unwrap();
        let sealed = sealer.seal("card_link/t1/1", "{\"email\":\"a@b\"}");
        assert_eq!(
            sealer.unseal("card_link/t1/1", &sealed).unwrap(),
            "{\"email\":\"a@b\"}"
        );
        assert_eq!(sealer.unseal("card_link/t2/1", &sealed), None);
        assert_eq!(sealer.unseal("card_link/t1/1", &sealed[..20]), None);
        assert_ne!(sealer.seal("x", "y"), sealer.seal("x", "y"));
        let again = Sealer::open(folder.path(), true).unwrap();
        assert!(again.unseal("card_link/t1/1", &sealed).is_some());
        assert!(again.made(&sealer.proof()));
    }

    #[test]
    fn a_key_that_is_gone_is_not_replaced_by_another() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Sealer::open(folder.path(), true).is_err());
        let proof = Sealer::open(folder.path(), false).unwrap().proof();
        let other = tempfile::tempdir().unwrap();
        assert!(!Sealer::open(other.path(), false).unwrap().made(&proof));
    }
}
