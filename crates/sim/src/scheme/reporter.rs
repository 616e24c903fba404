//! Reports a scheme's purchases: to every feed, and to the truth.

use super::books::{Books, FeedFile, Place};
use super::estate::Estate;
use super::field::{Field, Record};
use super::merchants::Scheme;
use super::names::Ids;
use super::networks::NETWORKS;
use super::purchase::{Paid, Purchase, Sale, Which, feed_of};
use super::wallet::Wallet;
use crate::clerk::{TRUTH_HEADER, Tally};
use crate::fault::Fault;
use crate::label::Label;
use crate::options::Options;
use crate::output::LazyDraft;
use crate::random::{Random, Stream};
use crate::world::WORST_SKEW_US;
use compact_str::CompactString;
use harmonia_core::time::{Instant, SECOND_US};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Write};

/// How long after its time a record may be sent again, in seconds.
const LATEST_RESENDING_SECONDS: i64 = 600;

/// Writes all reports.
pub(super) struct Reporter<'a, W: Write> {
    scheme: &'static Scheme,
    estate: &'a Estate,
    wallet: &'a Wallet,
    ids: Ids,
    random: Random,
    books: Books,
    /// Whether networks that have an older file write it too.
    has_older: bool,
    truth: csv::Writer<W>,
    tally: Tally,
}

/// A record on its way, and what the truth says of it.
struct Report {
    place: Place,
    at: Instant,
    record: String,
    /// The same in the network's older file, if it has one.
    older: Option<(Place, String)>,
    /// The id as it is stored.
    id: CompactString,
}

impl<'a, W: Write> Reporter<'a, W> {
    pub(super) fn new(
        scheme: &'static Scheme,
        (estate, wallet): (&'a Estate, &'a Wallet),
        ids: Ids,
        options: &Options,
        books: Books,
        truth: W,
    ) -> io::Result<Self> {
        let mut truth = csv::Writer::from_writer(truth);
        truth.write_record(TRUTH_HEADER)?;
        Ok(Self {
            scheme,
            estate,
            wallet,
            ids,
            random: Random::new(options.seed, Stream::Records),
            books,
            has_older: options.older_files,
            truth,
            tally: Tally::default(),
        })
    }

    /// Reports one purchase, made no earlier than the one before.
    pub(super) fn report(&mut self, purchase: &Purchase) -> io::Result<()> {
        let sale = purchase.sale.as_ref().map(|sale| self.sale(purchase, sale));
        let payments = self.payments(purchase);
        self.tell_truth(purchase, &payments, sale.as_ref())?;
        let reports: Vec<Report> = payments.into_iter().chain(sale).collect();
        self.send(purchase.fault, reports);
        self.books.write_until(purchase.at.plus(-WORST_SKEW_US))
    }

    /// Writes what is left; gives the feeds and what was reported in all.
    pub(super) fn finish(mut self) -> io::Result<(Vec<(FeedFile, LazyDraft)>, Tally)> {
        self.truth.flush()?;
        Ok((self.books.finish()?, self.tally))
    }

    fn tell_truth(
        &mut self,
        purchase: &Purchase,
        payments: &[Report],
        sale: Option<&Report>,
    ) -> io::Result<()> {
        let fault = purchase.fault;
        let sale_id = sale.map_or("", |sale| &sale.id);
        for (paid, report) in purchase.paid.iter().zip(payments) {
            // What goes back is for no sale.
            let sale_id = if paid.which == Which::Refund {
                ""
            } else {
                sale_id
            };
            let label = if sale_id.is_empty() {
                Label::of(fault)
            } else {
                let decidable = paid.decidable;
                Label { fault, decidable }
            };
            self.truth
                .write_record([&report.id, sale_id, &label.text()])?;
        }
        if payments.is_empty() {
            let label = Label::of(fault).text();
            self.truth.write_record(["", sale_id, &label])?;
        }
        let all_decidable = || {
            let mut paid = purchase.paid.iter();
            paid.all(|paid| paid.decidable || paid.which == Which::Refund)
        };
        let counts = (payments.len() as u64, sale.is_some());
        self.tally.count_purchase(fault, counts, all_decidable());
        Ok(())
    }

