//! The world of a real scheme: its tills' feed, and the three feeds of each card network, all in
//! their own bytes, about the same purchases.
//!
//! 1. `visits` says when, `trade` what (a `purchase`): a shop, a card, an amount and a [`Fault`]
//!    (`mishap`), so that no payment can be taken for another purchase's by the scheme's `rule`;
//! 2. `reporter` gives ids and tells every feed and the truth; `books` holds the files;
//! 3. a record's bytes come from descriptions (`merchants`, `networks`) of what is in each `field`,
//!    by whose clock (`clocks`), and from one writer for each family of formats (`format`).
//!
//! What is where (`estate`), who pays with what (`wallet`) and what it is called (`names`) follows
//! from numbers and is not held.

mod books;
mod clocks;
mod estate;
mod field;
mod format;
mod merchants;
mod mishap;
mod names;
mod networks;
mod purchase;
mod reporter;
mod rule;
mod trade;
mod visits;
mod wallet;

pub use books::FeedFile;

use crate::clerk::Tally;
use crate::fault::Fault;
use crate::generate::{GenerateError, PROGRESS_EVERY, check};
use crate::options::Options;
use crate::output::{Draft, LazyDraft};
use books::Books;
use clocks::Clocks;
use estate::Estate;
use harmonia_core::time::Day;
use merchants::{SCHEMES, Scheme};
use names::{Ids, Names};
use networks::NETWORKS;
use reporter::Reporter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trade::Trade;
use wallet::Wallet;

/// What was generated of a real scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemeSummary {
    /// The scheme.
    pub scheme: String,
    /// The card networks that its customers pay with.
    pub providers: Vec<String>,
    /// Purchases made.
    pub purchases: u64,
    /// Payments reported: rows of the truth that have one. What was sent twice counts once, but
    /// authorisation, settlement and refund are three.
    pub payments: u64,
    /// Sales reported; one that was sent twice counts once.
    pub sales: u64,
    /// Purchases that both sides reported.
    pub true_pairs: u64,
    /// Those among them that the scheme's rule should match, from authorisation and settlement
    /// alike.
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
    /// The feeds' files.
    pub feeds: Vec<FeedFile>,
    /// What `harmonia mids import` takes.
    pub mids_file: PathBuf,
    /// What `harmonia cards import` takes.
    pub cards_file: PathBuf,
    /// What [`Truth::load`](crate::Truth::load) takes.
    pub truth_file: PathBuf,
}

/// The slugs of all schemes that [`generate_scheme`] knows.
pub fn scheme_slugs() -> impl Iterator<Item = &'static str> {
    SCHEMES.iter().map(|scheme| scheme.slug)
}

/// The slugs of all card networks that [`generate_scheme`] knows.
pub fn provider_slugs() -> impl Iterator<Item = &'static str> {
    NETWORKS.iter().map(|network| network.slug)
}

