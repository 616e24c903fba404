//! Files that come encrypted for us, with OpenPGP: opened on the way in.
//!
//! What is decrypted goes into the spool as a stream and is given on only when all of it was read:
//! the check of its integrity stands at its end. A file that cannot be decrypted is refused as a
//! whole, so that a person finds it where refused files are, with the reason in the import log. So is
//! one that lacks the signature which its feed asks for.

mod signers;

use crate::spool::Spool;
use async_trait::async_trait;
use harmonia_core::problem::FileRefusal;
use harmonia_core::time::Day;
use harmonia_journey::ports::{Arrival, Inbox, InboxError, Readable};
use pgp::composed::{DecryptionOptions, Deserializable, Esk, Message, SignedSecretKey, TheRing};
use pgp::errors::Error as PgpError;
use pgp::types::{KeyDetails, Password, Seipdv1ReadMode};
use serde::Deserialize;
pub use signers::Signers;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// How many layers of compression a message may have: more are an attack.
const MOST_LAYERS: usize = 4;
/// Endings of the names of encrypted files, whatever they begin with.
const ENDINGS: [&str; 3] = ["pgp", "gpg", "asc"];
const ARMOR: &[u8] = b"-----BEGIN PGP MESSAGE";

const PRIVATE_KEY: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";

/// The private keys of a feed, and whose signature its files must bear.
pub struct Keys {
    keys: Vec<SignedSecretKey>,
    passphrase: Password,
    signers: Option<Signers>,
}

/// A secret of several parts; one that is not is the armored key itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    private_key: String,
    #[serde(default)]
    passphrase: String,
}

impl Keys {
    /// Reads a secret: private keys in ASCII armor, one block or several, or a JSON object of
    /// `private_key` and `passphrase`.
    ///
    /// # Errors
    /// What is wrong with it, and nothing of what is in it.
    pub fn read(secret: &str) -> Result<Self, String> {
        let parts = if secret.trim_start().starts_with('{') {
            serde_json::from_str(secret).map_err(|_| {
                "it is not a JSON object with \"private_key\" and \"passphrase\"".to_owned()
            })?
        } else {
            Parts {
                private_key: secret.to_owned(),
                passphrase: String::new(),
            }
        };
        let unreadable = "`private_key` is no private key in ASCII armor";
        let mut keys = Vec::new();
        for block in blocks(&parts.private_key, PRIVATE_KEY) {
            let read =
                SignedSecretKey::from_string_many(block).map_err(|_| unreadable.to_owned())?;
            for key in read.0 {
                keys.push(key.map_err(|_| unreadable.to_owned())?);
            }
        }
        if keys.is_empty() {
            return Err(unreadable.to_owned());
        }
        let passphrase = Password::from(parts.passphrase);
        if keys.iter().any(|key| !opens(key, &passphrase)) {
            return Err("`passphrase` does not open `private_key`".to_owned());
        }
        Ok(Self {
            keys,
            passphrase,
            signers: None,
        })
    }

    /// These keys, for files that one of the signers must have signed.
    #[must_use]
    pub fn signed_by(self, signers: Signers) -> Self {
        Self {
            signers: Some(signers),
            ..self
        }
    }

    /// A file as it is to be read: decrypted into the spool if it is encrypted, refused if it cannot
    /// be decrypted or lacks the signature that is asked for, else as it came. This waits for the
    /// disk: not for an async thread.
    ///
    /// # Errors
    /// What the system says of the file or the spool.
    pub fn open(&self, file: Arc<dyn Readable>, spool: &Spool) -> io::Result<Arc<dyn Readable>> {
        let is_encrypted = is_encrypted(file.as_ref())?;
        match &self.signers {
            // What need not be encrypted would be a way around the signature.
            Some(signers) if !is_encrypted => {
                let why = unsigned(signers, "it is no encrypted OpenPGP message");
                return Ok(Arc::new(Refused { file, why }));
            }
            None if !is_encrypted => return Ok(file),
            _ => {}
        }
        let mut draft = spool.draft()?;
        match self.decrypt(file.open()?, &mut draft) {
            Ok(signed) => {
                signed.log(&file.source());
                Ok(Arc::new(draft.finish(file.source())))
            }
            Err(Failed::Refused(why)) => Ok(Arc::new(Refused { file, why })),
            Err(Failed::System(error)) => Err(error),
        }
    }

