//! What every part of a commit writes with: its transaction, the numbers it takes, what it learns.

use super::Shared;
use super::connection::Session;
use super::failure::Failure;
use super::months::Month;
use super::sql;
use compact_str::CompactString;
use harmonia_core::changes::{JobEnd, Placed};
use harmonia_core::ids::{MatchGroup, SchemeId, Slug};
use harmonia_core::time::Instant;
use harmonia_core::transaction::FeedType;
use harmonia_journey::ports::{Lease, Turn};
use hashbrown::{HashMap, HashSet};
use std::ops::RangeInclusive;
use uuid::Uuid;

/// A commit being made.
pub struct Work<'a> {
    pub shared: &'a Shared,
    pub session: Session<'a>,
    /// Its stamp.
    pub at: Instant,
    /// The month of which the raw records and attempts that it writes are.
    pub month: Month,
    /// Whether what comes may be known: then it is looked up before it is written. Else it is
    /// written, and should it be known the commit is made anew, with care.
    pub careful: bool,
    /// Blocks of numbers that were taken.
    pub taken: Vec<Block>,
    /// What may be remembered once it is durable.
    pub learnt: Known,
    /// Feeds whose records were all new, or not, in this commit.
    pub feeds: Vec<(i64, bool)>,
    pub given: Given,
    /// Whose turn is before its own.
    pub turn: &'a Turn,
    /// What is to be done when its turn comes; nothing once that is done.
    pub pending: Option<Pending>,
}

/// By what a commit is fenced.
pub struct Pending {
    pub lease: Lease,
    pub end: JobEnd,
    /// Its mark.
    pub token: Uuid,
}

/// What a commit leaves, however it ends.
pub struct Traces {
    pub taken: Vec<Block>,
    pub learnt: Known,
    pub feeds: Vec<(i64, bool)>,
}

/// A block of numbers.
pub struct Block {
    pub kind: &'static str,
    pub first: i64,
    pub count: i64,
}

/// The ids that a commit gave out.
#[derive(Default)]
pub struct Given {
    pub match_group: Option<MatchGroup>,
    /// Rows whose numbers were given out when their records were kept are among these too.
    pub payments: Vec<Placed>,
    pub sales: Vec<Placed>,
    pub exports: Option<RangeInclusive<i64>>,
}

/// The lists of MIDs of a scheme, each with its row and whether any of its sales is known only to the
/// day.
pub type Lists = HashMap<Vec<CompactString>, (i64, bool)>;

/// What is remembered of rows that never change, so that it need not be asked for with each record.
#[derive(Default)]
pub struct Known {
    pub feeds: HashMap<(Slug, FeedType), i64>,
    pub mid_sets: HashMap<SchemeId, Lists>,
    /// Months whose parts are made.
    pub months: HashSet<Month>,
}

/// At most so many MID lists are remembered.
const REMEMBERED_SETS: usize = 100_000;

impl Known {
    /// Remembers more.
    pub fn learn(&mut self, more: Self) {
        self.feeds.extend(more.feeds);
        self.months.extend(more.months);
        if self.mid_sets.values().map(HashMap::len).sum::<usize>() >= REMEMBERED_SETS {
            self.mid_sets.clear();
        }
        for (scheme, lists) in more.mid_sets {
            self.mid_sets.entry(scheme).or_default().extend(lists);
        }
    }
}

impl<'a> Work<'a> {
    /// In a transaction, which is committed in a turn.
    pub fn new(shared: &'a Shared, session: Session<'a>, at: Instant, turn: &'a Turn) -> Self {
        Self {
            shared,
            session,
            at,
            month: Month::REST,
            careful: false,
            taken: Vec::new(),
            learnt: Known::default(),
            feeds: Vec::new(),
            given: Given::default(),
            turn,
            pending: None,
        }
    }

    /// The transaction, and what its end decides on.
    pub fn part(self) -> (Session<'a>, Traces) {
        let traces = Traces {
            taken: self.taken,
            learnt: self.learnt,
            feeds: self.feeds,
        };
        (self.session, traces)
    }

    /// Takes so many numbers, which are this commit's; returns the first.
    pub async fn take(&mut self, kind: &'static str, count: usize) -> Result<i64, Failure> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&kind, &count];
        let first = self.session.value(sql::numbers::take, &values).await?;
        self.taken.push(Block { kind, first, count });
        Ok(first)
    }

    /// Takes the numbers of raw records, in the turn of this commit: they are in the order of their
    /// records.
    pub async fn take_raw(&mut self, count: usize) -> Result<i64, Failure> {
        self.turn.to_take_numbers().await;
        let first = match count {
            0 => 0,
            count => self.take("import_transaction", count).await?,
        };
        self.turn.took_numbers();
        Ok(first)
    }

    /// Tells readers that what they remember under a name no longer holds.
    pub async fn revise(&self, name: &str) -> Result<(), Failure> {
        self.session.execute(sql::mid::revise, &[&name]).await?;
        Ok(())
    }

    /// The number that the next raw record will have, for as long as nobody takes it.
    pub async fn next_raw(&self) -> Result<i64, Failure> {
        self.session.value(sql::numbers::next_raw, &[]).await
    }
}
