//! Who must have signed a file: their public keys, and what a message's signatures say by them.

use super::blocks;
use pgp::composed::{Deserializable, Message, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{Duration, KeyDetails, Tag, Timestamp, VerifyingKey};
use std::time::UNIX_EPOCH;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
/// Hashes for which two files with one signature can be made.
const BROKEN: [HashAlgorithm; 3] = [
    HashAlgorithm::Md5,
    HashAlgorithm::Sha1,
    HashAlgorithm::Ripemd160,
];

/// The keys of which one must have signed each file of a feed.
pub struct Signers {
    /// The name of the secret they are in.
    secret: String,
    keys: Vec<SignedPublicKey>,
}

/// A key or subkey that may sign.
struct Signing<'a> {
    of: &'a SignedPublicKey,
    key: &'a dyn VerifyingKey,
    /// Seconds since 1970 after which it does not sign any more.
    until: Option<u64>,
}

impl Signers {
    /// Reads the secret of a name: public keys in ASCII armor, one block or several.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(name: &str, secret: &str) -> Result<Self, String> {
        let unreadable = "it is no public key in ASCII armor: put the sender's there, as \
                          `gpg --armor --export` writes it";
        let mut keys = Vec::new();
        for block in blocks(secret, BEGIN) {
            let read =
                SignedPublicKey::from_string_many(block).map_err(|_| unreadable.to_owned())?;
            for key in read.0 {
                keys.push(key.map_err(|_| unreadable.to_owned())?);
            }
        }
        if keys.is_empty() {
            return Err(unreadable.to_owned());
        }
        let is_revoked = |key: &&SignedPublicKey| {
            let mut revocations = key.details.revocation_signatures.iter();
            revocations.any(|signature| signature.verify_key(&key.primary_key).is_ok())
        };
        if let Some(key) = keys.iter().find(is_revoked) {
            return Err(format!("{} was revoked by its owner", shown(key)));
        }
        Ok(Self {
            secret: name.to_owned(),
            keys,
        })
    }

    /// Whose signature is wanted.
    pub fn wanted(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(shown).collect();
        format!("{} (secret {})", keys.join(" or "), self.secret)
    }

    /// Whether a message, read to its end, is signed by one of them: by which.
    ///
    /// # Errors
    /// What its signatures are instead.
    pub fn verify(&self, message: &Message<'_>) -> Result<String, String> {
        let Message::Signed { reader, .. } = message else {
            return Err("it is signed by nobody".to_owned());
        };
        let mut found = Vec::new();
        for index in 0..reader.num_signatures() {
            let Some(signature) = reader.signature(index) else {
                continue;
            };
            match self.verify_one(message, index, signature) {
                Ok(signer) => return Ok(signer),
                Err(what) if !found.contains(&what) => found.push(what),
                Err(_) => {}
            }
        }
        if found.is_empty() {
            found.push("none of its signatures can be read".to_owned());
        }
        Err(found.join("; "))
    }

    fn verify_one(
        &self,
        message: &Message<'_>,
        index: usize,
        signature: &Signature,
    ) -> Result<String, String> {
        let named = issuer(signature);
        let mut ours = self.keys.iter().flat_map(signing);
        let Some(by) = ours.find(|one| message.verify_nested_explicit(index, one.key).is_ok())
        else {
            let mut ours = self.keys.iter().flat_map(signing);
            return Err(if ours.any(|one| is_issuer(signature, one.key)) {
                format!("key {named} signed something else than this file")
            } else {
                format!("it was signed by key {named}")
            });
        };
        let is_of_data = matches!(
            signature.typ(),
            Some(SignatureType::Binary | SignatureType::Text)
        );
        let hash = signature.hash_alg();
        if !is_of_data || hash.is_none_or(|hash| BROKEN.contains(&hash)) {
            return Err(format!(
                "key {named} signed it in a way that proves nothing: it must be over the data, with \
                 SHA-256 or better"
            ));
        }
        let made = signature.created().map_or(0, |at| u64::from(at.as_secs()));
        if by.until.is_some_and(|until| made > until) {
            return Err(format!("key {named} had expired when it signed this file"));
        }
        let now = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        if end_of(made, signature.signature_expiration_time()).is_some_and(|end| end < now) {
            return Err(format!("the signature by key {named} has expired"));
        }
        Ok(shown(by.of))
    }
}

