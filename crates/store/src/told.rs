//! By what a reject that is about a known, or once known, transaction is the same one again.

use harmonia_core::problem::RejectReason;
use harmonia_core::transaction::Told;
use sha2::{Digest, Sha256};

/// The fingerprint of a conflict, or of a transaction that is too old: what it says of which
/// transaction, however its record looks. So it is listed once, whether it came by import or was
/// kept for another reason first.
pub fn fingerprint(reason: RejectReason, told: &Told) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(reason.as_str());
    hash.update([0]);
    hash.update(told.transaction_id.as_bytes());
    hash.update([0]);
    hash.update(told.date.0.to_be_bytes());
    hash.update(told.amount.minor.to_be_bytes());
    hash.update(told.amount.currency.as_str());
    hash.finalize().into()
}