    fn decrypt(&self, bytes: Box<dyn Read + Send>, to: &mut impl Write) -> Result<Signed, Failed> {
        let source = BufReader::with_capacity(CHUNK_BYTES, Source(bytes));
        let (message, _) = Message::from_reader(source)?;
        let Message::Encrypted { esk, .. } = &message else {
            return Err(refused("it is an OpenPGP message that nobody encrypted"));
        };
        let not_for_us = self.not_for_us(esk);
        let ring = TheRing {
            secret_keys: self.keys.iter().collect(),
            key_passwords: vec![&self.passphrase],
            // Nothing is given on before the check at the end, so the plaintext may be streamed.
            decrypt_options: DecryptionOptions::new()
                .enable_gnupg_aead()
                .set_seipdv1_read_mode(Seipdv1ReadMode::Streaming),
            ..TheRing::default()
        };
        let (mut message, _) = match message.decrypt_the_ring(ring, true) {
            Err(PgpError::MissingKey) => return Err(refused(&not_for_us)),
            decrypted => decrypted?,
        };
        for _ in 0..MOST_LAYERS {
            if is_packed(&message) {
                message = message.decompress()?;
            }
        }
        if is_packed(&message) || message.is_encrypted() {
            return Err(refused(
                "there is no plain file in it, but layer within layer",
            ));
        }
        copy(&mut message, to)?;
        match &self.signers {
            Some(signers) => match signers.verify(&message) {
                Ok(by) => Ok(Signed::By(by)),
                Err(found) => Err(Failed::Refused(unsigned(signers, &found))),
            },
            None if message.is_signed() => Ok(Signed::BySomebody),
            None => Ok(Signed::ByNobody),
        }
    }

    /// Why a message with these session keys is not for us, and what to ask of its sender.
    fn not_for_us(&self, sessions: &[Esk]) -> String {
        let ours = self.keys.iter();
        let ours: Vec<String> = ours
            .map(|key| format!("{:X}", key.primary_key.fingerprint()))
            .collect();
        let ours = ours.join(" or ");
        let is_passphrase = |one: &Esk| matches!(one, Esk::SymKeyEncryptedSessionKey(_));
        if sessions.iter().any(is_passphrase) && sessions.iter().all(is_passphrase) {
            return format!(
                "it was encrypted with a passphrase, not to a key: ask the sender to encrypt to \
                 {ours}"
            );
        }
        format!(
            "it was encrypted for another key than those in the feed's `decrypt` secret: ask the \
             sender to encrypt to {ours}"
        )
    }
}

/// Who vouches for what was decrypted.
enum Signed {
    /// One of those who had to.
    By(String),
    /// Whoever that is.
    BySomebody,
    /// Nobody.
    ByNobody,
}

impl Signed {
    fn log(&self, source: &str) {
        match self {
            Self::By(signer) => tracing::info!(source, %signer, "decrypted; its signature is good"),
            Self::BySomebody => tracing::info!(
                source,
                "decrypted; its signature was not checked: `signed_by` would say whose it must be"
            ),
            Self::ByNobody => tracing::info!(source, "decrypted; nobody signed it"),
        }
    }
}

fn unsigned(signers: &Signers, found: &str) -> FileRefusal {
    FileRefusal::NotSigned {
        wanted: signers.wanted(),
        found: found.to_owned(),
    }
}

/// Whether what is to be read of a message is compressed, before or after it was signed.
fn is_packed(message: &Message<'_>) -> bool {
    match message {
        Message::Signed { reader, .. } => is_packed(reader.get_ref()),
        other => other.is_compressed(),
    }
}

/// Each armored block of a text that begins with this line.
fn blocks<'a>(text: &'a str, begin: &str) -> impl Iterator<Item = &'a str> {
    let mut starts: Vec<usize> = text.match_indices(begin).map(|(at, _)| at).collect();
    starts.push(text.len());
    let spans: Vec<_> = starts.windows(2).map(|pair| (pair[0], pair[1])).collect();
    spans
        .into_iter()
        .filter_map(|(from, to)| text.get(from..to))
}

/// Whether a passphrase opens any part of a key: the primary one may be kept elsewhere.
fn opens(key: &SignedSecretKey, passphrase: &Password) -> bool {
    let primary = key.primary_key.unlock(passphrase, |_, _| Ok(()));
    let mut subkeys = key.secret_subkeys.iter();
    matches!(primary, Ok(Ok(())))
        || subkeys.any(|subkey| {
            let subkey = subkey.key.unlock(passphrase, |_, _| Ok(()));
            matches!(subkey, Ok(Ok(())))
        })
}

/// Why there is no plaintext.
enum Failed {
    /// The file is not what it should be.
    Refused(FileRefusal),
    /// The disk is not.
    System(io::Error),
}

fn refused(why: &str) -> Failed {
    Failed::Refused(FileRefusal::NotDecrypted(why.to_owned()))
}

impl From<PgpError> for Failed {
    fn from(error: PgpError) -> Self {
        refused(&format!("it is damaged or cut short: {error}"))
    }
}