/// The parts of a key that may sign: the primary one, whose holder could make any other, and the
/// subkeys that it and they themselves say are for signing.
fn signing(of: &SignedPublicKey) -> Vec<Signing<'_>> {
    let primary = &of.primary_key;
    let of_users = of.details.users.iter().flat_map(|user| {
        let signatures = user.signatures.iter();
        signatures.filter(|signature| {
            let certifies = signature.verify_certification(primary, Tag::UserId, &user.id);
            signature.is_certification() && certifies.is_ok()
        })
    });
    let direct = of.details.direct_signatures.iter();
    let direct = direct.filter(|signature| signature.verify_key(primary).is_ok());
    let mut found = vec![Signing {
        of,
        key: primary,
        until: until(primary, latest(of_users.chain(direct))),
    }];
    for subkey in &of.public_subkeys {
        if let Some(binding) = binding(of, subkey) {
            found.push(Signing {
                of,
                key: &subkey.key,
                until: until(&subkey.key, Some(binding)),
            });
        }
    }
    found
}

/// What makes a subkey one that signs, and is in force.
fn binding<'a>(of: &SignedPublicKey, subkey: &'a SignedPublicSubKey) -> Option<&'a Signature> {
    let primary = &of.primary_key;
    let signatures = subkey.signatures.iter();
    let latest_of = |kind: SignatureType| {
        latest(signatures.clone().filter(|signature| {
            let binds = signature.verify_subkey_binding(primary, &subkey.key);
            signature.typ() == Some(kind) && binds.is_ok()
        }))
    };
    if latest_of(SignatureType::SubkeyRevocation).is_some() {
        return None;
    }
    let binding = latest_of(SignatureType::SubkeyBinding)?;
    // The subkey agrees, so that nobody passes another's key off as a part of theirs.
    let agrees = binding.embedded_signature().is_some_and(|back| {
        back.verify_primary_key_binding(&subkey.key, primary)
            .is_ok()
    });
    (binding.key_flags().sign() && agrees).then_some(binding)
}

fn latest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| signature.created().map(Timestamp::as_secs))
}

/// Seconds since 1970 at which a key ends, by the signature that is in force on it.
fn until(key: &impl KeyDetails, signature: Option<&Signature>) -> Option<u64> {
    let created = u64::from(key.created_at().as_secs());
    end_of(created, signature?.key_expiration_time())
}

/// No lifetime, or one of zero, has no end.
fn end_of(created: u64, lifetime: Option<Duration>) -> Option<u64> {
    let lifetime = u64::from(lifetime?.as_secs());
    (lifetime != 0).then(|| created.saturating_add(lifetime))
}

/// Whether a signature says that it is by this key.
fn is_issuer(signature: &Signature, key: &dyn VerifyingKey) -> bool {
    let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    ids.contains(&&key.legacy_key_id()) || fingerprints.contains(&&key.fingerprint())
}

/// By whom a signature says it is.
fn issuer(signature: &Signature) -> String {
    let fingerprint = signature.issuer_fingerprint();
    if let Some(fingerprint) = fingerprint.first() {
        return format!("{fingerprint:X}");
    }
    let ids = signature.issuer_key_id();
    let id = ids.first();
    id.map_or_else(
        || "without a name".to_owned(),
        |id| id.to_string().to_ascii_uppercase(),
    )
}

/// A key for people: whose it says it is, and its fingerprint, by which it is told from others.
fn shown(key: &SignedPublicKey) -> String {
    let fingerprint = format!("{:X}", key.primary_key.fingerprint());
    let user = key.details.users.first().and_then(|user| user.id.as_str());
    match user {
        // Whoever made the key wrote this.
        Some(user) => {
            let user: String = user.chars().filter(|c| !c.is_control()).take(100).collect();
            format!("{user} {fingerprint}")
        }
        None => fingerprint,
    }
}