/// Makes the world of a scheme whose customers pay by these networks, and writes it down under
/// `out_dir`, which is created if need be. Each feed has a folder of its name: the scheme with
/// `sales-<seed>` and, of what comes late, `sales-<seed>-late`; of each network those of
/// authorisations and settlements with `payments-<seed>`, and that of refunds, if there are any,
/// with `refunds-<seed>`; where older files are wanted and a network has one, its settlements once more
/// with `payments-<seed>`. Beside them are `mids.csv`, `cards.csv` and `truth.csv`. Files of these
/// names are replaced.
///
/// All appear when all are complete, the feeds last. `progress` is told the number of purchases
/// made, now and then and at the end.
///
/// # Errors
/// [`GenerateError`]: an unknown scheme or network, options that contradict themselves, or a file
/// that cannot be written.
pub fn generate_scheme(
    scheme: &str,
    providers: &[String],
    options: &Options,
    out_dir: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<SchemeSummary, GenerateError> {
    let last_day = check(options)?;
    let scheme = merchants::scheme(scheme).ok_or_else(|| unknown_scheme(scheme))?;
    let networks = networks_of(providers)?;
    let clocks = Clocks::new().map_err(GenerateError::Clock)?;
    let names = Names::new(scheme.letter, options.seed);
    let world = World {
        scheme,
        options,
        clocks,
        names,
        estate: Estate::new(scheme, names, options.purchases, options.seed),
        wallet: Wallet::new(names, options.seed, options.purchases, networks),
        made: format!("{}060000", last_day.to_string().replace('-', "")),
    };
    let mut drafts = Drafts::create(out_dir)?;
    let networks = world.wallet.networks();
    let mids = world.estate.write_csv(networks, &mut drafts.mids)?;
    world.wallet.write_csv(scheme, &mut drafts.cards)?;
    let (feeds, tally) = world.report_all(out_dir, &mut drafts.truth, progress)?;
    let summary = SchemeSummary {
        scheme: scheme.slug.to_owned(),
        providers: networks
            .iter()
            .map(|place| NETWORKS[*place].slug.to_owned())
            .collect(),
        purchases: tally.purchases,
        payments: tally.payments,
        sales: tally.sales,
        true_pairs: tally.true_pairs,
        decidable_pairs: tally.decidable_pairs,
        faults: tally.faults,
        mids,
        cards: world.wallet.linked(),
        first_day: options.first_day,
        last_day,
        feeds: feeds.iter().map(|(file, _)| file.clone()).collect(),
        mids_file: drafts.mids.path().into(),
        cards_file: drafts.cards.path().into(),
        truth_file: drafts.truth.path().into(),
    };
    drafts.publish(feeds)?;
    Ok(summary)
}

/// All that a world is made of.
struct World<'a> {
    scheme: &'static Scheme,
    options: &'a Options,
    clocks: Clocks,
    names: Names,
    estate: Estate,
    wallet: Wallet,
    /// When its files say that they were made.
    made: String,
}

impl World<'_> {
    fn report_all(
        &self,
        out_dir: &Path,
        truth: &mut Draft,
        progress: &mut dyn FnMut(u64),
    ) -> std::io::Result<(Vec<(FeedFile, LazyDraft)>, Tally)> {
        let (scheme, options) = (self.scheme, self.options);
        let networks = self.wallet.networks();
        let mut reporter = Reporter::new(
            scheme,
            (&self.estate, &self.wallet),
            Ids::new(self.names, options.ids),
            options,
            Books::new(
                out_dir,
                options.seed,
                scheme,
                networks,
                options.older_files,
                &self.made,
            ),
            truth,
        )?;
        let trade = Trade::new(scheme, options, &self.clocks, &self.estate, &self.wallet);
        for (made, purchase) in (1_u64..).zip(trade) {
            reporter.report(&purchase)?;
            if made % PROGRESS_EVERY == 0 {
                progress(made);
            }
        }
        progress(options.purchases);
        reporter.finish()
    }
}

/// The files in the making that are no feeds.
struct Drafts {
    mids: Draft,
    cards: Draft,
    truth: Draft,
}

impl Drafts {
    fn create(out_dir: &Path) -> std::io::Result<Self> {
        let draft = |place: &str| Draft::create(out_dir, Path::new(place));
        Ok(Self {
            mids: draft("mids.csv")?,
            cards: draft("cards.csv")?,
            truth: draft("truth.csv")?,
        })
    }

    /// The feeds last: who waits for one finds everything else in place.
    fn publish(self, feeds: Vec<(FeedFile, LazyDraft)>) -> std::io::Result<()> {
        let Self { mids, cards, truth } = self;
        [mids, cards, truth]
            .into_iter()
            .try_for_each(Draft::publish)?;
        let mut feeds = feeds.into_iter();
        feeds.try_for_each(|(_, draft)| draft.publish())
    }
}

fn unknown_scheme(slug: &str) -> GenerateError {
    GenerateError::UnknownName {
        kind: "scheme",
        name: slug.to_owned(),
        known: scheme_slugs().collect::<Vec<_>>().join(", "),
    }
}

/// The places of these networks among all, each once.
fn networks_of(providers: &[String]) -> Result<Vec<usize>, GenerateError> {
    let unknown = |slug: &str| GenerateError::UnknownName {
        kind: "payment provider",
        name: slug.to_owned(),
        known: provider_slugs().collect::<Vec<_>>().join(", "),
    };
    let place = |slug: &String| {
        let found = provider_slugs().position(|known| known == slug);
        found.ok_or_else(|| unknown(slug))
    };
    let mut places = providers.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return Err(unknown(""));
    }
    Ok(places)
}