fn copy(message: &mut Message<'_>, to: &mut impl Write) -> Result<(), Failed> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = match message.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(refused(&format!("it is damaged or cut short: {error}")));
            }
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        to.write_all(chunk).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => refused(&format!("decrypted, {error}")),
            _ => Failed::System(error),
        })?;
    }
}

/// The bytes of a file, for a reader that wants to print what it reads from.
struct Source(Box<dyn Read + Send>);

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Whether a file is an encrypted message, by its name or by how it begins.
fn is_encrypted(file: &dyn Readable) -> io::Result<bool> {
    let source = file.source();
    let ending = Path::new(&source).extension().unwrap_or_default();
    if ENDINGS.iter().any(|one| ending.eq_ignore_ascii_case(one)) {
        return Ok(true);
    }
    let mut start = Vec::new();
    file.open()?.take(64).read_to_end(&mut start)?;
    Ok(start.trim_ascii_start().starts_with(ARMOR) || begins_with_a_session_key(&start))
}

/// Whether bytes begin with one of the packets that encrypted messages begin with, for a key or with a
/// passphrase (RFC 9580, 4.2, 5.1 and 5.3). The version behind the packet's length tells it from text
/// that begins alike.
fn begins_with_a_session_key(start: &[u8]) -> bool {
    match start {
        [0xc1, 0..=191, version, ..]
        | [0x84, _, version, ..]
        | [0xc1, 192..=223, _, version, ..]
        | [0x85, _, _, version, ..] => matches!(version, 3 | 6),
        [0xc3, 0..=191, version, ..] | [0x8c, _, version, ..] => matches!(version, 4..=6),
        _ => false,
    }
}

/// A file that is not taken: its bytes as they came, for the import log.
struct Refused {
    file: Arc<dyn Readable>,
    why: FileRefusal,
}

impl Readable for Refused {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        self.file.open()
    }

    fn source(&self) -> String {
        self.file.source()
    }

    fn refusal(&self) -> Option<FileRefusal> {
        Some(self.why.clone())
    }
}

/// An inbox whose files may be encrypted.
pub struct Opening {
    inbox: Box<dyn Inbox>,
    keys: Arc<Keys>,
    spool: Spool,
}

impl Opening {
    /// Opens what arrives in another inbox.
    pub fn new(inbox: Box<dyn Inbox>, keys: Keys, spool: Spool) -> Self {
        Self {
            inbox,
            keys: Arc::new(keys),
            spool,
        }
    }
}

#[async_trait]
impl Inbox for Opening {
    async fn arrivals(&self) -> Result<Vec<Box<dyn Arrival>>, InboxError> {
        let opening = |arrival| -> Box<dyn Arrival> {
            Box::new(OpeningArrival {
                arrival,
                keys: Arc::clone(&self.keys),
                spool: self.spool.clone(),
            })
        };
        let arrivals = self.inbox.arrivals().await?;
        Ok(arrivals.into_iter().map(opening).collect())
    }
}

struct OpeningArrival {
    arrival: Box<dyn Arrival>,
    keys: Arc<Keys>,
    spool: Spool,
}

#[async_trait]
impl Arrival for OpeningArrival {
    fn source(&self) -> String {
        self.arrival.source()
    }

    async fn take(&self) -> Result<Option<Arc<dyn Readable>>, InboxError> {
        let Some(file) = self.arrival.take().await? else {
            return Ok(None);
        };
        let (keys, spool) = (Arc::clone(&self.keys), self.spool.clone());
        let opened = tokio::task::spawn_blocking(move || keys.open(file, &spool)).await;
        match opened.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(file) => Ok(Some(file)),
            Err(error) => {
                self.arrival.release().await?;
                let source = self.source();
                Err(InboxError(format!(
                    "{source}: it cannot be decrypted: {error}"
                )))
            }
        }
    }

    async fn archive(&self, day: Day) -> Result<(), InboxError> {
        self.arrival.archive(day).await
    }

    async fn set_aside(&self) -> Result<(), InboxError> {
        self.arrival.set_aside().await
    }

    async fn release(&self) -> Result<(), InboxError> {
        self.arrival.release().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_not_taken_for_a_message() {
        for message in [
            &[0xc1, 0x5e, 3][..],
            &[0x85, 1, 12, 3],
            &[0x84, 94, 3],
            &[0xc1, 0xc0, 1, 3],
            &[0x8c, 13, 4],
            &[0xc3, 30, 6],
        ] {
            assert!(begins_with_a_session_key(message), "{message:?}");
        }
        for text in ["é,1", "\u{feff}id", "", "\u{84}\u{5}", "Á3", "é\n", "Í,4"] {
            assert!(!begins_with_a_session_key(text.as_bytes()), "{text:?}");
        }
    }
}
