//! What senders push: several requests whose records become durable in one commit, and what each
//! sender is told.
//!
//! Only the commit knows which record was new, so the answer is made in it; and it is stored in it,
//! so that a request that comes again with the same key is told the same, whatever happened between.

use crate::changes::{FileArrival, ImportedBody, ImportedRecord};
use crate::problem::{Reject, RejectReason};
use crate::time::DAY_US;
use serde::{Deserialize, Serialize};

/// At most so many refused records are told of in one answer. All of them are kept.
pub const MAX_TOLD: usize = 100;
/// How long an answer is kept under its key, in microseconds: seven days. The records of a request
/// that comes again later are known all the same, and counted as duplicates.
pub const KEPT_US: i64 = 7 * DAY_US;

/// Requests of one feed that become durable together.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// The row of the import log that the commit makes for all of them.
    pub arrival: FileArrival,
    /// The requests, in the order they came.
    pub requests: Vec<Request>,
}

/// What one sender pushed.
#[derive(Clone, Debug)]
pub struct Request {
    /// By what it is known again, where its sender wants that.
    pub key: Option<RequestKey>,
    /// What was read of it, in its order.
    pub records: Vec<ImportedRecord>,
    /// How many of its records the feed's rules skip.
    pub skipped: u64,
}

/// By what a request is known when it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The SHA-256 of the key its sender chose: the key itself may be anything, and is not kept.
    pub key: [u8; 32],
    /// The SHA-256 of what was sent: another body under the same key is a mistake.
    pub body: [u8; 32],
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Taken.
    New,
    /// Known already.
    Duplicate,
    /// Kept as a reject, or quarantined, and why.
    Refused(Reject),
}

/// What a sender is told of a request, once all of it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The row of the import log.
    pub import: i64,
    /// Records read.
    pub read: u64,
    /// Taken.
    pub new: u64,
    /// Known already.
    pub duplicate: u64,
    /// Left out by the feed's own rules.
    pub skipped: u64,
    /// Kept as rejects.
    pub rejected: u64,
    /// Kept until a MID or location is onboarded.
    pub quarantined: u64,
    /// The first [`MAX_TOLD`] of those that were rejected or quarantined.
    pub refused: Vec<Refusal>,
    /// How many more there were.
    pub refused_not_listed: u64,
}

/// One record that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its line, or its place in the list, from 1.
    pub number: u64,
    /// `REJECTED` or `QUARANTINED`.
    pub state: String,
    /// Why, by name.
    pub reason: RejectReason,
    /// The field to blame.
    pub field: Option<String>,
    /// What was found, and what would be right.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

impl Receipt {
    /// Of a request of the import log's row `import`, by what became of each of its records.
    pub fn new(import: i64, request: &Request, fates: impl IntoIterator<Item = Fate>) -> Self {
        let mut receipt = Self {
            import,
            read: request.records.len() as u64 + request.skipped,
            skipped: request.skipped,
            ..Self::default()
        };
        for (record, fate) in request.records.iter().zip(fates) {
            match fate {
                Fate::New => receipt.new += 1,
                Fate::Duplicate => receipt.duplicate += 1,
                Fate::Refused(reject) => receipt.refuse(record.number, &reject),
            }
        }
        receipt
    }

    fn refuse(&mut self, number: u64, reject: &Reject) {
        let quarantined = reject.reason.is_quarantine();
        match quarantined {
            true => self.quarantined += 1,
            false => self.rejected += 1,
        }
        if self.refused.len() >= MAX_TOLD {
            self.refused_not_listed += 1;
            return;
        }
        let state = if quarantined {
            "QUARANTINED"
        } else {
            "REJECTED"
        };
        self.refused.push(Refusal {
            number,
            state: state.to_owned(),
            reason: reject.reason,
            field: reject.field.as_deref().map(str::to_owned),
            detail: reject.detail.to_string(),
            remedy: remedy(reject.reason).to_owned(),
        });
    }
}

impl ImportedBody {
    /// Why this record is not taken; `None` where only the commit can tell.
    pub fn refusal(&self) -> Option<&Reject> {
        match self {
            Self::Refused { reject, .. } => Some(reject),
            Self::Payment { .. } | Self::Sale { .. } | Self::Answer { .. } => None,
        }
    }
}

/// What the sender of a record that was not taken can do.
fn remedy(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::UnknownMid => {
            "nothing needs to be sent again: it goes on by itself once its MID is onboarded"
        }
        RejectReason::UnknownLocation => {
            "nothing needs to be sent again: it goes on by itself once its location is onboarded"
        }
        RejectReason::AmbiguousMid => {
            "nothing needs to be sent again: it goes on by itself once its MIDs belong to one scheme"
        }
        RejectReason::Conflict => {
            "find out which of the two is right; one that was another purchase needs an id of its own"
        }
        _ => "correct the record and send it again; what was taken need not be left out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(number: u64, reason: RejectReason) -> ImportedRecord {
        ImportedRecord {
            number,
            occurrence: 0,
            raw: "{}".into(),
            body: ImportedBody::Refused {
                told: None,
                reject: Reject::field(reason, "amount", "no amount"),
                fingerprint: [0; 32],
            },
        }
    }

    #[test]
    fn a_receipt_adds_up_and_lists_no_more_than_it_says() {
        let records: Vec<_> = (1..=150)
            .map(|number| refused(number, RejectReason::BadAmount))
            .chain([refused(151, RejectReason::UnknownMid)])
            .collect();
        let request = Request {
            key: None,
            records,
            skipped: 2,
        };
        let fates = request.records.iter().map(|record| match record.number {
            1 => Fate::New,
            2 => Fate::Duplicate,
            _ => Fate::Refused(record.body.refusal().unwrap().clone()),
        });
        let receipt = Receipt::new(7, &request, fates.collect::<Vec<_>>());
        assert_eq!((receipt.read, receipt.new, receipt.duplicate), (153, 1, 1));
        assert_eq!((receipt.skipped, receipt.rejected), (2, 148));
        assert_eq!((receipt.quarantined, receipt.import), (1, 7));
        assert_eq!(receipt.refused.len(), MAX_TOLD);
        assert_eq!(receipt.refused_not_listed, 49);
        assert_eq!(receipt.refused[0].number, 3);
    }
}