    /// Puts the reports into their feeds; one of them twice, if that is the fault.
    fn send(&mut self, fault: Option<Fault>, reports: Vec<Report>) {
        let again = (fault == Some(Fault::Duplicate))
            .then(|| self.random.below(reports.len() as u64) as usize);
        let later = self.random.between(1, LATEST_RESENDING_SECONDS) * SECOND_US;
        for (index, report) in reports.into_iter().enumerate() {
            let Report {
                place,
                at,
                record,
                older,
                ..
            } = report;
            // Drawn once: an older file beside them changes nothing in the others.
            let resent = (again == Some(index)).then(|| self.random.number());
            let number = self.random.number();
            for (place, record) in [Some((place, record)), older].into_iter().flatten() {
                if let Some(number) = resent {
                    self.books
                        .add(place, at.plus(later), number, record.clone());
                }
                self.books.add(place, at, number, record);
            }
        }
    }

    /// The payments of a purchase: those that are one payment have one id.
    fn payments(&mut self, purchase: &Purchase) -> Vec<Report> {
        let short = NETWORKS[purchase.network].settled.short_ids;
        let mut id = CompactString::default();
        let mut reports = Vec::with_capacity(purchase.paid.len());
        for paid in &purchase.paid {
            if matches!(paid.which, Which::Auth | Which::SettledToo) {
                let given = self.ids.payment(short);
                if paid.which == Which::SettledToo {
                    reports.push(self.payment(purchase, paid, &given));
                    continue;
                }
                id = given;
            }
            reports.push(self.payment(purchase, paid, &id));
        }
        reports
    }

    fn payment(&self, purchase: &Purchase, paid: &Paid, id: &str) -> Report {
        let feed = feed_of(purchase.network, paid.which);
        let record = Record {
            code: paid.code,
            amount_minor: paid.amount_minor,
            authorised_minor: paid.authorised_minor,
            at: paid.at,
            wall: paid.wall,
            ..self.blank(purchase, purchase.shop, id)
        };
        let mut stored = CompactString::from(id);
        if feed.short_ids {
            // Unique only within a day, so the day is part of it.
            let _ = write!(stored, "_{}", Field::Time("%Y%m%d").text(&record));
        }
        let older = NETWORKS[purchase.network].older.as_ref();
        let is_settled = matches!(paid.which, Which::Settled | Which::SettledToo);
        let older = older.filter(|_| is_settled && self.has_older).map(|feed| {
            let place = Place::Older(purchase.network);
            (place, feed.format.record(&record))
        });
        Report {
            place: Place::Network(purchase.network, paid.which),
            at: purchase.at,
            record: feed.format.record(&record),
            older,
            id: stored,
        }
    }

    fn sale(&mut self, purchase: &Purchase, sale: &Sale) -> Report {
        let id = self.ids.sale();
        let till = self.scheme.till.as_ref();
        let words = till.map_or(&[][..], |till| till.card_words[purchase.network]);
        let word = self.random.rather_small(words.len() as u64) as usize;
        let record = Record {
            code: sale.code,
            card_word: words.get(word).copied().unwrap_or_default(),
            amount_minor: sale.amount_minor,
            gratuity_minor: sale.gratuity_minor,
            at: sale.at,
            wall: sale.wall,
            ..self.blank(purchase, sale.shop, &id)
        };
        let late = purchase.fault == Some(Fault::LateFeed);
        Report {
            place: if late { Place::Late } else { Place::Till },
            at: sale.at,
            record: till.map_or_else(String::new, |till| till.format.record(&record)),
            older: None,
            id: match till.map_or(&[][..], |till| till.hashed_id) {
                [] => id.clone(),
                parts => hashed(parts, &record),
            },
        }
    }

    /// What all records of a purchase in a shop have in common.
    fn blank<'r>(&self, purchase: &Purchase, shop: crate::shops::Shop, id: &'r str) -> Record<'r> {
        let network = &NETWORKS[purchase.network];
        let (first_six, last_four) = self.wallet.digits(purchase.card);
        Record {
            id,
            mid: self.estate.mid(network, shop),
            secondary_mid: self.estate.secondary_mid(network, shop),
            psimi: self.estate.psimi(network, shop),
            location: self.estate.location(shop),
            token: self.wallet.token(purchase.card),
            first_six,
            last_four,
            card_word: "",
            code: None,
            amount_minor: 0,
            authorised_minor: 0,
            gratuity_minor: 0,
            at: purchase.at,
            wall: harmonia_core::time::WallClock(purchase.at.0),
        }
    }
}

/// Hex SHA-256 of these fields with points between.
fn hashed(parts: &[Field], record: &Record<'_>) -> CompactString {
    let texts: Vec<String> = parts.iter().map(|part| part.text(record)).collect();
    let mut hex = CompactString::default();
    for byte in Sha256::digest(texts.join(".").as_bytes()) {
        // Writing into memory cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
