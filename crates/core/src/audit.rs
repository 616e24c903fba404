//! The log of what people did, chained: each entry holds a hash over itself and the one before it,
//! so that an entry that is changed, left out or slipped in breaks every one after it.

use crate::time::Instant;
use sha2::{Digest, Sha256};

/// The hash that stands before the first entry.
pub const BEGINNING: [u8; 32] = [0; 32];

/// The hash of an entry that follows one with the hash `previous`. `detail` is its JSON as it is
/// stored. Each part is hashed behind its length, so that nothing can move from one to the next.
pub fn link(previous: &[u8], at: Instant, operator: &str, action: &str, detail: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(at.0.to_be_bytes());
    for part in [operator, action, detail] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_none_can_move_into_the_next() {
        let of = |previous: &[u8], at, operator, action, detail| {
            link(previous, Instant(at), operator, action, detail)
        };
        let base = of(&BEGINNING, 1, "ann", "match.force", "{}");
        for other in [
            of(&base, 1, "ann", "match.force", "{}"),
            of(&BEGINNING, 2, "ann", "match.force", "{}"),
            of(&BEGINNING, 1, "annm", "atch.force", "{}"),
            of(&BEGINNING, 1, "ann", "match.force{", "}"),
        ] {
            assert_ne!(base, other);
        }
    }
}
