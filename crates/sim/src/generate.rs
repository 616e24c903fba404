//! From options to files: the estate, then every purchase, then all files at once.

use crate::cards::Cards;
use crate::clerk::{Clerk, Reports, Tally};
use crate::fault::Fault;
use crate::options::Options;
use crate::output::Draft;
use crate::shops::Shops;
use crate::world::World;
use crate::{PAYMENT_PROVIDER, SCHEME};
use harmonia_core::time::Day;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Purchases between two calls of a progress function.
pub(crate) const PROGRESS_EVERY: u64 = 10_000;

/// What was generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Purchases made.
    pub purchases: u64,
    /// Payments reported; one that was sent twice counts once.
    pub payments: u64,
    /// Sales reported; one that was sent twice counts once.
    pub sales: u64,
    /// Records in the payment feed.
    pub payment_records: u64,
    /// Records in the sales feed.
    pub sale_records: u64,
    /// Purchases that both sides reported.
    pub true_pairs: u64,
    /// Those among them that the scheme's rule should match: [`Fault::is_decidable`].
    pub decidable_pairs: u64,
    /// How many purchases have each fault; those that none has are absent.
    pub faults: BTreeMap<Fault, u64>,
    /// Rows of `mids.csv`.
    pub mids: u64,
    /// Rows of `cards.csv`.
    pub cards: u64,
    /// First day of trade (UTC).
    pub first_day: Day,
    /// Last day of trade (UTC).
    pub last_day: Day,
    /// Where it all is.
    pub files: Files,
}

/// Where the generated files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The feed of the payment provider.
    pub payments: PathBuf,
    /// The feed of the loyalty scheme.
    pub sales: PathBuf,
    /// What `harmonia mids import` takes.
    pub mids: PathBuf,
    /// What `harmonia cards import` takes.
    pub cards: PathBuf,
    /// What [`Truth::load`](crate::Truth::load) takes.
    pub truth: PathBuf,
}

/// Why nothing was generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The rates of all faults add up to more than a million in a million.
    #[error(
        "faults are asked for in {total_per_million} of a million purchases: a purchase has at \
         most one, so lower their rates"
    )]
    TooManyFaults {
        /// The sum of all rates.
        total_per_million: u64,
    },
    /// No day to trade on, or the calendar ends before the last.
    #[error("{days} days from {first_day} on cannot be traded on: take at least one, before 10000")]
    NoSuchDays {
        /// The first day asked for.
        first_day: Day,
        /// The number of days asked for.
        days: u32,
    },
    /// No scheme or payment provider is called so.
    #[error("there is no {kind} {name:?} to generate: take {known}")]
    UnknownName {
        /// What it was to be.
        kind: &'static str,
        /// The name asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A fault was asked for that cannot befall the example scheme.
    #[error(
        "the fault {0} is none of the example scheme's, whose feeds have no auth and no auth codes: \
         ask for a real scheme"
    )]
    NotOfTheExample(Fault),
    /// The time zone database lacks a zone.
    #[error("a feed's clock cannot be told: {0}")]
    Clock(String),
    /// A file could not be written; the message names it. No file is left half-written.
    #[error("the generated files cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Makes a world and writes it down under `out_dir`, which is created if need be:
