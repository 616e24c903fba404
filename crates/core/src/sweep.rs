//! The sweep: payments that stayed without a match for too long are given up, and handed to an export
//! of their own.
//!
//! How long a payment has waited is counted from the commit that imported it and not from its own
//! date: one that comes late would otherwise be given up before any sale had its chance, and a sale is
//! looked for within a window of import times as well.

use crate::ids::{PaymentId, SchemeId, Slug};
use crate::schedule::Schedule;
use crate::time::Instant;
use crate::transaction::FeedType;

/// A scheme's `[sweep]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// How long after its import a payment is given up, in microseconds.
    pub after_us: i64,
    /// The agent whose export tells of those that are.
    pub export: Slug,
    /// The most of one run, the oldest first; the rest waits for the next.
    pub at_most: usize,
    /// Which payments, by network; those of a network that is not named stay pending.
    pub feed_types: Vec<(Slug, Vec<FeedType>)>,
    /// When it runs.
    pub schedule: Schedule,
}

impl Sweep {
    /// Which of a scheme's payments a run at a time gives up.
    pub fn scope(&self, scheme: SchemeId, now: Instant) -> SweepScope {
        let feeds = self.feed_types.iter().flat_map(|(provider, types)| {
            types
                .iter()
                .map(move |feed_type| (provider.clone(), *feed_type))
        });
        SweepScope {
            scheme,
            imported_until: now.plus(-self.after_us),
            feeds: feeds.collect(),
            limit: self.at_most,
        }
    }
}

/// The payments that a run of a sweep gives up: those that had their turn and found nothing, and whose
/// member's number is known, which the merchant is told. What waits for its card stays pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepScope {
    /// Whose.
    pub scheme: SchemeId,
    /// Imported then or before.
    pub imported_until: Instant,
    /// By these networks' feeds.
    pub feeds: Vec<(Slug, FeedType)>,
    /// The most, the first that came first.
    pub limit: usize,
}

/// What was swept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Whose.
    pub scheme: SchemeId,
    /// Which.
    pub payments: Vec<PaymentId>,
}
