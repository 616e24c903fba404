//! What somebody may do, and any sequence of it.

use proptest::prelude::*;

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub enum Step {
    /// A stretch of a file is imported.
    Import {
        /// Which feed: payments settled, payments authorised, sales.
        feed: u8,
        /// Which file; the same one may come again.
        file: u8,
        holder: u8,
        records: Vec<Record>,
        /// Whether the file ends here.
        ends: bool,
    },
    /// Requests are pushed together, each with its key, if it has one.
    Push {
        feed: u8,
        requests: Vec<(Option<u8>, Vec<Record>)>,
    },
    /// A batch of messages is imported.
    Messages { feed: u8, records: Vec<Record> },
    /// A kept record is taken up again, as what it is now.
    Replay { reject: u8, record: Record },
    /// Somebody asks for work.
    Claim { holder: u8, queue: u8 },
    /// A batch is decided under one of the leases there ever were, or by a person.
    Decide {
        lease: Option<u8>,
        /// Payments and sales, each to become a match.
        pairs: Vec<(u8, u8)>,
        /// Payments that stay open, each with its reason.
        open: Vec<(u8, u8)>,
        end: End,
    },
    /// Exports are tried.
    Deliver {
        lease: Option<u8>,
        /// Exports, each with its state from then on.
        deliveries: Vec<(u8, u8)>,
        end: End,
    },
    /// Exports are about to be sent.
    Send {
        lease: Option<u8>,
        exports: Vec<u8>,
        end: End,
    },
    /// A person moves an export from one state to another.
    Handle { export: u8, from: u8, to: u8 },
    /// An identifier is put in force or out of it.
    Onboard {
        mid: u8,
        scheme: u8,
        place: u8,
        add: bool,
        /// From and until which hour after noon.
        from: Option<u8>,
        until: Option<u8>,
    },
    /// Payments are identified, and as many as may be are given up: the books' export tells of them.
    Sweep {
        identified: Vec<u8>,
        limit: u8,
        /// How many days ago they were imported at least.
        days: u8,
    },
    /// A merchant answers exports: which, what, and whether by the uid.
    Answer(Vec<(u8, u8, bool)>),
    /// A card is linked.
    Link { card: u8, member: u8 },
    /// Time passes, in seconds.
    Wait(u8),
    /// Days pass.
    Sleep(u8),
    /// What is before a day is purged, so many rows at a time; or only made known as too old.
    Purge {
        day: u8,
        limit: u8,
        only_known: bool,
    },
}

/// A record of a file.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its transaction id.
    pub name: u8,
    pub amount: u8,
    pub when: u8,
    pub till: u8,
    /// Whether it is refused instead, and why.
    pub refused: Option<bool>,
}

/// What becomes of a job.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Keep,
    Done,
    Again,
}

/// A story.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..50)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => import(),
        3 => push(),
        2 => (0..3_u8, prop::collection::vec(record(), 0..4))
            .prop_map(|(feed, records)| Step::Messages { feed, records }),
        2 => (any::<u8>(), record()).prop_map(|(reject, record)| Step::Replay { reject, record }),
        4 => (0..3_u8, 0..3_u8).prop_map(|(holder, queue)| Step::Claim { holder, queue }),
        8 => decide(),
        3 => deliver(),
        3 => (lease(), prop::collection::vec(any::<u8>(), 0..3), end())
            .prop_map(|(lease, exports, end)| Step::Send { lease, exports, end }),
        2 => (any::<u8>(), 0..9_u8, 0..9_u8)
            .prop_map(|(export, from, to)| Step::Handle { export, from, to }),
        3 => (prop::collection::vec(any::<u8>(), 0..4), 1..4_u8, 0..2_u8)
            .prop_map(|(identified, limit, days)| Step::Sweep { identified, limit, days }),
        2 => prop::collection::vec((any::<u8>(), 0..2_u8, any::<bool>()), 0..4)
            .prop_map(Step::Answer),
        2 => onboard(),
        1 => (0..3_u8, 0..3_u8).prop_map(|(card, member)| Step::Link { card, member }),
        2 => (1..90_u8).prop_map(Step::Wait),
        1 => (1..3_u8).prop_map(Step::Sleep),
        1 => (0..5_u8, 1..4_u8, any::<bool>())
            .prop_map(|(day, limit, only_known)| Step::Purge { day, limit, only_known }),
    ]
}

fn onboard() -> impl Strategy<Value = Step> {
    let hour = || prop::option::of(0..20_u8);
    (
        0..2_u8,
        0..2_u8,
        0..2_u8,
        prop::bool::weighted(0.7),
        hour(),
        hour(),
    )
        .prop_map(|(mid, scheme, place, add, from, until)| Step::Onboard {
            mid,
            scheme,
            place,
            add,
            from,
            until,
        })
}

fn import() -> impl Strategy<Value = Step> {
    let records = prop::collection::vec(record(), 0..7);
    (0..3_u8, 0..4_u8, 0..2_u8, records, any::<bool>()).prop_map(
        |(feed, file, holder, records, ends)| Step::Import {
            feed,
            file,
            holder,
            records,
            ends,
        },
    )
}

fn push() -> impl Strategy<Value = Step> {
    let key = prop_oneof![2 => Just(None), 1 => (0..6_u8).prop_map(Some)];
    let request = (key, prop::collection::vec(record(), 0..4));
    (0..3_u8, prop::collection::vec(request, 1..4))
        .prop_map(|(feed, requests)| Step::Push { feed, requests })
}

fn record() -> impl Strategy<Value = Record> {
    let refused = prop_oneof![8 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (0..8_u8, 0..3_u8, 0..5_u8, 0..3_u8, refused).prop_map(|(name, amount, when, till, refused)| {
        Record {
            name,
            amount,
            when,
            till,
            refused,
        }
    })
}

fn decide() -> impl Strategy<Value = Step> {
    let pairs = prop::collection::vec(any::<(u8, u8)>(), 0..4);
    let open = prop::collection::vec((any::<u8>(), 0..7_u8), 0..3);
    (lease(), pairs, open, end()).prop_map(|(lease, pairs, open, end)| Step::Decide {
        lease,
        pairs,
        open,
        end,
    })
}

fn deliver() -> impl Strategy<Value = Step> {
    let deliveries = prop::collection::vec((any::<u8>(), 0..9_u8), 0..3);
    (lease(), deliveries, end()).prop_map(|(lease, deliveries, end)| Step::Deliver {
        lease,
        deliveries,
        end,
    })
}

/// Counted from the newest, so that leases that still hold are taken often enough.
fn lease() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![Just(None), (0..6_u8).prop_map(Some)]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Keep), Just(End::Done), Just(End::Again)]
}