/// `example-loyalty-scheme/sales-<seed>.dat`, `example-payment-provider/payments-<seed>.dat`,
/// `mids.csv`, `cards.csv` and `truth.csv`. Files of these names are replaced.
///
/// All appear when all are complete, the feeds last. `progress` is told the number of purchases
/// made, now and then and at the end.
///
/// # Errors
/// [`GenerateError`]: options that contradict themselves, or a file that cannot be written.
pub fn generate(
    options: &Options,
    out_dir: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, GenerateError> {
    let last_day = check(options)?;
    check_example(options)?;
    let shops = Shops::new(options.purchases, options.seed);
    let cards = Cards::new(options.purchases, options.seed);
    let mut drafts = Drafts::create(out_dir, options.seed)?;
    shops.write_csv(&mut drafts.mids)?;
    cards.write_csv(&mut drafts.cards)?;
    let tally = report_all(options, &shops, &cards, &mut drafts, progress)?;
    let files = drafts.files();
    drafts.publish()?;
    Ok(Summary {
        purchases: tally.purchases,
        payments: tally.payments,
        sales: tally.sales,
        payment_records: tally.payment_records,
        sale_records: tally.sale_records,
        true_pairs: tally.true_pairs,
        decidable_pairs: tally.decidable_pairs,
        faults: tally.faults,
        mids: shops.onboarded() as u64,
        cards: cards.linked(),
        first_day: options.first_day,
        last_day,
        files,
    })
}

/// The last day of trade, if these options make a world.
pub(crate) fn check(options: &Options) -> Result<Day, GenerateError> {
    if !options.faults.are_possible() {
        let total_per_million = options.faults.total_per_million();
        return Err(GenerateError::TooManyFaults { total_per_million });
    }
    let Options {
        first_day, days, ..
    } = *options;
    options
        .last_day()
        .ok_or(GenerateError::NoSuchDays { first_day, days })
}

/// The example knows the first eight faults only.
fn check_example(options: &Options) -> Result<(), GenerateError> {
    let mut others = Fault::ALL.into_iter().skip(Fault::OF_THE_EXAMPLE.len());
    match others.find(|fault| options.faults.per_million(*fault) > 0) {
        Some(fault) => Err(GenerateError::NotOfTheExample(fault)),
        None => Ok(()),
    }
}

fn report_all(
    options: &Options,
    shops: &Shops,
    cards: &Cards,
    drafts: &mut Drafts,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Tally> {
    let Drafts {
        payments,
        sales,
        truth,
        ..
    } = drafts;
    let mut clerk = Clerk::new(
        options,
        shops,
        Reports {
            payments,
            sales,
            truth,
        },
    )?;
    for (made, purchase) in (1_u64..).zip(World::new(options, shops, cards)) {
        clerk.report(&purchase)?;
        if made % PROGRESS_EVERY == 0 {
            progress(made);
        }
    }
    progress(options.purchases);
    clerk.finish()
}

/// The files in the making.
struct Drafts {
    payments: Draft,
    sales: Draft,
    mids: Draft,
    cards: Draft,
    truth: Draft,
}

impl Drafts {
    fn create(out_dir: &Path, seed: u64) -> io::Result<Self> {
        let draft = |place: &str| Draft::create(out_dir, Path::new(place));
        Ok(Self {
            payments: draft(&format!("{PAYMENT_PROVIDER}/payments-{seed}.dat"))?,
            sales: draft(&format!("{SCHEME}/sales-{seed}.dat"))?,
            mids: draft("mids.csv")?,
            cards: draft("cards.csv")?,
            truth: draft("truth.csv")?,
        })
    }

    fn files(&self) -> Files {
        Files {
            payments: self.payments.path().into(),
            sales: self.sales.path().into(),
            mids: self.mids.path().into(),
            cards: self.cards.path().into(),
            truth: self.truth.path().into(),
        }
    }

    /// The feeds last: who waits for one finds everything else in place.
    fn publish(self) -> io::Result<()> {
        let Self {
            payments,
            sales,
            mids,
            cards,
            truth,
        } = self;
        [mids, cards, truth, sales, payments]
            .into_iter()
            .try_for_each(Draft::publish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultRates;

    fn refusal(options: &Options) -> String {
        let folder = tempfile::tempdir().unwrap();
        let error = generate(options, folder.path(), &mut |_| ()).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        error.to_string()
    }

    #[test]
    fn options_that_contradict_themselves_are_refused() {
        let faults = FaultRates::default().with(Fault::NoSale, 1_000_000);
        let too_many = refusal(&Options {
            faults,
            ..Options::new(10, 1)
        });
        assert!(too_many.contains("1048000 of a million"), "{too_many}");
        let no_day = refusal(&Options {
            days: 0,
            ..Options::new(10, 1)
        });
        assert!(no_day.starts_with("0 days from 2026-06-01"), "{no_day}");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cards.csv")).unwrap();
        let error = generate(&Options::new(10, 1), folder.path(), &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("cards.csv: "), "{error}");
    }

    #[test]
    fn progress_is_told_and_ends_with_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut told = Vec::new();
        generate(&Options::new(25_000, 1), folder.path(), &mut |made| {
            told.push(made)
        })
        .unwrap();
        assert_eq!(told, [10_000, 20_000, 25_000]);
    }
}
