//! Who may do what over HTTP: keys that programs carry, and their scopes.
//!
//! A key is `txm_` and 32 random characters of an alphabet of 32, which is 160 bits. Only its
//! SHA-256 is stored: what slow hashes such as argon2 are for, passwords that can be guessed, a key
//! of 160 random bits is not, and one that was slow to check would be asked for with every request.

use crate::ids::ApiKeyId;
use crate::time::Instant;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt;

/// What every key begins with, so that one that leaked is recognised.
pub const KEY_PREFIX: &str = "txm_";
/// How many random characters follow.
const KEY_LENGTH: usize = 32;
/// Digits and letters without those that people mistake for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How many of them are shown in lists, to tell keys apart.
const HINT_LENGTH: usize = 4;

macro_rules! scopes {
    ($($(#[$doc:meta])* $scope:ident = $name:literal),+ $(,)?) => {
        /// What a key may be used for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope { $($(#[$doc])* $scope,)+ }

        impl Scope {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$scope),+];

            /// Its name, as in `feeds:write`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$scope => $name,)+ }
            }
        }
    };
}

scopes! {
    /// Push transactions.
    FeedsWrite = "feeds:write",
    /// See the configuration.
    ConfigRead = "config:read",
    /// Change the configuration.
    ConfigWrite = "config:write",
    /// See merchant identifiers.
    IdentifiersRead = "identifiers:read",
    /// Onboard merchant identifiers, and take them out of force.
    IdentifiersWrite = "identifiers:write",
    /// See transactions, matches and exports.
    TransactionsRead = "transactions:read",
    /// Match by hand, send exports again.
    TransactionsWrite = "transactions:write",
}

impl Scope {
    /// The scope of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|scope| scope.as_str() == name)
    }

    /// Scopes with commas between, each once, in the order of [`Scope::ALL`].
    ///
    /// # Errors
    /// Names what is no scope, and those there are.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let mut scopes = Vec::new();
        for name in text.split(',').map(str::trim) {
            let scope = Self::from_name(name).ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|scope| scope.as_str()).collect();
                format!("{name:?} is not a scope: take of {}", known.join(", "))
            })?;
            scopes.push(scope);
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(scopes)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The SHA-256 of a key: all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// Of a key as it was given.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// A key as its holder gets it, once. It has no `Debug`: it must not end up in a log.
pub struct Secret(String);

impl Secret {
    /// A key out of 32 random bytes.
    pub fn from_random(bytes: [u8; KEY_LENGTH]) -> Self {
        let characters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Self(KEY_PREFIX.chars().chain(characters).collect())
    }

    /// The key, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is shown of it ever after.
    pub fn hint(&self) -> String {
        self.0
            .chars()
            .take(KEY_PREFIX.len() + HINT_LENGTH)
            .collect()
    }

    /// What is kept of it.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }
}

/// Whether a text could be a key at all: what could not need not be looked for.
pub fn looks_like_key(text: &str) -> bool {
    text.strip_prefix(KEY_PREFIX).is_some_and(|random| {
        random.len() == KEY_LENGTH && random.bytes().all(|byte| ALPHABET.contains(&byte))
    })
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it is for, in a person's words. No two keys in force have one name.
    pub name: String,
    /// What is shown of it.
    pub hint: String,
    /// What is kept of it.
    pub hash: KeyHash,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it ends; never where there is none.
    pub expires_at: Option<Instant>,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its row.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// Its first characters.
    pub hint: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Instant,
    /// When it ends; never where there is none.
    pub expires_at: Option<Instant>,
    /// When it was taken back.
    pub revoked_at: Option<Instant>,
    /// When it was used last, to the minute or so: that is written now and then.
    pub last_used_at: Option<Instant>,
}

impl ApiKey {
    /// Whether it may be used at a time, or why not.
    ///
    /// # Errors
    /// Says that it was revoked, or that it expired.
    pub fn in_force(&self, now: Instant) -> Result<(), &'static str> {
        if self.revoked_at.is_some_and(|at| at <= now) {
            return Err("the key was revoked");
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err("the key has expired");
        }
        Ok(())
    }
}

/// What happens to a key.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// It is made.
    Create(NewKey),
    /// It is taken back, for good.
    Revoke(ApiKeyId),
    /// It was used at a time.
    Used(ApiKeyId, Instant),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_looks_like_one_and_shows_little_of_itself() {
        let key = Secret::from_random([7; 32]);
        assert!(looks_like_key(key.reveal()));
        assert_eq!(key.reveal().len(), 36);
        assert_eq!(key.hint(), "txm_7777");
        assert_eq!(key.hash(), KeyHash::of(key.reveal()));
        assert_eq!(format!("{:?}", key.hash()), "KeyHash(…)");
        for other in ["", "txm_", "TXM_77777777777777777777777777777777", "txm_o7"] {
            assert!(!looks_like_key(other), "{other}");
        }
    }

    #[test]
    fn scopes_are_told_apart() {
        let scopes = Scope::list("config:read, feeds:write,feeds:write").unwrap();
        assert_eq!(scopes, [Scope::FeedsWrite, Scope::ConfigRead]);
        let wrong = Scope::list("feeds").unwrap_err();
        assert!(wrong.contains("\"feeds\" is not a scope"), "{wrong}");
        assert!(wrong.contains("feeds:write"), "{wrong}");
        assert!(Scope::list("").is_err());
    }
}
