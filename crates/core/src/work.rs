//! Work for later steps: the queues it waits in, the lanes that keep it in order, and what it is about.

use crate::ids::{FileId, PaymentId, RejectId, SchemeId, Slug};
use crate::money::Money;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The queues. A process may work on some of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// Files being read.
    Import,
    /// What waits to learn whose it is: payments whose card nobody knew yet, and records whose MID
    /// nobody had onboarded.
    Identify,
    /// Payments and sales to be matched.
    Matching,
    /// Matching that may take long, when nothing else is to be matched: several for one.
    MatchingSlow,
    /// Payments that are sent on as they are, without a sale.
    Streaming,
    /// Exports to be delivered.
    Export,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Import,
        Self::Identify,
        Self::Matching,
        Self::MatchingSlow,
        Self::Streaming,
        Self::Export,
    ];

    /// Their stored names.
    pub const NAMES: [&str; 6] = [
        "import",
        "identify",
        "matching",
        "matching_slow",
        "streaming",
        "export",
    ];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The queue of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == name)
    }
}

/// Where the 32-bit FNV-1a hash begins, and what it multiplies by: RFC 9923.
const FNV_BASIS: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// Work that must not run beside other work of the same lane, and runs in the order it was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub i64);

impl Lane {
    /// The first lane of matching, which is all there is while [`Lanes`] is one. The others follow it
    /// downwards, as those of the kinds below follow theirs.
    pub const MATCHING: Self = Self(0);
    const SEVERAL: i64 = -(1 << 16);
    const LOOKS: i64 = -(1 << 40);
    const STREAMING: i64 = -(1 << 41);
    const SLOW: i64 = -(1 << 42);
    const OUTBOX: i64 = -(1 << 43);

    /// A scheme's deliveries: its merchant is told in order, and by one worker at a time.
    pub fn delivery(scheme: SchemeId) -> Self {
        Self(scheme.0)
    }

    /// A scheme's search for several payments of one sale, and the reverse.
    pub fn several(scheme: SchemeId) -> Self {
        Self(Self::SEVERAL - scheme.0)
    }

    /// The outbox: one after the other is announced, by one worker at a time.
    pub fn outbox() -> Self {
        Self(Self::OUTBOX)
    }

    /// The looks where a feed arrives: one after the other.
    pub fn looks(feed: &Slug) -> Self {
        let mixed = feed.as_str().bytes().fold(FNV_BASIS, |mixed, byte| {
            (mixed ^ u32::from(byte)).wrapping_mul(FNV_PRIME)
        });
        Self(Self::LOOKS - i64::from(mixed))
    }
}

/// Into how many lanes matching is divided. Payments that could compete for a sale have scheme,
/// currency and amount in common, and so are in one lane whatever the number; more lanes let more
/// workers match at a time, and make each batch smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes(u16);

impl Lanes {
    /// One lane for all.
    pub const ONE: Self = Self(1);

    /// So many, at least one.
    pub fn new(count: u16) -> Self {
        Self(count.max(1))
    }

    /// How many.
    pub fn count(self) -> u16 {
        self.0
    }

    /// Which of them, from 0 on, a scheme's transactions of an amount are in.
    fn place(self, scheme: SchemeId, amount: Money) -> i64 {
        if self.0 == 1 {
            return 0;
        }
        // Spread as evenly as the amounts differ; the same on every machine and for ever.
        let mut mixed = u64::from_le_bytes(scheme.0.to_le_bytes());
        let currency = amount
            .currency
            .as_str()
            .bytes()
            .fold(0, |sum, byte| (sum << 8) | u64::from(byte));
        for part in [u64::from_le_bytes(amount.minor.to_le_bytes()), currency] {
            mixed = (mixed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^= mixed >> 32;
        }
        i64::try_from(mixed % u64::from(self.0)).unwrap_or(0)
    }
}

/// By which queue, and in which lane of it, each transaction goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    lanes: Lanes,
    /// Schemes that are matched in a queue of their own, each in one lane, and keep no other waiting.
    slow: Box<[SchemeId]>,
    /// Schemes to which the payments in hand are sent on as they are, and wait for no match.
    streamed: Box<[SchemeId]>,
}

impl Routes {
    /// All by the queue of matching, in so many lanes, but for schemes that are slow.
    pub fn new(lanes: Lanes, slow: impl IntoIterator<Item = SchemeId>) -> Self {
        Self {
            lanes,
            slow: slow.into_iter().collect(),
            streamed: Box::default(),
        }
    }

