//! The audit, as it is the same on every database: what must always be so, in words, and how what breaks
//! it is told.

use harmonia_core::audit;
use harmonia_core::time::Instant;
use harmonia_journey::ports::AuditFinding;

/// How many rows that break an invariant are named.
const EXAMPLES: usize = 5;

/// The invariants that an audit checks, in words, each with the statement of `$sql` that finds its
/// breaches.
macro_rules! invariants {
    ($sql:ident) => {
        [
            (
                "a payment is in one match at most",
                $sql::audit::one_to_one_payment,
            ),
            (
                "a sale is in one match at most",
                $sql::audit::one_to_one_sale,
            ),
            (
                "both sides of a match agree in scheme, MID, amount and currency",
                $sql::audit::same_purchase,
            ),
            (
                "a matched payment is identified",
                $sql::audit::matched_is_identified,
            ),
            (
                "a matched payment is not open",
                $sql::audit::matched_is_not_open,
            ),
            (
                "every match has its export",
                $sql::audit::matched_is_exported,
            ),
            (
                "what was delivered was sent",
                $sql::audit::delivered_was_sent,
            ),
            (
                "every raw record taken is one payment or one sale",
                $sql::audit::raw_is_typed,
            ),
            (
                "a file's counts and sums are those of its rows",
                $sql::audit::file_counts,
            ),
            (
                "every payment is matched, open with a reason, or due",
                $sql::audit::nothing_forgotten,
            ),
            ("every pending export is due", $sql::audit::export_is_due),
            (
                "what ended with another payment is of that payment's purchase",
                $sql::audit::settlement_follows,
            ),
        ]
    };
}
pub(crate) use invariants;

/// What breaks one invariant, as it is found.
pub struct Breaches {
    invariant: &'static str,
    count: u64,
    examples: Vec<i64>,
}

impl Breaches {
    /// None so far.
    pub fn of(invariant: &'static str) -> Self {
        Self {
            invariant,
            count: 0,
            examples: Vec::new(),
        }
    }

    /// One more: a row.
    pub fn add(&mut self, row: i64) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(row);
        }
    }

    /// What is to be told, if there are any.
    pub fn found(self) -> Option<AuditFinding> {
        (self.count > 0).then(|| AuditFinding {
            invariant: self.invariant.to_owned(),
            count: self.count,
            examples: self.examples,
        })
    }
}

/// An entry of the log of what people did, as it is stored.
pub struct Entry<'a> {
    pub id: i64,
    pub at: Instant,
    pub operator: &'a str,
    pub action: &'a str,
    pub detail: &'a str,
    pub hash: Vec<u8>,
}

/// The log of what people did, followed from its beginning.
pub struct Chain {
    hash: Vec<u8>,
    next_id: i64,
    broken: Breaches,
}

impl Chain {
    /// Before its first entry.
    pub fn begin() -> Self {
        Self {
            hash: audit::BEGINNING.to_vec(),
            next_id: 1,
            broken: Breaches::of(
                "every entry of the log of what people did follows from the one before it",
            ),
        }
    }

    /// The next entry.
    pub fn follow(&mut self, entry: Entry<'_>) {
        let link = audit::link(
            &self.hash,
            entry.at,
            entry.operator,
            entry.action,
            entry.detail,
        );
        if link.as_slice() != entry.hash || entry.id != self.next_id {
            self.broken.add(entry.id);
        }
        self.hash = entry.hash;
        self.next_id = entry.id + 1;
    }

    /// What is to be told of entries that do not follow from those before them.
    pub fn found(self) -> Option<AuditFinding> {
        self.broken.found()
    }
}
