//! The files of a scheme's world in the making: one for each feed.

use super::merchants::Scheme;
use super::networks::{NETWORKS, PaymentFeed};
use super::purchase::Which;
use crate::ordered::{Frame, Ordered};
use crate::output::LazyDraft;
use harmonia_core::time::Instant;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// A feed's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedFile {
    /// The feed, as the command line names it.
    pub feed: String,
    /// Where its file is.
    pub path: PathBuf,
    /// How many records it has.
    pub records: u64,
}

/// A feed's file in the making.
struct Book {
    feed: &'static str,
    records: Ordered<LazyDraft, String>,
}

/// All of them: the till's, what the till reports late, and of each network three and an older one.
pub(super) struct Books {
    till: Option<Book>,
    late: Option<Book>,
    networks: Vec<[Option<Book>; 4]>,
}

/// Which file.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Till,
    Late,
    Network(usize, Which),
    /// The older file of a network's settlements.
    Older(usize),
}

impl Books {
    /// The files of a world that so many networks, by their places, report to. `made` is when they
    /// say that they were made.
    pub(super) fn new(
        out_dir: &Path,
        seed: u64,
        scheme: &Scheme,
        networks: &[usize],
        has_older: bool,
        made: &str,
    ) -> Self {
        let book = |feed: &'static str, name: String, frame: Frame<String>| Book {
            feed,
            records: Ordered::new(LazyDraft::new(out_dir, format!("{feed}/{name}")), frame),
        };
        let till = |suffix: &str| {
            let till = scheme.till.as_ref()?;
            let name = format!("sales-{seed}{suffix}.{}", till.extension);
            Some(book(scheme.slug, name, till.format.frame(made)))
        };
        let payments = |feed: &'static PaymentFeed, kind: &str| {
            let name = format!("{kind}-{seed}.{}", feed.extension);
            Some(book(feed.name, name, feed.format.frame(made)))
        };
        let of_network = |place: usize| {
            let network = &NETWORKS[place];
            [
                payments(&network.auth, "payments"),
                payments(&network.settled, "payments"),
                network
                    .refund
                    .as_ref()
                    .and_then(|feed| payments(feed, "refunds")),
                network
                    .older
                    .as_ref()
                    .filter(|_| has_older)
                    .and_then(|feed| payments(feed, "payments")),
            ]
        };
        let mut books = Self {
            till: till(""),
            late: till("-late"),
            networks: NETWORKS.iter().map(|_| [const { None }; 4]).collect(),
        };
        for place in networks {
            books.networks[*place] = of_network(*place);
        }
        books
    }

    /// Puts a record into a file, where its time says.
    pub(super) fn add(&mut self, place: Place, at: Instant, number: u64, record: String) {
        let book = match place {
            Place::Till => &mut self.till,
            Place::Late => &mut self.late,
            Place::Network(network, which) => {
                let feed = match which {
                    Which::Auth => 0,
                    Which::Settled | Which::SettledToo => 1,
                    Which::Refund => 2,
                };
                &mut self.networks[network][feed]
            }
            Place::Older(network) => &mut self.networks[network][3],
        };
        if let Some(book) = book {
            book.records.add(at, number, record);
        }
    }

    /// Writes all records from before `moment`; none so early may be added later.
    pub(super) fn write_until(&mut self, moment: Instant) -> io::Result<()> {
        let tills = self.till.iter_mut().chain(&mut self.late);
        let mut books = tills.chain(self.networks.iter_mut().flatten().flatten());
        books.try_for_each(|book| book.records.write_until(moment))
    }

    /// Writes what is left. A file without a record is left out: no feed takes an empty one.
    pub(super) fn finish(self) -> io::Result<Vec<(FeedFile, LazyDraft)>> {
        let tills = self.till.into_iter().chain(self.late);
        let books = tills.chain(self.networks.into_iter().flatten().flatten());
        let wanted = books.filter(|book| book.records.count() > 0);
        wanted
            .map(|book| {
                let feed = book.feed.to_owned();
                let (records, draft) = book.records.finish()?;
                let path = draft.path();
                Ok((
                    FeedFile {
                        feed,
                        path,
                        records,
                    },
                    draft,
                ))
            })
            .collect()
    }
}