    /// The same for payments that are sent on to these schemes as they are.
    pub fn streaming(self, streamed: impl IntoIterator<Item = SchemeId>) -> Self {
        Self {
            streamed: streamed.into_iter().collect(),
            ..self
        }
    }

    /// How a transaction of a scheme and an amount goes on that would otherwise go by `queue`.
    pub fn of(&self, queue: Queue, scheme: SchemeId, amount: Money) -> (Queue, Lane) {
        if self.streamed.contains(&scheme) {
            let place = self.lanes.place(scheme, amount);
            return (Queue::Streaming, Lane(Lane::STREAMING - place));
        }
        if self.slow.contains(&scheme) {
            return (Queue::MatchingSlow, Lane(Lane::SLOW - scheme.0));
        }
        (queue, Lane(-self.lanes.place(scheme, amount)))
    }

    /// How rows go on that would otherwise go by `queue`: those of each lane as a span, in the order
    /// they came in.
    pub fn spans(
        &self,
        queue: Queue,
        rows: impl IntoIterator<Item = Placed>,
    ) -> Vec<(Queue, Lane, Span)> {
        let mut lanes = BTreeMap::<Lane, (Queue, Vec<i64>)>::new();
        for row in rows {
            let (queue, lane) = self.of(queue, row.scheme, row.amount);
            let (_, ids) = lanes.entry(lane).or_insert_with(|| (queue, Vec::new()));
            ids.push(row.id);
        }
        // With one lane for all, what lies between its rows is of the same lane.
        let is_all = self.lanes == Lanes::ONE && self.slow.is_empty() && self.streamed.is_empty();
        lanes
            .into_iter()
            .map(|(lane, (queue, ids))| (queue, lane, span(ids, is_all)))
            .collect()
    }

    /// The jobs that take up payments and sales which would otherwise go by `queue`.
    pub fn works(
        &self,
        queue: Queue,
        payments: &[Placed],
        sales: &[Placed],
    ) -> Vec<(Queue, Lane, Work)> {
        let payments = self.spans(queue, payments.iter().copied()).into_iter();
        let sales = self.spans(queue, sales.iter().copied()).into_iter();
        payments
            .map(|(queue, lane, span)| (queue, lane, Work::Payments(span)))
            .chain(sales.map(|(queue, lane, span)| (queue, lane, Work::Sales(span))))
            .collect()
    }
}

impl From<Lanes> for Routes {
    fn from(lanes: Lanes) -> Self {
        Self::new(lanes, [])
    }
}

/// Rows that lie close together, and what lies between them too where that may be, are a range: to read
/// past what is not asked for is faster than to leave it out.
fn span(ids: Vec<i64>, may_be_range: bool) -> Span {
    let len = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    match (ids.first(), ids.last()) {
        (Some(first), Some(last)) if may_be_range && last - first < len.saturating_mul(2) => {
            Span::Range(*first, *last)
        }
        _ => Span::Ids(ids),
    }
}

/// A payment or sale, and what its lane depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its row.
    pub id: i64,
    /// Its scheme.
    pub scheme: SchemeId,
    /// Its amount.
    pub amount: Money,
}

/// A job to add.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Its queue.
    pub queue: Queue,
    /// Its lane, where it has one.
    pub lane: Option<Lane>,
    /// Not before then.
    pub ready_at: Instant,
    /// What it is about.
    pub work: NewWork,
}

/// What a new job is about.
#[derive(Clone, Debug, PartialEq)]
pub enum NewWork {
    /// The payments and sales that this same commit adds, imported or replayed: a job for each lane
    /// that has some, whatever queue and lane the new job names.
    Imported(Routes),
    /// A scheme's search for several payments of one sale: no second one while one is waiting.
    Several(SchemeId),
    /// A look where a feed arrives: no second one while one is waiting.
    Look(Slug),
    /// What lies in the outbox: no second one while one is waiting.
    Announce,
    /// The exports of a scheme that this same commit adds.
    Exports(SchemeId),
    /// Something that is already there.
    Known(Work),
}

