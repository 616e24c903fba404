//! Time, randomness and identity of the process: the only places they come from.

use harmonia_core::time::Instant;
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant(jiff::Timestamp::now().as_microsecond())
    }
}

/// Where new random ids come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uids;

impl Uids {
    /// A new random UUID.
    pub fn next(self) -> Uuid {
        Uuid::new_v4()
    }

    /// 32 bytes that nobody can guess: a hash of four random UUIDs, which hold 488 random bits.
    pub fn secret(self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for _ in 0..4 {
            hash.update(self.next().as_bytes());
        }
        hash.finalize().into()
    }
}

/// A process that may hold leases: its name is its own, and no other process ever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder(pub String);

impl Holder {
    /// A holder for this process.
    pub fn new(uids: Uids) -> Self {
        Self(uids.next().simple().to_string())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