/// What a job is about, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A file to read.
    File(FileId),
    /// A place to look into: whole files of a feed may have arrived there.
    Look {
        /// The feed.
        feed: Slug,
    },
    /// A scheme whose payments have waited long enough, to be given up.
    Sweep {
        /// Whose.
        scheme: SchemeId,
    },
    /// Payments to be identified and decided.
    Payments(Span),
    /// Sales, for which open payments may have waited.
    Sales(Span),
    /// Payments to be looked at once more, whatever else is scheduled for them.
    Again(Span),
    /// Payments whose card was not known when they were asked about.
    Unidentified {
        /// Which.
        payments: Span,
        /// How many times they have been asked about.
        tries: u32,
    },
    /// What is open in a scheme: one sale may be paid by several payments, or the reverse.
    Several {
        /// Whose.
        scheme: SchemeId,
    },
    /// Every payment that waits for its card: cards were linked.
    AllUnidentified {
        /// Those after this one.
        after: PaymentId,
    },
    /// Every quarantined record: MIDs were onboarded.
    Quarantined {
        /// Those after this one.
        after: RejectId,
    },
    /// Exports to be delivered.
    Exports {
        /// Whose.
        scheme: SchemeId,
        /// Which.
        exports: Span,
    },
    /// A file of exports that is whole on disk, and delivered, to be given its name.
    Publish {
        /// Whose.
        scheme: SchemeId,
        /// What it is called now.
        draft: String,
        /// What the merchant looks for.
        name: String,
    },
    /// What lies in the outbox, to be announced.
    Announce,
    /// Something that only another version of Harmonia can do: it is put off, until one takes it up.
    #[serde(skip)]
    OfAnotherVersion,
}

impl Work {
    /// Why what another version is to do is put off.
    pub const NOT_OF_THIS_VERSION: &str =
        "the job is of another version of Harmonia: a process of that version will take it up";

    /// What a job is about, from how it is stored.
    pub fn read(stored: &str) -> Self {
        serde_json::from_str(stored).unwrap_or(Self::OfAnotherVersion)
    }
}

/// Rows: a range of ids that one commit gave out, or ids one by one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// From the first to the last, both inclusive.
    Range(i64, i64),
    /// These.
    Ids(Vec<i64>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn row(id: i64, scheme: i64) -> Placed {
        Placed {
            id,
            scheme: SchemeId(scheme),
            amount: Money {
                minor: 1099,
                currency: Currency::GBP,
            },
        }
    }

    #[test]
    fn a_slow_scheme_and_one_that_is_streamed_to_keep_no_other_waiting() {
        let rows = [row(1, 1), row(2, 2), row(3, 3), row(4, 1)];
        let all = Routes::from(Lanes::ONE).spans(Queue::Matching, rows);
        let one_range = (Queue::Matching, Lane::MATCHING, Span::Range(1, 4));
        assert_eq!(all, [one_range]);
        let routes = Routes::new(Lanes::ONE, [SchemeId(2)]).streaming([SchemeId(3)]);
        let apart = routes.spans(Queue::Identify, rows);
        let expected = [
            (
                Queue::MatchingSlow,
                Lane(Lane::SLOW - 2),
                Span::Ids(vec![2]),
            ),
            (Queue::Streaming, Lane(Lane::STREAMING), Span::Ids(vec![3])),
            // Not a range, for what lies between is not of this lane.
            (Queue::Identify, Lane::MATCHING, Span::Ids(vec![1, 4])),
        ];
        assert_eq!(apart, expected);
    }

    #[test]
    fn what_another_version_stored_is_told_from_what_this_one_did() {
        let look = Work::Look {
            feed: Slug::new("visa-auth").unwrap(),
        };
        let stored = serde_json::to_string(&look).unwrap();
        assert_eq!(Work::read(&stored), look);
        for stored in [r#"{"dream":{"of":"sheep"}}"#, r#""of_another_version""#, ""] {
            assert_eq!(Work::read(stored), Work::OfAnotherVersion, "{stored}");
        }
    }

    #[test]
    fn lanes_of_two_kinds_are_never_the_same() {
        let feed = Slug::new("visa-auth").unwrap();
        let most = i64::from(u32::MAX);
        let kinds = [
            (-i64::from(u16::MAX), 0),
            (
                Lane::several(SchemeId(most)).0,
                Lane::several(SchemeId(0)).0,
            ),
            (Lane::LOOKS - most, Lane::LOOKS),
            (Lane::STREAMING - i64::from(u16::MAX), Lane::STREAMING),
            (Lane::SLOW - most, Lane::SLOW),
        ];
        for (one, other) in kinds.iter().zip(&kinds[1..]) {
            assert!(other.1 < one.0, "{one:?} and {other:?}");
        }
        assert!((Lane::LOOKS - most..=Lane::LOOKS).contains(&Lane::looks(&feed).0));
    }
}
